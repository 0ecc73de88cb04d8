"""SSH sessions: what they are spoken in, how one is opened, and in a sentence why one was not.

Nothing is offered from whose beginning a third party may cut (Terrapin, CVE-2023-48795): neither ChaCha20-Poly1305, nor
a MAC over the ciphertext (-etm), nor CBC; and nothing that rests on SHA-1. What an old server lacks of the rest is
named.
"""

import asyncio
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from struct import unpack

import asyncssh
from asyncssh.kex import get_kex_algs
from asyncssh.packet import PacketDecodeError, SSHPacket
from asyncssh.public_key import get_public_key_algs

from adapters.outgoing import open_tunnel
from adapters.proxy import Proxy
from adapters.route import Login, NotReached

CONNECT_SECONDS = 10
# Those with SHA-2. A star stands for what only some libraries have, such as ML-KEM beside X25519.
KEY_EXCHANGES = (
    "*25519-sha256*",
    "*25519-sha512*",
    "ecdh-sha2-nistp*",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group*-sha512",
    "diffie-hellman-group14-sha256",
)
CIPHERS = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr")
MACS = ("hmac-sha2-512", "hmac-sha2-256")
SIGNATURES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp*",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
HOST_KEY = re.compile(r"\b(?:ssh|ecdsa)-[a-z0-9-]+ +AAAA[A-Za-z0-9+/=]+")
OLD = "the server is too old to be safe: it offers"
# Before a server says that it speaks SSH (RFC 4253, 4.2).
MOST_GREETING_LINES = 50
# Bytes: as long as any packet that all must take (RFC 4253, 6.1).
LONGEST_OFFER = 35_000
# RFC 4250, 4.1.2.
KEXINIT = 20


class _Watching(asyncssh.SSHClient):
    """Remembers the connection, to ask how far it came."""

    connection: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """Remember it."""
        self.connection = conn

    def knows(self, name: str) -> bool:
        """Say whether something is known of the connection."""
        return self.connection is not None and bool(self.connection.get_extra_info(name))


@dataclass(frozen=True, slots=True)
class _Offer:
    """By what a server would begin a session."""

    key_exchanges: Sequence[str]
    host_keys: Sequence[str]
    ciphers: Sequence[str]
    macs: Sequence[str]

    def lacks(self, signs: Sequence[str]) -> str | None:
        """Say what is not there that we need; `signs`: how the pinned host key may."""
        if not _choose(KEY_EXCHANGES, self.key_exchanges):
            return f"{OLD} no key exchange with SHA-2 (Curve25519, ECDH, or Diffie-Hellman of 2,048 bits or more)"
        if not set(signs) & set(self.host_keys):
            if "rsa-sha2-512" in signs and "ssh-rsa" in self.host_keys:
                return f"{OLD} signatures of its host key with SHA-1 only"
            return "the server's host key is not the one that is pinned: it is of another type"
        if not set(CIPHERS) & set(self.ciphers):
            return f"{OLD} no AES-GCM and no AES-CTR"
        if not {cipher for cipher in CIPHERS if "gcm" in cipher} & set(self.ciphers) and not set(MACS) & set(self.macs):
            return f"{OLD} no AES-GCM, and with AES-CTR no HMAC with SHA-2 (names that end in -etm do not count)"
        return None


async def open_session(
    host: str, port: int, login: Login, host_key: str, proxy: Proxy | None = None
) -> asyncssh.SSHClientConnection:
    """Open a session with the server that has this key, through the proxy where there is one.

    Raises NotReached with the reason.
    """
    pinned, keys = _import_host_key(host_key), _import_login_keys(login)
    signs = _choose(SIGNATURES, map(bytes.decode, pinned.sig_algorithms))
    client = _Watching()
    tunnel = await open_tunnel(proxy, host, port) if proxy else None
    try:
        return await asyncssh.connect(
            *(() if tunnel else (host, port)),
            sock=tunnel,
            client_factory=lambda: client,
            username=login.user,
            password=login.password,
            client_keys=keys,
            known_hosts=([pinned], [], []),
            server_host_key_algs=signs,
            kex_algs=_choose(KEY_EXCHANGES, map(bytes.decode, get_kex_algs())),
            encryption_algs=CIPHERS,
            mac_algs=MACS,
            signature_algs=_choose(SIGNATURES, map(bytes.decode, get_public_key_algs())),
            compression_algs=("none",),
            gss_host=None,
            agent_path=None,
            config=None,
            connect_timeout=CONNECT_SECONDS,
            login_timeout=CONNECT_SECONDS,
        )
    except (TimeoutError, OSError, asyncssh.Error, ValueError) as why:
        agreed, greeted = client.knows("recv_cipher"), client.knows("server_version")
        # Whichever sees first that there is nothing in common breaks off, so what the server says of it is not relied
        # on.
        lacking = await _ask_what_lacks(host, port, signs, proxy) if greeted and not agreed else None
        raise NotReached(lacking or _explain(why, greeted, agreed, keys)) from why


def _choose(wanted: Sequence[str], there: Iterable[str]) -> list[str]:
    """Choose those of what is there that are wanted, in our order: what a library lacks is no fault."""
    known = list(there)
    return [
        algorithm
        for pattern in wanted
        for algorithm in known
        if fnmatch(algorithm, pattern) and not algorithm.startswith("gss-")
    ]


def _import_host_key(text: str) -> asyncssh.SSHKey:
    """Read it as OpenSSH, `ssh-keyscan` or another program writes it: with the host before it, or in
    RFC 4716's form.
    """
    match = HOST_KEY.search(text)
    try:
        return asyncssh.import_public_key(match[0] if match else text)
    except (asyncssh.KeyImportError, ValueError):
        raise NotReached("the host key that is pinned for the server cannot be read") from None


def _import_login_keys(login: Login) -> list[asyncssh.SSHKey] | None:
    if not login.private_key:
        return None
    try:
        return [asyncssh.import_private_key(login.private_key)]
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as why:
        if "assphrase" in str(why):
            raise NotReached("the login key for the server has a passphrase, and must not have one") from None
        raise NotReached("the login key for the server cannot be read: it must be in OpenSSH format or PEM") from None


async def _ask_what_lacks(host: str, port: int, signs: Sequence[str], proxy: Proxy | None) -> str | None:
    """Look at what the server offers, and say what lacks; None where that cannot be told."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            if proxy:
                reader, writer = await asyncio.open_connection(sock=await open_tunnel(proxy, host, port))
            else:
                reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"SSH-2.0-cme-gateway\r\n")
                return (await _read_offer(reader)).lacks(signs)
            finally:
                writer.close()
    except (TimeoutError, OSError, EOFError, ValueError, PacketDecodeError, NotReached):
        return None


async def _read_offer(reader: asyncio.StreamReader) -> _Offer:
    """Read the first packet of a server (RFC 4253, 7.1). Raises ValueError, PacketDecodeError, or OSError."""
    for _ in range(MOST_GREETING_LINES):
        if (await reader.readline()).startswith(b"SSH-"):
            break
    size, padding = unpack(">IB", await reader.readexactly(5))
    if not padding < size <= LONGEST_OFFER:
        raise ValueError("no packet")
    packet = SSHPacket((await reader.readexactly(size - 1))[: size - 1 - padding])
    if packet.get_byte() != KEXINIT:
        raise ValueError("no offer")
    packet.get_bytes(16)
    lists = [[name.decode("ascii", "replace") for name in packet.get_namelist()] for _ in range(6)]
    return _Offer(lists[0], lists[1], lists[2], lists[4])


def _explain(why: BaseException, greeted: bool, agreed: bool, keys: list[asyncssh.SSHKey] | None) -> str:
    """Say in one sentence why there is no session."""
    match why:
        case asyncssh.HostKeyNotVerifiable():
            return "the server's host key is not the one that is pinned"
        case asyncssh.PermissionDenied() if any(b"ssh-rsa" in key.sig_algorithms for key in keys or ()):
            return "the server refused the login: if it accepts RSA with SHA-1 only, use an Ed25519 or ECDSA key"
        case asyncssh.PermissionDenied():
            return "the server refused the login"
        case TimeoutError():
            return "the server did not answer in time"
        case socket.gaierror():
            return "the server cannot be reached: its name cannot be found"
        case ConnectionRefusedError():
            return "the server cannot be reached: nothing answers on its port"
        case asyncssh.DisconnectError() | ConnectionError() if agreed:
            return "the server closed the connection during the login"
        case asyncssh.DisconnectError() | ConnectionError() if greeted:
            return "the server closed the connection when the session began"
        case asyncssh.DisconnectError() | ConnectionError():
            return (
                "the server closed the connection before it used SSH: it may not offer SFTP, or may block this gateway"
            )
        case _:
            return f"the server cannot be reached ({type(why).__name__})"
