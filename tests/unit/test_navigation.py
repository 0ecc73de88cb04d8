"""The head of a page: few sections for everybody, what is open to them and nothing else, and where they are."""

import pytest

from gateway.console.application import ENDPOINT_GROUPS
from gateway.console.navigation import MOST_COUNTED, SECTIONS, Head, build_head
from gateway.core.inbox_order import InboxCounts
from gateway.core.permissions import Permission, Reach, Role, get_reach

PATHS = [page.address for section in SECTIONS for page in section.pages]


def of(path: str, *roles: Role, counts: dict[str, int | InboxCounts] | None = None) -> Head:
    return build_head(lambda act: get_reach(roles, act) > Reach.NONE, path, counts or {})


def test_every_room_is_a_door_that_needs_the_same_act() -> None:
    endpoints = {
        endpoint.path: endpoint.act for group in ENDPOINT_GROUPS for endpoint in group if endpoint.method == "GET"
    }
    assert {page.address: page.act for section in SECTIONS for page in section.pages}.items() <= endpoints.items()
    assert len(PATHS) == len(set(PATHS))


@pytest.mark.parametrize("role", list(Role))
def test_nobody_has_more_than_six_sections_and_everybody_reaches_each_room_that_is_open_to_them(role: Role) -> None:
    sections = of("/", role).sections
    assert 1 <= len(sections) <= 6
    open_to_them = {page.address for one in SECTIONS for page in one.pages if get_reach([role], page.act) > Reach.NONE}
    reached = {entry.href for entry in sections} | {
        page.href for entry in sections for page in of(entry.href, role).pages
    }
    assert reached == open_to_them


def test_somebody_with_every_role_has_six_sections() -> None:
    assert [one.text for one in of("/", *Role).sections] == [
        "Casework",
        "Find a notice",
        "Send a notice",
        "Reports",
        "Audit log",
        "Administration",
    ]


def test_a_section_of_which_one_room_is_open_is_called_as_the_room() -> None:
    assert [one.text for one in of("/", Role.AUDITOR).sections] == ["Reports", "Audit log", "Partner authorities"]


def test_who_has_one_section_has_its_pages_in_the_head() -> None:
    assert [one.text for one in of("/health", Role.OPERATOR).sections] == [
        "Partner authorities",
        "Connected systems",
        "System health",
    ]
    assert [one.text for one in of("/inbox", Role.OUTREACH).sections] == ["Inbox", "Outstanding", "Sent notices"]
    assert of("/health", Role.OPERATOR).pages == ()


@pytest.mark.parametrize("path", PATHS)
def test_one_entry_says_where_somebody_is(path: str) -> None:
    head = of(path, *Role)
    assert [one.current or one.active for one in head.sections].count(True) == 1
    assert [one.href for one in (*head.sections, *head.pages) if one.current] == [path]


def test_a_page_within_a_room_belongs_to_its_section_and_shows_no_second_level() -> None:
    for path, section in (
        ("/cases/0/search", "Casework"),
        ("/partners/333", "Administration"),
        ("/audit/1", "Audit log"),
    ):
        head = of(path, *Role)
        assert [one.text for one in head.sections if one.active] == [section]
        assert head.pages == ()
    assert not any(one.active for one in of("/account", *Role).sections)
    assert not any(one.active for one in of("/findings", *Role).sections)


def test_what_waits_is_counted_beside_its_room() -> None:
    waiting = InboxCounts(waiting=MOST_COUNTED + 1, late=3, today=0, mine=2, urgent=1)
    many: dict[str, int | InboxCounts] = {"/inbox": waiting, "/matches": 3, "/drafts": 0}
    head = of("/sent", Role.CME_OFFICER, counts=many)
    assert [one.text for one in head.pages] == [
        "Inbox (99+: 3 overdue, 2 yours)",
        "Possible matches (3)",
        "14-day reviews",
        "Outstanding",
        "Leavers to check",
        "Sent notices",
    ]


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (InboxCounts(waiting=0, late=0, today=0, mine=0, urgent=0), "Inbox"),
        (InboxCounts(waiting=4, late=0, today=0, mine=0, urgent=2), "Inbox (4)"),
        # All of it is theirs.
        (InboxCounts(waiting=4, late=0, today=1, mine=4, urgent=0), "Inbox (4: 1 due today)"),
        (
            InboxCounts(waiting=200, late=100, today=99, mine=5, urgent=0),
            "Inbox (99+: 99+ overdue, 99 due today, 5 yours)",
        ),
    ],
)
def test_the_inbox_says_how_much_of_it_presses(counts: InboxCounts, text: str) -> None:
    assert of("/inbox", Role.CME_OFFICER, counts={"/inbox": counts}).pages[0].text == text


def test_no_act_opens_nothing() -> None:
    assert build_head(lambda act: act is Permission.OWN_ACCOUNT, "/", {}).sections == []
