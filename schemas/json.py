"""JSON to message and message to JSON: the same message as in XML, under the same names, and nothing is lost either
way.

An object (RFC 8259, 4) has the elements as its members. What may stand more than once is an array; whole numbers and
truth are JSON's own; dates and moments are text, written as in XML; what is absent is left out, never null. What was
read is written as XML too, so that the XSD has the last word on both forms. What is found wrong is said without
quoting the text.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, NoReturn

from schemas import codes, wording, xml
from schemas.findings import Finding, Unreadable
from schemas.layout import Slot, is_ours, list_slots
from schemas.message import BODIES, Body, Header, Message
from schemas.shapes import CodeList, Number, Text
from schemas.xml import MAX_BYTES

BODY_OF: dict[str, type[Body]] = {cls.__name__: cls for cls in BODIES}
__all__ = ["MAX_BYTES", "Unreadable", "build_plain", "load_object", "of_object", "read", "read_body", "write"]

MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", re.ASCII)
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
FORMS: dict[type, re.Pattern[str]] = {date: DAY, datetime: MOMENT}


def read(data: bytes) -> Message:
    """Read the message in a JSON text.

    Args:
        data: UTF-8, at most `MAX_BYTES`.

    Raises:
        Unreadable: as `load_object` and `of_object` do.
    """
    return of_object(load_object(data))


def of_object(members: dict[str, Any]) -> Message:
    """Read the message in this object, which `load_object` returned.

    Raises:
        Unreadable: with every problem that is found: `json.shape` where it is no header and one body; `json.schema`;
            `xml.schema` where only the XSD refuses it.
    """
    findings: list[Finding] = []
    kinds = sorted(members.keys() & BODY_OF.keys())
    if len(kinds) != 1 or members.keys() != {"Header", kinds[0]}:
        raise _unreadable("json.shape", wording.OF_A_MESSAGE)
    header = _whole(Header, members["Header"], "Message/Header", findings)
    body = _whole(BODY_OF[kinds[0]], members[kinds[0]], f"Message/{kinds[0]}", findings)
    if findings:
        raise Unreadable(findings)
    message = Message(header, body)
    xml.write(message)
    return message


def read_body(cls: type[Body], data: bytes) -> Any:
    """Read a body alone. Whoever puts it into a message has the XSD asked.

    Args:
        cls: which of the bodies.
        data: as for `read`; the object is the body's.

    Returns:
        A value of this class.

    Raises:
        Unreadable: as `load_object` does, or with every problem that is found (`json.schema`).
    """
    findings: list[Finding] = []
    body = _whole(cls, load_object(data), f"Message/{cls.__name__}", findings)
    if findings:
        raise Unreadable(findings)
    return body


def write(message: Message) -> bytes:
    """Return the JSON text of this message, UTF-8, its moments in UTC to the millisecond (RFC 3339, 5.6)."""
    members = {"Header": build_plain(message.header), message.kind: build_plain(message.body)}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def build_plain(value: object) -> dict[str, object]:
    """Return a value of one of our classes as JSON has it.

    Args:
        value: a header, a body, or a part of one.
    """
    members: dict[str, object] = {}
    cls: type = type(value)
    for slot in list_slots(cls):
        inner = getattr(value, slot.field)
        if slot.repeated and inner:
            members[slot.element] = [_plain(slot, part) for part in inner]
        elif not slot.repeated and inner is not None:
            members[slot.element] = _plain(slot, inner)
    return members


def _plain(slot: Slot, value: object) -> object:
    if is_ours(slot.kind):
        return build_plain(value)
    return value if slot.kind in (str, int, bool) else xml.TO_TEXT[slot.kind](value)


def load_object(data: bytes) -> dict[str, Any]:
    """Read one JSON object, strictly: UTF-8, no member twice (RFC 8259, 4), no half of a surrogate pair (RFC 7493,
    2.1), not too large.

    Raises:
        Unreadable: `json.too-large`, `json.malformed`, `json.shape` where it is no object.
    """
    if len(data) > MAX_BYTES:
        raise _unreadable("json.too-large", f"The text is larger than {MAX_BYTES // 1024} KiB.")
    try:
        members = _strict.decode(data.decode("utf-8"))
        # Only an escape can stand for a half, and no text that holds one can be written in UTF-8 again.
        if b"\\u" in data:
            json.dumps(members, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise _unreadable("json.malformed", "The text is not JSON in UTF-8, or has the same member twice.") from None
    if not isinstance(members, dict):
        raise _unreadable("json.shape", "The text is not a JSON object.")
    return members


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(members := dict(pairs)) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _no_number(_: str) -> NoReturn:
    raise ValueError("no number of JSON")


_strict = json.JSONDecoder(object_pairs_hook=_once_each, parse_constant=_no_number)


def _whole(cls: type, members: object, path: str, findings: list[Finding]) -> Any:
    """Return the value of this class; None where something was found wrong with it."""
    name = path.rsplit("/", 1)[-1]
    if not isinstance(members, dict):
        findings.append(_wrong(path, "must be an object."))
        return None
    known, before = list_slots(cls), len(findings)
    if members.keys() - {slot.element for slot in known}:
        findings.append(Finding("json.schema", "error", path, f"{name} has a member that is not in the schema."))
    values: dict[str, Any] = {}
    for slot in known:
        if slot.element in members:
            values[slot.field] = _value(slot, members[slot.element], f"{path}/{slot.element}", findings)
        elif not slot.optional:
            findings.append(Finding("json.schema", "error", path, f"{name} has no {slot.element}."))
    return cls(**values) if len(findings) == before else None


def _value(slot: Slot, value: object, path: str, findings: list[Finding]) -> object:
    if not slot.repeated:
        return _read_one(slot, value, path, findings)
    if not isinstance(value, list) or len(value) > slot.most:
        findings.append(_wrong(path, f"must be an array of at most {slot.most}."))
        return ()
    return tuple(_read_one(slot, part, f"{path}/{number}", findings) for number, part in enumerate(value))


def _read_one(slot: Slot, value: object, path: str, findings: list[Finding]) -> object:
    if is_ours(slot.kind):
        return _whole(slot.kind, value, path, findings)
    try:
        if _fits(slot, value):
            return FROM_JSON[slot.kind](value)
    except ValueError:
        # A day that no calendar has.
        pass
    findings.append(Finding("json.schema", "error", path, f"{slot.element} must be {wording.describe_wanted(slot)}."))
    return None


FROM_JSON: dict[type, Callable[[Any], object]] = {
    str: str, int: int, bool: bool, date: date.fromisoformat,
    datetime: lambda text: datetime.fromisoformat(text).astimezone(UTC),
}  # fmt: skip


def _fits(slot: Slot, value: object) -> bool:
    if slot.kind in (int, bool) or not isinstance(value, str):
        bounds = slot.shape if isinstance(slot.shape, Number) else None
        return type(value) is slot.kind and (bounds is None or bounds.least <= value <= bounds.most)  # type: ignore[operator]  # an int
    match slot.shape:
        case CodeList(name):
            return value in codes.get_labels(name)
        case Text(longest, pattern):
            return 0 < len(value) <= longest and (pattern is None or re.fullmatch(pattern, value) is not None)
    form = FORMS.get(slot.kind)
    return form is None or form.fullmatch(value) is not None


def _wrong(path: str, what: str) -> Finding:
    names = [part for part in path.split("/") if not part.isdigit()]
    return Finding("json.schema", "error", path, f"{names[-1]} {what}")


def _unreadable(code: str, sentence: str) -> Unreadable:
    return Unreadable([Finding(code, "error", "Message", sentence)])
