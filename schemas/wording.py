"""What is wrong with a text, in a sentence: from the kind of the fault, where it stands, and the classes.

Never from the validator's own words, which quote the text; and no name of an element that is not one of ours.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime

from lxml import etree

from schemas import codes
from schemas.layout import NAMESPACE, Slot, is_ours, list_slots
from schemas.message import BODIES, Header
from schemas.shapes import CodeList, Number, Text

BEGINS = (
    (rb"(?:\xef\xbb\xbf)?\s*$", "The file is empty."),
    (rb"PK\x03\x04", "The file is a ZIP archive or a Word or Excel document, not a message in XML."),
    (rb"%PDF", "The file is a PDF document, not a message in XML."),
    (rb"\xd0\xcf\x11\xe0", "The file is an older Word, Excel or Outlook document, not a message in XML."),
    (rb"(?i)(?:\xef\xbb\xbf)?\s*<(!doctype html|html)", "The file is a web page, not a message in XML."),
    (rb"", "The file does not begin with <, as XML does: it may be plain text, a CSV table or a picture."),
)
MALFORMED: dict[int, str] = {
    etree.ErrorTypes.ERR_TAG_NAME_MISMATCH: "an element is not closed, or is closed by a different tag",
    etree.ErrorTypes.ERR_TAG_NOT_FINISHED: "it ends before every element is closed, so part of it may be missing",
    etree.ErrorTypes.ERR_GT_REQUIRED: "a tag is not finished with >",
    etree.ErrorTypes.ERR_NAME_REQUIRED: "in text, & must be written as &amp; and < as &lt;",
    etree.ErrorTypes.ERR_ENTITYREF_SEMICOL_MISSING: "in text, & must be written as &amp;",
    etree.ErrorTypes.ERR_UNDECLARED_ENTITY: "it has a name between & and ; that XML does not know",
    etree.ErrorTypes.ERR_INVALID_CHAR: "it contains a control character",
    etree.ErrorTypes.ERR_DOCUMENT_END: "something follows after its end",
    etree.ErrorTypes.ERR_RESERVED_XML_NAME: "something comes before <?xml",
}
FAULTS = {
    "SCHEMAV_CVC_TYPE_3_1_1": "has an attribute, which is not allowed in a message",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "has an attribute, which is not allowed in a message",
    "SCHEMAV_CVC_TYPE_3_1_2": "contains elements, but must contain only a value",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "contains text between its elements",
}
KINDS: dict[type, str] = {
    date: "a date written as 2015-03-31",
    datetime: "a UTC time written as 2026-11-23T09:30:00.000Z",
    bool: "true or false",
}


def _places() -> dict[str, Slot]:
    """Return every element that a message may have, by its path from the root."""
    slots_by_path: dict[str, Slot] = {}
    todo = [(f"Message/{cls.__name__}", Slot("", cls.__name__, cls, None, False, 1)) for cls in (Header, *BODIES)]
    while todo:
        path, slot = todo.pop()
        slots_by_path[path] = slot
        if is_ours(slot.kind):
            todo += [(f"{path}/{inner.element}", inner) for inner in list_slots(slot.kind)]
    return slots_by_path


PLACES = _places()


def not_xml(data: bytes) -> str:
    """Return the sentence on a file that does not begin as XML does: what it is.

    Args:
        data: the file, or its beginning.
    """
    return next(sentence for begin, sentence in BEGINS if re.match(begin, data))


def describe_malformed(code: int) -> str:
    """Return the sentence on why the parser could not go on.

    Args:
        code: libxml2's own for the error, 0 where it had none.
    """
    why = MALFORMED.get(code)
    return "The file is not valid XML" + (f": {why}." if why else ".")


def get_path(element: etree._Element) -> str:
    """Return the path of this element, as `Message/Header/Sender`, as far down as it leads through elements of ours."""
    names = [_name(ancestor) for ancestor in (*reversed(list(element.iterancestors())), element)]
    while len(names) > 1 and "/".join(names) not in PLACES:
        names.pop()
    return "/".join(names)


def describe_misfit(kind: str, element: etree._Element, *, lacks: bool) -> str:
    """Return the sentence on what the XSD has against this element.

    Args:
        kind: libxml2's name for the fault, as SCHEMAV_ELEMENT_CONTENT.
        element: at which the fault was found.
        lacks: the element ends before everything stands in it that must.
    """
    path = get_path(element)
    name = path.rsplit("/", 1)[-1]
    if kind == "SCHEMAV_ELEMENT_CONTENT":
        return _lacking(element) if lacks else _unexpected(element)
    if kind in FAULTS:
        return f"{name} {FAULTS[kind]}."
    slot = PLACES.get(path)
    if slot is None or is_ours(slot.kind):
        return f"{name} does not match the schema."
    if not element.text and slot.optional:
        return f"{name} is empty. Leave it out if there is nothing to enter."
    return f"{name} must be {describe_wanted(slot)}."


def _name(element: etree._Element) -> str:
    return str(element.tag).removeprefix(f"{{{NAMESPACE}}}")


def describe_wanted(slot: Slot) -> str:
    """Return what may stand in this element, in words that end a sentence."""
    match slot.shape:
        case CodeList(name):
            return _either([_code(code, label) for code, label in codes.get_labels(name).items()])
        case Number(least, most):
            return f"a whole number from {least} to {most}"
        case Text(longest, _, says):
            return says or f"text of 1 to {longest} characters on one line"
    return KINDS.get(slot.kind, "text of 1 to 100 characters on one line")


def _code(code: str, label: str) -> str:
    # A letter alone says nothing.
    return code if len(code) > 1 else f"{code} ({label})"


def _either(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


OUT_OF_ORDER = "The elements here are not in the order of the schema."
OF_A_MESSAGE = f"A Message has a Header, then one of these: {_either([cls.__name__ for cls in BODIES])}."


def _inside(parent: etree._Element) -> tuple[str, tuple[Slot, ...]]:
    slot = PLACES.get(get_path(parent))
    return (slot.element, list_slots(slot.kind)) if slot and is_ours(slot.kind) else ("", ())


def _absent(parent: etree._Element) -> str | None:
    """Return the first element that must stand here and does not."""
    there = {_name(child) for child in parent}
    return next((slot.element for slot in _inside(parent)[1] if not slot.optional and slot.element not in there), None)


def _lacking(parent: etree._Element) -> str:
    name, absent = _inside(parent)[0], _absent(parent)
    if absent is None:
        return OF_A_MESSAGE
    return f"{name} has no {absent}. It must come " + (f"after {_name(parent[-1])}." if len(parent) else "first.")


def _unexpected(element: etree._Element) -> str:
    """Of the child at which the schema's sequence broke: something lacks before it, or it may not stand there."""
    parent = element.getparent()
    name, inner = _inside(parent) if parent is not None else ("", ())
    if parent is None or not inner:
        return OF_A_MESSAGE
    order = {slot.element: at for at, slot in enumerate(inner)}
    child, absent = _name(element), _absent(parent)
    if child not in order:
        return f"This line has an element that is not allowed in {name}" + (
            f", and {absent} is missing." if absent else "."
        )
    at = order[child]
    if absent and order[absent] < at:
        return f"{name} has no {absent}. It must come before {child}."
    # The nearest first.
    before = [_name(sibling) for sibling in element.itersiblings(preceding=True)]
    if before.count(child) >= inner[at].most:
        return f"{name} has {child} more than {'once' if inner[at].most == 1 else f'{inner[at].most} times'}."
    if later := [name for name in before if order.get(name, at) > at]:
        return f"{child} must come before {later[-1]} in {name}."
    earlier = [name for name in map(_name, element.itersiblings()) if order.get(name, at) < at]
    return f"{child} must come after {max(earlier, key=order.__getitem__)} in {name}." if earlier else OUT_OF_ORDER
