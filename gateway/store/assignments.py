"""Cases that are assigned to people: for some these are all that they may see."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from gateway.store.tables import assignments
from schemas.shapes import CaseId


def assign_case(tx: Connection, now: datetime, case_id: CaseId, person: str, by: str) -> bool:
    """Assign the case to a person; return False where it was already."""
    if is_assigned(tx, case_id, person):
        return False
    tx.execute(insert(assignments).values(person=person, case_id=case_id, at=now, by=by))
    return True


def unassign_case(tx: Connection, case_id: CaseId, person: str) -> bool:
    """Take the case from a person; return False where it was not theirs."""
    mine = (assignments.c.person == person) & (assignments.c.case_id == case_id)
    return tx.execute(delete(assignments).where(mine)).rowcount == 1


def is_assigned(tx: Connection, case_id: CaseId, person: str) -> bool:
    """Tell whether the case is assigned to the person."""
    mine = (assignments.c.person == person) & (assignments.c.case_id == case_id)
    return tx.scalar(select(assignments.c.person).where(mine)) is not None


def list_assigned_people(tx: Connection, case_id: CaseId) -> Sequence[str]:
    """List the people to whom the case is assigned."""
    query = select(assignments.c.person).where(assignments.c.case_id == case_id)
    return list(tx.scalars(query.order_by(assignments.c.person)))


def list_assigned_cases(tx: Connection, person: str) -> frozenset[CaseId]:
    """Return the cases that are assigned to a person."""
    return frozenset(tx.scalars(select(assignments.c.case_id).where(assignments.c.person == person)))
