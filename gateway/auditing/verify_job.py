"""Our audit log is checked where it stands, from the console: one check at a time, beside the work of the gateway.

How far it is, and how the last one ended, is remembered here until the process ends. That it was done is an entry of
the log.
"""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.auditing import audit
from gateway.auditing.audit import LogVerdict
from gateway.context import Gateway
from gateway.errors import NotAllowed
from gateway.logs import log_failure
from gateway.store import audit_log
from gateway.store.audit_log import AuditEntry, LoggedEntry

# Entries.
TOLD_EVERY = 1000


@dataclass(frozen=True, slots=True)
class VerifyRun:
    """One check: who asked for it and when, how far it is, and how it ended.

    Without a verdict after its end, it broke off.
    """

    by: str
    began_at: datetime
    done: int = 0
    total: int = 0
    ended_at: datetime | None = None
    verdict: LogVerdict | None = None

    @property
    def percent(self) -> int:
        """Return how far it is."""
        return 100 * self.done // self.total if self.total else 0


@dataclass(slots=True)
class VerifyRuns:
    """The check that runs, or the last one."""

    last: VerifyRun | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, gw: Gateway, by: str) -> None:
        """Take the turn. Raises NotAllowed where a check runs."""
        if not self._turn.acquire(blocking=False):
            raise NotAllowed("audit.checking")
        self.last = VerifyRun(by, gw.now())

    def run(self, gw: Gateway) -> None:
        """Check all of it, in the caller's thread; `begin` came before."""
        assert self.last is not None  # noqa: S101 - see `begin`
        try:
            verdict = audit.verify_own_log(gw, watch=self._watch)
            detail: dict[str, str | int] = {"entries": verdict.size, "faults": len(verdict.faults)}
            entry = AuditEntry("audit.verified", self.last.by, detail=detail)
            gw.store.run(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))
            self.last = replace(self.last, verdict=verdict)
        except Exception as why:  # noqa: BLE001 - nobody waits for this thread; the page says that there is no verdict
            log_failure("checking the audit log", why)
        finally:
            self.last = replace(self.last, ended_at=gw.now())
            self._turn.release()

    def _watch(self, entries: Iterable[LoggedEntry], total: int) -> Iterator[LoggedEntry]:
        for number, logged in enumerate(entries):
            if number % TOLD_EVERY == 0 and self.last:
                self.last = replace(self.last, done=number, total=total)
            yield logged
