"""Make a backup of a gateway while it runs, and check one. Neither needs that it is stopped."""

import hashlib
import os
import re
import shutil
import tarfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from tempfile import mkdtemp
from typing import IO

from gateway.backups.archive import ASIDE, DATABASE, HOME, add_file, list_home_files, read_members
from gateway.context import Gateway
from gateway.errors import NotAllowed, NotFound, Unusable, find_disk_error
from gateway.store import audit_log
from gateway.store.audit_log import AuditEntry
from gateway.store.database import get_newest_revision
from gateway.store.database_copy import copy_database
from keys.backup_file import BackupHeader, BackupOpener, BackupSealer

ENDING = ".cme-backup"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was checked from its first byte to its last."""

    file: Path
    header: BackupHeader
    sha256: str
    files: int


@dataclass(frozen=True, slots=True)
class MadeBackup:
    """A new backup, the older ones that were deleted for it, and what of the home folder it does not hold."""

    backup: Backup
    deleted: tuple[Path, ...]
    # Links, which may lead anywhere.
    left_out: tuple[str, ...]


def make_backup(gw: Gateway, to: Path, passphrase: bytes, *, by: str, keep: int = 0) -> MadeBackup:
    """Back up the home folder and the database into one encrypted file, and check it.

    Args:
        gw: the gateway; it may be running.
        to: a new file, or a folder, in which the file is named by authority and time.
        passphrase: the recovery passphrase.
        by: who asked for it.
        keep: of a folder: how many backups of this authority stay in it; 0 for all.

    Raises NotAllowed, Unusable, StoreUnavailable; BackupRefused.
    """
    now = gw.now()
    file = to / f"{_begin_name(gw.code)}{now.astimezone(UTC):%Y%m%dT%H%M%SZ}{ENDING}" if to.is_dir() else to
    if file.exists():
        raise NotAllowed("backup.exists", path=file)
    if file.resolve().is_relative_to(gw.config.home.resolve()):
        raise NotAllowed("backup.in-home", home=gw.config.home)
    header = BackupHeader(
        gw.code,
        gw.own_card.identity.hex(),
        now,
        "postgresql" if gw.store.is_shared else "sqlite",
        get_newest_revision(),
    )
    try:
        _write_backup(gw, file, header, passphrase)
    except OSError as why:
        raise find_disk_error(why) or Unusable("backup.unwritable", path=file, why=why.strerror) from None
    made = check_backup(file, passphrase)
    entry = AuditEntry("backup.made", by, gw.code, detail={"files": made.files, "sha256": made.sha256})
    gw.store.run(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))
    old = _delete_old(to, gw.code, keep) if keep and to.is_dir() else []
    links = [path.relative_to(gw.config.home).as_posix() for path in gw.config.home.rglob("*") if path.is_symlink()]
    return MadeBackup(made, tuple(old), tuple(sorted(links)))


def check_backup(file: Path, passphrase: bytes) -> Backup:
    """Read a backup whole, check every byte of it, and write nothing.

    Raises BackupRefused (`backup.*`), NotFound, Unusable.
    """
    digest = hashlib.sha256()

    def read(size: int) -> bytes:
        got = opened.read(size)
        digest.update(got)
        return got

    with open_backup_file(file) as opened:
        opener = BackupOpener(read, passphrase)
        databases = files = 0
        for member in read_members(opener):
            databases, files = databases + (member.place is None), files + (member.place is not None)
        if databases != 1:
            raise Unusable("backup.content")
    return Backup(file, opener.header, digest.hexdigest(), files)


def open_backup_file(file: Path) -> IO[bytes]:
    """Open the file for reading. Raises NotFound, Unusable."""
    try:
        return file.open("rb")
    except FileNotFoundError:
        raise NotFound("file.not-found", file=file) from None
    except OSError as why:
        raise Unusable("file.unreadable", file=file, why=why.strerror) from None


def _write_backup(gw: Gateway, file: Path, header: BackupHeader, passphrase: bytes) -> None:
    home = gw.config.home
    # Of a command that was killed.
    for left in home.glob(f"{ASIDE[0]}*"):
        shutil.rmtree(left, ignore_errors=True)
    aside = Path(mkdtemp(prefix=ASIDE[0], dir=home))
    part = file.with_name(f".{file.name}.part")
    try:
        copy = aside / DATABASE
        copy_database(gw.store, copy)
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            sealer = BackupSealer(header, passphrase, out.write)
            with tarfile.open(fileobj=sealer, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
                add_file(archive, DATABASE, copy)
                folder = gw.store.folder
                database = Path(gw.store.engine.url.database or "").resolve() if folder else None
                for place, path in list_home_files(home, database):
                    add_file(archive, f"{HOME}/{place}", path)
            sealer.close()
            out.flush()
            os.fsync(out.fileno())
        part.rename(file)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _begin_name(authority: str) -> str:
    return f"cme-gateway-{authority}-"


def _delete_old(folder: Path, authority: str, keep: int) -> list[Path]:
    """Delete all but the newest of this authority; files of other names stay."""
    form = re.compile(rf"{re.escape(_begin_name(authority))}[0-9]{{8}}T[0-9]{{6}}Z{re.escape(ENDING)}")
    ours = sorted(path for path in folder.iterdir() if form.fullmatch(path.name))
    old = ours[:-keep]
    for path in old:
        path.unlink(missing_ok=True)
    return old
