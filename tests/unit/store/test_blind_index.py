"""Finding by marks is what it would be if every message were looked at, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from gateway.core.message_name import MessageName
from gateway.store import blind_index, tables
from gateway.store.blind_index import IndexedMessage, IndexHit
from gateway.store.database import Store
from schemas.shapes import MessageId
from tests.conftest import new_database

LARGEST = 2**63 - 1
MARK = st.sampled_from((-LARGEST - 1, -5, 0, 1, 2, 7, LARGEST))
MESSAGES = st.lists(st.frozensets(MARK, max_size=5), max_size=12)
# As a year has them, or all near spellings of a name.
MANY = frozenset(range(1_000, 1_000 + 2 * blind_index.WIDE))
PARTS = st.lists(
    st.frozensets(MARK, min_size=1, max_size=3).flatmap(lambda some: st.sampled_from((some, some | MANY))),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder: Path = tmp_path_factory.mktemp("marks")
    url = f"sqlite:///{folder / 'store.db'}"
    if request.param == "postgresql":
        url = new_database(request.getfixturevalue("postgres"))
    made = Store(url)
    made.migrate(create=True)
    yield made
    made.close()


def put(tx: Connection, old: list[frozenset[int]], new: list[frozenset[int]]) -> list[tuple[str, frozenset[int]]]:
    """Some messages of before, and some that came; all of them, the newest first."""
    blind_index.index_messages(
        tx, [IndexedMessage("came", "885", MessageId(f"n{n}"), tuple(its)) for n, its in enumerate(new)]
    )
    listed = [(IndexHit(-n, "sent", "885", MessageId(f"o{n}")), tuple(its)) for n, its in enumerate(old, 1)]
    blind_index.index_old_messages(tx, listed)
    return [(f"n{n}", its) for n, its in reversed(list(enumerate(new)))] + [
        (f"o{n}", its) for n, its in enumerate(old, 1)
    ]


def paged(tx: Connection, parts: list[frozenset[int]], limit: int) -> list[str]:
    """All that is found, a page at a time."""
    found: list[IndexHit] = []
    while page := blind_index.find_marked(tx, parts, limit=limit, cursor=found[-1].number if found else None):
        assert len(page) <= limit
        found += page
    return [one.message_id for one in found]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(MESSAGES, MESSAGES, PARTS, st.integers(1, 15))
def test_every_part_must_be_met_by_any_of_its_marks_the_newest_first(
    store: Store, old: list[frozenset[int]], new: list[frozenset[int]], parts: list[frozenset[int]], limit: int
) -> None:
    def look(tx: Connection) -> None:
        every = put(tx, old, new)
        assert paged(tx, parts, limit) == [name for name, its in every if all(part & its for part in parts)]

    store.look(look)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(MESSAGES, MESSAGES, st.data())
def test_what_is_forgotten_is_gone_and_the_others_stay(
    store: Store, old: list[frozenset[int]], new: list[frozenset[int]], data: st.DataObject
) -> None:
    def look(tx: Connection) -> None:
        every = put(tx, old, new)
        gone = data.draw(st.sets(st.sampled_from([name for name, _ in every]))) if every else set()
        blind_index.delete_from_index(
            tx, [MessageName("885" if name.startswith("n") else "", MessageId(name)) for name in sorted(gone)]
        )
        left = {(row.mark, row.number) for row in tx.execute(select(tables.marks))}
        assert len(left) == sum(len(its) for name, its in every if name not in gone)
        for name, its in every:
            if its:
                assert (name in paged(tx, [its], 5)) == (name not in gone)

    store.look(look)
