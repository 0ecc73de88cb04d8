"""Files on an SFTP server, left whole and taken once, whatever the server makes of it.

What failed is said for what it was.

A file is best written under a hidden name and then renamed, so that nobody sees a half of one. Some servers take no
hidden names, some take away what is closed to have it scanned, and some let nobody rename: then it is written under a
plain name, or at last under its own. Whoever takes it holds it against the digest in its name, and waits while it still
grows.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256

import asyncssh

LOST = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)
GONE = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
DENIED = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect, asyncssh.SFTPCannotDelete)
# In what servers say.
FULL = ("no space", "disk full", "disk is full", "not enough space", "out of space", "quota")
# What servers and editors put around a line of ours, which has none of it.
AROUND = b" \t\r\x1a\xef\xbb\xbf"
# Of one file.
MAX_BYTES = 16_777_216
# Of one file; ours hold a hundred.
MOST_LINES = 1_000
# Between two readings of what is not yet as its name says.
SETTLE_SECONDS = 2.0
# Seconds of one visit, for all of its files: many that were changed must not use it up.
MOST_SETTLING = 10.0
# How a file is left: under which name it is written first ("" is its own). What did not go one way is tried the next.
WAYS = (".{}.part", "{}.part", "")
LIST, WRITE, RENAME, CLAIM, READ, REMOVE = (
    "list the folder",
    "write there",
    "rename a new file",
    "mark a file as taken",
    "read a file",
    "remove a file",
)


@contextmanager
def note_action(what: str) -> Iterator[None]:
    """Note with what goes wrong inside what was being done."""
    try:
        yield
    except asyncssh.SFTPError as why:
        if not getattr(why, "__notes__", ()):
            why.add_note(what)
        raise


def explain_error(why: asyncssh.SFTPError) -> str:
    """Say in one sentence what the server did not do."""
    what = next(iter(getattr(why, "__notes__", ())), "do it")
    reason = str(why.reason).lower()
    if isinstance(why, asyncssh.SFTPNoSpaceOnFilesystem | asyncssh.SFTPQuotaExceeded) or any(
        word in reason for word in FULL
    ):
        return "the server's disk is full, or the gateway's share of it"
    if isinstance(why, DENIED):
        return f"the server does not let the gateway {what}"
    if isinstance(why, (*GONE, asyncssh.SFTPNotADirectory)):
        return {
            RENAME: "a new file disappeared: the server moves new files away",
            CLAIM: "a file disappeared before it was taken",
            READ: "a file disappeared before it was read",
            REMOVE: "a file disappeared before it was removed",
        }.get(what, "the folder is not on the server")
    if isinstance(why, asyncssh.SFTPOpUnsupported):
        return f"the server does not support a command to {what}"
    if isinstance(why, asyncssh.SFTPInvalidFilename):
        return "the server does not accept the gateway's file names"
    if isinstance(why, LOST):
        return "the connection was lost"
    if isinstance(why, asyncssh.SFTPBadMessage):
        return "the server's answer is not SFTP"
    return f"the server failed to {what}" + ("; its disk may be full" if what == WRITE else "")


def compute_digest(bundle: bytes) -> str:
    """Return the digest by which a bundle is named."""
    return sha256(bundle).hexdigest()


async def leave_file(server: asyncssh.SFTPClient, folder: str, name: str, content: bytes, *, way: int = 0) -> int:
    """Put a file there whole: the way, of WAYS, that it went. `way`: the first that is tried."""
    while True:
        try:
            await _leave(server, folder, name, content, WAYS[way])
        except LOST:
            raise
        except asyncssh.SFTPError as why:
            if way == len(WAYS) - 1:
                raise
            moved = RENAME in getattr(why, "__notes__", ()) and isinstance(why, GONE)
            way = len(WAYS) - 1 if moved else way + 1
        else:
            return way


async def _leave(server: asyncssh.SFTPClient, folder: str, name: str, content: bytes, first: str) -> None:
    path = f"{folder}/{name}"
    half = f"{folder}/{first.format(compute_digest(content))}" if first else path
    if not first and await _size(server, path) == len(content):
        # It lies there: names are digests.
        return
    try:
        with note_action(WRITE):
            async with server.open(half, "wb") as file:
                await file.write(content)
        with note_action(RENAME):
            if first:
                await rename_over(server, half, path)
            else:
                await _check_there(server, path)
    except asyncssh.SFTPError:
        with suppress(asyncssh.SFTPError):
            # Or it would fill the disk on which there was no room for it.
            await server.remove(half)
        raise


async def _check_there(server: asyncssh.SFTPClient, path: str) -> None:
    """What a server has taken away at once may come back when it was scanned: the next try will see.

    Raises SFTPNoSuchFile.
    """
    try:
        await server.stat(path)
    except (*LOST, *GONE):
        raise
    except asyncssh.SFTPError:
        # It does not say.
        return


async def _size(server: asyncssh.SFTPClient, path: str) -> int | None:
    try:
        return (await server.stat(path)).size
    except asyncssh.SFTPError as why:
        if isinstance(why, LOST):
            raise
        return None


async def rename_over(server: asyncssh.SFTPClient, old: str, new: str) -> None:
    """Give it its name; where that is taken, the same stands in it: names are digests.

    The plain rename comes first, because every server has it, and the name is new but after a crash.
    """
    try:
        await server.rename(old, new)
    except (asyncssh.SFTPOpUnsupported, asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
        try:
            await server.posix_rename(old, new)
        except (asyncssh.SFTPOpUnsupported, asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists) as why:
            try:
                await server.remove(new)
            except GONE:
                # So it was no name that was taken.
                raise why from None
            await server.rename(old, new)


async def read_lines(server: asyncssh.SFTPClient, path: str, named: str | None, until: float) -> Sequence[bytes]:
    """Read a file's lines, whatever ends them.

    `named`: the digest that its name gives; while it differs and the file grows, wait, but not longer than `until`
    (monotonic).
    """
    content = await _read(server, path)
    lines = split_lines(content)
    while named is not None and compute_digest(b"\n".join(lines)) != named and time.monotonic() < until:
        await asyncio.sleep(SETTLE_SECONDS)
        before, content = content, await _read(server, path)
        lines = split_lines(content)
        # It is whole, and was changed: the seals tell what is still good of it.
        if content == before:
            break
    return lines


def split_lines(content: bytes) -> Sequence[bytes]:
    """Return the lines of a bundle, without what a server in text mode makes of their ends."""
    lines = content.replace(b"\r", b"\n").split(b"\n", 2 * MOST_LINES)
    return tuple(line for raw_line in lines[: 2 * MOST_LINES] if (line := raw_line.strip(AROUND)))[:MOST_LINES]


async def _read(server: asyncssh.SFTPClient, path: str) -> bytes:
    with note_action(READ):
        async with server.open(path, "rb") as file:
            content = bytes(await file.read(MAX_BYTES + 1))  # type: ignore[arg-type]  # opened for bytes
    if len(content) > MAX_BYTES:
        raise asyncssh.SFTPFailure("the server sends more of a file than the size it gives")
    return content
