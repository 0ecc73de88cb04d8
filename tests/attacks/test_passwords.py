"""Passwords that are checked at the same moment: whoever signs in, nobody is shut out, and the process ends when it is
told to.
"""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median
from threading import Event

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.access import slow_checks
from gateway.access.slow_checks import MOST_OF_ONE, MOST_WAITING, SlowChecks
from gateway.console.application import build_application
from gateway.console.console_request import GATEWAY
from gateway.core.findings import FindingLevel
from gateway.core.permissions import Role
from gateway.errors import Busy
from gateway.monitoring import health
from keys import passwords
from tests.attacks.served import SEED, browser, served
from tests.consoles import PASSWORD, house, session, sign_in_name

Client = TestClient[web.Request, web.Application]
OLIVE = sign_in_name(Role.CME_OFFICER)
pytestmark = pytest.mark.usefixtures("real_costs")
BARE = """
import random, sys
from threading import Thread
from keys import passwords
chance = random.Random(int(sys.argv[1]))
kept = passwords.hash_password("right")
acts = [lambda: passwords.hash_password("one"), lambda: passwords.is_right_password("right", kept), lambda: passwords.is_right_password("x", None)]
threads = [Thread(target=chance.choice(acts)) for _ in range(chance.randint(2, 8))]
[one.start() for one in threads]; [one.join() for one in threads]
"""


def test_threads_that_derive_at_the_same_moment_all_end() -> None:
    done = subprocess.run([sys.executable, "-c", BARE, str(SEED)], timeout=60)
    assert done.returncode == 0, SEED


@pytest.mark.timeout(240)
async def test_twenty_sign_ins_and_new_accounts_at_one_moment_are_all_answered(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    gw = house(tmp_path / "885", "885", "Worcestershire", (Role.CME_OFFICER, Role.ADMIN))
    cookies, token = session(gw, Role.ADMIN)
    gw.store.close()
    url = gw.config.console_url
    right, wrong = chance.randint(1, 6), chance.randint(1, 3)
    tries = [(OLIVE, PASSWORD)] * right + [(OLIVE, "wrong")] * wrong
    tries += [(f"nobody-{n}", PASSWORD) for n in range(20 - len(tries))]
    chance.shuffle(tries)

    async def come_in(name: str, password: str) -> tuple[str, str, int]:
        form = {"name": name, "password": password}
        async with http.post(f"{url}/sign-in", data=form, allow_redirects=False) as got:
            return name, password, got.status

    async def add(number: int) -> int:
        form = {"form_token": token, "name": f"new-{number}", "called": "Ash Example", "roles": "auditor"}
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        async with http.post(f"{url}/people/add", data=form, headers=headers) as got:
            return got.status

    async with served(gw.config.home, gw.config.console.port) as one, browser(120.0) as http:
        asked = [come_in(*each) for each in tries]
        came, added, page = await asyncio.gather(
            asyncio.gather(*asked), asyncio.gather(*(add(n) for n in range(chance.randint(1, 3)))), http.get(f"{url}/accessibility")
        )  # fmt: skip
        assert page.status == 200
        assert set(added) == {200}
        for name, password, status in came:
            assert status == (303 if (name, password) == (OLIVE, PASSWORD) else 422)
        assert await one.stop() == 0


@pytest.mark.timeout(120)
async def test_a_check_that_hangs_does_not_keep_the_process_from_ending(tmp_path: Path) -> None:
    gw = house(tmp_path / "885", "885", "Worcestershire", (Role.CME_OFFICER,))
    gw.store.close()
    url = gw.config.console_url
    hang = (
        "import time; from keys import passwords; passwords.is_right_password = lambda *_: time.sleep(3600)\n"
        "from gateway.access import slow_checks; slow_checks.MOST_SECONDS = 1.0"
    )
    async with served(gw.config.home, gw.config.console.port, before=hang) as one, browser() as http:
        form = {"name": OLIVE, "password": PASSWORD}
        asked = [http.post(f"{url}/sign-in", data=form) for _ in range(random.Random(SEED).randint(2, 6))]
        assert {got.status for got in await asyncio.gather(*asked)} == {503}
        assert await one.stop() == 0
        assert sum("password check" in line for line in one.lines()) == 1


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Client]:
    gw = house(tmp_path / "885", "885", "Worcestershire", (Role.CME_OFFICER,))
    made = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await made.start_server()
    yield made
    await made.close()
    gw.store.close()


async def test_a_check_that_takes_too_long_is_answered_in_words_and_stands_in_health(
    console: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, gw = Event(), console.app[GATEWAY]
    monkeypatch.setattr(passwords, "is_right_password", lambda *_: go.wait(60))
    monkeypatch.setattr(slow_checks, "MOST_SECONDS", 0.3)
    form = {"name": OLIVE, "password": PASSWORD}
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(console.post("/sign-in", data=form)) for _ in range(3)]
        # Other pages go on.
        assert (await console.get("/accessibility")).status == 200
    for got in (task.result() for task in asked):
        text = await got.text()
        assert (got.status, "could not be checked within" in text, "sign-in.late" in text) == (503, True, True)
        assert got.headers["Retry-After"]
    [finding] = [one for one in health.measure_health(gw).findings if one.name == "signing in"]
    assert finding.level is FindingLevel.FAIL

    go.set()
    monkeypatch.undo()
    assert (await console.post("/sign-in", data=form, allow_redirects=False)).status == 303
    # Whoever looks an hour later sees it too.
    assert any(one.name == "signing in" for one in health.measure_health(gw).findings)


async def test_no_more_checks_wait_than_may_and_one_place_leaves_room_for_others(console: Client) -> None:
    checks, go = SlowChecks(console.app[GATEWAY]), Event()
    waiting = [asyncio.create_task(checks.run(go.wait, "here")) for _ in range(MOST_OF_ONE)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await checks.run(go.wait, "here")
    waiting += [asyncio.create_task(checks.run(go.wait, str(n))) for n in range(MOST_WAITING - MOST_OF_ONE)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await checks.run(go.wait, "elsewhere")
    go.set()
    assert all(await asyncio.gather(*waiting))
    assert await checks.run(lambda: 7) == 7
    checks.close()


async def test_who_has_an_account_is_not_told_by_how_long_a_wrong_password_takes(console: Client) -> None:
    took: dict[str, list[float]] = {OLIVE: [], "nobody": []}
    # Fewer than lock an account.
    for name in [*took] * 4:
        began = time.monotonic()
        assert (await console.post("/sign-in", data={"name": name, "password": "wrong"})).status == 422
        took[name].append(time.monotonic() - began)
    known, unknown = (median(each) for each in took.values())
    assert 0.4 < known / unknown < 2.5
