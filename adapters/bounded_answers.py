"""What a server answers, read to its end, whatever its framing: with a length, in chunks, or until it closes.

A proxy on the way may compress and stream whatever was asked for (RFC 9110, 8.4; RFC 9112, 7). So the end is where the
framing says, never where a header promises; and a bound holds for what is read as it is unpacked, so that a small
answer cannot swell. Whoever reads sets `auto_decompress=False` on the session, for aiohttp unpacks a part whole before
anybody can look at its size.
"""

import asyncio
import zlib

import aiohttp

from adapters.route import NotReached

PART_BYTES = 65_536
# zlib's window bits.
GZIP_OR_ZLIB, RAW = 47, -15
# Of gzip in one answer: what follows each is copied, so thousands would cost the square of their number.
MOST_MEMBERS = 16
PACKED = ("gzip", "x-gzip", "deflate")
# What is asked for; what comes may be otherwise.
PLAIN = {"Accept-Encoding": "identity"}


class AnswerTooLong(NotReached):
    """The answer is longer than it may be."""

    def __init__(self, most: int) -> None:
        """`most`: bytes that it may have."""
        super().__init__(f"the answer is longer than {most} bytes")


async def read_answer(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Read the whole body, unpacked, of `most` bytes at most.

    Raises TooLong where it is longer, NotReached where it is packed in a way that is not read here; aiohttp.ClientError
    where it breaks off.
    """
    packing = answer.headers.get("Content-Encoding", "").strip().lower() or "identity"
    if packing not in ("identity", *PACKED):
        raise NotReached(f"the answer is compressed in a way that was not asked for ({packing[:20]!a})")
    body = bytearray()
    async for part in answer.content.iter_chunked(PART_BYTES):
        body += part
        # Packed, it is no longer than that either, but for what cannot be packed.
        if len(body) > most:
            raise AnswerTooLong(most)
    if packing == "identity" or not body:
        return bytes(body)
    # A large one takes the better part of a second.
    return await asyncio.to_thread(_unpack, bytes(body), most)


def _unpack(packed: bytes, most: int) -> bytes:
    """Unpack all of it: gzip in one or more members (RFC 1952, 2.2), zlib, or what some servers send as "deflate"."""
    body, window = bytearray(), GZIP_OR_ZLIB if _has_head(packed) else RAW
    for _ in range(MOST_MEMBERS):
        unpacker = zlib.decompressobj(window)
        try:
            body += unpacker.decompress(packed, most + 1 - len(body))
        except zlib.error:
            raise NotReached("the answer cannot be decompressed") from None
        if len(body) > most:
            raise AnswerTooLong(most)
        if not unpacker.eof:
            raise NotReached("the answer is not complete")
        packed = unpacker.unused_data
        if not packed:
            return bytes(body)
    raise NotReached("the answer cannot be decompressed: it has too many parts")


def _has_head(packed: bytes) -> bool:
    """Does it begin as gzip (RFC 1952, 2.3.1), or as zlib (RFC 1950, 2.2)?"""
    return packed[:2] == b"\x1f\x8b" or (packed[0] & 15 == 8 and int.from_bytes(packed[:2]) % 31 == 0)
