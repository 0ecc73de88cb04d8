"""Which authority a postcode lies in: an index made from the ONS Postcode Directory (Open Government Licence v3.0).

The directory has a row for each of some 2.7 million postcodes. The columns that count, by the names of old and new
releases: the postcode (`pcds`); the county (`oscty`, `cty25cd`), which is the authority for education where there are
two tiers; and the district or unitary authority (`oslaua`, `lad25cd`). It is read row by row, and written in steps that
let the gateway's own work in between. A code that another has taken the place of is followed; one of England or Wales
that is not known is named, for its postcodes are then in nobody's area. Of an archive every part is read
(`postcode_archive`).
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from gateway.authorities import postcode_archive
from gateway.authorities.postcode_archive import Damaged, NoTable
from gateway.context import Gateway
from gateway.errors import Unusable
from gateway.store import audit_log, postcodes
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from schemas import codes
from schemas.message import Address, Message

# Postcodes in one transaction: a fraction of a second.
STEP = 20_000
YEAR = r"(?P<year>\d\d)?"
# The first name that is there counts, and of one with a year the newest.
COLUMNS = {
    "postcode": ("pcds", "pcd8", "pcd2", "pcd7", "pcd", "postcode"),
    "county": ("oscty", f"cty{YEAR}(cd)?"),
    "district": ("oslaua", "laua", f"lad{YEAR}(cd)?"),
}
SEPARATORS = ",;\t|"
# Ends the codes of ONS for what lies in no area of this kind.
NO_AREA = "99999999"
# Bytes of the line with the headings.
MAX_HEAD = 65_536
AREA = re.compile("[A-Z]+")
# Postcodes of an area that we had: fewer may have been moved or closed.
AREA_LEAST = 100
POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}")
# Of what we had: a directory with less is not whole, and takes nothing away.
LEAST = 0.5


@dataclass(frozen=True, slots=True)
class ImportedDirectory:
    """What became of the rows of a directory."""

    # In England or Wales, kept.
    postcodes: int
    # In no authority for education: Scotland, Northern Ireland, the islands.
    elsewhere: int
    # Rows that hold no postcode.
    malformed: int
    # Postcodes of an earlier release that are not in this one.
    gone: int
    # Codes of England and Wales that are not known, and of how many.
    unknown: Mapping[str, int] = field(default_factory=dict)


def import_directory(gw: Gateway, stream: BinaryIO, by: str) -> ImportedDirectory:
    """Import a directory in the place of the one before.

    Raises Unusable where it is none, or less than half of that.
    """
    release = gw.store.look(postcodes.get_newest_release) + 1
    placed_count = elsewhere = malformed = 0
    unknown: Counter[str] = Counter()
    areas: set[str] = set()
    table = iterate_directory(stream, unknown)
    while step := list(islice(table, STEP)):
        placed = {postcode: code for postcode, code in step if postcode and code}
        gw.store.run(partial(postcodes.replace_postcodes, release=release, placed=placed))
        placed_count += len(placed)
        areas |= {_get_area(postcode) for postcode in placed}
        malformed += sum(not postcode for postcode, _ in step)
        elsewhere += sum(bool(postcode) and not code for postcode, code in step)
    _check_whole(gw, release, placed_count, areas)
    detail = {"postcodes": placed_count, "gone": 0, "unknown": unknown.total()}

    def end(tx: Tx) -> int:
        detail["gone"] = postcodes.delete_old_postcodes(tx, before=release)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("postcodes.imported", by, detail=detail)])
        return detail["gone"]

    gone = gw.store.run(end)
    return ImportedDirectory(placed_count, elsewhere - unknown.total(), malformed, gone, dict(sorted(unknown.items())))


def _check_whole(gw: Gateway, release: int, count: int, areas: set[str]) -> None:
    """Check that the directory is whole. Raises Unusable: what it held is known then, and nothing is taken away."""
    before = gw.store.look(lambda tx: postcodes.count_old_postcodes(tx, before=release))
    if not count or count < LEAST * (before + count):
        raise Unusable("postcodes.too-few", found=count, before=before)
    left = Counter(map(_get_area, gw.store.look(lambda tx: postcodes.list_old_postcodes(tx, release))))
    if lacking := sorted(area for area, count in left.items() if count >= AREA_LEAST and area not in areas):
        raise Unusable("postcodes.too-few", "areas", areas=", ".join(lacking))


def _get_area(postcode: str) -> str:
    match = AREA.match(postcode)
    return match[0] if match else ""


def find_authority_of_postcode(gw: Gateway, postcode: str) -> str | None:
    """Return the DfE code of the authority in which it lies; None where that is not known."""
    return gw.store.look(lambda tx: find_area(tx, postcode))


def find_area(tx: Tx, postcode: str) -> str | None:
    """Return the DfE code of the authority in which a postcode lies; None where that is not known."""
    return postcodes.find_postcode_authority(tx, normalise_postcode(postcode))


def has_index(tx: Tx) -> bool:
    """Tell whether any directory was imported."""
    return postcodes.get_newest_release(tx) > 0


def describe_other_authority(gw: Gateway, notice: Message) -> str | None:
    """Return a sentence where the address to which a child moves lies in another authority than the one
    that is told.
    """
    destination = getattr(notice.body, "destination_address", None)
    if not isinstance(destination, Address) or not destination.post_code:
        return None
    lies_in, goes_to = find_authority_of_postcode(gw, destination.post_code), notice.header.recipient.authority
    if lies_in in (None, goes_to):
        return None
    return (
        f"The new postcode is in {codes.authority_name(lies_in or '')} ({lies_in}), "
        f"but the notice is to {codes.authority_name(goes_to)} ({goes_to})."
    )


def normalise_postcode(postcode: str) -> str:
    """Return a postcode without spaces, in capitals."""
    return "".join(postcode.split()).upper()


@contextmanager
def open_directory(file: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Yield the directory as bytes, and how many: a CSV file, or what there is of one in the ZIP archive of ONS.

    Raises Unusable, also where the archive is damaged: nothing of it was taken in then.
    """
    try:
        if not postcode_archive.is_archive(file):
            with file.open("rb") as stream:
                yield stream, file.stat().st_size
            return
        with postcode_archive.open_archive(file, _is_directory) as directory:
            yield directory
    except OSError as why:
        raise Unusable("file.unreadable", file=file, why=why.strerror) from None
    except NoTable as why:
        raise _build_no_directory_error(str(why)) from None
    except Damaged as why:
        raise Unusable("postcodes.damaged", why=why) from None


def _is_directory(head: str) -> bool:
    """Tell whether these are the headings of a directory."""
    try:
        _find_columns(next(csv.reader([head], delimiter=_guess_separator(head)), []))
    except (Unusable, csv.Error):
        return False
    return True


def _guess_separator(head: str) -> str:
    return max(SEPARATORS, key=head.count)


def iterate_directory(stream: BinaryIO, unknown: Counter[str] | None = None) -> Iterator[tuple[str, str | None]]:
    """Yield postcode and authority of each row; the postcode is empty where it holds none. Raises Unusable.

    `unknown` counts the codes of England and Wales that are not known.
    """
    # names of places are not read; the rest is ASCII
    text = io.TextIOWrapper(stream, "latin-1", newline="")
    try:
        head = text.readline(MAX_HEAD)
        table = csv.reader(text, delimiter=_guess_separator(head))
        at = _find_columns(next(csv.reader([head], delimiter=_guess_separator(head)), []))
        most = max(at)
        for row in table:
            if len(row) <= most:
                yield "", None
                continue
            postcode, county, district = (row[column].strip() for column in at)
            short = normalise_postcode(postcode)
            short = short if POSTCODE.fullmatch(short) else ""
            code = codes.authority_of(county) or codes.authority_of(district)
            if short and not code and unknown is not None and (new := _find_unknown_code(county, district)):
                unknown[new] += 1
            yield short, code
    except csv.Error:
        raise _build_no_directory_error("it is not a CSV table") from None
    finally:
        # The stream is its opener's to close.
        text.detach()


def _find_unknown_code(county: str, district: str) -> str:
    """Return the code that is not known, of what lies in England or Wales; empty where it lies elsewhere."""
    for code in (district, county):
        if code[:1] in ("E", "W") and not code.endswith(NO_AREA):
            return code
    return ""


def _find_columns(head: Iterable[str]) -> list[int]:
    # A byte order mark, read as Latin-1.
    names = [name.strip().lower().removeprefix("ï»¿") for name in head]
    return [_get_column(names, what, patterns) for what, patterns in COLUMNS.items()]


def _get_column(names: list[str], what: str, patterns: Iterable[str]) -> int:
    for pattern in patterns:
        matches = [(match, at) for at, name in enumerate(names) if (match := re.fullmatch(pattern, name))]
        if matches:
            return max(matches, key=lambda matched: matched[0].groupdict().get("year") or "")[1]
    raise _build_no_directory_error(f"it has no column for the {what}")


def _build_no_directory_error(why: str) -> Unusable:
    return Unusable("postcodes.not-a-directory", why=why)
