"""Notices from gateway to gateway by mail alone: no connection between the two, and their receipts come back the same
way.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.route import Bundle, Collector, HandedOver, Parcel, TryLater
from gateway import app, home_folder
from gateway.core.delivery import DeliveryState
from gateway.errors import ConfigProblem

# The fallback, over routes that answer as told.
from gateway.exchange.deliver import _carry_sealed
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import send_notices
from gateway.settings.file import parse
from gateway.store import inbox, outbox
from gateway.store.outbox import ClaimedDelivery
from keys import tls
from tests import mail
from tests.children import notice
from tests.conftest import free_port
from tests.contract.worlds import World, email
from tests.flows.test_cards import find_held, note_shown
from tests.flows.test_exchange import state, until
from tests.mail import Servers


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.email.POLL_SECONDS", 0.1)
    monkeypatch.setattr("gateway.exchange.collect.LOOK_EVERY", 0.1)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = email(tmp_path)
    yield made
    await made.close()


async def test_a_notice_goes_by_mail_and_its_receipt_comes_back(world: World) -> None:
    sandwell, worcestershire = world.sandwell, world.worcestershire
    for gw in (sandwell, worcestershire):
        gw.carriers = {"email": gw.carriers["email"]}
    async with world.serving(), app.run_gateway(sandwell), app.run_gateway(worcestershire):
        sent = send_notices(sandwell, [notice() for _ in range(3)], by="olive")
        await until(lambda: all(state(sandwell, one) is DeliveryState.RECEIVED for one in sent))
    came = worcestershire.store.look(lambda tx: inbox.search_inbox(tx, worcestershire.now()))
    assert {one.message_id for one in came} == set(sent)
    tries = sandwell.store.look(lambda tx: outbox.list_tries(tx, sent[0]))
    assert [(one["route"], one["ending"]) for one in tries] == [("email", "handed over"), ("email", "receipted")]


async def test_a_bundle_that_a_server_finds_too_large_goes_in_halves(world: World) -> None:
    sandwell = world.sandwell
    ready = prepare_messages(sandwell, [notice() for _ in range(2)], "olive")
    # The server takes two megabytes.
    large = [Parcel(str(n), bytes([65 + n]) * 1_000_000) for n in range(2)]
    async with world.serving():
        first, second = await world.carrier.deliver(world.address, large)
        assert isinstance(first, HandedOver)
        assert isinstance(second, HandedOver)
        assert first.ticket != second.ticket
        [alone] = await world.carrier.deliver(world.address, [Parcel("x", b"A" * 2_000_000)])
        assert isinstance(alone, TryLater)
        assert "too large" in alone.reason
        whole = [Parcel(one.message_id, one.sealed) for one in ready]
        assert len(set(await world.carrier.deliver(world.address, whole))) == 1


async def test_an_address_that_is_not_known_there_is_tried_again_and_without_an_account_nothing_goes(
    world: World,
) -> None:
    async with world.serving():
        nobody = replace(world.address, url="mailto:nobody@worcestershire.example")
        [attempt] = await world.carrier.deliver(nobody, [Parcel("x", b"sealed")])
        assert isinstance(attempt, TryLater)
        assert "550" in attempt.reason
    [attempt] = await world.carrier.deliver(replace(world.address, mail=None), [Parcel("x", b"sealed")])
    assert isinstance(attempt, TryLater)


async def test_what_one_route_refuses_the_next_may_take(world: World) -> None:
    """Worcestershire's card lists HTTPS first, where nobody answers; its mailbox does not know us; nothing is left
    over.
    """
    sandwell = world.sandwell
    [ready] = prepare_messages(sandwell, [notice()], "olive")
    claimed = ClaimedDelivery(ready.message_id, "885", ready.digest, ready.sealed, sandwell.now(), 1)
    async with world.serving():
        [(route, attempt)] = await _carry_sealed(sandwell, "885", [claimed])
    assert route == "email"
    assert isinstance(attempt, HandedOver)
    [(route, attempt)] = await _carry_sealed(sandwell, "885", [claimed])
    assert isinstance(attempt, TryLater)
    assert "HTTPS: " in attempt.reason
    assert "email: your email server cannot be reached" in attempt.reason


async def test_tls_may_begin_at_once_or_when_it_is_asked_for(world: World) -> None:
    """smtps and imap with STARTTLS, the other two of the four; and a mailbox that can neither move nor expunge by
    number.
    """
    smtps, imap = free_port(), free_port()
    account = world.address.mail
    assert account is not None
    old = f"service imap-login {{\n  inet_listener imap {{\n    port = {imap}\n  }}\n}}\nimap_capability = IMAP4rev1\n"
    with mail.home() as home, mail.servers(home, free_port(), free_port(), smtps=smtps, dovecot=old) as servers:
        other = replace(
            account,
            smtp=f"smtps://127.0.0.1:{smtps}",
            imap=f"imap://127.0.0.1:{imap}",
            authorities=servers.certificate.read_text(),
        )
        carrier = world.carrier
        own = replace(world.address, us="333", authority="333", url=f"mailto:{account.address}", mail=other)
        await carrier.deliver(own, [Parcel("x", b"sealed")])
        while not servers.list_mails(account.address):
            await asyncio.sleep(0.02)
        servers.add_mail(account.address, b"Auto-Submitted: auto-replied\r\nSubject: away\r\n\r\nI am away.\r\n")
        assert isinstance(carrier, Collector)
        [found] = await carrier.collect(own)
        assert isinstance(found, Bundle)
        assert found.lines == (b"sealed",)
        await carrier.finish(own, found)
        assert await carrier.collect(own) == []
        assert servers.list_mails(account.address) == []


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ('address = "no address"', "address"),
        ('address = "a@b.example"', "smtp"),
        ('address = "a@b.example"\nsmtp = "http://relay"', "smtp"),
        ('address = "a@b.example"\nsmtp = "smtp://relay"\nimap = "pop3://post"', "imap"),
        ('smtp = "smtp://relay"', "address"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, setting: str, says: str) -> None:
    with pytest.raises(ConfigProblem, match=f"\\[email\\] {says}"):
        parse(f'[authority]\ncode = "333"\nname = "Sandwell"\n[email]\n{setting}\n', tmp_path)


def test_what_the_servers_are_told_is_only_a_login_a_ca_and_places(tmp_path: Path) -> None:
    ours = Servers(tmp_path, 25, 143)
    (tmp_path / "tls.pem").write_bytes(tls.self_signed("127.0.0.1", now=datetime.now(UTC), days=1)[1])
    (tmp_path / "password").write_text("the password of this test")
    text = '[authority]\ncode = "333"\nname = "Sandwell"\n' + ours.build_settings("gateway@sandwell.example")
    account = parse(text, tmp_path).mail_account()
    assert account is not None
    assert "password" not in repr(account)


async def test_a_newer_card_goes_by_mail_and_a_receipt_says_that_it_came(world: World) -> None:
    sandwell, worcestershire = world.sandwell, world.worcestershire
    note_shown(sandwell, "885")
    newest = home_folder.renew_card(sandwell.config.home, by="ines").serial
    assert worcestershire.trust.get_card("333").serial < newest
    for gw in (sandwell, worcestershire):
        gw.carriers = {kind: carrier for kind, carrier in gw.carriers.items() if kind != "https"}
    async with world.serving(), app.run_gateway(sandwell), app.run_gateway(worcestershire):
        await until(lambda: worcestershire.trust.get_card("333").serial == newest)
        await until(lambda: find_held(sandwell, "885") == newest)
