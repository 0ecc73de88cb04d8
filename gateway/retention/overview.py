"""What somebody who answers for the records looks at: the policy, what goes next, what is held, the last purge."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gateway.context import Gateway
from gateway.core.retention import RetentionStage, judge_case
from gateway.retention import purge
from gateway.retention.purge import PurgePreview
from gateway.store import holds, purge_runs, retention
from gateway.store.database import Tx
from gateway.store.holds import StoredHold
from gateway.store.purge_runs import PurgeRun

# Cases that nobody has closed for so long are worth a look: they are never deleted.
OPEN_LONG = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class RetentionOverview:
    """The policy, in days, and how it stands."""

    days: int
    file_days: int
    preview: PurgePreview
    # Nothing happened in them for a year, and they have not ended.
    open_long: int
    holds: Sequence[StoredHold]
    last_run: PurgeRun | None
    last_ended: PurgeRun | None


def read_overview(gw: Gateway) -> RetentionOverview:
    """Read how retention stands."""
    policy, preview = gw.config.retention, purge.preview_purge(gw)

    def read(tx: Tx) -> RetentionOverview:
        return RetentionOverview(
            policy.days,
            policy.file_days,
            preview,
            _count_open_long(tx, gw),
            holds.list_holds(tx),
            purge_runs.find_last_run(tx),
            purge_runs.find_last_ended(tx),
        )

    return gw.store.look(read)


def _count_open_long(tx: Tx, gw: Gateway) -> int:
    now, before = gw.now(), gw.now() - OPEN_LONG
    cases = retention.read_cases(tx, retention.list_kept_cases(tx, before))
    judged = [judge_case(case, gw.config.retention.days, now) for case in cases if case.touched_at <= before]
    return sum(case.stage is RetentionStage.OPEN for case in judged)
