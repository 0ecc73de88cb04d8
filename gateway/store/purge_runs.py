"""When the purge ran, what it destroyed, and whether it was finished."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from gateway.store.rows import build_record, list_columns
from gateway.store.tables import purge_runs

# Runs that are kept: some three years of nights.
MOST_RUNS = 1_000


@dataclass(frozen=True, slots=True)
class PurgeRun:
    """One run of the purge."""

    number: int
    begun_at: datetime
    by: str
    cases: int
    records: int
    files: int
    # None: it was not finished.
    ended_at: datetime | None
    trouble: str | None


_at = purge_runs.c
_VIEW = list_columns(purge_runs, PurgeRun)


def begin_run(tx: Connection, now: datetime, by: str) -> int:
    """Note that a run begins; return its number. Very old runs go, but for what is still to be known of them."""
    values = {"begun_at": now, "by": by, "cases": 0, "records": 0, "files": 0, "overwritten": 0}
    number = int(tx.execute(insert(purge_runs).values(values).returning(_at.number)).scalar_one())
    last = select(func.max(_at.number)).where(_at.ended_at.is_not(None)).scalar_subquery()
    told = (
        _at.overwritten == _at.cases + _at.records,
        _at.leavers_until.is_(None),
        _at.number != func.coalesce(last, 0),
    )
    tx.execute(delete(purge_runs).where(_at.number <= number - MOST_RUNS, *told))
    return number


def count_in_run(tx: Connection, number: int, *, cases: int = 0, records: int = 0, files: int = 0) -> None:
    """Add to what a run has destroyed, in the transaction that destroys it."""
    more = {"cases": _at.cases + cases, "records": _at.records + records, "files": _at.files + files}
    tx.execute(update(purge_runs).where(_at.number == number).values(more))


def note_forgotten_leavers(tx: Connection, number: int, sent_at: datetime) -> None:
    """Note that leavers' rows sent until then are not known again, as a run deleted their digests."""
    newer = or_(_at.leavers_until.is_(None), _at.leavers_until < sent_at)
    tx.execute(update(purge_runs).where(_at.number == number, newer).values(leavers_until=sent_at))


def find_forgotten_leavers(tx: Connection) -> datetime | None:
    """Return until when leavers' rows were sent of which some are not known again; None where all are."""
    return tx.scalar(select(_at.leavers_until).order_by(_at.leavers_until.desc().nulls_last()).limit(1))


def end_run(tx: Connection, now: datetime, number: int) -> None:
    """Note that a run is finished."""
    tx.execute(update(purge_runs).where(_at.number == number).values(ended_at=now, trouble=None))


def note_trouble(tx: Connection, number: int, trouble: str) -> None:
    """Note why a run could not be finished."""
    tx.execute(update(purge_runs).where(_at.number == number).values(trouble=trouble))


def find_last_run(tx: Connection) -> PurgeRun | None:
    """Return the newest run; None where it never ran."""
    row = tx.execute(select(*_VIEW).order_by(_at.number.desc()).limit(1)).first()
    return None if row is None else build_record(PurgeRun, row)


def find_last_ended(tx: Connection) -> PurgeRun | None:
    """Return the newest run that was finished; None where none was."""
    query = select(*_VIEW).where(_at.ended_at.is_not(None)).order_by(_at.number.desc()).limit(1)
    row = tx.execute(query).first()
    return None if row is None else build_record(PurgeRun, row)


def list_pending(tx: Connection) -> dict[int, int]:
    """Return of each run, of which some may still be read from the database's files, how much it destroyed."""
    destroyed = _at.cases + _at.records
    rows = tx.execute(select(_at.number, destroyed.label("destroyed")).where(destroyed > _at.overwritten))
    return {row.number: row.destroyed for row in rows}


def settle_pending(tx: Connection, overwritten: Mapping[int, int]) -> None:
    """Note that so much of each run can no longer be read; what another process destroyed meanwhile is left."""
    for number, count in overwritten.items():
        mine = _at.number == number, _at.overwritten < count
        tx.execute(update(purge_runs).where(*mine).values(overwritten=count))
