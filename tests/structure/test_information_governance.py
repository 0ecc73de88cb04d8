"""The page for information governance says who sees what, as the one table of the code has it."""

import re
from pathlib import Path

from gateway.core.labels_en import ROLES
from gateway.core.permissions import SCOPES, TABLE, Permission, Reach, Role, Scope

PAGE = Path(__file__).parents[2] / "docs" / "information-governance.md"
CELLS = {Reach.NONE: "no", Reach.ASSIGNED: "assigned", Reach.ALL: "yes"}


def read_table(heading: str) -> list[list[str]]:
    """Read the rows of the table that begins with this cell, its heading among them."""
    lines = PAGE.read_text("utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    end = next(number for number in range(start, len(lines)) if not lines[number].startswith("|"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:end]]
    return [rows[0], *rows[2:]]


def test_the_page_says_of_each_permission_which_role_has_it() -> None:
    heading, *rows = read_table("permission")
    assert heading[2:] == [ROLES[role] for role in Role]
    said = {row[0]: row[2:] for row in rows}
    assert len(said) == len(rows)
    assert said == {f"`{act.name}`": [CELLS[TABLE[act].get(role, Reach.NONE)] for role in Role] for act in Permission}
    assert all(row[1] for row in rows)


def test_the_page_says_of_each_scope_which_permissions_it_grants() -> None:
    _, *rows = read_table("scope")
    said = {scope.strip("`"): set(re.findall(r"`(\w+)`", acts)) for scope, acts in rows}
    assert said == {scope.value: {act.name for act in SCOPES[scope]} for scope in Scope}


def test_who_never_sees_a_child_by_the_page_has_no_permission_that_shows_one() -> None:
    shows = (Permission.READ_CHILD, Permission.FIND, Permission.SEARCH, Permission.INSPECT)
    assert "Auditors, operators and administrators never see a child's details." in PAGE.read_text("utf-8")
    for role in (Role.AUDITOR, Role.OPERATOR, Role.ADMIN):
        assert [act for act in shows if role in TABLE[act]] == []
