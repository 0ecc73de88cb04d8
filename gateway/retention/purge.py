"""What is held of cases whose time has come is destroyed, each night and by the process that leads, or by a command.

Each case is a transaction of its own: what reports need is counted, the keys are destroyed, and with them all that they
lock, and the entry of the audit log is written. So a purge that stops anywhere goes on with the next case. Whether the
case is due and not held is asked in that transaction, behind the lock of the audit log, which a hold takes too: of a
hold and a purge, the one that comes second sees the first.

Then the database is made to hold no more what was deleted. A run counts as finished only after that.
"""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core.calendar import LONDON
from gateway.core.retention import CaseRetention, RetentionStage, is_purge_due, judge_case
from gateway.errors import StoreUnavailable
from gateway.logs import log_failure
from gateway.reports import statistics
from gateway.retention import taken_files
from gateway.store import audit_log, holds, kept_figures, purge, purge_runs, retention
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from schemas.shapes import CaseId

# Seconds.
LOOK_EVERY = 600.0
# A night's purge of many cases takes longer than other work.
LATE = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class PurgePreview:
    """What a purge would destroy now: cases, other records that have ended, files. And how many cases are kept."""

    due: Sequence[CaseRetention]
    records: int
    files: int
    held: int


@dataclass(frozen=True, slots=True)
class PurgeResult:
    """What a purge destroyed, and what it could not."""

    cases: int
    records: int
    files: int
    # Sentences.
    troubles: Sequence[str] = ()


def preview_purge(gw: Gateway) -> PurgePreview:
    """Return what a purge would destroy now. Nothing is changed."""
    return gw.store.look(lambda tx: _preview(tx, gw))


def log_listing(gw: Gateway, shown: Sequence[CaseRetention], by: str) -> None:
    """Note who saw which cases are to be deleted."""
    named = tuple(case.case_id for case in shown)
    entry = AuditEntry("retention.listed", by, detail={"cases": len(named)}, mentions=named)
    gw.store.run(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))


def _preview(tx: Tx, gw: Gateway) -> PurgePreview:
    before = gw.now() - _keep_for(gw)
    due = [case for case in _judge_kept(tx, gw) if case.stage is RetentionStage.DUE]
    files = len(taken_files.list_old_files(gw))
    return PurgePreview(due, purge.count_ended_records(tx, before), files, len(holds.list_holds(tx)))


def _keep_for(gw: Gateway) -> timedelta:
    return timedelta(days=gw.config.retention.days)


def _judge_kept(tx: Tx, gw: Gateway) -> list[CaseRetention]:
    """Judge the cases of which something old is held."""
    now, days = gw.now(), gw.config.retention.days
    cases = retention.read_cases(tx, retention.list_kept_cases(tx, now - _keep_for(gw)))
    return [judge_case(case, days, now) for case in cases]


def run_purge(gw: Gateway, by: str, stopped: threading.Event | None = None) -> PurgeResult:
    """Destroy all whose time has come; return what. Where `stopped` is set meanwhile, the rest waits for the next run.

    Raises StoreUnavailable; what was destroyed until then is.
    """
    number = gw.store.run(lambda tx: purge_runs.begin_run(tx, gw.now(), by))
    due = [case.case_id for case in gw.store.look(lambda tx: _judge_kept(tx, gw)) if case.stage is RetentionStage.DUE]
    troubles: list[str] = []
    cases = 0
    for case_id in due:
        if stopped is not None and stopped.is_set():
            return PurgeResult(cases, 0, 0, ("It was stopped.",))
        try:
            cases += gw.store.run(partial(purge_case, gw=gw, case_id=case_id, by=by, number=number))
        except StoreUnavailable:
            raise
        except Exception as why:  # noqa: BLE001 - or one case would keep all others
            log_failure("deleting a case", why)
            troubles.append(f"Case {case_id} could not be deleted.")
    records = gw.store.run(partial(_delete_records, gw=gw, number=number))
    files, trouble = _delete_files(gw, number)
    result = PurgeResult(cases, records, files, [*troubles, *trouble])
    _finish(gw, by, number, result)
    return result


def purge_case(tx: Tx, gw: Gateway, case_id: CaseId, by: str, number: int) -> bool:
    """Destroy what is held of a case that is due; return False where it is not, or not any more."""
    audit_log.lock_log(tx)
    [judged] = (judge_case(case, gw.config.retention.days, gw.now()) for case in retention.read_cases(tx, [case_id]))
    if judged.stage is not RetentionStage.DUE or judged.ended_at is None:
        return False
    kept_figures.add_figures(tx, statistics.list_case_figures(tx, gw, case_id))
    destroyed = purge.destroy_case(tx, case_id)
    if not destroyed.messages and not destroyed.notes:
        return False
    detail: dict[str, str | int] = {
        "messages": len(destroyed.messages),
        "notes": destroyed.notes,
        "days": gw.config.retention.days,
        "ended": judged.ended_at.astimezone(LONDON).date().isoformat(),
    }
    named = tuple(dict.fromkeys(name.message_id for name in destroyed.messages))
    audit_log.append_entries(tx, gw.now(), [AuditEntry("case.purged", by, case_id, detail=detail, mentions=named)])
    purge_runs.count_in_run(tx, number, cases=1)
    if destroyed.leaver_sent_at:
        purge_runs.note_forgotten_leavers(tx, number, destroyed.leaver_sent_at)
    return True


def _delete_records(tx: Tx, gw: Gateway, number: int) -> int:
    count = purge.delete_ended_records(tx, gw.now() - _keep_for(gw))
    purge_runs.count_in_run(tx, number, records=count)
    return count


def _delete_files(gw: Gateway, number: int) -> tuple[int, Sequence[str]]:
    try:
        count = taken_files.delete_old_files(gw)
    except OSError as why:
        log_failure("deleting old files", why)
        return 0, ("Old files of your case system could not be deleted.",)
    gw.store.run(lambda tx: purge_runs.count_in_run(tx, number, files=count))
    return count, ()


def _finish(gw: Gateway, by: str, number: int, result: PurgeResult) -> None:
    """Have the database hold no more what was deleted, and note how the run ended."""
    if pending := gw.store.look(purge_runs.list_pending):
        try:
            gw.store.overwrite_deleted(purge.TOUCHED)
        except StoreUnavailable:
            _note_trouble(gw, number, "The database was in use, so what was deleted was not yet overwritten.")
            raise
        gw.store.run(lambda tx: purge_runs.settle_pending(tx, pending))
    if result.troubles:
        _note_trouble(gw, number, " ".join(result.troubles[:3]))
        return
    detail = {"cases": result.cases, "records": result.records, "files": result.files}

    def end(tx: Tx) -> None:
        purge_runs.end_run(tx, gw.now(), number)
        if any(detail.values()):
            audit_log.append_entries(tx, gw.now(), [AuditEntry("retention.purged", by, detail=detail)])

    gw.store.run(end)


def _note_trouble(gw: Gateway, number: int, trouble: str) -> None:
    gw.store.run(lambda tx: purge_runs.note_trouble(tx, number, trouble))


async def purge_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Purge once a night, until told to stop."""
    stopped = threading.Event()
    work = partial(_purge_if_due, gw, stopped)
    loop = asyncio.create_task(
        run_every(gw, stop, "retention", work, seconds=LOOK_EVERY, late_after=LATE, waits_first=True)
    )
    await stop.wait()
    stopped.set()
    await loop


async def _purge_if_due(gw: Gateway, stopped: threading.Event) -> None:
    ended = await gw.store.read(purge_runs.find_last_ended)
    if is_purge_due(gw.now(), ended.ended_at if ended else None):
        await asyncio.to_thread(run_purge, gw, SYSTEM, stopped)
