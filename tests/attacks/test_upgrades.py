"""Upgrades: several processes at once, an older version on a newer database, tables that are not as they should be."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

from gateway.context import Gateway
from gateway.errors import StoreUnavailable
from gateway.store import schema_check, tables
from gateway.store.database import Store, list_known_revisions
from tests.command import run_command
from tests.conftest import free_port, make, new_database
from tests.postgres import server

MIGRATIONS = Path(__file__).parents[2] / "gateway" / "store" / "migrations"
AT_ONCE = 4


def new_url(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    if kind == "postgresql":
        return new_database(request.getfixturevalue("postgres"), migrated=False)
    return f"sqlite:///{folder / 'store.db'}"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("seed", range(3))
def test_of_several_processes_one_migrates(
    kind: str, seed: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url, old = new_url(kind, request, tmp_path), Random(seed).choice(sorted(list_known_revisions())[:-1])
    store = Store(url)
    with store.engine.begin() as connection:
        settings = Config()
        settings.set_main_option("script_location", str(MIGRATIONS))
        settings.attributes["connection"] = connection
        command.upgrade(settings, old)
    others = [Store(url) for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as several:
        for ended in [several.submit(one.migrate) for one in others]:
            ended.result(timeout=60)
    assert store.look(store.is_current)
    assert store.look(schema_check.list_schema_differences) == []
    for one in (store, *others):
        one.close()


@pytest.mark.parametrize("seed", range(3))
def test_an_older_version_on_a_newer_database_says_so(pair: tuple[Gateway, Gateway], seed: int) -> None:
    gw, _ = pair
    chance = Random(seed)
    with gw.store.engine.begin() as tx:
        tx.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{chance.randint(1000, 9999)}'")  # noqa: S608
    words = chance.choice((["doctor"], ["outbox"], ["serve"], ["keys", "rotate"]))
    ended = run_command(*words, "--home", str(gw.config.home))
    assert (ended.returncode, "store.newer" in ended.stderr) == (78, True)
    with pytest.raises(StoreUnavailable, match="newer version"):
        gw.store.migrate()


def damage(store: Store, chance: Random) -> str:
    """Take something of ours away; its name."""
    with store.engine.begin() as tx:
        kind = chance.choice(("table", "column", "index", "guard"))
        if kind == "table":
            name = chance.choice([t for t in tables.metadata.tables if t not in tables.APPEND_ONLY])
            tx.exec_driver_sql(f"DROP TABLE {name}")
        elif kind == "column":
            table, column = chance.choice((("inbox", "sequence"), ("people", "locked_until"), ("calls", "result")))
            tx.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
            name = f"{table}.{column}"
        elif kind == "index":
            name = chance.choice([i["name"] or "" for i in inspect(tx).get_indexes("inbox")])
            tx.exec_driver_sql(f"DROP INDEX {name}")
        else:
            name = chance.choice(tables.APPEND_ONLY)
            trigger = f"{name}_no_update" if tx.dialect.name == "sqlite" else f"{name}_append_only"
            tx.exec_driver_sql(f"DROP TRIGGER {trigger}" + ("" if tx.dialect.name == "sqlite" else f" ON {name}"))
    return name


@pytest.mark.parametrize("seed", range(6))
def test_doctor_names_what_the_database_lacks(pair: tuple[Gateway, Gateway], seed: int) -> None:
    gw, _ = pair
    name = damage(gw.store, Random(seed))
    ended = run_command("doctor", "--home", str(gw.config.home))
    assert ended.returncode == 1
    assert name in ended.stdout
    assert "internal" not in ended.stderr


def test_a_table_of_somebody_else_is_named_and_stops_nothing(pair: tuple[Gateway, Gateway]) -> None:
    gw, _ = pair
    with gw.store.engine.begin() as tx:
        tx.exec_driver_sql("CREATE TABLE theirs (number INTEGER)")
    assert gw.store.look(schema_check.list_schema_differences) == [
        schema_check.SchemaDifference(
            "the table theirs does not belong to the gateway", schema_check.DifferenceHarm.NONE
        )
    ]


def test_mistakes_of_connecting_are_told_apart(tmp_path: Path) -> None:
    """With a real server that asks for a password."""
    gw = make(tmp_path / "333", "333", "Sandwell")
    gw.store.close()
    with server(free_port()) as made:
        hba = Path(made.folder) / "data" / "pg_hba.conf"
        hba.write_text("host all pete 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n")
        made.reload()
        gone = free_port()
        at = f"127.0.0.1:{made.port}"
        said = {
            f"pete@{at}/postgres": ("store.not-let-in", 78),
            f"pete:unlikely@{at}/postgres": ("store.not-let-in", 78),
            f"mary@{at}/postgres": ("store.not-let-in", 78),
            f"postgres@{at}/nosuch": ("store.no-database", 78),
            "postgres@no-such-machine.invalid/postgres": ("store.no-such-host", 78),
            f"postgres@127.0.0.1:{gone}/postgres": ("store.unreachable", 75),
            f"postgres@{at}/postgres": ("store.missing", 1),
        }
        file = gw.config.home / "gateway.toml"
        settings = file.read_text()
        for url, (code, exit_code) in said.items():
            file.write_text(settings.replace('[store]\nurl = ""', f'[store]\nurl = "postgresql+psycopg://{url}"'))
            assert file.read_text() != settings
            ended = run_command("outbox", "--home", str(gw.config.home))
            assert (code in ended.stderr, ended.returncode) == (True, exit_code), (url, ended.stderr)
            # The password.
            assert "unlikely" not in ended.stderr
