"""XML to message and message to XML, exactly: what is written reads back as the same message.

The text comes from another authority, or from a file that somebody sent in. So: UTF-8 only, bounded in size and depth,
no DTD, no entity, no processing instruction, no network; and the XSD before anything else is believed. What is found
wrong is said without quoting the text, because the text is about a child.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from lxml import etree

from schemas import rules
from schemas.findings import Finding, Unreadable
from schemas.layout import is_ours, slots
from schemas.message import BODIES, Body, Header, Message
from schemas.shapes import CodeList, Number, Text
from schemas.xsd import NAMESPACE

__all__ = ["MAX_BYTES", "Unreadable", "inspect", "read", "write"]

MAX_BYTES = 262_144  # a notice with forty enquiries is near 20 KiB; a file much larger is something else
MAX_DEPTH = 16  # ours is 6 deep
NOT_CARRIED = re.compile("[^\\t\\n\\r\\x20-\\uD7FF\\uE000-\\uFFFD\\U00010000-\\U0010FFFF]")
DECLARATION = b"<?xml version='1.0' encoding='UTF-8'?>\n"
TAG = f"{{{NAMESPACE}}}"
BODY_OF = {TAG + cls.__name__: cls for cls in BODIES}
INSTRUCTIONS = etree.XPath("//processing-instruction()")
TOO_DEEP = etree.XPath("/*" * (MAX_DEPTH + 1))
ENCODING = re.compile(rb"""^\s*<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


def read(data: bytes) -> Message:
    """The message in this text. Raises Unreadable with every problem that the schema finds."""
    return _message(_tree(data))


def write(message: Message) -> bytes:
    """The one text of this message, valid under the XSD. Raises Unreadable where a value does not fit its element.

    The text is put together first and then parsed and checked, so that what was checked is what gets signed.
    """
    lines = [f'<Message xmlns="{NAMESPACE}">']
    _write(lines, "Header", message.header, "  ")
    _write(lines, message.kind, message.body, "  ")
    lines.append("</Message>")
    try:
        text = DECLARATION + "\n".join(lines).encode() + b"\n"
        root = etree.fromstring(text, _parser())
    except (etree.XMLSyntaxError, UnicodeEncodeError):
        raise _unreadable("xml.schema", f"{_uncarried(lines)} holds a character that XML cannot carry.") from None
    _validate(root)
    return text


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
    try:
        root = etree.fromstring(data, _parser())
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


@cache
def _parser() -> etree.XMLParser[etree._Element]:
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        dtd_validation=False,
    )


def _check_encoding(data: bytes) -> None:
    declared = ENCODING.match(data[:200].removeprefix(b"\xef\xbb\xbf"))
    if declared and declared[1].upper() not in (b"UTF-8", b"US-ASCII"):
        raise _unreadable("xml.encoding", "The file declares an encoding other than UTF-8.", 1)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise _unreadable("xml.encoding", "The file is not UTF-8 text, whatever it declares.") from None


def _check_nodes(root: etree._Element) -> None:
    for element in INSTRUCTIONS(root):
        raise _unreadable(
            "xml.instruction", "The file holds a processing instruction, which a message may not.", element.sourceline
        )
    for element in TOO_DEEP(root):
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
    try:
        found = root.xpath(error.path) if error.path else []
    except etree.XPathError:  # the path holds a prefix that only the text declares: an element that is not ours
        found = []
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

# The codec: a table for each class, put together once, and one function for each direction.


def _text(value: str) -> str:
    """Character data (XML 1.0, 2.4); a carriage return would be read back as a line feed (2.11)."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _moment_text(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


FROM_TEXT: dict[type, Callable[[str], object]] = {
    str: str, int: int, bool: lambda text: text in ("true", "1"), date: date.fromisoformat, datetime: _moment,
}  # fmt: skip
TO_TEXT: dict[type, Callable[..., str]] = {
    str: _text, int: str, bool: lambda value: "true" if value else "false", date: date.isoformat, datetime: _moment_text,
}  # fmt: skip


def _write(lines: list[str], tag: str, value: object, indent: str) -> None:
    lines.append(f"{indent}<{tag}>")
    deeper = indent + "  "
    cls: type = type(value)
    for field, element, to_text, repeated in _elements(cls):
        inner = getattr(value, field)
        if inner is None:
            continue
        for one in inner if repeated else (inner,):
            if to_text is None:
                _write(lines, element, one, deeper)
            else:
                lines.append(f"{deeper}<{element}>{to_text(one)}</{element}>")
    lines.append(f"{indent}</{tag}>")


@cache
def _elements(cls: type) -> tuple[tuple[str, str, Callable[..., str] | None, bool], ...]:
    return tuple((slot.field, slot.element, TO_TEXT.get(slot.kind), slot.repeated) for slot in slots(cls))


def _uncarried(lines: list[str]) -> str:
    """The element whose text XML cannot carry (XML 1.0, 2.2)."""
    return next((line.split(">")[0].strip(" <") for line in lines if NOT_CARRIED.search(line)), "The message")


def _take(cls: type, element: etree._Element, following: Iterator[etree._Element]) -> object:
    """The value in an element; `following` gives what comes after it in the text: one walk for all is the quickest."""
    found: dict[str, Any] = {}
    table = _fields(cls)
    for _ in range(len(element)):
        child = next(following)
        field, kind, from_text, repeated = table[child.tag]
        value = _take(kind, child, following) if from_text is None else from_text(child.text or "")
        found[field] = (*found.get(field, ()), value) if repeated else value
    return cls(**found)


@cache
def _fields(cls: type) -> dict[object, tuple[str, type, Callable[[str], object] | None, bool]]:
    return {TAG + slot.element: (slot.field, slot.kind, FROM_TEXT.get(slot.kind), slot.repeated) for slot in slots(cls)}


def _message(root: etree._Element) -> Message:
    following = root.iter()
    next(following)  # the root itself
    try:
        taken = _take(Header, next(following), following)
        body = next(following)
        said = _take(BODY_OF[str(body.tag)], body, following)
    except ValueError:  # a date that the XSD's calendar has and Python's has not, such as the year 0000
        raise _unreadable("xml.schema", "The message holds a date that does not exist.") from None
    assert isinstance(taken, Header)  # noqa: S101 - what `_take` makes of Header
    assert isinstance(said, Body)  # noqa: S101
    return Message(taken, said)
