"""A search for a child as a whole: who was asked, who has it, who answered what, whom to ring, and who has not
answered.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from gateway import copies
from gateway.context import Gateway
from gateway.copies import Copy, View
from gateway.core import review, search_status
from gateway.core.delivery import DeliveryState
from gateway.core.replies import Misfit, may_answer
from gateway.core.search_status import AnswerState
from gateway.errors import NotAllowed
from gateway.searches.call_list import NotAskedAuthority, read_call_list
from gateway.store import calls, inbox, outbox, reviews
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem
from gateway.store.outbox import Delivery
from schemas import codes
from schemas.message import SEARCHES, Acknowledgement, Message, MessageKind, Officer, Outcome, WhereaboutsResponse
from schemas.shapes import CaseId, MessageId

UNTIL_THEN = "Other authorities will keep looking until you do."


@dataclass(frozen=True, slots=True)
class AskedAuthority:
    """One authority that was asked, and how it stands."""

    authority: str
    name: str
    standing: AnswerState
    # It stands so.
    since: datetime
    # First.
    asked_at: datetime
    times: int
    # Of our newest notice to it.
    message_id: MessageId
    answer_id: str | None
    # Its answer, in the words of the code list.
    said: str | None
    by_machine: bool
    ring: str | None
    # How the last try ended.
    reason: str | None
    stood_down: bool

    @property
    def is_undelivered(self) -> bool:
        """Tell whether our notice to it was not delivered, and is tried no more."""
        return self.standing is AnswerState.GIVEN_UP


@dataclass(frozen=True, slots=True)
class SearchOverview:
    """The whole of it."""

    case: CaseId
    kind: MessageKind
    # Our newest notice in it.
    newest: str
    asked: Sequence[AskedAuthority]
    ended: bool
    review_on: date | None
    # Who could not be asked, called or not.
    not_asked: Sequence[NotAskedAuthority] = ()

    @property
    def to_call(self) -> list[NotAskedAuthority]:
        """List who could not be asked, and nobody has called; nobody once the search has ended."""
        return [] if self.ended else [authority for authority in self.not_asked if authority.called_at is None]

    @property
    def called(self) -> list[NotAskedAuthority]:
        """List who was called in place of being asked."""
        return [authority for authority in self.not_asked if authority.called_at is not None]

    def list_standing(self, *standings: AnswerState) -> list[AskedAuthority]:
        """List who stands so."""
        return [authority for authority in self.asked if authority.standing in standings]

    @property
    def next_step(self) -> str:
        """Return what an officer does now, at a terminal."""
        return (
            self.advice if self.ended else f"{self.advice} To end it, run `cme-gateway end-search {self.case} REASON`."
        )

    @property
    def advice(self) -> str:
        """Return what an officer does now."""
        if self.ended:
            return "This search has ended."
        if found_by := self.list_standing(AnswerState.FOUND):
            says = "says" if len(found_by) == 1 else "say"
            return (
                f"{_join_names(authority.name for authority in found_by)} {says} the child is known to them. Call"
                f" {_list_contacts(found_by)} to confirm, then end the search. {UNTIL_THEN}"
            )
        if known_to := [authority.name for authority in self.called if authority.knows_child]:
            says = "says" if len(known_to) == 1 else "say"
            return (
                f"{_join_names(known_to)} {says} by phone that the child is known to them. Confirm where the child is,"
                f" then end the search. {UNTIL_THEN}"
            )
        if ring := self.list_standing(AnswerState.RING):
            return f"Call {_list_contacts(ring)}. If the child is found, end the search. {UNTIL_THEN}"
        return "No authority has found the child yet."


def _join_names(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _list_contacts(asked: Sequence[AskedAuthority]) -> str:
    return _join_names(
        f"{authority.ring} ({authority.name})" if authority.ring else authority.name for authority in asked
    )


@dataclass(frozen=True, slots=True)
class _SearchAnswer:
    item: InboxItem
    result: str
    answer_text: str
    ring: Officer | None
    by_machine: bool = False


def open_search(gw: Gateway, name: str, by: str) -> SearchOverview:
    """Open the search in a case, by the case's own id or that of one of its notices. That answers were read is logged.

    Raises NotFound, or NotAllowed where nobody was asked in it.
    """

    def read_search(
        tx: Tx,
    ) -> tuple[
        list[Delivery], list[tuple[InboxItem, Copy]], review.Review | None, dict[str, str], list[NotAskedAuthority]
    ]:
        sent = outbox.list_case_deliveries(tx, name)
        case = sent[0].case_id
        if not any(message.kind in SEARCHES for message in sent):
            raise NotAllowed("search.none")
        came = inbox.search_inbox(tx, gw.now(), inbox.InboxQuery(case_id=case), limit=None)
        asked = {message.message_id: message for message in sent if message.kind in SEARCHES}
        fitting = [
            message for message in came if _is_fitting_answer(message, asked.get(message.in_reply_to or MessageId("")))
        ]
        view = AuditEntry("search.read", by, case, detail={"answers": len(fitting)})
        taken = copies.take_copies(tx, gw, {message.name for message in fitting}, View(view))
        replies = [(message, taken[message.name]) for message in fitting]
        return (
            sent,
            replies,
            review.find_review(reviews.list_review_acts(tx, case)),
            calls.list_call_results(tx, [message.message_id for message in sent]),
            read_call_list(tx, gw, case),
        )

    sent, replies, under, results_told, not_asked = gw.store.run(read_search)
    return replace(_build_overview(sent, _newest_answers(gw, replies), under, results_told), not_asked=not_asked)


def _is_fitting_answer(came: InboxItem, asked: Delivery | None) -> bool:
    """Tell whether it answers this search, by who was asked. One too late to move it still says what they know."""
    return (
        asked is not None
        and came.sender == asked.recipient
        and came.misfit in (None, Misfit.LATE)
        and may_answer(asked.kind, came.kind)
    )


def _newest_answers(gw: Gateway, replies: Sequence[tuple[InboxItem, Copy]]) -> dict[str, _SearchAnswer]:
    """Return the newest answer of each authority that says anything of where the child is."""
    answer_of: dict[str, _SearchAnswer] = {}
    # They come newest first.
    for item, copy in reversed(replies):
        message = copies.open_copy(gw, copy)
        if answer := _read_answer(item, message):
            answer_of[item.sender] = answer
    return answer_of


def _read_answer(item: InboxItem, message: Message) -> _SearchAnswer | None:
    match message.body:
        case WhereaboutsResponse(result=result) as body:
            words = codes.get_labels("whereabouts_results")[result]
            return _SearchAnswer(item, result, words, body.ring, body.answered_by == "machine")
        case Outcome(result=result) as body:
            return _SearchAnswer(
                item, search_status.OUTCOMES[result], codes.get_labels("outcomes")[result], body.officer
            )
        case Acknowledgement(decision="passed-on", passed_to=to) as body:
            return _SearchAnswer(
                item,
                "ring-me",
                f"Referred back: try {codes.authority_name(to or '') or 'another authority'}",
                body.officer,
            )
        case _:
            return None


def _build_overview(
    sent: Sequence[Delivery],
    answer_of: dict[str, _SearchAnswer],
    under: review.Review | None,
    results_told: Mapping[str, str],
) -> SearchOverview:
    stood_down = {delivery.recipient for delivery in sent if delivery.kind == "LocatedNotice"}
    by_authority: dict[str, list[Delivery]] = {}
    for delivery in sent:
        if delivery.kind in SEARCHES:
            by_authority.setdefault(delivery.recipient, []).append(delivery)
    asked = [
        _build_asked(those, answer_of.get(code), results_told.get(those[0].message_id), code in stood_down)
        for code, those in sorted(by_authority.items())
    ]
    order = list(AnswerState)
    asked.sort(key=lambda delivery: (order.index(delivery.standing), delivery.authority))
    newest = next(iter(delivery for delivery in sent if delivery.kind in SEARCHES))
    return SearchOverview(
        newest.case_id,
        newest.kind,
        newest.message_id,
        asked,
        under is None and not newest.test,
        under.due_on if under else None,
    )


def _build_asked(
    sent: Sequence[Delivery], answer: _SearchAnswer | None, result_told: str | None, stood_down: bool
) -> AskedAuthority:
    newest, first = sent[0], sent[-1]
    # It was asked again since.
    if answer and answer.item.received_at < newest.queued_at:
        answer = None
    withdrawn = newest.state is DeliveryState.WITHDRAWN
    result = answer.result if answer else result_told
    stands = search_status.find_answer_state(
        newest.state, None if withdrawn else result, sealed=newest.protection == "sealed"
    )
    ring = answer.ring if answer else None
    return AskedAuthority(
        authority=newest.recipient,
        name=codes.authority_name(newest.recipient) or newest.recipient,
        standing=stands,
        since=answer.item.received_at if answer else newest.state_at,
        asked_at=first.queued_at,
        times=len(sent),
        message_id=newest.message_id,
        answer_id=answer.item.message_id if answer else None,
        said=answer.answer_text
        if answer
        else codes.get_labels("whereabouts_results")[result_told]
        if result_told
        else None,
        by_machine=answer.by_machine if answer else False,
        ring=f"{ring.name}, {ring.phone_no}" if ring else None,
        reason=newest.reason,
        stood_down=stood_down,
    )
