"""DfE's Common Transfer File: the little of it that says who left a school, and where to.

Root `CTfile`, then `Header` and `CTFpupilData/Pupil`. A version belongs to an academic year (CTF 26 to 2026/27); the current one
and the one before are read. The text comes from others: no DTD, no entity, no network, and nothing of it in an error.
"""

from dataclasses import dataclass
from datetime import date

from lxml import etree

from schemas.findings import Finding, Unreadable

CHANGES = (8, 1)  # month and day on which a new version begins
NOBODY = ("XXX", "MMM")  # as destination: not known; left the maintained sector
_PARSER = etree.XMLParser(
    resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
)


@dataclass(frozen=True, slots=True)
class Leaver:
    """A pupil as the file has it: texts, empty where it says nothing."""

    line: int
    upn: str
    surname: str
    forename: str
    dob: str
    sex: str
    nc_year: str
    left_on: str
    destination_la: str  # empty where the file does not know
    address: str  # where the pupil lived: lines with commas between them
    postcode: str
    school_lea: str
    school_estab: str
    school_name: str


def academic_year(today: date) -> int:
    """The year in which the academic year of this day began."""
    return today.year if (today.month, today.day) >= CHANGES else today.year - 1


def version(today: date) -> int:
    """The version that is current on this day."""
    return academic_year(today) % 100


def read(data: bytes, *, today: date) -> list[Leaver]:
    """Every pupil of the file. Raises Unreadable where it is no CTF, or of another version than the newest two."""
    try:
        root = etree.fromstring(data, _PARSER)
    except (etree.XMLSyntaxError, ValueError):
        raise _unreadable("ctf.malformed", "The file is not whole, or not XML.") from None
    if root.getroottree().docinfo.doctype:
        raise _unreadable("ctf.malformed", "The file declares a document type, which a CTF does not.")
    if root.tag != "CTfile":
        raise _unreadable("ctf.malformed", "The file is not a Common Transfer File.")
    newest = version(today)
    found = _text(root, "Header/CTFversion") or _text(root, "Header/CTFVersion")
    if found.partition(".")[0] not in (str(newest), str(newest - 1)):
        raise _unreadable("ctf.version", f"The file is not of CTF version {newest} or {newest - 1}.")
    return [_leaver(root, pupil) for pupil in root.iterfind("CTFpupilData/Pupil")]


def _leaver(root: etree._Element, pupil: etree._Element) -> Leaver:
    destination = _text(root, "Header/DestSchool/LEA").upper()
    lines = [*pupil.iterfind("Address/AddressLines/*"), *pupil.iterfind("Address/BS7666Address/*")]
    return Leaver(
        line=pupil.sourceline or 0,
        upn=_text(pupil, "UPN"),
        surname=_text(pupil, "Surname"),
        forename=_text(pupil, "Forename"),
        dob=_text(pupil, "DOB"),
        sex=_text(pupil, "Sex") or _text(pupil, "Gender"),
        nc_year=_text(pupil, "BasicDetails/NCyearActual"),
        left_on=max((one.text or "" for one in pupil.iterfind("SchoolHistory/School/LeavingDate")), default=""),
        destination_la="" if destination in NOBODY else destination,
        address=", ".join(" ".join((one.text or "").split()) for one in lines if not _is_uprn(one)),
        postcode=_text(pupil, "Address/PostCode"),
        school_lea=_text(root, "Header/SourceSchool/LEA"),
        school_estab=_text(root, "Header/SourceSchool/Estab"),
        school_name=_text(root, "Header/SourceSchool/SchoolName"),
    )


def _is_uprn(element: etree._Element) -> bool:
    return element.tag == "UniquePropertyReferenceNumber"


def _text(element: etree._Element, path: str) -> str:
    return " ".join((element.findtext(path) or "").split())


def _unreadable(code: str, sentence: str) -> Unreadable:
    return Unreadable([Finding(code, "error", "CTfile", sentence)])
