"""DfE's Common Transfer File: the little of it that says who left a school, and where to.

Root `CTfile`, then `Header` and `CTFpupilData/Pupil`. A version belongs to an academic year (CTF 26 to 2026/27); the
current one and the one before are read. A CML (children missing education, leavers) and a CMJ (joiners) are taken for
files of the same build, which their `DocumentName` or their name (`3332101_CML_333LLLL_001.xml`) tells apart. Their own
elements were never published; assumed are, within a `Pupil`, `GroundsForRemoval` or `RemovalGround` with its letter,
and `DestSchool` and `DestinationAddress` built like the header's `DestSchool` and the pupil's `Address`.

The text comes from others: no DTD, no entity, no network, one pupil in memory at a time; and nothing of it in an error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, Literal

from lxml import etree

from schemas.days import read_day
from schemas.findings import Finding, Unreadable

# Month and day on which a new version begins.
CHANGES = (8, 1)
# As destination: not known; left the maintained sector.
NOBODY = ("XXX", "MMM")
# Marks, some written twice, and empty lines.
BEFORE_XML = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n])+(?=<)")
# As it may be shown.
VERSION = re.compile("[A-Za-z]{0,4} ?[0-9]{1,4}([.][0-9]{1,2})?")
JOINERS = re.compile("(?i)cmj|joiner")
# Bytes of one pupil in a file, or of what stands between two: a real one has some thousands.
MAX_PUPIL = 2_097_152
Event = Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class Leaver:
    """A pupil as the file has it: texts, empty where it says nothing."""

    # In the file, from 1.
    number: int
    # Of a CMJ: who came, not who left.
    joiner: bool
    upn: str
    surname: str
    forename: str
    dob: str
    sex: str
    nc_year: str
    left_on: str
    # For removal from the register: a letter.
    ground: str
    # Empty where the file does not know.
    destination_la: str
    destination_estab: str
    destination_school: str
    # Where the pupil went, only where that is not where the pupil lived.
    new_address: str
    new_postcode: str
    # Where the pupil lived: lines with commas between them.
    old_address: str
    old_postcode: str
    school_lea: str
    school_estab: str
    school_name: str


def academic_year(today: date) -> int:
    """Return the year in which the academic year of this day began: on 1 August, as a version of the CTF does."""
    return today.year if (today.month, today.day) >= CHANGES else today.year - 1


def get_version(today: date) -> int:
    """Return the version of the Common Transfer File that is current on this day, as 26 from 1 August 2026."""
    return academic_year(today) % 100


def read(stream: BinaryIO, name: str, *, today: date) -> Iterator[Leaver]:
    """Read every pupil of a Common Transfer File, one by one.

    Args:
        stream: the bytes of the file, at its beginning; they must be seekable.
        name: of the file, which may say that it is one of joiners.
        today: says which versions are current.

    Raises:
        Unreadable: `ctf.malformed` where it is no such file; `ctf.version` where it is of another version than the
            newest two. It may be raised only after some pupils were returned.
    """
    header: etree._Element | None = None
    number = 0
    try:
        before = BEFORE_XML.match(stream.read(200))
        begins = before.end() if before else 0
        _check_root(stream, begins)
        bounded = _Bounded(stream)
        for element in _elements(bounded, "end", ("Header", "Pupil")):
            bounded.begin_pupil()
            path = [above.tag for above in element.iterancestors()]
            if element.tag == "Header" and path == ["CTfile"]:
                header = _checked(element, today)
            elif element.tag == "Pupil" and path == ["CTFpupilData", "CTfile"]:
                if header is None:
                    raise _unreadable("ctf.malformed", "The file has no header before its pupils.")
                number += 1
                yield _leaver(header, element, number, joiner=_of_joiners(header, name))
                _forget(element)
    except etree.XMLSyntaxError as why:
        where = f": see line {why.lineno}" if why.lineno else ""
        sentence = f"The file is not complete, not XML, or not in the encoding that it declares{where}."
        raise _unreadable("ctf.malformed", sentence) from None
    except ValueError:
        raise _unreadable("ctf.malformed", "The file is not complete, or not XML.") from None
    if header is None:
        raise _unreadable("ctf.malformed", "The file has no header.")


class _Bounded:
    """The bytes of a file, so many for one pupil: all of a pupil is held at once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._get_seconds_left = stream, MAX_PUPIL

    def read(self, size: int = -1) -> bytes:
        """Read on. Raises ValueError where a pupil does not end."""
        data = self._stream.read(size)
        self._get_seconds_left -= len(data)
        if self._get_seconds_left < 0:
            raise ValueError("a pupil that does not end")
        return data

    def begin_pupil(self) -> None:
        """Begin another pupil."""
        self._get_seconds_left = MAX_PUPIL


def _elements(stream: "BinaryIO | _Bounded", event: Event, tag: str | tuple[str, ...]) -> Iterator[etree._Element]:
    events = etree.iterparse(
        stream,
        events=(event,),
        tag=tag,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    return (element for _, element in events)


def _check_root(stream: BinaryIO, begins: int) -> None:
    stream.seek(begins)
    root = next(_elements(_Bounded(stream), "start", "*"))
    stream.seek(begins)
    if root.getroottree().docinfo.doctype:
        raise _unreadable("ctf.malformed", "The file declares a document type, which is not allowed in a CTF.")
    if root.tag != "CTfile":
        raise _unreadable("ctf.malformed", "The file is not a Common Transfer File.")


def _checked(header: etree._Element, today: date) -> etree._Element:
    newest = get_version(today)
    file_version = _text(header, "CTFversion") or _text(header, "CTFVersion")
    if file_version.partition(".")[0] not in (str(newest), str(newest - 1)):
        theirs = f", but is {file_version}" if VERSION.fullmatch(file_version) else ""
        raise _unreadable("ctf.version", f"The file must be CTF version {newest} or {newest - 1}{theirs}.")
    return header


def _of_joiners(header: etree._Element, name: str) -> bool:
    return "_CMJ_" in name.upper() or bool(JOINERS.search(_text(header, "DocumentName")))


def _forget(pupil: etree._Element) -> None:
    """Let go of a pupil that was read, and of whatever stood before."""
    above = pupil.getparent()
    pupil.clear()
    while above is not None and pupil.getprevious() is not None:
        del above[0]


def _leaver(header: etree._Element, pupil: etree._Element, number: int, *, joiner: bool) -> Leaver:
    own_school = pupil.find("DestSchool")
    to = header.find("DestSchool") if own_school is None else own_school
    where = ("", "", "") if to is None or (own_school is None and _is_post(header)) else _school(to)
    lived, went = _address(pupil, "Address"), _address(pupil, "DestinationAddress")
    return Leaver(
        number=number,
        joiner=joiner,
        upn=_text(pupil, "UPN"),
        surname=_text(pupil, "Surname"),
        forename=_text(pupil, "Forename"),
        dob=_text(pupil, "DOB"),
        sex=_text(pupil, "Sex") or _text(pupil, "Gender"),
        nc_year=_text(pupil, "BasicDetails/NCyearActual"),
        left_on=_left_on(header, pupil),
        ground=_text(pupil, "GroundsForRemoval") or _text(pupil, "RemovalGround"),
        destination_la="" if where[0] in NOBODY else where[0],
        destination_estab=where[1],
        destination_school=where[2],
        new_address="" if went == lived else went[0],
        new_postcode="" if went == lived else went[1],
        old_address=lived[0],
        old_postcode=lived[1],
        school_lea=_text(header, "SourceSchool/LEA"),
        school_estab=_text(header, "SourceSchool/Estab"),
        school_name=_text(header, "SourceSchool/SchoolName"),
    )


def _left_on(header: etree._Element, pupil: etree._Element) -> str:
    """When the pupil leaves the school that sends the file; empty where that is not said, whatever is of other schools.

    Who came back has been there more than once: the last time counts, which may have no end yet, or not stand there.
    """
    sender = _school(header, "SourceSchool/")[:2]
    spells = [(_school(school)[:2], _dated(school)) for school in pupil.iterfind("SchoolHistory/School")]
    there = [spell for school, spell in spells if school == sender and all(sender)]
    if not there:
        return ""
    _, _, left, text = max(there, key=lambda spell: spell[:3])
    # who has since been at another school, and left that too, has not left this one now
    return "" if any(entered > left and not still for _, (entered, still, *_) in spells) else text


def _dated(spell: etree._Element) -> tuple[date, bool, date, str]:
    """When a time at a school began; that it has no end; its end, if any can be read, and as it is written."""
    left = _text(spell, "LeavingDate")
    return read_day(_text(spell, "EntryDate")) or date.min, not left, read_day(left) or date.max, left


def _is_post(header: etree._Element) -> bool:
    """Is the file a school's to its own authority? Then the destination is the file's, not the pupils'."""
    source, to = _text(header, "SourceSchool/LEA"), _school(header, "DestSchool/")
    return to[:2] == (source, "LLLL")


def _school(element: etree._Element, at: str = "") -> tuple[str, str, str]:
    return _text(element, f"{at}LEA").upper(), _text(element, f"{at}Estab").upper(), _text(element, f"{at}SchoolName")


def _address(pupil: etree._Element, name: str) -> tuple[str, str]:
    """Return the lines with commas between them, and the postcode."""
    lines = [*pupil.iterfind(f"{name}/AddressLines/*"), *pupil.iterfind(f"{name}/BS7666Address/*")]
    address_lines = (line for line in lines if line.tag != "UniquePropertyReferenceNumber")
    texts = (" ".join((line.text or "").split()) for line in address_lines)
    return ", ".join(line for line in texts if line), _text(pupil, f"{name}/PostCode")


def _text(element: etree._Element, path: str) -> str:
    return " ".join((element.findtext(path) or "").split())


def _unreadable(code: str, sentence: str) -> Unreadable:
    return Unreadable([Finding(code, "error", "CTfile", sentence)])
