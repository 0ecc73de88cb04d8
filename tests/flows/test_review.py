"""The pupil tracking officer's fortnight: the list, what was checked, asking again in the same
step, and how it ends.
"""

import json
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import WAITING
from gateway.core.search_status import AnswerState
from gateway.errors import NotAllowed
from gateway.exchange import enquire, respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages as put
from gateway.exchange.stand_down import stand_down_search
from gateway.exchange.withdraw import withdraw_notice
from gateway.monitoring import doctor
from gateway.retention import purge
from gateway.searches import review, search
from gateway.store import audit_log, inbox, outbox, reviews
from schemas import xml
from schemas.message import LocatedNotice, Message, WhereaboutsResponse, Withdrawal
from schemas.shapes import MessageId
from tests.children import notice
from tests.conftest import introduce
from tests.flows.test_command_line import cme_gateway
from tests.flows.test_enquire import LIVES_HERE, NO_TRACE, OFFICER, hand_over
from tests.flows.test_reconcile import made

# Before the clocks go forward.
TUESDAY = datetime(2027, 3, 16, 9, 0, tzinfo=UTC)
VISIT = [("home-visit", "no-information")]


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Gateway]:
    names = {"333": "Sandwell", "885": "Worcestershire", "330": "Birmingham", "332": "Dudley"}
    all_of_them = {code: made(tmp_path / code, code, name, TUESDAY) for code, name in names.items()}
    for code in ("885", "330", "332"):
        introduce(all_of_them["333"], all_of_them[code])
    return all_of_them


def on(world: dict[str, Gateway], days: float) -> None:
    """So many days later, for everybody."""
    for gw in world.values():
        gw.now = lambda: TUESDAY + timedelta(days=days)


def asked(world: dict[str, Gateway], *codes: str) -> enquire.EnquiryResult:
    gw = world["333"]
    return enquire.ask_authorities(gw, notice(name="whereabouts-enquiry", now=gw.now()), list(codes), {}, by="tara")


async def answers(world: dict[str, Gateway], code: str, message_id: MessageId, body: WhereaboutsResponse) -> None:
    respond.answer_search(world[code], message_id, body, by="otto")
    await hand_over(world[code], world["333"])


def test_a_child_comes_back_every_fourteen_days_whatever_the_clocks_do(world: dict[str, Gateway]) -> None:
    sandwell = world["333"]
    case = asked(world, "885").case
    # Over 28 March, when the clocks go forward.
    for number, day in enumerate((14, 28, 42)):
        on(world, day - 1)
        assert [(one.due, one.overdue) for one in review.list_reviews(sandwell)] == [(False, False)]
        on(world, day)
        [one] = review.list_reviews(sandwell)
        assert (one.case, one.due, one.overdue, one.reviews) == (case, True, False, number)
        on(world, day + 0.4)
        done = review.do_review(sandwell, case, VISIT, by="tara")
        assert done.review_on == date(2027, 3, 16) + timedelta(days=day + 14)
    [one] = review.list_reviews(sandwell)
    assert (one.checked, one.checked_by, one.since) == ("home-visit=no-information", "tara", date(2027, 3, 16))


def test_what_is_due_on_a_saturday_is_due_on_that_day_and_the_oldest_stands_first(world: dict[str, Gateway]) -> None:
    sandwell = world["333"]
    # A Saturday.
    on(world, 4)
    first = asked(world, "885").case
    on(world, 7)
    second = asked(world, "885").case
    on(world, 18)
    assert [(one.case, one.due, one.review_on) for one in review.list_reviews(sandwell)] == [
        (first, True, date(2027, 4, 3)),
        (second, False, date(2027, 4, 6)),
    ]
    on(world, 25)
    assert [one.case for one in review.list_reviews(sandwell) if one.overdue] == [first, second]
    [check] = [one for one in doctor.run_checks(sandwell) if one.name == "reviews of searches"]
    assert (check.result, check.detail) == ("warn", "2 overdue. Run `cme-gateway review list`.")


async def test_who_found_no_trace_or_did_not_answer_is_asked_again_in_the_same_step(
    world: dict[str, Gateway],
) -> None:
    sandwell = world["333"]
    first = asked(world, "885", "330", "332")
    for code in first.asked:
        await hand_over(sandwell, world[code])
    await answers(world, "885", first.asked["885"], LIVES_HERE)
    await answers(world, "330", first.asked["330"], NO_TRACE)
    on(world, 14)
    done = review.do_review(sandwell, first.case, VISIT, by="tara", ask_again=True)
    assert done.asked_again is not None
    assert sorted(done.asked_again.asked) == ["330", "332"]
    stands = {
        one.authority: (one.standing, one.times) for one in search.open_search(sandwell, first.case, by="tara").asked
    }
    assert stands == {
        "885": (AnswerState.FOUND, 1),
        # What it said before was about a fortnight ago.
        "330": (AnswerState.UNDER_WAY, 2),
        "332": (AnswerState.UNDER_WAY, 2),
    }
    for code in ("330", "332"):
        await hand_over(sandwell, world[code])
        open_ones = world[code].store.look(
            lambda tx: inbox.search_inbox(tx, TUESDAY + timedelta(99), inbox.InboxQuery(states=WAITING))
        )
        # One, not two.
        assert [one.message_id for one in open_ones] == [done.asked_again.asked[code]]
    [one] = review.list_reviews(sandwell)
    assert (one.asked_again, one.due) == (2, False)
    assert sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="review.done"))[0].actor == "tara"


async def test_where_asking_again_is_refused_nothing_is_written_down(world: dict[str, Gateway]) -> None:
    sandwell = world["333"]
    first = asked(world, "885")
    await hand_over(sandwell, world["885"])
    await answers(world, "885", first.asked["885"], LIVES_HERE)
    with pytest.raises(NotAllowed, match=r"enquire\.nobody"):
        review.do_review(sandwell, first.case, VISIT, by="tara", ask_again=True)
    with pytest.raises(NotAllowed, match=r"review\.nothing-checked"):
        review.do_review(sandwell, first.case, [], by="tara")
    [one] = review.list_reviews(sandwell)
    assert one.reviews == 0


async def test_that_somebody_answered_found_does_not_end_it_and_a_stand_down_does(world: dict[str, Gateway]) -> None:
    sandwell = world["333"]
    first = asked(world, "885", "330")
    await hand_over(sandwell, world["885"])
    await answers(world, "885", first.asked["885"], LIVES_HERE)
    assert len(review.list_reviews(sandwell)) == 1
    stand_down_search(sandwell, first.case, FOUND_THEN, by="tara")
    assert review.list_reviews(sandwell) == []
    acts = sandwell.store.look(lambda tx: reviews.list_review_acts(tx, first.case))
    assert [(one.kind, one.reason) for one in acts] == [("began", None), ("ended", "in-education")]
    with pytest.raises(NotAllowed, match=r"review\.not-open"):
        review.do_review(sandwell, first.case, VISIT, by="tara")


FOUND_THEN = LocatedNotice(located_on=date(2027, 3, 16), way="in-education", ring=OFFICER)


async def test_it_ends_without_a_child_found_by_a_reason_and_whoever_was_asked_is_told(
    world: dict[str, Gateway],
) -> None:
    sandwell = world["333"]
    first = asked(world, "885", "330")
    for code in ("885", "330"):
        await hand_over(sandwell, world[code])
    with pytest.raises(NotAllowed) as caught:
        review.end_review(sandwell, first.case, "manager-decision", by="tara")
    assert caught.value.code == "review.decided-by"
    told = review.end_review(sandwell, first.case, "manager-decision", by="tara", decided_by="Mandy Invented")
    assert len(told) == 2
    assert review.list_reviews(sandwell) == []
    [*_, ended] = sandwell.store.look(lambda tx: reviews.list_review_acts(tx, first.case))
    assert (ended.reason, ended.decided_by, ended.by) == ("manager-decision", "Mandy Invented", "tara")
    assert (
        "Mandy Invented"
        in sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="case.stood-down"))[0].entry
    )
    sent = sandwell.store.look(lambda tx: outbox.get_delivery(tx, first.asked["885"]))
    assert (sent.state, sent.reason) == (DeliveryState.CONCLUDED, "the search has ended: manager's decision")


def test_a_search_that_was_withdrawn_from_everybody_is_under_no_review(world: dict[str, Gateway]) -> None:
    sandwell = world["333"]
    first = asked(world, "885", "330")
    wrong = Withdrawal(reason="wrong-child", officer=OFFICER)
    withdraw_notice(sandwell, first.asked["885"], wrong, by="tara")
    assert len(review.list_reviews(sandwell)) == 1
    withdraw_notice(sandwell, first.asked["330"], wrong, by="tara")
    assert review.list_reviews(sandwell) == []


def plain(gw: Gateway, message: Message) -> str:
    [ready] = prepare_messages(gw, [message], "tara")
    gw.store.run(lambda tx: put(tx, gw, [ready]))
    return message.header.case_id


@pytest.mark.parametrize(("name", "is_under"), [("whereabouts-unknown-notice", True), ("transfer-notice", False)])
def test_what_is_sent_by_itself_is_under_review_where_it_is_a_search(
    world: dict[str, Gateway], name: str, is_under: bool
) -> None:
    sandwell = world["333"]
    case = plain(sandwell, notice(name=name, now=sandwell.now()))
    assert [one.case for one in review.list_reviews(sandwell)] == [case] * is_under


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Sandwell's folder as it is sixteen days after it asked; and the file of another search."""
    then = datetime.now(UTC) - timedelta(days=16)
    sandwell, there = made(tmp_path / "333", "333", "Sandwell", then), made(tmp_path / "885", "885", "W", then)
    introduce(sandwell, there)
    enquire.ask_authorities(sandwell, notice(name="whereabouts-enquiry", now=then), ["885"], {}, by="tara")
    (tmp_path / "search.xml").write_bytes(xml.write(notice(name="whereabouts-enquiry")))
    for one in (sandwell, there):
        one.store.close()
    return tmp_path / "333"


def test_the_fortnight_at_the_command_line(home: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return cme_gateway(*words, "--home", str(home))

    shown = run("review", "list")
    assert "1 due, 1 overdue" in shown.stdout
    [one] = json.loads(run("review", "list", "--json").stdout)["reviews"]
    case = one["case"]
    for words, says in (
        (("review", "done", case, "--checked", "home-visit"), "result"),
        (("review", "done", case, "--checked", "stars", "--result", "no-information"), "home-visit"),
        (("review", "end", case, "--reason", "in-education"), "cme-gateway end-search"),
    ):
        refused = run(*words)
        assert refused.returncode == 2
        assert says in " ".join(refused.stderr.replace("│", " ").split())
    done = run("review", "done", case, "--checked", "home-visit", "--result", "no-information", "--ask-again")
    assert "queued for 1 authority" in done.stdout
    assert "Next review:" in done.stdout
    shown = run("review", "list")
    assert "Visit to the last known home: no information" in " ".join(shown.stdout.split())

    file = str(home.parent / "search.xml")
    sent = run("enquire", file, "--to", "885", "--to", "330", "--by", "tara")
    assert "Not asked: Birmingham (330): it is not a partner authority, and has no email address here" in " ".join(
        sent.stdout.split()
    )
    again = run("enquire", file, "--to", "885")
    assert (again.returncode, "enquire.case-used" in again.stderr) == (5, True)
    assert run("enquire", "--to", "885").returncode == 2
    whole = run("search", case)
    assert "No authority has found the child yet" in whole.stdout
    told = json.loads(run("search", case, "--json").stdout)
    assert told["asked"][0]["standing"] == "not there yet"
    assert told["counts"] == {"not there yet": 1}
    assert "The gateway is telling 0 authorities" in run("located", case, "in-education").stdout
    ended = run("located", case, "in-education")
    assert "amend.told-already" in ended.stderr


async def test_a_case_under_review_is_kept_whole_and_purged_when_its_search_has_ended(
    world: dict[str, Gateway],
) -> None:
    sandwell = world["333"]
    first = asked(world, "885", "330")
    for code in first.asked:
        await hand_over(sandwell, world[code])
    await answers(world, "885", first.asked["885"], NO_TRACE)
    await answers(world, "330", first.asked["330"], NO_TRACE)
    on(world, 200)
    assert purge.run_purge(sandwell, "test").cases == 0
    # At who answered, it has ended.
    assert purge.run_purge(world["885"], "test").cases == 1
    review.end_review(sandwell, first.case, "left-country", by="tara")
    for code in first.asked:
        await hand_over(sandwell, world[code])
    on(world, 280)
    assert purge.run_purge(sandwell, "test").cases == 0
    on(world, 291)
    assert purge.run_purge(sandwell, "test").cases == 1
    assert review.list_reviews(sandwell) == []
