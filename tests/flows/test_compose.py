"""An officer writes a notice in pages: nothing is lost, nothing is sent twice, and of a restricted child no more is
said than may be.
"""

import asyncio
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authorities import postcodes
from gateway.casework import compose, expire_compositions
from gateway.casework.compose import OpenComposition
from gateway.console import notice_questions
from gateway.context import SYSTEM, Gateway
from gateway.core import composition
from gateway.core.composition import Said
from gateway.core.delivery import DeliveryState as Delivered
from gateway.core.draft_state import DraftState
from gateway.errors import NotAllowed, Unfit
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages
from gateway.store import audit_log, compositions, outbox
from gateway.store import drafts as kept_drafts
from gateway.store.compositions import CompositionState
from schemas import xml
from schemas.layout import list_slots
from schemas.message import (
    Child,
    Message,
    MessageKind,
    TransferNotice,
    WhereaboutsEnquiry,
    WhereaboutsUnknownNotice,
    get_kind,
)
from tests import folders
from tests.children import notice
from tests.conftest import introduce, make
from tests.flows.test_exchange import Pair
from tests.flows.test_leavers_folder import RESTRICTED, put
from tests.flows.test_postcodes import directory

CHILD: Said = {
    "surname": "Testchild-Example",
    "forename": "Ada",
    "dob": "2016-03-31",
    "sex": "F",
    "upn": "X333210123001",
}
WHOLE: Said = {
    "restriction": {"level": "none"},
    "child": CHILD,
    "certainty": "believed",
    "cme_reason": "unknown",
    "provision_status": "none",
    "destination_address": {"address_line": ["44 Placeholder Road"], "post_code": "WR1 9ZZ"},
}
REFUGE = {"reason": "refuge", "decided_by": "Olive Invented", "review_on": "2027-05-01"}


def written(gw: Gateway, kind: MessageKind = "TransferNotice", to: Said | None = None, **body: object) -> str:
    """A notice that is whole, but for what is changed."""
    name = compose.begin_composition(gw, kind, "olive")
    now = compose.open_composition(gw, name, "olive")
    compose.save_composition(
        gw, replace(now, to={"to": "885"} if to is None else to, body={**now.body, **WHOLE, **body}), "olive"
    )
    return name


def sent_of(gw: Gateway) -> list[outbox.Delivery]:
    return gw.store.look(lambda tx: outbox.search_outbox(tx))


def test_what_was_written_is_there_when_the_officer_comes_back_and_lies_locked(pair: Pair) -> None:
    sandwell, _ = pair
    name = written(sandwell)
    assert compose.open_composition(sandwell, name, "olive").body["child"] == CHILD
    _, _, content = sandwell.store.look(lambda tx: compositions.get_locked_composition(tx, name))
    assert b"Testchild" not in content
    acts = [one.act for one in sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, about=name))]
    assert acts.count("composition.read") == 2


def test_it_is_sent_once_and_a_second_time_says_what_became_of_it(pair: Pair) -> None:
    sandwell, _ = pair
    name = written(sandwell)
    first, second = (compose.send_composition(sandwell, name, [], "olive") for _ in range(2))
    assert first == second
    [one] = sent_of(sandwell)
    assert (one.recipient, one.case_id) == ("885", first.case)
    body = respond.read_outgoing(sandwell, one.message_id, "olive").body
    assert isinstance(body, TransferNotice)
    assert body.child
    assert (body.child.dob, body.ring.name) == (date(2016, 3, 31), "olive")
    assert sandwell.store.look(lambda tx: compositions.get_locked_composition(tx, name))[1:] == (None, b"")


def test_who_was_slower_in_another_window_changes_nothing(pair: Pair) -> None:
    sandwell, _ = pair
    name = written(sandwell)
    one, other = (compose.open_composition(sandwell, name, "olive") for _ in range(2))
    compose.save_composition(sandwell, replace(one, to={"to": "330"}), "olive")
    with pytest.raises(NotAllowed, match=r"composition\.overtaken"):
        compose.save_composition(sandwell, replace(other, to={"to": "332"}), "olive")
    assert compose.open_composition(sandwell, name, "olive").to == {"to": "330"}


def test_what_nobody_touches_for_28_days_ends_and_can_be_read_by_nobody(pair: Pair) -> None:
    sandwell, _ = pair
    left, touched = written(sandwell), written(sandwell)
    clock, begun = sandwell.now, sandwell.now()
    sandwell.now = lambda: clock() + expire_compositions.UNTOUCHED / 2
    compose.save_composition(sandwell, compose.open_composition(sandwell, touched, "olive"), "olive")
    # To look at it keeps nothing alive.
    compose.open_composition(sandwell, left, "percy")
    sandwell.now = lambda: begun + expire_compositions.UNTOUCHED - timedelta(seconds=1)
    assert expire_compositions.expire_untouched(sandwell) == 0
    sandwell.now = lambda: clock() + expire_compositions.UNTOUCHED
    assert (expire_compositions.expire_untouched(sandwell), expire_compositions.expire_untouched(sandwell)) == (1, 0)

    kept, data_key, content = sandwell.store.look(lambda tx: compositions.get_locked_composition(tx, left))
    assert (kept.state, data_key, content) == (CompositionState.LAPSED, None, b"")
    assert compose.find_sent_result(sandwell, left) is None
    with pytest.raises(NotAllowed, match=r"composition\.ended"):
        compose.open_composition(sandwell, left, "olive")
    assert compose.open_composition(sandwell, touched, "olive").body["child"] == CHILD
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, about=left, act="composition.lapsed"))
    assert (entry.actor, '"by":"olive"' in entry.entry) == (SYSTEM, True)


def test_what_was_changed_at_the_last_moment_does_not_end(pair: Pair) -> None:
    sandwell, _ = pair
    name = written(sandwell)
    was = compose.open_composition(sandwell, name, "olive").composition.changes
    compose.save_composition(sandwell, compose.open_composition(sandwell, name, "olive"), "olive")
    end = partial(compositions.end_composition, now=sandwell.now(), name=name, state=CompositionState.LAPSED, was=was)
    assert sandwell.store.run(end) is False


async def test_the_loop_ends_all_of_them_at_once(pair: Pair) -> None:
    sandwell, _ = pair
    some = [written(sandwell) for _ in range(3)]
    clock, stop = sandwell.now, asyncio.Event()
    sandwell.now = lambda: clock() + expire_compositions.UNTOUCHED
    loop = asyncio.create_task(expire_compositions.expire_forever(sandwell, stop))
    async with asyncio.timeout(10):
        while await sandwell.store.read(lambda tx: compositions.list_unfinished(tx, 1)):
            await asyncio.sleep(0.02)
    stop.set()
    await loop
    assert {compose.find_sent_result(sandwell, one) for one in some} == {None}


def test_the_day_on_which_it_ends_is_a_day_of_ours() -> None:
    # Summer: past midnight here.
    assert expire_compositions.get_expiry_day(datetime(2026, 6, 1, 23, 30, tzinfo=UTC)) == date(2026, 6, 30)


def test_what_is_given_up_can_be_read_by_nobody(pair: Pair) -> None:
    sandwell, _ = pair
    name = written(sandwell)
    compose.give_up_composition(sandwell, name, "olive")
    with pytest.raises(NotAllowed, match=r"composition\.ended"):
        compose.open_composition(sandwell, name, "olive")
    with pytest.raises(NotAllowed, match=r"composition\.ended"):
        compose.send_composition(sandwell, name, [], "olive")
    assert sent_of(sandwell) == []


def test_nothing_is_sent_while_something_is_lacking_or_wrong(pair: Pair) -> None:
    sandwell, _ = pair
    name = compose.begin_composition(sandwell, "TransferNotice", "olive")
    lacking = compose.check_composition(sandwell, compose.open_composition(sandwell, name, "olive")).lacking
    assert set(lacking) == {
        "to", "restriction.level", "child.surname", "child.dob", "child.sex", "certainty", "cme_reason", "provision_status"
    }  # fmt: skip
    with pytest.raises(NotAllowed, match=r"composition\.lacking"):
        compose.send_composition(sandwell, name, [], "olive")
    with pytest.raises(Unfit, match="first letter does not match"):
        compose.send_composition(sandwell, written(sandwell, child={**CHILD, "upn": "Y333210123001"}), [], "olive")
    assert sent_of(sandwell) == []


def test_a_postcode_in_another_authority_is_a_warning_that_an_officer_weighs(pair: Pair) -> None:
    sandwell, _ = pair
    postcodes.import_directory(sandwell, io.BytesIO(directory()), by="ines")
    name = written(sandwell, destination_address={"post_code": "WS1 1TP"})
    now = compose.open_composition(sandwell, name, "olive")
    [warning] = compose.check_composition(sandwell, now).warnings
    assert (warning.code, compose.suggest_authority(sandwell, now)) == ("address.astray", "335")
    with pytest.raises(NotAllowed, match=r"composition\.unweighed"):
        compose.send_composition(sandwell, name, [], "olive")
    assert compose.send_composition(sandwell, name, ["address.astray"], "olive").asked == 1


@pytest.mark.parametrize("level", ["address-withheld", "phone-only"])
def test_of_a_restricted_child_no_more_is_sent_than_may_be_whatever_was_written(pair: Pair, level: str) -> None:
    sandwell, _ = pair
    name = written(
        sandwell, restriction={"level": level, **REFUGE}, note="She is well." if level != "phone-only" else ""
    )
    compose.send_composition(sandwell, name, [], "olive")
    [one] = sent_of(sandwell)
    body = respond.read_outgoing(sandwell, one.message_id, "olive").body
    assert isinstance(body, TransferNotice)
    assert body.destination_address is None
    assert (body.child is None) == (level == "phone-only")


def test_an_enquiry_goes_to_all_who_can_be_reached_and_names_the_others(pair: Pair) -> None:
    sandwell, _ = pair
    name = written(sandwell, "WhereaboutsEnquiry", {"to": ["885", "330"]})
    told = compose.send_composition(sandwell, name, [], "olive")
    assert (told.asked, told.not_asked) == (1, {"330": "it is not a partner authority, and has no email address here"})
    assert compose.send_composition(sandwell, name, [], "olive") == told
    [one] = sent_of(sandwell)
    assert (one.kind, one.case_id) == ("WhereaboutsEnquiry", told.case)


def test_nobody_asks_more_than_one_about_a_restricted_child(pair: Pair) -> None:
    sandwell, _ = pair
    restriction = {"level": "address-withheld", **REFUGE}
    name = written(sandwell, "WhereaboutsEnquiry", {"region": ["West Midlands"]}, restriction=restriction)
    with pytest.raises(NotAllowed, match=r"enquire\.restricted"):
        compose.send_composition(sandwell, name, [], "olive")
    assert sandwell.store.look(lambda tx: compositions.get_composition(tx, name)).state is CompositionState.WRITING


def test_a_correction_begins_as_the_notice_was_and_takes_its_place(pair: Pair) -> None:
    sandwell, _ = pair
    old = notice()
    [ready] = prepare_messages(sandwell, [old], "olive")
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, [ready]))
    name = compose.begin_correction(sandwell, ready.message_id, "olive")
    now = compose.open_composition(sandwell, name, "olive")
    compose.save_composition(sandwell, _named(now, "Adah"), "olive")
    told = compose.send_composition(sandwell, name, ["address.astray"], "olive")
    new, before = sent_of(sandwell)
    assert (told.case, before.state) == (old.header.case_id, Delivered.WITHDRAWN)
    message = respond.read_outgoing(sandwell, new.message_id, "olive")
    assert message.header.supersedes == ready.message_id
    assert isinstance(message.body, TransferNotice)
    assert isinstance(old.body, TransferNotice)
    assert message.body.child
    assert message.body.child.forename == "Adah"
    assert (message.body.needs, message.body.contact) == (old.body.needs, old.body.contact)


def _named(now: OpenComposition, forename: str) -> OpenComposition:
    return replace(now, body={**now.body, "child": {**now.body["child"], "forename": forename}})


@pytest.mark.parametrize("name", ["transfer-notice", "whereabouts-enquiry", "whereabouts-unknown-notice"])
def test_what_a_notice_says_comes_back_whole_from_the_pages(name: str) -> None:
    body = notice(name=name).body
    assert isinstance(body, TransferNotice | WhereaboutsEnquiry | WhereaboutsUnknownNotice)
    kind: type = type(body)
    again, lacking = composition.build_body(get_kind(type(body)), composition.to_text_fields(body))
    assert lacking == []
    for slot in list_slots(kind):
        if "address" not in slot.field:
            assert getattr(again, slot.field) == getattr(body, slot.field), slot.field


async def test_a_correction_of_a_search_that_went_to_many_goes_to_all_of_them(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    birmingham = make(tmp_path / "330", "330", "Birmingham")
    introduce(sandwell, birmingham)
    birmingham.store.close()
    told = compose.send_composition(
        sandwell, written(sandwell, "WhereaboutsEnquiry", {"to": ["885", "330"]}), [], "olive"
    )
    newest = sent_of(sandwell)[0].message_id
    name = compose.begin_correction(sandwell, newest, "olive")
    compose.save_composition(sandwell, _named(compose.open_composition(sandwell, name, "olive"), "Adah"), "olive")
    again = compose.send_composition(sandwell, name, [], "olive")
    assert (again.case, again.asked) == (told.case, 2)
    states = [(one.recipient, one.state) for one in sent_of(sandwell)]
    assert sorted(states[:2]) == [("330", Delivered.QUEUED), ("885", Delivered.QUEUED)]
    assert {state for _, state in states[2:]} == {Delivered.WITHDRAWN}


async def test_a_draft_that_became_a_notice_by_the_form_is_done(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    (tmp_path / "one").mkdir()
    put(tmp_path, RESTRICTED)
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    [draft] = sandwell.store.look(lambda tx: kept_drafts.list_drafts(tx, DraftState.OPEN, 10))
    name, other = (compose.begin_from_draft(sandwell, draft.draft_id, "TransferNotice", "olive") for _ in range(2))
    now = compose.open_composition(sandwell, name, "olive")
    # How far it may be shared, an officer says.
    assert "restriction.level" in compose.check_composition(sandwell, now).lacking
    said = {"level": "address-withheld", **REFUGE}
    for one in (name, other):
        was = compose.open_composition(sandwell, one, "olive")
        compose.save_composition(sandwell, replace(was, body={**was.body, "restriction": said}), "olive")
    compose.send_composition(sandwell, name, [], "olive")
    with pytest.raises(NotAllowed, match=r"draft\.ended"):
        compose.send_composition(sandwell, other, [], "olive")
    [sent] = sent_of(sandwell)
    assert (sent.restriction, sent.recipient) == ("address-withheld", "885")
    assert sandwell.store.look(lambda tx: kept_drafts.get_draft(tx, draft.draft_id)).message_id == sent.message_id


async def test_what_a_row_says_and_no_notice_can_hold_is_asked(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    (tmp_path / "one").mkdir()
    put(tmp_path, f",{'x' * 151},Cyd,2014-01-15,F,Year 15,2026-10-23,Y,885,,,")
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    [draft] = sandwell.store.look(lambda tx: kept_drafts.list_drafts(tx, DraftState.OPEN, 10))
    name = compose.begin_from_draft(sandwell, draft.draft_id, "TransferNotice", "olive")
    now = compose.open_composition(sandwell, name, "olive")
    assert (now.body["child"]["forename"], now.body["child"]["dob"]) == ("Cyd", "2014-01-15")
    assert "child.surname" in compose.check_composition(sandwell, now).lacking


@given(st.text(max_size=160))
def test_whatever_the_field_of_a_name_takes_can_be_sent(typed: str) -> None:
    message = notice()
    assert isinstance(message.body, TransferNotice)
    assert message.body.child
    slot = next(one for one in list_slots(Child) if one.field == "surname")
    text = notice_questions.normalise_text(slot, typed)
    try:
        composition.parse_value(slot, text)
    except ValueError:
        return
    if text:
        child = replace(message.body.child, surname=text)
        xml.write(Message(message.header, replace(message.body, child=child)))


async def test_two_who_send_at_the_same_moment_send_one(pair: Pair) -> None:
    sandwell, _ = pair
    name = written(sandwell)
    told = await asyncio.gather(
        *(asyncio.to_thread(compose.send_composition, sandwell, name, [], "olive") for _ in range(4))
    )
    assert len(set(map(str, told))) == 1
    assert len(sent_of(sandwell)) == 1
