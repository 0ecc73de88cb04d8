"""JSON Schema (draft 2020-12) of the classes of `message`, from the same annotations as the XSD and the codec."""

import inspect
from datetime import date, datetime
from typing import Any

from schemas import codes
from schemas.json import DAY, MOMENT
from schemas.layout import Slot, is_ours, list_slots
from schemas.message import BODIES, Header
from schemas.shapes import CodeList, Number, Text

REF = "#/components/schemas/"
# What the XSD's PLAIN forbids: control characters, line and paragraph separators, and marks that turn the direction of
# text.
PLAIN = r"[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+"
# Of what is text and says no more.
LINE = Text(100)


def build_definitions() -> dict[str, Any]:
    """Return JSON Schema for every class of a message, every code list that it uses, and the message, by name.

    They refer to each other as parts of a description in OpenAPI do (`REF`).
    """
    schemas: dict[str, Any] = {"Message": _message()}
    for cls in (Header, *BODIES):
        _collect(cls, schemas)
    return dict(sorted(schemas.items()))


def _message() -> dict[str, Any]:
    kinds = [cls.__name__ for cls in BODIES]
    alone = [
        {
            "title": kind,
            "type": "object",
            "properties": {"Header": {"$ref": f"{REF}Header"}, kind: {"$ref": REF + kind}},
            "required": ["Header", kind],
            "additionalProperties": False,
        }
        for kind in kinds
    ]
    return {"description": "A header and one of nine bodies, as message-1.xsd has them.", "oneOf": alone}


def _collect(cls: type, schemas: dict[str, Any]) -> None:
    if cls.__name__ in schemas:
        return
    schemas[cls.__name__] = _class(cls)
    for slot in list_slots(cls):
        if is_ours(slot.kind):
            _collect(slot.kind, schemas)
        if isinstance(slot.shape, CodeList):
            schemas.setdefault(slot.shape.name, code_list(slot.shape.name))


def _class(cls: type) -> dict[str, Any]:
    required = [slot.element for slot in list_slots(cls) if not slot.optional]
    made: dict[str, Any] = {
        "type": "object",
        "description": (inspect.getdoc(cls) or "").split("\n")[0],
        "properties": {slot.element: _slot(slot) for slot in list_slots(cls)},
        "additionalProperties": False,
    }
    return made | ({"required": required} if required else {})


def code_list(name: str) -> dict[str, Any]:
    """Return JSON Schema for one code list: the codes, and what they mean.

    Args:
        name: as for `codes.list_rows`.
    """
    labels = codes.get_labels(name)
    return {
        "type": "string",
        "enum": list(labels),
        "description": "; ".join(f"{code}: {label}" for code, label in labels.items()),
    }


def _slot(slot: Slot) -> dict[str, Any]:
    return {"type": "array", "items": _one(slot), "maxItems": slot.most} if slot.repeated else _one(slot)


def _one(slot: Slot) -> dict[str, Any]:
    if is_ours(slot.kind):
        return {"$ref": REF + slot.kind.__name__}
    match slot.shape:
        case CodeList(name):
            return {"$ref": REF + name}
        case Number(least, most):
            return {"type": "integer", "minimum": least, "maximum": most}
    if slot.kind is bool:
        return {"type": "boolean"}
    if slot.kind in (date, datetime):
        form = DAY if slot.kind is date else MOMENT
        return {
            "type": "string",
            "format": "date" if slot.kind is date else "date-time",
            "pattern": f"^{form.pattern}$",
        }
    text = slot.shape if isinstance(slot.shape, Text) else LINE
    return {"type": "string", "minLength": 1, "maxLength": text.longest, "pattern": f"^(?:{text.pattern or PLAIN})$"}
