"""Finding notices: what was sent or came is found by what it says of the child, and by nobody who lacks our key."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from gateway import background
from gateway.casework import find
from gateway.context import Gateway
from gateway.core.message_summary import MessageSummary
from gateway.errors import Unusable
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import queue_messages, send_notices
from gateway.exchange.withdraw import withdraw_notice
from gateway.store import audit_log, blind_index, inbox, outbox, tables
from schemas.message import Acknowledgement, Child, Message, Restriction, RestrictionLevel, TransferNotice, Withdrawal
from schemas.shapes import MessageId
from tests.children import notice
from tests.flows.test_exchange import until

Pair = tuple[Gateway, Gateway]
DOB = date(2015, 9, 3)


def about(
    surname: str, forename: str = "Ada", dob: date = DOB, *, restriction: RestrictionLevel = "none", **header: str
) -> Message:
    """A notice about this child."""
    made = notice(**header)  # type: ignore[arg-type]
    body = made.body
    assert isinstance(body, TransferNotice)
    child = Child(surname=surname, forename=forename, dob=dob, sex="F", upn_unknown="not-known")
    level = Restriction(level=restriction) if restriction == "none" else _restricted(restriction)
    said = None if restriction == "phone-only" else child
    bare = TransferNotice(
        restriction=level,
        child=said,
        certainty=body.certainty,
        cme_reason=body.cme_reason,
        provision_status=body.provision_status,
        ring=body.ring,
    )
    return Message(made.header, bare)


def _restricted(level: RestrictionLevel) -> Restriction:
    day = date(2026, 1, 5)
    return Restriction(level=level, reason="domestic-abuse", decided_by="Mara", decided_on=day, review_on=day)


async def exchange(pair: Pair, *notices: Message) -> list[MessageId]:
    """Sandwell sends these, and Worcestershire has them."""
    sandwell, worcestershire = pair
    send_notices(sandwell, notices, "olive")
    ids = [one.header.message_id for one in notices]
    sealed = [sandwell.store.look(lambda tx, one=one: outbox.get_sealed_notice(tx, one)) for one in ids]  # type: ignore[misc]
    await receive_parcels(worcestershire, sealed, "333")
    return ids


def hits(gw: Gateway, typed: str, **more: bool) -> Sequence[MessageSummary]:
    return find.find_notices(gw, typed, "otto", **more).hits


def found(gw: Gateway, typed: str, **more: bool) -> list[str]:
    return [hit.message_id for hit in hits(gw, typed, **more)]


def unfindable(gw: Gateway) -> None:
    """As a database of before the index is after its migration."""
    rows = gw.store.look(lambda tx: list(tx.scalars(select(tables.marked.c.message_id).order_by("number"))))
    lying = gw.store.look(
        lambda tx: [
            {"number": -n, "message_id": row.message_id, "lies": row.lies, "partner": row.partner}
            for n, row in enumerate(tx.execute(select(tables.marked).order_by(tables.marked.c.number.desc())), 1)
        ]
    )
    gw.store.run(lambda tx: blind_index.delete_from_index(tx, rows))
    gw.store.run(lambda tx: tx.execute(insert(tables.unmarked), lying))


async def test_both_find_the_notice_the_newest_first(pair: Pair) -> None:
    first, second, other = await exchange(
        pair, about("Malik-Invented", "Aisha"), about("Malik", "Zoë"), about("Testchild", "Malik", date(2016, 1, 1))
    )
    for gw in pair:
        assert found(gw, "malik") == [other, second, first]
        assert found(gw, "malik 3.9.15") == [second, first]
        assert found(gw, "INVENTED, aisha") == [first]
        assert found(gw, "zoe malik 2015-09-03") == [second]
        assert found(gw, "nobody") == []
        assert found(gw, "mallik") == []
        assert found(gw, "mallik", alike=True) == [other, second, first]
    [hit] = hits(pair[1], "zoe")
    assert (hit.direction, hit.partner, hit.kind, hit.state, hit.restriction) == (
        "came",
        "333",
        "TransferNotice",
        "new",
        "none",
    )
    [hit] = hits(pair[0], "zoe")
    assert (hit.direction, hit.partner, hit.state) == ("sent", "885", "queued")


async def test_a_case_is_found_whole_by_its_reference(pair: Pair) -> None:
    _, worcestershire = pair
    [one] = await exchange(pair, about("Testchild"))
    reply = Acknowledgement(decision="accepted", officer=worcestershire.build_officer("otto"))
    answer = respond.acknowledge_notice(worcestershire, one, reply, "otto")
    [hit] = hits(worcestershire, f"…{one[-12:]}")
    assert found(worcestershire, hit.case[-12:]) == [answer, one]
    assert found(worcestershire, hit.case) == [answer, one]
    assert found(worcestershire, answer) == [answer]
    assert found(worcestershire, f"testchild {one[-12:]}") == [one]
    assert found(worcestershire, "0" * 8 + one[8:]) == [], "the end agrees, and the rest does not"


async def test_a_restricted_child_is_found_and_marked_and_a_phone_only_one_by_reference(pair: Pair) -> None:
    withheld, phone = await exchange(
        pair, about("Testchild", restriction="address-withheld"), about("Testchild", restriction="phone-only")
    )
    for gw in pair:
        [hit] = hits(gw, "testchild")
        assert (hit.message_id, hit.restriction) == (withheld, "address-withheld")
        [hit] = hits(gw, phone[-12:])
        assert (hit.message_id, hit.restriction) == (phone, "phone-only")


async def test_a_long_list_says_that_there_is_more_and_goes_on_without_a_gap(pair: Pair) -> None:
    sandwell, _ = pair
    ids = await exchange(pair, *(about("Testchild") for _ in range(7)))
    pages, before = [], None
    while True:
        page = find.find_notices(sandwell, "testchild 3/9/2015", "otto", limit=3, cursor=before)
        pages.append([hit.message_id for hit in page.hits])
        if page.more is None:
            break
        before = page.more
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [one for page in pages for one in page] == ids[::-1]


async def test_a_search_is_an_entry_of_the_audit_log_without_what_was_typed(pair: Pair) -> None:
    sandwell, _ = pair
    await exchange(pair, about("Testchild"))
    found(sandwell, "testchild 2015-09-03")
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.searched"))
    assert (entry.actor, entry.about) == ("otto", None)
    assert '"detail":{"by":"dob name","found":1}' in entry.entry
    assert "testchild" not in entry.entry.casefold()
    assert "2015-09-03" not in entry.entry
    with pytest.raises(Unusable, match=r"find\.too-little"):
        found(sandwell, "t")
    assert len(sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.searched"))) == 1


async def test_nothing_that_names_the_child_lies_in_the_index(pair: Pair) -> None:
    await exchange(pair, about("Testchild"))
    for gw in pair:
        rows = gw.store.look(lambda tx: [*tx.execute(select(tables.marks)), *tx.execute(select(tables.marked))])
        assert "testchild" not in repr(rows).casefold()
    mine, theirs = (
        {row.mark for row in gw.store.look(lambda tx: tx.execute(select(tables.marks)).all())} for gw in pair
    )
    assert not mine & theirs, "each has a key of its own"


async def test_what_is_refused_or_comes_twice_is_not_in_the_index(pair: Pair) -> None:
    sandwell, worcestershire = pair
    [one] = await exchange(pair, about("Testchild"))
    sealed = sandwell.store.look(lambda tx: outbox.get_sealed_notice(tx, one))
    await receive_parcels(worcestershire, [sealed, sealed, b"nonsense"], "333")
    again = prepare_messages(sandwell, [about("Other", message_id=one)], "olive")[0].sealed
    await receive_parcels(worcestershire, [again], "333")
    assert found(worcestershire, "testchild") == [one]
    assert found(worcestershire, "other") == []


async def test_a_notice_that_was_taken_back_is_still_found_and_says_so(pair: Pair) -> None:
    sandwell, _ = pair
    [one] = await exchange(pair, about("Testchild"))
    withdraw_notice(sandwell, one, Withdrawal(reason="sent-in-error", officer=sandwell.build_officer("olive")), "olive")
    [hit] = hits(sandwell, "testchild")
    assert hit.state == "withdrawn"


async def test_what_came_before_its_turn_is_not_found_until_it_is_shown(pair: Pair) -> None:
    sandwell, worcestershire = pair
    early = about("Testchild", conversation_id="019aaf00-0000-7000-8000-0000000000c1", sequence=2)  # type: ignore[arg-type]
    [sealed] = [one.sealed for one in prepare_messages(sandwell, [early], "olive")]
    await receive_parcels(worcestershire, [sealed], "333")
    assert found(worcestershire, "testchild") == []
    later = worcestershire.now() + inbox.ORDER_WAIT
    worcestershire.now = lambda: later
    assert found(worcestershire, "testchild") == [early.header.message_id]


async def test_messages_of_before_are_made_findable_in_their_order(pair: Pair) -> None:
    _, worcestershire = pair
    old = await exchange(pair, about("Testchild"), about("Testchild"), about("Testchild", restriction="phone-only"))
    unfindable(worcestershire)
    [new] = await exchange(pair, about("Testchild"))
    page = find.find_notices(worcestershire, "testchild", "otto")
    assert ([hit.message_id for hit in page.hits], page.complete) == ([new], False)
    assert await find.index_old_batch(worcestershire) == 3
    assert await find.index_old_batch(worcestershire) == 0
    page = find.find_notices(worcestershire, "testchild", "otto")
    assert ([hit.message_id for hit in page.hits], page.complete) == ([new, old[1], old[0]], True)
    assert found(worcestershire, old[2]) == [old[2]]


async def test_a_running_gateway_makes_them_findable_until_all_are_or_until_told_to_stop(pair: Pair) -> None:
    _, worcestershire = pair
    await exchange(pair, about("Testchild"))
    unfindable(worcestershire)
    stop = asyncio.Event()
    stop.set()
    await find.index_forever(worcestershire, stop)
    assert found(worcestershire, "testchild") == []
    stop = asyncio.Event()
    loop = asyncio.create_task(find.index_forever(worcestershire, stop))
    await until(lambda: len(found(worcestershire, "testchild")) == 1)
    stop.set()
    await loop


async def test_making_them_findable_goes_on_after_an_unforeseen_error_which_is_logged(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, worcestershire = pair
    await exchange(pair, about("Testchild"))
    unfindable(worcestershire)
    logged: list[str] = []
    write = find._write_old_marks

    def fail_once(*args: Any) -> None:
        if not logged:
            raise ZeroDivisionError("unforeseen")
        write(*args)

    monkeypatch.setattr(find, "AGAIN", 0.01)
    monkeypatch.setattr(find, "_write_old_marks", fail_once)
    monkeypatch.setattr(background, "log_failure", lambda name, why: logged.append(f"{name}: {why}"))
    stop = asyncio.Event()
    loop = asyncio.create_task(find.index_forever(worcestershire, stop))
    await until(lambda: len(found(worcestershire, "testchild")) == 1)
    stop.set()
    await loop
    assert logged == ["making old notices findable: unforeseen"]


async def test_one_that_cannot_be_opened_does_not_hold_up_the_others(pair: Pair) -> None:
    _, worcestershire = pair
    damaged, destroyed, whole = await exchange(pair, about("Testchild"), about("Testchild"), about("Testchild"))
    unfindable(worcestershire)
    of = tables.inbox.c.message_id
    worcestershire.store.run(
        lambda tx: tx.execute(tables.inbox.update().where(of == damaged).values(content=b"x" * 40))
    )
    worcestershire.store.run(lambda tx: tx.execute(tables.inbox.update().where(of == destroyed).values(data_key=None)))
    assert await find.index_old_batch(worcestershire) == 3
    assert await find.index_old_batch(worcestershire) == 0
    assert found(worcestershire, "testchild") == [whole]


async def test_two_processes_may_make_the_same_messages_findable(pair: Pair) -> None:
    _, worcestershire = pair
    [one] = await exchange(pair, about("Testchild"))
    unfindable(worcestershire)
    [lying] = worcestershire.store.look(lambda tx: blind_index.list_unindexed(tx, 5))
    for _ in range(2):
        worcestershire.store.run(lambda tx: blind_index.index_old_messages(tx, [(lying, (-5, 7))]))
    assert worcestershire.store.look(lambda tx: blind_index.find_marked(tx, [[7], [-5]], limit=5)) == [lying]
    assert await find.index_old_batch(worcestershire) == 1
    assert lying.message_id == one


async def test_what_is_forgotten_leaves_no_mark(pair: Pair) -> None:
    _, worcestershire = pair
    gone, stays = await exchange(pair, about("Testchild"), about("Testchild"))
    worcestershire.store.run(lambda tx: blind_index.delete_from_index(tx, [gone]))
    assert found(worcestershire, "testchild") == [stays]
    assert found(worcestershire, gone[-12:]) == []
    left = worcestershire.store.look(lambda tx: tx.scalar(select(func.count(tables.marks.c.number.distinct()))))
    assert left == 1


async def test_a_notice_and_its_marks_are_queued_together_or_not_at_all(pair: Pair) -> None:
    sandwell, _ = pair
    ready = prepare_messages(sandwell, [about("Testchild")], "olive")

    def broken(tx: object) -> None:
        queue_messages(tx, sandwell, ready)  # type: ignore[arg-type]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        sandwell.store.run(broken)
    assert found(sandwell, "testchild") == []
    assert sandwell.store.look(lambda tx: tx.scalar(select(func.count()).select_from(tables.marks))) == 0
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, [replace(one) for one in ready]))
    assert len(found(sandwell, "testchild")) == 1
