"""Work in a team: who may have a case, and what becomes of it when its people are gone or away."""

import asyncio
import re
from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import quote

import pytest

from gateway.access import absences, people
from gateway.casework import inbox_list
from gateway.core.inbox_order import NOBODY
from gateway.core.officer_news import NewsEntry, NewsKind, NewsReader, count_news
from gateway.core.permissions import Permission, Reach, Role, get_reach
from gateway.core.team import Absence
from gateway.errors import NotAllowed
from gateway.store import assignments, audit_search
from gateway.store.audit_log import LoggedEntry
from gateway.store.audit_search import AuditQuery
from schemas.reading import format_day
from schemas.shapes import CaseId
from tests.consoles import NAMES, sign_in_name
from tests.flows.test_console_oversight import Visitor, later
from tests.flows.test_inbox import came, cases_on, from_there

OFFICER, MANAGER, OUTREACH = Role.CME_OFFICER, Role.SERVICE_MANAGER, Role.OUTREACH
OLIVE, PERCY, OTTO, MONA, AGNES = map(sign_in_name, (OFFICER, Role.PUPIL_TRACKING, OUTREACH, MANAGER, Role.ADMIN))


def list_entries(visitor: Visitor, *acts: str) -> list[LoggedEntry]:
    found = visitor.gw.store.look(lambda tx: audit_search.search_entries(tx, AuditQuery(acts=acts), None, 99))
    return sorted(found, key=lambda entry: entry.number)


def list_assigned(visitor: Visitor, case: CaseId) -> list[str]:
    return list(visitor.gw.store.look(lambda tx: assignments.list_assigned_people(tx, case)))


@pytest.mark.parametrize("role", list(Role))
async def test_a_case_may_be_assigned_to_whoever_opens_cases_and_to_nobody_else(visitor: Visitor, role: Role) -> None:
    [case] = await came(visitor, from_there(visitor))
    name, opens = sign_in_name(role), get_reach([role], Permission.READ_CHILD) is not Reach.NONE
    page = await visitor.get(OFFICER, f"/cases/{case}")
    assert (f'<option value="{name}"' in page) == (opens and role is not OFFICER)
    await visitor.post(OFFICER, f"/cases/{case}/assign", status=303 if opens else 422, person=name)
    assert list_assigned(visitor, case) == ([name] if opens else [])
    assert len(list_entries(visitor, "case.assigned")) == opens
    await asyncio.to_thread(people.add_account, visitor.gw, "spare@council.example", "Spare", [Role.ADMIN], "test")
    await asyncio.to_thread(people.set_active, visitor.gw, name, False, "test")
    with pytest.raises(NotAllowed):
        await asyncio.to_thread(people.assign_case, visitor.gw, case, name, "test")


async def test_no_person_is_chosen_before_somebody_chooses_and_one_button_takes_the_case(visitor: Visitor) -> None:
    [case] = await came(visitor, from_there(visitor))
    page = await visitor.get(OFFICER, f"/cases/{case}")
    [select] = re.findall(r'<select class="govuk-select" id="person".*?</select>', page, re.DOTALL)
    assert re.findall(r'<option value="([^"]*)"', select)[0] == ""
    assert "selected" not in select
    refused = (await visitor.post(OFFICER, f"/cases/{case}/assign", status=422, person="")).decode()
    assert "Choose a person" in refused
    assert "<title>Error: " in refused
    assert list_assigned(visitor, case) == []
    assert "Assign to me" in page
    await visitor.post(OFFICER, f"/cases/{case}/assign", status=303, person=OLIVE)
    await visitor.post(OFFICER, f"/cases/{case}/assign", status=303, person=PERCY)
    page = await visitor.get(OFFICER, f"/cases/{case}")
    assert "Assign to me" not in page
    assert all(f"Remove {NAMES[role]}" in page for role in (OFFICER, Role.PUPIL_TRACKING))
    # An outreach officer sees who has it, and assigns nothing.
    await asyncio.to_thread(people.assign_case, visitor.gw, case, OTTO, OLIVE)
    page = await visitor.get(OUTREACH, f"/cases/{case}")
    assert NAMES[Role.PUPIL_TRACKING] in page
    assert "/assign" not in page
    await visitor.post(OUTREACH, f"/cases/{case}/assign", status=403, person=OTTO)


async def test_cases_of_an_account_that_ended_are_nobodys_until_it_comes_back(visitor: Visitor) -> None:
    [case, shared, other] = await came(visitor, *(from_there(visitor) for _ in range(3)))
    for whose, name in ((case, OLIVE), (shared, OLIVE), (shared, PERCY), (other, PERCY)):
        people.assign_case(visitor.gw, whose, name, MONA)
    assert cases_on(await visitor.get(MANAGER, f"/inbox?officer={NOBODY}")) == []
    asked = await visitor.get(Role.ADMIN, f"/people/{quote(OLIVE)}/end")
    assert "2 cases assigned to them will be shown as" in asked
    assert '<option value="">Do not move' in asked
    assert f'<option value="{OLIVE}"' not in asked
    await visitor.post(Role.ADMIN, f"/people/{quote(OLIVE)}/end", status=303, move_to="")
    page = await visitor.get(MANAGER, f"/inbox?officer={NOBODY}")
    assert cases_on(page) == [case]
    assert f"Not assigned (was {NAMES[OFFICER]})" in page
    assert "no longer works on cases" in await visitor.get(MANAGER, f"/cases/{case}")
    people.set_active(visitor.gw, OLIVE, True, AGNES)
    assert cases_on(await visitor.get(MANAGER, f"/inbox?officer={NOBODY}")) == []
    # Without a role that opens cases it is the same.
    people.set_roles(visitor.gw, OLIVE, [Role.AUDITOR], AGNES)
    assert [it.case for it in inbox_list.list_waiting(visitor.gw) if it.left and not it.assigned] == [case]


async def test_all_cases_move_with_the_end_of_the_account_or_nothing_happens(visitor: Visitor) -> None:
    cases = await came(visitor, *(from_there(visitor) for _ in range(3)))
    for case in cases:
        people.assign_case(visitor.gw, case, OLIVE, MONA)
    people.assign_case(visitor.gw, cases[0], OTTO, MONA)
    # To somebody who may have none, or who is the very one that leaves: the account stays as it is too.
    for nobody in (AGNES, OLIVE):
        await visitor.post(Role.ADMIN, f"/people/{quote(OLIVE)}/end", status=422, move_to=nobody)
        assert [list_assigned(visitor, case) for case in cases[1:]] == [[OLIVE], [OLIVE]]
        assert people.get_account_overview(visitor.gw, OLIVE).person.active
    assert list_entries(visitor, "person.ended", "case.unassigned") == []
    await visitor.post(Role.ADMIN, f"/people/{quote(OLIVE)}/end", status=303, move_to=OTTO)
    assert [list_assigned(visitor, case) for case in cases] == [[OTTO]] * 3
    entries = list_entries(visitor, "person.ended", "case.unassigned", "case.assigned")[4:]
    # He had one of them.
    assert [entry.act for entry in entries].count("case.unassigned") == 3
    assert [entry.act for entry in entries].count("case.assigned") == 2
    assert {entry.actor for entry in entries} == {AGNES}


def away(since: date, until: date, deputy: str) -> dict[str, str]:
    """What somebody types who is away."""
    days = {"since": since, "until": until}
    parts = {
        f"{name}-{part}": str(getattr(day, part)) for name, day in days.items() for part in ("day", "month", "year")
    }
    return {**parts, "deputy": deputy}


async def test_whoever_stands_in_has_the_cases_while_the_other_is_away_and_no_longer(visitor: Visitor) -> None:
    case, _ = await came(visitor, from_there(visitor), from_there(visitor))
    people.assign_case(visitor.gw, case, OLIVE, MONA)
    today = visitor.gw.now().date()
    last = today + timedelta(days=2)
    await visitor.post(OFFICER, "/account/away", status=303, **away(today, last, PERCY))
    page = await visitor.get(Role.PUPIL_TRACKING, "/inbox")
    named = f"{NAMES[OFFICER]} (away until {format_day(last)}; deputy: {NAMES[Role.PUPIL_TRACKING]})"
    assert "1 assigned to you" in page
    assert named in page
    assert cases_on(await visitor.get(Role.PUPIL_TRACKING, f"/inbox?officer={PERCY}")) == [case]
    assert named in await visitor.get(Role.PUPIL_TRACKING, f"/cases/{case}")
    assert f"{format_day(today)} to {format_day(last)}" in await visitor.get(OFFICER, "/account")
    # Whoever is assigned a case meanwhile, it is news for who stands in; not for the one who assigned it.
    assigned = NewsEntry(1, "case.assigned", case, to=OLIVE, actor=MONA)
    stands_in = NewsReader(PERCY, stands_in_for=frozenset({OLIVE}))
    assert count_news([assigned], stands_in) == {NewsKind.ASSIGNED: 1}
    assert count_news([replace(assigned, actor=PERCY)], stands_in) == count_news([assigned], NewsReader(PERCY)) == {}
    assert visitor.gw.store.look(lambda tx: absences.read_stand_ins(tx, visitor.gw)) == {OLIVE: PERCY}
    later(visitor, 3)
    assert "assigned to you" not in await visitor.get(Role.PUPIL_TRACKING, "/inbox")
    assert "away until" not in await visitor.get(MANAGER, f"/cases/{case}")
    assert absences.find_absence(visitor.gw, OLIVE) is None


async def test_a_time_away_is_refused_that_is_none_or_opens_a_case_to_somebody(visitor: Visitor) -> None:
    today = visitor.gw.now().date()
    for wrong in (
        away(today, today - timedelta(days=1), PERCY),
        away(today - timedelta(days=9), today - timedelta(days=8), PERCY),
        away(today, today + timedelta(days=400), PERCY),
        # Sees assigned cases only; no child; one's own.
        *(away(today, today, name) for name in (OTTO, AGNES, OLIVE, "")),
        {"deputy": PERCY},
    ):
        await visitor.post(OFFICER, "/account/away", status=422, **wrong)
    for name, code in ((OTTO, "absence.deputy"), (OLIVE, "absence.deputy")):
        with pytest.raises(NotAllowed) as why:
            absences.set_absence(visitor.gw, Absence(OLIVE, today, today, name), OLIVE)
        assert why.value.code == code
    assert list_entries(visitor, "person.away") == []
    # An admin and a manager say so for another; nobody else does.
    path = f"/people/{quote(OTTO)}/away"
    for role in (OFFICER, OUTREACH):
        await visitor.post(role, path, status=403, **away(today, today, PERCY))
    for role in (Role.ADMIN, MANAGER):
        await visitor.post(role, path, status=303, **away(today, today, PERCY))
        assert "Deputy: Percy Testtracker" in await visitor.get(role, path)
    await visitor.post(OUTREACH, "/account/away", status=303, act="end")
    acts = [(entry.act, entry.actor, entry.about) for entry in list_entries(visitor, "person.away", "person.here")]
    assert acts == [("person.away", AGNES, OTTO), ("person.away", MONA, OTTO), ("person.here", OTTO, OTTO)]
