"""Officers are told of new work by email, each as they chose: counts and a link, and nothing about any child.

    read      who may be told now, and of what that the audit log has had since they were told last
    begin     in one transaction: up to which entry, and when. Another process, or a repeat, then finds nothing new
    send      to our email server
    end       told; or not sent, and tried again ten minutes later, while Health says so

A process that dies between begin and end may have sent the email, so it is not sent again; the next one, when there is
something new, counts what that one counted too.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from adapters.route import HandedOver, Letter, Post, Refused, TryLater
from gateway.access.absences import read_stand_ins
from gateway.access.mail_choices import has_news
from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core import labels
from gateway.core.message_name import MessageName
from gateway.core.officer_news import (
    ASSIGNED,
    FAILURES,
    MAILED,
    NEWS_ACTS,
    MailChoice,
    NewsEntry,
    NewsKind,
    NewsReader,
    count_news,
    format_counts,
    is_time_to_tell,
)
from gateway.core.permissions import Permission, Reach, get_reach
from gateway.logs import log_failure
from gateway.staff_email import build_staff_letter
from gateway.store import assignments, audit_log, inbox, officer_mails, outbox, people
from gateway.store.audit_log import AuditEntry, LoggedEntry
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem
from gateway.store.officer_mails import OfficerMail
from gateway.store.outbox import Delivery
from gateway.store.people import Person
from keys.card import Route
from schemas.shapes import MessageId

# Seconds.
LOOK_EVERY = 15.0
# Acts about what we sent.
_OF_OURS = (MAILED, *FAILURES)
# Entries that are counted at once; those after them are told with the next email.
AT_ONCE = 2_000
# Characters of a reason that are kept.
LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class BegunMail:
    """An email that this process, and no other, sends."""

    mail: OfficerMail
    counts: Mapping[NewsKind, int]


async def tell_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Tell officers of new work, until told to stop."""
    await run_every(gw, stop, "emails to officers", partial(tell_officers, gw), seconds=LOOK_EVERY, waits_first=True)


async def tell_officers(gw: Gateway) -> int:
    """Tell everybody who is to be told now; return how many were. One that fails stops no other."""
    carrier = gw.carriers.get("email")
    if gw.mail is None or carrier is None or not isinstance(carrier, Post):
        return 0
    told = 0
    for person, chosen in await gw.store.read(partial(_list_due, gw=gw)):
        try:
            begun = await gw.store.write(partial(_begin_mail, gw=gw, person=person, chosen=chosen))
            if begun and await _send_mail(gw, carrier, begun):
                told += 1
        except Exception as why:  # noqa: BLE001 - the others are still to be told
            log_failure("telling an officer", why)
    return told


def _list_due(tx: Tx, gw: Gateway) -> list[tuple[Person | None, OfficerMail]]:
    """List who may be told now."""
    now = gw.now()
    return [
        (people.find_person(tx, chosen.person), chosen)
        for chosen in officer_mails.list_officer_mails(tx)
        if is_time_to_tell(
            chosen.choice, chosen.daily_at, chosen.begun_at, now, failing=chosen.failing_since is not None
        )
        and (chosen.choice is MailChoice.DAILY or _has_happened(tx, chosen))
    ]


def _has_happened(tx: Tx, chosen: OfficerMail) -> bool:
    """Tell whether anything happened since an email was begun that may be news to somebody."""
    return bool(officer_mails.list_news_entries(tx, chosen.begun_entry, NEWS_ACTS, 1))


def _begin_mail(tx: Tx, gw: Gateway, person: Person | None, chosen: OfficerMail) -> BegunMail | None:
    """Begin an email where there is something new; None where there is not, or another process was faster."""
    if person is None or not person.active:
        # An account that ended is told nothing, and not what happened meanwhile if it comes back.
        officer_mails.delete_officer_mail(tx, chosen.person)
        return None
    head = audit_log.get_tree_head(tx).size
    # After a restore the log may be shorter.
    since = min(chosen.told_entry, head)
    logged = officer_mails.list_news_entries(tx, since, NEWS_ACTS, AT_ONCE) if has_news(person) else []
    until = logged[-1].number + 1 if len(logged) == AT_ONCE else head
    counts = count_news(_list_news(tx, gw, logged), _build_reader(tx, gw, person))
    is_new = any(entry.number >= min(chosen.begun_entry, head) for entry in logged)
    if not (counts and is_new):
        _note_nothing_new(tx, gw, chosen, None if counts else until)
        return None
    begun = replace(chosen, told_entry=since, begun_entry=until, begun_at=gw.now())
    moved = {"told_entry": since, "begun_entry": until, "begun_at": begun.begun_at}
    return BegunMail(begun, counts) if officer_mails.update_officer_mail(tx, chosen, **moved) else None


def _note_nothing_new(tx: Tx, gw: Gateway, chosen: OfficerMail, until: int | None) -> None:
    """Note that there is nothing to tell up to this entry, and for whom that is told once a day, that it was looked."""
    changed: dict[str, object] = {} if until is None else {"told_entry": until, "begun_entry": until}
    if chosen.choice is MailChoice.DAILY:
        changed["begun_at"] = gw.now()
    if changed:
        officer_mails.update_officer_mail(tx, chosen, **changed)


def _build_reader(tx: Tx, gw: Gateway, person: Person) -> NewsReader:
    if get_reach(person.roles, Permission.SEE_WORK) is Reach.ALL:
        stand_ins = read_stand_ins(tx, gw)
        away = frozenset(name for name, deputy in stand_ins.items() if deputy == person.name)
        return NewsReader(person.name, stands_in_for=away)
    return NewsReader(person.name, assignments.list_assigned_cases(tx, person.name))


def _list_news(tx: Tx, gw: Gateway, logged: Sequence[LoggedEntry]) -> list[NewsEntry]:
    """List these entries with what is known of their messages."""
    of_messages = [(entry.act in _OF_OURS, MessageId(entry.about)) for entry in logged if entry.about]
    ours = [about for is_ours, about in of_messages if is_ours]
    theirs = [about for is_ours, about in of_messages if not is_ours]
    held: dict[MessageName, Delivery | InboxItem] = {it.name: it for it in outbox.list_deliveries_by_id(tx, ours)}
    held |= {it.name: it for it in inbox.list_messages_by_id(tx, gw.now(), theirs)}
    return [_build_news(entry, held) for entry in logged]


def _build_news(entry: LoggedEntry, held: Mapping[MessageName, Delivery | InboxItem]) -> NewsEntry:
    about = entry.about or ""
    if entry.act == ASSIGNED:
        detail = json.loads(entry.entry).get("detail", {})
        return NewsEntry(entry.number, entry.act, about, detail.get("to", ""), entry.actor)
    sender = "" if entry.act in _OF_OURS else entry.partner or ""
    it = held.get(MessageName(sender, MessageId(about)))
    if it is None:
        return NewsEntry(entry.number, entry.act, about)
    summary = it.summary
    return NewsEntry(
        entry.number,
        entry.act,
        about,
        case=summary.case,
        kind=summary.kind,
        restriction=summary.restriction,
        test=summary.test,
    )


async def _send_mail(gw: Gateway, carrier: Post, begun: BegunMail) -> bool:
    """Send an email that was begun, and note what became of it; return whether it was sent."""
    to = gw.build_address(gw.code, Route("email", f"mailto:{begun.mail.address}", "notify-only"))
    ending = await carrier.post(to, _build_letter(gw, begun))
    if isinstance(ending, HandedOver):
        await gw.store.write(partial(_note_told, gw=gw, begun=begun))
        return True
    reason = ending.reason if isinstance(ending, TryLater | Refused) else ""
    await gw.store.write(partial(_note_not_sent, gw=gw, begun=begun, reason=reason))
    return False


def _note_told(tx: Tx, gw: Gateway, begun: BegunMail) -> None:
    end = {"told_entry": begun.mail.begun_entry, "failing_since": None, "failed_as": None}
    officer_mails.update_officer_mail(tx, begun.mail, **end)
    detail = {"counts": format_counts(begun.counts)}
    audit_log.append_entries(tx, gw.now(), [AuditEntry("person.mailed", SYSTEM, begun.mail.person, detail=detail)])


def _note_not_sent(tx: Tx, gw: Gateway, begun: BegunMail, reason: str) -> None:
    """Note that it was not sent: it is begun again, from where it began."""
    since = begun.mail.failing_since or gw.now()
    failed = {"failing_since": since, "failed_as": reason[:LONGEST_REASON]}
    officer_mails.update_officer_mail(tx, begun.mail, begun_entry=begun.mail.told_entry, **failed)


def _build_letter(gw: Gateway, begun: BegunMail) -> Letter:
    write, counts = labels.write_news_part, begun.counts
    lines = [write("lead"), ""]
    lines += [f"  {write(kind, count)}" for kind, count in counts.items()]
    lines += ["", write("inbox", address=f"{gw.config.console_url}/inbox")]
    lines += ["", write("why", address=f"{gw.config.console_url}/account/email"), write("no-reply")]
    counted = ", ".join(write(kind, count) for kind, count in counts.items())
    return build_staff_letter("CME-NEWS", f"{write('subject')}: {counted} ({gw.code})", lines)
