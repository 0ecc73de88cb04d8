"""What we hold of a child beside a notice that is to go: our own children, and the notices of before.

A machine looks, so that an officer is asked; nothing of it is shown, and nothing is written. A UPN leads to whoever bears it here, and
names with a date of birth to the last notice about the child. A test is about nobody.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from gateway import copies
from gateway.context import Authority
from gateway.copies import Machine
from gateway.core import blocking
from gateway.core.matching import Described
from gateway.core.names import Likeness, likeness, normal
from gateway.core.safeguards import Known, is_another
from gateway.core.search_terms import Term
from gateway.store import blind_index, children
from gateway.store.blind_index import Lying
from gateway.store.children import Kept
from keys import at_rest, blind
from keys.at_rest import Locked
from keys.digests import Purpose
from schemas.message import OPENS_A_CASE, Child, Message, Sibling

MOST_BESIDE = 8  # notices of one UPN that are compared where they are sent together
NOT_RESTRICTED = ("", "n", "no", "0", "false")  # in the column of an extract; whatever else stands there restricts


@dataclass(frozen=True, slots=True)
class _Row:
    """A child of ours beside one in a notice."""

    said: Mapping[str, str]
    bears: bool  # its UPN
    born: bool  # on the same day


def look_up(
    tx: Connection,
    here: Authority,
    notices: Iterable[Message],
    withheld: Mapping[str, Collection[str]] | None = None,
    *,
    of_rows: bool = False,
) -> dict[str, Known]:
    """What is known beside each of these notices, by MessageId: few questions for all of them.

    `withheld`: values that may not stand in them, by the same. `of_rows`: they are made of rows of an extract, which are held against
    what was sent of the same UPN before (`one.forward`); so only our own children are asked who bears it.
    """
    values = withheld or {}
    about = {one.header.message_id: one for one in notices if one.kind in OPENS_A_CASE}
    children_of = {name: child for name, one in about.items() if (child := _child(one))}
    siblings_of = {name: _siblings(about[name]) for name in children_of}
    everybody = children_of | {key: one for name, some in siblings_of.items() for key, one in some.items()}
    before, beside = _notices(tx, here, everybody), _beside(about, children_of)
    rows = _rows(tx, here, everybody)
    found = {name: Known(frozenset(values.get(name, ()))) for name in about}
    for name, child in children_of.items():
        found[name] = replace(
            found[name],
            other_bears_upn=_other_bears_upn(
                about[name], child, () if of_rows else [*before[name], *beside[name]], rows.get(name, ())
            ),
            is_restricted=_is_restricted(child, before[name], rows.get(name, ())),
            sibling_is_restricted=any(
                _is_restricted(one, before[key], rows.get(key, ())) for key, one in siblings_of[name].items()
            ),
        )
    return found


def _child(notice: Message) -> Child | None:
    """Whom it is about; nobody where it is a test."""
    return None if notice.header.test else next(iter(notice.each(Child)), None)


def _siblings(notice: Message) -> dict[str, Child]:
    """The brothers and sisters whom an open notice names, under keys of their own."""
    if notice.restriction != "none":
        return {}
    return {
        f"{notice.header.message_id} {number}": Child(
            upn=one.upn, surname=one.surname, forename=one.forename, dob=one.dob, sex="U"
        )
        for number, one in enumerate(notice.each(Sibling))
    }


def _other_bears_upn(notice: Message, child: Child, before: Sequence[Message], rows: Sequence[_Row]) -> bool:
    """Was its UPN somebody else's here? What others wrote of a UPN makes no child one of ours."""
    ours = notice.header.sender.authority
    others = [one for one in before if one.header.sender.authority == ours and not _same_case(one, notice)]
    if any(_bears_other_name(child, one) for one in others):
        return True
    return any(is_another(child, *_names(row.said), row.born) for row in rows if row.bears)


def _is_restricted(child: Child, before: Sequence[Message], rows: Sequence[_Row]) -> bool:
    """Does the last notice about the child say so, or a row of ours?"""
    newest = next((one for one in before if _is_about(child, one)), None)
    if newest is not None and newest.restriction != "none":
        return True
    return any(
        _says_restricted(row.said) for row in rows if row.born and (row.bears or _is_called(child, *_names(row.said)))
    )


def _same_case(one: Message, other: Message) -> bool:
    return one.header.conversation_id == other.header.conversation_id


def _notices(tx: Connection, here: Authority, children_of: Mapping[str, Child]) -> dict[str, list[Message]]:
    """Of each the newest notice about somebody of the same UPN, and about somebody of the same name and birthday: the newer first."""
    asked = [
        (name, terms) for name, child in children_of.items() for terms in (_upn(child), _whole_names(child)) if terms
    ]
    lying = blind_index.newest(tx, [[blind.marks([term], here.ring)[0] for term in terms] for _, terms in asked])
    opened = {one.number: _opened(tx, here, one) for one in lying if one}
    numbers: dict[str, set[int]] = {name: set() for name in children_of}
    for (name, _), one in zip(asked, lying, strict=True):
        if one:
            numbers[name].add(one.number)
    return {
        name: [message for number in sorted(some, reverse=True) if (message := opened[number])]
        for name, some in numbers.items()
    }


def _beside(about: Mapping[str, Message], children_of: Mapping[str, Child]) -> dict[str, list[Message]]:
    """Of each the others of the same UPN that are to go with it: they are not among those of before."""
    by_upn: dict[str, list[str]] = {}
    for name, child in children_of.items():
        by_upn.setdefault(child.upn or name, []).append(name)
    return {
        name: [about[other] for other in by_upn[child.upn or name] if other != name][:MOST_BESIDE]
        for name, child in children_of.items()
    }


def _upn(child: Child) -> list[Term]:
    return [Term("upn", child.upn)] if child.upn else []


def _whole_names(child: Child) -> list[Term]:
    """By which notices about a child of this name and birthday are found, as `core.marks` writes it."""
    names = {"surname": child.surname, "forename": child.forename or ""}
    together = [Term(kind, normal(name).replace(" ", "")) for kind, name in names.items() if name]
    return [Term("dob", child.dob.isoformat()), *(one for one in together if len(one.value) > 1)]


def _opened(tx: Connection, here: Authority, one: Lying) -> Message | None:
    """None where its key was destroyed, or it is no notice about a child."""
    sent = one.lies == "sent"
    copy = copies.take_copy(tx, here, ("" if sent else one.partner, one.message_id), Machine.COMPARE)
    if not copy.is_held:
        return None
    message = copies.open_copy(here, copy)
    return message if message.kind in OPENS_A_CASE and not message.header.test else None


def _bears_other_name(child: Child, other: Message) -> bool:
    """Does somebody in this notice have the child's UPN, and another name or date of birth?"""
    people: Sequence[Child | Sibling] = [*other.each(Child), *other.each(Sibling)]
    return any(
        is_another(child, one.surname, one.forename or "", one.dob == child.dob)
        for one in people
        if child.upn and one.upn == child.upn
    )


def _is_about(child: Child, other: Message) -> bool:
    theirs = next(iter(other.each(Child)), None)
    if theirs is None or theirs.dob != child.dob:
        return False
    return bool(child.upn and child.upn == theirs.upn) or _is_called(child, theirs.surname, theirs.forename or "")


def _is_called(child: Child, surname: str, forename: str) -> bool:
    own = (child.surname, child.forename or "")
    return all(
        likeness(normal(one), normal(other)) >= Likeness.NICKNAME
        for one, other in zip(own, (surname, forename), strict=True)
    )


def _rows(tx: Connection, here: Authority, children_of: Mapping[str, Child]) -> dict[str, list[_Row]]:
    """Of each our own children who have its UPN, or its birthday and a name that sounds alike."""
    current = children.current(tx)
    if current is None or not children_of:
        return {}
    load = current.load
    keys = {name: _keys(here, load, child) for name, child in children_of.items()}
    lying = children.lying(tx, load, {key for some in keys.values() for key in some if key is not None})
    found: dict[str, dict[int, tuple[bool, bool]]] = {}
    for name, (upn, born, called) in keys.items():
        bear = lying.get(upn, set()) if upn is not None else set()
        on_day = lying.get(born, set())
        both = bear | (on_day & lying.get(called, set()))
        found[name] = {number: (number in bear, number in on_day) for number in both}
    wanted = {number for some in found.values() for number in some}
    said = {one.number: _row(here, load, one) for one in children.locked(tx, load, wanted)} if wanted else {}
    return {
        name: [_Row(said[number], *how) for number, how in some.items() if number in said]
        for name, some in found.items()
    }


def _keys(here: Authority, load: int, child: Child) -> tuple[int | None, int, int]:
    """Under which keys of `core.blocking` the child would lie: its UPN, its birthday, how its names sound."""
    surname, forename = normal(child.surname), normal(child.forename or "")
    described = Described(surname, forename, (), (), (), child.dob, child.dob_estimated, child.sex, (), "")
    upn = next(iter(digests(here, load, [f"u|{child.upn}"]))) if child.upn else None
    [born], [called] = (digests(here, load, [key]) for key in (f"d|{child.dob}", blocking.namesakes(described)))
    return upn, born, called


def digests(here: Authority, load: int, keys: Iterable[str]) -> set[int]:
    """These keys as the index of this load has them: 64 bits of a digest under our own key, for a child could be guessed."""
    return here.ring.digests.compute_numbers(Purpose.CHILD, (f"{load}\0{key}" for key in keys))


def about_child(load: int, number: int) -> str:
    """What the row of a child of ours is locked to."""
    return f"child {load} {number}"


def _row(here: Authority, load: int, one: Kept) -> Mapping[str, str]:
    text = at_rest.unlock(Locked(one.data_key, one.content), about=about_child(load, one.number), ring=here.ring)
    row: Mapping[str, str] = json.loads(text)
    return row


def _says_restricted(row: Mapping[str, str]) -> bool:
    return row.get("restricted", "").casefold() not in NOT_RESTRICTED


def _names(row: Mapping[str, str]) -> tuple[str, str]:
    return row.get("surname", ""), row.get("forename", "")
