"""SFTP: parcels and receipts as files on a server that the recipient names on its card.

    <path>/in/333-<sha256>.sealed       from 333: sealed messages, one a line
    <path>/in/333-<sha256>.taken        the same, while its owner works on it
    <path>/out/333-<sha256>.receipts    for 333: the receipts for that file, one a line, in the same order
    <path>/archive/333-<sha256>.sealed  what its owner has; only where there is a folder of this name
    .<sha256>.part                      not yet whole

A file is written under a hidden name, then renamed, so nobody sees a half of one (`sftp_files` has the ways round
servers that cannot). Its name is made of the digest of what stands in it and of nothing that a message says, so the
same bundle twice is one file. Names that are not ours are left alone, and said.
"""

import asyncio
import re
import socket
import stat
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncssh

from adapters import ssh
from adapters.deferred import PutOff
from adapters.proxy import Proxy
from adapters.route import (
    Attempt,
    Bundle,
    Found,
    HandedOver,
    Login,
    NotDone,
    NotReached,
    Parcel,
    RouteAddress,
    Strange,
    TryLater,
)
from adapters.safe_addresses import CarefulResolver
from adapters.sftp_files import (
    CLAIM,
    LIST,
    LOST,
    MAX_BYTES,
    MOST_SETTLING,
    REMOVE,
    compute_digest,
    explain_error,
    leave_file,
    note_action,
    read_lines,
    rename_over,
)

IN, OUT, ARCHIVE = "in", "out", "archive"
NAME = re.compile(r"(?P<stem>(?P<sender>[0-9]{3})-(?P<digest>[0-9a-f]{64}))\.(?P<kind>sealed|taken|receipts)")
PART = re.compile(r"[.]?[0-9a-f]{64}[.]part")
NOT_READ = "files that the server does not let the gateway take or read"
NOT_FINISHED = "files that are saved here, but the server does not let the gateway answer or remove them"
# Whoever began to write a file has finished by then, or never will.
STUCK_SECONDS = 3600
# What was taken and not finished by then is taken up again: doing it twice has one effect.
CLAIM_SECONDS = 600
# In one visit; a file of ours is near half a megabyte.
MOST_FILES = 20
MOST_LISTED = 10_000
# With an HTTPS try before it, below the time of a claim on a delivery (two minutes).
VISIT_SECONDS = 30


_Key = tuple[str, Login | None, str | None]


class Sftp:
    """Keeps one connection to each server open."""

    def __init__(self) -> None:
        """Nothing is opened before the first visit."""
        # Or two visits at once would each open a connection, and one be forgotten.
        self._connecting = asyncio.Lock()
        # By address, and whether it is ours.
        self._put_off: defaultdict[tuple[str, bool], PutOff[str]] = defaultdict(PutOff)
        # By address: how files are left there, as it went the last time, or each would leave one more half of itself.
        self._ways: dict[str, int] = {}
        self._open: dict[_Key, tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]] = {}

    async def deliver(self, address: RouteAddress, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        """Leave the parcels as one file."""
        bundle = b"\n".join(parcel.sealed for parcel in parcels)
        try:
            async with self._visit(address) as (server, path):
                await self._leave(
                    server, address, f"{path}/{IN}", f"{address.us}-{compute_digest(bundle)}.sealed", bundle
                )
        except NotReached as why:
            return [TryLater(str(why), code=why.short)] * len(parcels)
        return [HandedOver("on their SFTP server")] * len(parcels)

    async def check_server(self, address: RouteAddress) -> None:
        """Sign in, and look at the folder in which parcels are left."""
        async with self._visit(address) as (server, path):
            try:
                await server.stat(f"{path}/{IN}")
            except asyncssh.SFTPError as why:
                raise NotReached(explain_error(why)) from why

    async def collect(self, address: RouteAddress) -> Sequence[Found]:
        """Take what lies there for us, each under a name by which nobody else takes it; say what else lies in our
        folder.
        """
        ours = address.us == address.authority
        put_off = self._put_off[address.url, ours]
        async with self._visit(address) as (server, path):
            folder = f"{path}/{IN if ours else OUT}"
            lies = sorted(await _listed(server, folder), key=lambda entry: entry.attrs.mtime or 0)
            put_off.keep_only({_stem(_name(entry)) for entry in lies})
            names = [_name(entry) for entry in lies if _is_wanted(entry, address.us, ours, put_off)]
            # what was put off comes last: it may be put off again
            names.sort(key=lambda name: _stem(name) in put_off)
            items: list[Found] = []
            until = time.monotonic() + MOST_SETTLING
            for name in names[:MOST_FILES]:
                if taken := await _take_or_put_off(server, folder, name, put_off, until):
                    sender = name[:3] if ours else address.authority
                    items.append(Bundle(taken[0], "messages" if ours else "receipts", sender, taken[1]))
        # Elsewhere it is its owner's to look at.
        strange = sum(_is_strange(entry) for entry in lies) if ours else 0
        return [*items, *([Strange(strange)] if strange else []), *put_off.list_left()]

    async def finish(
        self, address: RouteAddress, item: Found, receipts: Sequence[str] = (), back: RouteAddress | None = None
    ) -> None:
        """Leave the receipts, then remove what they are for."""
        assert isinstance(item, Bundle)  # noqa: S101 - what is strange is left alone
        put_off = self._put_off[address.url, item.holds == "messages"]
        async with self._visit(address) as (server, path):
            try:
                if item.holds == "messages":
                    name = item.name.removesuffix(".taken") + ".receipts"
                    await self._leave(server, address, f"{path}/{OUT}", name, "\n".join(receipts).encode())
                    await _put_away(server, path, item.name)
                else:
                    with note_action(REMOVE):
                        await server.remove(f"{path}/{OUT}/{item.name}")
            except asyncssh.SFTPNoSuchFile:
                # Another process was quicker.
                pass
            except asyncssh.SFTPError as why:
                if isinstance(why, LOST):
                    raise
                put_off.add(_stem(item.name), NOT_FINISHED)
                raise NotDone(explain_error(why)) from why
        put_off.mark_handled(_stem(item.name))

    async def put_off(self, address: RouteAddress, item: Found, why: str) -> None:
        """Leave it for a while."""
        if isinstance(item, Bundle):
            self._put_off[address.url, item.holds == "messages"].add(_stem(item.name), why)

    async def close(self) -> None:
        """Close the connections."""
        while self._open:
            _, (connection, server) = self._open.popitem()
            server.exit()
            connection.close()
            await connection.wait_closed()

    async def _leave(
        self, server: asyncssh.SFTPClient, address: RouteAddress, folder: str, name: str, content: bytes
    ) -> None:
        self._ways[address.url] = await leave_file(server, folder, name, content, way=self._ways.get(address.url, 0))

    @asynccontextmanager
    async def _visit(self, address: RouteAddress) -> AsyncIterator[tuple[asyncssh.SFTPClient, str]]:
        try:
            async with asyncio.timeout(VISIT_SECONDS):
                async with self._connecting:
                    server = await self._server(address)
                yield server, urlsplit(address.url).path.rstrip("/")
        except (TimeoutError, OSError, asyncssh.Error, ValueError) as why:
            if not isinstance(why, asyncssh.SFTPError) or isinstance(why, asyncssh.SFTPConnectionLost):
                await self._forget(address)
            raise NotReached(_sentence(why)) from why

    async def _forget(self, address: RouteAddress) -> None:
        if opened := self._open.pop(_key(address), None):
            opened[0].abort()
            await opened[0].wait_closed()

    async def _server(self, address: RouteAddress) -> asyncssh.SFTPClient:
        key = _key(address)
        if key not in self._open:
            place, login = urlsplit(address.url), address.login
            if login is None or address.pin is None:
                raise NotReached(
                    "there is no login for the partner's server"
                    if login is None
                    else "there is no host key for the server"
                )
            host = await _leads_to(address, place.hostname or "")
            connection = await ssh.open_session(host, place.port or 22, login, address.pin, _get_proxy(address, host))
            self._open[key] = connection, await _start(connection)
        return self._open[key][1]


def _key(address: RouteAddress) -> _Key:
    """By what a connection is known: a newer card may pin another host key."""
    return address.url, address.login, address.pin


def carrier() -> Sftp:
    """Return the entry point."""
    return Sftp()


async def _leads_to(address: RouteAddress, host: str) -> str:
    """Where a server's name leads: to nothing inside, unless it is our own server, or our own gateway is on this
    machine too.

    What is connected to is what was judged; the host key that is pinned is the server's, under whatever name.
    """
    if address.us == address.authority:
        return host
    results = await CarefulResolver(loopback=address.loopback).resolve(host, family=socket.AF_UNSPEC)
    return results[0]["host"]


def _get_proxy(address: RouteAddress, host: str) -> Proxy | None:
    proxy = address.proxy
    named = urlsplit(address.url).hostname or ""
    if proxy is None or not proxy.carries_sftp or proxy.is_bypassed(host) or proxy.is_bypassed(named):
        return None
    return proxy


async def _start(connection: asyncssh.SSHClientConnection) -> asyncssh.SFTPClient:
    try:
        return await connection.start_sftp_client()
    except (asyncssh.ChannelOpenError, asyncssh.SFTPError) as why:
        connection.abort()
        raise NotReached("the server accepted the login, but does not offer SFTP") from why


async def _put_away(server: asyncssh.SFTPClient, path: str, name: str) -> None:
    """Its owner has it, and its receipts lie ready: keep it where there is an archive, else remove it."""
    there = False
    try:
        there = await server.isdir(f"{path}/{ARCHIVE}")
        if there:
            await rename_over(server, f"{path}/{IN}/{name}", f"{path}/{ARCHIVE}/{name.removesuffix('.taken')}.sealed")
            return
    except asyncssh.SFTPError as why:
        # Some servers answer so where there is no such folder.
        if there or isinstance(why, LOST):
            raise
    with note_action(REMOVE):
        await server.remove(f"{path}/{IN}/{name}")


async def _listed(server: asyncssh.SFTPClient, folder: str) -> list[asyncssh.SFTPName]:
    """What lies there, up to a limit: of an endless list, the rest is seen when the first have been taken away."""
    lies: list[asyncssh.SFTPName] = []
    with note_action(LIST):
        # As bytes: one name that is no text would end the list.
        async for entry in server.scandir(folder.encode()):
            lies.append(entry)
            if len(lies) == MOST_LISTED:
                break
    return lies


def _name(entry: asyncssh.SFTPName) -> str:
    name = entry.filename
    return name if isinstance(name, str) else name.decode("utf-8", "replace")


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _is_file(entry: asyncssh.SFTPName) -> bool:
    """Not every server says; one that says nothing is believed."""
    kind = stat.S_IFMT(entry.attrs.permissions or 0)
    return kind in (0, stat.S_IFREG) and entry.attrs.type in (
        asyncssh.FILEXFER_TYPE_REGULAR,
        asyncssh.FILEXFER_TYPE_UNKNOWN,
    )


def _is_wanted(entry: asyncssh.SFTPName, us: str, ours: bool, put_off: PutOff[str]) -> bool:
    match = NAME.fullmatch(_name(entry))
    if not match or not _is_file(entry) or (entry.attrs.size or 0) > MAX_BYTES or not put_off.is_due(match["stem"]):
        return False
    if not ours:
        return match["kind"] == "receipts" and match["sender"] == us
    left_lying = time.time() - (entry.attrs.mtime or 0) > CLAIM_SECONDS or match["stem"] in put_off
    return match["kind"] == "sealed" or (match["kind"] == "taken" and left_lying)


def _is_strange(entry: asyncssh.SFTPName) -> bool:
    """Neither ours nor on the way to be: another name, no file, too large, or half written for as long as nobody
    writes.
    """
    name, attrs = _name(entry), entry.attrs
    if PART.fullmatch(name):
        return time.time() - (attrs.mtime or 0) > STUCK_SECONDS
    ours = NAME.fullmatch(name) and _is_file(entry) and (attrs.size or 0) <= MAX_BYTES
    return name not in (".", "..") and not ours


async def _take_or_put_off(
    server: asyncssh.SFTPClient, folder: str, name: str, put_off: PutOff[str], until: float
) -> tuple[str, tuple[bytes, ...]] | None:
    """Take a file; one over which the server or the connection stumbles is put off, so that those behind it come."""
    try:
        return await _take(server, folder, name, until)
    except asyncssh.SFTPError as why:
        put_off.add(_stem(name), NOT_READ)
        if isinstance(why, LOST):
            raise
    except (TimeoutError, asyncio.CancelledError, OSError):
        put_off.add(_stem(name), NOT_READ)
        raise
    return None


async def _take(
    server: asyncssh.SFTPClient, folder: str, name: str, until: float
) -> tuple[str, tuple[bytes, ...]] | None:
    """Read a file, once it is ours alone: its name then, and its lines. None where another process was quicker."""
    stem, _, kind = name.rpartition(".")
    try:
        if kind == "sealed":
            name = f"{stem}.taken"
            with note_action(CLAIM):
                await server.rename(f"{folder}/{stem}.sealed", f"{folder}/{name}")
    except asyncssh.SFTPNoSuchFile:
        return None
    try:
        # The receipts for a bundle are named by the bundle.
        named = None if kind == "receipts" else stem[4:]
        return name, tuple(await read_lines(server, f"{folder}/{name}", named, until))
    except asyncssh.SFTPNoSuchFile:
        # Another process was quicker; of what we have just renamed, nobody was.
        if kind == "receipts":
            return None
        raise


def _sentence(why: BaseException) -> str:
    match why:
        case NotReached():
            return str(why)
        case asyncssh.SFTPError():
            return explain_error(why)
        case TimeoutError():
            return "the server did not answer in time"
        case socket.gaierror():
            return "the server cannot be reached: its name cannot be found"
        case _:
            return f"the server cannot be reached ({type(why).__name__})"
