"""Background loops: work that a running gateway does again and again, each watched by Health under its name.

A loop never ends by itself: whatever its work raises, it is tried again. The same trouble is said once in the log, not
at every turn. Which loops a gateway runs stands in `gateway.app`; delivery alone has a loop of its own, which what is
queued wakes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from gateway.context import Gateway
from gateway.logs import log_failure

# A loop is late when it has not looked for three of its turns, and never sooner than this.
LATE_AT_LEAST = timedelta(minutes=5)
TURNS_UNTIL_LATE = 3
# Seconds between two looks of a process that does not lead.
STAND_BY = 1.0


async def run_every(
    gw: Gateway,
    stop: asyncio.Event,
    name: str,
    work: Callable[[], Awaitable[object]],
    *,
    seconds: float,
    late_after: timedelta | None = None,
    waits_first: bool = False,
    breaks_off: bool = False,
    everywhere: bool = False,
) -> None:
    """Run this work until told to stop, with so many seconds between two turns.

    Of several processes that serve one gateway, only the one that leads runs it, and the others stand by; `everywhere`:
    each does, and such work asks `gw.leads` itself about what in it is done once.

    `late_after`: how long a turn may take before Health calls the loop late, where it may take longer than others.
    `waits_first`: the first turn comes after a pause. `breaks_off`: a turn that is under way when told to stop is
    cancelled.
    """
    late = late_after or max(LATE_AT_LEAST, TURNS_UNTIL_LATE * timedelta(seconds=seconds))
    loop = asyncio.create_task(_Loop(gw, stop, name, work, seconds, late, waits_first, everywhere).run_turns())
    if breaks_off:
        await stop.wait()
        loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Loop:
    gw: Gateway
    stop: asyncio.Event
    name: str
    work: Callable[[], Awaitable[object]]
    seconds: float
    late_after: timedelta
    waits_first: bool
    everywhere: bool

    async def run_turns(self) -> None:
        logged = ""
        self._note_look()
        while not (self.waits_first and await is_stopped_within(self.stop, self.seconds)):
            if await self._is_stopped_before_leading():
                return
            self._note_look()
            try:
                await self.work()
                logged = ""
            except Exception as why:  # noqa: BLE001 - nobody would notice that the loop had ended
                if logged != repr(why):
                    log_failure(self.name, why)
                logged = repr(why)
            if not self.waits_first and await is_stopped_within(self.stop, self.seconds):
                return

    async def _is_stopped_before_leading(self) -> bool:
        """Stand by while another process leads, or until told to stop; return whether it was told to stop."""
        while not (self.everywhere or self.gw.leads):
            self._note_look()
            if await is_stopped_within(self.stop, STAND_BY):
                return True
        return False

    def _note_look(self) -> None:
        self.gw.note_look(self.name, self.late_after)


async def is_stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for so long, or until told to stop; return whether it was told to stop."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()
