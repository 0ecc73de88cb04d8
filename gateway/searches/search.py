"""A search for a child as a whole: who was asked, who has it, who answered what, whom to ring, and who has not answered."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from gateway import copies
from gateway.context import Authority
from gateway.copies import Copy
from gateway.core import review, search_status
from gateway.core.delivery import State
from gateway.core.replies import Misfit, answers
from gateway.core.search_status import Answering
from gateway.errors import NotAllowed
from gateway.store import calls, inbox, outbox, reviews
from gateway.store.audit_log import AuditEntry
from gateway.store.inbox import InboxItem
from gateway.store.outbox import Delivery
from schemas import codes
from schemas.message import SEARCHES, Acknowledgement, Message, Officer, Outcome, WhereaboutsResponse

UNTIL_THEN = "Other authorities will keep looking until you do."


@dataclass(frozen=True, slots=True)
class Asked:
    """One authority that was asked, and how it stands."""

    authority: str
    name: str
    standing: Answering
    since: datetime  # it stands so
    asked_at: datetime  # first
    times: int
    message_id: str  # of our newest notice to it
    answer_id: str | None
    said: str | None  # its answer, in the words of the code list
    by_machine: bool
    ring: str | None
    reason: str | None  # how the last try ended
    stood_down: bool


@dataclass(frozen=True, slots=True)
class Search:
    """The whole of it."""

    case: str
    kind: str
    newest: str  # our newest notice in it
    asked: Sequence[Asked]
    ended: bool
    review_on: date | None

    def those(self, *standings: Answering) -> list[Asked]:
        """Who stands so."""
        return [one for one in self.asked if one.standing in standings]

    @property
    def next_step(self) -> str:
        """What an officer does now, at a terminal."""
        return (
            self.advice if self.ended else f"{self.advice} To end it, run `cme-gateway end-search {self.case} REASON`."
        )

    @property
    def advice(self) -> str:
        """What an officer does now."""
        if self.ended:
            return "This search has ended."
        if found := self.those(Answering.FOUND):
            says = "says" if len(found) == 1 else "say"
            return (
                f"{_joined(one.name for one in found)} {says} the child is known to them. Call {_whom(found)} to confirm, "
                f"then end the search. {UNTIL_THEN}"
            )
        if ring := self.those(Answering.RING):
            return f"Call {_whom(ring)}. If the child is found, end the search. {UNTIL_THEN}"
        return "No authority has found the child yet."


def _joined(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _whom(asked: Sequence[Asked]) -> str:
    return _joined(f"{one.ring} ({one.name})" if one.ring else one.name for one in asked)


@dataclass(frozen=True, slots=True)
class _Answer:
    item: InboxItem
    result: str
    said: str
    ring: Officer | None
    by_machine: bool = False


def look(here: Authority, name: str, by: str) -> Search:
    """The search in a case, by the case's own id or that of one of its notices. That its answers were read is an entry of the log.

    Raises NotFound, or NotAllowed where nobody was asked in it.
    """

    def read(
        tx: Connection,
    ) -> tuple[list[Delivery], list[tuple[InboxItem, Copy]], review.Review | None, dict[str, str]]:
        sent = outbox.list_case_deliveries(tx, name)
        case = sent[0].conversation_id
        if not any(one.kind in SEARCHES for one in sent):
            raise NotAllowed("search.none")
        came = inbox.search_inbox(tx, here.now(), conversation_id=case, limit=None)
        asked = {one.message_id: one for one in sent if one.kind in SEARCHES}
        fitting = [one for one in came if _fits(one, asked.get(one.in_reply_to or ""))]
        view = AuditEntry("search.read", by, case, detail={"answers": len(fitting)})
        taken = copies.take_copies(tx, here, {(one.sender, one.message_id) for one in fitting}, [view])
        replies = [(one, taken[one.sender, one.message_id]) for one in fitting]
        return (
            sent,
            replies,
            review.standing(reviews.list_review_acts(tx, case)),
            calls.list_call_results(tx, [one.message_id for one in sent]),
        )

    sent, replies, under, told = here.store.run(read)
    return _search(sent, _answers(here, replies), under, told)


def _fits(came: InboxItem, asked: Delivery | None) -> bool:
    """Is it an answer to this search, by who was asked? One that came too late to move it still says what they know."""
    return (
        asked is not None
        and came.sender == asked.recipient
        and came.misfit in (None, Misfit.LATE)
        and answers(asked.kind, came.kind)
    )


def _answers(here: Authority, replies: Sequence[tuple[InboxItem, Copy]]) -> dict[str, _Answer]:
    """The newest answer of each authority that says anything of where the child is."""
    found: dict[str, _Answer] = {}
    for item, copy in reversed(replies):  # they come newest first
        message = copies.open_copy(here, copy)
        if answer := _answer(item, message):
            found[item.sender] = answer
    return found


def _answer(item: InboxItem, message: Message) -> _Answer | None:
    match message.body:
        case WhereaboutsResponse(result=result) as body:
            said = codes.labels("whereabouts_results")[result]
            return _Answer(item, result, said, body.ring, body.answered_by == "machine")
        case Outcome(result=result) as body:
            return _Answer(
                item, search_status.OUTCOMES.get(result, "ring-me"), codes.labels("outcomes")[result], body.officer
            )
        case Acknowledgement(decision="passed-on", passed_to=to) as body:
            return _Answer(
                item,
                "ring-me",
                f"Referred back: try {codes.authority_name(to or '') or 'another authority'}",
                body.officer,
            )
        case _:
            return None


def _search(
    sent: Sequence[Delivery], said: dict[str, _Answer], under: review.Review | None, told: Mapping[str, str]
) -> Search:
    stood_down = {one.recipient for one in sent if one.kind == "LocatedNotice"}
    by_authority: dict[str, list[Delivery]] = {}
    for one in sent:
        if one.kind in SEARCHES:
            by_authority.setdefault(one.recipient, []).append(one)
    asked = [
        _asked(those, said.get(code), told.get(those[0].message_id), code in stood_down)
        for code, those in sorted(by_authority.items())
    ]
    order = list(Answering)
    asked.sort(key=lambda one: (order.index(one.standing), one.authority))
    newest = next(iter(one for one in sent if one.kind in SEARCHES))
    return Search(
        newest.conversation_id,
        newest.kind,
        newest.message_id,
        asked,
        under is None and not newest.test,
        under.due_on if under else None,
    )


def _asked(sent: Sequence[Delivery], answer: _Answer | None, told: str | None, stood_down: bool) -> Asked:
    newest, first = sent[0], sent[-1]
    if answer and answer.item.received_at < newest.queued_at:  # it was asked again since
        answer = None
    withdrawn = newest.state is State.WITHDRAWN
    result = answer.result if answer else told
    stands = search_status.standing(newest.state, None if withdrawn else result, sealed=newest.protection == "sealed")
    ring = answer.ring if answer else None
    return Asked(
        authority=newest.recipient,
        name=codes.authority_name(newest.recipient) or newest.recipient,
        standing=stands,
        since=answer.item.received_at if answer else newest.state_at,
        asked_at=first.queued_at,
        times=len(sent),
        message_id=newest.message_id,
        answer_id=answer.item.message_id if answer else None,
        said=answer.said if answer else codes.labels("whereabouts_results")[told] if told else None,
        by_machine=answer.by_machine if answer else False,
        ring=f"{ring.name}, {ring.phone_no}" if ring else None,
        reason=newest.reason,
        stood_down=stood_down,
    )
