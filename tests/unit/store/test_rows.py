"""Records as rows, and back."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, select
from sqlalchemy.exc import IntegrityError

from gateway.store.database import Store
from gateway.store.rows import build_insert, build_record, get_values, list_columns
from tests.conftest import new_database

schools = Table(
    "schools_of_this_test",
    MetaData(),
    Column("estab", Integer, primary_key=True),
    Column("name", String(50)),
    Column("note", String(50)),
)


@dataclass(frozen=True, slots=True)
class School:
    """Two of the three columns."""

    name: str
    estab: int


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A database that holds nothing of ours."""
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    made = Store(new_database(server, migrated=False) if server else "sqlite://")
    yield made
    made.close()


def test_a_record_comes_back_as_it_went_in(store: Store) -> None:
    exampleton = School("Exampleton", 2101)
    with store.engine.begin() as tx:
        schools.create(tx)
        tx.execute(build_insert(tx, schools).values(get_values(exampleton) | {"note": "invented"}))
        row = tx.execute(select(schools)).one()
        assert build_record(School, row) == exampleton
        assert [*tx.execute(select(*list_columns(schools, School))).one()] == ["Exampleton", 2101]


def test_a_row_that_is_there_is_left_or_replaced_as_the_insertion_says(store: Store) -> None:
    with store.engine.begin() as tx:
        schools.create(tx)
        tx.execute(build_insert(tx, schools).values(estab=1, name="first"))
        assert tx.execute(build_insert(tx, schools).values(estab=1, name="x").on_conflict_do_nothing()).rowcount < 1
        with pytest.raises(IntegrityError), tx.begin_nested():
            tx.execute(build_insert(tx, schools).values(estab=1, name="x"))
        again = build_insert(tx, schools).values(estab=1, name="second")
        tx.execute(again.on_conflict_do_update(index_elements=["estab"], set_={"name": again.excluded.name}))
        assert tx.scalars(select(schools.c.name)).all() == ["second"]


def test_a_field_without_a_column_is_a_mistake_of_ours() -> None:
    @dataclass
    class Wrong:
        colour: str

    with pytest.raises(KeyError):
        list_columns(schools, Wrong)
