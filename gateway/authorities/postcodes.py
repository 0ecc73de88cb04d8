"""Which authority a postcode lies in: an index made from the ONS Postcode Directory (Open Government Licence v3.0).

The directory has a row for each of some 2.7 million postcodes. The columns that count, by the names of old and new releases:
the postcode (`pcds`); the county (`oscty`, `cty25cd`), which is the authority for education where there are two tiers; and the
district or unitary authority (`oslaua`, `lad25cd`). It is read row by row, and written in steps that let the gateway's own
work in between.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from sqlalchemy import Connection

from gateway.authority import Authority
from gateway.errors import Unusable
from gateway.store import log, postcodes
from gateway.store.log import Entry
from schemas import codes
from schemas.message import Address, Message

STEP = 20_000  # postcodes in one transaction: a fraction of a second
COLUMNS = {"postcode": "pcds", "county": r"oscty|cty(\d\dcd)?", "district": r"oslaua|laua|lad(\d\dcd)?"}
POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}")
MAX_BYTES = 4_294_967_296  # of a directory, unpacked; one has some 1.3 GB
MOST_SWELLING = 100  # times its packed size; one has some ten
LEAST = 0.5  # of what we had: a directory with less is not whole, and takes nothing away


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the rows of a directory."""

    postcodes: int  # in England or Wales, kept
    elsewhere: int  # in no authority for education: Scotland, Northern Ireland, the islands
    malformed: int  # rows that hold no postcode
    gone: int  # postcodes of an earlier release that are not in this one


def import_directory(here: Authority, stream: BinaryIO, by: str) -> Imported:
    """Take in a directory, in the place of the one before. Raises Unusable where it is none, or less than half of that one."""
    release = here.store.look(postcodes.newest_release) + 1
    kept = elsewhere = malformed = 0
    table = rows(stream)
    while step := list(islice(table, STEP)):
        placed = {postcode: code for postcode, code in step if postcode and code}
        here.store.run(partial(postcodes.put, release=release, placed=placed))
        kept += len(placed)
        malformed += sum(not postcode for postcode, _ in step)
        elsewhere += sum(bool(postcode) and not code for postcode, code in step)
    before = here.store.look(lambda tx: postcodes.count(tx, before=release))
    if kept < LEAST * (before + kept):
        raise Unusable(
            "postcodes.too-few",
            f"The file holds {kept} postcodes, and {before} that we had are not in it, so it is not a whole directory.",
            "Get the directory again; those that we had stay, with the new ones.",
        )

    def end(tx: Connection) -> int:
        gone = postcodes.forget(tx, before=release)
        log.append(tx, here.now(), [Entry("postcodes.imported", by, detail={"postcodes": kept, "gone": gone})])
        return gone

    return Imported(kept, elsewhere, malformed, here.store.run(end))


def authority_of(here: Authority, postcode: str) -> str | None:
    """The DfE code of the authority in which it lies; None where that is not known."""
    return here.store.look(lambda tx: postcodes.find(tx, normal(postcode)))


def astray(here: Authority, notice: Message) -> str | None:
    """A sentence where the address to which a child moves lies in another authority than the one that is told."""
    destination = getattr(notice.body, "destination_address", None)
    if not isinstance(destination, Address) or not destination.post_code:
        return None
    lies_in, goes_to = authority_of(here, destination.post_code), notice.header.recipient.authority
    if lies_in in (None, goes_to):
        return None
    return (
        f"The destination's postcode lies in {codes.authority_name(lies_in or '')} ({lies_in}), "
        f"but the notice goes to {codes.authority_name(goes_to)} ({goes_to})."
    )


def normal(postcode: str) -> str:
    """A postcode without spaces, in capitals."""
    return "".join(postcode.split()).upper()


@contextmanager
def opened(file: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The directory as bytes, and how many: a CSV file, or the largest one in the ZIP archive that ONS publishes."""
    try:
        if not zipfile.is_zipfile(file):
            with file.open("rb") as stream:
                yield stream, file.stat().st_size
            return
        with zipfile.ZipFile(file) as archive:
            tables = [one for one in archive.infolist() if one.filename.lower().endswith(".csv")]
            largest = max(tables, key=lambda one: one.file_size, default=None)
            if largest is None:
                raise _not_one("the archive holds no CSV file")
            if largest.file_size > min(MAX_BYTES, MOST_SWELLING * max(largest.compress_size, 1)):
                raise _not_one("the archive swells to more than a directory holds")
            with archive.open(largest) as stream:
                yield cast("BinaryIO", stream), largest.file_size
    except OSError as why:
        raise Unusable(
            "file.unreadable", f"{file} cannot be read ({why.strerror}).", "Check its name and rights."
        ) from None


def rows(stream: BinaryIO) -> Iterator[tuple[str, str | None]]:
    """Postcode and authority of each row; an empty postcode where it holds none. Raises Unusable where it is no directory."""
    table = csv.reader(
        io.TextIOWrapper(stream, "latin-1", newline="")
    )  # names of places are not read; the rest is ASCII
    try:
        at = _columns(next(table, []))
        most = max(at)
        for row in table:
            if len(row) <= most:
                yield "", None
                continue
            postcode, county, district = (row[column] for column in at)
            short = normal(postcode)
            yield (
                (short if POSTCODE.fullmatch(short) else ""),
                codes.authority_of(county) or codes.authority_of(district),
            )
    except csv.Error:
        raise _not_one("it is no CSV table") from None


def _columns(head: Iterable[str]) -> list[int]:
    names = [name.strip().lower().removeprefix("ï»¿") for name in head]  # a byte order mark, read as Latin-1
    found = []
    for what, pattern in COLUMNS.items():
        places = [at for at, name in enumerate(names) if re.fullmatch(pattern, name)]
        if not places:
            raise _not_one(f"it has no column for the {what}")
        found.append(places[0])
    return found


def _not_one(why: str) -> Unusable:
    return Unusable(
        "postcodes.not-a-directory",
        f"The file is not an ONS Postcode Directory: {why}.",
        "Download it from ONS's Open Geography Portal, as a ZIP archive or the CSV in its Data folder.",
    )
