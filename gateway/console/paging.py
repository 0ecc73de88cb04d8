"""A long list, a page at a time. Which page stands in the address as a number, so that it can be kept and sent on.

A list of a million is not counted: its pages have no numbers, and follow one another by the message at their ends.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.casework.message_pages import Cursor, Stretch
from gateway.casework.messages import StoredMessage

T = TypeVar("T")
S = TypeVar("S", bound=StoredMessage)
# Of a page's number; no list is longer.
DIGITS = 6
# Pages that are named before and after this one.
BESIDE = 1


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """One page of a list, and how many there are."""

    rows: Sequence[T]
    number: int
    pages: int
    # The place of its first row in the whole list.
    first: int
    whole: int

    def build_links(self, address: Callable[[int], str]) -> Mapping[str, object]:
        """Return what GOV.UK's pagination is made of; `address` is where a page lies."""
        around = {"previous": self.number - 1, "next": self.number + 1}
        named = {what: {"href": address(page)} for what, page in around.items() if 1 <= page <= self.pages}
        return {"items": list(self._items(address)), **named}

    def _items(self, address: Callable[[int], str]) -> Iterator[Mapping[str, object]]:
        """Yield the first, the last, and those around this one; an ellipsis stands for two or more."""
        near = range(self.number - BESIDE, self.number + BESIDE + 1)
        before = 0
        for page in sorted({1, self.pages, *near} & set(range(1, self.pages + 1))):
            if page - before > 2:
                yield {"ellipsis": True}
            for each in (page - 1, page) if page - before == 2 else (page,):
                yield {"number": each, "href": address(each), "current": each == self.number}
            before = page


def paginate_rows(rows: Sequence[T], asked: str, size: int) -> Paged[T]:
    """Return the page asked for; the first where that is no number, the last where there are not so many."""
    pages = max(1, -(-len(rows) // size))
    wanted = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= DIGITS else 1
    number = min(max(wanted, 1), pages)
    begin = (number - 1) * size
    return Paged(rows[begin : begin + size], number, pages, begin + 1, len(rows))


def read_cursor(query: Mapping[str, str]) -> Cursor:
    """Read where the page begins or ends that is asked for."""
    return Cursor(query.get("after", ""), query.get("before", ""))


def build_stretch_links(stretch: Stretch[S], address: str) -> Mapping[str, object]:
    """Return what GOV.UK's pagination is made of for a list without numbers; `address` is that of the list."""
    links = {}
    if stretch.items and stretch.has_newer:
        links["previous"] = {"href": f"{address}before={stretch.items[0].name}"}
    if stretch.items and stretch.has_older:
        links["next"] = {"href": f"{address}after={stretch.items[-1].name}"}
    return links
