"""Cases that are assigned to people: for some these are all that they may see."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from gateway.store.tables import assignments


def add(tx: Connection, now: datetime, case: str, person: str, by: str) -> bool:
    """Assign the case; False where it was already."""
    if is_assigned(tx, case, person):
        return False
    tx.execute(insert(assignments).values(person=person, conversation_id=case, at=now, by=by))
    return True


def remove(tx: Connection, case: str, person: str) -> bool:
    """The case is no longer theirs; False where it was not."""
    mine = (assignments.c.person == person) & (assignments.c.conversation_id == case)
    return tx.execute(delete(assignments).where(mine)).rowcount == 1


def is_assigned(tx: Connection, case: str, person: str) -> bool:
    """Is the case theirs?"""
    mine = (assignments.c.person == person) & (assignments.c.conversation_id == case)
    return tx.scalar(select(assignments.c.person).where(mine)) is not None


def of_case(tx: Connection, case: str) -> Sequence[str]:
    """To whom the case is assigned."""
    query = select(assignments.c.person).where(assignments.c.conversation_id == case)
    return list(tx.scalars(query.order_by(assignments.c.person)))


def of_person(tx: Connection, person: str) -> frozenset[str]:
    """The cases of a person."""
    return frozenset(tx.scalars(select(assignments.c.conversation_id).where(assignments.c.person == person)))
