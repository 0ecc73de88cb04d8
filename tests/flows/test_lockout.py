"""Nobody is kept out on purpose: accounts are locked for strangers' browsers, and addresses are held up before a
password is looked at.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from gateway.access import devices, people, sessions
from gateway.console.application import build_application
from gateway.console.console_request import GATEWAY, SESSION_COOKIE
from gateway.console.sign_in import DEVICE_COOKIE
from gateway.context import Gateway
from gateway.core import lockout
from gateway.core.lockout import Entrance
from gateway.core.permissions import Role
from gateway.partner_api.addresses import find_first_address
from gateway.store import devices as kept
from gateway.store import tables, wrong_tries
from gateway.store.wrong_tries import MOST, WINDOW
from tests.consoles import PASSWORD, house, sign_in_name
from tests.flows.test_exchange import Pair

Client = TestClient[web.Request, web.Application]
OLIVE, AGNES = sign_in_name(Role.CME_OFFICER), sign_in_name(Role.ADMIN)


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Client]:
    """Worcestershire's console, with two people."""
    gw = house(tmp_path / "885", "885", "Worcestershire", (Role.CME_OFFICER, Role.ADMIN))
    made = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await made.start_server()
    yield made
    await made.close()
    gw.store.close()


async def typed(
    console: Client, password: str, device: str = "", name: str = OLIVE, **headers: str
) -> tuple[int, str, str]:
    """The answer to a name and a password; the browser's new cookie, if it got one; and the text."""
    console.session.cookie_jar.clear()
    form, cookies = {"name": name, "password": password}, {DEVICE_COOKIE: device} if device else {}
    got = await console.post("/sign-in", data=form, cookies=cookies, headers=headers, allow_redirects=False)
    new = got.cookies.get(DEVICE_COOKIE)
    return got.status, new.value if new else "", await got.text()


async def come_in(console: Client, name: str = OLIVE, device: str = "") -> str:
    """They sign in: what the browser keeps."""
    status, kept, _ = await typed(console, PASSWORD, device, name)
    assert status == 303
    return kept


async def test_who_attacks_an_account_locks_it_for_strange_browsers_and_not_for_that_of_its_owner(
    console: Client,
) -> None:
    device = await come_in(console)
    for _ in range(lockout.TRIES):
        assert (await typed(console, "wrong"))[0] == 422
    # From a strange browser the right one is refused too.
    assert (await typed(console, PASSWORD))[0] == 422
    assert (await typed(console, PASSWORD, "x" * 43))[0] == 422
    assert (await typed(console, PASSWORD, device))[0] == 303
    # That its owner came in has opened it to nobody else.
    assert (await typed(console, PASSWORD))[0] == 422


async def test_a_known_browser_is_locked_by_its_own_wrong_tries_and_locks_nobody_else(console: Client) -> None:
    device = await come_in(console)
    for _ in range(lockout.TRIES):
        assert (await typed(console, "wrong", device))[0] == 422
    assert (await typed(console, PASSWORD, device))[0] == 422
    assert (await typed(console, PASSWORD))[0] == 303


async def test_a_browser_is_known_for_those_who_came_in_from_it_and_for_nobody_else(console: Client) -> None:
    gw, device = console.app[GATEWAY], await come_in(console)
    assert devices.is_device_known(gw, device, OLIVE.upper())
    assert not devices.is_device_known(gw, device, AGNES)
    # Who shares it, shares its secret.
    assert await come_in(console, AGNES, device) == device
    assert devices.is_device_known(gw, device, AGNES)
    planted = "a" * 43
    assert await come_in(console, OLIVE, planted) != planted


async def test_the_cookie_is_seen_by_no_script_and_opens_nothing(console: Client) -> None:
    form = {"name": OLIVE, "password": PASSWORD}
    got = await console.post("/sign-in", data=form, allow_redirects=False)
    said = next(one for one in got.headers.getall("Set-Cookie") if one.startswith(DEVICE_COOKIE))
    assert {"HttpOnly", "Path=/", "SameSite=Strict", "Secure"} <= {part.strip() for part in said.split(";")}
    console.session.cookie_jar.clear()
    device = got.cookies[DEVICE_COOKIE].value
    for cookies in ({DEVICE_COOKIE: device}, {SESSION_COOKIE: device}):
        assert (await console.get("/inbox", cookies=cookies, allow_redirects=False)).status == 303
    assert device not in str(
        console.app[GATEWAY].store.look(lambda tx: kept.find_device(tx, sessions.compute_secret_digest(device), OLIVE))
    )


@pytest.mark.parametrize("what", ["reset", "ended", "half a year"])
async def test_a_browser_is_not_known_for_ever(console: Client, what: str) -> None:
    gw, device = console.app[GATEWAY], await come_in(console)
    if what == "reset":
        people.reset_password(gw, OLIVE, "test")
    elif what == "ended":
        people.set_active(gw, OLIVE, False, "test")
    else:
        before = gw.now
        gw.now = lambda: before() + devices.LIFE
    assert not devices.is_device_known(gw, device, OLIVE)


async def test_an_address_that_was_wrong_too_often_is_not_listened_to_but_for_known_browsers(console: Client) -> None:
    device = await come_in(console)
    for number in range(MOST):
        assert (await typed(console, "wrong", name=f"nobody-{number}"))[0] == 422
    status, _, text = await typed(console, PASSWORD, name=AGNES)
    assert (status, "There were too many wrong passwords" in text) == (429, True)
    got = await console.post("/sign-in", data={"name": AGNES, "password": PASSWORD}, allow_redirects=False)
    assert 0 < int(got.headers["Retry-After"]) <= WINDOW.total_seconds() + 1
    assert (await typed(console, PASSWORD, device))[0] == 303
    assert (await typed(console, PASSWORD, device, name=AGNES))[0] == 429


async def test_a_header_that_no_setting_names_is_not_believed_and_one_that_is_named_is(console: Client) -> None:
    for number in range(MOST):
        await typed(console, "wrong", name=f"nobody-{number}", **{"X-Forwarded-For": f"192.0.2.{number}"})
    assert (await typed(console, PASSWORD, **{"X-Forwarded-For": "192.0.2.200"}))[0] == 429
    gw = console.app[GATEWAY]
    gw.config = replace(gw.config, console=replace(gw.config.console, address_header="X-Forwarded-For"))
    assert (await typed(console, PASSWORD, **{"X-Forwarded-For": "192.0.2.200"}))[0] == 303
    assert (await typed(console, PASSWORD, **{"X-Forwarded-For": "192.0.2.200, 127.0.0.1"}))[
        0
        # The last counts.
    ] == 429
    assert (await typed(console, PASSWORD, **{"X-Forwarded-For": "not an address"}))[0] == 429


def count_wrong(gw: Gateway, address: str, now: datetime, entrance: Entrance = Entrance.API) -> int:
    """One wrong secret more: the seconds to wait from then on."""
    gw.store.run(lambda tx: wrong_tries.count_wrong_try(tx, entrance, address, now))
    return gw.store.look(lambda tx: wrong_tries.find_wait(tx, entrance, address, now))


async def test_the_count_of_an_address_is_the_entrances_own_and_ends_with_its_window(pair: Pair) -> None:
    gw, _ = pair
    now = gw.now()
    assert [count_wrong(gw, "192.0.2.1", now) for _ in range(MOST - 1)] == [0] * (MOST - 1)
    assert count_wrong(gw, "192.0.2.1", now) == WINDOW.total_seconds() + 1
    assert count_wrong(gw, "192.0.2.2", now) == 0
    assert count_wrong(gw, "192.0.2.1", now, Entrance.CONSOLE) == 0
    # Our clock ran fast, and was set right.
    assert gw.store.look(lambda tx: wrong_tries.find_wait(tx, Entrance.API, "192.0.2.1", now - WINDOW)) == 0
    assert count_wrong(gw, "192.0.2.1", now + WINDOW) == 0


async def test_no_more_addresses_are_remembered_than_there_is_room_for_and_the_oldest_go(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    gw, _ = pair
    now = gw.now()
    monkeypatch.setattr(wrong_tries, "ADDRESSES", 10)
    for number in range(15):
        count_wrong(gw, str(number), now + timedelta(seconds=number))
    left = gw.store.look(lambda tx: set(tx.scalars(select(tables.wrong_tries.c.address))))
    assert left == {str(number) for number in range(5, 15)}


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "192.0.2.7"),
        ("unknown", "192.0.2.7"),
        ("9" * 5000, "192.0.2.7"),
    ],
)
def test_an_address_is_counted_with_its_network_and_what_is_none_is_not_believed(said: str, address: str) -> None:
    assert find_first_address(said, "192.0.2.7") == address
