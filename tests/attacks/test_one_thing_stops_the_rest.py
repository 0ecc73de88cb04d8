"""One thing that cannot be handled lies first, in a mailbox or on a server: all that lies behind it arrives, and it is
named.
"""

import asyncio
import os
import random
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from adapters import deferred, imap
from adapters.deferred import PutOff
from adapters.imap import HANDLED, NOT_GIVEN, NOT_MOVED, Inbox
from adapters.route import Bundle, Left, Login, MailAccount, NotDone, NotReached, Parcel, RouteAddress, Strange
from adapters.sftp import NOT_FINISHED, NOT_READ, Sftp
from gateway.core.moments import format_moment
from gateway.exchange import collect
from gateway.exchange.receive import receive_parcels
from gateway.monitoring import health
from tests import mail
from tests.conftest import free_port
from tests.contract.worlds import World, sftp
from tests.mail import PASSWORD, Servers

OURS = "gateway@sandwell.example"
IMAP_MODES = ("no", "bad", "nil", "drop", "garbage", "size-no")
PREFIX = "namespace inbox {\n  inbox = yes\n  prefix = INBOX.\n  separator = .\n}\n"
NO_FOLDERS = (
    "mail_plugins = $mail_plugins acl\nprotocol imap {\n  mail_plugins = $mail_plugins imap_acl\n}\n"
    "plugin {\n  acl = vfile:%s\n}\n"
)


@pytest.fixture
def chance() -> random.Random:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with mail.home() as home, mail.servers(home, free_port(), free_port()) as made:
        yield made


def account(servers: Servers, port: int) -> MailAccount:
    authorities = servers.certificate.read_text()
    url = f"imaps://127.0.0.1:{port}"
    return MailAccount(OURS, "", url, Login(OURS, password=PASSWORD), authorities=authorities)


def empty(servers: Servers) -> None:
    for one in (servers.home / "mail" / "sandwell.example" / "gateway" / "Maildir").glob("[nc][eu][wr]/*"):
        one.unlink()


@asynccontextmanager
async def between(servers: Servers, answer: Callable[[bytes, bytes], bytes | None]) -> AsyncIterator[int]:
    """A server between us and Dovecot: what `answer` says to a tag and a command goes back, b"" breaks off, None goes
    on.
    """
    port = free_port()
    ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ours.load_cert_chain(servers.home / "tls.pem", servers.home / "tls.key")
    theirs.check_hostname, theirs.verify_mode = False, ssl.CERT_NONE

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, ahead = await asyncio.open_connection("127.0.0.1", servers.imap, ssl=theirs)

        async def up() -> None:
            while line := await reader.readline():
                tag, _, command = line.partition(b" ")
                said = answer(tag, command.upper())
                if said == b"":
                    return
                (writer if said else ahead).write(said or line)
                await ahead.drain()

        async def down() -> None:
            while data := await behind.read(65_536):
                writer.write(data)

        ways = [asyncio.create_task(up()), asyncio.create_task(down())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in (writer, ahead):
            end.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=ours)
    try:
        yield port
    finally:
        server.close()


def stumbling(mode: str, bad: int) -> Callable[[bytes, bytes], bytes | None]:
    """Answer as servers do that cannot give this one mail."""

    def answer(tag: bytes, command: bytes) -> bytes | None:
        asked = command.split()[2] if command.startswith(b"UID FETCH") else b""
        some: set[int] = set()
        for part in filter(None, asked.split(b",")):
            first, _, last = part.partition(b":")
            some |= set(range(int(first), int(last or first) + 1))
        sizes = b"RFC822.SIZE" in command
        if bad not in some or sizes != (mode == "size-no"):
            return None
        match mode:
            case "no" | "size-no":
                return tag + b" NO [UNAVAILABLE] Server error while fetching messages\r\n"
            case "bad":
                return tag + b" BAD Command Error. 10\r\n"
            case "nil":
                return b"* 1 FETCH (UID %d BODY[] NIL)\r\n" % bad + tag + b" OK done\r\n"
            case "garbage":
                return b"* 1 FETCH (UID %d BODY[] {3}\r\nabc))(\r\n" % bad + tag + b" OK done\r\n"
        return b""

    return answer


@pytest.mark.parametrize("mode", IMAP_MODES)
async def test_a_mail_that_the_server_does_not_give_holds_up_no_other(
    servers: Servers, chance: random.Random, mode: str
) -> None:
    empty(servers)
    count = chance.randint(2, imap.MOST_MAILS + 5)
    for n in range(count):
        servers.add_mail(OURS, f"Subject: {n}\r\nFrom: a@b.example\r\n\r\nmail {n}\r\n".encode())
    plain = Inbox(account(servers, servers.imap))
    uids = sorted(await asyncio.to_thread(lambda: [uid for uid, _ in plain.fetch_mails()]))
    plain.close()
    bad = chance.choice(uids[: count // 2 + 1])
    async with between(servers, stumbling(mode, bad)) as port:
        inbox, read = Inbox(account(servers, port)), set[int]()
        for _ in range(8):
            try:
                found = await asyncio.to_thread(inbox.fetch_mails)
            except NotReached:
                assert mode == "drop"
                continue
            for uid, raw in found:
                read.add(uid)
                inbox.leave_mail(uid, len(raw))
        everything = set(range(uids[0], uids[0] + count))
        assert read >= everything - {bad}
        # Its size is not needed.
        if mode != "size-no":
            assert inbox.list_left() == [Left(NOT_GIVEN, 1)]
        await asyncio.to_thread(inbox.close)


@pytest.mark.parametrize("deny", ["create", "quota", "move", "store"])
async def test_a_mail_that_the_server_does_not_let_us_take_away_is_noted_and_holds_up_no_other(
    servers: Servers, deny: str
) -> None:
    empty(servers)
    denied = {
        "create": (b"CREATE", b"LIST"),
        "quota": (b"UID MOVE", b"UID COPY"),
        "move": (b"UID MOVE", b"UID COPY", b"UID STORE"),
        "store": (b"UID MOVE", b"UID COPY", b"UID STORE", b"UID EXPUNGE", b"CREATE"),
    }[deny]

    def answer(tag: bytes, command: bytes) -> bytes | None:
        if deny == "create" and command.startswith(b"LIST"):
            return tag + b" OK none\r\n"
        return tag + b" NO [OVERQUOTA] Quota exceeded\r\n" if command.startswith(denied) else None

    for n in range(3):
        servers.add_mail(OURS, f"Subject: {n}\r\n\r\nmail {n}\r\n".encode())
    async with between(servers, answer) as port:
        inbox = Inbox(account(servers, port))
        first = await asyncio.to_thread(inbox.fetch_mails)
        assert len(first) == 3
        for uid, _ in first:
            with pytest.raises(NotDone):
                await asyncio.to_thread(inbox.put_aside, uid)
        servers.add_mail(OURS, b"Subject: behind\r\n\r\nbehind\r\n")
        second = await asyncio.to_thread(inbox.fetch_mails)
        assert [b"behind" in raw for _, raw in second] == [True]
        assert inbox.list_left() == [Left(NOT_MOVED, 3)]
        await asyncio.to_thread(inbox.close)
    # The server lets us, and another process comes.
    again = Inbox(account(servers, servers.imap))
    seen = await asyncio.to_thread(again.fetch_mails)
    # Where signs could be left, nothing is taken in twice.
    if deny in ("create", "quota"):
        assert [b"behind" in raw for _, raw in seen] == [True], HANDLED
        assert len(servers.list_mails(OURS)) == 1
    await asyncio.to_thread(again.close)


@pytest.mark.parametrize("prefix", ["INBOX.", "Mail/"])
async def test_folders_below_a_prefix_are_found_and_made(chance: random.Random, prefix: str) -> None:
    settings = PREFIX.replace("INBOX.", prefix).replace("separator = .", f"separator = {prefix[-1]}")
    with mail.home() as home, mail.servers(home, free_port(), free_port(), dovecot=settings) as made:
        for n in range(chance.randint(2, 5)):
            made.add_mail(OURS, f"Subject: {n}\r\n\r\nmail {n}\r\n".encode())
        inbox = Inbox(account(made, made.imap))
        for uid, _ in await asyncio.to_thread(inbox.fetch_mails):
            await asyncio.to_thread(inbox.put_aside, uid)
        assert made.list_mails(OURS) == []
        assert inbox.list_left() == []
        await asyncio.to_thread(inbox.close)


async def test_what_is_put_off_is_tried_again_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("adapters.deferred.time.monotonic", lambda: now)
    some: PutOff[str] = PutOff()
    waits = []
    for _ in range(12):
        some.add("x", "why")
        begun = now
        while not some.is_due("x"):
            now += 1
        waits.append(now - begun)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (deferred.FIRST_AGAIN, deferred.LAST_AGAIN)
    some.keep_only([])
    assert some.list_left() == []


MODE = ""


class Quirky(asyncssh.SFTPServer):
    """A server that stumbles over one thing, as MODE says."""

    root = b""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
        super().__init__(channel, chroot=Quirky.root)

    def stat(self, path: bytes) -> Any:
        if MODE == "stat-fails" and b"archive" in path:
            raise asyncssh.SFTPFailure("stat failed")
        if MODE == "stat-denied" and b"archive" in path:
            raise asyncssh.SFTPPermissionDenied("no")
        return super().stat(path)

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        if MODE == "unreadable" and b"f" * 64 in path:
            raise asyncssh.SFTPPermissionDenied("whoever wrote it had a umask of 077")
        if MODE == "no-hidden" and os.path.basename(path).startswith(b"."):
            raise asyncssh.SFTPPermissionDenied("hidden names are not allowed")
        return super().open(path, pflags, attrs)

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        if MODE == "not-renamed" and b"f" * 64 in oldpath:
            raise asyncssh.SFTPFailure("in use")
        return super().rename(oldpath, newpath)

    def remove(self, path: bytes) -> Any:
        if MODE == "not-removed" and b"f" * 64 in path:
            raise asyncssh.SFTPFailure("in use")
        return super().remove(path)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        if MODE == "no-posix-rename":
            raise asyncssh.SFTPOpUnsupported("unsupported extension")
        return super().posix_rename(oldpath, newpath)


class Open(asyncssh.SSHServer):
    """Whoever comes is let in."""

    def begin_auth(self, username: str) -> bool:
        return False


@pytest.fixture
async def quirky(tmp_path: Path) -> AsyncIterator[tuple[RouteAddress, Path]]:
    for name in ("in", "out"):
        (tmp_path / "box" / name).mkdir(parents=True)
    Quirky.root = os.fsencode(tmp_path)
    key, port = asyncssh.generate_private_key("ssh-ed25519"), free_port()
    server = await asyncssh.create_server(Open, "127.0.0.1", port, server_host_keys=[key], sftp_factory=Quirky)
    pin = " ".join(key.export_public_key().decode().split()[:2])
    login = Login("gateway", password="x")
    yield RouteAddress("885", "885", f"sftp://127.0.0.1:{port}/box", pin, lambda: "", login), tmp_path / "box"
    server.close()


SFTP_MODES = {
    "not-utf-8": Strange(1),
    "new-line": Strange(1),
    "folder": Strange(1),
    "link": Strange(1),
    "unreadable": Left(NOT_READ, 1),
    "not-renamed": Left(NOT_READ, 1),
    "not-removed": Left(NOT_FINISHED, 1),
    "stat-fails": None,
    "stat-denied": None,
    "no-hidden": None,
    "no-posix-rename": None,
}


@pytest.mark.parametrize("mode", SFTP_MODES)
async def test_a_file_over_which_a_server_stumbles_holds_up_no_other(
    quirky: tuple[RouteAddress, Path], chance: random.Random, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    address, box = quirky
    monkeypatch.setattr("tests.attacks.test_one_thing_stops_the_rest.MODE", mode)
    bad = box / "in" / f"333-{'f' * 64}.sealed"
    match mode:
        case "not-utf-8":
            (box / "in" / os.fsdecode(b"\xdcbergabe.txt")).write_bytes(b"x")
        case "new-line":
            (box / "in" / "a\nb.txt").write_bytes(b"x")
        case "folder":
            bad.mkdir()
        case "link":
            bad.symlink_to("/nowhere")
        case _:
            bad.write_bytes(b"bad")
    if bad.is_file():
        # The oldest, so it is the first.
        os.utime(bad, (1, 1))
    contents = [bytes([65 + n]) * chance.randint(1, 5000) for n in range(chance.randint(2, 30))]
    for content in contents:
        (box / "in" / f"333-{sha256(content).hexdigest()}.sealed").write_bytes(content)
    carrier, came = Sftp(), set[bytes]()
    for _ in range(6):
        found = await carrier.collect(address)
        for one in found:
            if isinstance(one, Bundle):
                try:
                    await carrier.finish(address, one, ["receipt"])
                except NotDone:
                    continue
                came |= set(one.lines)
    assert came - {b"bad"} == set(contents)
    rest = [one for one in await carrier.collect(address) if not isinstance(one, Bundle)]
    wanted = SFTP_MODES[mode]
    assert rest == ([wanted] if wanted else [])
    assert len(list((box / "out").iterdir())) >= len(contents)
    await carrier.close()


async def test_a_bundle_on_which_our_code_fails_is_put_off_and_named_and_the_rest_arrives(
    tmp_path: Path, chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    world: World = sftp(tmp_path)
    gw = world.worcestershire
    async with world.serving():
        await put_several(world, chance)
        sound, count = receive_parcels, 0

        async def stumble(*args: object) -> list[str]:
            nonlocal count
            count += 1
            if count == 1:
                raise RuntimeError("a fault that nobody foresaw")
            return await sound(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(collect, "receive_parcels", stumble)
        done = await collect.collect_from(gw, "sftp", world.own_address)
        assert done == 2
        [finding] = [one for one in health.measure_health(gw).findings if one.name == "left at our sftp route"]
        assert finding.sentence == f"1 since {format_moment(gw.now())}: {collect.UNFORESEEN}."
        since = finding.sentence
        await collect.collect_from(gw, "sftp", world.own_address)
        [finding] = [one for one in health.measure_health(gw).findings if one.name == "left at our sftp route"]
        assert finding.sentence == since
        monkeypatch.setattr(deferred, "FIRST_AGAIN", 0.0)
        carrier = gw.carriers["sftp"]
        assert isinstance(carrier, Sftp)
        carrier._put_off.clear()
        monkeypatch.setattr("adapters.sftp.CLAIM_SECONDS", -1.0)
        assert await collect.collect_from(gw, "sftp", world.own_address) == 1
        assert [one for one in health.measure_health(gw).findings if one.name.startswith("left at")] == []
    await world.close()


async def put_several(world: World, chance: random.Random) -> None:
    for _ in range(3):
        parcels = [Parcel("x", chance.randbytes(200).hex().encode()) for _ in range(chance.randint(1, 3))]
        await world.carrier.deliver(world.address, parcels)
