"""A folder that we share with another program: whoever may write there may also put links, pipes and devices there.

So nothing in it is opened by a path: a folder is held open, and a name is looked up in that folder alone. Only regular
files with one name are read. What we put there is a new file, hidden until it is whole.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# A pipe is opened without waiting.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Besides us, only the folder's group may read what we put there.
RIGHTS = 0o640
# Ends the names of files that are being written.
HALF = ".cme-half"
NO_FILE = "links, folders, pipes or devices, which are never followed or read"
TWO_NAMES = "files that have a second name elsewhere (a hard link)"
UNREADABLE = "files that cannot be read"


class NotTaken(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """Why what lies there is not read: NO_FILE, TWO_NAMES or UNREADABLE."""


@dataclass(frozen=True, slots=True)
class Version:
    """A file as it was: another size or moment is another file, or one that grew."""

    size: int
    # Nanoseconds, as the file system says.
    modified: int


@contextmanager
def open_folder(path: Path) -> Iterator[int]:
    """Hold a folder that a setting names, to look names up in it. Raises OSError."""
    folder = os.open(path, FOLDER)
    try:
        yield folder
    finally:
        os.close(folder)


@contextmanager
def open_inner_folder(folder: int, name: str) -> Iterator[int]:
    """Hold a folder within a shared one; a link to a folder is none. Raises NotTaken."""
    try:
        inner = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    except OSError:
        raise NotTaken(NO_FILE) from None
    try:
        yield inner
    finally:
        os.close(inner)


def find_version(folder: int, name: str) -> tuple[Version, int] | None:
    """Say how a regular file stands there under this name, and its number; None where none does. Raises OSError."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return (_version(status), status.st_ino) if stat.S_ISREG(status.st_mode) else None


@contextmanager
def open_file(folder: int, name: str) -> Iterator[int]:
    """Open a regular file for reading, without following, waiting or touching anything else.

    Raises NotTaken, and FileNotFoundError where it is gone.
    """
    try:
        # a device is not even opened: that alone may have an effect
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise NotTaken(NO_FILE)
        file = os.open(name, READ, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as why:
        # it was a file, and became a link before it was opened
        raise NotTaken(NO_FILE if why.errno in (errno.ELOOP, errno.ENXIO) else UNREADABLE) from None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise NotTaken(NO_FILE)
        if status.st_nlink > 1:
            raise NotTaken(TWO_NAMES)
        yield file
    finally:
        os.close(file)


def version_of(file: int) -> tuple[Version, int]:
    """Say how an open file stands, and its number."""
    status = os.fstat(file)
    return _version(status), status.st_ino


def _version(status: os.stat_result) -> Version:
    return Version(status.st_size, status.st_mtime_ns)


def put_hidden(folder: int, hidden: str, text: bytes, rights: int = RIGHTS) -> None:
    """Write a new file that its reader does not see yet, whole and on the disk.

    Raises OSError, also where the name is taken.
    """
    with os.fdopen(os.open(hidden, NEW, rights, dir_fd=folder), "wb") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def reveal_file(folder: int, hidden: str, name: str) -> None:
    """Give it the name under which its reader takes it; a link of that name is replaced, never followed.

    Raises OSError.
    """
    os.rename(hidden, name, src_dir_fd=folder, dst_dir_fd=folder)
    # Some file servers cannot; the name is there.
    with suppress(OSError):
        os.fsync(folder)


def put_file(folder: int, name: str, text: bytes, rights: int = RIGHTS) -> None:
    """Put a file there, whole or not at all. Raises OSError."""
    hidden = f".{token_hex(8)}{HALF}"
    try:
        put_hidden(folder, hidden, text, rights)
        reveal_file(folder, hidden, name)
    except OSError:
        with suppress(OSError):
            os.unlink(hidden, dir_fd=folder)
        raise
