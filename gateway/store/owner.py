"""Whose database this is.

It can be read from a database of any shape, so that it is known before anything is written.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from gateway.store.tables import owner

# And the code: the first line of every checkpoint.
ORIGIN = "cme-gateway/"


@dataclass(frozen=True, slots=True)
class Owner:
    """The gateway whose records a database holds."""

    authority: str
    # Its public identity key, hex; None where a version that did not write it down made the database.
    identity: str | None


def find_owner(tx: Connection) -> Owner | None:
    """Return whose database it is; None where it holds no gateway's records. Of an old one the log tells."""
    tables = inspect(tx)
    if tables.has_table(owner.name):
        row = tx.execute(select(owner.c.authority, owner.c.identity).order_by(owner.c.number.desc())).first()
        if row is not None:
            return Owner(row.authority, row.identity)
    if not tables.has_table("audit_entries"):
        return None
    first_entry = tx.execute(text("SELECT about FROM audit_entries WHERE number = 0 AND act = 'gateway.made'")).first()
    if first_entry is not None:
        return Owner(first_entry.about, None)
    note = tx.execute(text("SELECT note FROM audit_checkpoints ORDER BY size LIMIT 1")).first()
    return Owner(note.note.partition("\n")[0].removeprefix(ORIGIN), None) if note is not None else None


def add_identity(tx: Connection, authority: str, identity: bytes) -> None:
    """Write down another identity key, which whoever the database belongs to has from now on."""
    newest = tx.scalar(select(func.max(owner.c.number))) or 0
    tx.execute(insert(owner).values(number=newest + 1, authority=authority, identity=identity.hex()))


def add_owner(tx: Connection, authority: str, identity: bytes) -> bool:
    """Write down, for good, whose it is; return False where that stands there already."""
    if tx.execute(select(owner.c.number)).first() is not None:
        return False
    try:
        with tx.begin_nested():
            tx.execute(insert(owner).values(number=1, authority=authority, identity=identity.hex()))
    except IntegrityError:
        # Another process was quicker.
        return False
    return True
