"""SFTP: parcels and receipts as files on a server that the recipient names on its card.

    <path>/in/333-<sha256>.sealed       from 333: sealed messages, one a line
    <path>/in/333-<sha256>.taken        the same, while its owner works on it
    <path>/out/333-<sha256>.receipts    for 333: the receipts for that file, one a line, in the same order
    <path>/archive/333-<sha256>.sealed  what its owner has; only where there is a folder of this name
    .<sha256>.part                      not yet whole

A file is written under a hidden name, then renamed, so nobody ever sees a half of one. Its name is made of the digest of
what stands in it and of nothing that a message says, so the same bundle twice is one file. Names that are not ours are left
alone, and said.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from urllib.parse import urlsplit

import asyncssh

from adapters.route import Address, Attempt, Bundle, Found, HandedOver, Login, NotReached, Parcel, Strange, TryLater

IN, OUT, ARCHIVE = "in", "out", "archive"
NAME = re.compile(r"(?P<sender>[0-9]{3})-(?P<digest>[0-9a-f]{64})\.(?P<kind>sealed|taken|receipts)")
PART = re.compile(r"[.][0-9a-f]{64}[.]part")
STUCK_SECONDS = 3600  # whoever began to write a file has finished by then, or never will
CLAIM_SECONDS = 600  # what was taken and not finished by then is taken up again: doing it twice has one effect
MOST_FILES = 20  # in one visit; a file of ours is near half a megabyte
MOST_LISTED = 10_000
MAX_BYTES = 16_777_216  # of one file
CONNECT_SECONDS = 10
# Without strict key exchange, a third party may cut the beginning of a session that uses ChaCha20-Poly1305, or a MAC over the
# ciphertext (Terrapin, CVE-2023-48795); so neither is offered, and no MAC of SHA-1.
CIPHERS = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr")
MACS = ("hmac-sha2-512", "hmac-sha2-256")
VISIT_SECONDS = 30  # with an HTTPS try before it, below the time of a claim on a delivery (two minutes)


class Sftp:
    """Keeps one connection to each server open."""

    def __init__(self) -> None:
        """Nothing is opened before the first visit."""
        self._connecting = asyncio.Lock()  # or two visits at once would each open a connection, and one be forgotten
        self._open: dict[tuple[str, Login | None], tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]] = {}

    async def deliver(self, address: Address, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        """Leave the parcels as one file."""
        bundle = b"\n".join(parcel.sealed for parcel in parcels)
        try:
            async with self._visit(address) as (server, path):
                await _leave(server, f"{path}/{IN}", f"{address.us}-{_digest(bundle)}.sealed", bundle)
        except NotReached as why:
            return [TryLater(str(why))] * len(parcels)
        return [HandedOver("on their SFTP server")] * len(parcels)

    async def collect(self, address: Address) -> Sequence[Found]:
        """Take what lies there for us, each under a name by which nobody else takes it; say what else lies in our folder."""
        ours = address.us == address.authority
        async with self._visit(address) as (server, path):
            folder = f"{path}/{IN if ours else OUT}"
            lies = sorted(await _listed(server, folder), key=lambda entry: entry.attrs.mtime or 0)
            wanted = [str(entry.filename) for entry in lies if _is_wanted(entry, address.us, ours)]
            taken = [await _take(server, folder, name) for name in wanted[:MOST_FILES]]
        found: list[Found] = [
            Bundle(name, "messages" if ours else "receipts", name[:3] if ours else address.authority, lines)
            for name, lines in filter(None, taken)
        ]
        strange = sum(_is_strange(entry) for entry in lies) if ours else 0  # elsewhere it is its owner's to look at
        return [*found, Strange(strange)] if strange else found

    async def finish(
        self, address: Address, found: Found, receipts: Sequence[str] = (), back: Address | None = None
    ) -> None:
        """Leave the receipts, then remove what they are for."""
        assert isinstance(found, Bundle)  # noqa: S101 - what is strange is left alone
        async with self._visit(address) as (server, path):
            if found.holds == "messages":
                name = found.name.removesuffix(".taken") + ".receipts"
                await _leave(server, f"{path}/{OUT}", name, "\n".join(receipts).encode())
                await _put_away(server, path, found.name)
            else:
                await server.remove(f"{path}/{OUT}/{found.name}")

    async def close(self) -> None:
        """Close the connections."""
        while self._open:
            _, (connection, server) = self._open.popitem()
            server.exit()
            connection.close()
            await connection.wait_closed()

    @asynccontextmanager
    async def _visit(self, address: Address) -> AsyncIterator[tuple[asyncssh.SFTPClient, str]]:
        try:
            async with asyncio.timeout(VISIT_SECONDS):
                async with self._connecting:
                    server = await self._server(address)
                yield server, urlsplit(address.url).path.rstrip("/")
        except (TimeoutError, OSError, asyncssh.Error, ValueError) as why:
            if not isinstance(why, asyncssh.SFTPError) or isinstance(why, asyncssh.SFTPConnectionLost):
                await self._forget(address)
            raise NotReached(_sentence(why)) from why

    async def _forget(self, address: Address) -> None:
        if opened := self._open.pop((address.url, address.login), None):
            opened[0].abort()
            await opened[0].wait_closed()

    async def _server(self, address: Address) -> asyncssh.SFTPClient:
        key = address.url, address.login
        if key not in self._open:
            place, login = urlsplit(address.url), address.login
            if login is None or address.pin is None:
                raise NotReached(
                    "no login is set for the partner's server" if login is None else "no host key is pinned"
                )
            connection = await asyncssh.connect(
                place.hostname or "",
                place.port or 22,
                username=login.user,
                password=login.password,
                client_keys=[asyncssh.import_private_key(login.private_key)] if login.private_key else None,
                known_hosts=([asyncssh.import_public_key(address.pin)], [], []),
                encryption_algs=CIPHERS,
                mac_algs=MACS,
                agent_path=None,
                config=None,
                connect_timeout=CONNECT_SECONDS,
                login_timeout=CONNECT_SECONDS,
            )
            self._open[key] = connection, await connection.start_sftp_client()
        return self._open[key][1]


def carrier() -> Sftp:
    """The entry point."""
    return Sftp()


def _digest(bundle: bytes) -> str:
    return sha256(bundle).hexdigest()


async def _leave(server: asyncssh.SFTPClient, folder: str, name: str, content: bytes) -> None:
    hidden = f"{folder}/.{_digest(content)}.part"
    try:
        async with server.open(hidden, "wb") as file:
            await file.write(content)
        await server.posix_rename(hidden, f"{folder}/{name}")
    except asyncssh.SFTPError:
        with suppress(asyncssh.SFTPError):
            await server.remove(hidden)  # or it would fill the disk on which there was no room for it
        raise


async def _put_away(server: asyncssh.SFTPClient, path: str, name: str) -> None:
    """Its owner has it, and its receipts lie ready: keep it where there is an archive, else remove it."""
    if await server.isdir(f"{path}/{ARCHIVE}"):
        await server.posix_rename(f"{path}/{IN}/{name}", f"{path}/{ARCHIVE}/{name.removesuffix('.taken')}.sealed")
    else:
        await server.remove(f"{path}/{IN}/{name}")


async def _listed(server: asyncssh.SFTPClient, folder: str) -> list[asyncssh.SFTPName]:
    """What lies there, up to a limit: of an endless list, the rest is seen when the first have been taken away."""
    lies: list[asyncssh.SFTPName] = []
    async for entry in server.scandir(folder):
        lies.append(entry)
        if len(lies) == MOST_LISTED:
            break
    return lies


def _is_wanted(entry: asyncssh.SFTPName, us: str, ours: bool) -> bool:
    match = NAME.fullmatch(str(entry.filename))
    if not match or (entry.attrs.size or 0) > MAX_BYTES:
        return False
    if not ours:
        return match["kind"] == "receipts" and match["sender"] == us
    left_lying = time.time() - (entry.attrs.mtime or 0) > CLAIM_SECONDS
    return match["kind"] == "sealed" or (match["kind"] == "taken" and left_lying)


def _is_strange(entry: asyncssh.SFTPName) -> bool:
    """Neither ours nor on the way to be: another name, too large, or half written for as long as nobody writes."""
    name, attrs = str(entry.filename), entry.attrs
    if PART.fullmatch(name):
        return time.time() - (attrs.mtime or 0) > STUCK_SECONDS
    return name not in (".", "..") and not (NAME.fullmatch(name) and (attrs.size or 0) <= MAX_BYTES)


async def _take(server: asyncssh.SFTPClient, folder: str, name: str) -> tuple[str, tuple[bytes, ...]] | None:
    """Read a file, once it is ours alone: its name then, and its lines. None where another process was quicker."""
    stem, _, kind = name.rpartition(".")
    try:
        if kind == "sealed":
            name = f"{stem}.taken"
            await server.rename(f"{folder}/{stem}.sealed", f"{folder}/{name}")
        async with server.open(f"{folder}/{name}", "rb") as file:
            content = bytes(await file.read(MAX_BYTES + 1))  # type: ignore[arg-type]  # opened for bytes
    except asyncssh.SFTPNoSuchFile:
        return None
    if len(content) > MAX_BYTES:
        raise NotReached("the server gives more than a file holds by its own word")
    return name, tuple(content.split(b"\n"))


def _sentence(why: BaseException) -> str:
    match why:
        case NotReached():
            return str(why)
        case asyncssh.HostKeyNotVerifiable() | asyncssh.KeyImportError():
            return "the server's host key is not the one that is pinned"
        case asyncssh.PermissionDenied():
            return "the server refused our login"
        case asyncssh.SFTPPermissionDenied():
            return "the server does not let us write there"
        case asyncssh.SFTPNoSuchFile() | asyncssh.SFTPNoSuchPath():
            return "the folder is not on the server"
        case asyncssh.SFTPError():
            return "the server could not do it; its disk may be full"
        case TimeoutError():
            return "the server did not answer in time"
        case _:
            return f"the server cannot be reached ({type(why).__name__})"
