"""Rows of an extract from ONE (or any other case system) to transfer notices: no I/O.

An extract is a CSV table, whose headings are a setting ([one_columns]), or a Common Transfer File. A row becomes a notice, or is held for an officer, or refused; why is
said without a word about the child.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime

from gateway import table
from gateway.config import OneColumnsSettings
from gateway.errors import Unusable
from gateway.table import BOMS, NotATable
from schemas import ctf
from schemas.findings import Unreadable
from schemas.message import Address, Child, Officer, Restriction, School, TransferNotice

MAX_BYTES = 104_857_600
UNSAID = "unsaid"  # in a row of a file that has no place for a restriction, as a CTF has none
EMPTY = dict.fromkeys(OneColumnsSettings.__dataclass_fields__, "")
NO = ("", "n", "no", "0", "false")
DATES = ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%d %b %Y", "%d/%m/%y")

Row = Mapping[str, str]  # by our own names of the columns


@dataclass(frozen=True, slots=True)
class Leaver:
    """A row that can be read: who moved, and where to as far as the row says."""

    child: tuple[str, ...]  # what tells one child from another
    destination: str  # a DfE code, or empty
    postcode: str  # of the new address, or empty
    left_on: date | None
    restricted: bool
    unsaid: bool  # nothing says whether it is
    notice: TransferNotice


@dataclass(frozen=True, slots=True)
class Unread:
    """A row of which nothing can be made, and why."""

    reason: str


def read(data: bytes, columns: OneColumnsSettings, today: date) -> list[tuple[int, Row | Unread]]:
    """The rows with their line numbers. Raises Unusable where the file is no CTF, and no table with these columns."""
    if len(data) > MAX_BYTES:
        raise _no_table("it is larger than 100 MB")
    if data.removeprefix(BOMS[0][0]).lstrip()[:1] == b"<":
        return _of_ctf(data, today)
    return _of_table(data, columns)


def _of_ctf(data: bytes, today: date) -> list[tuple[int, Row | Unread]]:
    try:
        found = ctf.read(data, today=today)
    except Unreadable as why:
        raise Unusable(why.code, why.problems[0].sentence, "Export it again; nothing was sent.") from None
    rows: list[tuple[int, Row | Unread]] = []
    for one in found:
        said = {name: str(value) for name, value in asdict(one).items() if name in EMPTY}
        rows.append((one.line, EMPTY | said | {"old_address": one.address, "old_postcode": one.postcode, UNSAID: "y"}))
    return rows


def _of_table(data: bytes, columns: OneColumnsSettings) -> list[tuple[int, Row | Unread]]:
    try:
        found = table.read(data, asdict(columns), needed=("surname", "dob"), section="one_columns")
    except NotATable as why:
        raise _no_table(str(why)) from None
    nothing = EMPTY if "restricted" in found.columns else EMPTY | {UNSAID: "y"}
    short = Unread("The row has fewer cells than there are headings.")
    return [(line, short if row is None else {**nothing, **row}) for line, row in found.rows]


def leaver(row: Row, ring: Officer) -> Leaver | Unread:
    """What a row says, with the officer whom the other authority is to ring."""
    if not row["surname"]:
        return Unread("There is no surname.")
    born, left = _date(row["dob"]), _date(row["left_on"])
    if born is None:
        return Unread("The date of birth is missing, or not written as 31/03/2015 or 2015-03-31.")
    if left is None and row["left_on"]:
        return Unread("The date of leaving is not written as 31/03/2015 or 2015-03-31.")
    upn = row["upn"].upper()
    if upn and not re.fullmatch("[A-Z][0-9]{11}[0-9A-Z]", upn):
        return Unread("The UPN does not have the form of one.")
    sex = row["sex"][:1].upper()
    child = Child(
        upn=upn or None,
        upn_unknown=None if upn else "not-known",
        surname=row["surname"],
        forename=row["forename"] or None,
        dob=born,
        sex=sex if sex in ("F", "M") else "U",
        nc_year_actual=row["nc_year"].casefold().removeprefix("year").strip().upper() or None,
    )
    notice = TransferNotice(
        restriction=Restriction(level="none"),
        child=child,
        moved_on=left,
        certainty="believed" if row["confirmed"].casefold() in NO else "confirmed",
        destination_address=_address(row["new_address"], row["new_postcode"]),
        previous_address=_address(row["old_address"], row["old_postcode"]),
        school=_school(row, left),
        cme_reason="believed-other-authority",
        provision_status="unknown",
        ring=ring,
    )
    who = (upn,) if upn else (row["surname"].casefold(), row["forename"].casefold(), born.isoformat())
    return Leaver(
        child=who,
        destination=row["destination_la"],
        postcode=row["new_postcode"],
        left_on=left,
        restricted=row["restricted"].casefold() not in NO,
        unsaid=UNSAID in row,
        notice=notice,
    )


def _date(text: str) -> date | None:
    for form in DATES:
        try:
            return datetime.strptime(text.split(" 00:00")[0], form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None


def _address(lines: str, postcode: str) -> Address | None:
    parts = [part.strip()[:100] for part in lines.split(",") if part.strip()]
    if not parts and not postcode:
        return None
    kept = (*parts[:4], ", ".join(parts[4:])[:100]) if len(parts) > 5 else tuple(parts)
    return Address(address_line=kept, post_code=postcode[:10] or None)


def _school(row: Row, left: date | None) -> tuple[School, ...]:
    if not row["school_name"]:
        return ()
    lea = row["school_lea"] if re.fullmatch("[0-9]{3}", row["school_lea"]) else None
    estab = row["school_estab"] if re.fullmatch("[0-9]{4}", row["school_estab"]) else None
    return (School(lea=lea, estab=estab, school_name=row["school_name"], leaving_date=left),)


def _no_table(why: str) -> Unusable:
    return Unusable("one.not-a-table", f"The file cannot be read: {why}.", "Export it again as CSV; nothing was sent.")
