"""What decides the answer to a notice, in a few lines: who, where to, since when, and how far it may be shared. No I/O.

Whether the address is ours, and whether the child is, the notice itself does not say: whoever asks for the lines has
found it out (`casework.answer_facts`). The name of the child is the heading above the lines.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from gateway.core import labels
from schemas.message import (
    Address,
    Body,
    Child,
    Message,
    Officer,
    Restriction,
    School,
    Sibling,
    TransferNotice,
    WhereaboutsEnquiry,
    WhereaboutsUnknownNotice,
)
from schemas.reading import format_day, join_values

Opening = TransferNotice | WhereaboutsEnquiry | WhereaboutsUnknownNotice
# Siblings who are named in the line; more are counted.
MOST_SIBLINGS = 3


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """A question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class FoundFacts:
    """What was found out beside the notice, in words; empty where nobody asked."""

    area: str = ""
    ours: str = ""
    # On a notice of which only calls may speak: the call that is recorded.
    call: str = ""


NOTHING_FOUND = FoundFacts()


def list_summary_lines(message: Message, today: date, facts: FoundFacts = NOTHING_FOUND) -> list[SummaryLine]:
    """List the lines of a notice that opens a case, at most seven: how it stands is the eighth."""
    if not isinstance(message.body, Opening):
        return []
    texts = _list_call_texts if message.restriction == "phone-only" else _list_texts
    return [SummaryLine(labels.name_summary_line(line), text) for line, text in texts(message.body, today, facts)]


def _list_call_texts(body: Opening, _: date, facts: FoundFacts) -> Iterator[tuple[str, str]]:
    """Yield what there is of a child about whom nothing may be written: one number, and whether it was rung.

    Of a notice of ours the number in it is our own.
    """
    if facts.call:
        yield "call", describe_officer(body.ring)
        yield "called", facts.call
    yield "restriction", _describe_restriction(body.restriction)


def _list_texts(body: Opening, today: date, facts: FoundFacts) -> Iterator[tuple[str, str]]:
    if body.child:
        yield "dob", _describe_birth(body.child, today)
    yield from _list_places(body, facts)
    if facts.ours:
        yield "ours", facts.ours
    yield "siblings", _describe_siblings(body.sibling)
    yield "dates", _describe_dates(body)
    yield "restriction", _describe_restriction(body.restriction)


def _list_places(body: Opening, facts: FoundFacts) -> Iterator[tuple[str, str]]:
    place = body.destination_address if isinstance(body, TransferNotice) else body.previous_address
    text = (
        labels.name_missing_value("withheld")
        if place is None and body.restriction.level != "none"
        else _describe_place(place)
    )
    yield ("new-address" if isinstance(body, TransferNotice) else "old-address"), text
    if facts.area:
        yield "area", facts.area


def _describe_place(place: Address | None) -> str:
    if place is None:
        return labels.name_missing_value("address")
    house = join_values(place.bs7666_address) if place.bs7666_address else ""
    return ", ".join(filter(None, (house, *place.address_line, place.post_code, place.country)))


def _describe_birth(child: Child, today: date) -> str:
    age = today.year - child.dob.year - ((today.month, today.day) < (child.dob.month, child.dob.day))
    born = labels.describe_birth(format_day(child.dob), age, estimated=child.dob_estimated)
    return f"{born}. UPN {child.upn}" if child.upn else born


def _describe_siblings(siblings: Sequence[Sibling]) -> str:
    if not siblings:
        return labels.name_missing_value("siblings")
    named = [_describe_sibling(sibling) for sibling in siblings[:MOST_SIBLINGS]]
    return labels.count_more("; ".join(named), len(siblings) - len(named))


def _describe_sibling(sibling: Sibling) -> str:
    return labels.describe_child(build_full_name(sibling.forename, sibling.surname), format_day(sibling.dob))


def build_full_name(forename: str | None, surname: str) -> str:
    """Return a name as it is spoken."""
    return " ".join(filter(None, (forename, surname)))


def _describe_dates(body: Opening) -> str:
    return " ".join(
        labels.describe_date(code, format_day(on)) for code, on in _list_dates(body)
    ) or labels.name_missing_value("dates")


def _list_dates(body: Opening) -> Iterator[tuple[str, date]]:
    """Yield the dates that matter, in the order in which they happened."""
    newest = _find_newest_school(body.school)
    match body:
        case TransferNotice(moved_on=moved_on, certainty=certainty, destination_school=school):
            dates = ((f"moved/{certainty}", moved_on), *_leaving(newest), ("starts", school and school.entry_date))
        case WhereaboutsEnquiry(last_seen_on=seen, reply_by=reply_by):
            dates = (*_leaving(newest), ("seen", seen), ("reply-by", reply_by))
        case WhereaboutsUnknownNotice(unknown_since=since):
            dates = (*_leaving(newest), ("unknown-since", since))
    yield from ((code, on) for code, on in dates if on)


def _leaving(school: School | None) -> Iterator[tuple[str, date | None]]:
    if school and school.leaving_date:
        yield "left", school.leaving_date
    elif school:
        yield "attended", school.last_attended


def _find_newest_school(schools: Sequence[School]) -> School | None:
    """Return the school that the child was at last; the first that is named where no date says it."""
    return max(schools, key=lambda school: school.leaving_date or school.last_attended or date.min, default=None)


def _describe_restriction(restriction: Restriction) -> str:
    reason = labels.name_code("restriction_reasons", restriction.reason) if restriction.reason else ""
    return labels.describe_restriction(
        restriction.level, reason, format_day(restriction.review_on) if restriction.review_on else ""
    )


def describe_officer(officer: Officer) -> str:
    """Return whom to call, with the number."""
    return f"{officer.name}, {officer.phone_no}"


def list_repeated(body: Body) -> frozenset[tuple[str, str]]:
    """List the fields, by class and name, whose values stand in the heading and the lines: they need not be said again.

    A value stays where the line says less than it: where a name might be parted otherwise, or siblings have numbers.
    """
    if not isinstance(body, Opening):
        return frozenset()
    kind = type(body).__name__
    covered = {
        ("Child", "dob"),
        ("Child", "dob_estimated"),
        ("Child", "upn"),
        ("WhereaboutsUnknownNotice", "unknown_since"),
    }
    covered |= {(kind, name) for name in ("destination_address", "moved_on", "certainty", "last_seen_on", "reply_by")}
    if isinstance(body, TransferNotice) and not body.moved_on:
        covered -= {(kind, "certainty")}
    if not isinstance(body, TransferNotice):
        covered |= {(kind, "previous_address")}
    if body.child and body.child.forename and " " not in f"{body.child.forename}{body.child.surname}":
        covered |= {("Child", "surname"), ("Child", "forename")}
    if len(body.sibling) <= MOST_SIBLINGS and not any(it.upn or it.case_id for it in body.sibling):
        covered |= {(kind, "sibling")}
    if body.restriction.level == "none":
        covered |= {(kind, "restriction")}
    if body.restriction.level == "phone-only":
        covered |= {(kind, "ring")}
    return frozenset(covered)
