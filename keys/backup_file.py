"""The form of a backup: a stream of any length, encrypted and authenticated under a recovery passphrase.

    first line              cme-gateway-backup 1
    second line             the header, one JSON object: whose backup, of when, salt and costs of scrypt (RFC 7914)
    16 bytes                the tag of these two lines
    chunks                  64 KiB each, the last of any length, each with a tag of 16 bytes

The key is made from the passphrase and a salt of this file alone. Chunks are AES-256-GCM in the STREAM construction
(Hoang, Reyhanitabar, Rogaway, Vizar: Online Authenticated-Encryption, 2015; age and Tink use it too): the nonce of each
is its number and whether it is the last, so that none can be altered, left out, repeated, put in another place, or cut
off. Nothing of a chunk is given out before its tag was checked. No file is touched here.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys import jose, key_file, shape
from keys.errors import RefusalCode, build_refusal

FIRST_LINE = b"cme-gateway-backup 1\n"
# What every version's first line begins with.
KIND = FIRST_LINE[:-2]
MAX_HEADER_BYTES = 2_048
CHUNK_BYTES = 65_536
TAG_BYTES = 16
SALT_BYTES = 16
COUNTER_BYTES = 11
# Of a passphrase; 128 bits in the shortest form that people copy are more.
LEAST_PASSPHRASE_BYTES = 20


@dataclass(frozen=True, slots=True)
class BackupHeader:
    """Whose backup it is, and of when; it stands in the clear, and is authenticated."""

    authority: str
    # Public, hex.
    identity: str
    made_at: datetime
    # The kind of the database, "sqlite" or "postgresql", and its revision.
    database: str
    revision: str


class BackupSealer:
    """Encrypts what is written to it, and passes it on."""

    def __init__(self, header: BackupHeader, passphrase: bytes, pass_on: Callable[[bytes], object]) -> None:
        """Begin a backup.

        Args:
            header: what is said in the clear.
            passphrase: at least 20 bytes.
            pass_on: takes the bytes of the file, in order.

        Raises:
            BackupRefused: `backup.weak-passphrase`.
        """
        if len(passphrase) < LEAST_PASSPHRASE_BYTES:
            raise build_refusal(RefusalCode.BACKUP_WEAK_PASSPHRASE)
        salt = token_bytes(SALT_BYTES)
        lines = FIRST_LINE + json.dumps(_write_header(header, salt), separators=(",", ":")).encode("ascii") + b"\n"
        self._cipher = key_file.derive_cipher(passphrase, salt, key_file.SCRYPT)
        self._pass_on, self._number, self._waiting = pass_on, 1, bytearray()
        pass_on(lines + self._cipher.encrypt(_nonce(0, is_last=False), b"", lines))

    def write(self, plain: bytes) -> int:
        """Take more of what is backed up; return how many bytes, as a file does."""
        self._waiting += plain
        # One is kept back, for the last is marked as the last.
        while len(self._waiting) > CHUNK_BYTES:
            self._seal_chunk(bytes(self._waiting[:CHUNK_BYTES]), is_last=False)
            del self._waiting[:CHUNK_BYTES]
        return len(plain)

    def close(self) -> None:
        """Write the last chunk. A file without it is refused."""
        self._seal_chunk(bytes(self._waiting), is_last=True)
        self._waiting.clear()

    def _seal_chunk(self, plain: bytes, *, is_last: bool) -> None:
        self._pass_on(self._cipher.encrypt(_nonce(self._number, is_last=is_last), plain, None))
        self._number += 1


class BackupOpener:
    """Decrypts a backup as it is read, and gives out nothing that was not checked."""

    def __init__(self, read: Callable[[int], bytes], passphrase: bytes) -> None:
        """Read and check the header.

        Args:
            read: gives at most so many bytes of the file, and none at its end only.
            passphrase: the one with which it was made.

        Raises:
            BackupRefused: `backup.unreadable`, `backup.newer`, `backup.passphrase` where it is another, or the header
                was changed.
        """
        self.header, salt_and_cost, lines = _read_lines(read)
        self._cipher: AESGCM = key_file.derive_cipher(passphrase, *salt_and_cost)
        try:
            self._cipher.decrypt(_nonce(0, is_last=False), _read_whole(read, TAG_BYTES), lines)
        except InvalidTag:
            raise build_refusal(RefusalCode.BACKUP_PASSPHRASE) from None
        self._chunks = self._open_chunks(read)
        self._ready = b""

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`, and none only after the last chunk was checked.

        Raises:
            BackupRefused: `backup.altered`; `backup.cut` where the end is missing.
        """
        while not self._ready:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._ready = chunk
        given, self._ready = self._ready[:size], self._ready[size:]
        return given

    def _open_chunks(self, read: Callable[[int], bytes]) -> Iterator[bytes]:
        number, sealed = 1, _read_whole(read, CHUNK_BYTES + TAG_BYTES)
        while following := _read_whole(read, CHUNK_BYTES + TAG_BYTES):
            plain = self._open_chunk(number, sealed, is_last=False)
            if plain is None:
                raise build_refusal(RefusalCode.BACKUP_ALTERED)
            yield plain
            number, sealed = number + 1, following
        plain = self._open_chunk(number, sealed, is_last=True)
        if plain is None:
            is_cut = not sealed or self._open_chunk(number, sealed, is_last=False) is not None
            raise build_refusal(RefusalCode.BACKUP_CUT if is_cut else RefusalCode.BACKUP_ALTERED)
        yield plain

    def _open_chunk(self, number: int, sealed: bytes, *, is_last: bool) -> bytes | None:
        try:
            return self._cipher.decrypt(_nonce(number, is_last=is_last), sealed, None)
        except (InvalidTag, ValueError):
            return None


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(COUNTER_BYTES) + bytes([is_last])


def _read_whole(read: Callable[[int], bytes], size: int) -> bytes:
    """Read so many bytes, or as many as there are."""
    got = bytearray()
    while len(got) < size and (more := read(size - len(got))):
        got += more
    return bytes(got)


def _read_lines(read: Callable[[int], bytes]) -> tuple[BackupHeader, tuple[bytes, dict[str, int]], bytes]:
    first = _read_whole(read, len(FIRST_LINE))
    if first != FIRST_LINE:
        is_newer = first.startswith(KIND)
        raise build_refusal(RefusalCode.BACKUP_NEWER if is_newer else RefusalCode.BACKUP_UNREADABLE)
    second = bytearray()
    while not second.endswith(b"\n"):
        more = read(1)
        if not more or len(second) >= MAX_HEADER_BYTES:
            raise build_refusal(RefusalCode.BACKUP_UNREADABLE)
        second += more
    try:
        return *_read_header(jose.read_object(bytes(second))), first + bytes(second)
    except ValueError:
        raise build_refusal(RefusalCode.BACKUP_UNREADABLE) from None


def _write_header(header: BackupHeader, salt: bytes) -> dict[str, object]:
    return {
        "authority": header.authority,
        "identity": header.identity,
        "made_at": jose.write_seconds(header.made_at),
        "database": header.database,
        "revision": header.revision,
        "kdf": key_file.write_cost(salt, key_file.SCRYPT),
    }


def _read_header(claims: object) -> tuple[BackupHeader, tuple[bytes, dict[str, int]]]:
    members = shape.read_members(claims, "authority identity made_at database revision kdf")
    header = BackupHeader(
        shape.read_name(members["authority"]),
        shape.read_digest(members["identity"]),
        jose.read_moment(members["made_at"]),
        shape.read_one_of(members["database"], "sqlite postgresql"),
        shape.read_name(members["revision"]),
    )
    return header, key_file.read_cost(members["kdf"])
