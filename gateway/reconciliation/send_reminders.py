"""Who does not answer is reminded, once for each thing that is missing; then the service manager is told whom to call.

A reminder is a message of its own, which says what we know already; it asks for what only a person there can give. For
what a gateway should have given, a receipt, `deliver` tries on by itself, and nobody but us can be told. What was done
is kept in the same transaction, so neither a crash nor a second process does it twice. A mail to the service manager
that cannot go is tried again with the next look.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from adapters.route import Letter
from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core import labels
from gateway.core.calendar import LONDON
from gateway.core.delivery import DeliveryState
from gateway.core.duties import FROM_AN_OFFICER, DutyStep, Missing
from gateway.errors import NotAllowed
from gateway.exchange.prepare import build_next_header, prepare_messages
from gateway.exchange.send import queue_messages, write_and_wake
from gateway.logs import log_failure
from gateway.reconciliation import deadlines
from gateway.reconciliation.deadlines import AgreedTerms
from gateway.reconciliation.reconcile import Owed, find_owed, find_pursued, list_owed_on
from gateway.staff_email import build_staff_letter, can_email_manager, email_manager
from gateway.store import audit_log, inbox, mail_replies, outbox, reminders
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.outbox import QueuedNotice
from gateway.store.reminders import ESCALATED, REMINDED, Chase
from schemas.message import Message, Officer, Reminder
from schemas.shapes import MessageId

# Seconds.
LOOK_EVERY = 300.0
# A loop that has not looked for so long has stopped.
LATE = timedelta(hours=1)
# Reminders that are made before other work has its turn.
AT_ONCE = 32
# Working day, for which a reply by mail that nobody has read puts a reminder off.
REPLY_READ_WITHIN = 1
# Of one mail to the service manager.
MOST_LINES = 50


@dataclass(frozen=True, slots=True)
class ReminderRun:
    """What one look did: ids of the notices."""

    reminded: tuple[str, ...]
    escalated: tuple[str, ...]


async def send_due_reminders(gw: Gateway) -> ReminderRun:
    """Do everything that is due now. Raises StoreUnavailable, or ConfigProblem."""
    terms = deadlines.read_terms(gw.config)
    late = await gw.store.read(
        lambda tx: find_pursued(tx, [duty for duty in find_owed(tx, gw, terms) if duty.step is not DutyStep.WAIT])
    )
    reminded: list[str] = []
    paused = await gw.store.read(lambda tx: _list_paused(tx, gw, terms))
    wanted = [duty for duty in late if _may_remind(duty) and duty.reminded_at is None and duty.message_id not in paused]
    for at in range(0, len(wanted), AT_ONCE):
        reminded += await _remind_batch(gw, wanted[at : at + AT_ONCE])
    escalate = [duty for duty in late if duty.step is DutyStep.ESCALATE and _is_on_sent(duty)]
    fresh = [duty for duty in escalate if duty.escalated_at is None]
    escalated = await gw.store.write(lambda tx: _note_escalated(tx, gw, fresh))
    await _tell_service_manager(gw, escalate)
    return ReminderRun(tuple(reminded), tuple(escalated))


def _list_paused(tx: Tx, gw: Gateway, terms: AgreedTerms) -> set[MessageId]:
    """Return notices to which a reply by mail waits to be read: for one working day they are not reminded."""
    calendar, now = terms.get_calendar(gw.code), gw.now()
    waiting = mail_replies.list_waiting_since(tx).items()
    return {notice for notice, since in waiting if now < calendar.add_working_days(since, REPLY_READ_WITHIN)}


def remind_partner(gw: Gateway, message_id: MessageId, by: str) -> MessageId:
    """Remind them now of one notice of ours, late or not; return the id of the reminder.

    Raises NotFound, or NotAllowed where nothing is missing that a person there can give, or they were reminded of it.
    """
    sent = gw.store.look(lambda tx: outbox.get_delivery(tx, message_id))
    duty = next(filter(_may_remind, list_owed_on(gw, deadlines.read_terms(gw.config), [sent], ())), None)
    if duty is None:
        raise NotAllowed("reminder.nothing-missing")
    ready = _prepare_reminder(gw, duty, by)
    if not write_and_wake(gw, lambda tx: _write_reminders(tx, gw, [(duty, ready)])):
        raise NotAllowed("reminder.already", contact=duty.ring or duty.partner)
    return ready.message_id


def _is_on_sent(duty: Owed) -> bool:
    """Tell whether it is about a notice that we sent."""
    return duty.owed_by == "them" or duty.missing is Missing.DECISION


def _may_remind(duty: Owed) -> bool:
    return duty.owed_by == "them" and duty.missing in FROM_AN_OFFICER


async def _remind_batch(gw: Gateway, some: Sequence[Owed]) -> list[MessageId]:
    pairs: list[tuple[Owed, QueuedNotice]] = []
    for duty in some:
        try:
            pairs.append((duty, _prepare_reminder(gw, duty, SYSTEM)))
        except Exception as why:  # noqa: BLE001 - the others are still to be reminded
            log_failure("making a reminder", why)
        await asyncio.sleep(0)
    done = await gw.store.write(lambda tx: _write_reminders(tx, gw, pairs))
    gw.due.set()
    return done


def _prepare_reminder(gw: Gateway, duty: Owed, by: str) -> QueuedNotice:
    sent, receipts = gw.store.look(
        lambda tx: (
            outbox.get_delivery(tx, duty.message_id),
            inbox.list_receipts(tx, duty.message_id, issuer=duty.partner),
        )
    )
    theirs = [r["at"] for r in receipts if r["result"] == "accepted"]
    days = [at.astimezone(LONDON).date() for at in theirs if hasattr(at, "astimezone")]
    body = Reminder(
        missing=duty.missing,
        waiting_since=duty.since.astimezone(LONDON).date(),
        received_on=days[0] if days else None,
        acknowledged_on=sent.state_at.astimezone(LONDON).date() if duty.state is DeliveryState.ACKNOWLEDGED else None,
        ring=_get_officer(gw),
    )
    head = build_next_header(gw, duty.case, duty.partner, in_reply_to=duty.message_id)
    [ready] = prepare_messages(gw, [Message(head, body)], by)
    return replace(ready, restriction=sent.restriction)


def _get_officer(gw: Gateway) -> Officer:
    return gw.build_officer(gw.config.authority.officer)


def _write_reminders(tx: Tx, gw: Gateway, pairs: Sequence[tuple[Owed, QueuedNotice]]) -> list[MessageId]:
    """Queue those reminders that still have a reason, and note it."""
    done = []
    for duty, ready in pairs:
        still = outbox.get_delivery(tx, duty.message_id).state == duty.state
        if still and reminders.add_reminder(
            tx, Chase(duty.message_id, duty.missing, REMINDED, gw.now(), ready.message_id)
        ):
            queue_messages(tx, gw, [ready])
            done.append(duty.message_id)
    return done


def _note_escalated(tx: Tx, gw: Gateway, fresh: Sequence[Owed]) -> list[MessageId]:
    done = [
        duty for duty in fresh if reminders.add_reminder(tx, Chase(duty.message_id, duty.missing, ESCALATED, gw.now()))
    ]
    entries = [
        AuditEntry("notice.escalated", SYSTEM, duty.message_id, duty.partner, detail=_duty_detail(duty))
        for duty in done
    ]
    audit_log.append_entries(tx, gw.now(), entries)
    return [duty.message_id for duty in done]


def _duty_detail(duty: Owed) -> dict[str, str | int]:
    return {"missing": duty.missing.value, "working-days": duty.working_days}


async def _tell_service_manager(gw: Gateway, escalate: Sequence[Owed]) -> None:
    """Tell the service manager of those of which no mail has gone."""
    if not can_email_manager(gw):
        return
    ids = [duty.message_id for duty in escalate]
    known = await gw.store.read(lambda tx: reminders.list_reminders(tx, ids))
    untold = [
        duty
        for duty in escalate
        if (chase := known.get((duty.message_id, duty.missing, ESCALATED))) and chase.told_at is None
    ]
    if not untold:
        return
    if await email_manager(gw, _build_late_letter(gw, untold)):
        keys = [(duty.message_id, duty.missing.value) for duty in untold]
        await gw.store.write(lambda tx: reminders.set_escalations_told(tx, gw.now(), keys))


def _build_late_letter(gw: Gateway, untold: Sequence[Owed]) -> Letter:
    write = labels.write_overdue_part
    terms, now = deadlines.read_terms(gw.config), gw.now()
    lines = [write("lead", len(untold))]
    for duty in untold[:MOST_LINES]:
        owed_by = gw.code if duty.owed_by == "us" else duty.partner
        days = terms.get_calendar(owed_by).working_days_between(duty.late_at, now)
        call = write("call", contact=duty.ring) if duty.ring else write("no-number")
        reference = write("reference", reference=duty.message_id)
        lines += ["", _describe_owed(duty, days), f"  {call}", f"  {reference}"]
    if len(untold) > MOST_LINES:
        lines += ["", write("more", len(untold) - MOST_LINES)]
    lines += ["", write("all", address=f"{gw.config.console_url}/unanswered?late=yes")]
    return build_staff_letter("CME-LATE", f"OFFICIAL-SENSITIVE: {write('count', len(untold))} ({gw.code})", lines)


def _describe_owed(owed: Owed, days: int) -> str:
    """Write what is overdue: "Worcestershire (885): transfer notice.

    Outcome was due on 4 December 2026, now 6 working days late".
    """
    due = owed.late_at.astimezone(LONDON)
    return labels.write_overdue_part(
        owed.owed_by,
        authority=labels.name_authority_in_full(owed.partner),
        kind=labels.name_kind(owed.kind).lower(),
        missing=labels.name_missing(owed.missing),
        on=f"{due.day} {due:%B %Y}",
        late=labels.write_overdue_part("late", days) if days else "",
    )


async def remind_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Send the reminders that are due every few minutes, until told to stop."""
    work = partial(send_due_reminders, gw)
    await run_every(gw, stop, "chasing", work, seconds=LOOK_EVERY, late_after=LATE, waits_first=True)
