"""The order in which an officer is shown what waits: nothing is lost, nothing is twice, and what presses stands first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.inbox_order import (
    NOBODY,
    DueWhen,
    InboxFilter,
    InboxSort,
    WaitingMessage,
    count_pressing,
    rank_message,
    sort_waiting,
)
from gateway.core.message_name import MessageName
from schemas.message import OPENS_A_CASE, RestrictionLevel
from schemas.shapes import CaseId, MessageId

NOW = datetime(2026, 11, 27, 14, tzinfo=UTC)
MOMENTS = st.integers(-20 * 24, 20 * 24).map(lambda hours: NOW + timedelta(hours=hours))
PEOPLE = ("olive", "mona", "otto")
MESSAGES = st.builds(
    WaitingMessage,
    name=st.builds(MessageName, st.sampled_from(("333", "885", "330")), st.uuids().map(lambda it: MessageId(str(it)))),
    case=st.uuids().map(lambda it: CaseId(str(it))),
    kind=st.sampled_from(OPENS_A_CASE),
    restriction=st.sampled_from(get_args(RestrictionLevel)),
    urgent=st.booleans(),
    received_at=MOMENTS,
    due_at=st.none() | MOMENTS,
    to_call=st.booleans(),
    assigned=st.frozensets(st.sampled_from(PEOPLE)),
    stand_ins=st.frozensets(st.sampled_from(PEOPLE)),
)
LISTS = st.lists(MESSAGES, max_size=30, unique_by=lambda message: message.name)
PLAIN = WaitingMessage(
    name=MessageName("333", MessageId("m")),
    case=CaseId("c"),
    kind="TransferNotice",
    restriction="none",
    urgent=False,
    received_at=NOW - timedelta(days=1),
    due_at=NOW + timedelta(days=1),
)


@given(LISTS, st.randoms(use_true_random=False), st.sampled_from(InboxSort))
def test_each_message_has_one_place_in_each_order_however_they_come(
    messages: list[WaitingMessage], chance: object, sort: InboxSort
) -> None:
    placed = sort_waiting(messages, NOW, sort)
    assert sorted(message.name for message in placed) == sorted(message.name for message in messages)
    chance.shuffle(messages)  # type: ignore[attr-defined]  # a Random
    assert sort_waiting(messages, NOW, sort) == placed


@given(LISTS)
def test_what_presses_more_never_stands_below_what_presses_less(messages: list[WaitingMessage]) -> None:
    for above, below in pairwise(sort_waiting(messages, NOW)):
        assert rank_message(above, NOW) <= rank_message(below, NOW)
        if rank_message(above, NOW) == rank_message(below, NOW) and above.due_at and below.due_at:
            assert above.to_call or below.to_call or above.due_at <= below.due_at
        assert above.urgent or not below.urgent


@given(MESSAGES, MESSAGES)
def test_to_become_more_pressing_never_moves_a_message_down(message: WaitingMessage, other: WaitingMessage) -> None:
    before = sort_waiting([message, other], NOW).index(message)
    presses = [replace(message, urgent=True)]
    if message.due_at:
        presses.append(replace(message, due_at=message.due_at - timedelta(days=40)))
    if message.restriction == "none":
        presses.append(replace(message, restriction="phone-only"))
    for pressing in presses:
        assert sort_waiting([pressing, other], NOW).index(pressing) <= before


def test_safeguarding_then_restricted_then_overdue_then_due_then_nothing() -> None:
    rows = [
        replace(PLAIN, urgent=True, due_at=None),
        replace(PLAIN, restriction="phone-only"),
        replace(PLAIN, restriction="address-withheld", due_at=NOW - timedelta(days=9)),
        replace(PLAIN, due_at=NOW - timedelta(days=3)),
        replace(PLAIN, due_at=NOW - timedelta(days=2)),
        # Whoever has to be called waits since it came.
        replace(PLAIN, due_at=None, to_call=True),
        replace(PLAIN, due_at=NOW + timedelta(hours=1)),
        replace(PLAIN, due_at=NOW + timedelta(days=5)),
        replace(PLAIN, due_at=None),
    ]
    assert sort_waiting(reversed(rows), NOW) == rows


@given(LISTS, st.sampled_from(PEOPLE))
def test_counts_are_those_of_the_filters_they_lead_to(messages: list[WaitingMessage], who: str) -> None:
    counts = count_pressing(messages, NOW, who)
    for count, wanted in (
        (counts.waiting, InboxFilter()),
        (counts.late, InboxFilter(due=DueWhen.LATE)),
        (counts.today, InboxFilter(due=DueWhen.TODAY)),
        (counts.mine, InboxFilter(officer=who)),
    ):
        assert count == sum(wanted.has_message(message, NOW) for message in messages)


@given(LISTS)
def test_the_filters_of_one_thing_part_the_inbox_and_leave_nothing_out(messages: list[WaitingMessage]) -> None:
    def seen(*filters: InboxFilter) -> list[MessageName]:
        return sorted(m.name for m in messages if any(wanted.has_message(m, NOW) for wanted in filters))

    everything = sorted(message.name for message in messages)
    assert seen(*(InboxFilter(kind=kind) for kind in OPENS_A_CASE)) == everything
    assert seen(*(InboxFilter(authority=code) for code in ("333", "885", "330"))) == everything
    assert seen(*(InboxFilter(officer=name) for name in (NOBODY, *PEOPLE))) == everything
    late, today, week = (set(seen(InboxFilter(due=when))) for when in DueWhen)
    assert not late & week
    # Today is a day of this week.
    assert today <= week


def test_due_today_is_a_day_in_london() -> None:
    # An hour before midnight in summer, and an hour after it.
    evening = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert replace(PLAIN, due_at=evening).is_due_today(datetime(2026, 7, 1, 8, tzinfo=UTC))
    assert not replace(PLAIN, due_at=evening + timedelta(hours=1)).is_due_today(datetime(2026, 7, 1, 8, tzinfo=UTC))
    assert not replace(PLAIN, due_at=evening).is_due_today(evening)
    assert replace(PLAIN, due_at=evening).is_late(evening)
