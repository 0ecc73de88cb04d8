"""The archive in which ONS publishes its Postcode Directory: one table, or a part for each area, and other files beside
them.

Which tables are of the directory is seen by their headings, not by size or name. Where there is a whole table beside
the parts it is read alone; otherwise every part is. All of it is read through once before, so that nothing is taken in
of a damaged archive.
"""

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from zipfile import ZipFile, ZipInfo

# Of a directory, unpacked; one has some 1.3 GB.
MAX_BYTES = 4_294_967_296
# Times its packed size; one has some ten.
MOST_SWELLING = 100
# Bytes of the line with the headings.
MAX_HEAD = 65_536
# In an archive; there are some 130.
MAX_TABLES = 2_000
CHUNK = 1_048_576
# Of all parts: a table of so many bytes has their rows.
WHOLE = 0.99
RELEASE = re.compile("(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[A-Z]*_?20[0-9]{2}", re.IGNORECASE)
ZIP = b"PK\x03\x04"
OTHERS = {b"\x1f\x8b": "gzip", b"7z\xbc\xaf": "7z", b"Rar!": "RAR", b"BZh": "bzip2", b"\xfd7zX": "xz"}
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error, UnicodeDecodeError)


class NoTable(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """Why there is no directory in it, to follow a colon."""


class Damaged(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """What of it is damaged, to follow a colon."""


def is_archive(file: Path) -> bool:
    """Tell whether it is a ZIP archive, or what is left of one.

    Raises NoTable where it is another archive, or OSError.
    """
    with file.open("rb") as stream:
        head = stream.read(4)
    if other := next((name for mark, name in OTHERS.items() if head.startswith(mark)), None):
        raise NoTable(f"it is a {other} archive; unpack it first")
    return head == ZIP or zipfile.is_zipfile(file)


@contextmanager
def open_archive(file: Path, is_directory: Callable[[str], bool]) -> Iterator[tuple[BinaryIO, int]]:
    """Yield the directory in it as bytes, and how many.

    Raises NoTable, Damaged, or OSError, before any of it is given.
    """
    archive = _open_zip(file)
    with archive:
        try:
            chosen = _choose_tables(archive, is_directory)
            _read_through(archive, chosen)
        except BROKEN:
            raise Damaged("what it holds cannot be unpacked") from None
        except (RuntimeError, NotImplementedError):
            raise NoTable("the archive is locked with a password, or packed in a way that is not read here") from None
        yield io.BufferedReader(_Joined(archive, chosen), CHUNK), sum(entry.file_size for entry in chosen)


def _open_zip(file: Path) -> ZipFile:
    try:
        return ZipFile(file)
    except BROKEN:
        raise Damaged("it breaks off, or its list of files is missing") from None


def _choose_tables(archive: ZipFile, is_directory: Callable[[str], bool]) -> list[ZipInfo]:
    """Choose the tables that make the directory."""
    entries = [
        entry
        for entry in archive.infolist()
        if not entry.is_dir() and not PurePosixPath(entry.filename).name.startswith(".")
    ]
    tables = [entry for entry in entries if entry.filename.lower().endswith((".csv", ".txt"))]
    if len(tables) > MAX_TABLES:
        raise NoTable(f"the archive holds more than {MAX_TABLES} tables")
    heads = {entry.filename: _read_head(archive, entry) for entry in tables}
    chosen = [entry for entry in tables if is_directory(heads[entry.filename])]
    if not chosen:
        within = any(entry.filename.lower().endswith((".zip", ".7z", ".gz")) for entry in entries)
        more = "; it holds another archive, which is unpacked first" if within else ""
        raise NoTable(f"the archive holds no CSV file with a directory{more}")
    chosen = _drop_parts(chosen, heads)
    releases = {match[0].upper() for entry in chosen if (match := RELEASE.search(PurePosixPath(entry.filename).name))}
    if len(releases) > 1:
        raise NoTable(f"the archive holds more than one release ({', '.join(sorted(releases))})")
    if len({heads[entry.filename].strip().lower() for entry in chosen}) > 1:
        raise NoTable("its parts do not have the same columns")
    if sum(entry.file_size for entry in chosen) > MAX_BYTES or any(
        entry.file_size > MOST_SWELLING * max(entry.compress_size, 1) for entry in chosen
    ):
        raise NoTable("the archive swells to more than a directory holds")
    return chosen


def _read_head(archive: ZipFile, entry: ZipInfo) -> str:
    with archive.open(entry) as stream:
        return stream.readline(MAX_HEAD).decode("latin-1")


def _drop_parts(tables: Sequence[ZipInfo], heads: dict[str, str]) -> list[ZipInfo]:
    """Return the whole table alone, where it lies in another folder than the parts and has as many bytes of rows as
    all.
    """
    size = {entry.filename: entry.file_size - len(heads[entry.filename]) for entry in tables}
    largest = max(tables, key=lambda entry: size[entry.filename])
    others = [entry for entry in tables if entry is not largest]
    apart = all(_get_folder(entry) != _get_folder(largest) for entry in others)
    if apart and size[largest.filename] >= WHOLE * sum(size[entry.filename] for entry in others):
        return [largest]
    return sorted(tables, key=lambda entry: entry.filename)


def _get_folder(entry: ZipInfo) -> PurePosixPath:
    return PurePosixPath(entry.filename).parent


def _read_through(archive: ZipFile, chosen: Sequence[ZipInfo]) -> None:
    """Read all of it once. Raises BadZipFile where what it holds is not what was packed."""
    for entry in chosen:
        with archive.open(entry) as stream:
            while stream.read(CHUNK):
                pass


class _Joined(io.RawIOBase):
    """The tables one after the other, under the headings of the first."""

    def __init__(self, archive: ZipFile, chosen: Sequence[ZipInfo]) -> None:
        self._pieces = _iterate_pieces(archive, chosen)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(view), len(self._rest))
        view[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def _iterate_pieces(archive: ZipFile, chosen: Sequence[ZipInfo]) -> Iterator[bytes]:
    for number, entry in enumerate(chosen):
        with archive.open(entry) as stream:
            head = stream.readline(MAX_HEAD)
            if not number:
                yield head
            last = b"\n"
            while chunk := stream.read(CHUNK):
                yield chunk
                last = chunk[-1:]
            if last != b"\n":
                yield b"\r\n"
