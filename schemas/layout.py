"""How the classes of `message` lie in XML: read once from their annotations, for the codec and for the XSD alike."""

import types
import typing
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Literal, NewType, get_args, get_origin, get_type_hints

from schemas.shapes import CodeList, Named, Number, Says, Text

Shape = Text | CodeList | Number


# What we write, and what a card lists in `schema_versions` where its gateway reads it.
VERSION = "1"
NAMESPACE = f"urn:cme-exchange:message:{VERSION}"


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of a class, and the element that carries it."""

    field: str
    element: str
    # Str, int, bool, date, datetime, or a class of ours.
    kind: type
    shape: Shape | None
    # The element may be absent; otherwise it is always written.
    optional: bool
    # 1, or how often it may be repeated.
    most: int
    # What it means, where its name does not say it.
    says: str = ""

    @property
    def repeated(self) -> bool:
        """Is the field a tuple?"""
        return self.most > 1


@cache
def list_slots(cls: type) -> tuple[Slot, ...]:
    """List the fields of a class of `message`, in the order in which their elements stand."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple(_slot(field.name, hints[field.name]) for field in fields(cls))


def _slot(name: str, hint: object) -> Slot:
    kind, marks, optional, repeated = _unwrap(hint)
    named = next((mark for mark in marks if isinstance(mark, Named)), None)
    shape = next((mark for mark in marks if isinstance(mark, Shape)), None)
    element = named.name if named else "".join(part.capitalize() for part in name.split("_"))
    says = next((mark.text for mark in marks if isinstance(mark, Says)), "")
    return Slot(name, element, kind, shape, optional or repeated, named.most if named and repeated else 1, says)


def _unwrap(hint: object) -> tuple[type, list[object], bool, bool]:
    """Return the innermost type of an annotation, with the marks met on the way."""
    marks: list[object] = []
    optional = repeated = False
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            hint, *more = get_args(hint)
            marks += more
        elif origin in (types.UnionType, typing.Union):
            hint = next(arg for arg in get_args(hint) if arg is not type(None))
            optional = True
        elif origin is tuple:
            hint, repeated = get_args(hint)[0], True
        elif origin is Literal:
            hint = str
        elif isinstance(hint, NewType):
            hint = hint.__supertype__
        else:
            assert isinstance(hint, type)  # noqa: S101 - our own annotations
            return hint, marks, optional, repeated


@cache
def is_ours(kind: type) -> bool:
    """Is it a class of `message`, and not a simple value?"""
    return is_dataclass(kind)


@cache
def _inner(cls: type) -> tuple[tuple[str, bool], ...]:
    return tuple((slot.field, slot.repeated) for slot in list_slots(cls) if is_ours(slot.kind))


def list_parts(value: object) -> list[object]:
    """List a value of a message and every value of our classes within it, outermost first."""
    values = [value]
    cls: type = type(value)
    for field, repeated in _inner(cls):
        inner = getattr(value, field)
        if inner is not None:
            for part in inner if repeated else (inner,):
                values += list_parts(part)
    return values
