"""What a backup holds: a tar archive (POSIX pax) inside the encrypted form of `keys.backup_file`.

    database            a copy of the database, of one moment
    home/...            every file of the home folder, but for the database

The database is copied first, so that the keys of the backup are never older than what was encrypted with them. Names of
members are read strictly, though nobody without the passphrase could have written one.
"""

import io
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from gateway.errors import NotFound, Unusable
from keys.backup_file import BackupOpener

DATABASE = "database"
HOME = "home"
# Files of work in progress in the home folder begin so; an interrupted command may have left one.
ASIDE = (".backup-", ".restore", ".init")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a backup; its place below the home folder is None for the copy of the database."""

    place: PurePosixPath | None
    mode: int
    content: IO[bytes]


def read_passphrase(file: Path) -> bytes:
    """Read a recovery passphrase from a file, without the end of its line. Raises NotFound, Unusable."""
    try:
        return file.read_bytes().rstrip(b"\r\n")
    except FileNotFoundError:
        raise NotFound("file.not-found", file=file) from None
    except OSError as why:
        raise Unusable("file.unreadable", file=file, why=why.strerror) from None


def list_home_files(home: Path, database: Path | None) -> Iterator[tuple[str, Path]]:
    """Yield each regular file of the home folder with its place, but for the database; no link is followed."""
    without = {Path(f"{database}{end}") for end in ("", "-wal", "-shm", "-journal")} if database else set()
    for folder, folders, files in os.walk(home):
        folders[:] = sorted(name for name in folders if not name.startswith(ASIDE))
        for name in sorted(files):
            path = Path(folder, name)
            if path.resolve() not in without and not name.startswith(ASIDE) and stat.S_ISREG(path.lstat().st_mode):
                yield path.relative_to(home).as_posix(), path


def add_file(archive: tarfile.TarFile, name: str, path: Path) -> None:
    """Add one file as it is now. One that is gone meanwhile is left out: only files of work in progress come and go."""
    try:
        opened = path.open("rb")
    except FileNotFoundError:
        return
    with opened as file:
        status = os.fstat(file.fileno())
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = status.st_size, status.st_mode & 0o700, int(status.st_mtime)
        # A log grows meanwhile; a file that shrinks is filled up.
        archive.addfile(member, io.BufferedReader(_Whole(file, status.st_size)))


class _Whole(io.RawIOBase):
    """Exactly so many bytes of a file, whatever becomes of it."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = min(len(buffer), self._left)
        got = self._file.read(size)
        buffer[:size] = got + bytes(size - len(got))
        self._left -= size
        return size


def read_members(opener: BackupOpener) -> Iterator[Member]:
    """Yield every file of a backup, in order. After the last, the end of the backup has been checked.

    Raises BackupRefused; Unusable `backup.content` where it holds what no backup holds.
    """
    try:
        with tarfile.open(fileobj=opener, mode="r|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
            for entry in archive:
                content = archive.extractfile(entry) if entry.isreg() else None
                name = PurePosixPath(entry.name)
                if content is None or not _is_name(name):
                    raise Unusable("backup.content")
                place = None if entry.name == DATABASE else name.relative_to(HOME)
                yield Member(place, entry.mode & 0o700, content)
    except tarfile.TarError:
        raise Unusable("backup.content") from None
    while opener.read(65_536):
        pass


def _is_name(name: PurePosixPath) -> bool:
    if name.as_posix() == DATABASE:
        return True
    return len(name.parts) > 1 and name.parts[0] == HOME and ".." not in name.parts
