"""One search goes to many authorities: one case, one notice for each, all of them queued or none.

Whom we can reach neither by gateway nor by letter is named with the reason, and the others are asked all the same. In a case
that was begun, only those are asked who were not asked before; to ask the others again is the review's (`review done
--ask-again`): their new notice takes the place of the old one there, so that nobody has two of one child.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from secrets import token_bytes

from sqlalchemy import Connection

from gateway import copies
from gateway.context import Authority
from gateway.copies import Machine
from gateway.core import search_status
from gateway.core.causes import REPLACED
from gateway.core.delivery import State, may_move
from gateway.core.review import standing
from gateway.errors import NotAllowed
from gateway.exchange.deliver import routes_to
from gateway.exchange.send import prepare, queue, what_is_known
from gateway.store import audit_log, outbox, reviews
from gateway.store.audit_log import Entry
from gateway.store.outbox import Delivery, Queued
from keys.errors import Refusal
from schemas import codes
from schemas.identifiers import uuid7
from schemas.message import SEARCHES, Message, WhereaboutsEnquiry


@dataclass(frozen=True, slots=True)
class Enquired:
    """Who was asked now, by which notice; who was asked before; who was not, and why."""

    case: str
    circulation: str
    asked: Mapping[str, str]
    before: Sequence[str]
    not_asked: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ready:
    """Notices that are sealed and not yet queued, and the case as it was when they were made."""

    enquired: Enquired
    notices: Sequence[Queued]
    replaced: Mapping[str, Delivery]  # what we sent there before, by the id of what takes its place
    seen: frozenset[str]


def whom(
    here: Authority, to: Iterable[str] = (), regions: Iterable[str] = (), *, everyone: bool = False
) -> tuple[list[str], dict[str, str]]:
    """The authorities that are meant: all of England for `everyone`. Beside them those of `to` that cannot be asked, and why.

    Raises NotAllowed where there is no such authority or region, or none is meant.
    """
    not_asked: dict[str, str] = {}
    meant = set(codes.labels("authorities_live")) if everyone else set()
    for name in regions:
        meant |= _region(name)
    meant.discard(here.code)
    for code in to:
        if codes.authority_name(code) is None:
            raise NotAllowed("enquire.no-such-authority", code=code)
        if code == here.code:
            not_asked[code] = "that is ourselves"
        elif not codes.is_live(code):
            not_asked[code] = "it has ended; ask its successor"
        else:
            meant.add(code)
    if not meant and not not_asked:
        raise NotAllowed("enquire.whom")
    return sorted(meant), not_asked


def _region(name: str) -> frozenset[str]:
    by_name = {region.lower(): those for region, those in codes.regions().items()}
    if name.lower() not in by_name:
        raise NotAllowed("enquire.no-such-region", name=name, regions=", ".join(codes.regions()))
    return by_name[name.lower()]


def ask(
    here: Authority,
    search: Message,
    meant: Sequence[str],
    not_asked: Mapping[str, str],
    by: str,
    *,
    confirmed: Collection[str] = (),
) -> Enquired:
    """Ask these authorities about the child of a search, in the search's own case. The search's recipient does not matter.

    `confirmed`, here and below: as `send.prepare` has it.
    Raises NotAllowed, Unfit, Unconfirmed, or a keys.errors.Refusal; then nobody was asked.
    """
    case = search.header.conversation_id
    if any(one.kind in SEARCHES for one in _case(here, case)):
        raise NotAllowed("enquire.case-used", case=case)
    return queue_ready(here, prepare_search(here, search, meant, not_asked, by, confirmed=confirmed))


def ask_more(
    here: Authority,
    name: str,
    meant: Sequence[str],
    not_asked: Mapping[str, str],
    by: str,
    *,
    confirmed: Collection[str] = (),
) -> Enquired:
    """Ask those of these authorities who were not asked before in a case that was begun, in the words of its newest search.

    Raises NotFound, and as `ask`.
    """
    search = newest_search(here, name)
    return queue_ready(here, prepare_search(here, search, meant, not_asked, by, confirmed=confirmed))


def newest_search(here: Authority, name: str) -> Message:
    """What we asked last in a case, by the case's own id or that of one of its notices; a day to reply by that is past is left out.

    Raises NotFound, or NotAllowed where nobody was asked in it.
    """
    sent = here.store.look(lambda tx: outbox.case_of(tx, name))
    newest = next((one for one in sent if one.kind in SEARCHES), None)
    if newest is None:
        raise NotAllowed("enquire.not-a-search")
    copy = here.store.look(lambda tx: copies.take_sent(tx, here, newest.message_id, Machine.WRITE_ON))
    search = copies.open_copy(here, copy)
    body = search.body
    if isinstance(body, WhereaboutsEnquiry) and body.reply_by and body.reply_by < here.now().date():
        search = replace(search, body=replace(body, reply_by=None))
    return search


def prepare_search(
    here: Authority,
    search: Message,
    meant: Sequence[str],
    not_asked: Mapping[str, str],
    by: str,
    *,
    again: Collection[str] = (),
    confirmed: Collection[str] = (),
) -> Ready:
    """Everything that can refuse: check, write and seal a notice for each of these authorities that can be reached.

    Who was asked before is left out, unless named in `again`.
    """
    sent = _case(here, search.header.conversation_id)
    before = {one.recipient: one for one in reversed(sent) if one.kind in SEARCHES}
    chosen = [code for code in meant if code not in before or code in again]
    _check(here, search, {*before, *chosen}, began=bool(before))
    why = {code: reason for code in chosen if (reason := _out_of_reach(here, code))}
    asking = [code for code in chosen if code not in why]
    if not asking:
        reasons = "; ".join(f"{code}: {reason}" for code, reason in sorted({**not_asked, **why}.items()))
        raise NotAllowed("enquire.nobody", reasons=reasons)
    circulation = search_status.circulation({*before, *asking}, here.code)
    notices = [_notice(here, search, sent, code, circulation, before.get(code)) for code in asking]
    enquired = Enquired(
        case=search.header.conversation_id,
        circulation=circulation,
        asked={one.header.recipient.authority: one.header.message_id for one in notices},
        before=sorted(set(meant) - set(chosen)),
        not_asked={**not_asked, **why},
    )
    replaced = {
        one.header.message_id: before[code] for code, one in zip(asking, notices, strict=True) if code in before
    }
    known = what_is_known(here, notices[:1])  # all of them are about one child
    about_all = {one.header.message_id: what for one in notices for what in known.values()}
    sealed = prepare(here, notices, by, confirmed=confirmed, known=about_all)
    return Ready(enquired, sealed, replaced, frozenset(one.message_id for one in sent))


def _check(here: Authority, search: Message, asked: Collection[str], *, began: bool) -> None:
    if search.kind not in SEARCHES:
        raise NotAllowed("enquire.not-a-search", "other-kind")
    if search.restriction == "phone-only":
        raise NotAllowed("enquire.restricted")
    if search.restriction != "none" and len(asked) > 1:
        raise NotAllowed("enquire.restricted", "one-only")
    if began and not search.header.test and _has_ended(here, search.header.conversation_id):
        raise NotAllowed("enquire.ended")


def _has_ended(here: Authority, case: str) -> bool:
    return standing(here.store.look(lambda tx: reviews.of_case(tx, case))) is None


def _out_of_reach(here: Authority, code: str) -> str | None:
    """Why nothing that we send now would get there; None where it may."""
    if here.letters_go_to(code):
        return None if here.mail else "letters go there, and this gateway has no mail account"
    if not here.trust.knows(code):
        return "neither a partner nor entered for letters"
    try:
        here.trust.sealing_key(code, here.now())
        return None if routes_to(here, code) else "their card lists no route that this gateway serves"
    except Refusal as why:
        return f"their card cannot be used: {why.sentence}"


def _notice(
    here: Authority, search: Message, sent: Sequence[Delivery], code: str, circulation: str, before: Delivery | None
) -> Message:
    """The search as this one authority gets it, at the role to which it was addressed."""
    now = here.now()
    head = replace(
        search.header,
        message_id=uuid7(now, token_bytes(10)),
        in_reply_to=None,
        supersedes=before.message_id if before else None,
        sequence=max((one.sequence for one in sent if one.recipient == code), default=0) + 1,
        recipient=replace(search.header.recipient, authority=code),
        created_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
    )
    body = search.body
    if isinstance(body, WhereaboutsEnquiry):
        body = replace(body, circulation=circulation)
    return Message(head, body)


def queue_ready(here: Authority, ready: Ready) -> Enquired:
    """Queue what is sealed, in a transaction of its own."""
    here.store.run(lambda tx: write(tx, here, ready))
    here.due.set()
    return ready.enquired


def write(tx: Connection, here: Authority, ready: Ready) -> None:
    """Queue what is sealed, in the caller's transaction. Raises NotAllowed where the case moved on meanwhile."""
    case = ready.enquired.case
    if frozenset(one.message_id for one in outbox.search(tx, conversation_id=case, limit=None)) != ready.seen:
        raise NotAllowed("enquire.overtaken", case=case)
    queue(tx, here, ready.notices)
    for new, old in ready.replaced.items():
        if may_move(old.state, State.WITHDRAWN):  # what they answered stays answered
            reason = f"asked again by {new}"
            outbox.advance(
                tx, here.now(), old.message_id, old.recipient, State.WITHDRAWN, reason=reason, cause=REPLACED
            )
    detail: dict[str, str | int] = {"asked": len(ready.notices), "circulation": ready.enquired.circulation}
    audit_log.append(tx, here.now(), [Entry("search.sent", ready.notices[0].queued_by, case, detail=detail)])


def _case(here: Authority, case: str) -> list[Delivery]:
    return here.store.look(lambda tx: outbox.search(tx, conversation_id=case, limit=None))
