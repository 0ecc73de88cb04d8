"""One search goes to many: who is asked, who answers what, whom nobody can reach, and how everybody is told that it has
ended.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from gateway import app, home_folder
from gateway.authorities import correspondents
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import InboxState
from gateway.core.search_status import AnswerState
from gateway.errors import NotAllowed, Unfit
from gateway.exchange import enquire, respond
from gateway.exchange.enquire import EnquiryResult
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import queue_messages as put
from gateway.exchange.send import send_notices
from gateway.exchange.stand_down import stand_down_search
from gateway.exchange.withdraw import withdraw_notice
from gateway.searches import search
from gateway.store import audit_log, inbox, outbox
from gateway.store.outbox import Delivery
from keys.errors import RefusalCode
from keys.trust import Trust
from schemas.message import (
    LocatedNotice,
    Message,
    Officer,
    Outcome,
    Party,
    Restriction,
    RestrictionLevel,
    WhereaboutsEnquiry,
    WhereaboutsResponse,
    WhereaboutsUnknownNotice,
    Withdrawal,
)
from tests.children import notice
from tests.conftest import introduce, make
from tests.flows.test_exchange import state, until
from tests.refusals import expect_refusal

OFFICER = Officer(name="Otto Invented", role="cme_officer", phone_no="01632 960202")
FOUND = LocatedNotice(located_on=date(2026, 11, 20), way="in-education", ring=OFFICER)
LIVES_HERE = WhereaboutsResponse(result="found", answered_by="officer", ring=OFFICER)
NO_TRACE = WhereaboutsResponse(result="no-trace", answered_by="machine")
WITHHELD = Restriction(
    level="address-withheld", reason="refuge", decided_by="Mandy Invented", review_on=date(2027, 2, 1)
)
NAMES = {"333": "Sandwell", "885": "Worcestershire", "330": "Birmingham", "332": "Dudley"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[dict[str, Gateway]]:
    """Sandwell, with three partners; and with a mail account, so that it may write to people of others."""
    made = {code: make(tmp_path / code, code, name) for code, name in NAMES.items()}
    made["333"].store.close()
    with (tmp_path / "333" / "gateway.toml").open("a") as settings:
        settings.write('[email]\naddress = "gateway@sandwell.example"\nsmtp = "smtp://127.0.0.1:9"\n')
        settings.write('imap = "imaps://127.0.0.1:9"\nuser = "gateway"\npassword_file = "mail"\n')
    (tmp_path / "333" / "mail").write_text("invented")
    made["333"] = home_folder.open_gateway(tmp_path / "333")
    for code, other in made.items():
        if code != "333":
            introduce(made["333"], other)
    yield made
    for gw in made.values():
        gw.store.close()


def asked_of(gw: Gateway, *codes: str, about: Message | None = None) -> EnquiryResult:
    return enquire.ask_authorities(
        gw, about or notice(name="whereabouts-enquiry"), *enquire.resolve_recipients(gw, codes), by="tara"
    )


def outgoing(gw: Gateway) -> list[Delivery]:
    return gw.store.look(lambda tx: outbox.search_outbox(tx, limit=None))


async def hand_over(gw: Gateway, there: Gateway) -> None:
    """What waits for them is taken there, as by a carrier, in order."""
    due = gw.store.run(lambda tx: outbox.claim_deliveries(tx, gw.now(), there.code, 100))
    await receive_parcels(there, [one.sealed for one in due], gw.code)
    gw.store.run(
        lambda tx: outbox.settle_deliveries(
            tx,
            gw.now(),
            [outbox.SettledTry(one.message_id, DeliveryState.RECEIVED, "https", "receipted") for one in due],
        )
    )


async def test_many_are_asked_in_one_case_and_the_answers_come_together(world: dict[str, Gateway]) -> None:
    sandwell = world["333"]
    async with (
        app.run_gateway(sandwell),
        app.run_gateway(world["885"]),
        app.run_gateway(world["330"]),
        app.run_gateway(world["332"]),
    ):
        done = asked_of(sandwell, "885", "330", "332")
        assert (done.circulation, sorted(done.asked), done.not_asked) == ("several", ["330", "332", "885"], {})
        await until(lambda: {state(sandwell, one) for one in done.asked.values()} == {DeliveryState.RECEIVED})
        respond.answer_search(world["885"], done.asked["885"], LIVES_HERE, by="otto")
        respond.answer_search(world["330"], done.asked["330"], NO_TRACE, by="otto")
        await until(lambda: len(sandwell.store.look(lambda tx: inbox.search_inbox(tx, sandwell.now()))) == 2)
        whole = search.open_search(sandwell, done.case, by="tara")
        assert [(one.authority, one.standing) for one in whole.asked] == [
            ("885", AnswerState.FOUND),
            ("330", AnswerState.NO_TRACE),
            ("332", AnswerState.HAS_IT),
        ]
        assert (whole.asked[0].ring, whole.asked[1].by_machine) == ("Otto Invented, 01632 960202", True)
        assert "Call Otto Invented, 01632 960202" in whole.next_step
        assert "end-search" in whole.next_step

        told = stand_down_search(sandwell, done.case, FOUND, by="tara")
        await until(lambda: {state(sandwell, one) for one in told} == {DeliveryState.RECEIVED})
    assert len(told) == 3
    for code, message_id in done.asked.items():
        there = world[code]
        standing = there.store.look(lambda tx, message_id=message_id: inbox.get_message(tx, message_id)).state  # type: ignore[misc]
        assert standing is InboxState.CONCLUDED
    whole = search.open_search(sandwell, done.case, by="tara")
    assert whole.ended
    assert all(one.stood_down for one in whole.asked)
    assert [one.standing for one in whole.asked] == [AnswerState.FOUND, AnswerState.NO_TRACE, AnswerState.ENDED]


def test_the_message_says_how_widely_it_went_and_goes_to_the_role_that_the_file_names(
    world: dict[str, Gateway],
) -> None:
    sandwell = world["333"]
    about = notice(name="whereabouts-enquiry")
    head = replace(about.header, recipient=Party(authority="885", role="pupil_tracking"))
    done = asked_of(sandwell, "885", "330", about=replace(about, header=head))
    for code, message_id in done.asked.items():
        message = respond.read_outgoing(sandwell, message_id, by="tara")
        assert message.header.recipient == Party(authority=code, role="pupil_tracking")
        assert message.header.case_id == done.case == about.header.case_id
        assert isinstance(message.body, WhereaboutsEnquiry)
        assert message.body.circulation == "several"


def test_who_cannot_be_reached_is_named_and_the_others_are_asked(world: dict[str, Gateway]) -> None:
    sandwell = world["333"]
    correspondents.enter_correspondent(
        sandwell, "336", "cme@wolverhampton.example", "notify-only", telephone="01902 000000", by="tara"
    )
    meant, not_asked = enquire.resolve_recipients(sandwell, ["909", "333"], ["west midlands"])
    assert not_asked == {"909": "it no longer exists: ask its successor", "333": "this is your own authority"}
    done = enquire.ask_authorities(sandwell, notice(name="whereabouts-enquiry"), meant, not_asked, by="tara")
    assert sorted(done.asked) == ["330", "332", "336", "885"]
    # The region without us; and the two above.
    assert len(done.not_asked) == 14 - 1 - 4 + 2
    assert done.not_asked["331"] == "it is not a partner authority, and has no email address here"
    # Not the region: most of it could not be asked.
    assert done.circulation == "several"
    by_authority = {one.recipient: one.protection for one in outgoing(sandwell)}
    assert by_authority == {"330": "sealed", "332": "sealed", "336": "notify-only", "885": "sealed"}


def test_a_partner_whose_card_ended_or_has_no_route_of_ours_is_named(world: dict[str, Gateway]) -> None:
    sandwell = world["333"]
    sandwell.carriers = {}
    with pytest.raises(NotAllowed, match="no route") as caught:
        asked_of(sandwell, "885")
    assert caught.value.code == "enquire.nobody"
    later = sandwell.now() + timedelta(days=366)
    sandwell.now = lambda: later
    with pytest.raises(NotAllowed, match="card cannot be used"):
        asked_of(sandwell, "885")
    assert outgoing(sandwell) == []


def list_versions(gw: Gateway, authority: str, *versions: str) -> None:
    """As if the card of that partner listed these versions of the messages' schema."""
    cards = {code: gw.trust.get_card(code) for code in gw.trust.list_authorities()}
    gw.trust = Trust({**cards, authority: replace(cards[authority], schema_versions=versions)})


@pytest.mark.parametrize("listed", [("2",), ()])
def test_nothing_goes_to_a_partner_whose_card_does_not_list_our_version(
    world: dict[str, Gateway], listed: tuple[str, ...]
) -> None:
    sandwell = world["333"]
    list_versions(sandwell, "885", *listed)
    before = sandwell.store.look(audit_log.get_tree_head)
    with expect_refusal(RefusalCode.CARD_OTHER_VERSION, match="cannot read the version"):
        send_notices(sandwell, [notice()], by="tara")
    with pytest.raises(NotAllowed, match="cannot read the version") as caught:
        asked_of(sandwell, "885")
    assert caught.value.code == "enquire.nobody"
    assert outgoing(sandwell) == []
    assert sandwell.store.look(audit_log.get_tree_head) == before
    # the others are asked all the same
    done = asked_of(sandwell, "885", "330")
    assert (list(done.asked), list(done.not_asked)) == (["330"], ["885"])


def test_a_partner_whose_card_lists_our_version_among_others_gets_it(world: dict[str, Gateway]) -> None:
    sandwell = world["333"]
    list_versions(sandwell, "885", "2", "1.1", "1")
    sent = send_notices(sandwell, [notice()], by="tara")
    assert [one.message_id for one in outgoing(sandwell)] == sent
    assert list(asked_of(sandwell, "885").asked) == ["885"]


def test_all_is_every_authority_of_england_but_ourselves(world: dict[str, Gateway]) -> None:
    meant, not_asked = enquire.resolve_recipients(world["333"], everyone=True)
    assert (len(meant), not_asked) == (152, {})
    assert "333" not in meant


@pytest.mark.parametrize(
    ("to", "regions", "code"),
    [(["999"], [], "enquire.no-such-authority"), ([], ["Mercia"], "enquire.no-such-region"), ([], [], "enquire.whom")],
)
def test_whom_nobody_knows_is_refused(world: dict[str, Gateway], to: list[str], regions: list[str], code: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        enquire.resolve_recipients(world["333"], to, regions)
    assert caught.value.code == code


def test_in_a_case_that_was_begun_only_those_are_asked_who_were_not(world: dict[str, Gateway]) -> None:
    sandwell = world["333"]
    about = notice(name="whereabouts-enquiry")
    first = asked_of(sandwell, "885", about=about)
    assert first.circulation == "named"
    with pytest.raises(NotAllowed) as caught:
        asked_of(sandwell, "330", about=about)
    assert caught.value.code == "enquire.case-used"
    more = enquire.ask_more_authorities(
        sandwell, first.asked["885"], *enquire.resolve_recipients(sandwell, ["885", "330"]), by="tara"
    )
    assert (more.case, list(more.asked), more.before) == (first.case, ["330"], ["885"])
    assert more.circulation == "several"
    with pytest.raises(NotAllowed) as caught:
        enquire.ask_more_authorities(
            sandwell, first.case, *enquire.resolve_recipients(sandwell, ["885", "330"]), by="tara"
        )
    assert caught.value.code == "enquire.nobody"


def test_all_are_asked_or_none(world: dict[str, Gateway], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another officer writes in the case between the sealing and the queueing."""
    sandwell = world["333"]
    about = notice(name="whereabouts-enquiry")
    first = asked_of(sandwell, "885", about=about)
    ready = enquire.prepare_search(
        sandwell, enquire.get_newest_search(sandwell, first.case), ["330", "332"], {}, by="tara"
    )
    enquire.ask_more_authorities(sandwell, first.case, ["330"], {}, by="petra")
    with pytest.raises(NotAllowed) as caught:
        enquire.queue_search(sandwell, ready)
    assert caught.value.code == "enquire.overtaken"
    assert sorted(one.recipient for one in outgoing(sandwell)) == ["330", "885"]


def test_an_unfit_search_asks_nobody(world: dict[str, Gateway]) -> None:
    about = notice(name="whereabouts-enquiry")
    assert isinstance(about.body, WhereaboutsEnquiry)
    child = replace(about.body.child, dob=date(2099, 1, 1))
    with pytest.raises(Unfit, match="in the past"):
        asked_of(world["333"], "885", "330", about=replace(about, body=replace(about.body, child=child)))
    with pytest.raises(NotAllowed) as caught:
        asked_of(world["333"], "885", about=notice())
    assert caught.value.code == "enquire.not-a-search"
    assert outgoing(world["333"]) == []


def restricted(level: RestrictionLevel, name: str) -> Message:
    about = notice(name=name)
    assert isinstance(about.body, WhereaboutsEnquiry | WhereaboutsUnknownNotice)
    body = replace(about.body, restriction=replace(WITHHELD, level=level), previous_address=None, school=(), sibling=())
    return replace(about, body=replace(body, contact=()) if isinstance(body, WhereaboutsEnquiry) else body)


@pytest.mark.parametrize("name", ["whereabouts-enquiry", "whereabouts-unknown-notice"])
def test_of_a_restricted_child_one_authority_is_asked_and_no_more(world: dict[str, Gateway], name: str) -> None:
    sandwell = world["333"]
    for meant in (["885", "330"], enquire.resolve_recipients(sandwell, regions=["West Midlands"])[0]):
        with pytest.raises(NotAllowed, match="only one authority") as caught:
            enquire.ask_authorities(sandwell, restricted("address-withheld", name), meant, {}, by="tara")
        assert "Call any others" in caught.value.next_on_page
    assert outgoing(sandwell) == []
    done = asked_of(sandwell, "885", about=restricted("address-withheld", name))
    with pytest.raises(NotAllowed, match="only one authority"):
        enquire.ask_more_authorities(sandwell, done.case, ["330"], {}, by="tara")
    assert len(outgoing(sandwell)) == 1


def test_of_a_phone_only_child_nobody_is_asked_by_machine(world: dict[str, Gateway]) -> None:
    with pytest.raises(NotAllowed, match="phone only") as caught:
        asked_of(world["333"], "885", about=restricted("phone-only", "whereabouts-enquiry"))
    assert "Call" in caught.value.next_on_page
    assert outgoing(world["333"]) == []


async def test_a_stand_down_reaches_also_those_who_were_asked_later_and_not_those_whom_nothing_reached(
    world: dict[str, Gateway],
) -> None:
    sandwell = world["333"]
    first = asked_of(sandwell, "885")
    await hand_over(sandwell, world["885"])
    later = enquire.ask_more_authorities(sandwell, first.case, ["330", "332"], {}, by="tara")
    await hand_over(sandwell, world["330"])
    told = stand_down_search(sandwell, first.asked["885"], FOUND, by="tara")
    by_id = {one.message_id: one for one in outgoing(sandwell)}
    # Dudley's had not left.
    assert sorted(by_id[one].recipient for one in told) == ["330", "885"]
    states = {code: by_id[one].state for code, one in {**first.asked, **later.asked}.items()}
    assert states == {"885": DeliveryState.CONCLUDED, "330": DeliveryState.CONCLUDED, "332": DeliveryState.WITHDRAWN}
    with pytest.raises(NotAllowed) as caught:
        enquire.ask_more_authorities(sandwell, first.case, ["336"], {}, by="tara")
    assert caught.value.code == "enquire.ended"


async def test_who_was_asked_twice_is_told_once_and_has_one_notice_open(world: dict[str, Gateway]) -> None:
    sandwell, there = world["333"], world["885"]
    done = asked_of(sandwell, "885")
    await hand_over(sandwell, there)
    search_again = enquire.get_newest_search(sandwell, done.case)
    second = enquire.queue_search(
        sandwell, enquire.prepare_search(sandwell, search_again, ["885"], {}, by="tara", again=["885"])
    )
    await hand_over(sandwell, there)
    came = {one.message_id: one.state for one in there.store.look(lambda tx: inbox.search_inbox(tx, there.now()))}
    assert came == {
        done.asked["885"]: InboxState.SUPERSEDED,
        second.asked["885"]: InboxState.NEW,
    }
    [told] = stand_down_search(sandwell, done.case, FOUND, by="tara")
    assert sandwell.store.look(lambda tx: outbox.get_delivery(tx, told)).in_reply_to == second.asked["885"]


async def test_who_has_only_the_older_of_two_notices_is_told_about_that_one(world: dict[str, Gateway]) -> None:
    sandwell, there = world["333"], world["885"]
    done = asked_of(sandwell, "885")
    await hand_over(sandwell, there)
    search_again = enquire.get_newest_search(sandwell, done.case)
    enquire.queue_search(
        sandwell, enquire.prepare_search(sandwell, search_again, ["885"], {}, by="tara", again=["885"])
    )
    stand_down_search(sandwell, done.case, FOUND, by="tara")
    await hand_over(sandwell, there)
    assert there.store.look(lambda tx: inbox.get_message(tx, done.asked["885"])).state is InboxState.CONCLUDED
    assert len(there.store.look(lambda tx: inbox.search_inbox(tx, there.now()))) >= 1


async def test_who_was_told_that_it_is_withdrawn_is_not_told_again(world: dict[str, Gateway]) -> None:
    sandwell = world["333"]
    done = asked_of(sandwell, "885", "330")
    for code in ("885", "330"):
        await hand_over(sandwell, world[code])
    withdraw_notice(sandwell, done.asked["885"], Withdrawal(reason="wrong-authority", officer=OFFICER), by="tara")
    [told] = stand_down_search(sandwell, done.case, FOUND, by="tara")
    assert sandwell.store.look(lambda tx: outbox.get_delivery(tx, told)).recipient == "330"


async def test_an_outcome_answers_a_notice_that_whereabouts_are_unknown(world: dict[str, Gateway]) -> None:
    sandwell, there = world["333"], world["885"]
    done = asked_of(sandwell, "885", about=notice(name="whereabouts-unknown-notice"))
    await hand_over(sandwell, there)
    outcome = Outcome(result="in-education", confirmed_on=there.now().date(), officer=OFFICER)
    respond.send_outcome(there, done.asked["885"], outcome, by="otto")
    there.refresh_trust()
    await hand_over(there, sandwell)
    [one] = search.open_search(sandwell, done.case, by="tara").asked
    assert (one.standing, one.said, one.ring) == (AnswerState.FOUND, "In education", "Otto Invented, 01632 960202")


def test_to_look_at_a_search_is_an_entry_of_the_log(world: dict[str, Gateway]) -> None:
    sandwell = world["333"]
    done = asked_of(sandwell, "885")
    search.open_search(sandwell, done.case, by="tara")
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="search.read"))
    assert (entry.actor, entry.about) == ("tara", done.case)
    [ready] = prepare_messages(sandwell, [notice()], "tara")
    sandwell.store.run(lambda tx: put(tx, sandwell, [ready]))
    with pytest.raises(NotAllowed) as caught:
        search.open_search(sandwell, ready.message_id, by="tara")
    assert caught.value.code == "search.none"
