"""XML to message and message to XML, exactly: what is written reads back as the same message.

The text comes from another authority, or from a file that somebody sent in. So: UTF-8 only, bounded in size and depth,
no DTD, no entity, no processing instruction, no network; and the XSD before anything else is believed. What is found
wrong is said without quoting the text, because the text is about a child.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files

from lxml import etree

from schemas import rules
from schemas.findings import Finding, Unreadable
from schemas.layout import Slot, is_ours, slots
from schemas.message import BODIES, Body, Header, Message
from schemas.shapes import CodeList, Number, Text
from schemas.xsd import NAMESPACE

__all__ = ["MAX_BYTES", "Unreadable", "inspect", "read", "write"]

MAX_BYTES = 262_144  # a notice with forty enquiries is near 20 KiB; a file much larger is something else
MAX_DEPTH = 16  # ours is 6 deep
DECLARATION = b"<?xml version='1.0' encoding='UTF-8'?>\n"
TAG = f"{{{NAMESPACE}}}"
BODY_OF = {TAG + cls.__name__: cls for cls in BODIES}
ENCODING = re.compile(rb"""^\s*<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


def read(data: bytes) -> Message:
    """The message in this text. Raises Unreadable with every problem that the schema finds."""
    return _message(_tree(data))


def write(message: Message) -> bytes:
    """The one text of this message, valid under the XSD. Raises Unreadable where a value does not fit its element."""
    root = etree.Element(TAG + "Message", nsmap={None: NAMESPACE})
    _fill(etree.SubElement(root, TAG + "Header"), message.header)
    _fill(etree.SubElement(root, TAG + message.kind), message.body)
    _validate(root)
    etree.indent(root)
    return DECLARATION + etree.tostring(root, encoding="UTF-8") + b"\n"


def inspect(data: bytes, *, today: date) -> tuple[Message | None, list[Finding]]:
    """Every problem, of shape and of meaning, with its line: for a person with a file."""
    try:
        root = _tree(data)
    except Unreadable as why:
        return None, list(why.problems)
    message = _message(root)
    return message, [
        replace(finding, line=_line(root, finding.element)) for finding in rules.check(message, today=today)
    ]


def _line(root: etree._Element, path: str) -> int | None:
    steps = path.split("/")[1:]
    while steps:
        found = root.find("/".join(TAG + step for step in steps))
        if found is not None:
            return found.sourceline
        steps.pop()
    return root.sourceline


def _tree(data: bytes) -> etree._Element:
    if len(data) > MAX_BYTES:
        raise _unreadable("xml.too-large", f"The file is larger than {MAX_BYTES // 1024} KiB.")
    _check_encoding(data)
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        dtd_validation=False,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as why:
        line = getattr(why, "lineno", None)
        raise _unreadable("xml.malformed", "The file is not well-formed XML.", line) from None
    tree = root.getroottree()
    if tree.docinfo.internalDTD is not None or tree.docinfo.doctype:
        raise _unreadable("xml.dtd", "The file declares a document type or entities, which a message may not.", 1)
    _check_nodes(root)
    if root.tag != TAG + "Message":
        raise _unreadable("xml.namespace", f"The file is not a Message of {NAMESPACE}.", root.sourceline)
    _validate(root)
    return root


def _check_encoding(data: bytes) -> None:
    declared = ENCODING.match(data[:200].removeprefix(b"\xef\xbb\xbf"))
    if declared and declared[1].upper() not in (b"UTF-8", b"US-ASCII"):
        raise _unreadable("xml.encoding", "The file declares an encoding other than UTF-8.", 1)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise _unreadable("xml.encoding", "The file is not UTF-8 text, whatever it declares.") from None


def _check_nodes(root: etree._Element) -> None:
    depth, element = 0, root
    for event, element in etree.iterwalk(root, events=("start", "end", "pi")):
        if event == "pi":
            raise _unreadable(
                "xml.instruction",
                "The file holds a processing instruction, which a message may not.",
                element.sourceline,
            )
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            raise _unreadable("xml.too-deep", f"Elements lie more than {MAX_DEPTH} deep.", element.sourceline)


def _unreadable(code: str, sentence: str, line: int | None = None) -> Unreadable:
    return Unreadable([Finding(code, "error", "Message", sentence, line)])


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring((files("schemas") / "message-1.xsd").read_bytes()))


def _validate(root: etree._Element) -> None:
    schema = _schema()
    if schema.validate(root):
        return
    findings: dict[tuple[str, int], Finding] = {}
    for error in schema.error_log:
        element = "/".join(re.sub(r"^\{.*?\}|\[\d+\]$|^\*$", "", step) for step in _path(root, error))
        findings.setdefault(
            (element, error.line), Finding("xml.schema", "error", element, _sentence(error, element), error.line)
        )
    raise Unreadable(list(findings.values()))


def _path(root: etree._Element, error: "etree._LogEntry") -> list[str]:
    found = root.xpath(error.path) if error.path else []
    element = found[0] if isinstance(found, list) and found else root
    steps: list[str] = []
    while element is not None:
        steps.append(str(element.tag).removeprefix(TAG))
        element = element.getparent()
    return steps[::-1]


def _sentence(error: "etree._LogEntry", path: str) -> str:
    """What is wrong, from the kind of the error and the schema; the validator's own words quote the text."""
    name = path.rsplit("/", 1)[-1]
    kind = error.type_name
    if kind == "SCHEMAV_ELEMENT_CONTENT":
        wanted = re.search(r"Expected is (?:one of )?\( (.*) \)", error.message)
        names = re.findall(r"\}([A-Za-z0-9]+)", wanted[1]) if wanted else []
        return (
            f"{name} is not expected here" + (f"; expected is {' or '.join(names)}." if names else ".")
            if "Missing" not in error.message
            else (f"{name} lacks {' or '.join(names)}." if names else f"{name} lacks an element.")
        )
    return f"{name} must be {SAYS.get(name, 'a value of the kind and length that the schema names')}."


def _says() -> dict[str, str]:
    """For each element with a simple value: what it must be."""
    words: dict[str, str] = {}
    kinds: dict[type, str] = {
        date: "a date written as 2015-03-31",
        datetime: "a UTC time written as 2026-11-23T09:30:00.000Z",
        bool: "true or false",
    }
    todo: list[type] = [Header, *BODIES]
    while todo:
        for slot in slots(todo.pop()):
            if is_ours(slot.kind):
                todo.append(slot.kind)
                continue
            match slot.shape:
                case CodeList(name):
                    words[slot.element] = f"one of the codes in the list {name}"
                case Number(least, most):
                    words[slot.element] = f"a whole number from {least} to {most}"
                case Text(longest, _, says):
                    words[slot.element] = says or f"text of 1 to {longest} characters on one line"
                case _:
                    words[slot.element] = kinds.get(slot.kind, "text")
    return words


SAYS = _says()

# The codec: one function for each class and direction, put together once.

Fill = Callable[[etree._Element, object], None]
Take = Callable[[etree._Element], object]


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def _moment_text(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"


FROM_TEXT: dict[type, Callable[[str], object]] = {
    str: str, int: int, bool: lambda text: text in ("true", "1"), date: date.fromisoformat, datetime: _moment,
}  # fmt: skip
TO_TEXT: dict[type, Callable[..., str]] = {
    str: str, int: str, bool: lambda value: "true" if value else "false", date: date.isoformat, datetime: _moment_text,
}  # fmt: skip


def _fill(element: etree._Element, value: object) -> None:
    cls: type = type(value)
    for slot, tag in _tags(cls):
        inner = getattr(value, slot.field)
        if inner is None:
            continue
        for one in inner if slot.repeated else (inner,):
            child = etree.SubElement(element, tag)
            if slot.kind in TO_TEXT:
                _set_text(child, TO_TEXT[slot.kind](one))
            else:
                _fill(child, one)


def _set_text(element: etree._Element, text: str) -> None:
    try:
        element.text = text
    except ValueError:
        name = str(element.tag).removeprefix(TAG)
        raise _unreadable("xml.schema", f"{name} holds a character that XML cannot carry.") from None


@cache
def _tags(cls: type) -> tuple[tuple[Slot, str], ...]:
    return tuple((slot, TAG + slot.element) for slot in slots(cls))


@cache
def _by_tag(cls: type) -> dict[str, Slot]:
    return {TAG + slot.element: slot for slot in slots(cls)}


def _take(cls: type, element: etree._Element) -> object:
    found: dict[str, object] = {}
    many: dict[str, list[object]] = {}
    known = _by_tag(cls)
    for child in element:
        slot = known[str(child.tag)]
        value = FROM_TEXT[slot.kind](child.text or "") if slot.kind in FROM_TEXT else _take(slot.kind, child)
        if slot.repeated:
            many.setdefault(slot.field, []).append(value)
        else:
            found[slot.field] = value
    return cls(**found, **{field: tuple(values) for field, values in many.items()})


def _message(root: etree._Element) -> Message:
    header, body = root
    try:
        taken, said = _take(Header, header), _take(BODY_OF[str(body.tag)], body)
    except ValueError:  # a date that the XSD's calendar has and Python's has not, such as the year 0000
        raise _unreadable("xml.schema", "The message holds a date that does not exist.") from None
    assert isinstance(taken, Header)  # noqa: S101 - what `_take` makes of Header
    assert isinstance(said, Body)  # noqa: S101
    return Message(taken, said)
