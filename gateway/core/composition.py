"""A message half written: what was typed, as text under the names of the fields, and the message that it makes. No I/O.

What lies in a form may be incomplete, so it is kept as text: a value of a class is a mapping of its fields, a repeated
field a list.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields, replace
from datetime import date
from typing import Any

from gateway.core.safeguards import READ_AS
from schemas import codes, officers
from schemas.hidden_signs import find_hidden, say_hidden
from schemas.layout import Slot, is_ours, list_slots
from schemas.message import (
    BODIES,
    RESTRICTIONS,
    Address,
    Body,
    MessageKind,
    Officer,
    RestrictionLevel,
    TransferNotice,
    find_member,
    get_kind,
)
from schemas.rules import WITHHELD
from schemas.shapes import CodeList, Number, Text

# Str, list of str, Said, or list of Said.
Said = dict[str, Any]
CLASSES: Mapping[MessageKind, type[Any]] = {get_kind(cls): cls for cls in BODIES}
# Stands where something is lacking, so that the rules can be asked.
FILL = ("Specimen", "01632 960101", "A", "333")
FILL_DAY = date(2015, 6, 1)
# Of people of other services, beside those of a CME team.
SERVICE_ROLES = codes.get_labels("service_roles")
# It may be left out of a class, but only where nothing may be said of a child at all.
MUST = ("child",)


def to_text_fields(value: object) -> Said:
    """Return what a value of one of our classes says, as it would be typed."""
    cls: type = type(value)
    texts: Said = {}
    if isinstance(value, Officer):
        name, role = officers.as_said(value)
        return {"name": name, "role": role, "phone_no": value.phone_no} | (
            {"email": value.email} if value.email else {}
        )
    for slot in list_slots(cls):
        inner = getattr(value, slot.field)
        if inner is not None:
            texts[slot.field] = (
                [_value_to_text(slot, item) for item in inner] if slot.repeated else _value_to_text(slot, inner)
            )
    return texts


def _value_to_text(slot: Slot, value: object) -> Any:
    if isinstance(value, Address):
        return to_text_fields(to_address_lines(value))
    if is_ours(slot.kind):
        return to_text_fields(value)
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def to_address_lines(address: Address) -> Address:
    """Return the address in lines, as people write one; a UPRN is lost by it."""
    parts = address.bs7666_address
    if parts is None or address.address_line:
        return replace(address, bs7666_address=None)
    first = " ".join(filter(None, (parts.paon, parts.street)))
    lines = [parts.saon, first, parts.locality, parts.town, parts.administrative_area]
    return replace(address, bs7666_address=None, address_line=tuple(line[:100] for line in lines if line))


def is_empty(typed: object) -> bool:
    """Tell whether it says nothing at all."""
    if isinstance(typed, Mapping):
        return all(is_empty(item) for item in typed.values())
    return not typed


def parse_value(slot: Slot, text: str) -> object:
    """Parse what a text means in this field. Raises ValueError with a sentence for a person."""
    if sign := find_hidden(text):
        raise ValueError(say_hidden(sign))
    match slot.shape:
        case CodeList(name) if text not in codes.get_labels(name) and not (name == "roles" and text in SERVICE_ROLES):
            raise ValueError("Select an option from the list")
        case Number(least, most):
            if not (text.isascii() and text.isdecimal() and len(text) < 8 and least <= int(text) <= most):
                raise ValueError(f"Enter a whole number from {least} to {most}")
            return int(text)
        case Text(longest, pattern, says):
            if len(text) > longest:
                raise ValueError(f"Enter {longest:,} characters or fewer")
            if pattern and not re.fullmatch(pattern, text):
                raise ValueError(f"Enter {says}")
    if slot.kind is date:
        if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError("Enter a date")
        return date.fromisoformat(text)
    return text == "yes" if slot.kind is bool else text


def select_fitting(kind: MessageKind, typed: Said) -> Said:
    """Select what fits into a notice of this kind: what nobody typed was checked on no page.

    What came from elsewhere may be too long, or have a sign that cannot be seen, so it is asked.
    """
    return _select_fitting(CLASSES[kind], typed)


def _select_fitting(cls: type, typed: Mapping[str, Any]) -> Said:
    selected: Said = {}
    for slot in list_slots(cls):
        value = typed.get(slot.field) or ""
        items = [_fit_value(slot, item) for item in (value if slot.repeated else [value]) if not is_empty(item)]
        if fitting := [item for item in items if not is_empty(item)][: slot.most]:
            selected[slot.field] = fitting if slot.repeated else fitting[0]
    return selected


def _fit_value(slot: Slot, value: Any) -> Any:
    if is_ours(slot.kind):
        return _select_fitting(slot.kind, value)
    try:
        parse_value(slot, value)
    except ValueError:
        return ""
    return value


def build_body(kind: MessageKind, typed: Said) -> tuple[Body, list[str]]:
    """Build the body that was typed, and list the fields that are lacking; in their place stands something that fits.

    What the restriction forbids is left out, whatever was typed of it.
    """
    lacking: list[str] = []
    built: Any
    if find_level(typed) == "phone-only" and kind == "TransferNotice":
        typed = {name: typed.get(name) for name in ("restriction", "ring")}
        typed |= {"certainty": "possible", "cme_reason": "not-recorded", "provision_status": "unknown"}
        built = replace(_build_value(TransferNotice, typed, lacking, ""), child=None)
        return built, [path for path in lacking if not path.startswith("child.")]
    built = _build_value(CLASSES[kind], typed, lacking, "")
    if built.restriction.level != "none":
        cls: type = type(built)
        there = {slot.field: () if slot.repeated else None for slot in list_slots(cls) if slot.field in WITHHELD}
        built = replace(built, **there)
        lacking = [path for path in lacking if path.split(".")[0] not in WITHHELD]
    return built, lacking


def find_level(typed: Said) -> RestrictionLevel | None:
    """Give the restriction that counts by what was typed: the stricter one where it is not complete, or contradicts
    itself; None where nothing was.
    """
    restriction = typed.get("restriction") or {}
    typed_level = restriction.get("level")
    level = find_member(typed_level, RESTRICTIONS) or (READ_AS if typed_level else None)
    decided = any(restriction.get(name) for name in ("reason", "decided_by", "decided_on", "review_on"))
    return READ_AS if decided and level in (None, "none") else level


def is_as_strict(typed: Said, before: Said) -> bool:
    """Tell whether the restriction that counts by this is no looser than by what was typed before."""
    levels = (None, *RESTRICTIONS)
    return levels.index(find_level(typed)) >= levels.index(find_level(before))


def list_withheld_texts(typed: Said) -> list[str]:
    """Give what was typed of a place, or of how to reach somebody, and must not stand in the texts of a notice that
    withholds it.
    """
    texts = [_collect_strings(typed.get(name), ("country", "relationship")) for name in WITHHELD if name != "contact"]
    texts += [[contact.get(name) or "" for name in ("phone_no", "email")] for contact in typed.get("contact") or ()]
    return [text for some in texts for text in some if text]


def _collect_strings(typed: Any, without: Collection[str]) -> list[str]:
    if isinstance(typed, Mapping):
        return [text for name, item in typed.items() if name not in without for text in _collect_strings(item, without)]
    if isinstance(typed, list):
        return [text for item in typed for text in _collect_strings(item, without)]
    return [typed] if isinstance(typed, str) else []


def _build_value(cls: type, typed: Mapping[str, Any], lacking: list[str], at: str) -> Any:
    values: dict[str, object] = {}
    if cls is Officer and typed.get("name") and typed.get("role"):
        name, role = officers.on_wire(typed["name"], typed["role"])
        typed = {**typed, "name": name, "role": role}
    defaults = {item.name: item for item in fields(cls)}
    for slot in list_slots(cls):
        inner, path = typed.get(slot.field), f"{at}.{slot.field}".lstrip(".")
        if slot.repeated:
            values[slot.field] = tuple(
                _build_item(slot, item, lacking, path) for item in inner or () if not is_empty(item)
            )
        elif not is_empty(inner):
            values[slot.field] = _build_item(slot, inner, lacking, path)
        elif not has_default(defaults[slot.field]) or path in MUST:
            values[slot.field] = _build_item(slot, {}, lacking, path) if is_ours(slot.kind) else _fill_value(slot)
            if not is_ours(slot.kind):
                lacking.append(path)
    return cls(**values)


def has_default(field: "Field[Any]") -> bool:
    """Tell whether the field may be left out."""
    return field.default is not MISSING


def _build_item(slot: Slot, typed: Any, lacking: list[str], path: str) -> object:
    return _build_value(slot.kind, typed, lacking, path) if is_ours(slot.kind) else parse_value(slot, typed)


def _fill_value(slot: Slot) -> object:
    match slot.shape:
        case CodeList(name):
            return next(iter(codes.get_labels(name)))
        case Number(least, _):
            return least
        case Text(longest, pattern):
            return next(filler for filler in FILL if len(filler) <= longest and re.fullmatch(pattern or ".*", filler))
    return FILL_DAY if slot.kind is date else False
