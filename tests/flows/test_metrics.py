"""Prometheus scrapes a gateway that runs: what it finds, and what it must never find."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import aiohttp
import pytest

from gateway import app
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.health import Health
from gateway.errors import ConfigProblem, Unusable
from gateway.exchange import statements
from gateway.exchange.release import release_all
from gateway.exchange.send import send_notices
from gateway.monitoring import health
from gateway.partner_api import connections, metrics
from gateway.settings.file import parse
from gateway.settings.sections import HostingSettings, MetricsSettings, OneSettings, OutsideWitnessSettings
from gateway.store import cosignatures, mailboxes, partner_health
from gateway.store.cosignatures import KeptCosignature
from gateway.store.mailboxes import MailboxBundle
from tests.children import notice
from tests.conftest import free_port, introduce, make
from tests.flows.test_exchange import Pair, state, until
from tests.flows.test_matches import load
from tests.outside_witness import Witness
from tests.prometheus import scraping
from tests.structure.test_monitoring import asked


def watched(gw: Gateway) -> int:
    """Give it a port for its metrics."""
    port = free_port()
    gw.config = replace(gw.config, metrics=MetricsSettings(port=port))
    return port


async def scrape(port: int, path: str = "/metrics") -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


def with_everything(gw: Gateway, tmp_path: Path) -> None:
    """A mailbox that it holds, a folder of ONE's, an index, a failure, a cosignature: all that a metric may speak of."""
    (tmp_path / "one").mkdir()
    (gw.config.home / "taken-in" / "leavers" / "done").mkdir(parents=True)
    one = OneSettings(folder=str(tmp_path / "one"))
    north = Witness("north.example")
    (gw.config.home / "witnesses.txt").write_text(f"witness north {north.vkey}\nquorum north\n")
    gw.config = replace(
        gw.config,
        hosting=HostingSettings(owners="885"),
        one=one,
        outside_witnesses=OutsideWitnessSettings("witnesses.txt"),
    )
    gw.store.run(lambda tx: cosignatures.add_cosignature(tx, KeptCosignature(1, north.name, gw.now(), "a line")))
    load(gw)
    gw.store.run(
        lambda tx: mailboxes.add_bundle(tx, MailboxBundle("885", "messages", "b", "330", b"sealed.bundle", gw.now()))
    )
    gw.store.run(lambda tx: partner_health.note_route_failure(tx, gw.now(), "885", "sftp", "nobody answers"))


async def test_a_real_prometheus_finds_every_metric_that_dashboard_and_rules_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "FIRST_AFTER", 0.0)
    monkeypatch.setattr(metrics, "KEEP_SECONDS", 0.5)
    sandwell, worcestershire = (
        make(tmp_path / "333", "333", "Sandwell"),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    birmingham = make(tmp_path / "330", "330", "Birmingham")
    introduce(sandwell, worcestershire)
    introduce(sandwell, birmingham)
    with_everything(sandwell, tmp_path)
    port = watched(sandwell)
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
        # It is not running.
        send_notices(sandwell, [notice(recipient="330")], by="olive")
        with scraping(tmp_path, port) as prometheus:
            await until_true(prometheus.up)
            await until_true(lambda: asked() <= {*(prometheus.ask("label/__name__/values") or [])})
            assert prometheus.ask("query", query="up")["result"][0]["metric"]["job"] == "cme-gateway"
            rules = prometheus.ask("rules")["groups"][0]["rules"]
            assert len(rules) > 15
            assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
    for gw in (sandwell, worcestershire, birmingham):
        gw.store.close()


async def until_true(true: Callable[[], bool]) -> None:
    """Asks another program, so not in the loop that the gateway lives in."""
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(true):
            await asyncio.sleep(0.2)


async def test_what_waits_for_a_partner_is_counted_with_its_age(pair: Pair) -> None:
    sandwell, _ = pair
    port = watched(sandwell)
    async with app.run_gateway(sandwell):
        send_notices(sandwell, [notice(), notice()], by="olive")
        _, text = await scrape(port)
    assert 'cme_gateway_messages{state="queued"} 2.0' in text
    assert 'cme_gateway_partner_messages{authority="885",state="queued"} 2.0' in text
    assert re.search(r'^cme_gateway_partner_oldest_waiting_seconds\{authority="885"\} \d', text, re.MULTILINE)


def words(value: object) -> set[str]:
    """Every text in a message, however deep."""
    match value:
        case dict():
            return {word for one in value.values() for word in words(one)}
        case list() | tuple():
            return {word for one in value for word in words(one)}
        case date():
            return {value.isoformat(), f"{value:%d/%m/%Y}", f"{value:%d %b %Y}"}
        case str() if len(value) > 3:
            return {value}
        case _:
            return set()


async def test_nothing_of_a_child_stands_in_the_metrics_nor_in_health(pair: Pair) -> None:
    sandwell, worcestershire = pair
    ports = [watched(gw) for gw in pair]
    message = notice()
    async with app.run_gateway(sandwell):
        [sent] = send_notices(sandwell, [message], by="olive")
        _, before = await scrape(ports[0])
        seen = [before, repr(health.measure_health(sandwell))]
        async with app.run_gateway(worcestershire):
            release_all(sandwell, "885", "olive")
            await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
            seen += [(await scrape(port))[1] for port in ports]
            seen += [repr(health.measure_health(gw)) for gw in pair]
    # A word; our own number.
    said = (words(asdict(message.body)) | {sent, message.header.case_id}) - {
        "none",
        "01632 960101",
    }
    # A year, or a size, may have these digits.
    said = {word for word in said if not (word.isdecimal() and len(word) < 6)}
    assert {"Testchild-Example", sent} <= said
    assert len(said) > 10
    assert [(word, text[:80]) for text in seen for word in said if word in text] == []


async def test_an_eager_scraper_does_not_load_the_database(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    sandwell, _ = pair
    port, looks = watched(sandwell), 0
    look = health.measure_health

    def counted(gw: Gateway) -> Health:
        nonlocal looks
        looks += 1
        return look(gw)

    monkeypatch.setattr(health, "measure_health", counted)
    async with app.run_gateway(sandwell):
        answers = await asyncio.gather(*(scrape(port) for _ in range(connections.LEAST_OF_ONE)))
    assert {status for status, _ in answers} == {200}
    assert looks == 1


async def test_partners_find_no_metrics_and_prometheus_finds_nothing_else(pair: Pair) -> None:
    sandwell, _ = pair
    port = watched(sandwell)
    async with app.run_gateway(sandwell):
        listen = sandwell.config.listen
        async with aiohttp.ClientSession() as session:
            url = f"https://{listen.host}:{listen.port}/metrics"
            async with session.get(url, ssl=False) as answer:
                assert answer.status == 404
        for path in ("/", "/healthz", "/exchange/v1/messages", "/metrics/885"):
            assert (await scrape(port, path))[0] == 404


async def test_without_a_port_nothing_listens_and_a_port_in_use_is_said(pair: Pair) -> None:
    sandwell, worcestershire = pair
    port = watched(worcestershire)
    sandwell.config = replace(sandwell.config, metrics=MetricsSettings(port=port))
    async with app.run_gateway(worcestershire):
        with pytest.raises(Unusable) as said:
            async with app.run_gateway(sandwell):
                pass
    assert said.value.code == "listen.unavailable"


@pytest.mark.parametrize("port", ["-1", "65536", "8443"])
def test_a_port_that_is_none_of_its_own_is_refused(port: str) -> None:
    text = f'[authority]\ncode = "333"\nname = "Sandwell"\n[metrics]\nport = {port}\n'
    with pytest.raises(ConfigProblem, match="line 5"):
        parse(text, Path())
