"""The index of our own children, against whom searches are matched: made of the case system's extract of all of them.

A report says which rows could not be read, and why (`one/watched_folder.py` says where it lies). An extract takes the
place of the whole index, from one moment on; one that is broken, or suspiciously small, changes nothing. Each child is
locked under a data key of its own. It is found by keys (`core/blocking.py`), of which only digests under our own key
are kept, and in each load other ones. Whether a child's data are restricted is locked too: nothing that can be read
tells.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import islice
from typing import BinaryIO

from gateway.context import SYSTEM, Gateway
from gateway.core import blocking
from gateway.core.child import ComparedChild
from gateway.core.copy_names import name_child
from gateway.core.names import normalise_name
from gateway.core.rarity import NameCounts
from gateway.errors import Doubted, Unusable
from gateway.exchange.known_children import digest_keys
from gateway.one import cells, extracts, headings, table, watched_folder
from gateway.one.extracts import DOUBT
from gateway.one.leaver_rules import OLDEST, UPN_FORM
from gateway.one.table import ExtractTable, NotATable, Unread
from gateway.one.watched_folder import FileOutcome, Row, TakenFile, Watched
from gateway.store import audit_log, children
from gateway.store.audit_log import AuditEntry
from gateway.store.children import IndexLoad, LockedChild
from gateway.store.database import Tx
from keys import at_rest
from keys.at_rest import Locked
from schemas.days import could_be_either, read_day
from schemas.message import Child

# Seconds.
LOOK_EVERY = 2.0
# Children in one transaction: some tens of milliseconds for the database.
STEP = 1_000
# Keys in one.
KEY_STEP = 20_000
MAX_BYTES = 104_857_600
# Of the index that counts: an extract with less is taken for a part of one.
LEAST = 0.5
# Of the children: with more, the column does not say who is restricted (one in some fifty is).
MOST_RESTRICTED = 0.5
# Of the rows: with more, the extract is not what it should be.
MOST_UNREAD = 0.1
COLUMNS = (
    *("upn", "former_upn", "surname", "forename", "middle_names", "preferred_surname", "preferred_forename"),
    *("former_surname", "dob", "dob_estimated", "sex", "nc_year", "postcode", "restricted"),
)
# Of a child's number, beside a key: more than table.MAX_ROWS.
NUMBER_BITS = 20
HEADINGS = ("Row", "Result", "Reason")
NAMES = ("surname", "forename")
# Without it nobody is restricted, so a person says that this is so.
MUST = ("restricted",)
ALL_RESTRICTED = "children.all-restricted"


@dataclass(frozen=True, slots=True)
class OurChild:
    """A child of ours, opened: as the extract says, and as it is compared."""

    fields: Mapping[str, str]
    described: ComparedChild
    restricted: bool


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What became of an extract."""

    children: int
    # Lines, and why.
    unread: tuple[tuple[int, str], ...]
    # Lines that were taken in, and at which somebody ought to look.
    doubted: tuple[tuple[int, str], ...] = ()
    # Of the headings.
    noted: str = ""


@dataclass(frozen=True, slots=True)
class _ExtractCounts:
    """What an extract holds, read to its end."""

    readable: int
    restricted: int
    unread: tuple[tuple[int, str], ...]
    doubted: tuple[tuple[int, str], ...]
    # Some row writes the month before the day, so that others could mean another one.
    month_first: bool


async def watch_extracts_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Take in what is put into the folder, until told to stop."""
    await watched_folder.watch(gw, gw.config.one.children_folder, WATCHED, LOOK_EVERY, stop)


async def _process_extract(gw: Gateway, taken: TakenFile) -> FileOutcome:
    done = await asyncio.to_thread(_load_file, gw, taken)
    rows: list[Row] = [{"Row": line, "Result": "refused", "Reason": reason} for line, reason in done.unread]
    rows += [{"Row": line, "Result": "doubted", "Reason": reason} for line, reason in done.doubted]
    rows += [{"Result": "headings", "Reason": done.noted}] if done.noted else []
    return FileOutcome(rows)


def _load_file(gw: Gateway, taken: TakenFile) -> LoadResult:
    with taken.path.open("rb") as stream:
        return load_extract(
            gw,
            stream,
            taken.accepted_by or SYSTEM,
            accepted=taken.accepted,
            command="cme-gateway one accept ID",
            check=taken.check_whole,
        )


def load_extract(
    gw: Gateway,
    stream: BinaryIO,
    by: str,
    *,
    fewer: bool = False,
    accepted: Collection[str] = (),
    command: str = "--accept",
    check: Callable[[], None] | None = None,
) -> LoadResult:
    """Let this extract be the index. `fewer`: also where it holds less than half of what we had.

    `accepted`: the codes of what `by` has looked at and lets pass; `command` is how. `check` is asked at the last
    moment, and raises where the extract is not to count.

    Raises Unusable where it is no whole table, holds nobody, too few, or too much that cannot be read, and Doubted
    where a person must look at it first; then all is as before.
    """
    noted = _check_headings(gw, stream, by if headings.CODE in accepted else "", command)
    counted = _count_rows(gw, stream)
    readable, unread = counted.readable, counted.unread
    before = gw.store.look(children.find_current_load)
    _check_counts(readable, len(unread), before.children if before and not fewer else 0)
    if counted.restricted > MOST_RESTRICTED * readable and ALL_RESTRICTED not in accepted:
        raise Doubted("children.all-restricted", restricted=counted.restricted, children=readable, command=command)
    _clear_old_loads(gw)
    now = int(gw.now().timestamp() * 1000)
    number = max(now, before.load + 1) if before else now
    keys: list[int] = []
    counted_keys: Counter[int] = Counter()
    every = _read_rows(gw, stream, month_first=counted.month_first)
    rows = enumerate(row for _, row in every if not isinstance(row, Unread))
    while some := list(islice(rows, STEP)):
        gw.store.run(
            partial(children.add_children, load=number, some=[_lock_row(gw, number, n, row) for n, row in some])
        )
        for n, row in some:
            described = build_our_child(row).described
            keys += [key << NUMBER_BITS | n for key in digest_keys(gw, number, blocking.filing_keys(described))]
            counted_keys.update(digest_keys(gw, number, blocking.count_keys(described)))
    # What nobody shares needs no count.
    keys += [key << NUMBER_BITS | count for key, count in counted_keys.items() if count > 1]
    # A database writes what is in order much faster.
    keys.sort()
    for at in range(0, len(keys), KEY_STEP):
        pairs = [(key >> NUMBER_BITS, key & (1 << NUMBER_BITS) - 1) for key in keys[at : at + KEY_STEP]]
        gw.store.run(partial(children.add_child_keys, load=number, some=pairs))
    if check:
        check()
    gw.store.run(partial(_activate_and_log, gw=gw, load=number, size=readable, unread=len(unread), by=by))
    _clear_old_loads(gw)
    return LoadResult(readable, unread, counted.doubted, noted)


def _activate_and_log(tx: Tx, gw: Gateway, load: int, size: int, unread: int, by: str) -> None:
    children.activate_load(tx, gw.now(), load, size)
    audit_log.append_entries(
        tx, gw.now(), [AuditEntry("children.loaded", by, detail={"children": size, "unread": unread})]
    )


def _check_headings(gw: Gateway, stream: BinaryIO, by: str, command: str) -> str:
    """Say what there is to say of the headings. Raises Doubted where a person must look first, or Unusable."""
    headings_found = _open_table(gw, stream).headings
    ours = {name: getattr(gw.config.one_columns, name) for name in COLUMNS}
    headings.check(gw, WATCHED.name, headings_found, ours, must=MUST, by=by, command=command)
    return headings.describe_headings(headings_found, ours) if headings_found.unknown else ""


def _count_rows(gw: Gateway, stream: BinaryIO) -> _ExtractCounts:
    """Count how many rows can be read, and list which cannot; the file was read to its end then."""
    readable = restricted = 0
    unread: list[tuple[int, str]] = []
    doubted: list[tuple[int, str]] = []
    month_first = any(extracts.writes_month_first(row) for _, row in _open_rows(gw, stream))
    for line, row in _read_rows(gw, stream, month_first=month_first):
        if isinstance(row, Unread):
            unread.append((line, row.reason))
            continue
        readable += 1
        restricted += cells.may_be_yes(row.get("restricted", ""))
        if doubt := row.get(DOUBT):
            doubted.append((line, doubt))
    return _ExtractCounts(readable, restricted, tuple(unread), tuple(doubted), month_first)


def _check_counts(readable: int, unread: int, before: int) -> None:
    if not readable + unread:
        raise Unusable("children.unread")
    if not readable or unread > MOST_UNREAD * (readable + unread):
        raise Unusable("children.unread", "rows", unread=unread, rows=readable + unread)
    if readable < LEAST * before:
        raise Unusable("children.too-few", children=readable, before=before)


def _open_table(gw: Gateway, stream: BinaryIO) -> ExtractTable:
    columns = {name: getattr(gw.config.one_columns, name) for name in COLUMNS}
    needed = ("surname", "forename", "dob")
    try:
        return table.read(stream, columns, needed=needed, section="one_columns", at_most=MAX_BYTES, names=NAMES)
    except NotATable as why:
        raise _not_a_table_error(why) from None


def _open_rows(gw: Gateway, stream: BinaryIO) -> table.Rows:
    try:
        yield from _open_table(gw, stream).rows
    except NotATable as why:
        raise _not_a_table_error(why) from None


def _read_rows(
    gw: Gateway, stream: BinaryIO, *, month_first: bool = False
) -> Iterator[tuple[int, Mapping[str, str] | Unread]]:
    table_read = _open_table(gw, stream)
    oldest, today = gw.now().date() - OLDEST, gw.now().date()
    try:
        for line, row in table_read.rows:
            if isinstance(row, Unread):
                yield line, row
            elif month_first and could_be_either(row["dob"]):
                yield line, Unread(cells.MONTH_FIRST)
            else:
                yield line, _read_row(row, table_read, oldest, today)
    except NotATable as why:
        raise _not_a_table_error(why) from None


def _not_a_table_error(why: NotATable) -> Unusable:
    return Unusable("children.not-a-table", why=why)


def _read_row(
    row: Mapping[str, str], table_read: ExtractTable, oldest: date, today: date
) -> Mapping[str, str] | Unread:
    names = [row.get(name, "") for name in NAMES]
    doubt = cells.find_doubt(names, guessed=table_read.guessed)
    if table_read.doubted and not all(map(str.isascii, names)):
        doubt = cells.WRITTEN
    names = ["" if cells.is_machine_written(name) else name for name in names]
    values = {
        name: cells.blank_if_machine_written(value) for name, value in row.items() if name not in (*NAMES, "restricted")
    }
    values |= dict(zip(NAMES, names, strict=True))
    if "restricted" in table_read.headings.known:
        values["restricted"] = row.get("restricted", cells.NO_CELL)
    if not normalise_name(values["surname"]) and not normalise_name(values["forename"]):
        return Unread("The name is missing.")
    born = read_day(values["dob"])
    if born is None:
        return Unread("The date of birth is missing, or could mean another day. Write it as 31/03/2015 or 2015-03-31.")
    if not oldest <= born <= today:
        return Unread("The date of birth cannot be right. A child of school age was not born then.")
    return {name: value for name, value in (values | {DOUBT: doubt}).items() if value}


def build_our_child(values: Mapping[str, str]) -> OurChild:
    """Build a child as a row of the extract says."""
    surname, forename = normalise_name(values.get("surname", "")), normalise_name(values.get("forename", ""))
    born = read_day(values["dob"])
    assert born is not None  # noqa: S101 - `_read` let no other in
    described = ComparedChild(
        surname=surname or forename,
        forename=forename if surname else "",
        other_surnames=_normal_names(values, "preferred_surname", "former_surname"),
        other_forenames=_normal_names(values, "preferred_forename"),
        middle_names=_split_parts(values.get("middle_names", "")),
        dob=born,
        dob_estimated=cells.is_yes(values.get("dob_estimated", "")),
        sex=values.get("sex", "")[:1].upper(),
        upns=(
            _normal_upn(values.get("upn", "")),
            *filter(None, map(_normal_upn, values.get("former_upn", "").split())),
        ),
        postcode=_normal_postcode(values.get("postcode")),
    )
    return OurChild(values, described, cells.may_be_yes(values.get("restricted", "")))


def build_their_child(child: Child, postcode: str | None) -> ComparedChild:
    """Build a child for whom another authority searches, as it is compared."""
    surname, forename = normalise_name(child.surname), normalise_name(child.forename or "")
    return ComparedChild(
        surname=surname or forename,
        forename=forename if surname else "",
        other_surnames=tuple(
            filter(None, (normalise_name(n or "") for n in (child.preferred_surname, child.former_surname)))
        ),
        other_forenames=tuple(filter(None, (normalise_name(child.preferred_forename or ""),))),
        middle_names=_split_parts(child.middle_names or ""),
        dob=child.dob,
        dob_estimated=child.dob_estimated,
        sex=child.sex,
        upns=(child.upn or "", *child.former_upn),
        postcode=_normal_postcode(postcode),
    )


def _normal_names(values: Mapping[str, str], *columns: str) -> tuple[str, ...]:
    return tuple(filter(None, (normalise_name(values.get(column, "")) for column in columns)))


def _split_parts(names: str) -> tuple[str, ...]:
    return tuple(part for part in normalise_name(names).split() if len(part) > 1)


def _normal_upn(text: str) -> str:
    upn = text.strip(" ,;").upper()
    return upn if re.fullmatch(UPN_FORM, upn) else ""


def _normal_postcode(text: str | None) -> str:
    return "".join((text or "").split()).upper()


def _lock_row(gw: Gateway, load: int, number: int, row: Mapping[str, str]) -> LockedChild:
    locked = at_rest.lock(json.dumps(row).encode(), about=name_child(load, number), ring=gw.ring)
    assert locked.data_key is not None  # noqa: S101 - `lock` always makes one
    return LockedChild(number, locked.data_key, locked.content)


def list_near_children(tx: Tx, gw: Gateway, load: int, asked: set[str]) -> list[OurChild]:
    """List our children who lie under any of these keys, opened."""
    return list(open_near_children(tx, gw, load, asked).values())


def open_near_children(tx: Tx, gw: Gateway, load: int, asked: set[str]) -> dict[int, OurChild]:
    """Open our children who lie under any of these keys; each by its number in this load."""
    return open_children(tx, gw, load, children.find_child_numbers(tx, load, digest_keys(gw, load, asked)))


def open_children(tx: Tx, gw: Gateway, load: int, numbers: Collection[int]) -> dict[int, OurChild]:
    """Open the children of ours who have these numbers in this load."""
    return {
        locked_child.number: open_our_child(gw, load, locked_child)
        for locked_child in children.list_locked_children(tx, load, numbers)
    }


def open_our_child(gw: Gateway, load: int, locked_child: LockedChild) -> OurChild:
    """Unlock and read a child of ours."""
    text = at_rest.unlock(
        Locked(locked_child.data_key, locked_child.content),
        about=name_child(load, locked_child.number),
        ring=gw.ring,
    )
    return build_our_child(json.loads(text))


def read_name_counts(
    tx: Tx, gw: Gateway, index: IndexLoad, sought: Sequence[ComparedChild], ours: Iterable[ComparedChild]
) -> NameCounts:
    """Read how many of our children bear each name that is weighed where these are compared."""
    keys = blocking.compared_count_keys(sought, ours)
    by_digest = {digest: key for key in keys for digest in digest_keys(gw, index.load, [key])}
    counted = children.find_counts(tx, index.load, by_digest)
    return NameCounts(index.children, {by_digest[digest]: count for digest, count in counted.items()})


def _clear_old_loads(gw: Gateway) -> None:
    """Clear away what loads before the one that counts have left."""
    counts = gw.store.look(children.find_current_load)
    for load in gw.store.look(partial(children.list_old_loads, before=counts.load)) if counts else ():
        for part in range(children.RANGES):
            gw.store.run(partial(children.delete_child_keys, load=load, part=part))
        while gw.store.run(partial(children.delete_children, load=load, at_most=STEP * 10)):
            continue


def is_index_fresh(gw: Gateway, counts: children.IndexLoad) -> bool:
    """Tell whether the index is young enough for the machine to answer by."""
    return (gw.now() - counts.at).days < gw.config.search.index_days


WATCHED = Watched("children", "taking in our children", (".csv",), HEADINGS, _process_extract)
