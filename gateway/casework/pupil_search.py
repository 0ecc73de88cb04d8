"""A child of ours is looked up in the pupil index, so that a notice about it is begun with what the index holds.

By UPN, or by name and date of birth. That somebody looked is an entry of the audit log, with how many children they
were shown. A restricted child is never shown and fills in nothing: whether it is in the index cannot be told from the
answer, as with possible matches.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from gateway.casework import compose
from gateway.casework.compose import NewComposition
from gateway.context import Gateway
from gateway.core import composition, prefill
from gateway.core.answer_summary import build_full_name
from gateway.core.names import Likeness, compare_names, normalise_name
from gateway.core.prefill import FilledFrom
from gateway.errors import NotFound
from gateway.one.leaver_rules import UPN_FORM, read_year_group
from gateway.searches import children_index
from gateway.searches.children_index import OurChild
from gateway.store import audit_log, children
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from schemas.message import MessageKind


@dataclass(frozen=True, slots=True)
class PupilQuestion:
    """Which child is looked for: by its UPN, or else by name and date of birth."""

    upn: str = field(default="", repr=False)
    surname: str = field(default="", repr=False)
    # Of a child with one name only it is empty.
    forename: str = field(default="", repr=False)
    dob: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ShownPupil:
    """A child of ours who may be meant."""

    # By which it is named in a form: nothing of the child.
    key: str
    name: str = field(repr=False)
    dob: date = field(repr=False)
    upn: str = field(repr=False)
    year_group: str = field(repr=False)


def find_index_date(gw: Gateway) -> datetime | None:
    """Return when the pupil index was loaded; None where there is none."""
    current = gw.store.look(children.find_current_load)
    return current.at if current else None


def find_pupils(gw: Gateway, asked: PupilQuestion, by: str) -> list[ShownPupil]:
    """Find the children of ours who may be meant. That is logged."""

    def find_and_log(tx: Tx) -> list[ShownPupil]:
        current = children.find_current_load(tx)
        near = children_index.open_near_children(tx, gw, current.load, _list_keys(asked)) if current else {}
        load = current.load if current else 0
        shown = [
            _build_shown(load, number, ours)
            for number, ours in near.items()
            if not ours.restricted and is_asked_child(ours, asked)
        ]
        detail: dict[str, str | int] = {"by": "upn" if asked.upn else "name", "names": len(shown)}
        audit_log.append_entries(tx, gw.now(), [AuditEntry("children.read", by, detail=detail)])
        return sorted(shown, key=lambda pupil: (pupil.name, pupil.dob, pupil.key))

    return gw.store.run(find_and_log)


def begin_from_pupil(gw: Gateway, key: str, kind: MessageKind, by: str) -> str:
    """Begin a notice about a child of ours, filled in with what the index holds; return its id.

    Raises NotFound where the index was replaced since the child was shown, or does not show it.
    """

    def get_and_log(tx: Tx) -> OurChild:
        ours = _find_shown_child(tx, gw, key)
        if ours is None:
            raise NotFound("prefill.no-pupil")
        entry = AuditEntry("children.read", by, detail={"by": "choice", "names": 1})
        audit_log.append_entries(tx, gw.now(), [entry])
        return ours

    ours = gw.store.run(get_and_log)
    fields = {**ours.fields, "nc_year": read_year_group(ours.fields.get("nc_year", ""))}
    body = composition.select_fitting(kind, prefill.fill_from_pupil(fields, ours.described))
    filled = prefill.fill_in(FilledFrom.PUPIL_INDEX, body, {})
    return compose.add_composition(
        gw, NewComposition(kind, {}, compose.build_empty_body(gw, by) | body, filled=filled), by
    )


def read_upn(typed: str) -> str:
    """Read a UPN as somebody typed it; empty where it is none."""
    upn = "".join(typed.split()).upper()
    return upn if re.fullmatch(UPN_FORM, upn) else ""


def is_asked_child(ours: OurChild, asked: PupilQuestion) -> bool:
    """Tell whether a child of ours is one who is asked for: of this UPN, or born then and of a name that may be one."""
    if asked.upn:
        return asked.upn in ours.described.upns
    described = ours.described
    return (
        described.dob == asked.dob
        and _has_name(described.surnames, asked.surname)
        and (not asked.forename or _has_name(described.forenames, asked.forename))
    )


def _has_name(names: Iterable[str], asked: str) -> bool:
    wanted = normalise_name(asked)
    return any(compare_names(name, wanted) >= Likeness.SOUND for name in names if name)


def _list_keys(asked: PupilQuestion) -> set[str]:
    """List the keys of `core.blocking` under which the child lies."""
    return {f"u|{asked.upn}"} if asked.upn else {f"d|{asked.dob}"}


def _find_shown_child(tx: Tx, gw: Gateway, key: str) -> OurChild | None:
    load, _, number = key.partition("-")
    current = children.find_current_load(tx)
    if current is None or load != str(current.load) or not (number.isdecimal() and len(number) < 8):
        return None
    ours = children_index.open_children(tx, gw, current.load, [int(number)]).get(int(number))
    return None if ours is None or ours.restricted else ours


def _build_shown(load: int, number: int, ours: OurChild) -> ShownPupil:
    name = build_full_name(ours.fields.get("forename"), ours.fields.get("surname", ""))
    upns: Sequence[str] = ours.described.upns
    year_group = read_year_group(ours.fields.get("nc_year", ""))
    return ShownPupil(f"{load}-{number}", name, ours.described.dob, upns[0] if upns else "", year_group)
