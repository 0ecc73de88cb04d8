"""The pages of the console as a person finds them: a few sections in the head, the pages of the current one below it.

What is not open to somebody is not shown. A section of which one page is open is named as that page is. Somebody who
has one section only sees its pages in the head.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.access import people
from gateway.casework import inbox_list, message_pages
from gateway.context import Gateway
from gateway.core.inbox_order import InboxCounts, count_pressing
from gateway.core.permissions import Permission, Reach

# What is more is "99+", so that a tab stays short.
MOST_COUNTED = 99


@dataclass(frozen=True, slots=True)
class SectionPage:
    """A page that somebody goes to by itself, and the act for which it is open."""

    act: Permission
    address: str
    text: str


@dataclass(frozen=True, slots=True)
class NavigationSection:
    """Pages that belong together. `also`: pages that are reached through them, and are not named in the head."""

    text: str
    pages: Sequence[SectionPage]
    also: Sequence[str] = ()

    def has_page(self, path: str) -> bool:
        """Return whether this page is one of its pages."""
        addresses = (*(page.address for page in self.pages), *self.also)
        return any(path == address or path.startswith(f"{address}/") for address in addresses)


@dataclass(frozen=True, slots=True)
class NavigationLink:
    """A link of the head or of the second level. `current`: it is this very page; `active`: this page belongs to it."""

    text: str
    href: str
    current: bool
    active: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The links from this page to others: the sections, and the other pages of its section."""

    sections: Sequence[NavigationLink]
    section: str
    pages: Sequence[NavigationLink]


SECTIONS = (
    NavigationSection(
        "Casework",
        (
            SectionPage(Permission.SEE_WORK, "/inbox", "Inbox"),
            SectionPage(Permission.ANSWER, "/matches", "Possible matches"),
            SectionPage(Permission.SEARCH, "/reviews", "14-day reviews"),
            SectionPage(Permission.SEE_WORK, "/unanswered", "Outstanding"),
            SectionPage(Permission.SEND, "/drafts", "Leavers to check"),
            SectionPage(Permission.SEE_WORK, "/sent", "Sent notices"),
        ),
        also=("/cases",),
    ),
    NavigationSection("Find a notice", (SectionPage(Permission.FIND, "/find", "Find a notice"),)),
    NavigationSection("Send a notice", (SectionPage(Permission.SEND, "/compositions", "Send a notice"),)),
    NavigationSection(
        "Reports",
        (
            SectionPage(Permission.REPORT, "/reports", "Reports"),
            SectionPage(Permission.SEE_FIGURES, "/figures", "Team figures"),
            SectionPage(Permission.SEE_RETENTION, "/retention", "Retention"),
        ),
    ),
    NavigationSection(
        "Audit log",
        (
            SectionPage(Permission.AUDIT, "/audit", "Entries"),
            SectionPage(Permission.AUDIT, "/audit/child", "Who viewed a child"),
            SectionPage(Permission.AUDIT, "/audit/check", "Check the log"),
            SectionPage(Permission.AUDIT, "/audit/export", "Export the log"),
            SectionPage(Permission.AUDIT, "/audit/partners", "Partner log checks"),
        ),
    ),
    NavigationSection(
        "Administration",
        (
            SectionPage(Permission.SEE_PARTNERS, "/partners", "Partner authorities"),
            SectionPage(Permission.MANAGE_PEOPLE, "/people", "Users"),
            SectionPage(Permission.SEE_SYSTEMS, "/case-systems", "Connected systems"),
            SectionPage(Permission.SEE_HEALTH, "/health", "System health"),
        ),
    ),
)
WORK = SECTIONS[0]


def build_head(may: Callable[[Permission], bool], path: str, counts: Mapping[str, int | InboxCounts]) -> Head:
    """Build the head of this page, for who may do this."""
    mine = [replace(section, pages=[page for page in section.pages if may(page.act)]) for section in SECTIONS]
    mine = [section for section in mine if section.pages]
    if len(mine) == 1:
        return Head(_list_page_links(mine[0], path, counts), "", ())
    current = next((section for section in mine if section.has_page(path)), None)
    among = current is not None and len(current.pages) > 1 and path in [page.address for page in current.pages]
    return Head(
        [_build_link(section, path) for section in mine],
        current.text if current else "",
        _list_page_links(current, path, counts) if current and among else (),
    )


def _build_link(section: NavigationSection, path: str) -> NavigationLink:
    text = section.text if len(section.pages) > 1 else section.pages[0].text
    first = section.pages[0].address
    return NavigationLink(text, first, len(section.pages) == 1 and path == first, section.has_page(path))


def _list_page_links(
    section: NavigationSection, path: str, counts: Mapping[str, int | InboxCounts]
) -> list[NavigationLink]:
    return [
        NavigationLink(
            page.text + _format_count(counts.get(page.address, 0)),
            page.address,
            path == page.address,
            path.startswith(f"{page.address}/"),
        )
        for page in section.pages
    ]


def _format_count(count: int | InboxCounts) -> str:
    if isinstance(count, InboxCounts):
        return _format_pressing(count)
    return f" ({_format_number(count)})" if count else ""


def _format_pressing(counts: InboxCounts) -> str:
    """Write how much waits, and how much of it presses: " (14: 3 overdue, 2 due today, 1 yours)"."""
    if not counts.waiting:
        return ""
    # Where all of it is theirs, it need not be said.
    mine = counts.mine if counts.mine < counts.waiting else 0
    pressing = ((counts.late, "overdue"), (counts.today, "due today"), (mine, "yours"))
    parts = ", ".join(f"{_format_number(number)} {what}" for number, what in pressing if number)
    return f" ({_format_number(counts.waiting)}{': ' if parts else ''}{parts})"


def _format_number(number: int) -> str:
    return str(number) if number <= MOST_COUNTED else f"{MOST_COUNTED}+"


def count_waiting(gw: Gateway, person: str, how_far: Reach) -> dict[str, int | InboxCounts]:
    """Count what waits on the pages of casework, for somebody who sees all of it, or the assigned cases only."""
    mine = None if how_far is Reach.ALL else people.list_assigned_cases(gw, person)
    counts = count_pressing(inbox_list.list_waiting(gw, mine), gw.now(), person)
    return add_other_counts(gw, counts, how_far)


def add_other_counts(gw: Gateway, counts: InboxCounts, how_far: Reach) -> dict[str, int | InboxCounts]:
    """Add to what waits in the inbox the emails there, and what waits on the other pages."""
    if how_far is not Reach.ALL:
        return {"/inbox": counts}
    others, matches, drafts = message_pages.count_other_work(gw)
    waiting = replace(counts, waiting=counts.waiting + others)
    return {"/inbox": waiting, "/matches": matches, "/drafts": drafts}
