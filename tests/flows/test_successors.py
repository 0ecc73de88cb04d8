"""Two authorities merge: what is open with the one that ended goes to its successor, and nothing else does."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from gateway import app
from gateway.authorities import suspend
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.findings import FindingLevel
from gateway.directories import keeper as keeping
from gateway.directories import rounds, succession
from gateway.errors import NotAllowed
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages, send_notices
from gateway.store import outbox
from gateway.store.database import Tx
from gateway.store.outbox import Delivery
from keys import card
from keys.directory import DirectoryMember
from schemas.shapes import MessageId
from tests.children import notice
from tests.command import run_command
from tests.conftest import introduce
from tests.directories import NAME, SCHEME, Keeper, build_member, join_scheme, list_member
from tests.flows.test_directories import Pair, entries, findings, partner, sandwell, strangers
from tests.flows.test_exchange import until

__all__ = ["sandwell", "strangers"]


def _end(old: DirectoryMember, successor: str) -> DirectoryMember:
    return replace(old, status="ended", successor=successor)


def _advance(tx: Tx, message_id: MessageId, state: DeliveryState) -> None:
    assert outbox.advance_delivery(tx, datetime.now(UTC), message_id, "334", state)


def sent_to(gw: Gateway, code: str) -> list[Delivery]:
    found = gw.store.look(lambda tx: outbox.search_outbox(tx, outbox.OutboxQuery(recipient=code, oldest_first=True)))
    return list(found)


def test_open_notices_follow_by_the_directorys_word_where_it_alone_vouched_for_the_old_authority(
    strangers: Pair,
) -> None:
    """Of each state in which a notice is open, one; what was answered or is no transfer notice stays."""
    sandwell, worcestershire = strangers
    keeper = Keeper()
    old, _ = build_member(sandwell.own_card, "334")
    join_scheme(sandwell, keeper.publish(sandwell, old, list_member(worcestershire)), keeper)
    states = (
        *(DeliveryState.QUEUED, DeliveryState.FAILED, DeliveryState.RECEIVED, DeliveryState.ACKNOWLEDGED),
        *(DeliveryState.REJECTED, DeliveryState.CONCLUDED),
    )
    ids = send_notices(sandwell, [notice(recipient="334") for _ in states], "agnes")
    search = send_notices(sandwell, [notice(recipient="334", name="whereabouts-enquiry")], "agnes")
    for message_id, state in zip(ids[1:], states[1:], strict=True):
        sandwell.store.run(partial(_advance, message_id=message_id, state=state))
    ended = keeper.publish(sandwell, list_member(worcestershire), _end(old, "885"))
    assert succession.take_and_follow(sandwell, ended, SCHEME).suspended == ["334"]
    followed = sent_to(sandwell, "885")
    by_case = {one.case_id: one for one in sent_to(sandwell, "334")}
    assert len(followed) == 4
    assert {by_case[one.case_id].message_id for one in followed} == set(ids[:4])
    assert all(by_case[one.case_id].state is DeliveryState.CLOSED for one in followed)
    left = {one.message_id: one.state for one in sent_to(sandwell, "334") if one.state is not DeliveryState.CLOSED}
    assert left == {
        ids[4]: DeliveryState.REJECTED,
        ids[5]: DeliveryState.CONCLUDED,
        search[0]: DeliveryState.QUEUED,
    }
    assert entries(sandwell, "partner.followed") == [{"to": "885", "sent": 4, "left": 0}]
    # Once.
    assert succession.take_and_follow(sandwell, keeper.publish(sandwell, _end(old, "885")), SCHEME).suspended == ["885"]
    assert len(sent_to(sandwell, "885")) == 4


def test_a_person_says_so_where_people_confirmed_the_old_authority(strangers: Pair) -> None:
    sandwell, worcestershire = strangers
    introduce(sandwell, worcestershire)
    keeper = Keeper()
    new, _ = build_member(sandwell.own_card, "334")
    send_notices(sandwell, [notice()], "agnes")
    text = keeper.publish(sandwell, new, list_member(worcestershire, status="ended", successor="334"))
    join_scheme(sandwell, text, keeper)
    assert sent_to(sandwell, "334") == []
    its = findings(sandwell)[f"885 in {SCHEME}"]
    assert its.level is FindingLevel.WARN
    assert "follows it" in its.sentence
    home = str(sandwell.config.home)
    assert run_command("partner", "follow", "885", "--home", home).returncode == 0
    assert [one.recipient for one in sent_to(sandwell, "334")] == ["334"]


def test_nothing_follows_to_nobody(strangers: Pair) -> None:
    sandwell, worcestershire = strangers
    introduce(sandwell, worcestershire)
    send_notices(sandwell, [notice()], "agnes")
    for to, code in (
        *((None, "follow.unknown"), ("885", "follow.no-partner"), ("333", "follow.no-partner")),
        ("330", "follow.no-partner"),
    ):
        with pytest.raises(NotAllowed) as why:
            succession.follow_authority(sandwell, "885", to, by="ines")
        assert why.value.code == code
    assert [one.state for one in sent_to(sandwell, "885")] == [DeliveryState.QUEUED]


def test_a_notice_with_a_warning_is_left_for_an_officer(sandwell: Gateway) -> None:
    """Nobody is there to confirm it; Health counts what is left."""
    keeper = Keeper()
    old, new = (build_member(sandwell.own_card, code)[0] for code in ("334", "330"))
    join_scheme(sandwell, keeper.publish(sandwell, old, new), keeper)
    send_notices(sandwell, [notice(recipient="334")], "agnes")
    # The successor is suspended here, so nothing can go there.
    suspend.suspend_partner(sandwell, "330", by="ines")
    succession.take_and_follow(sandwell, keeper.publish(sandwell, new, _end(old, "330")), SCHEME)
    assert entries(sandwell, "partner.followed") == [{"to": "330", "sent": 0, "left": 1}]
    its = findings(sandwell)["suspended: 334"]
    assert "Open transfer notices to it: 1" in its.sentence
    assert partner(sandwell, "334").fingerprint == card.compute_fingerprint(card.read(old.token))
    suspend.resume_partner(sandwell, "330", by="ines")
    successor, followed = succession.follow_authority(sandwell, "334", None, by="ines")
    assert (successor, len(followed.sent), followed.left) == ("330", 1, ())


def test_the_keepers_own_open_notices_follow_when_it_publishes(strangers: Pair) -> None:
    sandwell, worcestershire = strangers
    old, _ = build_member(sandwell.own_card, "334")
    keeping.create_kept_directory(sandwell, SCHEME, NAME, 90, by="ines")
    for token in (old.token, worcestershire.own_card_text):
        offered = keeping.read_offered_member(sandwell, token)
        keeping.add_kept_member(sandwell, offered, offered.fingerprint, by="ines")
    _publish(sandwell)
    send_notices(sandwell, [notice(recipient="334")], "agnes")
    keeping.set_status(sandwell, "334", "ended", "885", by="ines")
    _publish(sandwell)
    assert [one.recipient for one in sent_to(sandwell, "885")] == ["885"]
    assert entries(sandwell, "partner.followed") == [{"to": "885", "sent": 1, "left": 0}]


def _publish(gw: Gateway) -> None:
    for step in (keeping.build_directory, keeping.sign_directory, keeping.publish_directory):
        step(gw, by="ines")


async def test_what_was_queued_while_the_directory_was_taken_follows_too(
    strangers: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By another process, which did not know of it yet."""
    monkeypatch.setattr(rounds, "LOOK_EVERY", 0.2)
    sandwell, worcestershire = strangers
    keeper = Keeper()
    old, _ = build_member(sandwell.own_card, "334")
    join_scheme(sandwell, keeper.publish(sandwell, old, list_member(worcestershire)), keeper)
    late = prepare_messages(sandwell, [notice(recipient="334")], "olive")
    succession.take_and_follow(
        sandwell, keeper.publish(sandwell, list_member(worcestershire), _end(old, "885")), SCHEME
    )
    assert entries(sandwell, "partner.followed") == []
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, late))
    async with app.run_gateway(sandwell):
        await until(lambda: [one.recipient for one in sent_to(sandwell, "885")] == ["885"])
        await until(lambda: bool(entries(sandwell, "partner.followed")))
    assert entries(sandwell, "partner.followed") == [{"to": "885", "sent": 1, "left": 0}]
    assert [one.state for one in sent_to(sandwell, "334")] == [DeliveryState.CLOSED]


async def test_what_cannot_follow_is_tried_once_by_each_process(
    sandwell: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "LOOK_EVERY", 0.1)
    keeper = Keeper()
    old, new = (build_member(sandwell.own_card, code)[0] for code in ("334", "330"))
    join_scheme(sandwell, keeper.publish(sandwell, old, new), keeper)
    send_notices(sandwell, [notice(recipient="334")], "agnes")
    suspend.suspend_partner(sandwell, "330", by="ines")
    succession.take_and_follow(sandwell, keeper.publish(sandwell, new, _end(old, "330")), SCHEME)
    left = {"to": "330", "sent": 0, "left": 1}
    async with app.run_gateway(sandwell):
        await until(lambda: len(entries(sandwell, "partner.followed")) == 2)
        await asyncio.sleep(0.5)
    assert entries(sandwell, "partner.followed") == [left, left]
