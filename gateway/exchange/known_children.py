"""What we hold of a child beside a notice that is to go: our own children, and the notices of before.

A machine looks, so that an officer is asked; nothing of it is shown, and nothing is written. A UPN leads to whoever
bears it here, and names with a date of birth to the last notice about the child. A test is about nobody.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway import copies
from gateway.context import Gateway
from gateway.copies import Machine
from gateway.core import blocking
from gateway.core.child import ComparedChild
from gateway.core.copy_names import name_child
from gateway.core.names import Likeness, compare_names, normalise_name
from gateway.core.safeguards import KnownFacts, is_another
from gateway.core.search_terms import Term
from gateway.store import blind_index, children
from gateway.store.blind_index import IndexHit
from gateway.store.children import LockedChild
from gateway.store.database import Tx
from keys import at_rest, blind
from keys.at_rest import Locked
from keys.digests import Purpose
from schemas.message import OPENS_A_CASE, Child, Message, Sibling
from schemas.shapes import MessageId

# Notices of one UPN that are compared where they are sent together.
MOST_BESIDE = 8
# In the column of an extract; whatever else stands there restricts.
NOT_RESTRICTED = ("", "n", "no", "0", "false")


@dataclass(frozen=True, slots=True)
class _OwnChild:
    """A child of ours beside one in a notice."""

    fields: Mapping[str, str]
    # Its UPN.
    bears: bool
    # On the same day.
    born: bool


def look_up_known(
    tx: Tx,
    gw: Gateway,
    notices: Iterable[Message],
    withheld: Mapping[str, Collection[str]] | None = None,
    *,
    of_rows: bool = False,
) -> dict[MessageId, KnownFacts]:
    """Look up what is known beside each of these notices, by MessageId: few questions for all of them.

    `withheld`: values that may not stand in them, by the same. `of_rows`: they are made of rows of an extract, which
    are held against what was sent of the same UPN before (`one.leaver_batches`); so only our own children are asked who
    bears it.
    """
    values = withheld or {}
    about = {notice.header.message_id: notice for notice in notices if notice.kind in OPENS_A_CASE}
    children_of = {name: child for name, notice in about.items() if (child := _find_child(notice))}
    siblings_of = {name: _list_siblings(about[name]) for name in children_of}
    everybody = children_of | {key: notice for name, some in siblings_of.items() for key, notice in some.items()}
    before, beside = _find_notices_before(tx, gw, everybody), _notices_beside(about, children_of)
    rows = _find_own_children(tx, gw, everybody)
    known = {name: KnownFacts(frozenset(values.get(name, ()))) for name in about}
    for name, child in children_of.items():
        known[name] = replace(
            known[name],
            other_bears_upn=_has_others_upn(
                about[name], child, () if of_rows else [*before[name], *beside[name]], rows.get(name, ())
            ),
            is_restricted=_is_known_restricted(child, before[name], rows.get(name, ())),
            sibling_is_restricted=any(
                _is_known_restricted(notice, before[key], rows.get(key, ()))
                for key, notice in siblings_of[name].items()
            ),
        )
    return known


def _find_child(notice: Message) -> Child | None:
    """Return whom it is about; nobody where it is a test."""
    return None if notice.header.test else next(iter(notice.list_all(Child)), None)


def _list_siblings(notice: Message) -> dict[str, Child]:
    """Return the brothers and sisters whom an open notice names, under keys of their own."""
    if notice.restriction != "none":
        return {}
    return {
        f"{notice.header.message_id} {number}": Child(
            upn=sibling.upn, surname=sibling.surname, forename=sibling.forename, dob=sibling.dob, sex="U"
        )
        for number, sibling in enumerate(notice.list_all(Sibling))
    }


def _has_others_upn(notice: Message, child: Child, before: Sequence[Message], rows: Sequence[_OwnChild]) -> bool:
    """Tell whether its UPN was somebody else's here. What others wrote of a UPN makes no child one of ours."""
    ours = notice.header.sender.authority
    others = [
        other_notice
        for other_notice in before
        if other_notice.header.sender.authority == ours and not _is_same_case(other_notice, notice)
    ]
    if any(_names_other_child(child, other_notice) for other_notice in others):
        return True
    return any(is_another(child, *_row_names(row.fields), row.born) for row in rows if row.bears)


def _is_known_restricted(child: Child, before: Sequence[Message], rows: Sequence[_OwnChild]) -> bool:
    """Tell whether the last notice about the child says so, or a row of ours."""
    newest = next((notice for notice in before if _is_about_child(child, notice)), None)
    if newest is not None and newest.restriction != "none":
        return True
    return any(
        _says_restricted(row.fields)
        for row in rows
        if row.born and (row.bears or _is_child_called(child, *_row_names(row.fields)))
    )


def _is_same_case(notice: Message, other: Message) -> bool:
    return notice.header.case_id == other.header.case_id


def _find_notices_before(tx: Tx, gw: Gateway, children_of: Mapping[str, Child]) -> dict[str, list[Message]]:
    """Find of each the newest notice about the same UPN, and the same name and birthday: the newer first."""
    asked = [
        (name, terms)
        for name, child in children_of.items()
        for terms in (_upn_terms(child), _whole_name_terms(child))
        if terms
    ]
    lying = blind_index.find_newest_marked(
        tx, [[blind.compute_marks([term], gw.ring)[0] for term in terms] for _, terms in asked]
    )
    opened = {hit.number: _open_hit(tx, gw, hit) for hit in lying if hit}
    numbers: dict[str, set[int]] = {name: set() for name in children_of}
    for (name, _), hit in zip(asked, lying, strict=True):
        if hit:
            numbers[name].add(hit.number)
    return {
        name: [message for number in sorted(some, reverse=True) if (message := opened[number])]
        for name, some in numbers.items()
    }


def _notices_beside(
    about: Mapping[MessageId, Message], children_of: Mapping[MessageId, Child]
) -> dict[MessageId, list[Message]]:
    """Return of each the others of the same UPN that are to go with it: they are not among those of before."""
    by_upn: dict[str, list[MessageId]] = {}
    for name, child in children_of.items():
        by_upn.setdefault(child.upn or name, []).append(name)
    return {
        name: [about[other] for other in by_upn[child.upn or name] if other != name][:MOST_BESIDE]
        for name, child in children_of.items()
    }


def _upn_terms(child: Child) -> list[Term]:
    return [Term("upn", child.upn)] if child.upn else []


def _whole_name_terms(child: Child) -> list[Term]:
    """Return by which terms notices about a child of this name and birthday are found, as the index has them."""
    names = {"surname": child.surname, "forename": child.forename or ""}
    together = [Term(kind, normalise_name(name).replace(" ", "")) for kind, name in names.items() if name]
    return [Term("dob", child.dob.isoformat()), *(term for term in together if len(term.value) > 1)]


def _open_hit(tx: Tx, gw: Gateway, hit: IndexHit) -> Message | None:
    """Open a notice; None where its key was destroyed, or it is no notice about a child."""
    copy = copies.take_copy(tx, gw, hit.name, Machine.COMPARE)
    if not copy.is_held:
        return None
    message = copies.open_copy(gw, copy)
    return message if message.kind in OPENS_A_CASE and not message.header.test else None


def _names_other_child(child: Child, other: Message) -> bool:
    """Tell whether somebody in this notice has the child's UPN, and another name or date of birth."""
    people: Sequence[Child | Sibling] = [*other.list_all(Child), *other.list_all(Sibling)]
    return any(
        is_another(child, person.surname, person.forename or "", person.dob == child.dob)
        for person in people
        if child.upn and person.upn == child.upn
    )


def _is_about_child(child: Child, other: Message) -> bool:
    theirs = next(iter(other.list_all(Child)), None)
    if theirs is None or theirs.dob != child.dob:
        return False
    return bool(child.upn and child.upn == theirs.upn) or _is_child_called(child, theirs.surname, theirs.forename or "")


def _is_child_called(child: Child, surname: str, forename: str) -> bool:
    own = (child.surname, child.forename or "")
    return all(
        compare_names(normalise_name(own_name), normalise_name(other)) >= Likeness.NICKNAME
        for own_name, other in zip(own, (surname, forename), strict=True)
    )


def _find_own_children(tx: Tx, gw: Gateway, children_of: Mapping[str, Child]) -> dict[str, list[_OwnChild]]:
    """Find of each our own children who have its UPN, or its birthday and a name that sounds alike."""
    current = children.find_current_load(tx)
    if current is None or not children_of:
        return {}
    load = current.load
    keys = {name: _child_keys(gw, load, child) for name, child in children_of.items()}
    lying = children.find_children_by_key(tx, load, {key for some in keys.values() for key in some if key is not None})
    numbers_of: dict[str, dict[int, tuple[bool, bool]]] = {}
    for name, (upn, born, called) in keys.items():
        bear = lying.get(upn, set()) if upn is not None else set()
        on_day = lying.get(born, set())
        both = bear | (on_day & lying.get(called, set()))
        numbers_of[name] = {number: (number in bear, number in on_day) for number in both}
    wanted = {number for some in numbers_of.values() for number in some}
    values = (
        {row.number: _open_child_row(gw, load, row) for row in children.list_locked_children(tx, load, wanted)}
        if wanted
        else {}
    )
    return {
        name: [_OwnChild(values[number], *how) for number, how in some.items() if number in values]
        for name, some in numbers_of.items()
    }


def _child_keys(gw: Gateway, load: int, child: Child) -> tuple[int | None, int, int]:
    """Return under which keys of `core.blocking` the child would lie: its UPN, its birthday, how its names sound."""
    surname, forename = normalise_name(child.surname), normalise_name(child.forename or "")
    described = ComparedChild(surname, forename, (), (), (), child.dob, child.dob_estimated, child.sex, (), "")
    upn = next(iter(digest_keys(gw, load, [f"u|{child.upn}"]))) if child.upn else None
    [born], [called] = (digest_keys(gw, load, [key]) for key in (f"d|{child.dob}", blocking.namesake_key(described)))
    return upn, born, called


def digest_keys(gw: Gateway, load: int, keys: Iterable[str]) -> set[int]:
    """Return these keys as the index of this load has them: digests under our own key, for a child could be guessed."""
    return gw.ring.digests.compute_numbers(Purpose.CHILD, (f"{load}\0{key}" for key in keys))


def _open_child_row(gw: Gateway, load: int, locked_child: LockedChild) -> Mapping[str, str]:
    text = at_rest.unlock(
        Locked(locked_child.data_key, locked_child.content),
        about=name_child(load, locked_child.number),
        ring=gw.ring,
    )
    row: Mapping[str, str] = json.loads(text)
    return row


def _says_restricted(row: Mapping[str, str]) -> bool:
    return row.get("restricted", "").casefold() not in NOT_RESTRICTED


def _row_names(row: Mapping[str, str]) -> tuple[str, str]:
    return row.get("surname", ""), row.get("forename", "")
