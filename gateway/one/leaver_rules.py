"""Who left, and what is to be done about it: a row of an extract to a notice, an enquiry, or a reason to wait. No I/O.

Why a row waits is said without a word about the child.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from gateway.one import cells
from gateway.one.extracts import DOUBT, UNSAID, Row
from gateway.one.table import Unread
from gateway.settings.sections import OneSettings
from schemas import codes
from schemas.days import read_day
from schemas.message import (
    Address,
    Child,
    GroundForDeletion,
    Officer,
    Restriction,
    School,
    TransferNotice,
    WhereaboutsEnquiry,
)

# No I, O or S: schemas.shapes.
UPN_FORM = "[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]"
# Of whom a school may have a record: with an EHC plan until 25, and some years for the file.
OLDEST = timedelta(days=30 * 365)
# By which a school may say beforehand that a child will leave.
SOONEST = timedelta(days=366)
# Since when, the newest first.
REGULATIONS = (
    (date(2024, 8, 19), "2024"),
    (date(2016, 9, 1), "2016"),
    (date.min, "2006"),
)
RESTRICTED = "This child's details are restricted. An officer decides what can be sent, and how."
ASKED = "The checklist for removal from the register is complete. No one who was asked knows where the child is."


@dataclass(frozen=True, slots=True)
class LeaverRow:
    """A row that can be read: who moved, and where to as far as the row says."""

    # What tells one child from another.
    child: tuple[str, ...]
    # A DfE code, or empty.
    destination: str
    # Of the new address, or empty.
    postcode: str
    left_on: date | None
    restricted: bool
    # Nothing says whether it is.
    unsaid: bool
    # The authority's own word, in small letters, or empty.
    closure: str
    # Whatever can be asked before removal from roll was asked.
    checked: bool
    # Why an officer must look at the row before anything else; or empty.
    doubt: str
    notice: TransferNotice


@dataclass(frozen=True, slots=True)
class Transfer:
    """The authority to which the child moved is told."""

    to: str


@dataclass(frozen=True, slots=True)
class Enquire:
    """Other authorities are asked whether they know the child."""

    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """An officer must look, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing is done, and why."""

    reason: str


Decision = Transfer | Enquire | Hold | Ignore


def decide_leaver(
    read: LeaverRow, lies_in: str | None, ours: str, settings: OneSettings, closures: Mapping[str, str], today: date
) -> Decision:
    """What is done about a leaver whose new postcode lies in that authority. Restricted children wait for an officer.

    The authority's own word for why the case was closed comes first: what it ignores is not looked at.
    """
    done = closures.get(read.closure) if read.closure else "transfer"
    if done is None:
        return Hold("The closure value is not known. An officer decides.")
    if done == "ignore":
        return Ignore("No notice is needed for this closure value.")
    if done == "hold":
        return Hold("An officer decides what to do for this closure value.")
    doubt = read.doubt or _implausible(read, today)
    if read.restricted:
        return Hold(" ".join(filter(None, (RESTRICTED, doubt))))
    if doubt:
        return Hold(doubt)
    if read.unsaid and settings.unsaid != "send":
        return Hold("The file does not say if this child's details are restricted. An officer decides.")
    there = read.destination or lies_in
    if not there:
        return _search(read, tuple(settings.enquire_of.split()))
    if done == "enquire":
        return Hold("The closure value says the child cannot be found, but the row says where the child moved.")
    if codes.authority_name(there) is None:
        return Hold("The new authority in the file does not exist.")
    if there == ours:
        return Hold("The child moved within your area.")
    return Transfer(there)


def _implausible(read: LeaverRow, today: date) -> str:
    """Return why a day cannot be right: databases and spreadsheets write 1900, 1970 or 9999 where there is none."""
    assert read.notice.child is not None  # noqa: S101 - a leaver's notice has one
    born = read.notice.child.dob
    if not today - OLDEST <= born <= today:
        return "The date of birth cannot be right. A child of school age was not born then."
    if read.left_on and not born < read.left_on <= today + SOONEST:
        return "The date of leaving cannot be right. It is before the date of birth, or more than a year from now."
    return ""


def _search(read: LeaverRow, neighbours: tuple[str, ...]) -> Decision:
    unknown = "The new authority is not known. The file does not name it, and the postcode is not in the directory"
    if not read.checked:
        return Hold(
            f"{unknown}. The checklist for removal from the register is not complete, or is neither yes nor no."
        )
    if read.unsaid:
        return Hold(
            f"{unknown}. No one was asked, because the file does not say if this child's details are restricted."
        )
    if not neighbours:
        return Hold(f"{unknown}. No one was asked, because no authorities to ask are set up.")
    return Enquire(neighbours)


def build_enquiry(notice: TransferNotice, circulation: str) -> WhereaboutsEnquiry:
    """The question whether another authority knows this child, in the place of the notice; it says how
    widely it goes.
    """
    assert notice.child is not None  # noqa: S101 - a leaver's notice has one
    return WhereaboutsEnquiry(
        restriction=notice.restriction,
        child=notice.child,
        circulation=circulation,
        last_seen_on=notice.moved_on,
        previous_address=notice.previous_address,
        school=notice.school,
        ring=notice.ring,
        note=ASKED,
    )


def apply_restriction(notice: TransferNotice, restriction: Restriction) -> TransferNotice:
    """The notice with what this restriction lets stand (schemas.rules, `restriction.address` and
    `restriction.phone-only`).
    """
    if restriction.level == "phone-only":
        return TransferNotice(
            restriction=restriction,
            certainty=notice.certainty,
            cme_reason="not-recorded",
            provision_status="unknown",
            ring=notice.ring,
        )
    if restriction.level == "none":
        return replace(notice, restriction=restriction)
    return replace(
        notice,
        restriction=restriction,
        destination_address=None,
        previous_address=None,
        destination_school=None,
        school=(),
        contact=(),
    )


def read_leaver(row: Row, ring: Officer) -> LeaverRow | Unread:
    """Return what a row says, with the officer whom the other authority is to ring."""
    if not row["surname"]:
        return Unread("The surname is missing.")
    born, left = read_day(row["dob"]), read_day(row["left_on"])
    if born is None:
        return Unread("The date of birth is missing, or could mean another day. Write it as 31/03/2015 or 2015-03-31.")
    if left is None and row["left_on"]:
        return Unread("The date of leaving could mean another day. Write it as 31/03/2015 or 2015-03-31.")
    upn = row["upn"].upper()
    if upn and not re.fullmatch(UPN_FORM, upn):
        return Unread("The UPN must be a letter followed by 12 characters.")
    sex = row["sex"][:1].upper()
    child = Child(
        upn=upn or None,
        upn_unknown=None if upn else "not-known",
        surname=row["surname"],
        forename=row["forename"] or None,
        dob=born,
        sex=sex if sex in ("F", "M") else "U",
        nc_year_actual=read_year_group(row["nc_year"]) or None,
    )
    notice = TransferNotice(
        restriction=Restriction(level="none"),
        child=child,
        moved_on=left,
        certainty="confirmed" if cells.is_yes(row["confirmed"]) else "believed",
        destination_address=_address(row["new_address"], row["new_postcode"]),
        previous_address=_address(row["old_address"], row["old_postcode"]),
        destination_school=_destination_school(row),
        school=_school(row, left),
        ground_for_deletion=_ground(row["ground"], left),
        cme_reason="believed-other-authority",
        provision_status="unknown",
        ring=ring,
    )
    who = (upn,) if upn else (row["surname"].casefold(), row["forename"].casefold(), born.isoformat())
    return LeaverRow(
        child=who,
        destination=row["destination_la"],
        postcode=row["new_postcode"],
        left_on=left,
        restricted=cells.may_be_yes(row["restricted"]),
        unsaid=UNSAID in row,
        closure=row["closure"].casefold(),
        checked=cells.is_yes(row["checklist"]),
        doubt=row.get(DOUBT, ""),
        notice=notice,
    )


def read_year_group(text: str) -> str:
    """Read a year group such as "Year 7" or "Reception", as messages write it; empty where there is none."""
    year = text.casefold().removeprefix("year").strip().upper()
    return "R" if year == "RECEPTION" else year


def _address(lines: str, postcode: str) -> Address | None:
    parts = [part.strip()[:100] for part in lines.split(",") if part.strip()]
    if not parts and not postcode:
        return None
    address_lines = (*parts[:4], ", ".join(parts[4:])[:100]) if len(parts) > 5 else tuple(parts)
    return Address(address_line=address_lines, post_code=postcode[:10] or None)


def _school(row: Row, left: date | None) -> tuple[School, ...]:
    if not row["school_name"]:
        return ()
    lea = row["school_lea"] if re.fullmatch("[0-9]{3}", row["school_lea"]) else None
    estab = row["school_estab"] if re.fullmatch("[0-9]{4}", row["school_estab"]) else None
    return (School(lea=lea, estab=estab, school_name=row["school_name"], leaving_date=left),)


def _destination_school(row: Row) -> School | None:
    lea, estab = row["destination_la"], row["destination_estab"]
    if not re.fullmatch("[0-9]{3}/[0-9]{4}", f"{lea}/{estab}"):
        return None
    return School(lea=lea, estab=estab, school_name=row["destination_school"] or f"{lea}/{estab}")


def _ground(text: str, left: date | None) -> GroundForDeletion | None:
    """Return the letter, as the regulations in force on that day have it; what is no letter is not guessed at."""
    letter = re.fullmatch("[A-O]", text.strip("() ").upper())
    if not letter:
        return None
    year = next(year for since, year in REGULATIONS if left is None or left >= since)
    return GroundForDeletion(letter=letter[0], regulations=year)
