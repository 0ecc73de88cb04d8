"""Which rows of which child were sent, and what they said: so that a row has one effect, whatever is put into the watched folder again."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert, select, update

from gateway.store.tables import intake


@dataclass(frozen=True, slots=True)
class Sent:
    """A row that was sent: digests of whom, when and what, and the message that it became. Of a version before, the last three lack."""

    digest: str
    message_id: str
    child: str | None  # the UPN, or name and date of birth
    person: str | None  # name and date of birth, a half each
    said: str | None  # what the notice carries


def known(tx: Connection, digests: Collection[str]) -> dict[str, Sent]:
    """Those of these rows that were sent before, by digest."""
    return {one.digest: one for one in _find(tx, intake.c.digest.in_(digests))}


def find_of(tx: Connection, children: Collection[str]) -> dict[str, list[Sent]]:
    """What was sent about these children, the newest last."""
    found: dict[str, list[Sent]] = {}
    for one in _find(tx, intake.c.child.in_(children)):
        found.setdefault(one.child or "", []).append(one)
    return found


def _find(tx: Connection, condition: ColumnElement[bool]) -> list[Sent]:
    columns = [intake.c[name] for name in Sent.__dataclass_fields__]
    rows = sorted(tx.execute(select(*columns, intake.c.at).where(condition)), key=lambda row: (row.at, row.digest))
    return [Sent(**{name: getattr(row, name) for name in Sent.__dataclass_fields__}) for row in rows]


def remember(tx: Connection, now: datetime, sent: Sequence[Sent]) -> None:
    """Note which message each row became, and what it said."""
    tx.execute(insert(intake), [asdict(one) | {"at": now} for one in sent])


def renew(tx: Connection, sent: Sent) -> None:
    """Note what a row that was sent before says now."""
    mine = update(intake).where(intake.c.digest == sent.digest)
    tx.execute(mine.values(child=sent.child, person=sent.person, said=sent.said))
