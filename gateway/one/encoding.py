"""How the text of a file is written: as its mark says, as UTF-8, or, where it cannot be that, as Windows writes it.

One foreign byte does not spoil the rest: where a file holds accents in UTF-8, bytes that are none of it are marked one
by one. Only where nothing is UTF-8 is it read as Windows-1252, and that is a guess, which whoever reads its names may
find to be wrong.
"""

import codecs
import io
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

CHUNK = 1_048_576
UTF8 = b"\xef\xbb\xbf"
MARKS = ((UTF8, "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
ACCENT = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
ARCHIVES = (
    (b"PK\x03\x04", "it is a ZIP archive or an Excel file; export it as CSV"),
    (b"\xd0\xcf\x11\xe0", "it is an Excel file; export it as CSV"),
    (b"\x1f\x8b", "it is a gzip archive; unpack it"),
    (b"%PDF", "it is a PDF; export it as CSV"),
)


class NotText(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """Why a file is no text, to follow a colon."""


@dataclass(frozen=True, slots=True)
class WrittenText:
    """How a file is written. `guessed`: nothing says so."""

    encoding: str
    guessed: bool = False


def find_encoding(stream: BinaryIO) -> WrittenText:
    """Say how the text is written; the stream is where it begins then.

    Raises NotText where it is none, with the line.
    """
    head = stream.read(4)
    stream.seek(0)
    if why := next((why for mark, why in ARCHIVES if head.startswith(mark)), None):
        raise NotText(why)
    marked = next((encoding for mark, encoding in MARKS if head.startswith(mark)), None)
    try:
        return _read_through(stream, marked)
    finally:
        stream.seek(0)


def _read_through(stream: BinaryIO, marked: str | None) -> WrittenText:
    decoder = codecs.getincrementaldecoder(marked or "utf-8")()
    lines, whole, accents = 1, True, False
    for chunk in iter(lambda: stream.read(CHUNK), b""):
        if marked != "utf-16" and b"\0" in chunk:
            line = lines + chunk[: chunk.index(b"\0")].count(b"\n")
            raise NotText(
                f"line {line} holds a NUL byte, so it is not text, or UTF-16 without its mark; export it as UTF-8"
            )
        accents = accents or bool(ACCENT.search(chunk))
        whole = whole and _decodes(decoder, chunk, marked, lines)
        lines += chunk.count(b"\n")
    if whole and _decodes(decoder, b"", marked, lines, final=True):
        return WrittenText(marked or "utf-8")
    return WrittenText("utf-8") if accents else WrittenText("cp1252", guessed=True)


def _decodes(
    decoder: codecs.IncrementalDecoder, chunk: bytes, marked: str | None, lines: int, *, final: bool = False
) -> bool:
    try:
        decoder.decode(chunk, final=final)
    except UnicodeDecodeError as why:
        if marked is None:
            return False
        line = lines + why.object[: why.start].count(b"\n")
        raise NotText(f"its text breaks off, or is damaged, in line {line}; export it again as UTF-8") from None
    return True


class _TextReader(io.TextIOWrapper):
    """Text of a stream that is its opener's to close."""

    def close(self) -> None:
        """Let go of the stream."""
        with suppress(ValueError):
            self.detach()


def open_text(stream: BinaryIO, written: WrittenText) -> io.TextIOWrapper:
    """Read the stream as text, lines as they end; bytes that are none stand as halves of a pair (`cells.clean_cell`
    marks them).
    """
    return _TextReader(stream, written.encoding, errors="surrogateescape", newline="")
