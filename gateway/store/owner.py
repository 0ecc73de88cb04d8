"""Whose database this is. It can be read from a database of any shape, so that it is known before anything is written."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from gateway.store.tables import owner

ORIGIN = "cme-gateway/"  # and the code: the first line of every checkpoint


@dataclass(frozen=True, slots=True)
class Owner:
    """The gateway whose records a database holds."""

    authority: str
    identity: (
        str | None
    )  # its public identity key, hex; None where a version that did not write it down made the database


def read(tx: Connection) -> Owner | None:
    """Whose it is; None where it holds no gateway's records. A database of before the table is asked for its audit log."""
    tables = inspect(tx)
    if tables.has_table(owner.name):
        row = tx.execute(select(owner.c.authority, owner.c.identity)).first()
        if row is not None:
            return Owner(row.authority, row.identity)
    if not tables.has_table("audit_entries"):
        return None
    made = tx.execute(text("SELECT about FROM audit_entries WHERE number = 0 AND act = 'gateway.made'")).first()
    if made is not None:
        return Owner(made.about, None)
    note = tx.execute(text("SELECT note FROM audit_checkpoints ORDER BY size LIMIT 1")).first()
    return Owner(note.note.partition("\n")[0].removeprefix(ORIGIN), None) if note is not None else None


def put(tx: Connection, authority: str, identity: bytes) -> bool:
    """Write down, for good, whose it is; False where that stands there already."""
    if tx.execute(select(owner.c.number)).first() is not None:
        return False
    try:
        with tx.begin_nested():
            tx.execute(insert(owner).values(number=1, authority=authority, identity=identity.hex()))
    except IntegrityError:  # another process was quicker
        return False
    return True
