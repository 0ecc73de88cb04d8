"""Put a backup back into a new home folder and an empty database, or refuse it before anything is written.

The whole file is checked first. Everything is then written aside, opened as a start would open it, marked as restored,
and moved in with its settings last: before that, nothing there can be served.
"""

import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from json import dumps
from pathlib import Path

from gateway import home_folder
from gateway.auditing import audit
from gateway.backups.archive import Member, read_members
from gateway.backups.make import Backup, check_backup, open_backup_file
from gateway.context import Gateway
from gateway.errors import NotAllowed, Unusable, find_disk_error
from gateway.settings.config import Config
from gateway.settings.file import parse
from gateway.settings.rules import FILE
from gateway.store import audit_log
from gateway.store.audit_log import AuditEntry
from gateway.store.database import PRIVATE, Store, Tx, list_known_revisions
from gateway.store.database_copy import fill_database
from keys.backup_file import BackupOpener

ASIDE = ".restore"
COPY = ".restore-database"
STORE_SECTION = re.compile(r"(^\[store\]\s*$(?:\n(?!\s*\[).*)*?\n\s*url\s*=)[^\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RestoreTarget:
    """Where a backup is restored to, and whose it must be."""

    # There is no gateway in it; it is made.
    home: Path
    # Another database than the settings of the backup name; empty for that one. It must be empty.
    store_url: str = ""
    # The DfE code of whose backup it must be; empty for any.
    authority: str = ""


def restore_backup(file: Path, passphrase: bytes, target: RestoreTarget, *, by: str) -> Backup:
    """Restore a backup that was made with this recovery passphrase.

    Raises BackupRefused, NotAllowed, ConfigProblem, Unusable, StoreUnavailable. Then nothing is there that serves.
    """
    home = target.home
    backup = check_backup(file, passphrase)
    if target.authority and backup.header.authority != target.authority:
        raise NotAllowed("backup.foreign", theirs=backup.header.authority, ours=target.authority)
    if backup.header.revision not in list_known_revisions():
        raise NotAllowed("backup.newer-database")
    home_folder.check_no_gateway(home)
    aside = home / ASIDE
    try:
        home.mkdir(mode=home_folder.PRIVATE, parents=True, exist_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=home_folder.PRIVATE)
        _unpack_backup(file, passphrase, aside, backup)
        _open_aside(aside, backup, target.store_url, by)
        _move_in(aside, home)
    except OSError as why:
        raise find_disk_error(why) or Unusable("home.unwritable", home=home, why=why.strerror) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return backup


def _unpack_backup(file: Path, passphrase: bytes, aside: Path, backup: Backup) -> None:
    """Write every file of it aside; what is read is checked again, for the file may be another by now."""
    with open_backup_file(file) as opened:
        opener = BackupOpener(opened.read, passphrase)
        if opener.header != backup.header:
            raise Unusable("backup.content")
        for member in read_members(opener):
            _write_member(member, aside)


def _write_member(member: Member, aside: Path) -> None:
    path = aside / COPY if member.place is None else aside / member.place
    path.parent.mkdir(mode=home_folder.PRIVATE, parents=True, exist_ok=True)
    with path.open("xb") as out:
        path.chmod(member.mode | PRIVATE)
        shutil.copyfileobj(member.content, out)
        out.flush()
        os.fsync(out.fileno())


def _open_aside(aside: Path, backup: Backup, store_url: str, by: str) -> None:
    """Open what was unpacked as a start does, and write into its log that it was restored."""
    config = _read_settings(aside, store_url)
    if config.authority.code != backup.header.authority:
        raise Unusable("backup.content")
    # Where it is kept elsewhere and is not here, or is another, the database is not touched.
    home_folder.unlock_ring(config)
    placed = _place_database(aside, config, backup)
    try:
        gw = home_folder.open_gateway(aside)
        try:
            if gw.own_card.identity.hex() != backup.header.identity:
                raise Unusable("backup.content")
            gw.store.run(lambda tx: _log_restore(tx, gw, backup, by))
        finally:
            gw.store.close()
    except BaseException:
        if placed is not None:
            for end in ("", "-wal", "-shm"):
                Path(f"{placed}{end}").unlink(missing_ok=True)
        raise


def _log_restore(tx: Tx, gw: Gateway, backup: Backup, by: str) -> None:
    detail = {"made_at": backup.header.made_at.isoformat(), "sha256": backup.sha256}
    audit_log.append_entries(tx, gw.now(), [AuditEntry("gateway.restored", by, gw.code, detail=detail)])
    audit.sign_log_head(tx, gw)


def _read_settings(aside: Path, store_url: str) -> Config:
    """Read the settings of the backup, after writing another database into them where one is wanted."""
    path = aside / FILE
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        raise Unusable("backup.content") from None
    if store_url:
        line = f"url = {dumps(store_url, ensure_ascii=False)}"
        if STORE_SECTION.search(text):
            text = STORE_SECTION.sub(lambda match: f"{match[1]}{line.removeprefix('url =')}", text, count=1)
        elif re.search(r"^\[store\]\s*$", text, re.MULTILINE):
            text = re.sub(r"^\[store\]\s*$", lambda match: f"{match[0]}\n{line}", text, count=1, flags=re.MULTILINE)
        else:
            text = f"{text.rstrip()}\n\n[store]\n{line}\n"
        path.write_text(text, "utf-8")
    return parse(text, aside)


def _place_database(aside: Path, config: Config, backup: Backup) -> Path | None:
    """Put the database where the settings want it; return the file that lies outside the home folder, if there is one.

    Raises NotAllowed where something is there.
    """
    store = Store(config.store_url)
    copy = aside / COPY
    try:
        if ("postgresql" if store.is_shared else "sqlite") != backup.header.database:
            raise NotAllowed("backup.other-database", kind=backup.header.database)
        if store.is_shared:
            if store.is_made():
                raise NotAllowed("store.in-use")
            fill_database(store, copy)
            copy.unlink()
            return None
        target = Path(store.engine.url.database or "")
    finally:
        store.close()
    if target.exists():
        raise NotAllowed("store.in-use")
    if target.parent.resolve() == aside.resolve():
        copy.rename(target)
        return None
    part = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(copy, part)
        part.chmod(PRIVATE)
        part.rename(target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    copy.unlink()
    return target


def _move_in(aside: Path, home: Path) -> None:
    """Move everything into the home folder, the settings last: with them, a gateway is whole."""
    for path in sorted(aside.iterdir(), key=lambda path: path.name == FILE):
        path.rename(home / path.name)
