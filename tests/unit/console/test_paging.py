"""A long list a page at a time: each row is on one page, and every page can be reached from every other."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.paging import paginate_rows


def shown(number: int, pages: int) -> str:
    """The numbers of the pagination as they are read; the page itself in brackets."""
    links = paginate_rows(range(pages), str(number), 1).build_links(str)
    items = links["items"]
    assert isinstance(items, list)
    return " ".join("..." if "ellipsis" in item else _named(item) for item in items)


def _named(item: Mapping[str, object]) -> str:
    return f"[{item['number']}]" if item["current"] else str(item["number"])


@given(st.lists(st.integers(), max_size=60), st.integers(1, 20))
def test_every_row_is_on_one_page_in_its_order(rows: list[int], size: int) -> None:
    first = paginate_rows(rows, "", size)
    pages = [paginate_rows(rows, str(number), size) for number in range(1, first.pages + 1)]
    assert [row for page in pages for row in page.rows] == rows
    assert [page.first for page in pages] == [1 + size * number for number in range(first.pages)]


@pytest.mark.parametrize("asked", ["", "0", "-1", "x", "1.5", " 2", "²", "٣", "1" * 5000, "' OR 1=1"])
def test_what_is_no_page_is_the_first(asked: str) -> None:
    assert paginate_rows(range(9), asked, 2).number == 1


def test_beyond_the_last_page_is_the_last() -> None:
    assert paginate_rows(range(9), "77", 2).number == 5
    assert list(paginate_rows((), "77", 2).rows) == []


@pytest.mark.parametrize(
    ("number", "pages", "said"),
    [
        (1, 1, "[1]"),
        (1, 2, "[1] 2"),
        (2, 3, "1 [2] 3"),
        (1, 61, "[1] 2 ... 61"),
        (3, 61, "1 2 [3] 4 ... 61"),
        # An ellipsis in place of one page would hide it for nothing.
        (4, 61, "1 2 3 [4] 5 ... 61"),
        (30, 61, "1 ... 29 [30] 31 ... 61"),
        (61, 61, "1 ... 60 [61]"),
    ],
)
def test_the_first_the_last_and_those_around_are_named(number: int, pages: int, said: str) -> None:
    assert shown(number, pages) == said


def test_before_the_first_and_after_the_last_there_is_nothing() -> None:
    assert "previous" not in paginate_rows(range(9), "1", 2).build_links(str)
    assert "next" not in paginate_rows(range(9), "5", 2).build_links(str)
    assert paginate_rows(range(9), "3", 2).build_links(str)["next"] == {"href": "4"}
