"""When people are away, and who has their cases meanwhile: one time away for each."""

from sqlalchemy import Connection, delete, select

from gateway.core.team import Absence
from gateway.store.rows import build_insert, get_values
from gateway.store.tables import absences


def replace_absence(tx: Connection, absence: Absence) -> None:
    """Keep when somebody is away, in the place of what was kept before."""
    values = get_values(absence)
    insertion = build_insert(tx, absences).values(values)
    tx.execute(insertion.on_conflict_do_update(index_elements=["person"], set_=values))


def delete_absence(tx: Connection, person: str) -> bool:
    """Delete when somebody is away; return False where they are not."""
    return tx.execute(delete(absences).where(absences.c.person == person)).rowcount == 1


def list_absences(tx: Connection) -> list[Absence]:
    """List when people are away, those of the past too."""
    return [Absence(**row._mapping) for row in tx.execute(select(absences).order_by(absences.c.person))]
