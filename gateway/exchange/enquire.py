"""One search goes to many authorities: one case, one notice for each, all of them queued or none.

Whom we can reach neither by gateway nor by letter is named with the reason, and the others are asked all the same. In a
case that was begun, only those are asked who were not asked before; to ask the others again is the review's (`review
done
--ask-again`): their new notice takes the place of the old one there, so that nobody has two of one child.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from secrets import token_bytes

from gateway import copies
from gateway.context import Gateway
from gateway.copies import Machine
from gateway.core import labels, search_status
from gateway.core.causes import REPLACED
from gateway.core.delivery import DeliveryState, may_move
from gateway.core.review import find_review
from gateway.errors import NotAllowed
from gateway.exchange.deliver import list_sealed_routes
from gateway.exchange.prepare import look_up_known_children, prepare_messages
from gateway.exchange.send import queue_messages, write_and_wake
from gateway.store import audit_log, not_asked, outbox, reviews
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.outbox import Delivery, QueuedNotice
from keys.errors import Refusal
from schemas import codes, layout
from schemas.identifiers import build_uuid7
from schemas.message import SEARCHES, Message, WhereaboutsEnquiry
from schemas.shapes import CaseId, MessageId

# Authorities of which one error says why they cannot be asked.
MOST_REASONS = 5


@dataclass(frozen=True, slots=True)
class EnquiryResult:
    """Who was asked now, by which notice; who was asked before; who was not, and why."""

    case: CaseId
    circulation: str
    asked: Mapping[str, MessageId]
    before: Sequence[str]
    not_asked: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PreparedSearch:
    """Notices that are sealed and not yet queued, and the case as it was when they were made."""

    enquired: EnquiryResult
    notices: Sequence[QueuedNotice]
    # What we sent there before, by the id of what takes its place.
    replaced: Mapping[MessageId, Delivery]
    seen: frozenset[str]


def resolve_recipients(
    gw: Gateway, to: Iterable[str] = (), regions: Iterable[str] = (), *, everyone: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Return the authorities that are meant, and those of `to` that cannot be asked, with the reason.

    Raises NotAllowed where there is no such authority or region, or none is meant.
    """
    why: dict[str, str] = {}
    meant = set(codes.get_labels("authorities_live")) if everyone else set()
    for name in regions:
        meant |= _get_region(name)
    meant.discard(gw.code)
    for code in to:
        if codes.authority_name(code) is None:
            raise NotAllowed("enquire.no-such-authority", code=code)
        if code == gw.code:
            why[code] = labels.explain_out_of_reach("own")
        elif not codes.is_live(code):
            why[code] = labels.explain_out_of_reach("ended")
        else:
            meant.add(code)
    if not meant and not why:
        raise NotAllowed("enquire.whom")
    return sorted(meant), why


def _get_region(name: str) -> frozenset[str]:
    by_name = {region.lower(): those for region, those in codes.list_regions().items()}
    if name.lower() not in by_name:
        raise NotAllowed("enquire.no-such-region", name=name, regions=", ".join(codes.list_regions()))
    return by_name[name.lower()]


def ask_authorities(
    gw: Gateway,
    search: Message,
    meant: Sequence[str],
    left_out: Mapping[str, str],
    by: str,
    *,
    confirmed: Collection[str] = (),
) -> EnquiryResult:
    """Ask these authorities about the child of a search, in the search's own case. Its recipient does not matter.

    `confirmed`, here and below: as `prepare.prepare_messages` has it.
    Raises NotAllowed, Unfit, Unconfirmed, or a keys.errors.Refusal; then nobody was asked.
    """
    case = search.header.case_id
    if any(delivery.kind in SEARCHES for delivery in _list_case(gw, case)):
        raise NotAllowed("enquire.case-used", case=case)
    return queue_search(gw, prepare_search(gw, search, meant, left_out, by, confirmed=confirmed))


def ask_more_authorities(
    gw: Gateway,
    name: str,
    meant: Sequence[str],
    left_out: Mapping[str, str],
    by: str,
    *,
    confirmed: Collection[str] = (),
) -> EnquiryResult:
    """Ask those of these authorities who were not asked before in a case that was begun, in the words of its newest
    search.

    Raises NotFound, and what `ask_authorities` raises.
    """
    search = get_newest_search(gw, name)
    return queue_search(gw, prepare_search(gw, search, meant, left_out, by, confirmed=confirmed))


def get_newest_search(gw: Gateway, name: str) -> Message:
    """Return what we asked last in a case, by its id or that of one of its notices, without a day that is past.

    Raises NotFound, or NotAllowed where nobody was asked in it.
    """
    sent = gw.store.look(lambda tx: outbox.list_case_deliveries(tx, name))
    newest = next((delivery for delivery in sent if delivery.kind in SEARCHES), None)
    if newest is None:
        raise NotAllowed("enquire.not-a-search")
    copy = gw.store.look(lambda tx: copies.take_sent(tx, gw, newest.message_id, Machine.WRITE_ON))
    search = copies.open_copy(gw, copy)
    body = search.body
    if isinstance(body, WhereaboutsEnquiry) and body.reply_by and body.reply_by < gw.now().date():
        search = replace(search, body=replace(body, reply_by=None))
    return search


def prepare_search(
    gw: Gateway,
    search: Message,
    meant: Sequence[str],
    left_out: Mapping[str, str],
    by: str,
    *,
    again: Collection[str] = (),
    confirmed: Collection[str] = (),
) -> PreparedSearch:
    """Check, write and seal a notice for each of these authorities that can be reached: all that can refuse.

    Who was asked before is left out, unless named in `again`.
    """
    sent = _list_case(gw, search.header.case_id)
    before = {message.recipient: message for message in reversed(sent) if message.kind in SEARCHES}
    chosen = [code for code in meant if code not in before or code in again]
    _check_askable(gw, search, {*before, *chosen}, began=bool(before))
    why = {code: reason for code in chosen if (reason := explain_out_of_reach(gw, code))}
    asking = [code for code in chosen if code not in why]
    if not asking:
        raise NotAllowed("enquire.nobody", reasons=_format_reasons({**left_out, **why}))
    circulation = search_status.find_circulation({*before, *asking}, gw.code)
    notices = [_build_search_notice(gw, search, sent, code, circulation, before.get(code)) for code in asking]
    enquired = EnquiryResult(
        case=search.header.case_id,
        circulation=circulation,
        asked={message.header.recipient.authority: message.header.message_id for message in notices},
        before=sorted(set(meant) - set(chosen)),
        not_asked={**left_out, **why},
    )
    replaced = {
        message.header.message_id: before[code] for code, message in zip(asking, notices, strict=True) if code in before
    }
    # All of them are about one child.
    known = look_up_known_children(gw, notices[:1])
    about_all = {message.header.message_id: what for message in notices for what in known.values()}
    sealed = prepare_messages(gw, notices, by, confirmed=confirmed, known=about_all)
    return PreparedSearch(enquired, sealed, replaced, frozenset(message.message_id for message in sent))


def _format_reasons(why: Mapping[str, str]) -> str:
    """Format why nobody can be asked; of many, the first."""
    some = sorted(why.items())
    shown = "; ".join(f"{labels.name_authority_in_full(code)}: {reason}" for code, reason in some[:MOST_REASONS])
    return f"{shown}; and {len(some) - MOST_REASONS} more" if len(some) > MOST_REASONS else shown


def _check_askable(gw: Gateway, search: Message, asked: Collection[str], *, began: bool) -> None:
    if search.kind not in SEARCHES:
        raise NotAllowed("enquire.not-a-search", "other-kind")
    if search.restriction == "phone-only":
        raise NotAllowed("enquire.restricted")
    if search.restriction != "none" and len(asked) > 1:
        raise NotAllowed("enquire.restricted", "one-only")
    if began and not search.header.test and _has_search_ended(gw, search.header.case_id):
        raise NotAllowed("enquire.ended")


def _has_search_ended(gw: Gateway, case_id: CaseId) -> bool:
    return find_review(gw.store.look(lambda tx: reviews.list_review_acts(tx, case_id))) is None


def explain_out_of_reach(gw: Gateway, code: str) -> str | None:
    """Return why nothing that we send now would get there; None where it may."""
    if gw.letters_go_to(code):
        return None if gw.mail else labels.explain_out_of_reach("no-account")
    if not gw.trust.knows(code):
        return labels.explain_out_of_reach("unknown")
    try:
        gw.trust.sealing_key(code, gw.now())
        gw.trust.check_reads(code, layout.VERSION, gw.now())
        return None if list_sealed_routes(gw, code) else labels.explain_out_of_reach("no-route")
    except Refusal as why:
        return labels.explain_out_of_reach("card", why.sentence)


def _build_search_notice(
    gw: Gateway, search: Message, sent: Sequence[Delivery], code: str, circulation: str, before: Delivery | None
) -> Message:
    """Build the search as this one authority gets it, at the role to which it was addressed."""
    now = gw.now()
    head = replace(
        search.header,
        message_id=MessageId(build_uuid7(now, token_bytes(10))),
        in_reply_to=None,
        supersedes=before.message_id if before else None,
        sequence=max((delivery.sequence for delivery in sent if delivery.recipient == code), default=0) + 1,
        recipient=replace(search.header.recipient, authority=code),
        created_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
    )
    body = search.body
    if isinstance(body, WhereaboutsEnquiry):
        body = replace(body, circulation=circulation)
    return Message(head, body)


def queue_search(gw: Gateway, ready: PreparedSearch) -> EnquiryResult:
    """Queue what is sealed, in a transaction of its own."""
    write_and_wake(gw, lambda tx: write_search(tx, gw, ready))
    return ready.enquired


def write_search(tx: Tx, gw: Gateway, ready: PreparedSearch) -> None:
    """Queue what is sealed, in the caller's transaction. Raises NotAllowed where the case moved on meanwhile."""
    case = ready.enquired.case
    sent = outbox.search_outbox(tx, outbox.OutboxQuery(case_id=case), limit=None)
    if frozenset(delivery.message_id for delivery in sent) != ready.seen:
        raise NotAllowed("enquire.overtaken", case=case)
    queue_messages(tx, gw, ready.notices)
    by, why = ready.notices[0].queued_by, {**ready.enquired.not_asked}
    # That we did not ask ourselves is nothing to call about.
    why.pop(gw.code, None)
    not_asked.note_not_asked(tx, gw.now(), case, by, why)
    for authority in ready.enquired.asked:
        not_asked.delete_asked(tx, case, authority)
    for new, old in ready.replaced.items():
        # What they answered stays answered.
        if may_move(old.state, DeliveryState.WITHDRAWN):
            reason = f"asked again by {new}"
            outbox.advance_delivery(
                tx, gw.now(), old.message_id, old.recipient, DeliveryState.WITHDRAWN, reason=reason, cause=REPLACED
            )
    detail: dict[str, str | int] = {"asked": len(ready.notices), "circulation": ready.enquired.circulation}
    audit_log.append_entries(tx, gw.now(), [AuditEntry("search.sent", by, case, detail=detail)])


def _list_case(gw: Gateway, case_id: CaseId) -> list[Delivery]:
    return gw.store.look(lambda tx: outbox.search_outbox(tx, outbox.OutboxQuery(case_id=case_id), limit=None))
