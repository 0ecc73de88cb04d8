"""The fourteen-day review, as the pupil tracking officer does it: what is due, what was checked, whom to ask again, when it ends."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from gateway.context import Authority
from gateway.core import review
from gateway.core.review import Act, Kind, Review
from gateway.core.search_status import SETTLED
from gateway.errors import NotAllowed
from gateway.exchange import amend, enquire
from gateway.exchange.enquire import EnquiryResult, PreparedSearch
from gateway.searches import search
from gateway.store import audit_log, outbox, reviews
from gateway.store.audit_log import AuditEntry
from schemas.message import SEARCHES, LocatedNotice

Checked = tuple[str, str]  # a source of enquiry_sources, and a result of enquiry_results


@dataclass(frozen=True, slots=True)
class Listed:
    """A case under review. Of the child nothing but the id of our first notice."""

    case: str
    message_id: str
    asked: int  # authorities
    since: date
    reviews: int
    checked: str | None  # last time: source=result, with spaces between
    checked_on: date | None
    checked_by: str | None
    asked_again: int
    review_on: date
    due: bool
    overdue: bool


@dataclass(frozen=True, slots=True)
class Done:
    """A review that was done: when the next one is, and who was asked again."""

    case: str
    review_on: date
    asked_again: EnquiryResult | None


def listed(here: Authority) -> list[Listed]:
    """Every case under review: those that are due first, of these and of the others the oldest search first."""
    today = review.day(here.now())

    def look(tx: Connection) -> list[Listed]:
        under = [one for acts in reviews.list_open_reviews(tx) if (one := review.standing(acts))]
        first = outbox.list_first_notices(tx, [one.conversation_id for one in under], SEARCHES)
        return [_listed(one, *first[one.conversation_id], today) for one in under if one.conversation_id in first]

    return sorted(here.store.look(look), key=lambda one: (not one.due, one.since, one.case))


def _listed(one: Review, message_id: str, asked: int, today: date) -> Listed:
    last = one.last
    return Listed(
        case=one.conversation_id,
        message_id=message_id,
        asked=asked,
        since=one.since,
        reviews=one.done,
        checked=last.checked if last else None,
        checked_on=review.day(last.at) if last else None,
        checked_by=last.by if last else None,
        asked_again=last.asked_again if last else 0,
        review_on=one.due_on,
        due=one.is_due(today),
        overdue=one.is_overdue(today),
    )


def done(
    here: Authority,
    name: str,
    checked: Sequence[Checked],
    by: str,
    *,
    ask_again: bool = False,
    was: int | None = None,
    confirmed: Collection[str] = (),
) -> Done:
    """Write down what was checked, and with what result; the next review is fourteen days on. With `ask_again` those who found
    no trace, or did not answer, are asked again in the same step.

    `name` is the case's own id, or that of one of its notices. `was`: how many reviews had been done when the officer looked; where
    it is another number by now, nothing is done. `confirmed`: as `send.prepare` has it, of what is asked again.

    Raises NotFound, NotAllowed, Unfit, Unconfirmed or a keys.errors.Refusal; then neither has happened.
    """
    if not checked:
        raise NotAllowed("review.nothing-checked")
    case = _under_review(here, name).conversation_id
    ready = _again(here, case, by, confirmed) if ask_again else None
    sources = " ".join(f"{source}={result}" for source, result in checked)
    act = Act(case, here.now(), Kind.DONE, by, sources, len(ready.notices) if ready else 0)

    def write(tx: Connection) -> Review:
        before = review.standing(reviews.list_review_acts(tx, case))
        if before is None:
            raise _not_under_review()
        if was not in (None, before.done):
            raise NotAllowed("review.overtaken")
        if ready:
            enquire.write_search(tx, here, ready)
        reviews.add_review_act(tx, act)
        detail: dict[str, str | int] = {"checked": sources, "asked again": act.asked_again}
        audit_log.append_entries(tx, act.at, [AuditEntry("review.done", by, case, detail=detail)])
        stands = review.standing(reviews.list_review_acts(tx, case))
        assert stands is not None  # noqa: S101 - it did, and this act ends nothing
        return stands

    stands = here.store.run(write)
    here.due.set()
    return Done(case, stands.due_on, ready.enquired if ready else None)


def _again(here: Authority, case: str, by: str, confirmed: Collection[str]) -> PreparedSearch:
    whole = search.look(here, case, by)
    open_ones = [one.authority for one in whole.asked if one.standing not in SETTLED]
    if not open_ones:
        raise NotAllowed("enquire.nobody", "again")
    meant, ended = enquire.resolve_recipients(here, open_ones)
    newest = enquire.get_newest_search(here, case)
    return enquire.prepare_search(here, newest, meant, ended, by, again=meant, confirmed=confirmed)


def end(here: Authority, name: str, reason: str, by: str, *, decided_by: str | None = None) -> list[str]:
    """End the review and the search though nobody knows where the child is: who was asked is told. The ids of what tells them.

    `reason` is a code of located_ways. Raises NotFound, or NotAllowed.
    """
    case = _under_review(here, name).conversation_id
    body = LocatedNotice(located_on=here.now().date(), way=reason, ring=here.officer(by))
    return amend.stand_down_search(here, case, body, by, decided_by=decided_by)


def overdue(here: Authority) -> int:
    """How many reviews should have been done before today."""
    return sum(one.overdue for one in listed(here))


def _under_review(here: Authority, name: str) -> Review:
    def look(tx: Connection) -> Review | None:
        return review.standing(reviews.list_review_acts(tx, outbox.list_case_deliveries(tx, name)[0].conversation_id))

    stands = here.store.look(look)
    if stands is None:
        raise _not_under_review()
    return stands


def _not_under_review() -> NotAllowed:
    return NotAllowed("review.not-open")
