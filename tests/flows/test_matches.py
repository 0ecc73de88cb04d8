"""A search comes to Worcestershire and is matched against its own children: what an officer sees, and what a machine
may say.
"""

import asyncio
import io
import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update

from gateway import app
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import WAITING, InboxState
from gateway.core.match_state import MatchState
from gateway.errors import ConfigProblem, Unusable
from gateway.exchange import known_children, respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import send_notices
from gateway.exchange.stand_down import stand_down_search
from gateway.exchange.withdraw import withdraw_notice
from gateway.monitoring import doctor
from gateway.reconciliation import reconcile
from gateway.searches import children_index, match_incoming
from gateway.settings.file import parse
from gateway.settings.sections import OneSettings, SearchSettings
from gateway.store import audit_log, inbox, searches, tables
from gateway.store import children as index
from schemas.message import (
    LocatedNotice,
    Message,
    Restriction,
    Sibling,
    WhereaboutsEnquiry,
    WhereaboutsResponse,
    WhereaboutsUnknownNotice,
    Withdrawal,
)
from schemas.shapes import MessageId
from tests import folders
from tests.children import notice
from tests.conftest import introduce, make
from tests.flows.test_command_line import cme_gateway
from tests.flows.test_exchange import OFFICER, Pair, seal, state, until, whole

HEAD = "UPN,Surname,Forename,Date of Birth,Gender,Postcode,Restricted,Preferred Forename"
EVE = "L330345624117,Testchild-Example,Eve,02/12/2013,F,WR1 9ZZ,,"
TWIN = ",Testchild-Example,Ben,02/12/2013,M,B70 9ZZ,,"
OTHERS = [
    f",Invented-{chr(97 + n % 26)}{chr(97 + n // 26)},Placeholder,{1 + n % 28:02}/0{1 + n % 9}/2012,M,WR2 {n % 10}ZZ,,"
    for n in range(60)
]
WITHHELD = Restriction(
    level="address-withheld",
    reason="refuge",
    decided_by="Olive Invented",
    decided_on=date(2026, 11, 2),
    review_on=date(2027, 5, 1),
)


def extract(*rows: str, head: str = HEAD) -> io.BytesIO:
    return io.BytesIO("\r\n".join([head, *rows, ""]).encode())


def load(gw: Gateway, *rows: str) -> None:
    children_index.load_extract(gw, extract(*rows, *OTHERS), "ines")


def enquiry(**changed: object) -> Message:
    found = notice(name="whereabouts-enquiry")
    assert isinstance(found.body, WhereaboutsEnquiry)
    return replace(found, body=replace(found.body, **changed))  # type: ignore[arg-type]


async def come(pair: Pair, *messages: Message) -> list[MessageId]:
    """Worcestershire keeps these of Sandwell's, and its loop has matched them."""
    sandwell, worcestershire = pair
    await receive_parcels(worcestershire, [seal(sandwell, one) for one in messages], "333")
    await match_incoming.match_due_searches(worcestershire)
    return [one.header.message_id for one in messages]


def found(gw: Gateway, message_id: MessageId) -> MatchState:
    search = gw.store.look(lambda tx: searches.find_search(tx, "333", message_id))
    assert search is not None
    return search.state


def possible(gw: Gateway, message_id: MessageId) -> Sequence[searches.PossibleMatch]:
    return gw.store.look(lambda tx: searches.list_matches(tx, "333", message_id))


def by_machine(gw: Gateway) -> None:
    gw.config = replace(gw.config, search=SearchSettings(no_trace="machine"))


async def test_an_officer_sees_who_may_be_the_child_and_why(pair: Pair) -> None:
    _, worcestershire = pair
    load(worcestershire, EVE)
    [came] = await come(pair, enquiry())
    assert found(worcestershire, came) is MatchState.MATCHED
    item, message, _, [candidate] = match_incoming.read_matches(worcestershire, came, "otto")
    assert (item.sender, message.kind) == ("333", "WhereaboutsEnquiry")
    assert candidate.said["forename"] == "Eve"
    assert {"upn", "dob", "surname", "forename"} <= {*candidate.reasons}
    assert candidate.strength == 99
    [entry] = worcestershire.store.look(lambda tx: audit_log.list_newest_entries(tx, act="match.read"))
    assert (entry.actor, entry.about) == ("otto", came)
    respond.answer_search(
        worcestershire, came, WhereaboutsResponse(result="found", answered_by="officer", ring=OFFICER), "otto"
    )
    assert (found(worcestershire, came), possible(worcestershire, came)) == (MatchState.ENDED, [])


async def test_nothing_that_lies_in_the_store_names_a_child(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    load(worcestershire, EVE)
    await come(pair, enquiry())
    if worcestershire.store.engine.dialect.name == "sqlite":
        lying = b"".join(file.read_bytes() for file in (tmp_path / "885").glob("store.db*"))
        assert b"Placeholder" not in lying
        assert b"L330345624117" not in lying
    for entry in worcestershire.store.look(lambda tx: list(audit_log.list_entries(tx))):
        assert "Testchild" not in entry.entry


async def test_a_search_for_a_child_who_is_not_here_waits_for_one_word_of_an_officer(pair: Pair) -> None:
    sandwell, worcestershire = pair
    load(worcestershire)
    unknown = notice(name="whereabouts-unknown-notice")
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        asked = [
            *send_notices(sandwell, [enquiry(), enquiry()], by="olive"),
            *send_notices(sandwell, [unknown], by="olive"),
        ]
        await until(lambda: all(state(sandwell, one) is DeliveryState.RECEIVED for one in asked))
        await until(lambda: worcestershire.store.look(lambda tx: searches.count_searches(tx, MatchState.NONE))[0] == 3)
        waiting = worcestershire.store.look(
            lambda tx: inbox.search_inbox(tx, worcestershire.now(), inbox.InboxQuery(states=WAITING, unmatched=False))
        )
        assert waiting == []
        assert [one for one in reconcile.list_owed(worcestershire) if one.owed_by == "us"] == []
        together = reconcile.find_unmatched_duty(worcestershire)
        assert together is not None
        # A notice that is circulated is owed no answer.
        assert together.searches == 2
        assert match_incoming.answer_unmatched(worcestershire, "otto") == {
            "WhereaboutsEnquiry": 2,
            "WhereaboutsUnknownNotice": 1,
        }
        await until(lambda: all(state(sandwell, one) is DeliveryState.CONCLUDED for one in asked))
    assert match_incoming.answer_unmatched(worcestershire, "otto") == {
        "WhereaboutsEnquiry": 0,
        "WhereaboutsUnknownNotice": 0,
    }
    assert reconcile.find_unmatched_duty(worcestershire) is None
    assert whole(worcestershire).faults == ()


async def test_the_machine_answers_no_trace_where_policy_says_so(pair: Pair) -> None:
    sandwell, worcestershire = pair
    load(worcestershire)
    by_machine(worcestershire)
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [asked] = send_notices(sandwell, [enquiry()], by="olive")
        await until(lambda: state(sandwell, asked) is DeliveryState.CONCLUDED)
        await until(lambda: found(worcestershire, asked) is MatchState.ANSWERED)
    [reply] = sandwell.store.look(lambda tx: inbox.search_inbox(tx, sandwell.now()))
    body = respond.read_incoming(sandwell, reply.message_id, "olive")[1].body
    assert body == match_incoming.NO_TRACE_BY_MACHINE
    assert "another surname" in (match_incoming.NO_TRACE_BY_MACHINE.note or "")
    assert worcestershire.store.look(lambda tx: inbox.get_message(tx, asked)).state is InboxState.CONCLUDED


@pytest.mark.parametrize(
    ("ours", "asked", "says"),
    [
        # "found" is an officer's word.
        ((EVE,), enquiry(), MatchState.MATCHED),
        # Nobody is shown, but somebody is near.
        ((TWIN,), enquiry(), MatchState.PERSON),
        # A restricted child of ours.
        ((EVE.replace(",,", ",Y,", 1),), enquiry(), MatchState.PERSON),
        ((), enquiry(restriction=WITHHELD, previous_address=None, school=(), contact=()), MatchState.PERSON),
        ((EVE,), enquiry(restriction=WITHHELD, previous_address=None, school=(), contact=()), MatchState.PERSON),
        # Nobody asks.
        ((), notice(name="whereabouts-unknown-notice"), MatchState.NONE),
    ],
)
async def test_the_machine_keeps_silent(pair: Pair, ours: Sequence[str], asked: Message, says: MatchState) -> None:
    _, worcestershire = pair
    load(worcestershire, *ours)
    by_machine(worcestershire)
    fresh = replace(asked, header=notice(name="whereabouts-enquiry").header)
    [came] = await come(pair, fresh)
    assert found(worcestershire, came) is says
    assert worcestershire.store.look(lambda tx: inbox.get_message(tx, came)).state is InboxState.NEW


async def test_nothing_gives_away_that_we_have_a_restricted_child(pair: Pair) -> None:
    """A search for one stands in every table and in the log as one to which another child is near, and as a restricted
    one.
    """
    _, worcestershire = pair
    load(worcestershire, EVE.replace(",,", ",Y,", 1), ",Neighbour-Example,Dan,01/02/2011,M,WR1 1ZZ,,")
    body = enquiry().body
    assert isinstance(body, WhereaboutsEnquiry)
    sibling = replace(
        body.child, upn=None, upn_unknown="not-known", surname="Neighbour-Example", forename="Cyd", dob=date(2011, 2, 1)
    )
    ids = await come(pair, enquiry(), enquiry(child=sibling))
    stand = [worcestershire.store.look(lambda tx, one=one: searches.find_search(tx, "333", one)) for one in ids]  # type: ignore[misc]
    assert [one.state for one in stand if one] == [MatchState.PERSON] * 2
    entries = [worcestershire.store.look(partial(audit_log.list_newest_entries, about=one)) for one in ids]
    details = [[json.loads(e.entry).get("detail") for e in some if e.act == "search.matched"] for some in entries]
    assert details[0] == details[1]
    assert match_incoming.answer_unmatched(worcestershire, "otto")["WhereaboutsEnquiry"] == 0
    assert [match_incoming.read_matches(worcestershire, one, "otto")[3] for one in ids] == [[], []]
    respond.answer_search(
        worcestershire, ids[0], WhereaboutsResponse(result="ring-me", answered_by="officer", ring=OFFICER), "otto"
    )


async def test_an_old_index_shows_matches_and_answers_nothing_by_machine(pair: Pair) -> None:
    _, worcestershire = pair
    load(worcestershire)
    by_machine(worcestershire)
    clock = worcestershire.now
    worcestershire.now = lambda: clock() + timedelta(days=7, minutes=1)
    [came] = await come(pair, enquiry())
    assert worcestershire.store.look(lambda tx: inbox.get_message(tx, came)).state is InboxState.NEW
    [check] = [one for one in doctor.run_checks(worcestershire) if one.name == "index of our children"]
    assert (check.result, "Too old" in check.detail) == ("warn", True)
    load(worcestershire)
    await match_incoming.match_due_searches(worcestershire)
    assert worcestershire.store.look(lambda tx: inbox.get_message(tx, came)).state is InboxState.CONCLUDED


async def test_a_child_who_comes_tomorrow_is_found_tomorrow(pair: Pair) -> None:
    _, worcestershire = pair
    [came] = await come(pair, notice(name="whereabouts-unknown-notice"))
    assert found(worcestershire, came) is MatchState.NEW
    load(worcestershire)
    await match_incoming.match_due_searches(worcestershire)
    assert found(worcestershire, came) is MatchState.NONE
    body = notice(name="whereabouts-unknown-notice").body
    assert isinstance(body, WhereaboutsUnknownNotice)
    who = body.child
    load(worcestershire, f",{who.surname},{who.forename},{who.dob:%d/%m/%Y},{who.sex},,,")
    await match_incoming.match_due_searches(worcestershire)
    assert found(worcestershire, came) is MatchState.MATCHED
    # Restricted since.
    load(worcestershire, f",{who.surname},{who.forename},{who.dob:%d/%m/%Y},{who.sex},,yes,")
    await match_incoming.match_due_searches(worcestershire)
    assert (found(worcestershire, came), possible(worcestershire, came)) == (MatchState.PERSON, [])


async def test_a_named_brother_who_is_here_is_shown_as_what_he_is(pair: Pair) -> None:
    _, worcestershire = pair
    load(worcestershire, ",Testchild-Example,Ben,15/06/2010,M,WR1 9ZZ,,")
    brother = Sibling(surname="Testchild-Example", forename="Ben", dob=date(2010, 6, 15))
    [came] = await come(pair, enquiry(sibling=(brother,)))
    [one] = possible(worcestershire, came)
    assert one.reasons[0] == "named-sibling"


async def stand_down(sandwell: Gateway, asked: str) -> None:
    await asyncio.to_thread(
        stand_down_search,
        sandwell,
        asked,
        LocatedNotice(located_on=sandwell.now().date(), way="in-education"),
        "olive",
    )


async def take_back(sandwell: Gateway, asked: MessageId) -> None:
    await asyncio.to_thread(
        withdraw_notice, sandwell, asked, Withdrawal(reason="sent-in-error", officer=OFFICER), "olive"
    )


@pytest.mark.parametrize("ending", [stand_down, take_back])
async def test_matches_go_when_the_sender_searches_no_more(
    pair: Pair, ending: Callable[[Gateway, str], Awaitable[None]]
) -> None:
    sandwell, worcestershire = pair
    load(worcestershire, EVE)
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [asked] = send_notices(sandwell, [enquiry()], by="olive")
        await until(
            lambda: worcestershire.store.look(lambda tx: searches.count_searches(tx, MatchState.MATCHED))[0] == 1
        )
        await ending(sandwell, asked)
        await until(lambda: found(worcestershire, asked) is MatchState.ENDED)
    assert possible(worcestershire, asked) == []


async def test_a_withdrawal_that_overtook_its_search_ends_it(pair: Pair) -> None:
    sandwell, worcestershire = pair
    load(worcestershire, EVE)
    search = enquiry()
    [ready] = prepare_messages(sandwell, [search], "olive")
    head = replace(
        search.header, message_id=notice().header.message_id, in_reply_to=search.header.message_id, sequence=2
    )
    back = Message(head, Withdrawal(reason="sent-in-error", officer=OFFICER))
    await receive_parcels(worcestershire, [seal(sandwell, back)], "333")
    await receive_parcels(worcestershire, [ready.sealed], "333")
    await match_incoming.match_due_searches(worcestershire)
    assert found(worcestershire, search.header.message_id) is MatchState.ENDED


async def test_a_test_message_is_no_search(pair: Pair) -> None:
    _, worcestershire = pair
    load(worcestershire, EVE)
    asked = enquiry()
    [came] = await come(pair, replace(asked, header=replace(asked.header, test=True)))
    assert worcestershire.store.look(lambda tx: searches.find_search(tx, "333", came)) is None


async def test_an_extract_that_is_put_into_the_folder_is_the_index(pair: Pair, tmp_path: Path) -> None:
    gw = pair[1]
    folder = tmp_path / "all"
    folder.mkdir()
    for name, rows in (("first", [EVE, ",,,01/01/2012,F,,,", *OTHERS]), ("part", [EVE])):
        (folder / f"{name}.csv").write_bytes(extract(*rows).getvalue())
        os.utime(folder / f"{name}.csv", (time.time() - 60, time.time() - 60))
        await folders.take_in_children(gw, folder)
    assert "The name is missing." in folders.text_of(gw.config.home, "children")
    assert "may be missing" in folders.text_of(gw.config.home, "children", "failed")
    counts = gw.store.look(index.find_current_load)
    assert counts is not None
    assert counts.children == 61
    [entry] = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="children.loaded"))
    assert json.loads(entry.entry)["detail"] == {"children": 61, "unread": 1}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "children.not-a-table"),
        (extract(EVE, head="A,B,C,D,E,F,G,H").getvalue(), "children.not-a-table"),
        (extract(EVE, *OTHERS).getvalue() + b',"Broken', "children.not-a-table"),
        (extract().getvalue(), "children.unread"),
        (extract(*[",Wrong-Example,Fay,15.1.14,F,,,"] * 30, *OTHERS).getvalue(), "children.unread"),
        (extract(*OTHERS[:29]).getvalue(), "children.too-few"),
    ],
)
def test_an_extract_that_is_broken_or_too_small_changes_nothing(tmp_path: Path, text: bytes, says: str) -> None:
    gw = make(tmp_path / "885", "885", "Worcestershire")
    load(gw, EVE)
    before = gw.store.look(index.find_current_load)
    with pytest.raises(Unusable) as caught:
        children_index.load_extract(gw, io.BytesIO(text), "ines")
    assert caught.value.code == says
    assert gw.store.look(index.find_current_load) == before
    if says == "children.too-few":
        children_index.load_extract(gw, io.BytesIO(text), "ines", fewer=True)
        after = gw.store.look(index.find_current_load)
        assert after is not None
        assert after.children == 29
    gw.store.close()


def test_a_new_index_leaves_nothing_of_the_old_one(pair: Pair) -> None:
    gw = pair[1]
    for _ in range(3):
        load(gw, EVE)
    counts = gw.store.look(index.find_current_load)
    assert counts is not None
    assert gw.store.look(lambda tx: index.list_old_loads(tx, counts.load)) == []
    asked = known_children.digest_keys(gw, counts.load, {"u|L330345624117"})
    assert len(gw.store.look(lambda tx: index.find_child_numbers(tx, counts.load, asked))) == 1


def test_of_two_loads_at_once_the_newer_stands(pair: Pair) -> None:
    gw = pair[1]
    load(gw, EVE)
    counts = gw.store.look(index.find_current_load)
    assert counts is not None
    with pytest.raises(Unusable, match=r"children\.overtaken"):
        gw.store.run(lambda tx: index.activate_load(tx, gw.now(), counts.load - 1, 0))


def test_a_policy_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="officer or machine"):
        parse('[authority]\ncode = "333"\nname = "S"\n[search]\nno_trace = "nobody"\n', tmp_path)


def test_the_commands(tmp_path: Path) -> None:
    """The way of an officer: the index, the list, one search beside its match, and the word on the others."""
    sandwell, worcestershire = (
        make(tmp_path / "333", "333", "Sandwell"),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    introduce(sandwell, worcestershire)
    worcestershire.refresh_trust()
    home = ("--home", str(tmp_path / "885"))
    (tmp_path / "all.csv").write_bytes(extract(EVE, *OTHERS).getvalue())
    assert "61 children" in cme_gateway("one", "children", str(tmp_path / "all.csv"), *home).stdout
    stranger = enquiry()
    assert isinstance(stranger.body, WhereaboutsEnquiry)
    child = replace(
        stranger.body.child,
        upn=None,
        upn_unknown="not-known",
        surname="Specimen",
        forename="Gus",
        preferred_forename=None,
    )
    asyncio.run(_came(sandwell, worcestershire, enquiry(), enquiry(child=child)))
    for one in (sandwell, worcestershire):
        one.store.close()
    listed = json.loads(cme_gateway("matches", "list", "--json", *home).stdout)
    [one] = listed["matches"]
    assert (one["possible"], listed["counts"]["none"]) == ([99], 1)
    assert "Top score 99" in cme_gateway("matches", "list", *home).stdout
    shown = cme_gateway("matches", "show", one["message_id"], *home).stdout
    for words in ("same UPN", "L330345624117", "02/12/2013", "cme-gateway answer"):
        assert words in shown
    assert json.loads(cme_gateway("matches", "show", one["message_id"], "--json", *home).stdout)["possible"]
    waiting = cme_gateway("inbox", "--waiting", *home)
    assert one["message_id"] in waiting.stdout
    assert "1 notice with no possible match" in waiting.stderr
    assert "matches reply-all" in cme_gateway("outstanding", *home).stderr
    assert "Replied to 1 notice" in cme_gateway("matches", "reply-all", "--by", "otto", *home).stdout
    assert cme_gateway("matches", "show", "x", *home).returncode == 4


async def _came(sandwell: Gateway, worcestershire: Gateway, *messages: Message) -> None:
    await come((sandwell, worcestershire), *messages)


def test_the_folder_of_all_children_is_checked(tmp_path: Path) -> None:
    gw = make(tmp_path / "885", "885", "Worcestershire")
    gw.config = replace(gw.config, one=OneSettings(children_folder="all"))
    checks = {one.name: one for one in doctor.run_checks(gw)}
    assert checks["ONE's children folder"].result == "fail"
    assert checks["index of our children"].result == "warn"
    gw.store.close()


async def test_one_that_does_not_open_holds_up_no_other(pair: Pair) -> None:
    _, worcestershire = pair
    load(worcestershire, EVE)
    bad, good = enquiry(), enquiry()
    await receive_parcels(worcestershire, [seal(pair[0], one) for one in (bad, good)], "333")
    broken = update(tables.inbox).where(tables.inbox.c.message_id == bad.header.message_id)
    worcestershire.store.run(lambda tx: tx.execute(broken.values(content=b"broken")))
    await match_incoming.match_due_searches(worcestershire)
    assert found(worcestershire, bad.header.message_id) is MatchState.PERSON
    assert found(worcestershire, good.header.message_id) is MatchState.MATCHED
