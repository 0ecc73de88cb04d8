"""A message as a person reads it: every value under its name, codes in words.

Letters and terminals have short names, by element (`list_rows`). Pages ask and show in the same words, by field
(`list_sections`, `name_field`).
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from schemas import codes, officers
from schemas.field_labels import LABELS
from schemas.layout import Slot, is_ours, list_slots
from schemas.message import GroundForDeletion
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


def list_rows(value: object, depth: int = 0) -> Iterator[Row]:
    """List every value within one of our classes, in the order of the schema.

    Args:
        value: a header, a body, or a part of one.
        depth: of the outermost rows; what lies within them is one deeper.
    """
    for slot in _slots(value):
        inner = getattr(value, slot.field)
        for part in inner if slot.repeated else (() if inner is None else (inner,)):
            if is_ours(slot.kind):
                yield Row(depth, name_element(slot.element), None)
                yield from list_rows(part, depth + 1)
            else:
                yield Row(depth, name_element(slot.element), _format_value(slot, part))


@dataclass(frozen=True, slots=True)
class ReadingSection:
    """A part of a message as a page shows it: names with their values, or a table where there are several alike."""

    title: str
    pairs: Sequence[tuple[str, str]] = ()
    columns: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()


def list_sections(body: object, without: Collection[tuple[str, str]] = ()) -> Iterator[ReadingSection]:
    """List what a body says, in parts, without the codes: first its own values, then each of its parts.

    Addresses are on one line. `without`: fields that are shown elsewhere, by class and name.
    """
    wanted = _leave_out(body, without)
    yield ReadingSection("", _pairs(body, [slot for slot in wanted if not is_ours(slot.kind)]))
    for slot in wanted:
        if is_ours(slot.kind) and (inner := getattr(body, slot.field)):
            title = name_field(type(body), slot)
            pairs = () if slot.repeated else _pairs(inner, _leave_out(inner, without))
            yield _table(title, inner) if slot.repeated else ReadingSection(title, pairs)


def _leave_out(value: object, without: Collection[tuple[str, str]]) -> Sequence[Slot]:
    return [slot for slot in _slots(value) if (type(value).__name__, slot.field) not in without]


def _pairs(value: object, wanted: Sequence[Slot]) -> list[tuple[str, str]]:
    pairs = ((name_field(type(value), slot), _explain_value(value, slot)) for slot in wanted)
    return [(name, text) for name, text in pairs if text]


def _table(title: str, values: Sequence[object]) -> ReadingSection:
    wanted = [slot for slot in _slots(values[0]) if any(getattr(value, slot.field) for value in values)]
    rows_ = [[_explain_value(value, slot) for slot in wanted] for value in values]
    return ReadingSection(title, columns=[name_field(type(values[0]), slot) for slot in wanted], table=rows_)


def _explain_value(value: object, slot: Slot) -> str:
    """Return a value on one line; a letter with what it means by the regulations beside it."""
    text = _on_one_line(slot, getattr(value, slot.field))
    if isinstance(value, GroundForDeletion) and slot.field == "letter":
        meaning = codes.find_ground(value.regulations, value.letter)
        return f"{text}: {meaning}" if meaning else text
    return text


def join_values(value: object) -> str:
    """Return every value within one of our classes on one line, as an address has them."""
    return _flat(value)


def _on_one_line(slot: Slot, inner: object) -> str:
    values = inner if slot.repeated and isinstance(inner, tuple) else () if inner is None else (inner,)
    return "; ".join(_flat(part) if is_ours(slot.kind) else _format_value(slot, part, coded=False) for part in values)


def _flat(value: object) -> str:
    return ", ".join(text for _, text in _pairs(value, _slots(value)))


def _slots(value: object) -> Sequence[Slot]:
    """Return those that are shown: the role of somebody of another service stands after the name."""
    cls: type = type(value)
    if officers.is_of_other_service(value):
        return [slot for slot in list_slots(cls) if slot.field != "role"]
    return list_slots(cls)


def name_field(cls: type, slot: Slot) -> str:
    """Return how a page asks for a field, and how it shows what was answered."""
    return LABELS.get((cls.__name__, slot.field)) or name_element(slot.element)


@lru_cache(WORDS_KEPT)
def name_element(element: str) -> str:
    """Return an element's name as a person writes it, as "destination address" for DestinationAddress.

    DOB and UPN stay as they are.
    """
    if element in WORDS:
        return WORDS[element]
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[0-9]+", element)
    text = " ".join(part if part.isupper() and len(part) > 1 else part.lower() for part in parts)
    return text[:1].upper() + text[1:]


def format_day(on: date) -> str:
    """Return a day as a page has it: "25 November 2026"."""
    return f"{on.day} {on:%B %Y}"


def _format_value(slot: Slot, value: object, *, coded: bool = True) -> str:
    """Return one value in words.

    `coded`: with its code, and dates short, as a letter or a terminal has them; else as a page does.
    """
    if isinstance(value, bool):
        text = "yes" if value else "no"
        return text if coded else text.capitalize()
    if isinstance(value, datetime):
        return f"{value:%d %b %Y %H:%M:%S} UTC"
    if isinstance(value, date):
        return f"{value:%d %b %Y}" if coded else format_day(value)
    if isinstance(slot.shape, CodeList):
        label = codes.get_labels(slot.shape.name).get(str(value), "")
        if label and label != value:
            return f"{label} ({value})" if coded else label
        return str(value)
    if isinstance(slot.shape, Text) and slot.shape.pattern == AUTHORITY:
        return f"{codes.authority_name(str(value)) or 'unknown'} ({value})"
    return str(value)
