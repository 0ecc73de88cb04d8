"""Who does not answer is reminded once for each reason, then the manager is told; over weekends,
Christmas and Easter.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.casework import by_hand
from gateway.casework.by_hand import PhoneCall
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.duties import DutyStep, Missing
from gateway.errors import ConfigProblem, NotAllowed
from gateway.exchange import respond
from gateway.exchange.send import send_notices
from gateway.reconciliation import deadlines, reconcile, send_reminders
from gateway.store import audit_log, inbox, outbox
from schemas.message import Acknowledgement, Reminder
from schemas.shapes import MessageId
from tests.children import notice
from tests.world import World

A_DAY = timedelta(days=1)
TERMS = "what,from,to\nterm,2026-09-02,2026-12-18\nhalf-term,2026-10-26,2026-10-30\nterm,2027-01-04,2027-03-25\nclosed,2026-12-24,\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    (tmp_path / "333").mkdir()
    made.settle("885", "Worcestershire")
    yield made
    made.close()


def sandwell(world: World, settings: str = "") -> Gateway:
    world.home.joinpath("333").rmdir()
    return world.settle("333", "Sandwell", settings=settings)


async def sent(world: World, name: str = "transfer-notice") -> MessageId:
    [message_id] = send_notices(world.houses["333"], [notice(name=name, now=world.now)], "olive")
    await world.carry()
    return message_id


async def accepted(world: World, message_id: MessageId) -> None:
    there = world.houses["885"]
    respond.acknowledge_notice(
        there, message_id, Acknowledgement(decision="accepted", officer=there.build_officer("Otto")), "otto"
    )
    await world.carry()


def reminders(gw: Gateway, world: World) -> list[str | None]:
    came = gw.store.look(lambda tx: inbox.search_inbox(tx, world.now))
    return [one.in_reply_to for one in came if one.kind == "Reminder"]


async def test_each_thing_that_is_missing_is_reminded_of_once_and_escalated_once(world: World) -> None:
    gw = sandwell(world)
    message_id = await sent(world)
    assert await send_reminders.send_due_reminders(gw) == send_reminders.ReminderRun((), ())
    world.now += 2 * A_DAY
    assert (await send_reminders.send_due_reminders(gw)).reminded == (message_id,)
    assert await send_reminders.send_due_reminders(gw) == send_reminders.ReminderRun((), ())
    await world.carry()
    assert reminders(world.houses["885"], world) == [message_id]
    world.now += 2 * A_DAY
    assert (await send_reminders.send_due_reminders(gw)).escalated == (message_id,)
    assert await send_reminders.send_due_reminders(gw) == send_reminders.ReminderRun((), ())
    await accepted(world, message_id)
    world.now += 14 * A_DAY
    assert (await send_reminders.send_due_reminders(gw)).reminded == (message_id,)
    await world.carry()
    assert reminders(world.houses["885"], world) == [message_id, message_id]
    acts = [entry.act for entry in gw.store.look(lambda tx: audit_log.list_newest_entries(tx, about=message_id))]
    assert acts.count("notice.escalated") == 1


async def test_a_reminder_says_what_we_know_already(world: World) -> None:
    gw = sandwell(world)
    message_id = await sent(world)
    reminder = send_reminders.remind_partner(gw, message_id, "olive")
    body = respond.read_outgoing(gw, reminder, "olive").body
    assert isinstance(body, Reminder)
    day = world.now.date()
    assert (body.missing, body.waiting_since, body.received_on) == ("acknowledgement", day, day)
    with pytest.raises(NotAllowed) as refused:
        send_reminders.remind_partner(gw, message_id, "olive")
    assert refused.value.code == "reminder.already"


async def test_both_sides_see_in_what_is_owed_that_there_was_a_reminder(world: World) -> None:
    gw = sandwell(world)
    message_id = await sent(world)
    send_reminders.remind_partner(gw, message_id, "olive")
    await world.carry()
    for one in (gw, world.houses["885"]):
        owed = [duty for duty in reconcile.list_owed(one) if duty.message_id == message_id]
        [known] = reconcile.list_pursued(one, owed)
        assert known.reminded_at == world.now


async def test_nobody_is_reminded_of_what_only_machines_can_give(world: World) -> None:
    gw = sandwell(world)
    world.wire.down.add("885")
    message_id = await sent(world)
    world.now += timedelta(hours=3)
    assert await send_reminders.send_due_reminders(gw) == send_reminders.ReminderRun((), (message_id,))
    with pytest.raises(NotAllowed) as refused:
        send_reminders.remind_partner(gw, message_id, "olive")
    assert refused.value.code == "reminder.nothing-missing"


async def test_a_recorded_call_ends_the_chase(world: World) -> None:
    gw = sandwell(world)
    message_id = await sent(world)
    by_hand.record_handover(gw, message_id, PhoneCall("Otto Invented", world.now), "olive")
    world.now += 5 * A_DAY
    assert await send_reminders.send_due_reminders(gw) == send_reminders.ReminderRun((), ())


async def test_a_search_that_is_circulated_is_no_burden_on_those_who_know_nothing(world: World) -> None:
    gw = sandwell(world)
    await sent(world, "whereabouts-unknown-notice")
    world.now += 100 * A_DAY
    assert reconcile.list_owed(gw) == []
    assert reconcile.list_owed(world.houses["885"]) == []


async def test_deadlines_are_the_partners_before_the_kinds_before_our_own(world: World) -> None:
    said = (
        "[deadlines]\nanswer_days = 9\n[deadlines.WhereaboutsEnquiry]\nanswer_days = 4\nacknowledgement_days ="
        " 1\n[deadlines.885]\nanswer_days = 3"
    )
    gw = sandwell(world, said)
    await sent(world, "whereabouts-enquiry")
    [one] = reconcile.list_owed(gw)
    assert (one.missing, one.late_at) == (Missing.ANSWER, world.now + 3 * A_DAY)


async def test_an_outcome_is_counted_in_the_school_days_of_who_owes_it(world: World, tmp_path: Path) -> None:
    (tmp_path / "terms.csv").write_text(TERMS)
    gw = sandwell(world, '[calendars]\n885 = "../terms.csv"')
    # A Monday.
    world.now = datetime(2026, 12, 14, 9, tzinfo=UTC)
    message_id = await sent(world)
    await accepted(world, message_id)
    [one] = reconcile.list_owed(gw)
    # Four days in December, and six from 4 January.
    assert one.late_at == datetime(2027, 1, 11, 9, tzinfo=UTC)
    assert one.escalate_at == datetime(2027, 1, 25, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent_at", "late_at"),
    [
        # 25, 26 (as 28) are holidays.
        (datetime(2026, 12, 23, 12, tzinfo=UTC), datetime(2026, 12, 29, 12, tzinfo=UTC)),
        # Easter, and summer time.
        (datetime(2027, 3, 25, 12, tzinfo=UTC), datetime(2027, 3, 31, 11, tzinfo=UTC)),
        # The clocks go back.
        (datetime(2027, 10, 29, 11, tzinfo=UTC), datetime(2027, 11, 2, 12, tzinfo=UTC)),
        # A leap day is a working day.
        (datetime(2028, 2, 28, 12, tzinfo=UTC), datetime(2028, 3, 1, 12, tzinfo=UTC)),
    ],
)
async def test_two_working_days_are_two_working_days(world: World, sent_at: datetime, late_at: datetime) -> None:
    world.now = sent_at
    world.houses["885"].store.close()
    world.houses.clear()
    world.settle("336", "Wolverhampton")
    gw = sandwell(world)
    [message_id] = send_notices(gw, [notice(recipient="336", now=world.now)], "olive")
    await world.carry()
    [one] = [duty for duty in reconcile.list_owed(gw) if duty.message_id == message_id]
    assert (one.missing, one.late_at) == (Missing.ACKNOWLEDGEMENT, late_at)
    world.now = late_at - timedelta(seconds=1)
    assert (await send_reminders.send_due_reminders(gw)).reminded == ()
    world.now = late_at
    assert (await send_reminders.send_due_reminders(gw)).reminded == (message_id,)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("from,to\n", "Line 1"),
        ("what,from,to\nholiday,2026-12-24,\n", "Line 2"),
        ("what,from,to\nclosed,24/12/2026,\n", "Line 2"),
        ("what,from,to\nterm,2026-12-18,2026-09-02\n", "Line 2"),
    ],
)
async def test_a_wrong_calendar_is_named_with_its_line(world: World, tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "terms.csv").write_text(text)
    gw = sandwell(world, '[calendars]\n333 = "../terms.csv"')
    with pytest.raises(ConfigProblem, match=wrong):
        reconcile.list_owed(gw)


async def test_a_calendar_that_was_changed_is_read_again(world: World, tmp_path: Path) -> None:
    gw = sandwell(world, '[calendars]\n885 = "../terms.csv"')
    late_at = []
    for rows in ("", f"closed,{world.now + A_DAY:%Y-%m-%d},\n"):
        (tmp_path / "terms.csv").write_text(f"what,from,to\n{rows}")
        late_at.append(deadlines.read_terms(gw.config).get_calendar("885").add_working_days(world.now, 1))
    assert late_at[0] < late_at[1]


async def test_a_reminder_that_is_given_up_is_nobodys_duty(world: World) -> None:
    gw = sandwell(world)
    message_id = await sent(world)
    reminder = send_reminders.remind_partner(gw, message_id, "olive")
    gw.store.run(lambda tx: outbox.advance_delivery(tx, gw.now(), reminder, "885", DeliveryState.FAILED))
    assert [one.message_id for one in reconcile.list_owed(gw)] == [message_id]
    assert {one.step for one in reconcile.list_owed(gw)} == {DutyStep.WAIT}
