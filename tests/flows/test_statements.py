"""Two gateways compare what was sent and received: what differs is healed, or named to a person."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, select, update

from adapters.https import Https
from adapters.route import NotReached, PartnerAnswer, RouteAddress
from gateway import app, home_folder
from gateway.auditing import audit, witness
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.message_name import MessageName
from gateway.core.statement_diff import DifferenceKind
from gateway.exchange import respond, statements
from gateway.exchange.send import send_notices
from gateway.exchange.statements import ASKED_FOR, FOR_A_PERSON, SENT_AGAIN, HealedDifference, compare_with
from gateway.monitoring import doctor
from gateway.store import audit_log, blind_index, inbox, partner_checkpoints
from gateway.store.tables import inbox as inbox_table
from gateway.store.tables import outbox as outbox_table
from keys.errors import RefusalCode
from schemas.message import Acknowledgement, Decision
from schemas.shapes import MessageId
from tests.children import notice
from tests.conftest import introduce, make
from tests.flows.test_bad_input import command
from tests.flows.test_exchange import OFFICER, state, until, whole
from tests.refusals import expect_refusal

Pair = tuple[Gateway, Gateway]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "LOOK_EVERY", 0.1)


async def exchanged(gw: Gateway, there: Gateway) -> MessageId:
    """A notice that was sent and received."""
    [sent] = send_notices(gw, [notice(gw.code, there.code)], by="olive")
    await until(lambda: state(gw, sent) is DeliveryState.RECEIVED)
    return sent


async def compared(gw: Gateway, there: Gateway) -> dict[str, HealedDifference]:
    told = await compare_with(gw, there.code, gw.now() - statements.DAYS)
    return {one.difference.message_id: one for one in told}


def has(gw: Gateway, message_id: MessageId) -> bool:
    return message_id in {item.message_id for item in gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now()))}


def lose(there: Gateway, message_id: MessageId) -> None:
    """As after a restore: it never came."""

    def work(tx: Connection) -> None:
        of = inbox_table.c.message_id == message_id
        senders = tx.scalars(select(inbox_table.c.sender).where(of)).all()
        blind_index.delete_from_index(tx, [MessageName(sender, message_id) for sender in senders])
        tx.execute(delete(inbox_table).where(of))
        tx.exec_driver_sql(
            "DROP TRIGGER "
            + {"sqlite": "receipts_no_delete", "postgresql": "receipts_append_only ON receipts"}[tx.dialect.name]
        )
        tx.exec_driver_sql("DELETE FROM receipts")

    there.store.run(work)


def set_sent(gw: Gateway, message_id: MessageId, **values: object) -> None:
    gw.store.run(
        lambda tx: tx.execute(update(outbox_table).where(outbox_table.c.message_id == message_id).values(values))
    )


async def test_accounts_that_agree_say_nothing(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        await exchanged(sandwell, worcestershire)
        await exchanged(worcestershire, sandwell)
        assert await compared(sandwell, worcestershire) == {}
        assert await compared(worcestershire, sandwell) == {}


async def test_what_they_lost_is_sent_again(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        sent = await exchanged(sandwell, worcestershire)
        lose(worcestershire, sent)
        told = await compared(sandwell, worcestershire)
        assert (told[sent].difference.differs, told[sent].done) == (DifferenceKind.MISSING_THERE, SENT_AGAIN)
        await until(lambda: has(worcestershire, sent) and state(sandwell, sent) is DeliveryState.RECEIVED)
        assert await compared(sandwell, worcestershire) == {}


@pytest.mark.parametrize("decision", ["accepted", "passed-on"])
async def test_what_they_answered_and_lost_is_sent_again_and_the_log_is_whole(pair: Pair, decision: Decision) -> None:
    """As where their gateway was restored from before it came, and nobody has answered it again yet."""
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        sent = await exchanged(sandwell, worcestershire)
        told_to = "330" if decision == "passed-on" else None
        answer = Acknowledgement(decision=decision, officer=OFFICER, passed_to=told_to)
        respond.acknowledge_notice(worcestershire, sent, answer, by="otto")
        await until(lambda: state(sandwell, sent) is not DeliveryState.RECEIVED)
        lose(worcestershire, sent)
        await compared(sandwell, worcestershire)
        await until(lambda: has(worcestershire, sent) and state(sandwell, sent) is DeliveryState.RECEIVED)
    assert whole(sandwell).faults == ()


async def test_what_we_lost_is_asked_for_and_comes_again(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        sent = await exchanged(sandwell, worcestershire)
        lose(worcestershire, sent)
        told = await compared(worcestershire, sandwell)
        assert (told[sent].difference.differs, told[sent].done) == (DifferenceKind.MISSING_HERE, ASKED_FOR)
        await until(lambda: has(worcestershire, sent))


async def test_a_lost_receipt_is_had_by_delivering_again(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        sent = await exchanged(sandwell, worcestershire)
        set_sent(sandwell, sent, state=DeliveryState.FAILED)
        told = await compared(sandwell, worcestershire)
        assert (told[sent].difference.differs, told[sent].done) == (DifferenceKind.RECEIPT_LOST, SENT_AGAIN)
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
    receipts = sandwell.store.look(lambda tx: inbox.list_receipts(tx, sent, issuer=worcestershire.code))
    assert len({str(one["token"]) for one in receipts}) == 1


async def test_what_is_too_old_to_be_sent_again_is_named_to_a_person_once(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        sent = await exchanged(sandwell, worcestershire)
        set_sent(sandwell, sent, queued_at=sandwell.now() - timedelta(days=20))
        lose(worcestershire, sent)
        for _ in range(2):
            [told] = await compare_with(sandwell, "885", sandwell.now() - timedelta(days=30))
            assert (told.difference.differs, told.done) == (DifferenceKind.MISSING_THERE, FOR_A_PERSON)
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="statement.difference"))
    assert (entry.about, entry.partner) == (sent, "885")


async def test_other_bytes_and_other_states_are_named_with_what_each_side_has(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        digest, standing = [await exchanged(sandwell, worcestershire) for _ in range(2)]
        set_sent(sandwell, digest, digest="0" * 64)
        long_ago = sandwell.now() - timedelta(hours=2)
        set_sent(sandwell, standing, state=DeliveryState.ACKNOWLEDGED, state_at=long_ago)
        worcestershire.store.run(lambda tx: tx.execute(update(inbox_table).values(state_at=long_ago)))
        told = await compared(sandwell, worcestershire)
    assert {one.difference.differs: one.done for one in told.values()} == {
        DifferenceKind.DIGEST: FOR_A_PERSON,
        DifferenceKind.STATE: FOR_A_PERSON,
    }
    details = [
        json.loads(e.entry)["detail"]
        for e in sandwell.store.look(
            lambda tx: audit_log.list_newest_entries(tx, about=standing, act="statement.difference")
        )
    ]
    assert {"here": "acknowledged", "there": "new"}.items() <= details[0].items()
    kept = sandwell.store.look(lambda tx: tx.exec_driver_sql("SELECT issuer, token FROM statements").all())
    assert [row.issuer for row in kept] == ["885"]


async def test_a_statement_is_complete_over_many_pages(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("gateway.exchange.statements", "gateway.store.statements"):
        monkeypatch.setattr(f"{module}.ROWS", 3)
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        sent = send_notices(sandwell, [notice() for _ in range(10)], by="olive")
        await until(lambda: {state(sandwell, one) for one in sent} == {DeliveryState.RECEIVED})
        assert await compared(sandwell, worcestershire) == {}
        assert await compared(worcestershire, sandwell) == {}
        for one in sent:
            set_sent(sandwell, one, state=DeliveryState.FAILED)
        told = await compared(sandwell, worcestershire)
        assert set(told) == set(sent)


class Tampers(Https):
    """The carrier itself, but a word of what is answered is another."""

    async def ask(self, address: RouteAddress, question: str, most: int) -> PartnerAnswer:
        answer = await super().ask(address, question, most)
        return replace(answer, body=answer.body[:-8] + b"AAAAAAAA")


async def test_a_statement_that_is_not_theirs_changes_nothing(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
        sent = await exchanged(sandwell, worcestershire)
        lose(worcestershire, sent)
        honest = sandwell.carriers
        sandwell.carriers = {"https": Tampers()}
        with expect_refusal(RefusalCode.STATEMENT_SIGNATURE, RefusalCode.STATEMENT_MALFORMED):
            await compared(sandwell, worcestershire)
        await sandwell.carriers["https"].close()
        sandwell.carriers = honest
        assert state(sandwell, sent) is DeliveryState.RECEIVED


async def test_who_does_not_prove_who_they_are_gets_no_statement(pair: Pair) -> None:
    sandwell, worcestershire = pair
    asker, address = witness.find_way_to_ask(sandwell, "885")
    async with app.run_gateway(worcestershire):
        for path in ("/statements?since=1&until=2&page=0", "/statements/missing?since=1"):
            nobody = replace(address, bearer=lambda: "nobody")
            assert (await asker.ask(nobody, path, 999)).status == 401
        for wrong in (
            "",
            "?since=1&until=2",
            "?since=1&until=2&page=-1",
            "?since=999999999999&until=2&page=0",
            "?since=1&until=2&page=400",
        ):
            assert (await asker.ask(address, f"/statements{wrong}", 999)).status == 400
    await sandwell.carriers["https"].close()


async def test_a_partner_that_is_away_is_said_to_be(pair: Pair) -> None:
    sandwell, worcestershire = pair
    with pytest.raises(NotReached):
        await compared(sandwell, worcestershire)
    await sandwell.carriers["https"].close()
    shown = command(sandwell.config.home, "statement", "885")
    assert shown.returncode == 1
    assert "statement.not-reached" in shown.stderr


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Pair]:
    """Sandwell and Worcestershire, on SQLite, whose backup is a file."""
    sandwell = make(tmp_path / "333", "333", "Sandwell")
    worcestershire = make(tmp_path / "885", "885", "Worcestershire")
    introduce(sandwell, worcestershire)
    yield sandwell, worcestershire
    worcestershire.store.close()


async def test_a_lost_day_is_found_and_healed_as_far_as_it_can_be(two: Pair, tmp_path: Path) -> None:
    sandwell, worcestershire = two
    home, store = sandwell.config.home, sandwell.config.home / "store.db"
    async with app.run_gateway(worcestershire):
        async with app.run_gateway(sandwell):
            before = await exchanged(sandwell, worcestershire)
            came_before = await exchanged(worcestershire, sandwell)
            with sqlite3.connect(store) as live, sqlite3.connect(tmp_path / "backup.db") as copy:
                live.backup(copy)
            live.close()
            copy.close()
            # The day that will be lost.
            sent = [await exchanged(sandwell, worcestershire) for _ in range(4)]
            await audit.sign_checkpoint(sandwell)
            came = [await exchanged(worcestershire, sandwell) for _ in range(2)]
            respond.acknowledge_notice(
                worcestershire, before, Acknowledgement(decision="accepted", officer=OFFICER), by="otto"
            )
            await until(lambda: state(sandwell, before) is DeliveryState.ACKNOWLEDGED)
        sandwell.store.close()
        for left in home.glob("store.db*"):
            left.unlink()
        shutil.copy(tmp_path / "backup.db", store)

        restored = home_folder.open_gateway(home)
        assert not any(has(restored, one) for one in came)
        assert state(restored, before) is DeliveryState.RECEIVED
        async with app.run_gateway(restored):
            told = await compared(restored, worcestershire)
            assert {one: told[one].done for one in came} == dict.fromkeys(came, ASKED_FOR)
            await until(lambda: all(has(restored, one) for one in came))
            # The officer's answer came again too.
            await until(lambda: state(restored, before) is DeliveryState.ACKNOWLEDGED)
            assert has(restored, came_before)

            # What was sent is known again by its id, kind, case, digest and state there; what it said, only they have.
            assert {told[one].difference.differs for one in sent} == {DifferenceKind.FORGOTTEN_HERE}
            there = [told[one].difference.theirs for one in sent]
            kept = [worcestershire.store.look(lambda tx, one=one: inbox.get_message(tx, one)) for one in sent]  # type: ignore[misc]
            assert [(row.case, row.sha256, row.kind, row.state) for row in there if row] == [
                (item.case_id, item.digest, item.kind, item.state.value) for item in kept
            ]
            entries = restored.store.look(lambda tx: audit_log.list_newest_entries(tx, act="statement.difference"))
            assert {entry.about for entry in entries} == set(sent)
            again = await compared(restored, worcestershire)
            assert set(again) == set(sent)
            assert len(
                restored.store.look(lambda tx: audit_log.list_newest_entries(tx, act="statement.difference"))
            ) == len(sent)

            # Its log is shorter than it was, or another: Worcestershire cannot tell a restore from a rewritten past.
            await _alarmed(restored, worcestershire)
        assert not whole(restored).faults
        restored.store.close()


async def _alarmed(restored: Gateway, worcestershire: Gateway) -> None:
    """The next receipts and proofs show it."""
    before = worcestershire.store.look(lambda tx: partner_checkpoints.summarise_checkpoints(tx, "333"))
    assert before is not None
    while restored.store.look(audit_log.get_tree_head).size <= before.size:
        await exchanged(restored, worcestershire)
    await audit.sign_checkpoint(restored)
    await exchanged(worcestershire, restored)
    await witness.check_partner_log(worcestershire, "333")
    [alarm] = worcestershire.store.look(partner_checkpoints.list_alarms)
    assert alarm.authority == "333"
    [check] = [one for one in doctor.run_checks(worcestershire) if one.name == "audit log of 333"]
    assert check.result == "fail"
    assert "restored a backup" in check.detail
