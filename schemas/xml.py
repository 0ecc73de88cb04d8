"""XML to message and message to XML, exactly: what is written reads back as the same message.

The form is XML 1.0 under an XSD 1.0, `message-1.xsd`. The text comes from another authority, or from a file that
somebody sent in. So: UTF-8 only, bounded in size and depth, no DTD, no entity, no processing instruction, no network;
and the XSD before anything else is believed. What is found wrong is said without quoting the text, because the text is
about a child.

What stands in which element is said by the classes of `message`: `layout` reads it off them.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

from lxml import etree

from schemas import wording
from schemas.findings import Finding, Unreadable
from schemas.layout import NAMESPACE, list_slots
from schemas.message import BODIES, Body, Header, Message

__all__ = ["MAX_BYTES", "Unreadable", "list_faults", "parse_root", "read", "write"]

# A notice with forty enquiries is near 20 KiB; a file much larger is something else.
MAX_BYTES = 262_144
# What comes is bounded before it is parsed, and before the XSD's patterns are tried on it: both may take long over too
# much. Beginnings and ends of elements: a notice with forty enquiries has some 1,500.
MAX_MARKUP = 8_192
# Ours have one, the name of the namespace.
MAX_ATTRIBUTES = 256
# Characters between two tags: the longest that may stand is a paragraph of 2,000.
MAX_TEXT = 4_096
# That are said of one file: each is looked up in it.
MOST_FAULTS = 200
# Ours is 6 deep.
MAX_DEPTH = 16
NOT_CARRIED = re.compile("[^\\t\\n\\r\\x20-\\uD7FF\\uE000-\\uFFFD\\U00010000-\\U0010FFFF]")
DECLARATION = b"<?xml version='1.0' encoding='UTF-8'?>\n"
TAG = f"{{{NAMESPACE}}}"
BODY_OF = {TAG + cls.__name__: cls for cls in BODIES}
INSTRUCTIONS = etree.XPath("//processing-instruction()")
TOO_LONG = etree.XPath(f"//*[not(*)][string-length() > {MAX_TEXT}]")
ATTRIBUTE = re.compile(rb"=\s*[\"']")
TOO_DEEP = etree.XPath("/*" * (MAX_DEPTH + 1))
BEGIN = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?!\x00|(?i:!doctype html|html))")
UTF_16 = re.compile(rb"\xff\xfe|\xfe\xff|<\x00|\x00<")
ENCODING = re.compile(rb"""^\s*<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


def read(data: bytes) -> Message:
    """Read the message in this XML text.

    Raises:
        Unreadable: as `parse_root` does; or `xml.schema`, with what `list_faults` finds, or for a date that no calendar
            of ours has, as in the year 0000.
    """
    return _message(_tree(data))


def write(message: Message) -> bytes:
    """Return the one XML text of this message, UTF-8, valid under the XSD.

    The text is put together first and then parsed and checked, so that what was checked is what gets signed.

    Raises:
        Unreadable: a value does not fit its element (`xml.schema`).
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


def _tree(data: bytes) -> etree._Element:
    root = parse_root(data)
    _validate(root)
    return root


def parse_root(data: bytes) -> etree._Element:
    """Return the root of this text, a Message by its name; the XSD was not asked yet.

    Raises:
        Unreadable: with the first problem: `xml.too-large`, `xml.encoding`, `xml.not-xml`, `xml.malformed`, `xml.dtd`,
            `xml.instruction`, `xml.too-deep`, `xml.namespace`.
    """
    if len(data) > MAX_BYTES:
        raise _unreadable("xml.too-large", f"The file is larger than {MAX_BYTES // 1024} KiB.")
    _check_text(data)
    if data.count(b"<") > MAX_MARKUP or len(ATTRIBUTE.findall(data)) > MAX_ATTRIBUTES:
        raise _unreadable("xml.too-large", "The file has too many elements or attributes for a message.")
    try:
        root = etree.fromstring(data, _parser())
    except (etree.XMLSyntaxError, ValueError) as why:
        line, code = getattr(why, "lineno", None), getattr(why, "code", 0)
        raise _unreadable("xml.malformed", wording.describe_malformed(code), line) from None
    tree = root.getroottree()
    if tree.docinfo.internalDTD is not None or tree.docinfo.doctype:
        raise _unreadable(
            "xml.dtd", "The file declares a document type or entities, which is not allowed in a message.", 1
        )
    _check_nodes(root)
    if root.tag != TAG + "Message":
        raise _unreadable("xml.namespace", f"The file is not a Message of {NAMESPACE}.", root.sourceline)
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


def _check_text(data: bytes) -> None:
    declared = ENCODING.match(data[:200].removeprefix(b"\xef\xbb\xbf"))
    if declared and declared[1].upper() not in (b"UTF-8", b"US-ASCII"):
        raise _unreadable("xml.encoding", "The file declares an encoding other than UTF-8. Save it as UTF-8.", 1)
    if not BEGIN.match(data):
        if UTF_16.match(data):
            raise _unreadable("xml.encoding", "The file is UTF-16 text. Save it as UTF-8.")
        raise _unreadable("xml.not-xml", wording.not_xml(data))
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise _unreadable("xml.encoding", "The file is not UTF-8 text, even if it says so. Save it as UTF-8.") from None


def _check_nodes(root: etree._Element) -> None:
    for element in INSTRUCTIONS(root):
        raise _unreadable(
            "xml.instruction",
            "The file has a processing instruction, which is not allowed in a message.",
            element.sourceline,
        )
    for element in TOO_LONG(root):
        raise _unreadable("xml.too-large", f"An element has more than {MAX_TEXT:,} characters.", element.sourceline)
    for element in TOO_DEEP(root):
        raise _unreadable("xml.too-deep", f"Elements are nested more than {MAX_DEPTH} deep.", element.sourceline)


def _unreadable(code: str, sentence: str, line: int | None = None) -> Unreadable:
    return Unreadable([Finding(code, "error", "Message", sentence, line)])


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring((files("schemas") / "message-1.xsd").read_bytes()))


def _validate(root: etree._Element) -> None:
    if problems := list_faults(root):
        raise Unreadable([finding for _, finding in problems])


def list_faults(root: etree._Element) -> list[tuple[etree._Element, Finding]]:
    """List what the XSD has against this tree: one finding (`xml.schema`) for each place and line, with its element.

    Of a text with very many faults the first 200 are looked at.

    Args:
        root: as `parse_root` returned it.
    """
    schema = _schema()
    if schema.validate(root):
        return []
    by_place: dict[tuple[str, int], tuple[etree._Element, Finding]] = {}
    for error in islice(schema.error_log, MOST_FAULTS):
        element = _element(root, error)
        path = wording.get_path(element)
        lacks = ": Missing child element(s)." in error.message
        sentence = wording.describe_misfit(error.type_name, element, lacks=lacks)
        by_place.setdefault((path, error.line), (element, Finding("xml.schema", "error", path, sentence, error.line)))
    return list(by_place.values())


def _element(root: etree._Element, error: "etree._LogEntry") -> etree._Element:
    # A prefix that only the text declares is none that XPath knows, so an element that is not ours is sought by its
    # name.
    path = re.sub(r"/([^/\[*:]+:[^/\[]+)", r"/*[name()='\1']", error.path or "/*")
    try:
        nodes = root.xpath(path)
    except etree.XPathError:
        return root
    return nodes[0] if isinstance(nodes, list) and nodes and isinstance(nodes[0], etree._Element) else root


# The codec: a table for each class, put together once, and one function for each direction.


def _text(value: str) -> str:
    """Character data (XML 1.0, 2.4); a carriage return would be read back as a line feed (2.11)."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.strip()).astimezone(UTC)


def _day(text: str) -> date:
    return date.fromisoformat(text.strip())


def _truth(text: str) -> bool:
    return text.strip() in ("true", "1")


def _moment_text(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


# The XSD lets white space stand around what is not text (XSD part 2, 4.3.6), so it is taken off here too.
FROM_TEXT: dict[type, Callable[[str], object]] = {str: str, int: int, bool: _truth, date: _day, datetime: _moment}
TO_TEXT: dict[type, Callable[..., str]] = {
    str: _text, int: str, bool: lambda value: "true" if value else "false",
    date: date.isoformat, datetime: _moment_text,
}  # fmt: skip


def _write(lines: list[str], tag: str, value: object, indent: str) -> None:
    lines.append(f"{indent}<{tag}>")
    deeper = indent + "  "
    cls: type = type(value)
    for field, element, to_text, repeated in _elements(cls):
        inner = getattr(value, field)
        if inner is None:
            continue
        for part in inner if repeated else (inner,):
            if to_text is None:
                _write(lines, element, part, deeper)
            else:
                lines.append(f"{deeper}<{element}>{to_text(part)}</{element}>")
    lines.append(f"{indent}</{tag}>")


@cache
def _elements(cls: type) -> tuple[tuple[str, str, Callable[..., str] | None, bool], ...]:
    return tuple((slot.field, slot.element, TO_TEXT.get(slot.kind), slot.repeated) for slot in list_slots(cls))


def _uncarried(lines: list[str]) -> str:
    """Return the element whose text XML cannot carry (XML 1.0, 2.2)."""
    return next((line.split(">")[0].strip(" <") for line in lines if NOT_CARRIED.search(line)), "The message")


def _take(cls: type, element: etree._Element, following: Iterator[etree._Element]) -> object:
    """The value in an element; `following` gives what comes after it in the text: one walk for all is the quickest."""
    values: dict[str, Any] = {}
    table = _fields(cls)
    for _ in range(len(element)):
        child = next(following)
        field, kind, from_text, repeated = table[child.tag]
        value = _take(kind, child, following) if from_text is None else from_text(child.text or "")
        values[field] = (*values.get(field, ()), value) if repeated else value
    return cls(**values)


@cache
def _fields(cls: type) -> dict[object, tuple[str, type, Callable[[str], object] | None, bool]]:
    return {
        TAG + slot.element: (slot.field, slot.kind, FROM_TEXT.get(slot.kind), slot.repeated) for slot in list_slots(cls)
    }


def _message(root: etree._Element) -> Message:
    following = root.iter()
    # The root itself.
    next(following)
    try:
        taken = _take(Header, next(following), following)
        body = next(following)
        content = _take(BODY_OF[str(body.tag)], body, following)
    except ValueError:
        # A date that the XSD's calendar has and Python's has not, such as the year 0000.
        raise _unreadable("xml.schema", "The message has a date that does not exist.") from None
    assert isinstance(taken, Header)  # noqa: S101 - what `_take` makes of Header
    assert isinstance(content, Body)  # noqa: S101
    return Message(taken, content)
