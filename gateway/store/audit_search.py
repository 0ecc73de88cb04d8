"""Entries of the audit log, looked for by people, a page at a time: the newest first, below a number where one page
ended.

Each way to look has an index that ends in the number, so a page costs a page, however long the log is. Acts of a kind
are looked for one by one and put together, because no index has the order of several. With a person or a partner too, a
rare act is found by its own index, and the common ones, all at once, by that of the person or partner. Of ids, the
entries are as many as a case has.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, literal_column, or_, select

from gateway.errors import NotFound
from gateway.store.audit_log import LoggedEntry, get_tree_head, read_entry_row
from gateway.store.tables import audit_checkpoints, audit_entries, audit_mentions, partners

# The order of entries is that of writing; by so much their times may differ from it.
CLOCK_SET_BACK = timedelta(hours=1)
# Ids in one question.
AT_ONCE = 500
# Entries of an act, up to which all of them may be looked through.
RARE = 2_000
_AT = audit_entries.c
_TAIL: ColumnElement[str] = literal_column("substr(about, 25)")


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries: those that meet every condition given. Of several acts or ids, any one will do."""

    acts: Sequence[str] = ()
    actor: str | None = None
    partner: str | None = None
    abouts: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    # With nobody, or one of these: another authority may use the same ids.
    partners: Sequence[str] | None = None


def search_entries(tx: Connection, sought: AuditQuery, cursor: int | None, most: int) -> list[LoggedEntry]:
    """List the newest entries that are sought, below the number `cursor` where one is given."""
    rows = (row._mapping for query in _entry_queries(tx, sought, cursor) for row in tx.execute(query.limit(most)))
    # One may mention several of the ids.
    entries = {row["number"]: read_entry_row(row) for row in rows}
    return sorted(entries.values(), key=lambda entry: entry.number, reverse=True)[:most]


def _entry_queries(tx: Connection, sought: AuditQuery, cursor: int | None) -> Iterator[Select[tuple[object, ...]]]:
    query = select(audit_entries).where(*_entry_conditions(tx, sought, cursor)).order_by(_AT.number.desc())
    narrow = [column == value for column, value in ((_AT.actor, sought.actor), (_AT.partner, sought.partner)) if value]
    if sought.abouts is not None:
        of_acts = [_AT.act.in_(sought.acts)] if sought.acts else []
        for at in range(0, len(sought.abouts), AT_ONCE):
            some = sought.abouts[at : at + AT_ONCE]
            yield query.where(_AT.about.in_(some), *of_acts, *narrow)
            mentioned = select(audit_mentions.c.number).where(audit_mentions.c.about.in_(some))
            yield query.where(_AT.number.in_(mentioned), *of_acts, *narrow)
    elif not sought.acts:
        yield query.where(*narrow)
    else:
        common = [act for act in sought.acts if _is_common_act(tx, act)] if narrow else []
        if common:
            # An expression: no index of acts is used.
            yield query.where((_AT.act + "").in_(common), *narrow)
        aside = [_AT.actor + "" == sought.actor] if sought.actor else []
        aside += [_AT.partner + "" == sought.partner] if sought.partner else []
        for act in sought.acts:
            if act not in common:
                yield query.where(_AT.act == act, *aside)


def _is_common_act(tx: Connection, act: str) -> bool:
    query = select(_AT.number).where(_AT.act == act).order_by(_AT.number.desc())
    return tx.scalar(query.limit(1).offset(RARE)) is not None


def _entry_conditions(tx: Connection, sought: AuditQuery, cursor: int | None) -> Iterator[ColumnElement[bool]]:
    if cursor is not None:
        yield _AT.number < cursor
    if sought.since is not None:
        yield _AT.number >= _first_number_since(tx, sought.since - CLOCK_SET_BACK)
        yield _AT.at >= sought.since
    if sought.until is not None:
        yield _AT.number < _first_number_since(tx, sought.until + CLOCK_SET_BACK)
        yield _AT.at < sought.until
    # An expression: the ids say more, and their index is to be used.
    if sought.partners is not None:
        yield or_(_AT.partner.is_(None), (_AT.partner + "").in_(sought.partners))


def _first_number_since(tx: Connection, moment: datetime) -> int:
    query = select(_AT.number).where(_AT.at >= moment).order_by(_AT.at, _AT.number).limit(1)
    number = tx.scalar(query)
    return get_tree_head(tx).size if number is None else int(number)


def get_entry(tx: Connection, number: int) -> LoggedEntry:
    """Return one entry. Raises NotFound."""
    row = tx.execute(select(audit_entries).where(_AT.number == number)).first()
    if row is None:
        raise NotFound("audit.no-entry", number=number)
    return read_entry_row(row._mapping)


def has_actor(tx: Connection, actor: str) -> bool:
    """Tell whether anybody of this name has ever done anything here."""
    return tx.scalar(select(_AT.number).where(_AT.actor == actor).limit(1)) is not None


def list_last_acts(tx: Connection, acts: Sequence[str]) -> dict[str, datetime]:
    """Return when one of these acts last happened with each partner."""
    # An expression, so that the index of partners is used, which has the order.
    any_of_them = (_AT.act + "").in_(acts)
    mine = select(_AT.at).where(_AT.partner == partners.c.authority, any_of_them)
    last = mine.order_by(_AT.number.desc()).limit(1).correlate(partners).scalar_subquery()
    return {row.authority: row.last for row in tx.execute(select(partners.c.authority, last.label("last"))) if row.last}


def list_ids_ending(tx: Connection, tail: str) -> list[str]:
    """List the ids of 36 characters with these last twelve that the log knows."""
    return sorted(set(tx.scalars(select(_AT.about).where(_TAIL.in_([tail])).limit(1000))) - {None})


def find_checkpoint_over(tx: Connection, number: int) -> tuple[int, str] | None:
    """Return the newest signed checkpoint and its size, where it lies over this entry; else None."""
    query = select(audit_checkpoints.c.size, audit_checkpoints.c.note).where(audit_checkpoints.c.size > number)
    row = tx.execute(query.order_by(audit_checkpoints.c.size.desc()).limit(1)).first()
    return None if row is None else (row.size, row.note)
