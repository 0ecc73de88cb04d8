"""A notice as DfE's Common Transfer File, one pupil in it: for import into ONE, and for upload to School2School.

Whoever reads it keeps shorter names than we do (ONE, Student Details: family name 30, given name 15, given name 2 25).
What does not fit is cut between two characters as a person sees them, and the element is named; the notice keeps the
whole. What no file has a place for (risk groups, legal action, siblings, enquiries, the note) stands in the notice
alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from unicodedata import category, combining, normalize

from lxml import etree

from schemas import codes
from schemas.ctf import academic_year, get_version
from schemas.layout import list_slots
from schemas.message import (
    Address,
    BS7666Address,
    Child,
    Contact,
    Message,
    Needs,
    School,
    TransferNotice,
    WhereaboutsEnquiry,
    WhereaboutsUnknownNotice,
)

# As Estab: the authority itself, no school of it.
AUTHORITY = "LLLL"
# As destination: School2School's Lost Pupil Database.
NOT_KNOWN = ("XXX", "XXXX")
SUPPLIER = "cme-gateway"
# Characters that ONE keeps.
NAME_LIMITS = {
    "Surname": 30,
    "Forename": 15,
    "MiddleNames": 25,
    "PreferredSurname": 30,
    "PreferredForename": 15,
    "FormerSurname": 30,
}
# Of file names for each source and destination; then they begin anew.
NUMBERS = 999
JOINER = "\N{ZERO WIDTH JOINER}"
# Combining class of what joins two consonants of the scripts of India.
VIRAMA = 9

# The notices that are about a child.
Carried = TransferNotice | WhereaboutsEnquiry | WhereaboutsUnknownNotice
Said = bool | date | str | None


class NotCarried(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """Nothing about this child may go by machine, or the message is about none: there is no such file."""


@dataclass(frozen=True, slots=True)
class WrittenCtf:
    """A file's bytes, and the elements in which it says less than the notice."""

    text: bytes
    shortened: tuple[str, ...]


def file_name(source: str, destination: tuple[str, str], number: int) -> str:
    """Return the name of a file, as `333LLLL_CTF_885LLLL_001.xml`.

    Args:
        source: the DfE code of our authority.
        destination: the DfE code and the establishment number of the recipient, which for an authority itself is
            `AUTHORITY`; or `NOT_KNOWN`.
        number: counts the files from this source to this destination, from 1; after 999 they begin anew.
    """
    return f"{source}{AUTHORITY}_CTF_{''.join(destination)}_{(number - 1) % NUMBERS + 1:03}.xml"


def write(message: Message, destination: tuple[str, str], written_at: datetime) -> WrittenCtf:
    """Return the Common Transfer File of a notice about a child, and the elements in which it says less.

    Args:
        message: has passed the rules.
        destination: as for `file_name`.
        written_at: the time of the clock on the wall, without a zone, which also says the version.

    Raises:
        NotCarried: the notice is about no child, or its restriction is phone-only.
    """
    body = message.body
    if not isinstance(body, Carried) or body.child is None or message.restriction == "phone-only":
        raise NotCarried
    pupil = _Pupil()
    root = etree.Element("CTfile")
    _header(root, message, destination, written_at)
    pupil.write(etree.SubElement(etree.SubElement(root, "CTFpupilData"), "Pupil"), body, body.child)
    text = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return WrittenCtf(text, tuple(dict.fromkeys(pupil.shortened)))


def shorten_name(text: str, longest: int) -> str:
    """Return as much of a name as fits, in Unicode's form NFC.

    A letter keeps its marks, and what is joined stays together.

    Args:
        text: the whole name.
        longest: characters (code points) that there is room for.
    """
    whole = normalize("NFC", text)
    if len(whole) <= longest:
        return whole
    end = longest
    while end and _belong_together(whole[end - 1], whole[end]):
        end -= 1
    # Nothing but marks: then in the midst of them.
    return whole[: end or longest].rstrip()


def _belong_together(sign: str, next_sign: str) -> bool:
    return category(next_sign)[0] == "M" or JOINER in (sign, next_sign) or combining(sign) == VIRAMA


def _header(root: etree._Element, message: Message, destination: tuple[str, str], written_at: datetime) -> None:
    header, sender = etree.SubElement(root, "Header"), message.header.sender.authority
    today = written_at.date()
    _add(
        header,
        DocumentName="Common Transfer File",
        CTFversion=f"{get_version(today)}.0",
        DateTime=written_at.strftime("%Y-%m-%dT%H:%M:%S"),
        DocumentQualifier="partial",
        SupplierID=SUPPLIER,
    )
    name, year = codes.authority_name(sender), str(academic_year(today))
    _add(etree.SubElement(header, "SourceSchool"), LEA=sender, Estab=AUTHORITY, SchoolName=name, AcademicYear=year)
    _add(etree.SubElement(header, "DestSchool"), LEA=destination[0], Estab=destination[1])


class _Pupil:
    """One pupil's elements, and which of them say less than the notice."""

    def __init__(self) -> None:
        self.shortened: list[str] = []

    def write(self, pupil: etree._Element, body: Carried, child: Child) -> None:
        restricted = body.restriction.level != "none"
        _add(pupil, UPN=child.upn, UniqueLearnerNumber=child.unique_learner_number)
        self._names(pupil, Surname=child.surname, Forename=child.forename)
        _add(pupil, DOB=child.dob, Sex=child.sex)
        self._basic_details(etree.SubElement(pupil, "BasicDetails"), child, restricted)
        if isinstance(body, TransferNotice) and body.needs:
            _needs(pupil, body.needs)
        if restricted:
            # The rules let no address, contact or school come so far; if they did, it would end here.
            return
        address = body.destination_address if isinstance(body, TransferNotice) else body.previous_address
        if address:
            _address(etree.SubElement(pupil, "Address"), address)
        if not isinstance(body, WhereaboutsUnknownNotice) and body.contact:
            contacts = etree.SubElement(pupil, "Contacts")
            for order, contact in enumerate(body.contact, 1):
                self._contact(etree.SubElement(contacts, "Contact"), order, contact)
        if body.school:
            history = etree.SubElement(pupil, "SchoolHistory")
            for school in body.school:
                _school(etree.SubElement(history, "School"), school, last=school is body.school[-1])

    def _basic_details(self, details: etree._Element, child: Child, restricted: bool) -> None:
        # It would lead from a child in hiding to who it was.
        if child.former_upn and not restricted:
            _add(details, FormerUPN=child.former_upn[0])
            # A file has room for one.
            self.shortened += ["FormerUPN"] * (len(child.former_upn) > 1)
        self._names(
            details,
            PreferredSurname=child.preferred_surname,
            PreferredForename=child.preferred_forename,
            FormerSurname=None if restricted else child.former_surname,
            MiddleNames=child.middle_names,
        )
        _add(details, NCyearActual=child.nc_year_actual)

    def _contact(self, element: etree._Element, order: int, contact: Contact) -> None:
        """Without Relationship, whose codes in a CTF are not ours: an officer says it in ONE."""
        _add(element, Order=str(order))
        self._names(element, "Contact/", Surname=contact.surname, Forename=contact.forename)
        if contact.lives_with_child:
            _add(element, AddressAsPupil=True)
        if contact.phone_no:
            phone = etree.SubElement(etree.SubElement(element, "Phones"), "Phone")
            _add(phone, TelephoneType="O", PhoneNo=contact.phone_no)
        _add(element, Email=contact.email)

    def _names(self, element: etree._Element, where: str = "", /, **names: str | None) -> None:
        for name, whole in names.items():
            if whole is not None:
                fits = shorten_name(whole, NAME_LIMITS[name])
                self.shortened += [where + name] * (fits != normalize("NFC", whole))
                _add(element, **{name: fits})


def _needs(pupil: etree._Element, needs: Needs) -> None:
    if care := needs.looked_after:
        _add(etree.SubElement(pupil, "LookedAfter"), InCare=care.in_care, CareAuthority=care.care_authority)
    if needs.sen_provision:
        history = etree.SubElement(pupil, "SENhistory")
        _add(etree.SubElement(history, "SEN"), SENprovision=needs.sen_provision)


def _address(element: etree._Element, address: Address) -> None:
    if address.bs7666_address:
        _add(etree.SubElement(element, "BS7666Address"), **dict(_bs7666(address.bs7666_address)))
    elif address.address_line:
        lines = enumerate(address.address_line, 1)
        _add(etree.SubElement(element, "AddressLines"), **{f"AddressLine{number}": line for number, line in lines})
    _add(element, PostCode=address.post_code, Country=address.country)


def _bs7666(address: BS7666Address) -> Iterator[tuple[str, str | None]]:
    for slot in list_slots(BS7666Address):
        yield slot.element, getattr(address, slot.field)


def _school(element: etree._Element, school: School, *, last: bool) -> None:
    _add(
        element,
        LEA=school.lea,
        Estab=school.estab,
        SchoolName=school.school_name,
        EntryDate=school.entry_date,
        LeavingDate=school.leaving_date,
        LastSchool=True if last else None,
    )


def _add(element: etree._Element, **values: Said) -> None:
    """Each value as an element of its own; nothing where there is none."""
    for name, value in values.items():
        if value is not None:
            etree.SubElement(element, name).text = _text(value)


def _text(value: bool | date | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else value
