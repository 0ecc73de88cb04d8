"""A background loop goes on whatever its work raises, is watched under its name, and ends when it is told to."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway import background
from gateway.context import Gateway


class Watched(SimpleNamespace):
    """Of a gateway no more than the list of loops that looked, and whether it leads."""

    def note_look(self, name: str, late_after: timedelta) -> None:
        self.looked.append((name, late_after))


@pytest.fixture
def gateway() -> Gateway:
    return cast(Gateway, Watched(looked=[], leads=True))


async def run_until(gateway: Gateway, is_done: Callable[[], bool], work: Any, **how: Any) -> None:
    """Run a loop until this holds, or for ten seconds."""
    stop = asyncio.Event()
    loop = asyncio.create_task(background.run_every(gateway, stop, "counting", work, seconds=0.001, **how))
    async with asyncio.timeout(10):
        while not is_done():
            await asyncio.sleep(0.001)
    stop.set()
    async with asyncio.timeout(10):
        await loop


@pytest.mark.parametrize("waits_first", [False, True])
async def test_a_loop_outlives_what_its_work_raises_and_says_the_same_trouble_once(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, waits_first: bool
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(background, "log_failure", lambda name, why: logged.append(f"{name}: {why}"))
    raises = [ValueError("a"), ValueError("a"), None, ValueError("a"), OSError("b"), OSError("b")]
    turns = 0

    async def work() -> None:
        nonlocal turns
        turns += 1
        if turns <= len(raises) and (why := raises[turns - 1]):
            raise why

    await run_until(gateway, lambda: turns > len(raises), work, waits_first=waits_first)
    assert logged == ["counting: a", "counting: a", "counting: b"]
    assert {name for name, _ in cast(Any, gateway).looked} == {"counting"}


@pytest.mark.parametrize("everywhere", [False, True])
async def test_what_is_done_once_waits_until_its_process_leads(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, everywhere: bool
) -> None:
    monkeypatch.setattr(background, "STAND_BY", 0.001)
    cast(Any, gateway).leads = False
    turns = 0

    async def work() -> None:
        nonlocal turns
        turns += 1

    looks = cast(Any, gateway).looked
    await run_until(gateway, lambda: turns > 3 if everywhere else len(looks) > 20, work, everywhere=everywhere)
    assert bool(turns) is everywhere
    cast(Any, gateway).leads = True
    await run_until(gateway, lambda: turns > 3, work, everywhere=everywhere)


async def test_a_turn_under_way_is_cancelled_only_where_the_loop_breaks_off(gateway: Gateway) -> None:
    ended: list[str] = []
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(0.2)
            ended.append("whole")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    await run_until(gateway, begun.is_set, work)
    begun.clear()
    await run_until(gateway, begun.is_set, work, breaks_off=True)
    assert ended == ["whole", "cancelled"]


@pytest.mark.parametrize(
    ("seconds", "late_after", "late"),
    [
        (2.0, None, timedelta(minutes=5)),
        (3600.0, None, timedelta(hours=3)),
        (2.0, timedelta(hours=1), timedelta(hours=1)),
    ],
)
async def test_a_loop_is_late_after_three_turns_and_never_sooner_than_five_minutes(
    gateway: Gateway, seconds: float, late_after: timedelta | None, late: timedelta
) -> None:
    stop = asyncio.Event()

    async def work() -> None:
        stop.set()

    await background.run_every(gateway, stop, "counting", work, seconds=seconds, late_after=late_after)
    assert set(cast(Any, gateway).looked) == {("counting", late)}
