"""Writes `message-1.xsd` (XSD 1.0) from the classes and the code lists, so that the three cannot drift apart.

python -m schemas.xsd > schemas/message-1.xsd
"""

import inspect
from collections.abc import Iterator
from datetime import date, datetime
from xml.sax.saxutils import escape

from schemas import codes
from schemas.layout import NAMESPACE, Slot, is_ours, list_slots
from schemas.message import BODIES, Header
from schemas.shapes import CodeList, Number, Text

# No control character, line or paragraph separator, so that no line can be forged in a log or a mail; and no mark that
# turns the direction of what follows (Unicode UAX 9, 2.1 to 2.5), so that a name is read as it was written. Joiners may
# stand.
PLAIN = "[^\\p{Cc}\\p{Zl}\\p{Zp}\u202a-\u202e\u2066-\u2069]*"
SIMPLE = {date: "Day", datetime: "Moment", bool: "xs:boolean", str: "Line"}

HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- Written by schemas/xsd.py from schemas/message.py and schemas/codes/. Change those, not this file. -->
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{NAMESPACE}"
           targetNamespace="{NAMESPACE}" elementFormDefault="qualified" version="1">
  <xs:simpleType name="Day">
    <xs:restriction base="xs:date"><xs:pattern value="[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}"/></xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="Moment">
    <xs:annotation><xs:documentation>In UTC, to the millisecond.</xs:documentation></xs:annotation>
    <xs:restriction base="xs:dateTime">
      <xs:pattern value="[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}\\.[0-9]{{3}}Z"/>
    </xs:restriction>
  </xs:simpleType>
"""


def build_schema() -> str:
    """Return the text of the whole XSD, which is made of the classes in `message`."""
    seen: dict[type, None] = {}
    for cls in (Header, *BODIES):
        _collect(cls, seen)
    lists = sorted({slot.shape.name for cls in seen for slot in list_slots(cls) if isinstance(slot.shape, CodeList)})
    parts = [HEAD, *(_code_list(name) for name in lists), *(_class(cls) for cls in seen), _root(), "</xs:schema>\n"]
    return "".join(parts)


def _collect(cls: type, seen: dict[type, None]) -> None:
    for slot in list_slots(cls):
        if is_ours(slot.kind) and slot.kind not in seen:
            _collect(slot.kind, seen)
    seen.setdefault(cls)


def _code_list(name: str) -> str:
    """Of `string`, which keeps white space, not of `token`: " phone-only " must be no code, for to us it would mean
    nothing.
    """
    rows = "".join(
        f'      <xs:enumeration value="{code}"><xs:annotation><xs:documentation>{escape(label)}'
        "</xs:documentation></xs:annotation></xs:enumeration>\n"
        for code, label in codes.get_labels(name).items()
    )
    return (
        f'  <xs:simpleType name="{name}">\n    <xs:restriction base="xs:string">\n{rows}    </xs:restriction>\n '
        " </xs:simpleType>\n"
    )


def _class(cls: type) -> str:
    says = escape((inspect.getdoc(cls) or "").split("\n")[0])
    rows = "".join(_element(slot) for slot in list_slots(cls))
    return (
        f'  <xs:complexType name="{cls.__name__}">\n   '
        f" <xs:annotation><xs:documentation>{says}</xs:documentation></xs:annotation>\n    <xs:sequence>\n{rows}   "
        " </xs:sequence>\n  </xs:complexType>\n"
    )


def _element(slot: Slot) -> str:
    often = (' minOccurs="0"' if slot.optional else "") + (f' maxOccurs="{slot.most}"' if slot.repeated else "")
    facets = "".join(_facets(slot))
    says = (
        f"<xs:annotation><xs:documentation>{escape(slot.says)}</xs:documentation></xs:annotation>" if slot.says else ""
    )
    if facets:
        base = "xs:int" if isinstance(slot.shape, Number) else "xs:string"
        inner = f'{says}<xs:simpleType><xs:restriction base="{base}">{facets}</xs:restriction></xs:simpleType>'
        return f'      <xs:element name="{slot.element}"{often}>{inner}</xs:element>\n'
    head = f'      <xs:element name="{slot.element}" type="{_type(slot)}"{often}'
    return f"{head}>{says}</xs:element>\n" if says else f"{head}/>\n"


def _type(slot: Slot) -> str:
    if isinstance(slot.shape, CodeList):
        return slot.shape.name
    return slot.kind.__name__ if is_ours(slot.kind) else SIMPLE[slot.kind]


def _facets(slot: Slot) -> Iterator[str]:
    match slot.shape:
        case Number(least, most):
            yield f'<xs:minInclusive value="{least}"/><xs:maxInclusive value="{most}"/>'
        case Text(longest, pattern):
            yield f'<xs:minLength value="1"/><xs:maxLength value="{longest}"/>'
            # Marks of direction stay visible.
            written = escape(pattern or PLAIN).encode("ascii", "xmlcharrefreplace").decode()
            yield f'<xs:pattern value="{written}"/>'


def _root() -> str:
    choices = "".join(f'          <xs:element name="{cls.__name__}" type="{cls.__name__}"/>\n' for cls in BODIES)
    return (
        '  <xs:element name="Message">\n    <xs:complexType>\n      <xs:sequence>\n        <xs:element name="Header"'
        f' type="Header"/>\n        <xs:choice>\n{choices}        </xs:choice>\n      </xs:sequence>\n   '
        " </xs:complexType>\n  </xs:element>\n"
    )


if __name__ == "__main__":
    print(build_schema(), end="")
