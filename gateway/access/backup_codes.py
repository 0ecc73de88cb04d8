"""Backup codes for whoever has a second factor: shown once, and each used once in the place of a code of the app."""

from gateway.access.sessions import Session
from gateway.context import Gateway
from gateway.errors import NotAllowed
from gateway.store import audit_log, backup_codes, people
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from keys.backup_codes import new_codes, read_code
from keys.digests import Purpose


def replace_codes(gw: Gateway, session: Session) -> list[str]:
    """Make new codes, in the place of those of before, and return them, this once. Raises NotAllowed."""
    codes, name = new_codes(), session.person.name

    def write(tx: Tx) -> None:
        if people.get_person(tx, name).code_secret is None:
            raise NotAllowed("backup-codes.no-app")
        backup_codes.replace_codes(tx, name, [_compute_digest(gw, name, code) for code in codes])
        audit_log.append_entries(tx, gw.now(), [AuditEntry("person.backup-codes", name, name)])

    gw.store.run(write)
    return codes


def count_codes(gw: Gateway, name: str) -> int:
    """Count the codes that a person has left."""
    return gw.store.look(lambda tx: backup_codes.count_codes(tx, name))


def take_code(tx: Tx, gw: Gateway, name: str, typed: str) -> bool:
    """Take the code that was typed, where it is one of theirs; return False where it is none."""
    code = read_code(typed)
    if code is None or not backup_codes.take_code(tx, name, _compute_digest(gw, name, code)):
        return False
    left = backup_codes.count_codes(tx, name)
    audit_log.append_entries(tx, gw.now(), [AuditEntry("person.backup-code", name, name, detail={"left": left})])
    return True


def _compute_digest(gw: Gateway, name: str, code: str) -> str:
    return gw.ring.digests.compute_digest(Purpose.BACKUP_CODE, name, code).hex()
