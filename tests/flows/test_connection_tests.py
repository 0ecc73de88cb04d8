"""The connection to a partner is tested both ways, and each broken set-up is named rightly, with who must act."""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from aiohttp import ClientTimeout, web

from adapters.proxy import Proxy
from gateway import app, home_folder
from gateway.context import Gateway, wall_clock
from gateway.core.connection_causes import CAUSES, MustAct, find_main_cause, get_cause
from gateway.core.permissions import Role
from gateway.errors import Busy, NotFound
from gateway.exchange.connection_tests import (
    ConnectionReport,
    answer_connection_test,
    get_last_test,
    run_connection_test,
)
from gateway.exchange.newer_cards import take_newer_card
from gateway.monitoring import doctor
from gateway.partner_api import connection_tests as handler
from gateway.store import audit_log, inbox
from gateway.store.audit_log import LoggedEntry
from keys import tls
from keys.card import Card
from keys.connection_test import ConnectionTest, open_test, seal_test
from keys.envelope import unseal
from keys.errors import RefusalCode
from tests.command import run_command
from tests.conftest import free_port, introduce, make, new_database
from tests.flows.test_cards import newer
from tests.flows.test_console_oversight import Visitor
from tests.flows.test_exchange import Pair
from tests.proxies import answer_with
from tests.refusals import expect_refusal


@pytest.fixture
async def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    """Sandwell and Worcestershire, which wait no longer than tests may."""
    monkeypatch.setattr("adapters.client.TIMEOUT", ClientTimeout(total=20, connect=2, sock_connect=2))
    both = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(*both)
    yield both
    for gw in both:
        for carrier in gw.carriers.values():
            await carrier.close()
        gw.store.close()


def list_entries(gw: Gateway, act: str) -> list[LoggedEntry]:
    return gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act=act))


async def replace_card(gw: Gateway, there: Gateway, **changed: object) -> None:
    """`gw` takes a newer card of theirs, in which something is not as it is there."""
    verdict = await take_newer_card(gw, newer(there, 2, **changed), there.code, "https")
    assert verdict.is_taken, verdict


def with_route(theirs: Card, **changed: object) -> dict[str, object]:
    return {"routes": (replace(theirs.routes[0], **changed),)}  # type: ignore[arg-type]


async def test_both_ways_are_tested_and_nothing_is_kept_but_entries_of_the_log(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        report = await run_connection_test(sandwell, "885", by="ines")
    looked_at = dict.fromkeys(("https", "clock", "keys", "card", "back"), "ok")
    assert dict(report.results) == looked_at | {"serials": "1-1-1-1"}
    assert (
        "Card serials",
        "They hold serial 1 of your card, the newest is 1. You hold serial 1 of theirs, the newest is 1.",
    ) in report.list_rows()
    assert (report.cause, report.describe()) == ("ok", "Both ways work.")
    # As it is read from the log, which sorts it.
    kept = get_last_test(sandwell, "885")
    assert kept
    assert kept.list_rows() == report.list_rows()
    assert next(label for label, _ in kept.list_rows()) == "HTTPS, from you to them"
    # Theirs was answered, and asked for no third.
    tested = [
        (gw.code, json.loads(entry.entry)["actor"]) for gw in pair for entry in list_entries(gw, "partner.tested")
    ]
    assert tested == [("333", "ines"), ("885", "cme-gateway")]
    kinds = [
        json.loads(entry.entry)["detail"]["kind"] for gw in pair for entry in list_entries(gw, "partner.test-answered")
    ]
    assert kinds == ["answer", "test"]
    for gw in pair:
        assert gw.store.look(lambda tx, gw=gw: inbox.search_inbox(tx, gw.now())) == []  # type: ignore[misc]
        assert list_entries(gw, "message.kept") == []
        assert [one.result for one in doctor.run_checks(gw) if one.name.startswith("connection to")] == ["ok"]


async def test_a_partner_is_tested_and_answers_once_a_minute_at_most(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        await run_connection_test(sandwell, "885", by="ines")
        with pytest.raises(Busy, match="less than a minute ago"):
            await run_connection_test(sandwell, "885", by="ines")
        # One that does not hold to it is refused there, and nothing is tested again.
        test = ConnectionTest("a-test", "333", "885", 1, 1, "", asks_back=True)
        sealed = seal_test(test, ring=sandwell.ring, trust=sandwell.trust, now=sandwell.now())
        address = sandwell.build_address("885", worcestershire.own_card.routes[0])
        answers = [await sandwell.carriers["https"].post_test(address, sealed, 9_999) for _ in range(3)]  # type: ignore[attr-defined]
        assert {answer.status for answer in answers} == {429}
        assert len(list_entries(worcestershire, "partner.tested")) == 1
        assert len(list_entries(worcestershire, "partner.test-answered")) == 1
    with pytest.raises(NotFound):
        await run_connection_test(sandwell, "330", by="ines")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_of_many_tests_at_once_one_is_answered(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    url = new_database(request.getfixturevalue("postgres")) if database == "postgresql" else ""
    sandwell, worcestershire = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcs", url)
    introduce(sandwell, worcestershire)
    # As a second process has it.
    other = home_folder.open_gateway(tmp_path / "885")
    tests = [ConnectionTest(f"t{number}", "333", "885", 1, 1) for number in range(6)]
    sealed = [seal_test(test, ring=sandwell.ring, trust=sandwell.trust, now=sandwell.now()) for test in tests]
    ended = await asyncio.gather(
        *(answer_connection_test(gw, "333", one) for one, gw in zip(sealed, [worcestershire, other] * 3, strict=True)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in ended) == ["Busy"] * 5 + ["bytes"]
    assert len(list_entries(worcestershire, "partner.test-answered")) == 1
    for gw in (sandwell, worcestershire, other):
        gw.store.close()


def fill_queue(stack: ExitStack) -> int:
    """A port at which connections are dropped, as by a firewall: its queue is full, and nobody takes from it."""
    listening = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0), backlog=0)))
    port = int(listening.getsockname()[1])
    for _ in range(3):
        waiting = stack.enter_context(closing(socket.socket()))
        waiting.setblocking(False)
        waiting.connect_ex(("127.0.0.1", port))
    time.sleep(0.1)
    return port


HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Blocked by the council</html>"


@asynccontextmanager
async def answer_html(gw: Gateway) -> AsyncIterator[None]:
    """A page in place of an answer, behind the right certificate: what ends TLS there does not pass it on."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HTML)
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(gw.config.home / "tls.pem", gw.config.home / "tls.key")
    server = await asyncio.start_server(serve, "127.0.0.1", gw.config.listen.port, ssl=context)
    try:
        yield
    finally:
        server.close()


def port_of(url_of: Gateway, port: int) -> str:
    return url_of.own_card.routes[0].url.replace(f":{url_of.config.listen.port}", f":{port}")


async def firewall_drops(pair: Pair, stack: AsyncExitStack, _: Path) -> None:
    sandwell, theirs = pair
    inner = stack.enter_context(ExitStack())
    await replace_card(sandwell, theirs, **with_route(theirs.own_card, url=port_of(theirs, fill_queue(inner))))


async def firewall_refuses(pair: Pair, stack: AsyncExitStack, _: Path) -> None:
    """Nobody listens."""


async def proxy_away(pair: Pair, stack: AsyncExitStack, _: Path) -> None:
    sandwell, theirs = pair
    sandwell.proxy = Proxy("127.0.0.1", free_port())
    # This machine is never reached by a proxy.
    url = theirs.own_card.routes[0].url.replace("127.0.0.1", "192.0.2.254")
    await replace_card(sandwell, theirs, **with_route(theirs.own_card, url=url))


async def clock_wrong(pair: Pair, stack: AsyncExitStack, _: Path) -> None:
    sandwell, theirs = pair
    await stack.enter_async_context(app.run_gateway(theirs))
    clock = sandwell.now
    sandwell.now = lambda: clock() + timedelta(minutes=20)


async def certificate_expired(pair: Pair, stack: AsyncExitStack, _: Path) -> None:
    sandwell, theirs = pair
    key, pem = tls.self_signed("127.0.0.1", now=theirs.now() - timedelta(days=30), days=9)
    (theirs.config.home / "tls.pem").write_bytes(pem)
    (theirs.config.home / "tls.key").write_bytes(key)
    await replace_card(sandwell, theirs, **with_route(theirs.own_card, certificate=tls.der_base64(pem)))
    await stack.enter_async_context(app.run_gateway(theirs))


async def old_card(pair: Pair, stack: AsyncExitStack, folder: Path) -> None:
    """Sandwell has new keys, and Worcestershire its card of before."""
    sandwell, theirs = pair
    home_folder.rotate_keys(sandwell.config.home, by="ines", revoke=True)
    home_folder.take_up_own(sandwell)
    await stack.enter_async_context(app.run_gateway(theirs))


async def wrong_key(pair: Pair, stack: AsyncExitStack, folder: Path) -> None:
    """Worcestershire's card has an encryption key that its gateway does not have."""
    sandwell, theirs = pair
    other = make(folder / "other", "885", "Worcestershire")
    keys = [key for key in theirs.own_card.keys if key.use == "sig"]
    keys += [key for key in other.own_card.keys if key.use == "enc"]
    other.store.close()
    await replace_card(sandwell, theirs, keys=tuple(keys))
    await stack.enter_async_context(app.run_gateway(theirs))


async def no_name(pair: Pair, stack: AsyncExitStack, _: Path) -> None:
    sandwell, theirs = pair
    url = theirs.own_card.routes[0].url.replace("127.0.0.1", "cme.worcestershire.invalid")
    await replace_card(sandwell, theirs, **with_route(theirs.own_card, url=url))


async def wrong_port(pair: Pair, stack: AsyncExitStack, _: Path) -> None:
    """Something else listens at the port of the card."""
    sandwell, theirs = pair
    port = free_port()
    await stack.enter_async_context(answer_with(b"SSH-2.0-OpenSSH_9.2\r\n", port))
    await replace_card(sandwell, theirs, **with_route(theirs.own_card, url=port_of(theirs, port)))


async def html_answered(pair: Pair, stack: AsyncExitStack, _: Path) -> None:
    await stack.enter_async_context(answer_html(pair[1]))


async def one_way(pair: Pair, stack: AsyncExitStack, _: Path) -> None:
    """Sandwell's own port is shut to Worcestershire."""
    await stack.enter_async_context(app.run_gateway(pair[1]))


SetUp = Callable[[Pair, AsyncExitStack, Path], Awaitable[None]]
BROKEN: dict[str, tuple[SetUp, str, MustAct]] = {
    "a firewall drops": (firewall_drops, "no-answer", MustAct.NETWORK),
    "a firewall refuses": (firewall_refuses, "closed-port", MustAct.THEIRS),
    "the proxy": (proxy_away, "proxy.unreachable", MustAct.NETWORK),
    "a clock": (clock_wrong, "clock", MustAct.OURS),
    "an expired certificate": (certificate_expired, "expired-certificate", MustAct.THEIRS),
    "an old card": (old_card, "old-card-there", MustAct.THEIRS),
    "a wrong key": (wrong_key, "wrong-key", MustAct.THEIRS),
    "DNS": (no_name, "no-name", MustAct.NETWORK),
    "a wrong port": (wrong_port, "not-tls", MustAct.THEIRS),
    "HTML in place of an answer": (html_answered, "web-page", MustAct.THEIRS),
    "one way only": (one_way, "one-way", MustAct.NETWORK),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_each_broken_set_up_is_named_with_who_must_act(pair: Pair, tmp_path: Path, name: str) -> None:
    break_it, code, who = BROKEN[name]
    sandwell, _ = pair
    async with AsyncExitStack() as stack:
        await break_it(pair, stack, tmp_path)
        report = await run_connection_test(sandwell, "885", by="ines")
    assert (report.cause, get_cause(report.cause).who) == (code, who), report.results
    # What is wrong is on the page and in doctor, from the log.
    assert get_last_test(sandwell, "885") == replace(report, at=get_last_test(sandwell, "885").at)  # type: ignore[union-attr]
    [check] = [check for check in doctor.run_checks(sandwell) if check.name == "connection to 885"]
    assert check.result == "warn"
    assert f"[{code}]" in check.detail
    assert CAUSES[code].next_in_terminal in check.detail


async def test_an_older_card_that_still_works_is_told_with_its_number(pair: Pair) -> None:
    """Of either side: Worcestershire has made a newer one, and then Sandwell."""
    for gw in (1, 0):
        home_folder.renew_card(pair[gw].config.home, by="ines")
        home_folder.take_up_own(pair[gw])
        async with app.run_gateway(replace(pair[0], carriers={})), app.run_gateway(replace(pair[1], carriers={})):
            report = await run_connection_test(pair[0], "885", by="ines")
        pair[0].now = partial(lambda clock: clock() + timedelta(minutes=1, seconds=5), pair[0].now)
        pair[1].now = pair[0].now
        assert report.results["serials"] == ("1-1-1-2" if gw else "1-2-1-2")
        assert report.cause == ("old-card-here" if gw else "old-card-there")


async def test_what_they_met_on_the_way_back_is_told(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire):
        report = await run_connection_test(sandwell, "885", by="ines")
    assert report.results["back-met"] == "closed-port"
    assert "Their gateway met: Nothing answers at the port of their gateway" in report.describe()


async def test_a_gateway_of_an_older_version_is_told_as_that(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no such address, and answers 404, as a problem of the exchange."""

    async def not_found(request: web.Request) -> web.Response:
        raise web.HTTPNotFound

    monkeypatch.setattr(handler, "take_connection_test", not_found)
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire):
        report = await run_connection_test(sandwell, "885", by="ines")
    assert dict(report.results) == {"https": "ok", "keys": "older-version", "clock": "ok"}
    assert report.cause == "ok"
    assert "cannot test the way back" in report.describe()
    assert list_entries(worcestershire, "partner.test-answered") == []


async def test_a_test_is_no_message_and_a_message_no_test(pair: Pair) -> None:
    sandwell, worcestershire = pair
    test = ConnectionTest("a-test", "333", "885", 1, 1, "", asks_back=True)
    sealed = seal_test(test, ring=sandwell.ring, trust=sandwell.trust, now=sandwell.now())
    there = {"ring": worcestershire.ring, "trust": worcestershire.trust, "now": worcestershire.now()}
    assert open_test(sealed, **there) == test  # type: ignore[arg-type]
    with expect_refusal(RefusalCode.ENVELOPE_TYPE):
        unseal(sealed, **there)  # type: ignore[arg-type]
    # Another authority cannot have it answered as its own.
    with pytest.raises(NotFound):
        await answer_connection_test(worcestershire, "330", sealed)
    assert list_entries(worcestershire, "partner.test-answered") == []


def test_the_command_says_who_must_act_and_ends_with_one(tmp_path: Path) -> None:
    for code, name in (("333", "Sandwell"), ("885", "Worcestershire")):
        make(tmp_path / code, code, name).store.close()
    both = [home_folder.open_gateway(tmp_path / code) for code in ("333", "885")]
    introduce(both[0], both[1])
    for gw in both:
        gw.store.close()
    shown = run_command("partner", "test", "885", "--home", str(tmp_path / "333"))
    assert shown.returncode == 1
    words = " ".join(shown.stdout.split())
    assert "[closed-port]" in words
    assert "To be done by the other authority." in words
    again = run_command("partner", "test", "885", "--home", str(tmp_path / "333"))
    assert again.returncode == 75
    assert "partner.tested-lately" in again.stderr


async def test_what_could_not_be_tested_is_not_called_well(pair: Pair) -> None:
    sandwell, worcestershire = pair
    # Worcestershire has no carrier by which it could test the way back.
    async with app.run_gateway(replace(worcestershire, carriers={})):
        report = await run_connection_test(sandwell, "885", by="ines")
    assert (report.results["back"], report.cause) == ("no-way-back", "ok")
    assert "no route that they could test" in report.describe()
    left = replace(report, results={"sftp": "ok"})
    assert (left.cause, "They fetch them later." in left.describe()) == ("ok", True)
    without = replace(report, results={"routes": "no-route"})
    assert (without.cause, "[no-route]" in without.describe()) == ("no-route", True)


def test_a_code_of_a_later_version_is_told_too() -> None:
    report = ConnectionReport("885", wall_clock(), {"https": "of-tomorrow"})
    assert "refused the test [of-tomorrow]" in report.describe()
    assert find_main_cause({"keys": "older-version", "https": "ok"}) == "ok"


async def test_an_operator_tests_the_connection_on_the_partners_page(visitor: Visitor) -> None:
    assert "has not been tested yet" in await visitor.get(Role.OPERATOR, "/partners/885")
    # Nobody answers there.
    await visitor.post(Role.OPERATOR, "/partners/885/test", 303)
    page = await visitor.get(Role.OPERATOR, "/partners/885")
    assert "[closed-port]" in page
    assert CAUSES["closed-port"].next_on_page in page
    assert "To be done by the other authority." in page
    # A second within the minute tests nothing, and shows the first.
    await visitor.post(Role.ADMIN, "/partners/885/test", 303)
    assert len(list_entries(visitor.gw, "partner.tested")) == 1
    # Officers see how it went, and cannot test.
    assert "Test the connection" not in await visitor.get(Role.CME_OFFICER, "/partners/885")
    await visitor.post(Role.CME_OFFICER, "/partners/885/test", 403)
    await visitor.gw.carriers["https"].close()
