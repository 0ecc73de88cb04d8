"""An officer writes a notice, page by page; what is half written is kept, locked, and sent once.

    begin, or from a draft, or to correct what was sent --keep--> ... --send--> sent: its key is destroyed, the notice lies in the outbox
                                                          \\--give_up--> given up: its key is destroyed
                                                           \\--28 days untouched (`lapse.py`)--> lapsed: its key is destroyed

That it was sent is written in the transaction that queues the notice. So whoever sends a second time, in another window or by a
double click, gets the answer of the first.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from secrets import token_bytes
from typing import Any

from sqlalchemy import Connection

from gateway.authorities import postcodes
from gateway.context import Authority
from gateway.core import composition, safeguards
from gateway.core.composition import Said
from gateway.core.safeguards import NOTHING_KNOWN, Known
from gateway.errors import NotAllowed, Unfit
from gateway.exchange import amend, enquire, respond
from gateway.exchange.send import first_header, new_case, prepare, queue, what_is_known
from gateway.one import drafts, leaver_rules
from gateway.one.leaver_rules import Leaver
from gateway.store import audit_log, compositions, outbox
from gateway.store.audit_log import Entry
from gateway.store.compositions import Composition, State
from keys import at_rest
from keys.at_rest import Locked
from schemas import rules
from schemas.findings import Finding
from schemas.identifiers import uuid7
from schemas.message import SEARCHES, Header, Message, Party, WhereaboutsEnquiry

MAX_BYTES = 200_000  # of what one says: forty enquiries, twenty schools and every other field at its longest fit
SOMEBODY = "885"  # stands for the recipient while none is chosen, so that the rules can be asked


@dataclass(frozen=True, slots=True)
class Writing:
    """A notice that is being written, opened."""

    kept: Composition
    to: Said  # whom: `to` and `role` of a transfer notice; `to`, `region`, `everyone` of a search
    body: Said = field(repr=False)

    @property
    def is_search(self) -> bool:
        """Does it ask others for a child?"""
        return self.kept.kind in SEARCHES


@dataclass(frozen=True, slots=True)
class Told:
    """What became of it when it was sent."""

    case: str
    asked: int  # authorities, also of a notice that goes to one
    not_asked: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Checked:
    """What stands in the way: fields that are lacking, and what the rules say."""

    message: Message = field(repr=False)
    lacking: Sequence[str]
    findings: Sequence[Finding]

    @property
    def warnings(self) -> list[Finding]:
        """What an officer must weigh."""
        return [one for one in self.findings if one.level == "warning"]


def begin(here: Authority, kind: str, by: str) -> str:
    """Begin to write a notice of this kind: its id."""
    body: Said = {"ring": composition.said(here.officer(by))}
    return _put(here, kind, {}, body, by)


def from_draft(here: Authority, draft_id: str, kind: str, by: str, *, correcting: bool = False) -> str:
    """Write on what a row of an extract says. How far the data may be shared is open where the row leaves it open.

    `correcting`: in the place of the notice that was sent about this child before, which says of which kind it is.

    Raises NotFound.
    """
    draft, row = drafts.read(here, draft_id, by)
    who = drafts.leaver(row, here.officer(by))
    corrects = draft.corrects if correcting else None
    if corrects:
        sent = here.store.look(lambda tx: outbox.get(tx, corrects))
        kind = sent.kind
    notice = leaver_rules.enquiry(who.notice, "named") if kind == WhereaboutsEnquiry.__name__ else who.notice
    body = composition.said(notice)
    if who.restricted or who.unsaid:
        del body["restriction"]
    to = {"to": who.destination} if kind not in SEARCHES and who.destination else {}
    if corrects:
        to = {"to": sent.recipient}
    return _put(here, kind, to, body, by, draft_id=draft_id, corrects=corrects)


def correction(here: Authority, message_id: str, by: str) -> str:
    """Write in the place of a notice that was sent: it begins as that one was. Raises NotFound, or keys.errors.Destroyed."""
    message = respond.read_outgoing(here, message_id, by)
    party = message.header.recipient
    return _put(
        here,
        message.kind,
        {"to": party.authority, "role": party.role},
        composition.said(message.body),
        by,
        corrects=message_id,
    )


def _put(
    here: Authority,
    kind: str,
    to: Said,
    body: Said,
    by: str,
    *,
    draft_id: str | None = None,
    corrects: str | None = None,
) -> str:
    now = here.now()
    name = uuid7(now, token_bytes(10))
    made = Composition(name, kind, by, draft_id, corrects, State.WRITING, 0, now, None)
    data_key, content = _locked(here, name, to, body)

    def write(tx: Connection) -> None:
        compositions.put(tx, made, data_key, content)
        audit_log.append(tx, now, [Entry("composition.begun", by, name, detail={"kind": kind})])

    here.store.run(write)
    return name


def _locked(here: Authority, name: str, to: Said, body: Said) -> tuple[bytes, bytes]:
    text = json.dumps({"to": to, "body": body}).encode()
    if len(text) > MAX_BYTES:
        raise NotAllowed("composition.too-long")
    locked = at_rest.lock(text, about=name, ring=here.ring)
    assert locked.data_key is not None  # noqa: S101 - `lock` always makes one
    return locked.data_key, locked.content


def look(here: Authority, name: str, by: str) -> Writing:
    """What was written so far, opened for a person: an entry of the audit log. Raises NotFound, or NotAllowed where it has ended."""

    def read(tx: Connection) -> tuple[Composition, Locked]:
        kept, data_key, content = compositions.opened(tx, name)
        audit_log.append(tx, here.now(), [Entry("composition.read", by, name)])
        return kept, Locked(data_key, content)

    kept, locked = here.store.run(read)
    if kept.state is not State.WRITING:
        raise _ended()
    content = json.loads(at_rest.unlock(locked, about=name, ring=here.ring))
    return Writing(kept, content["to"], content["body"])


def told(here: Authority, name: str) -> Told | None:
    """What became of it; None where it was not sent. Raises NotFound."""
    kept = here.store.look(lambda tx: compositions.get(tx, name))
    return Told(**json.loads(kept.told)) if kept.told else None


def keep(here: Authority, now: Writing, by: str) -> None:
    """Keep what was written. Raises NotAllowed where it was changed since it was opened."""
    name = now.kept.composition_id
    data_key, content = _locked(here, name, now.to, now.body)

    def write(tx: Connection) -> None:
        compositions.change(tx, here.now(), name, now.kept.changes, data_key, content)
        audit_log.append(tx, here.now(), [Entry("composition.changed", by, name)])

    here.store.run(write)


def give_up(here: Authority, name: str, by: str) -> None:
    """Nothing of it is sent, and nobody can read it any more. Raises NotFound."""

    def write(tx: Connection) -> None:
        compositions.get(tx, name)
        if compositions.end(tx, here.now(), name, State.GIVEN_UP):
            audit_log.append(tx, here.now(), [Entry("composition.given-up", by, name)])

    here.store.run(write)


def suggested(here: Authority, now: Writing) -> str | None:
    """The authority in which the new postcode lies; None where there is none, or it is not known."""
    postcode = (now.body.get("destination_address") or {}).get("post_code")
    return postcodes.authority_of(here, postcode) if postcode else None


def check(here: Authority, now: Writing) -> Checked:
    """What is lacking, and what the rules say of the notice as far as it is written."""
    typed: dict[str, Any] = dict(now.body)
    if now.kept.kind == WhereaboutsEnquiry.__name__:
        typed["circulation"] = "named"  # how widely it goes is known when it goes
    body, lacking = composition.body(now.kept.kind, typed)
    message = Message(_header(here, now), body)
    if not _is_addressed(now):
        lacking = ["to", *lacking]
    today = here.now().date()
    slips = safeguards.find_slips(message, today=today, known=_known(here, now, message))
    findings = [*rules.check(message, today=today), *slips]
    if not now.is_search and now.to.get("to") and (astray := postcodes.astray(here, message)):
        element = f"Message/{message.kind}/DestinationAddress/PostCode"
        findings.append(Finding("address.astray", "warning", element, astray))
    return Checked(message, lacking, findings)


def _known(here: Authority, now: Writing, message: Message) -> Known:
    """What is known beside it: what was typed and may not be said; what it corrects; what the row of its draft says by now."""
    withheld = {*composition.withheld(now.body)}
    if now.kept.corrects:
        withheld |= amend.said_of_place(here, now.kept.corrects)
    name = message.header.message_id
    known = what_is_known(here, [message], {name: withheld}).get(name, NOTHING_KNOWN)
    if now.kept.draft_id and drafts.is_restricted(here, now.kept.draft_id):
        known = replace(known, is_restricted=True)
    return known


def _is_addressed(now: Writing) -> bool:
    return any(now.to.get(name) for name in ("to", "region", "everyone"))


def _header(here: Authority, now: Writing) -> Header:
    to = now.to.get("to")
    somebody = SOMEBODY if here.code != SOMEBODY else "330"
    corrects = now.kept.corrects
    case = here.store.look(lambda tx: outbox.get(tx, corrects)).conversation_id if corrects else new_case(here)
    head = first_header(here, case, to if isinstance(to, str) and to else somebody)
    return replace(head, recipient=Party(authority=head.recipient.authority, role=now.to.get("role") or "cme_officer"))


def send(here: Authority, name: str, weighed: Collection[str], by: str, *, was: int | None = None) -> Told:
    """Send it, once; a second time says what became of it. `weighed`: the codes of the warnings that an officer has looked at.

    `was`: how often it had been changed when the officer looked at it; where it was changed since, nothing is sent.

    Raises NotFound, Unfit, a keys.errors.Refusal, or NotAllowed where something is lacking, a warning was not weighed, or it is not
    what was looked at.
    """
    if done := told(here, name):
        return done
    try:
        now = look(here, name, by)
        if was not in (None, now.kept.changes):
            raise _changed()
        return _send(here, now, _fit(here, now, weighed), weighed, by)
    except NotAllowed:
        if done := told(here, name):  # somebody was faster by a moment
            return done
        raise


def _fit(here: Authority, now: Writing, weighed: Collection[str]) -> Message:
    """The message, where nothing stands in its way."""
    checked = check(here, now)
    if checked.lacking:
        raise NotAllowed("composition.lacking")
    if errors := rules.errors(checked.findings):
        raise Unfit(errors)
    if {one.code for one in checked.warnings} - set(weighed):
        raise NotAllowed("composition.unweighed")
    return checked.message


def _send(here: Authority, now: Writing, message: Message, confirmed: Collection[str], by: str) -> Told:
    if now.kept.corrects:
        done = _correct(here, now, message, now.kept.corrects, confirmed, by)
    elif now.is_search:
        done = _search(here, now, message, confirmed, by)
    else:
        done = _notice(here, now, message, confirmed, by)
    here.due.set()
    return done


def _notice(here: Authority, now: Writing, message: Message, confirmed: Collection[str], by: str) -> Told:
    [ready] = prepare(here, [message], by, confirmed=confirmed)
    done = Told(ready.conversation_id, 1, {})
    end = _ending(here, now, done, ready.recipient, by)

    def write(tx: Connection) -> None:
        end(tx, ready.message_id)
        queue(tx, here, [ready])

    here.store.run(write)
    return done


def _search(here: Authority, now: Writing, message: Message, confirmed: Collection[str], by: str) -> Told:
    meant, not_asked = enquire.whom(
        here, now.to.get("to") or (), now.to.get("region") or (), everyone=bool(now.to.get("everyone"))
    )
    ready = enquire.prepare_search(here, message, meant, not_asked, by, confirmed=confirmed)
    return _queue_search(here, now, ready, by)


def _queue_search(here: Authority, now: Writing, ready: enquire.Ready, by: str) -> Told:
    done = Told(ready.enquired.case, len(ready.notices), ready.enquired.not_asked)
    end = _ending(here, now, done, "enquiry", by)

    def write(tx: Connection) -> None:
        end(tx, ready.notices[0].message_id)
        enquire.write(tx, here, ready)

    here.store.run(write)
    return done


def _correct(
    here: Authority, now: Writing, message: Message, corrects: str, confirmed: Collection[str], by: str
) -> Told:
    """In the place of one that was sent; of a search that went to many, in the place of what each of them has."""
    old = here.store.look(lambda tx: outbox.get(tx, corrects))
    sent = here.store.look(lambda tx: outbox.search(tx, conversation_id=old.conversation_id, limit=None))
    asked = sorted({one.recipient for one in sent if one.kind in SEARCHES})
    if len(asked) > 1:
        search = Message(replace(message.header, conversation_id=old.conversation_id, test=old.test), message.body)
        meant, ended = enquire.whom(here, asked)
        ready = enquire.prepare_search(here, search, meant, ended, by, again=meant, confirmed=confirmed)
        return _queue_search(here, now, ready, by)
    done = Told(old.conversation_id, 1, {})
    end = _ending(here, now, done, old.recipient, by)
    notice = Message(replace(message.header, test=old.test), message.body)
    amend.correct(here, corrects, notice, by, confirmed=confirmed, also=lambda tx: end(tx, corrects))
    return done


def _ending(here: Authority, now: Writing, done: Told, what: str, by: str) -> Callable[[Connection, str], None]:
    """Ends the composition, and the draft of which it was made, in the transaction that queues."""
    name, draft_id = now.kept.composition_id, now.kept.draft_id
    who = _leaver(here, draft_id, by) if draft_id else None
    said = json.dumps({"case": done.case, "asked": done.asked, "not_asked": dict(done.not_asked)})

    def end(tx: Connection, message_id: str) -> None:
        if not compositions.end(tx, here.now(), name, State.SENT, said, was=now.kept.changes):
            raise _ended() if compositions.get(tx, name).state is not State.WRITING else _changed()
        audit_log.append(tx, here.now(), [Entry("composition.sent", by, name, detail={"case": done.case})])
        if draft_id and who:
            drafts.end_as_sent(tx, here, draft_id, drafts.sent_as(here, who, what, message_id), by)

    return end


def _leaver(here: Authority, draft_id: str, by: str) -> Leaver:
    _, row = drafts.read(here, draft_id, by)
    return drafts.leaver(row, here.officer(by))


def _changed() -> NotAllowed:
    return NotAllowed("composition.stale")


def _ended() -> NotAllowed:
    return NotAllowed("composition.ended")
