"""Who is away, until when, and who stands in: what new work is counted for a deputy hangs on it.

A deputy sees every case anyway, so a time away opens nothing to anybody.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from gateway.context import Gateway
from gateway.core import labels
from gateway.core.calendar import LONDON
from gateway.core.team import Absence, find_stand_ins, may_be_deputy
from gateway.errors import NotAllowed
from gateway.store import absences, audit_log, people
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.people import Person
from schemas.reading import format_day

# From today to the last day of it.
LONGEST = timedelta(days=366)


def find_absence(gw: Gateway, name: str) -> Absence | None:
    """Return when somebody is away, today or later; None where they are not."""
    today = _get_today(gw)
    everyones = gw.store.look(absences.list_absences)
    return next((absence for absence in everyones if absence.person == name and absence.until >= today), None)


def list_deputies(gw: Gateway, name: str) -> list[Person]:
    """List those who may stand in for somebody."""
    return [person for person in _list_deputies(gw.store.look(people.list_people)) if person.name != name]


def set_absence(gw: Gateway, absence: Absence, by: str) -> None:
    """Set when somebody is away, and who stands in. Raises NotFound or NotAllowed."""
    today = _get_today(gw)
    if not (absence.since <= absence.until and today <= absence.until <= today + LONGEST):
        raise NotAllowed("absence.days")

    def write(tx: Tx) -> None:
        people.get_person(tx, absence.person)
        deputies = {person.name for person in _list_deputies(people.list_people(tx))} - {absence.person}
        if absence.deputy and absence.deputy not in deputies:
            raise NotAllowed("absence.deputy")
        absences.replace_absence(tx, absence)
        detail = {
            "since": absence.since.isoformat(),
            "until": absence.until.isoformat(),
            "deputy": absence.deputy or "none",
        }
        audit_log.append_entries(tx, gw.now(), [AuditEntry("person.away", by, absence.person, detail=detail)])

    gw.store.run(write)


def end_absence(gw: Gateway, name: str, by: str) -> None:
    """Note that somebody is not away, and will not be."""

    def write(tx: Tx) -> None:
        if absences.delete_absence(tx, name):
            audit_log.append_entries(tx, gw.now(), [AuditEntry("person.here", by, name)])

    gw.store.run(write)


def read_stand_ins(tx: Tx, gw: Gateway) -> dict[str, str]:
    """Read who stands in today for each who is away."""
    everybody = people.list_people(tx)
    return find_stand_ins(
        absences.list_absences(tx), _get_today(gw), {person.name for person in _list_deputies(everybody)}
    )


def describe_team(gw: Gateway) -> Mapping[str, str]:
    """Describe everybody who has an account, by name: what they are called, and whether they are away today."""
    today = _get_today(gw)

    def read(tx: Tx) -> tuple[list[Person], list[Absence], dict[str, str]]:
        return people.list_people(tx), absences.list_absences(tx), read_stand_ins(tx, gw)

    everybody, everyones, stand_ins = gw.store.look(read)
    called = {person.name: person.called for person in everybody}
    away = {it.person: it for it in everyones if it.is_on(today)}
    return {
        name: labels.describe_away(own_name, format_day(away[name].until), called.get(stand_ins.get(name, ""), ""))
        if name in away
        else own_name
        for name, own_name in called.items()
    }


def _list_deputies(everybody: Iterable[Person]) -> list[Person]:
    deputies = [person for person in everybody if may_be_deputy(person.roles, active=person.active)]
    return sorted(deputies, key=lambda person: person.called.casefold())


def _get_today(gw: Gateway) -> date:
    return gw.now().astimezone(LONDON).date()
