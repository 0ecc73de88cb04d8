"""The pages of the console as a person finds them: a few sections in the head, the pages of the current one below it.

What is not open to somebody is not shown. A section of which one page is open is named as that page is. Somebody who
has one section only sees its pages in the head.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.casework import message_pages
from gateway.context import Gateway
from gateway.core.permissions import Permission

# What is more is "99+", so that no page counts a hundred thousand.
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
    NavigationSection("Reports", (SectionPage(Permission.REPORT, "/reports", "Reports"),)),
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


def build_head(may: Callable[[Permission], bool], path: str, counts: Mapping[str, int]) -> Head:
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


def _list_page_links(section: NavigationSection, path: str, counts: Mapping[str, int]) -> list[NavigationLink]:
    return [
        NavigationLink(
            page.text + _format_count(counts.get(page.address, 0)),
            page.address,
            path == page.address,
            path.startswith(f"{page.address}/"),
        )
        for page in section.pages
    ]


def _format_count(number: int) -> str:
    if not number:
        return ""
    return f" ({number})" if number <= MOST_COUNTED else f" ({MOST_COUNTED}+)"


def count_waiting(gw: Gateway) -> dict[str, int]:
    """Count what waits on the pages of casework, for somebody who sees all of it."""
    waiting = message_pages.count_waiting_work(gw, MOST_COUNTED + 1)
    return {"/inbox": waiting.messages, "/matches": waiting.matches, "/drafts": waiting.drafts}
