"""A member answers what is not its to answer, otherwise than it is answered, in another's case, or too late.

The oracle says in plain words what may be said of what; it knows nothing of `core/replies.py`.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from gateway.casework import case
from gateway.context import Gateway
from gateway.core import labels, open_actions
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import TASKS, InboxState
from gateway.core.open_actions import CaseAction
from gateway.core.replies import Misfit
from gateway.errors import NotAllowed
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import queue_messages, send_notices
from gateway.monitoring import health
from gateway.searches import match_incoming, search
from gateway.store import audit_log, inbox, outbox, tables
from schemas.identifiers import build_uuid7
from schemas.message import (
    BODIES,
    OPENS_A_CASE,
    SEARCHES,
    Acknowledgement,
    Decision,
    LocatedNotice,
    Message,
    MessageKind,
    TransferNotice,
    WhereaboutsResponse,
)
from schemas.shapes import CaseId, MessageId
from tests.children import notice
from tests.conftest import introduce, make
from tests.flows.test_exchange import OFFICER, codes, seal

SAMPLES = {
    "TransferNotice": "transfer-notice",
    "WhereaboutsEnquiry": "whereabouts-enquiry",
    "WhereaboutsUnknownNotice": "whereabouts-unknown-notice",
    "WhereaboutsResponse": "whereabouts-response",
    "LocatedNotice": "located-notice",
    "Acknowledgement": "acknowledgement",
    "Outcome": "outcome",
    "Withdrawal": "withdrawal",
    "Reminder": "reminder",
}
DECISIONS = ("accepted", "passed-on", "rejected")
OUR_STATES = tuple(DeliveryState)
THEIR_STATES = tuple(one for one in InboxState if one not in (InboxState.FILED, *TASKS[2:], InboxState.ABOUT_NOTHING))
Houses = tuple[Gateway, Gateway, Gateway]


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Houses]:
    """Sandwell, Worcestershire and Birmingham: many attacks on one database, each in cases of its own."""
    home = tmp_path_factory.mktemp("replies")
    made = [make(home / code, code, code) for code in ("333", "885", "330")]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        introduce(made[one], made[other])
    for gw in made:
        gw.refresh_trust()
    yield made[0], made[1], made[2]
    for gw in made:
        gw.store.close()


def body_of(kind: str, decision: Decision) -> Message:
    found = notice(name=SAMPLES[kind])
    if not isinstance(found.body, Acknowledgement):
        return found
    reason = "not-our-area" if decision == "rejected" else None
    to = "336" if decision == "passed-on" else None
    return Message(found.header, Acknowledgement(decision=decision, reason=reason, passed_to=to, officer=OFFICER))


def written(
    sender: str,
    kind: str,
    conversation: CaseId,
    decision: Decision = "accepted",
    *,
    to: str = "333",
    sequence: int = 1,
    test: bool = False,
    in_reply_to: MessageId | None = None,
    supersedes: MessageId | None = None,
    at: datetime | None = None,
) -> Message:
    now = at or datetime.now(UTC)
    head = notice(sender, to, case_id=conversation, sequence=sequence, now=now).header
    head = replace(head, test=test, in_reply_to=in_reply_to, supersedes=supersedes)
    return Message(head, body_of(kind, decision).body)


def fresh() -> MessageId:
    return MessageId(build_uuid7(datetime.now(UTC), token_bytes(10)))


def fresh_case() -> CaseId:
    return CaseId(build_uuid7(datetime.now(UTC), token_bytes(10)))


def sent(gw: Gateway, kind: str, to: str, conversation: CaseId, *, test: bool = False) -> MessageId:
    """A notice of ours, as it would have left."""
    message = written("333", kind, conversation, to=to, test=test)
    [ready] = prepare_messages(gw, [message], "olive")
    gw.store.run(lambda tx: queue_messages(tx, gw, [ready]))
    return ready.message_id


def came(gw: Gateway, there: Gateway, *messages: Message) -> list[tuple[str, ...]]:
    """They come to us in one delivery; with which codes each is refused, none if it is not."""
    sealed = [seal(there, one) for one in messages]
    tokens = asyncio.run(receive_parcels(gw, sealed, there.code))
    return [codes(there, gw, token, each) for token, each in zip(tokens, sealed, strict=True)]


def stands_sent(gw: Gateway, message_id: MessageId) -> DeliveryState:
    return gw.store.look(lambda tx: outbox.get_delivery(tx, message_id)).state


def item(gw: Gateway, message: Message) -> inbox.InboxItem:
    return gw.store.look(lambda tx: inbox.get_message(tx, message.header.message_id))


def standing(gw: Gateway, sender: str, message_id: MessageId) -> InboxState:
    return gw.store.look(lambda tx: inbox.get_state(tx, sender, message_id))


@dataclass(frozen=True)
class Attack:
    """Somebody says something of a notice."""

    kind: str
    # We sent it to 885; or it came from 885.
    ours: bool
    state: DeliveryState | InboxState
    reply: str
    decision: Decision
    # 885, or 330, which has nothing to do with it.
    by: str
    same_case: bool
    same_test: bool


@st.composite
def attacks(draw: st.DrawFn) -> Attack:
    ours = draw(st.booleans())
    return Attack(
        draw(st.sampled_from(OPENS_A_CASE)),
        ours,
        draw(st.sampled_from(OUR_STATES if ours else THEIR_STATES)),
        draw(st.sampled_from(sorted(SAMPLES))),
        draw(st.sampled_from(DECISIONS)),
        draw(st.sampled_from(["885", "885", "885", "330"])),
        draw(st.sampled_from([True, True, True, False])),
        draw(st.sampled_from([True, True, True, False])),
    )


ENDED = (DeliveryState.CONCLUDED, DeliveryState.CLOSED, DeliveryState.WITHDRAWN)


def oracle(one: Attack) -> tuple[str, DeliveryState | InboxState]:
    """What becomes of the reply (refused, filed, a task), and how the notice stands then."""
    search = one.kind != "TransferNotice"
    if one.by == "330" and not one.ours:
        # A message of 885 is none that 330 can name.
        return "about nothing", one.state
    pairs = {
        "Acknowledgement": True,
        "Outcome": one.kind != "WhereaboutsEnquiry",
        "WhereaboutsResponse": search,
        "Withdrawal": True,
        "LocatedNotice": search,
        "Reminder": True,
    }
    if not pairs.get(one.reply, False):
        return "refused", one.state
    for_recipients = one.reply in ("Acknowledgement", "Outcome", "WhereaboutsResponse")
    if one.by != "885" or for_recipients is not one.ours or not one.same_case or not one.same_test:
        return "task", one.state
    if one.reply == "Reminder":
        return "filed", one.state
    if one.reply == "Acknowledgement":
        says = {
            "accepted": DeliveryState.ACKNOWLEDGED,
            "passed-on": DeliveryState.PASSED_ON,
            "rejected": DeliveryState.REJECTED,
        }[one.decision]
        if one.state == says:
            return "filed", one.state
        tardy = one.state in ENDED or (one.state is DeliveryState.EXPIRED and says is not DeliveryState.ACKNOWLEDGED)
        return ("task", one.state) if tardy else ("filed", says)
    if for_recipients:
        return ("task", one.state) if one.state in ENDED else ("filed", DeliveryState.CONCLUDED)
    if one.state in (InboxState.WITHDRAWN, InboxState.SUPERSEDED):
        return "filed", one.state
    if one.state is InboxState.CONCLUDED:
        return ("filed" if search else "task"), one.state
    return "filed", InboxState.WITHDRAWN if one.reply == "Withdrawal" else InboxState.CONCLUDED


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(attacks())
def test_a_reply_has_an_effect_only_where_it_fits(houses: Houses, one: Attack) -> None:
    sandwell, worcestershire, birmingham = houses
    conversation = fresh_case()
    if one.ours:
        named = sent(sandwell, one.kind, "885", conversation)
        change = update(tables.outbox).where(tables.outbox.c.message_id == named)
    else:
        theirs = written("885", one.kind, conversation)
        assert came(sandwell, worcestershire, theirs) == [()]
        named = theirs.header.message_id
        change = update(tables.inbox).where(tables.inbox.c.message_id == named)
    sandwell.store.run(lambda tx: tx.execute(change.values(state=one.state)))

    reply = written(
        one.by,
        one.reply,
        conversation if one.same_case else fresh_case(),
        one.decision,
        sequence=7,
        test=not one.same_test,
        in_reply_to=named,
    )
    [refused] = came(sandwell, worcestershire if one.by == "885" else birmingham, reply)
    expected, then = oracle(one)
    assert (stands_sent(sandwell, named) if one.ours else standing(sandwell, "885", named)) == then
    if expected == "refused":
        assert refused == ("reply.does-not-fit",)
        return
    assert refused == ()
    kept = item(sandwell, reply)
    if expected == "about nothing" and one.reply in OPENS_A_CASE:
        # It is about a child, and stands by itself.
        assert kept.state is InboxState.NEW
    elif expected == "about nothing":
        assert kept.state is InboxState.ABOUT_NOTHING
        assert kept.case_id != conversation
        assert "330" in sandwell.store.look(inbox.count_replies_about_nothing)
    elif expected == "task":
        assert kept.state is InboxState.DOES_NOT_FIT
        shown = case.open_case(sandwell, conversation, "olive")
        assert [task.message_id for task in shown.misfits] == [kept.message_id]
        assert shown.misfits[0].choices == (CaseAction.PUT_ASIDE,)
        assert shown.misfits[0].why in {labels.explain_misfit(misfit) for misfit in Misfit}
        waits = sandwell.store.look(
            lambda tx: inbox.search_inbox(
                tx, sandwell.now() + timedelta(hours=1), inbox.InboxQuery(states=TASKS), limit=None
            )
        )
        assert kept.message_id in {task.message_id for task in waits}
    else:
        assert (kept.state, kept.misfit) == (InboxState.FILED, None)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(SAMPLES)),
    st.sampled_from(sorted(SAMPLES)),
    st.sampled_from(["885", "885", "330"]),
    st.sampled_from([True, True, False]),
)
def test_a_correction_replaces_its_own_senders_message_of_the_same_kind_in_the_same_case(
    houses: Houses, old: str, new: str, by: str, same_case: bool
) -> None:
    sandwell, worcestershire, birmingham = houses
    conversation = fresh_case()
    first = written("885", "TransferNotice", conversation)
    named = written("885", old, conversation, sequence=2, in_reply_to=None if old in OPENS_A_CASE else fresh())
    assert came(sandwell, worcestershire, first, named) == [(), ()]
    before = item(sandwell, named).state
    correction = written(
        by,
        new,
        conversation if same_case else fresh_case(),
        sequence=3,
        in_reply_to=None if new in OPENS_A_CASE else fresh(),
        supersedes=named.header.message_id,
    )
    [refused] = came(sandwell, worcestershire if by == "885" else birmingham, correction)
    after = item(sandwell, named).state
    if by == "885" and old != new:
        assert (refused, after) == (("reply.does-not-fit",), before)
    elif by == "885" and same_case:
        assert (refused, after) == ((), InboxState.SUPERSEDED)
    else:
        assert (refused, after) == ((), before)
        assert new not in OPENS_A_CASE or item(sandwell, correction).state is InboxState.NEW


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SEARCHES), st.sampled_from(["found", "ring-me", "no-trace"]), st.booleans())
def test_a_search_counts_only_answers_of_whom_it_asked(houses: Houses, kind: str, result: str, late: bool) -> None:
    sandwell, worcestershire, birmingham = houses
    conversation = fresh_case()
    asked = {to: sent(sandwell, kind, to, conversation) for to in ("885", "330")}
    body = WhereaboutsResponse(result=result, answered_by="officer", ring=OFFICER)
    head = written("885", "WhereaboutsResponse", conversation).header
    wrong = [Message(replace(head, in_reply_to=asked["330"]), body)]
    wrong += [Message(replace(head, message_id=fresh(), case_id=fresh_case(), in_reply_to=asked["885"]), body)]
    assert came(sandwell, worcestershire, *wrong) == [(), ()]
    assert {one.answer_id for one in search.open_search(sandwell, conversation, "olive").asked} == {None}
    assert {item(sandwell, one).misfit for one in wrong} == {Misfit.SENDER, Misfit.CASE}
    if late:
        sandwell.store.run(
            lambda tx: outbox.advance_delivery(tx, sandwell.now(), asked["330"], "330", DeliveryState.CONCLUDED)
        )
    right = Message(replace(written("330", "Reminder", conversation).header, in_reply_to=asked["330"]), body)
    came(sandwell, birmingham, right)
    told = {one.authority: one.answer_id for one in search.open_search(sandwell, conversation, "olive").asked}
    assert told == {"330": right.header.message_id, "885": None}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations([0, 1, 2, 3]), st.lists(st.integers(1, 9), min_size=4, max_size=4), st.integers(0, 4))
def test_the_newest_word_counts_whatever_its_number_and_the_order_in_which_it_comes(
    houses: Houses, order: list[int], numbers: list[int], end: int
) -> None:
    """A partner that was restored counts again from before; what it wrote last is still what it says."""
    sandwell, worcestershire, _ = houses
    conversation = fresh_case()
    named = sent(sandwell, "TransferNotice", "885", conversation)
    start = datetime.now(UTC) - timedelta(minutes=30)
    said: list[Decision] = ["accepted", "rejected", "passed-on", "accepted"]
    replies = [
        written(
            "885",
            "Outcome" if at == end else "Acknowledgement",
            conversation,
            said[at],
            sequence=numbers[at],
            in_reply_to=named,
            at=start + timedelta(minutes=at),
        )
        for at in range(4)
    ]
    for at in order:
        assert came(sandwell, worcestershire, replies[at]) == [()]
    last = {
        "accepted": DeliveryState.ACKNOWLEDGED,
        "rejected": DeliveryState.REJECTED,
        "passed-on": DeliveryState.PASSED_ON,
    }[said[-1]]
    assert stands_sent(sandwell, named) is (DeliveryState.CONCLUDED if end < 4 else last)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(OPENS_A_CASE), min_size=1, max_size=4),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["885", "330"]),
)
def test_a_stand_down_that_names_no_notice_ends_its_senders_own_searches_in_the_case(
    houses: Houses, kinds: list[str], at_once: bool, first: bool, by: str
) -> None:
    sandwell, worcestershire, birmingham = houses
    conversation, start = fresh_case(), datetime.now(UTC) - timedelta(minutes=5)
    searches = [written("885", kind, conversation, sequence=n, at=start) for n, kind in enumerate(kinds, 1)]
    body = LocatedNotice(located_on=sandwell.now().date(), way="in-education")
    located = Message(written(by, "Withdrawal", conversation, sequence=9).header, body)
    there = worcestershire if by == "885" else birmingham
    if by == "885" and at_once:
        came(sandwell, worcestershire, *([located, *searches] if first else [*searches, located]))
    elif first:
        # It overtook them.
        assert came(sandwell, there, located) == [()]
        came(sandwell, worcestershire, *searches)
    else:
        came(sandwell, worcestershire, *searches)
        came(sandwell, there, located)
    for kind, message in zip(kinds, searches, strict=True):
        ended = by == "885" and kind in SEARCHES
        assert item(sandwell, message).state is (InboxState.CONCLUDED if ended else InboxState.NEW)
    later = sandwell.now() + timedelta(hours=1)
    known = sandwell.store.look(lambda tx: inbox.list_messages_by_id(tx, later, [located.header.message_id]))
    if by == "885" and set(kinds) & set(SEARCHES):
        assert [one.state for one in known] == [InboxState.FILED]
    elif known:
        assert [one.state for one in known] == [InboxState.ABOUT_NOTHING]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(OPENS_A_CASE),
    st.sampled_from(["333", "885"]),
    st.lists(st.sampled_from(OPENS_A_CASE), min_size=1, max_size=3),
    st.sampled_from(["Zoe", "Yan", "Xia"]),
)
def test_nobody_puts_another_child_at_the_head_of_a_case(
    houses: Houses, kind: str, opener: str, added: list[str], name: str
) -> None:
    sandwell, worcestershire, birmingham = houses
    conversation = fresh_case()
    if opener == "333":
        first = written("333", kind, conversation, to="885")
        [ready] = prepare_messages(sandwell, [first], "olive")
        sandwell.store.run(lambda tx: queue_messages(tx, sandwell, [ready]))
        attacker = worcestershire
    else:
        first = written("885", kind, conversation)
        came(sandwell, worcestershire, first)
        attacker = birmingham
    others = []
    for number, other in enumerate(added, 1):
        # As its sender says.
        long_ago = datetime.now(UTC) - timedelta(days=number)
        message = written(attacker.code, other, conversation, sequence=number, at=long_ago)
        body: Any = message.body
        others.append(Message(message.header, replace(body, child=replace(body.child, forename=name))))
    assert came(sandwell, attacker, *others) == [()] * len(others)
    head = case.open_case(sandwell, conversation, "olive").child
    assert head == first.body.child  # type: ignore[union-attr]  # of notices
    cases = {item(sandwell, one).case_id for one in others}
    # One by itself, with all that they add to it.
    assert len(cases) == 1
    assert conversation not in cases
    [apart] = cases
    assert case.open_case(sandwell, apart, "olive").child.forename == name  # type: ignore[union-attr]  # there is one
    reply = Acknowledgement(decision="accepted", officer=OFFICER)
    answer = respond.acknowledge_notice(sandwell, others[0].header.message_id, reply, "olive")
    # As they call it.
    assert respond.read_outgoing(sandwell, answer, "olive").header.case_id == conversation
    assert len(case.open_case(sandwell, apart, "olive").notices) == len(others) + 1


def test_the_openers_own_correction_is_at_the_head(houses: Houses) -> None:
    sandwell, worcestershire, _ = houses
    conversation = fresh_case()
    wrong = written("885", "TransferNotice", conversation)
    right = written("885", "TransferNotice", conversation, sequence=2, supersedes=wrong.header.message_id)
    assert isinstance(right.body, TransferNotice)
    assert right.body.child
    right = Message(right.header, replace(right.body, child=replace(right.body.child, forename="Righty")))
    assert came(sandwell, worcestershire, wrong) == [()]
    assert came(sandwell, worcestershire, right) == [()]
    found = case.open_case(sandwell, conversation, "olive").child
    assert found
    assert found.forename == "Righty"


@pytest.mark.parametrize("kind", SEARCHES)
def test_no_trace_and_a_match_are_told_apart_of_every_search(houses: Houses, kind: MessageKind) -> None:
    sandwell, worcestershire, _ = houses
    offered = open_actions.list_received_actions(kind, InboxState.NEW)
    assert offered[0] is CaseAction.ANSWER
    assert CaseAction.ACCEPT not in offered
    asked = written("885", kind, fresh_case())
    came(sandwell, worcestershire, asked)
    body = WhereaboutsResponse(result="found", answered_by="officer", ring=OFFICER)
    respond.answer_search(sandwell, asked.header.message_id, body, "olive")
    assert item(sandwell, asked).state is InboxState.CONCLUDED


def test_what_may_be_answered_is_what_is_taken(houses: Houses) -> None:
    sandwell, worcestershire, _ = houses
    for kind in OPENS_A_CASE:
        asked = written("885", kind, fresh_case())
        came(sandwell, worcestershire, asked)
        wrong = match_incoming.NO_TRACE_BY_MACHINE if kind == "TransferNotice" else None
        if wrong:
            with pytest.raises(NotAllowed, match=r"reply\.not-an-enquiry"):
                respond.answer_search(sandwell, asked.header.message_id, wrong, "olive")


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["Acknowledgement", "Outcome", "WhereaboutsResponse", "Withdrawal", "Reminder"]))
def test_what_is_about_nothing_is_counted_for_its_sender_until_somebody_looked(houses: Houses, kind: str) -> None:
    sandwell, _, birmingham = houses
    before = sandwell.store.look(inbox.count_replies_about_nothing).get("330", (0,))[0]
    lost = written("330", kind, fresh_case(), in_reply_to=fresh())
    assert came(sandwell, birmingham, lost) == [()]
    assert sandwell.store.look(inbox.count_replies_about_nothing)["330"][0] == before + 1
    [partner] = [one for one in health.measure_health(sandwell).partners if one.authority == "330"]
    assert partner.about_nothing == before + 1
    respond.put_reply_aside(sandwell, lost.header.message_id, "olive")
    assert sandwell.store.look(inbox.count_replies_about_nothing).get("330", (0,))[0] == before
    acts = [
        one.act
        for one in sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, about=lost.header.message_id))
    ]
    assert {"message.kept", "reply.without-effect", "reply.put-aside"} <= set(acts)
    with pytest.raises(NotAllowed, match=r"reply\.fits"):
        respond.put_reply_aside(sandwell, lost.header.message_id, "olive")


def test_a_reply_to_what_we_forgot_is_a_task_in_a_case_that_we_still_know(houses: Houses) -> None:
    sandwell, worcestershire, _ = houses
    conversation = fresh_case()
    sent(sandwell, "TransferNotice", "885", conversation)
    reply = written("885", "Outcome", conversation, in_reply_to=fresh())
    assert came(sandwell, worcestershire, reply) == [()]
    [task] = case.open_case(sandwell, conversation, "olive").misfits
    assert (task.message_id, task.misfit) == (reply.header.message_id, Misfit.UNKNOWN)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(OPENS_A_CASE)),
    st.sampled_from(sorted(OPENS_A_CASE)),
    st.sampled_from(["885", "330"]),
    st.booleans(),
)
def test_we_put_no_notice_of_ours_into_a_case_that_another_opened(
    houses: Houses, kind: str, ours: str, to: str, ours_first: bool
) -> None:
    """Its recipient would keep it as a case by itself, and the two of us would look into different ones."""
    sandwell, worcestershire, _ = houses
    conversation = fresh_case()
    first = written("333", ours, conversation, to=to)
    if ours_first:
        send_notices(sandwell, [first], "olive")
    came(sandwell, worcestershire, written("885", kind, conversation))
    more = written("333", ours, conversation, to=to, sequence=2)
    if ours_first:
        send_notices(sandwell, [more], "olive")
    else:
        with pytest.raises(NotAllowed) as why:
            send_notices(sandwell, [more], "olive")
        assert why.value.code == "notice.other-case"
        assert not sandwell.store.look(lambda tx: outbox.is_queued(tx, more.header.message_id))


def test_every_kind_of_message_is_tried() -> None:
    assert SAMPLES.keys() == {body.__name__ for body in BODIES}
