"""SFTP servers as councils have them: what is left there arrives whole, and what fails is named for what it is."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from adapters import sftp, sftp_files
from adapters.route import Bundle, HandedOver, Login, NotReached, Parcel, RouteAddress, TryLater
from adapters.sftp import Sftp
from adapters.sftp_files import split_lines
from tests.conftest import free_port
from tests.sshd import sshd

LINES = (b"eyJhbGciOiJub25lIn0.one", b"eyJhbGciOiJub25lIn0.two")
BUNDLE = b"\n".join(LINES)
STEM = f"333-{sha256(BUNDLE).hexdigest()}"
RECEIPTS = ("eyJhbGciOiJub25lIn0.first", "eyJhbGciOiJub25lIn0.second")
DENIED, FAILED, MISSING, UNKNOWN = (
    asyncssh.SFTPPermissionDenied("no"),
    asyncssh.SFTPFailure("Failure"),
    asyncssh.SFTPNoSuchFile("no such file"),
    asyncssh.SFTPOpUnsupported("unsupported"),
)
Error = asyncssh.SFTPError | None


def _agree(*_: object) -> Error:
    return None


@dataclass(frozen=True)
class Quirk:
    """How a server differs from OpenSSH's: what it answers, and what it does to a file that was written, once it is
    closed.
    """

    opening: Callable[[str], Error] = _agree
    writing: Callable[[str], Error] = _agree
    renaming: Callable[[str], Error] = _agree
    posix: Callable[[str], Error] = _agree
    listing: Callable[[str], Error] = _agree
    removing: Callable[[str], Error] = _agree
    closed: Callable[[Path], object] = _agree


def hides(error: asyncssh.SFTPError) -> Callable[[str], Error]:
    return lambda name: error if name.startswith(".") else None


def of_parts(error: asyncssh.SFTPError) -> Callable[[str], Error]:
    return lambda name: error if name.endswith(".part") else None


def always(error: asyncssh.SFTPError) -> Callable[[str], Error]:
    return lambda _: error


def rewritten(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def moves_parts(path: Path) -> None:
    if path.name.endswith(".part"):
        path.rename(path.with_name(f"{path.name}.scanned"))


def quarantines_parts(path: Path) -> None:
    if path.name.endswith(".part"):
        path.unlink()


class Server(asyncssh.SFTPServer):
    """Asyncssh's server, with a quirk. Its plain rename goes over nothing, as version 3 of the protocol has it."""

    root, quirk = b"", Quirk()

    def __init__(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
        super().__init__(chan, chroot=self.root)
        self._written: dict[int, bytes] = {}

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        self._ask(self.quirk.opening, path)
        if not pflags & asyncssh.FXF_WRITE:
            return super().open(path, pflags, attrs)
        opened = super().open(path, pflags, attrs)
        self._written[id(opened)] = path
        return opened

    def write(self, file_obj: object, offset: int, data: bytes) -> object:  # type: ignore[override]
        self._ask(self.quirk.writing, self._written[id(file_obj)])
        return super().write(file_obj, offset, data)

    def close(self, file_obj: object) -> None:
        super().close(file_obj)
        if path := self._written.pop(id(file_obj), None):
            self.quirk.closed(Path(os.fsdecode(self.map_path(path))))

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._ask(self.quirk.renaming, oldpath)
        if os.path.lexists(self.map_path(newpath)):
            raise FAILED
        os.rename(self.map_path(oldpath), self.map_path(newpath))

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._ask(self.quirk.posix, oldpath)
        os.replace(self.map_path(oldpath), self.map_path(newpath))

    def remove(self, path: bytes) -> None:
        self._ask(self.quirk.removing, path)
        super().remove(path)

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        self._ask(self.quirk.listing, path)
        async for entry in super().scandir(path):
            yield entry

    @staticmethod
    def _ask(question: Callable[[str], Error], path: bytes) -> None:
        if error := question(os.path.basename(path).decode()):
            raise error


HOST_KEY, LOGIN_KEY = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
RSA_KEY = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
LOGIN = Login("sandwell", LOGIN_KEY.export_private_key())


def pin_of(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key().decode().split()[:2])


class Door(asyncssh.SSHServer):
    """Lets in whoever has one of two keys."""

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key in (LOGIN_KEY.convert_to_public(), RSA_KEY.convert_to_public())


@asynccontextmanager
async def serving(folder: Path, quirk: Quirk = Quirk(), **options: Any) -> AsyncIterator[RouteAddress]:
    """A server with a quirk: Worcestershire's folder, as Sandwell finds it."""
    for name in ("in", "out"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    made = type("Quirky", (Server,), {"root": os.fsencode(folder), "quirk": quirk})
    given = {"server_host_keys": [HOST_KEY], "sftp_factory": made} | options
    server = await asyncssh.create_server(Door, "127.0.0.1", 0, **given)
    try:
        url = f"sftp://127.0.0.1:{server.get_port()}/"
        yield RouteAddress("333", "885", url, pin_of(HOST_KEY), lambda: "", LOGIN, None, loopback=True)
    finally:
        server.close()
        await server.wait_closed()


def owned(address: RouteAddress) -> RouteAddress:
    """The same folder, as its owner finds it."""
    return RouteAddress("885", "885", address.url, address.pin, address.bearer, LOGIN, None, loopback=True)


PARCELS = [Parcel(str(n), line) for n, line in enumerate(LINES)]
# A server, and the row of the log, or whose sibling it is.
ARRIVES: dict[str, tuple[Quirk, str]] = {
    "as OpenSSH": (Quirk(), "28"),
    "no posix-rename": (Quirk(posix=always(UNKNOWN)), "25"),
    "posix-rename fails": (Quirk(posix=always(FAILED)), "25, sibling"),
    "posix-rename denied": (Quirk(posix=always(DENIED)), "25, sibling"),
    "nobody may rename what is new": (Quirk(renaming=of_parts(DENIED), posix=always(DENIED)), "25, sibling"),
    "renaming fails": (Quirk(renaming=of_parts(FAILED), posix=always(FAILED)), "25, sibling"),
    "no plain rename of what is new": (Quirk(renaming=of_parts(UNKNOWN)), "25, sibling"),
    "no hidden names": (Quirk(opening=hides(DENIED)), "26"),
    "no hidden names, a failure": (Quirk(opening=hides(FAILED)), "26, sibling"),
    "no hidden names, as if there were no folder": (Quirk(opening=hides(MISSING)), "26, sibling"),
    "no names that end in part": (Quirk(opening=of_parts(DENIED)), "26, sibling"),
    "moved on close": (Quirk(closed=moves_parts), "26"),
    "moved on close, and renaming says failure": (
        Quirk(closed=moves_parts, renaming=of_parts(FAILED), posix=of_parts(FAILED)),
        "26, sibling",
    ),
    "taken away on close": (Quirk(closed=quarantines_parts), "26, sibling"),
    "CR LF": (Quirk(closed=rewritten(lambda text: text.replace(b"\n", b"\r\n"))), "27"),
    "CR LF, and at the end": (Quirk(closed=rewritten(lambda text: text.replace(b"\n", b"\r\n") + b"\r\n")), "27"),
    "a line feed at the end": (Quirk(closed=rewritten(lambda text: text + b"\n")), "27"),
    "CR LF twice": (Quirk(closed=rewritten(lambda text: text.replace(b"\n", b"\r\r\n"))), "27, sibling"),
    "CR alone": (Quirk(closed=rewritten(lambda text: text.replace(b"\n", b"\r"))), "27, sibling"),
    "a mark and Ctrl-Z": (Quirk(closed=rewritten(lambda text: b"\xef\xbb\xbf" + text + b"\r\n\x1a")), "27, sibling"),
    "padded lines": (Quirk(closed=rewritten(lambda text: text.replace(b"\n", b"   \n") + b"  ")), "27, sibling"),
}


async def fetch(carrier: Sftp, address: RouteAddress) -> list[Bundle]:
    return [one for one in await carrier.collect(address) if isinstance(one, Bundle)]


@pytest.mark.parametrize("name", ARRIVES)
async def test_a_bundle_and_its_receipts_arrive(tmp_path: Path, name: str) -> None:
    """Left twice, as after a crash; taken once; and answered."""
    sandwell, worcestershire = Sftp(), Sftp()
    async with serving(tmp_path, ARRIVES[name][0]) as address:
        for _ in range(2):
            assert await sandwell.deliver(address, PARCELS) == [HandedOver("on their SFTP server")] * 2
        ours = owned(address)
        [bundle] = await fetch(worcestershire, ours)
        assert (bundle.holds, bundle.sender, bundle.lines) == ("messages", "333", LINES)
        await worcestershire.finish(ours, bundle, RECEIPTS)
        [answer] = await fetch(sandwell, address)
        assert answer.lines == tuple(map(str.encode, RECEIPTS))
        await sandwell.finish(address, answer)
        assert await fetch(worcestershire, ours) == await fetch(sandwell, address) == []
        for carrier in (sandwell, worcestershire):
            await carrier.close()
    assert not [name for folder in ("in", "out") for name in os.listdir(tmp_path / folder) if name.startswith("333-")]


@pytest.mark.parametrize("error", [DENIED, FAILED, MISSING])
async def test_a_server_that_moves_what_is_closed_is_not_heaped_with_halves(
    tmp_path: Path, error: asyncssh.SFTPError
) -> None:
    carrier = Sftp()
    async with serving(tmp_path, Quirk(closed=moves_parts, renaming=of_parts(error), posix=of_parts(error))) as address:
        for n in range(4):
            await carrier.deliver(address, [Parcel("x", b"sealed %d" % n)])
        await carrier.close()
    assert len(list((tmp_path / "in").glob("333-*.sealed"))) == 4
    # Of the first alone.
    assert len(list((tmp_path / "in").glob("*.scanned"))) <= 2


async def test_what_still_grows_is_read_once_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some partners' servers let nobody rename, so a file lies there under its own name while it is written."""
    monkeypatch.setattr(sftp_files, "SETTLE_SECONDS", 0.2)
    carrier = Sftp()
    async with serving(tmp_path) as address:
        file = tmp_path / "in" / f"{STEM}.sealed"
        file.write_bytes(BUNDLE[:10])
        fetching = asyncio.create_task(fetch(carrier, owned(address)))
        while not (tmp_path / "in" / f"{STEM}.taken").exists():
            await asyncio.sleep(0.01)
        file.with_suffix(".taken").write_bytes(BUNDLE)
        [bundle] = await fetching
        await carrier.close()
    assert bundle.lines == LINES


async def test_many_that_were_changed_do_not_use_up_a_visit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them waits a second alone; a visit has eight, and lets them wait for one."""
    monkeypatch.setattr(sftp_files, "SETTLE_SECONDS", 1.0)
    monkeypatch.setattr(sftp, "MOST_SETTLING", 1.0)
    monkeypatch.setattr(sftp, "VISIT_SECONDS", 8)
    carrier = Sftp()
    async with serving(tmp_path) as address:
        for n in range(sftp.MOST_FILES):
            (tmp_path / "in" / f"333-{n:064x}.sealed").write_bytes(b"changed on the way")
        assert len(await fetch(carrier, owned(address))) == sftp.MOST_FILES
        await carrier.close()


async def test_a_server_that_moves_whatever_is_closed_is_named_until_it_brings_it_back(tmp_path: Path) -> None:
    carrier, away = Sftp(), tmp_path / "away"

    def take(path: Path) -> None:
        if path.name.startswith("333-"):
            path.rename(away)
        else:
            path.unlink()

    async with serving(tmp_path, Quirk(closed=take)) as address:
        says = "a new file disappeared: the server moves new files away"
        assert await carrier.deliver(address, PARCELS) == [TryLater(says)] * 2
        os.rename(away, tmp_path / "in" / f"{STEM}.sealed")
        assert await carrier.deliver(address, PARCELS) == [HandedOver("on their SFTP server")] * 2
        await carrier.close()


NO_SPACE = asyncssh.SFTPFailure("No space left on device")
# A server on which nothing can be left, and what is said of it.
FAILS: dict[str, tuple[Quirk, str]] = {
    "writing is denied": (Quirk(opening=always(DENIED)), "the server does not let the gateway write there"),
    "no folder": (Quirk(opening=always(MISSING)), "the folder is not on the server"),
    "the disk is full, in words": (
        Quirk(writing=always(NO_SPACE)),
        "the server's disk is full, or the gateway's share of it",
    ),
    "quota": (
        Quirk(writing=always(asyncssh.SFTPFailure("Disk quota exceeded"))),
        "the server's disk is full, or the gateway's share of it",
    ),
    "a failure without a word": (
        Quirk(writing=always(FAILED)),
        "the server failed to write there; its disk may be full",
    ),
    "no such command": (Quirk(opening=always(UNKNOWN)), "the server does not support a command to write there"),
    "our own names are denied": (
        Quirk(opening=lambda name: DENIED if name.endswith(".sealed") else None, renaming=always(DENIED)),
        "the server does not let the gateway write there",
    ),
}


@pytest.mark.parametrize("name", FAILS)
async def test_what_a_server_does_not_do_is_named(tmp_path: Path, name: str) -> None:
    quirk, says = FAILS[name]
    carrier = Sftp()
    async with serving(tmp_path, quirk) as address:
        assert await carrier.deliver(address, PARCELS) == [TryLater(says)] * 2
        await carrier.close()
    assert list((tmp_path / "in").iterdir()) == []


async def test_what_cannot_be_listed_is_named(tmp_path: Path) -> None:
    carrier = Sftp()
    async with serving(tmp_path, Quirk(listing=always(DENIED))) as address:
        with pytest.raises(NotReached, match="does not let the gateway list the folder"):
            await carrier.collect(owned(address))
        await carrier.close()


async def test_what_cannot_be_removed_is_named(tmp_path: Path) -> None:
    carrier = Sftp()
    async with serving(tmp_path, Quirk(removing=always(DENIED))) as address:
        (tmp_path / "in" / f"{STEM}.sealed").write_bytes(BUNDLE)
        [bundle] = await fetch(carrier, owned(address))
        with pytest.raises(NotReached, match="does not let the gateway remove a file"):
            await carrier.finish(owned(address), bundle, RECEIPTS)
        await carrier.close()


GOOD = {"encryption_algs": ["aes128-ctr"], "mac_algs": ["hmac-sha2-256"]}
# What a server offers; None: it is spoken to.
OLD: dict[str, tuple[dict[str, Any], str | None]] = {
    "AES-GCM": ({"encryption_algs": ["aes128-gcm@openssh.com"], "mac_algs": ["hmac-sha1"]}, None),
    "AES-CTR and SHA-2": (GOOD, None),
    "Diffie-Hellman of 2,048 bits": ({"kex_algs": ["diffie-hellman-group14-sha256"]}, None),
    "an RSA key, and SHA-2": ({"server_host_keys": [RSA_KEY], "signature_algs": ["rsa-sha2-256"]}, None),
    "CBC": ({"encryption_algs": ["aes256-cbc", "3des-cbc"]}, "it offers no AES-GCM and no AES-CTR"),
    "ChaCha20": ({"encryption_algs": ["chacha20-poly1305@openssh.com"]}, "it offers no AES-GCM and no AES-CTR"),
    "SHA-1": (
        GOOD | {"mac_algs": ["hmac-sha1", "hmac-md5"]},
        "it offers no AES-GCM, and with AES-CTR no HMAC with SHA-2",
    ),
    "-etm": (GOOD | {"mac_algs": ["hmac-sha2-256-etm@openssh.com"]}, "names that end in -etm do not count"),
    "a key exchange of SHA-1": (
        {"kex_algs": ["diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1"]},
        "it offers no key exchange with SHA-2",
    ),
}


# Which old servers have, and nothing newer.
@pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")
@pytest.mark.parametrize("name", OLD)
async def test_what_an_old_server_lacks_is_named(tmp_path: Path, name: str) -> None:
    options, says = OLD[name]
    carrier = Sftp()
    keys = options.get("server_host_keys", [HOST_KEY])
    async with serving(tmp_path, **options) as address:
        there = RouteAddress("333", "885", address.url, pin_of(keys[0]), address.bearer, LOGIN, None, loopback=True)
        [attempt, _] = await carrier.deliver(there, PARCELS)
        await carrier.close()
    if says is None:
        assert isinstance(attempt, HandedOver)
    else:
        assert isinstance(attempt, TryLater)
        assert attempt.reason.startswith("the server is too old to be safe: ")
        assert says in attempt.reason


# Settings of an OpenSSH server as old ones are by default, and what is said.
OPENSSH: dict[str, tuple[str, str]] = {
    "CBC": ("Ciphers aes256-cbc", "it offers no AES-GCM and no AES-CTR"),
    "ChaCha20": ("Ciphers chacha20-poly1305@openssh.com", "it offers no AES-GCM and no AES-CTR"),
    "SHA-1": (
        "Ciphers aes128-ctr\nMACs hmac-sha1,umac-64@openssh.com",
        "it offers no AES-GCM, and with AES-CTR no HMAC with SHA-2",
    ),
    "-etm": (
        "Ciphers aes128-ctr\nMACs hmac-sha2-256-etm@openssh.com",
        "it offers no AES-GCM, and with AES-CTR no HMAC with SHA-2",
    ),
    "a key exchange of SHA-1": ("KexAlgorithms diffie-hellman-group14-sha1", "it offers no key exchange with SHA-2"),
    "a signature of SHA-1": (
        "HostKey {home}/rsa\nHostKeyAlgorithms ssh-rsa",
        "it offers signatures of its host key with SHA-1 only",
    ),
    "a host key of another kind": (
        "HostKeyAlgorithms rsa-sha2-512\nHostKey {home}/rsa",
        "is not the one that is pinned",
    ),
    "a login of SHA-1": ("PubkeyAcceptedAlgorithms ssh-rsa", "the server refused the login"),
}


@pytest.mark.parametrize("name", OPENSSH)
async def test_what_an_old_openssh_lacks_is_named(tmp_path: Path, name: str) -> None:
    settings, says = OPENSSH[name]
    carrier = Sftp()
    (tmp_path / "sshd").mkdir()
    (tmp_path / "sshd" / "rsa").write_bytes(RSA_KEY.export_private_key())
    (tmp_path / "sshd" / "rsa").chmod(0o600)
    with sshd(tmp_path / "sshd", free_port(), settings=settings) as server:
        pin = pin_of(RSA_KEY) if "a signature" in name else server.host_key
        login = Login(server.user, RSA_KEY.export_private_key() if "login" in name else server.private_key.read_bytes())
        there = RouteAddress("333", "885", server.url, pin, lambda: "", login, None, loopback=True)
        [attempt, _] = await carrier.deliver(there, PARCELS)
    await carrier.close()
    assert isinstance(attempt, TryLater)
    assert says in attempt.reason


async def test_nothing_that_can_be_cut_and_no_sha_1_is_offered(tmp_path: Path) -> None:
    carrier = Sftp()
    async with serving(tmp_path) as address:
        assert isinstance((await carrier.deliver(address, PARCELS))[0], HandedOver)
        [(connection, _)] = carrier._open.values()
        for offered in ("_kex_algs", "_enc_algs", "_mac_algs", "_sig_algs", "_server_host_key_algs"):
            said = [one.decode() for one in getattr(connection, offered)]
            assert said
            bad = ("etm", "chacha", "cbc", "sha1", "md5", "ssh-rsa")
            assert not [one for one in said if any(word in one for word in bad)]
        await carrier.close()


PINS: dict[str, Callable[[str], str]] = {
    "as OpenSSH writes it": str,
    "as ssh-keyscan writes it": lambda pin: f"[files.example]:2222 {pin}",
    "with a word behind it": lambda pin: f"{pin} root@files.example",
    "as RFC 4716 has it": lambda _: HOST_KEY.export_public_key("rfc4716").decode(),
}


@pytest.mark.parametrize("form", PINS)
async def test_a_host_key_is_read_in_whatever_form_it_is_pinned(tmp_path: Path, form: str) -> None:
    carrier = Sftp()
    async with serving(tmp_path) as address:
        pin = PINS[form](pin_of(HOST_KEY))
        there = RouteAddress("333", "885", address.url, pin, address.bearer, LOGIN, None, loopback=True)
        assert isinstance((await carrier.deliver(there, PARCELS))[0], HandedOver)
        other = RouteAddress("333", "885", address.url, "SHA256:abc", address.bearer, LOGIN, None, loopback=True)
        assert await carrier.deliver(other, PARCELS) == [TryLater(UNREADABLE_PIN)] * 2
        await carrier.close()


UNREADABLE_PIN = "the host key that is pinned for the server cannot be read"
LOGINS: dict[str, tuple[Login, str]] = {
    "PuTTY's form": (Login("sandwell", b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n"), "cannot be read"),
    "nothing": (Login("sandwell", b"x"), "the login key for the server cannot be read"),
    "a passphrase": (
        Login("sandwell", LOGIN_KEY.export_private_key("pkcs8-pem", passphrase="x")),
        "has a passphrase",
    ),
    "a stranger's": (
        Login("sandwell", asyncssh.generate_private_key("ssh-ed25519").export_private_key()),
        "the server refused the login",
    ),
}


@pytest.mark.parametrize("name", LOGINS)
async def test_what_is_wrong_with_our_login_is_named(tmp_path: Path, name: str) -> None:
    login, says = LOGINS[name]
    carrier = Sftp()
    async with serving(tmp_path) as address:
        there = RouteAddress("333", "885", address.url, address.pin, address.bearer, login, None, loopback=True)
        [attempt, _] = await carrier.deliver(there, PARCELS)
        await carrier.close()
    assert isinstance(attempt, TryLater)
    assert says in attempt.reason


async def _greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 files.example FTP server ready\r\n")
    await reader.read(100)
    writer.close()


async def _hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(
    ("behaves", "says"),
    [(_greets, "closed the connection before it used SSH"), (_hangs_up, "closed the connection before it used SSH")],
)
async def test_what_is_no_ssh_server_is_named(behaves: object, says: str) -> None:
    server = await asyncio.start_server(behaves, "127.0.0.1", 0)  # type: ignore[arg-type]
    carrier = Sftp()
    url = f"sftp://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    there = RouteAddress("333", "885", url, pin_of(HOST_KEY), lambda: "", LOGIN, None, loopback=True)
    [attempt, _] = await carrier.deliver(there, PARCELS)
    assert isinstance(attempt, TryLater)
    assert says in attempt.reason
    server.close()
    await server.wait_closed()


async def test_a_server_without_sftp_is_named(tmp_path: Path) -> None:
    carrier = Sftp()
    async with serving(tmp_path, sftp_factory=None) as address:
        assert (
            await carrier.deliver(address, PARCELS)
            == [TryLater("the server accepted the login, but does not offer SFTP")] * 2
        )


def test_a_file_of_line_ends_is_no_bundle() -> None:
    assert split_lines(b"\n" * 100_000) == ()
    assert len(split_lines(b"x\r\n" * 5_000)) == 1_000
