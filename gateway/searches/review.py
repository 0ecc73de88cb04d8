"""The fourteen-day review, as the pupil tracking officer does it: what is due, what was checked, whom to ask again,
when it ends.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from gateway.context import Gateway
from gateway.core import review
from gateway.core.review import Review, ReviewAct, ReviewActKind
from gateway.core.search_status import SETTLED
from gateway.errors import NotAllowed
from gateway.exchange import enquire
from gateway.exchange.enquire import EnquiryResult, PreparedSearch
from gateway.exchange.send import write_and_wake
from gateway.exchange.stand_down import stand_down_search
from gateway.searches import search
from gateway.store import audit_log, outbox, reviews
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from schemas.message import SEARCHES, LocatedNotice
from schemas.shapes import CaseId, MessageId

# A source of enquiry_sources, and a result of enquiry_results.
Checked = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ReviewSummary:
    """A case under review. Of the child nothing but the id of our first notice."""

    case: CaseId
    message_id: MessageId
    # Authorities.
    asked: int
    since: date
    reviews: int
    # Last time: source=result, with spaces between.
    checked: str | None
    checked_on: date | None
    checked_by: str | None
    asked_again: int
    review_on: date
    due: bool
    overdue: bool


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """A review that was done: when the next one is, and who was asked again."""

    case: CaseId
    review_on: date
    asked_again: EnquiryResult | None


def list_reviews(gw: Gateway) -> list[ReviewSummary]:
    """List every case under review: those that are due first, and among both the oldest search first."""
    today = review.to_london_day(gw.now())

    def read_reviews(tx: Tx) -> list[ReviewSummary]:
        under = [open_review for acts in reviews.list_open_reviews(tx) if (open_review := review.find_review(acts))]
        first = outbox.list_first_notices(tx, [open_review.case_id for open_review in under], SEARCHES)
        return [
            _summarise_review(open_review, *first[open_review.case_id], today)
            for open_review in under
            if open_review.case_id in first
        ]

    return sorted(gw.store.look(read_reviews), key=lambda summary: (not summary.due, summary.since, summary.case))


def _summarise_review(open_review: Review, message_id: MessageId, asked: int, today: date) -> ReviewSummary:
    last = open_review.last
    return ReviewSummary(
        case=open_review.case_id,
        message_id=message_id,
        asked=asked,
        since=open_review.since,
        reviews=open_review.done,
        checked=last.checked if last else None,
        checked_on=review.to_london_day(last.at) if last else None,
        checked_by=last.by if last else None,
        asked_again=last.asked_again if last else 0,
        review_on=open_review.due_on,
        due=open_review.is_due(today),
        overdue=open_review.is_overdue(today),
    )


def do_review(
    gw: Gateway,
    name: str,
    checked: Sequence[Checked],
    by: str,
    *,
    ask_again: bool = False,
    was: int | None = None,
    confirmed: Collection[str] = (),
) -> ReviewResult:
    """Write down what was checked, and with what result; the next review is fourteen days on.

    With `ask_again` those who found no trace, or did not answer, are asked again in the same step.

    `name` is the case's own id, or that of one of its notices. `was`: how many reviews had been done when the officer
    looked; where it is another number by now, nothing is done. `confirmed`: as `prepare.prepare_messages` has it, of
    what is asked again.

    Raises NotFound, NotAllowed, Unfit, Unconfirmed or a keys.errors.Refusal; then neither has happened.
    """
    if not checked:
        raise NotAllowed("review.nothing-checked")
    case = _get_review(gw, name).case_id
    ready = _prepare_again(gw, case, by, confirmed) if ask_again else None
    sources = " ".join(f"{source}={result}" for source, result in checked)
    act = ReviewAct(case, gw.now(), ReviewActKind.DONE, by, sources, len(ready.notices) if ready else 0)

    def write_review(tx: Tx) -> Review:
        before = review.find_review(reviews.list_review_acts(tx, case))
        if before is None:
            raise _not_under_review_error()
        if was not in (None, before.done):
            raise NotAllowed("review.overtaken")
        if ready:
            enquire.write_search(tx, gw, ready)
        reviews.add_review_act(tx, act)
        detail: dict[str, str | int] = {"checked": sources, "asked again": act.asked_again}
        audit_log.append_entries(tx, act.at, [AuditEntry("review.done", by, case, detail=detail)])
        stands = review.find_review(reviews.list_review_acts(tx, case))
        assert stands is not None  # noqa: S101 - it did, and this act ends nothing
        return stands

    stands = write_and_wake(gw, write_review)
    return ReviewResult(case, stands.due_on, ready.enquired if ready else None)


def _prepare_again(gw: Gateway, case_id: CaseId, by: str, confirmed: Collection[str]) -> PreparedSearch:
    whole = search.open_search(gw, case_id, by)
    open_ones = [answering.authority for answering in whole.asked if answering.standing not in SETTLED]
    if not open_ones:
        raise NotAllowed("enquire.nobody", "again")
    meant, ended = enquire.resolve_recipients(gw, open_ones)
    newest = enquire.get_newest_search(gw, case_id)
    return enquire.prepare_search(gw, newest, meant, ended, by, again=meant, confirmed=confirmed)


def end_review(gw: Gateway, name: str, reason: str, by: str, *, decided_by: str | None = None) -> list[MessageId]:
    """End the review and the search though nobody knows where the child is; return the ids of what tells those asked.

    `reason` is a code of located_ways. Raises NotFound, or NotAllowed.
    """
    case = _get_review(gw, name).case_id
    body = LocatedNotice(located_on=gw.now().date(), way=reason, ring=gw.build_officer(by))
    return stand_down_search(gw, case, body, by, decided_by=decided_by)


def count_overdue_reviews(gw: Gateway) -> int:
    """Count the reviews that should have been done before today."""
    return sum(summary.overdue for summary in list_reviews(gw))


def _get_review(gw: Gateway, name: str) -> Review:
    def read_review(tx: Tx) -> Review | None:
        return review.find_review(reviews.list_review_acts(tx, outbox.list_case_deliveries(tx, name)[0].case_id))

    stands = gw.store.look(read_review)
    if stands is None:
        raise _not_under_review_error()
    return stands


def _not_under_review_error() -> NotAllowed:
    return NotAllowed("review.not-open")
