"""Passwords are checked one after the other, in one thread that does nothing else.

A check takes an eighth of a second and 64 MiB, and `keys.passwords` makes one at a time whoever asks. Whoever waits for
it holds no thread that the database or other pages need. The thread is a daemon: a check that never ends keeps no
process from ending. One that takes too long is answered all the same, with Busy, and stands in Health.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from gateway.context import Gateway
from gateway.core.health import PASSWORDS
from gateway.errors import Busy
from gateway.logs import log_failure
from gateway.store.heartbeats import Heartbeat

T = TypeVar("T")
Job = tuple[Callable[[], Any], Future[Any]]

# A check takes an eighth of one: what takes longer than this hangs, or the machine is far too busy.
MOST_SECONDS = 10.0
# Checks: some eight seconds' worth.
MOST_WAITING = 64
# Of them asked for from one place: an office may begin its day at once, and nobody else is kept out.
MOST_OF_ONE = 32
# For so long Health tells of a check that took too long, where the next ones do not.
SHOWN_SECONDS = 3600.0


class SlowChecks:
    """The checks of one gateway, and the thread that makes them."""

    def __init__(self, gw: Gateway) -> None:
        """Start no thread yet: it begins with the first check."""
        self._gw = gw
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: Thread | None = None
        # When the check that is being made began, where one is.
        self._begun: float | None = None
        # When one was last too late.
        self._late_at: float | None = None
        self._waiting: Counter[str] = Counter()

    async def run(self, work: Callable[[], T], asker: str = "") -> T:
        """Do this work, in which passwords are checked, when its turn has come. Raises Busy, and what the work raises.

        `asker`: the place or person who asks. Work that was not begun when Busy is raised is never done.
        """
        if self._waiting.total() >= MOST_WAITING or self._waiting[asker] >= MOST_OF_ONE:
            raise Busy("sign-in.busy")
        self._waiting[asker] += 1
        job = asyncio.wrap_future(self._put(work))
        try:
            while not (await asyncio.wait((job,), timeout=self._get_seconds_left()))[0]:
                if self._get_seconds_left() <= 0:
                    raise self._note_late_check()
            self._forget_late_check()
            return job.result()
        finally:
            job.cancel()
            self._waiting[asker] -= 1
            if not self._waiting[asker]:
                del self._waiting[asker]

    def close(self) -> None:
        """Let the thread end, once it has done what it was given."""
        self._jobs.put(None)

    def _put(self, work: Callable[[], T]) -> "Future[T]":
        if self._thread is None:
            self._thread = Thread(target=self._make_checks, name="passwords", daemon=True)
            self._thread.start()
        future: Future[T] = Future()
        self._jobs.put((work, future))
        return future

    def _make_checks(self) -> None:
        while job := self._jobs.get():
            work, future = job
            # Nobody waits for it any more.
            if not future.set_running_or_notify_cancel():
                continue
            self._begun = time.monotonic()
            try:
                future.set_result(work())
            except BaseException as why:  # noqa: BLE001 - it is raised where it is waited for
                future.set_exception(why)
            self._begun = None

    def _get_seconds_left(self) -> float:
        """Return the seconds that the check which is being made may still take."""
        begun = self._begun
        return MOST_SECONDS if begun is None else max(0.0, begun + MOST_SECONDS - time.monotonic())

    def _note_late_check(self) -> Busy:
        why = Busy("sign-in.late", seconds=f"{MOST_SECONDS:.0f}")
        # Once for each time that it hangs.
        if PASSWORDS not in self._gw.looked:
            log_failure("password check", why)
            since = self._gw.now() - timedelta(seconds=MOST_SECONDS)
            self._gw.looked[PASSWORDS] = Heartbeat(PASSWORDS, since, since + timedelta(seconds=MOST_SECONDS))
        self._late_at = time.monotonic()
        return why

    def _forget_late_check(self) -> None:
        if self._late_at is not None and time.monotonic() > self._late_at + SHOWN_SECONDS:
            self._late_at = None
            self._gw.looked.pop(PASSWORDS, None)
