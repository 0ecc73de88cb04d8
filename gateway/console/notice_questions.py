"""The questions of each page of a notice, made from the classes of `schemas.message` and the words of
`notice_pages.py`.

A page is left out for a kind of notice that has none of its fields.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cache

from gateway.console.forms import Kind, Question
from gateway.console.notice_pages import HINTS, MISSING, RESTRICTION, RING, SECTIONS, SOMETIMES, NoticeSection
from gateway.core.composition import CLASSES, SERVICE_ROLES, has_default
from schemas import codes
from schemas.layout import Slot, list_slots
from schemas.message import MessageKind, RestrictionLevel
from schemas.reading import name_field
from schemas.shapes import CodeList, Number, Text

# Choices; a longer list is a list.
MOST_RADIOS = 8
# It is asked by whoever writes it, and read by the other authority, which has no need to be told to whom it goes.
_NOTE = "Note to the other authority"
_HINT_OF_NOTE = "If the address is withheld, do not include anything that could reveal it."


@cache
def list_sections(kind: MessageKind) -> tuple[NoticeSection, ...]:
    """List the pages of this kind of notice, each with those of its fields that it has."""
    pages = []
    for section in SECTIONS:
        cls = _find_class(kind, section)
        there = tuple(name for name in section.fields if cls and name in {slot.field for slot in list_slots(cls)})
        if there:
            pages.append(replace(section, fields=there))
    return tuple(pages)


def list_asked_sections(kind: MessageKind, level: RestrictionLevel | None) -> tuple[NoticeSection, ...]:
    """List the pages asked where the child's data are restricted so far: of a phone-only child, nothing at all."""
    if level == "phone-only":
        return RESTRICTION, RING
    return tuple(page for page in list_sections(kind) if level in (None, "none") or not page.withheld)


def find_section(kind: MessageKind, name: str) -> NoticeSection | None:
    """Return the page of this name."""
    return next((page for page in list_sections(kind) if page.name == name), None)


def _find_class(kind: MessageKind, section: NoticeSection) -> type | None:
    cls: type = CLASSES[kind]
    for step in filter(None, section.place.split(".")):
        slot = next((candidate for candidate in list_slots(cls) if candidate.field == step), None)
        if slot is None:
            return None
        cls = slot.kind
    return cls


def get_list_limit(kind: MessageKind, section: NoticeSection) -> int:
    """Return how many may stand in a list."""
    *path, last = section.place.split(".")
    cls: type = CLASSES[kind]
    for step in path:
        cls = next(slot for slot in list_slots(cls) if slot.field == step).kind
    return next(slot for slot in list_slots(cls) if slot.field == last).most


def fields_of(kind: MessageKind, section: NoticeSection) -> Mapping[str, Slot]:
    """Return the fields of a page, in its order."""
    cls = _find_class(kind, section)
    assert cls is not None  # noqa: S101 - `sections` left it out
    by_name = {slot.field: slot for slot in list_slots(cls)}
    return {name: by_name[name] for name in section.fields}


def get_element_paths(kind: MessageKind, section: NoticeSection) -> Mapping[str, str]:
    """Return the path of the element of each field, as findings name it."""
    cls: type = CLASSES[kind]
    path = f"Message/{kind}"
    for step in filter(None, section.place.split(".")):
        slot = next(candidate for candidate in list_slots(cls) if candidate.field == step)
        cls, path = slot.kind, f"{path}/{slot.element}"
    return {name: f"{path}/{slot.element}" for name, slot in fields_of(kind, section).items()}


@cache
def list_questions(kind: MessageKind, section: NoticeSection) -> tuple[Question, ...]:
    """List what the page asks."""
    cls = _find_class(kind, section)
    assert cls is not None  # noqa: S101 - `sections` left it out
    by_name = {field.name: field for field in fields(cls)}
    return tuple(
        _build_question(cls, slot, optional=has_default(by_name[name]) or slot.repeated)
        for name, slot in fields_of(kind, section).items()
    )


def _build_question(cls: type, slot: Slot, *, optional: bool) -> Question:
    is_note, key, kind = slot.field == "note", (cls.__name__, slot.field), _choose_kind(slot)
    return Question(
        slot.field,
        _NOTE if is_note else name_field(cls, slot),
        kind,
        _HINT_OF_NOTE if is_note else HINTS.get(key, ""),
        options=lambda: (*_list_options(slot), *((("", "Not answered"),) if optional and kind == "radios" else ())),
        optional=optional,
        sometimes=key in SOMETIMES,
        missing=MISSING.get(key, ""),
        longest=slot.shape.longest if isinstance(slot.shape, Text) else 0,
        short=isinstance(slot.shape, Number) or (isinstance(slot.shape, Text) and slot.shape.longest <= 30),
    )


def _choose_kind(slot: Slot) -> Kind:
    shape = slot.shape
    if slot.repeated:
        return "checkboxes" if isinstance(shape, CodeList) else "lines"
    if slot.kind is bool:
        return "radios"
    if isinstance(shape, CodeList):
        return "radios" if len(_list_options(slot)) <= MOST_RADIOS else "select"
    if isinstance(shape, Text):
        return "authority" if shape.pattern == "[0-9]{3}" else "note" if shape.longest > 1000 else "text"
    return "text" if isinstance(shape, Number) else "day"


def _list_options(slot: Slot) -> Sequence[tuple[str, str]]:
    if slot.kind is bool:
        return ("yes", "Yes"), ("no", "No")
    if isinstance(slot.shape, CodeList):
        others = SERVICE_ROLES if slot.shape.name == "roles" else {}
        return tuple((codes.get_labels(slot.shape.name) | others).items())
    return *list_authorities(), *(
        (code, f"{name} (no longer exists)") for code, name in codes.get_labels("authorities_ended").items()
    )


@cache
def list_authorities() -> tuple[tuple[str, str], ...]:
    """List every authority to which a notice may go, by name."""
    live = codes.get_labels("authorities_live") | codes.get_labels("authorities_wales")
    return tuple(sorted(live.items(), key=lambda code_and_name: code_and_name[1]))


def list_grounds(section: NoticeSection) -> tuple[str, Sequence[tuple[str, str]]] | None:
    """List what each letter of a ground means in the newest regulations, with their name, where the page asks for one.

    Of earlier ones the list has numbers only.
    """
    if section.place != "ground_for_deletion":
        return None
    newest, name = max(codes.get_labels("regulations").items())
    rows = [row for row in codes.list_rows("grounds") if row["regulations"] == newest]
    return name, [(row["code"], row["label"]) for row in rows]


def normalise_text(slot: Slot, text: str) -> str:
    """Return what was typed, in one spelling: one space between words; UPN and postcode in capitals."""
    spaced = " ".join(text.split())
    if slot.field in ("upn", "former_upn", "unique_learner_number", "nc_year_actual", "letter"):
        return re.sub(r"\s", "", spaced).upper()
    return spaced.upper() if slot.field == "post_code" else spaced
