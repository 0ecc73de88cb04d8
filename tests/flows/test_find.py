"""Finding notices: what was sent or came is found by what it says of the child, and by nobody who lacks our key."""

import asyncio
import json
import struct
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from gateway import background
from gateway.casework import find, find_index
from gateway.casework.find import FoundNotice
from gateway.context import Gateway
from gateway.core.message_name import MessageName, build_name
from gateway.errors import Unusable
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import queue_messages, send_notices
from gateway.exchange.withdraw import withdraw_notice
from gateway.monitoring.health import measure_health
from gateway.store import audit_log, blind_index, inbox, outbox, tables
from keys import blind
from schemas.message import (
    Acknowledgement,
    Address,
    Child,
    Message,
    Restriction,
    RestrictionLevel,
    TransferNotice,
    Withdrawal,
)
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


def hits(gw: Gateway, typed: str, **more: bool) -> Sequence[FoundNotice]:
    return find.find_notices(gw, typed, "otto", **more).hits


def found(gw: Gateway, typed: str, **more: bool) -> list[str]:
    return [hit.message_id for hit in hits(gw, typed, **more)]


def unfindable(gw: Gateway) -> None:
    """As a database of before the index is after its migration."""
    at = tables.marked.c
    places = gw.store.look(lambda tx: tx.execute(select(at.lies, at.partner, at.message_id)).all())
    rows = [build_name(*place) for place in places]
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


async def test_where_nothing_is_exact_what_is_similar_is_found_the_nearest_first_and_said_to_be(pair: Pair) -> None:
    near, nearer, _ = await exchange(
        pair, about("Malick", "Zoe"), about("Malik", "Zoë"), about("Testchild", "Ada", date(2014, 9, 30))
    )
    exact = find.find_notices(pair[1], "malik", "otto")
    assert ([hit.message_id for hit in exact.hits], exact.similar, exact.may_be_near) == ([nearer], False, True)
    similar = find.find_notices(pair[1], "mallik", "otto")
    assert ([hit.message_id for hit in similar.hits], similar.similar) == ([nearer, near], True)
    assert found(pair[1], "malik", alike=True) == [nearer, near]
    nothing = find.find_notices(pair[1], "unheardof", "otto")
    assert (nothing.hits, nothing.similar, nothing.cut) == ((), True, False)


SLIPS = (
    ("Szczepański", "szcepanski", {"surname-slip"}),
    ("Szczepański", "Shepanski", {"surname-sound"}),
    ("Szczepański", "kaczper", {"forename-slip"}),
    ("Nguyễn", "nugyen", {"surname-slip"}),
    ("Nguyễn", "nuyen", {"surname-slip"}),
    ("Nguyễn", "shivon", {"forename-sound"}),
    ("Ahmed", "akhmed", {"surname-slip"}),
    ("Ahmed", "kadija ahmed", {"forename-sound", "surname"}),
    ("Popescu", "popesku liz", {"surname-sound", "forename-nickname"}),
    ("Quigley", "quigly, yaroslav", {"surname-sound", "forename-sound"}),
    ("Malik", "malik 9/3/2015", {"surname", "dob-swapped"}),
    ("Malik", "malik 3/9/2016", {"surname", "dob-digit"}),
    ("Malik", "wanda malik 17/1/2011", {"forename", "surname", "dob-left-out"}),
    ("Malik", "wilhelmina malik 3/9/2015", {"surname", "dob", "name-left-out"}),
)
FORENAMES = {
    "Szczepański": "Kacper",
    "Nguyễn": "Siobhán",
    "Ahmed": "Khadija",
    "Popescu": "Elizabeth",
    "Quigley": "Jaroslaw",
    "Malik": "Wanda",
}


async def test_slips_are_found_and_told_why(pair: Pair) -> None:
    ids = await exchange(pair, *(about(surname, forename) for surname, forename in FORENAMES.items()))
    by_surname = dict(zip(FORENAMES, ids, strict=True))
    for surname, typed, reasons in SLIPS:
        page = find.find_notices(pair[1], typed, "otto")
        assert [(hit.message_id, set(hit.reasons)) for hit in page.hits] == [(by_surname[surname], reasons)], typed
        assert page.similar


async def test_what_is_found_says_who_it_is_and_why_as_one_logged_list(pair: Pair) -> None:
    _, worcestershire = pair
    shown, phone = await exchange(
        pair, about("Testchild", restriction="address-withheld"), about("Testchild", restriction="phone-only")
    )
    [hit] = hits(worcestershire, "testchild 3.9.2015")
    assert hit.child is not None
    assert (hit.child_name, hit.child.dob) == ("Testchild, Ada", DOB)
    assert hit.why == "Same surname; same date of birth"
    [entry] = worcestershire.store.look(lambda tx: audit_log.list_newest_entries(tx, act="list.read"))
    assert (entry.actor, json.loads(entry.entry)["mentions"]) == ("otto", [shown])
    [hit] = hits(worcestershire, phone[-12:])
    assert (hit.child, hit.child_name, hit.reasons) == (None, "", ("reference",))
    assert len(worcestershire.store.look(lambda tx: audit_log.list_newest_entries(tx, act="list.read"))) == 1
    assert len(worcestershire.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.read"))) == 0


async def test_what_a_machine_opened_and_left_out_is_not_among_what_was_viewed(pair: Pair) -> None:
    _, worcestershire = pair
    near, other = await exchange(pair, about("Szczepanski"), about("Sepinska"))
    assert found(worcestershire, "szcepanski") == [near]
    [entry] = worcestershire.store.look(lambda tx: audit_log.list_newest_entries(tx, act="list.read"))
    assert other not in entry.entry
    [search] = worcestershire.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.searched"))
    assert '"detail":{"by":"name","found":1,"similar":1}' in search.entry


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
    early = about("Testchild", case_id="019aaf00-0000-7000-8000-0000000000c1", sequence=2)  # type: ignore[arg-type]
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
    assert await find_index.index_old_batch(worcestershire) == 3
    assert await find_index.index_old_batch(worcestershire) == 0
    page = find.find_notices(worcestershire, "testchild", "otto")
    assert ([hit.message_id for hit in page.hits], page.complete) == ([new, old[1], old[0]], True)
    assert found(worcestershire, old[2]) == [old[2]]


async def test_a_running_gateway_makes_them_findable_until_all_are_or_until_told_to_stop(pair: Pair) -> None:
    _, worcestershire = pair
    await exchange(pair, about("Testchild"))
    unfindable(worcestershire)
    stop = asyncio.Event()
    stop.set()
    await find_index.index_forever(worcestershire, stop)
    assert found(worcestershire, "testchild") == []
    stop = asyncio.Event()
    loop = asyncio.create_task(find_index.index_forever(worcestershire, stop))
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
    write = find_index._write_old_marks

    def fail_once(*args: Any) -> None:
        if not logged:
            raise ZeroDivisionError("unforeseen")
        write(*args)

    monkeypatch.setattr(find_index, "AGAIN", 0.01)
    monkeypatch.setattr(find_index, "_write_old_marks", fail_once)
    monkeypatch.setattr(background, "log_failure", lambda name, why: logged.append(f"{name}: {why}"))
    stop = asyncio.Event()
    loop = asyncio.create_task(find_index.index_forever(worcestershire, stop))
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
    assert await find_index.index_old_batch(worcestershire) == 3
    assert await find_index.index_old_batch(worcestershire) == 0
    assert found(worcestershire, "testchild") == [whole]


async def test_two_processes_may_make_the_same_messages_findable(pair: Pair) -> None:
    _, worcestershire = pair
    [one] = await exchange(pair, about("Testchild"))
    unfindable(worcestershire)
    [lying] = worcestershire.store.look(lambda tx: blind_index.list_unindexed(tx, 5))
    for _ in range(2):
        worcestershire.store.run(lambda tx: blind_index.index_old_messages(tx, [(lying, (-5, 7))]))
    assert worcestershire.store.look(lambda tx: blind_index.find_marked(tx, [[7], [-5]], limit=5)) == [lying]
    assert await find_index.index_old_batch(worcestershire) == 1
    assert lying.message_id == one


def made_by_version_1(gw: Gateway) -> None:
    """As a database is after its migration: no mark of a postcode or a telephone number."""

    def write(tx: Connection) -> None:
        for row in tx.execute(select(tables.marked)).all():
            kept = [mark for [mark] in struct.iter_unpack(">q", row.marks) if mark not in newer]
            tx.execute(tables.marks.delete().where(tables.marks.c.number == row.number))
            tx.execute(insert(tables.marks), [{"mark": mark, "number": row.number} for mark in kept])
            own = struct.pack(f">{len(kept)}q", *kept)
            at = tables.marked.c.number == row.number
            tx.execute(tables.marked.update().where(at).values(marks=own, version=1))

    newer = blind.compute_marks([("postcode", "B693DB"), ("phone", "01632960123")], gw.ring)
    gw.store.run(write)


def at_home() -> Message:
    """A notice about a child whose postcode is known."""
    message = about("Testchild")
    assert isinstance(message.body, TransferNotice)
    lives = Address(address_line=("1 Sample Street",), post_code="B69 3DB")
    return Message(message.header, replace(message.body, destination_address=lives))


async def test_marks_of_an_older_version_serve_until_they_are_renewed_and_health_says_so(pair: Pair) -> None:
    _, worcestershire = pair
    ids = await exchange(pair, at_home(), at_home(), at_home())
    made_by_version_1(worcestershire)
    assert found(worcestershire, "testchild") == ids[::-1]
    assert found(worcestershire, "b69 3db") == []
    assert not find.find_notices(worcestershire, "testchild", "otto").complete
    [said] = [one for one in measure_health(worcestershire).findings if one.name == "search for notices"]
    assert said.sentence.startswith("3 older notices are still being added.")
    assert await find_index.index_old_batch(worcestershire) == 3
    assert await find_index.index_old_batch(worcestershire) == 0
    assert found(worcestershire, "b69 3db") == ids[::-1]
    assert find.find_notices(worcestershire, "testchild", "otto").complete
    assert not [one for one in measure_health(worcestershire).findings if one.name == "search for notices"]


async def test_renewing_goes_on_where_it_was_broken_off_and_changes_nothing_twice(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, worcestershire = pair
    ids = await exchange(pair, at_home(), at_home(), at_home())
    before = marks_of(worcestershire)
    made_by_version_1(worcestershire)
    monkeypatch.setattr(find_index, "TOGETHER", 2)
    assert await find_index.index_old_batch(worcestershire) == 2
    assert found(worcestershire, "b69 3db") == [ids[2], ids[1]], "the newest first"
    stop = asyncio.Event()
    loop = asyncio.create_task(find_index.index_forever(worcestershire, stop))
    await until(lambda: len(found(worcestershire, "b69 3db")) == 3)
    stop.set()
    await loop
    assert marks_of(worcestershire) == before
    [entry] = worcestershire.store.look(lambda tx: audit_log.list_newest_entries(tx, act="index.renewed"))
    assert (entry.actor, entry.about) == ("cme-gateway", None)
    assert '"detail":{"notices":1,"version":2}' in entry.entry


async def test_a_notice_that_cannot_be_opened_keeps_its_marks_and_one_that_is_destroyed_has_none(pair: Pair) -> None:
    _, worcestershire = pair
    damaged, gone, whole = await exchange(pair, at_home(), at_home(), at_home())
    made_by_version_1(worcestershire)
    of = tables.inbox.c.message_id
    worcestershire.store.run(
        lambda tx: tx.execute(tables.inbox.update().where(of == damaged).values(content=b"x" * 40))
    )
    listed = worcestershire.store.look(lambda tx: blind_index.list_outdated(tx, 9))
    worcestershire.store.run(lambda tx: blind_index.delete_from_index(tx, [MessageName("333", gone)]))
    renewed = [(hit, (-5, 7)) for hit in listed if hit.message_id == gone]
    assert worcestershire.store.run(lambda tx: blind_index.renew_marks(tx, renewed)) == 0
    assert await find_index.index_old_batch(worcestershire) == 2
    assert await find_index.index_old_batch(worcestershire) == 0
    assert found(worcestershire, "b69 3db") == [whole]
    assert found(worcestershire, "testchild") == [whole, damaged]
    assert found(worcestershire, gone[-12:]) == []


def marks_of(gw: Gateway) -> list[tuple[int, int, int]]:
    """All that the index holds."""
    own = select(tables.marks.c.mark, tables.marks.c.number, tables.marked.c.version).join(
        tables.marked, tables.marked.c.number == tables.marks.c.number
    )
    return sorted(tuple(row) for row in gw.store.look(lambda tx: tx.execute(own).all()))


async def test_what_is_forgotten_leaves_no_mark(pair: Pair) -> None:
    _, worcestershire = pair
    gone, stays = await exchange(pair, about("Testchild"), about("Testchild"))
    worcestershire.store.run(lambda tx: blind_index.delete_from_index(tx, [MessageName("333", gone)]))
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
