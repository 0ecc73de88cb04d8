"""A mailbox: Birmingham's gateway keeps what comes for Worcestershire, which lets nobody in."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.mailbox import Mailbox
from adapters.route import Bundle, HandedOver, NotReached, Parcel, RouteAddress, TryLater
from gateway import app, home_folder
from gateway.authorities.partners import add_partner
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.findings import FindingLevel, HealthFinding
from gateway.exchange import collect, mailbox
from gateway.exchange.mailbox import KEPT_FOR
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import send_notices
from gateway.monitoring import doctor, health
from gateway.settings.sections import HostingSettings, ListenSettings
from gateway.store import audit_log, inbox, mailboxes, outbox, partner_health
from keys import bearer
from tests.children import notice
from tests.conftest import free_port, introduce, make
from tests.contract.worlds import hosting, with_mailbox
from tests.flows.test_cards import find_held, note_shown
from tests.flows.test_exchange import state, until, whole

Three = tuple[Gateway, Gateway, Gateway]


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Three]:
    """Sandwell; Worcestershire, which listens where no partner comes; and Birmingham, the host."""
    monkeypatch.setattr(collect, "LOOK_EVERY", 0.2)
    monkeypatch.setattr("gateway.partner_api.mailboxes.POLL_SECONDS", 0.3)
    host = hosting(tmp_path / "330")
    sandwell, worcestershire = make(tmp_path / "333", "333", "Sandwell"), with_mailbox(tmp_path / "885", host)
    introduce(host, sandwell)
    introduce(sandwell, worcestershire)
    add_partner(host, (tmp_path / "885" / home_folder.CARD_FILE).read_text("ascii"), by="test")
    # Not what its card says.
    worcestershire.config = replace(worcestershire.config, listen=ListenSettings(port=free_port()))
    yield sandwell, worcestershire, host
    for gw in (sandwell, worcestershire, host):
        gw.store.close()


def at(gw: Gateway, worcestershire: Gateway) -> tuple[Mailbox, RouteAddress]:
    """A carrier, and Worcestershire's mailbox as this authority finds it."""
    [route] = [route for route in worcestershire.own_card.routes if route.kind == "mailbox"]
    carrier = gw.carriers["mailbox"]
    assert isinstance(carrier, Mailbox)
    return carrier, gw.build_address("885", route)


async def closed(*all_of_them: Gateway) -> None:
    for gw in all_of_them:
        for carrier in gw.carriers.values():
            await carrier.close()


async def test_a_notice_waits_in_the_mailbox_and_its_receipt_comes_back(three: Three) -> None:
    sandwell, worcestershire, host = three
    async with app.run_gateway(sandwell), app.run_gateway(host):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.SENT)
        assert sandwell.store.look(lambda tx: outbox.get_delivery(tx, sent)).reason == "waiting in their mailbox"
        async with app.run_gateway(worcestershire):
            await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
        await until(lambda: not host.store.look(lambda tx: mailboxes.sum_mailbox_bytes(tx, "885")))
    assert worcestershire.store.look(lambda tx: inbox.get_message(tx, sent)).sender == "333"
    acts = [entry.act for entry in host.store.look(lambda tx: list(audit_log.list_entries(tx)))]
    assert [act for act in acts if act.startswith("mailbox.")] == ["mailbox.kept", "mailbox.fetched"]
    assert not whole(host).faults


async def test_the_host_learns_nothing_of_what_it_keeps(three: Three) -> None:
    sandwell, worcestershire, host = three
    carrier, address = at(sandwell, worcestershire)
    message = notice()
    [ready] = prepare_messages(sandwell, [message], "olive")
    async with app.run_gateway(replace(host, carriers={})):
        assert await carrier.deliver(address, [Parcel(ready.message_id, ready.sealed)]) == [
            HandedOver("waiting in their mailbox")
        ]
        await closed(sandwell)
    [held] = await mailbox.list_messages_to_fetch(host, "885")
    assert held.content == ready.sealed
    entries = "".join(entry.entry for entry in host.store.look(lambda tx: list(audit_log.list_entries(tx))))
    assert message.header.message_id not in entries
    assert inbox_of(host) == []


def inbox_of(gw: Gateway) -> list[str]:
    return [one.message_id for one in gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now()))]


async def test_only_the_owner_fetches_and_only_a_sender_gets_its_receipts(three: Three) -> None:
    sandwell, worcestershire, host = three
    carrier, address = at(sandwell, worcestershire)
    [ready] = prepare_messages(sandwell, [notice()], "olive")
    async with app.run_gateway(replace(host, carriers={})):
        await carrier.deliver(address, [Parcel(ready.message_id, ready.sealed)])
        # Sandwell asks for what is not its own.
        as_owner = replace(address, us="885")
        with pytest.raises(NotReached, match="403"):
            await carrier.collect(as_owner)
        stranger = replace(address, bearer=lambda: "nonsense")
        assert isinstance((await carrier.deliver(stranger, [Parcel("x", b"x")]))[0], TryLater)
        # A token for another audience.
        elsewhere = replace(address, bearer=lambda: bearer.issue("330", ring=sandwell.ring, now=sandwell.now()))
        assert isinstance((await carrier.deliver(elsewhere, [Parcel("x", b"x")]))[0], TryLater)
        theirs, own = at(worcestershire, worcestershire)
        [bundle] = await theirs.collect(own)
        [token] = await receive_parcels(worcestershire, [ready.sealed], "333")
        await theirs.finish(own, bundle, [token])
        assert await theirs.collect(own) == []
        [receipts] = await carrier.collect(address)
        assert isinstance(receipts, Bundle)
        assert receipts.lines == (token.encode(),)
        await carrier.finish(address, receipts)
        assert await carrier.collect(address) == []
        await closed(sandwell, worcestershire)


async def test_what_was_fetched_and_not_finished_is_fetched_again(
    three: Three, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.core.resting.FIRST_REST", 0.1)
    monkeypatch.setattr("gateway.partner_api.mailboxes.POLL_SECONDS", 10.0)
    sandwell, worcestershire, host = three
    carrier, address = at(sandwell, worcestershire)
    theirs, own = at(worcestershire, worcestershire)
    async with app.run_gateway(replace(host, carriers={})):
        await carrier.deliver(
            address, [Parcel(one.message_id, one.sealed) for one in prepare_messages(sandwell, [notice()], "olive")]
        )
        assert await theirs.collect(own) == await theirs.collect(own) != []
        await closed(sandwell, worcestershire)


async def test_two_routes_that_both_deliver_have_one_effect(three: Three) -> None:
    sandwell, worcestershire, host = three
    carrier, address = at(sandwell, worcestershire)
    [ready] = prepare_messages(sandwell, [notice()], "olive")
    async with app.run_gateway(replace(host, carriers={})):
        await carrier.deliver(address, [Parcel(ready.message_id, ready.sealed)])
        # By another route, which was quicker.
        [token] = await receive_parcels(worcestershire, [ready.sealed], "333")
        _, own = at(worcestershire, worcestershire)
        assert await collect.collect_from(worcestershire, "mailbox", own) == 1
        [receipts] = await carrier.collect(address)
        await closed(sandwell, worcestershire)
    assert isinstance(receipts, Bundle)
    assert receipts.lines == (token.encode(),)
    assert inbox_of(worcestershire) == [ready.message_id]


async def test_a_full_mailbox_and_one_that_is_not_held_here_are_reasons_to_try_later(three: Three) -> None:
    sandwell, worcestershire, host = three
    carrier, address = at(sandwell, worcestershire)
    host.config = replace(host.config, hosting=HostingSettings("885", megabytes=1))
    async with app.run_gateway(replace(host, carriers={})):
        ready = prepare_messages(sandwell, [notice()], "olive")[0].sealed
        head, _, body = ready.decode().partition(".")
        bundles = [[Parcel("x", f"{head}.{body}{'ABC'[number] * 400_000}".encode())] for number in range(3)]
        ends = [(await carrier.deliver(address, bundle))[0] for bundle in bundles]
        assert [type(end) for end in ends] == [HandedOver, HandedOver, TryLater]
        assert ends[2] == TryLater("their mailbox is full")
        host.config = replace(host.config, hosting=HostingSettings("", megabytes=1))
        [end] = await carrier.deliver(address, bundles[0])
        assert isinstance(end, TryLater)
        await closed(sandwell)


async def test_what_nobody_fetches_is_forgotten_and_noted(three: Three) -> None:
    sandwell, worcestershire, host = three
    carrier, address = at(sandwell, worcestershire)
    async with app.run_gateway(replace(host, carriers={})):
        await carrier.deliver(
            address, [Parcel(one.message_id, one.sealed) for one in prepare_messages(sandwell, [notice()], "olive")]
        )
        await closed(sandwell)
    clock = host.now
    host.now = lambda: clock() + KEPT_FOR - timedelta(hours=1)
    assert host.store.run(lambda tx: mailbox.expire_bundles(tx, host)) == []
    host.now = lambda: clock() + KEPT_FOR + timedelta(hours=1)
    [entry] = host.store.run(lambda tx: mailbox.expire_bundles(tx, host))
    assert (entry.partner, entry.detail) == ("333", {"owner": "885"})
    assert host.store.look(lambda tx: mailboxes.sum_mailbox_bytes(tx, "885")) == 0


def test_doctor_says_when_our_card_does_not_name_the_mailbox(three: Three) -> None:
    _, worcestershire, _ = three
    assert ("our mailbox", "ok") in {(one.name, one.result) for one in doctor.run_checks(worcestershire)}
    worcestershire.own_card = replace(worcestershire.own_card, routes=worcestershire.own_card.routes[:1])
    assert ("our mailbox", "fail") in {(one.name, one.result) for one in doctor.run_checks(worcestershire)}


async def test_a_gateway_that_waits_at_its_mailbox_stops_at_once(three: Three, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.partner_api.mailboxes.POLL_SECONDS", 60.0)
    _, worcestershire, host = three
    began = worcestershire.now()
    async with app.run_gateway(host):
        async with app.run_gateway(worcestershire):
            await until(lambda: True)
        assert (worcestershire.now() - began).total_seconds() < 10
    assert (worcestershire.now() - began).total_seconds() < 15


async def test_health_says_when_nobody_can_look_into_our_own_mailbox(three: Three) -> None:
    _, worcestershire, host = three
    holder, clock = replace(host, carriers={}), worcestershire.now
    kept = holder.config

    def findings() -> list[HealthFinding]:
        return [one for one in health.measure_health(worcestershire).findings if one.name == "our mailbox route"]

    def failing() -> bool:
        found = worcestershire.store.look(partner_health.list_route_reach).get("885", [])
        return bool(found and found[0].failing_since)

    async with app.run_gateway(holder):
        # Whoever runs the host took it out of the settings.
        holder.config = replace(kept, hosting=HostingSettings(""))
        async with app.run_gateway(worcestershire):
            await until(failing)
            # A restart takes less.
            assert findings() == []
            worcestershire.now = lambda: clock() + timedelta(minutes=16)
            [finding] = findings()
            assert finding.level is FindingLevel.FAIL
            assert "404" in finding.sentence
            holder.config, worcestershire.now = kept, clock
            await until(lambda: not failing())
            assert findings() == []


async def test_a_newer_card_waits_in_the_mailbox_and_a_receipt_says_that_it_came(three: Three) -> None:
    sandwell, worcestershire, host = three
    note_shown(sandwell, "885")
    home_folder.renew_card(sandwell.config.home, by="ines")
    for gw in (sandwell, worcestershire):
        gw.carriers = {kind: carrier for kind, carrier in gw.carriers.items() if kind != "https"}
    async with app.run_gateway(host), app.run_gateway(sandwell), app.run_gateway(worcestershire):
        await until(lambda: worcestershire.trust.get_card("333").serial == 2)
        await until(lambda: find_held(sandwell, "885") == 2)
        await until(lambda: not host.store.look(lambda tx: mailboxes.sum_mailbox_bytes(tx, "885")))
    assert "message.refused" not in {
        entry.act for entry in worcestershire.store.look(lambda tx: list(audit_log.list_entries(tx)))
    }
    host.store.run(lambda tx: mailbox.forget_unreadable(tx, host, "885"))
