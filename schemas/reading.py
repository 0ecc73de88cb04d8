"""A message as a person reads it: every value under its element's name, codes in words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from schemas import codes
from schemas.layout import Slot, is_ours, slots
from schemas.shapes import CodeList

WORDS = {"NCyearActual": "NC year, actual", "SENprovision": "SEN provision", "BS7666Address": "BS 7666 address"}


@dataclass(frozen=True, slots=True)
class Row:
    """A name and its value, so deep within the message; a heading where there is no value."""

    depth: int
    name: str
    value: str | None


def rows(value: object, depth: int = 0) -> Iterator[Row]:
    """Every value within one of our classes, in the order of the schema."""
    cls: type = type(value)
    for slot in slots(cls):
        inner = getattr(value, slot.field)
        for one in inner if slot.repeated else (() if inner is None else (inner,)):
            if is_ours(slot.kind):
                yield Row(depth, words(slot.element), None)
                yield from rows(one, depth + 1)
            else:
                yield Row(depth, words(slot.element), _said(slot, one))


def words(element: str) -> str:
    """An element's name as a person writes it: DestinationAddress, destination address; DOB and UPN as they are."""
    if element in WORDS:
        return WORDS[element]
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[0-9]+", element)
    said = " ".join(part if part.isupper() and len(part) > 1 else part.lower() for part in parts)
    return said[:1].upper() + said[1:]


def _said(slot: Slot, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%d %b %Y %H:%M:%S} UTC"
    if isinstance(value, date):
        return f"{value:%d %b %Y}"
    if isinstance(slot.shape, CodeList):
        label = codes.labels(slot.shape.name).get(str(value), "")
        return f"{label} ({value})" if label and label != value else str(value)
    if slot.element == "Authority":
        return f"{codes.authority_name(str(value)) or 'unknown'} ({value})"
    return str(value)
