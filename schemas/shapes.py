"""The shapes that a value in a message may have: what the XSD says of it, and how it is written."""

from dataclasses import dataclass
from typing import Annotated, NewType


@dataclass(frozen=True, slots=True)
class Text:
    """Text without control characters, at most so long; `pattern` in the syntax of XSD."""

    longest: int
    pattern: str | None = None
    # How a person is told what to write.
    says: str = ""


@dataclass(frozen=True, slots=True)
class CodeList:
    """One of the codes of a list in `codes/`."""

    name: str


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number within bounds."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Says:
    """What an element means, as the XSD documents it."""

    text: str


@dataclass(frozen=True, slots=True)
class Named:
    """The element's name, where it is not the field's in PascalCase, and how often a repeated one may stand."""

    name: str
    most: int = 1


# What names a message, and what names the case that it belongs to: neither goes where the other, or a code, is wanted.
MessageId = NewType("MessageId", str)
CaseId = NewType("CaseId", str)

Line = Annotated[str, Text(100)]
# Longer than any name in England's registers; ONE's limits are ONE's own.
Name = Annotated[str, Text(150)]
Paragraph = Annotated[str, Text(2000)]
Uuid7 = Annotated[
    MessageId,
    Text(
        36,
        "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        "a UUID of version 7, in small letters",
    ),
]
Uuid = Annotated[CaseId, Text(36, "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UUID in small letters")]
AuthorityCode = Annotated[str, Text(3, "[0-9]{3}", "a DfE authority code of three digits, such as 333")]
UPN = Annotated[
    str,
    Text(
        13,
        "[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]",
        "a UPN: a letter, eleven digits, and a digit (or a letter if temporary)",
    ),
]
ULN = Annotated[str, Text(10, "[0-9]{10}", "a ULN of ten digits")]
Estab = Annotated[str, Text(4, "[0-9]{4}|LLLL|XXXX|MMMM", "an establishment number of four digits")]
Telephone = Annotated[str, Text(30, "[+0-9][0-9 ()+]{5,29}", "a telephone number of digits and spaces")]
# What may stand in no text (as PLAIN in `xsd.py`), and what ends an address. A label ends at a dot, so that there is
# one way only to take a text apart: with many ways, a long one takes hours.
_NOT_IN_EMAIL = "@\\s<>,;:\x7f-\x9f\u2028-\u202e\u2066-\u2069"
_LABEL = f"[^.{_NOT_IN_EMAIL}]+"
Email = Annotated[
    str,
    Text(254, rf"[^{_NOT_IN_EMAIL}]+@{_LABEL}(\.{_LABEL})+", "an email address, such as officer@council.example"),
]
PostCode = Annotated[str, Text(10)]
