"""A message as a person reads it: every value under its element's name, codes in words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from schemas import codes, officers
from schemas.layout import Slot, is_ours, slots
from schemas.shapes import CodeList, Text

# Elements whose name is not how an officer would say it; forms ask in the same words.
WORDS = {
    "AddressLine": "Address",
    "AlternativeProvisionStart": "Start date of alternative provision",
    "BS7666Address": "Address",
    "CareAuthority": "Responsible authority",
    "Certainty": "Certainty of the move",
    "Circulation": "Sent to",
    "CMEReason": "Primary reason for CME",
    "ConfirmedOn": "Date confirmed",
    "Contact": "Parents, carers and other contacts",
    "ConversationId": "Case reference",
    "DecidedOn": "Date decided",
    "DestinationAddress": "New address",
    "DestinationSchool": "New school",
    "DOB": "Date of birth",
    "DOBEstimated": "Date of birth estimated",
    "EHCP": "Education, health and care plan",
    "Email": "Email address",
    "EnquiriesCompletedOn": "Date the last enquiry was completed",
    "Enquiry": "Reasonable enquiries made",
    "EntryDate": "Start date",
    "Estab": "Establishment number",
    "ExclusionType": "Exclusion",
    "HoursPerWeek": "Hours of education each week",
    "InCare": "Looked after",
    "Kind": "Type",
    "Language": "First language",
    "LastAttended": "Last date attended",
    "LastSeenOn": "Last seen",
    "LEA": "Local authority",
    "LeavingDate": "Date removed from roll",
    "LegalAction": "Attendance orders and legal action",
    "Letter": "Ground for deletion (letter)",
    "LocatedOn": "Date",
    "LookedAfter": "Looked-after status",
    "MadeBy": "Enquiry made by",
    "MadeOn": "Date",
    "MASHReferral": "Date of MASH referral",
    "Missing": "Outstanding",
    "MovedOn": "Date moved",
    "MovedTo": "Authority the child moved to",
    "NCyearActual": "National curriculum year",
    "Needs": "SEND and risk factors",
    "PassedTo": "Authority to contact",
    "PhoneNo": "Telephone number",
    "PostCode": "Postcode",
    "ProvisionStatus": "Current provision",
    "ReceivedOn": "Delivered on",
    "Relationship": "Relationship to child",
    "ReplyBy": "Reply needed by",
    "ReviewOn": "Review date",
    "Ring": "Contact for this notice",
    "RiskGroup": "Risk factors",
    "School": "Schools",
    "SENprovision": "SEN provision",
    "Sibling": "Siblings",
    "UniqueLearnerNumber": "Unique learner number (ULN)",
    "UnknownSince": "Whereabouts unknown since",
    "UpnUnknown": "Reason for no UPN",
    "Way": "Reason the search ended",
}
# The shape of a code of an authority.
AUTHORITY = "[0-9]{3}"
# More than there are elements.
WORDS_KEPT = 1_024


@dataclass(frozen=True, slots=True)
class Row:
    """A name and its value, so deep within the message; a heading where there is no value."""

    depth: int
    name: str
    value: str | None


def rows(value: object, depth: int = 0) -> Iterator[Row]:
    """List every value within one of our classes, in the order of the schema, each so `depth` deep."""
    for slot in _slots(value):
        inner = getattr(value, slot.field)
        for one in inner if slot.repeated else (() if inner is None else (inner,)):
            if is_ours(slot.kind):
                yield Row(depth, words(slot.element), None)
                yield from rows(one, depth + 1)
            else:
                yield Row(depth, words(slot.element), _said(slot, one))


@dataclass(frozen=True, slots=True)
class ReadingSection:
    """A part of a message as a page shows it: names with their values, or a table where there are several alike."""

    title: str
    pairs: Sequence[tuple[str, str]] = ()
    columns: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()


def sections(body: object) -> Iterator[ReadingSection]:
    """List what a body says, in parts, without the codes: first its own values, then each of its parts.

    Addresses are on one line.
    """
    yield ReadingSection("", _pairs(body, [slot for slot in _slots(body) if not is_ours(slot.kind)]))
    for slot in _slots(body):
        if is_ours(slot.kind) and (inner := getattr(body, slot.field)):
            title = words(slot.element)
            yield _table(title, inner) if slot.repeated else ReadingSection(title, _pairs(inner, _slots(inner)))


def _pairs(value: object, wanted: Sequence[Slot]) -> list[tuple[str, str]]:
    found = ((words(slot.element), _on_one_line(slot, getattr(value, slot.field))) for slot in wanted)
    return [(name, said) for name, said in found if said]


def _table(title: str, values: Sequence[object]) -> ReadingSection:
    wanted = [slot for slot in _slots(values[0]) if any(getattr(one, slot.field) for one in values)]
    rows_ = [[_on_one_line(slot, getattr(one, slot.field)) for slot in wanted] for one in values]
    return ReadingSection(title, columns=[words(slot.element) for slot in wanted], table=rows_)


def _on_one_line(slot: Slot, inner: object) -> str:
    values = inner if slot.repeated and isinstance(inner, tuple) else () if inner is None else (inner,)
    return "; ".join(_flat(one) if is_ours(slot.kind) else _said(slot, one, coded=False) for one in values)


def _flat(value: object) -> str:
    return ", ".join(said for _, said in _pairs(value, _slots(value)))


def _slots(value: object) -> Sequence[Slot]:
    """Return those that are shown: the role of somebody of another service stands after the name."""
    cls: type = type(value)
    if officers.is_of_other_service(value):
        return [slot for slot in slots(cls) if slot.field != "role"]
    return slots(cls)


@lru_cache(WORDS_KEPT)
def words(element: str) -> str:
    """Return an element's name as a person writes it, as "destination address" for DestinationAddress.

    DOB and UPN stay as they are.
    """
    if element in WORDS:
        return WORDS[element]
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[0-9]+", element)
    said = " ".join(part if part.isupper() and len(part) > 1 else part.lower() for part in parts)
    return said[:1].upper() + said[1:]


def _said(slot: Slot, value: object, *, coded: bool = True) -> str:
    """Return one value in words.

    `coded`: with its code, and dates short, as a letter or a terminal has them; else as a page does.
    """
    if isinstance(value, bool):
        said = "yes" if value else "no"
        return said if coded else said.capitalize()
    if isinstance(value, datetime):
        return f"{value:%d %b %Y %H:%M:%S} UTC"
    if isinstance(value, date):
        return f"{value:%d %b %Y}" if coded else f"{value.day} {value:%B %Y}"
    if isinstance(slot.shape, CodeList):
        label = codes.labels(slot.shape.name).get(str(value), "")
        if label and label != value:
            return f"{label} ({value})" if coded else label
        return str(value)
    if isinstance(slot.shape, Text) and slot.shape.pattern == AUTHORITY:
        return f"{codes.authority_name(str(value)) or 'unknown'} ({value})"
    return str(value)
