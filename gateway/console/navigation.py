"""The rooms of the console as a person finds them: a few sections in the head of every page, and the rooms of one on a
second level.

What is not open to somebody is not shown. A section of which one room is open is called as that room is; who has one
section only has its rooms in the head.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.casework import message_pages
from gateway.context import Gateway
from gateway.core.permissions import Permission

# What is more is "99+", so that no page counts a hundred thousand.
MOST_COUNTED = 99


@dataclass(frozen=True, slots=True)
class Room:
    """A page that somebody goes to by itself, and the act for which it is open."""

    act: Permission
    address: str
    text: str


@dataclass(frozen=True, slots=True)
class NavigationSection:
    """Rooms that belong together. `also`: what is reached through them, and has no name of its own in the head."""

    text: str
    rooms: Sequence[Room]
    also: Sequence[str] = ()

    def has_page(self, path: str) -> bool:
        """Return whether this page is one of its pages."""
        addresses = (*(room.address for room in self.rooms), *self.also)
        return any(path == address or path.startswith(f"{address}/") for address in addresses)


@dataclass(frozen=True, slots=True)
class Entry:
    """A link of the head or of the second level. `current`: it is this very page; `active`: this page belongs to it."""

    text: str
    href: str
    current: bool
    active: bool


@dataclass(frozen=True, slots=True)
class Head:
    """What leads somebody from this page to others: the sections, and beside this room the others of its section."""

    sections: Sequence[Entry]
    section: str
    rooms: Sequence[Entry]


SECTIONS = (
    NavigationSection(
        "Casework",
        (
            Room(Permission.SEE_WORK, "/inbox", "Inbox"),
            Room(Permission.ANSWER, "/matches", "Possible matches"),
            Room(Permission.SEARCH, "/reviews", "14-day reviews"),
            Room(Permission.SEE_WORK, "/unanswered", "Outstanding"),
            Room(Permission.SEND, "/drafts", "Leavers to check"),
            Room(Permission.SEE_WORK, "/sent", "Sent notices"),
        ),
        also=("/cases",),
    ),
    NavigationSection("Find a notice", (Room(Permission.FIND, "/find", "Find a notice"),)),
    NavigationSection("Send a notice", (Room(Permission.SEND, "/compositions", "Send a notice"),)),
    NavigationSection("Reports", (Room(Permission.REPORT, "/reports", "Reports"),)),
    NavigationSection(
        "Audit log",
        (
            Room(Permission.AUDIT, "/audit", "Entries"),
            Room(Permission.AUDIT, "/audit/check", "Check the log"),
            Room(Permission.AUDIT, "/audit/export", "Export the log"),
            Room(Permission.AUDIT, "/audit/partners", "Partner log checks"),
        ),
    ),
    NavigationSection(
        "Administration",
        (
            Room(Permission.SEE_PARTNERS, "/partners", "Partner authorities"),
            Room(Permission.MANAGE_PEOPLE, "/people", "Users"),
            Room(Permission.SEE_SYSTEMS, "/case-systems", "Connected systems"),
            Room(Permission.SEE_HEALTH, "/health", "System health"),
        ),
    ),
)
WORK = SECTIONS[0]


def build_head(may: Callable[[Permission], bool], path: str, counts: Mapping[str, int]) -> Head:
    """Build the head of this page, for who may do this."""
    mine = [replace(section, rooms=[room for room in section.rooms if may(room.act)]) for section in SECTIONS]
    mine = [section for section in mine if section.rooms]
    if len(mine) == 1:
        return Head(_list_room_entries(mine[0], path, counts), "", ())
    current = next((section for section in mine if section.has_page(path)), None)
    among = current is not None and len(current.rooms) > 1 and path in [room.address for room in current.rooms]
    return Head(
        [_build_entry(section, path) for section in mine],
        current.text if current else "",
        _list_room_entries(current, path, counts) if current and among else (),
    )


def _build_entry(section: NavigationSection, path: str) -> Entry:
    text = section.text if len(section.rooms) > 1 else section.rooms[0].text
    first = section.rooms[0].address
    return Entry(text, first, len(section.rooms) == 1 and path == first, section.has_page(path))


def _list_room_entries(section: NavigationSection, path: str, counts: Mapping[str, int]) -> list[Entry]:
    return [
        Entry(
            room.text + _format_count(counts.get(room.address, 0)),
            room.address,
            path == room.address,
            path.startswith(f"{room.address}/"),
        )
        for room in section.rooms
    ]


def _format_count(number: int) -> str:
    if not number:
        return ""
    return f" ({number})" if number <= MOST_COUNTED else f" ({MOST_COUNTED}+)"


def count_waiting(gw: Gateway) -> dict[str, int]:
    """Count how much waits in the rooms of work, for who sees all of it."""
    waiting = message_pages.count_waiting_work(gw, MOST_COUNTED + 1)
    return {"/inbox": waiting.messages, "/matches": waiting.matches, "/drafts": waiting.drafts}
