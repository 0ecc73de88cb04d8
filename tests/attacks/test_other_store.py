"""A database names its gateway: with other keys nothing opens it, and nothing is written; two processes of one home."""

import subprocess
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import inspect, literal_column, select, table

from gateway import home_folder
from gateway.app import run_gateway
from gateway.context import Gateway
from gateway.errors import ConfigProblem, NotAllowed
from gateway.store import owner
from gateway.store.database import Store
from tests.command import run_command
from tests.conftest import free_port, make, new_database
from tests.loaded import start_gateway

CODES = ("333", "885", "330", "335", "860")
COMMANDS = (["doctor"], ["outbox"], ["serve"], ["keys", "rotate"], ["audit", "verify"], ["card", "renew"])
# What came after it.
LATER = (
    "DROP INDEX outbox_unreceipted; ALTER TABLE outbox DROP COLUMN receipt_due; DROP TABLE left_behind; ALTER TABLE"
    " reached DROP COLUMN code; DROP TABLE mail_replies; DROP TABLE accepted_headings; DROP INDEX intake_child; ALTER"
    " TABLE intake DROP COLUMN child; ALTER TABLE intake DROP COLUMN person; ALTER TABLE intake DROP COLUMN said; ALTER"
    " TABLE drafts DROP COLUMN person; ALTER TABLE drafts DROP COLUMN carried; ALTER TABLE drafts DROP COLUMN corrects;"
    " ALTER TABLE outbox DROP COLUMN cause; ALTER TABLE inbox DROP COLUMN cause; ALTER TABLE inbox DROP COLUMN urgent;"
    " DROP TABLE alerts; DROP TABLE not_asked; DROP TABLE officer_mails; DROP INDEX marked_version; ALTER TABLE marked"
    " DROP COLUMN version; DROP TABLE access_changes; DROP TABLE absences; DROP TABLE case_notes;"
    " DROP TABLE saved_views; DROP TABLE backup_codes; DROP TABLE holds; DROP TABLE purge_runs; DROP TABLE kept_figures;"
    " DROP INDEX inbox_held; DROP INDEX outbox_contents_held; DROP INDEX intake_message; DROP INDEX drafts_message;"
    " DROP TABLE partner_cards; ALTER TABLE outbox DROP COLUMN claimed_by; DROP TABLE wrong_tries; DROP TABLE running_processes;"
    " DROP TABLE contact_checks; DROP TABLE cosignatures; DROP TABLE outside_witnesses;"
    " DROP TABLE expiry_warnings; DROP TABLE storage_keys; DROP TABLE revoked_identities;"
    " ALTER TABLE partners DROP COLUMN trusted_by; ALTER TABLE partners DROP COLUMN suspended_at; ALTER TABLE partners"
    " DROP COLUMN suspended_by; ALTER TABLE partners DROP COLUMN switched_off_at; DROP TABLE directories; DROP TABLE"
    " directory_members; DROP TABLE directory_forks; DROP TABLE directory_words"
    + "".join(
        f"; ALTER TABLE {table} RENAME COLUMN case_id TO conversation_id"
        for table in ("outbox", "inbox", "reviews", "assignments")
    )
)
DROP = {
    "sqlite": f"DROP TABLE owner; {LATER}",
    "postgresql": (
        f"DROP TABLE owner; DROP FUNCTION owner_append_only; {LATER}; DROP FUNCTION cosignatures_append_only"
    ),
}
BACK = "UPDATE alembic_version SET version_num = '0024'"


def lines(store: Store) -> list[str]:
    """Every row of every table, as text."""
    with store.engine.connect() as tx:
        names = inspect(tx).get_table_names()
        return [
            f"{name} {sorted(map(repr, tx.execute(select(literal_column('*')).select_from(table(name))).all()))}"
            for name in names
        ]


def point(gw: Gateway, url: str) -> None:
    """Its gateway.toml names that database from now on."""
    file = gw.config.home / "gateway.toml"
    kept = [line for line in file.read_text().splitlines() if not (line.startswith("url = ") and "://" not in line[8:])]
    said = "\n".join(kept)
    before, _, after = said.partition("[store]")
    rest = after.partition("[keys]")[2]
    file.write_text(f'{before}[store]\nurl = "{url}"\n\n[keys]{rest}\n')


def as_before(store: Store) -> None:
    """The database as a version made it that did not name its gateway."""
    with store.engine.begin() as tx:
        for one in DROP[tx.dialect.name].split(";"):
            tx.exec_driver_sql(one)
        tx.exec_driver_sql(BACK)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("old", [False, True])
def test_nothing_opens_the_database_of_another(pair: tuple[Gateway, Gateway], seed: int, old: bool) -> None:
    chance = Random(seed)
    gw, there = chance.sample(pair, 2)
    if old:
        as_before(there.store)
    url = there.store.engine.url.render_as_string(hide_password=False)
    point(gw, url)
    before = lines(there.store)
    words = chance.choice(COMMANDS)
    ended = run_command(*words, "--home", str(gw.config.home))
    assert ended.returncode == 78
    assert "store.not-ours" in ended.stderr
    assert there.code in ended.stderr
    assert lines(there.store) == before


@pytest.mark.parametrize("old", [False, True])
def test_nothing_opens_the_database_of_another_gateway_of_the_same_authority(tmp_path: Path, old: bool) -> None:
    live, test = make(tmp_path / "live", "333", "Sandwell"), make(tmp_path / "test", "333", "Sandwell")
    if old:
        as_before(live.store)
    point(test, str(live.store.engine.url))
    before = lines(live.store)
    with pytest.raises(ConfigProblem) as why:
        home_folder.open_gateway(test.config.home)
    assert why.value.code == "store.not-ours"
    assert lines(live.store) == before
    for one in (live, test):
        one.store.close()


def test_a_database_of_before_is_named_by_the_first_opening_with_its_own_keys(
    pair: tuple[Gateway, Gateway],
) -> None:
    gw, _ = pair
    home_folder.rotate_keys(gw.config.home, by="olive", revoke=True)
    as_before(gw.store)
    home_folder.open_gateway(gw.config.home).store.close()
    found = gw.store.look(owner.find_owner)
    assert found == owner.Owner(gw.code, gw.own_card.identity.hex())


@pytest.mark.parametrize("seed", range(2))
def test_init_changes_no_database_that_is_in_use(tmp_path: Path, seed: int) -> None:
    """Also where it is of an older shape, to which a new version would bring it."""
    there = make(tmp_path / "there", Random(seed).choice(CODES), "There")
    as_before(there.store)
    before = lines(there.store)
    with pytest.raises(NotAllowed) as why:
        make(tmp_path / "new", "333", "Sandwell", str(there.store.engine.url))
    assert why.value.code == "store.in-use"
    assert lines(there.store) == before
    there.store.close()


def test_of_two_inits_at_once_in_one_database_one_makes_the_gateway(tmp_path: Path, postgres: str) -> None:
    url = new_database(postgres, migrated=False)
    started = [
        start_gateway(
            *("init", "--authority", code, "--home", str(tmp_path / code)),
            *("--store-url", url, "--port", str(free_port())),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        for code in ("333", "885", "330")
    ]
    said = [one.communicate(timeout=120)[1] for one in started]
    assert sorted(one.returncode for one in started) == [0, 5, 5], said
    assert sum("store.in-use" in one for one in said) == 2


async def test_a_home_is_served_by_one_process(pair: tuple[Gateway, Gateway]) -> None:
    gw, _ = pair
    async with run_gateway(gw):
        second = home_folder.open_gateway(gw.config.home)
        with pytest.raises(NotAllowed) as why:
            async with run_gateway(second):
                pass
        assert why.value.code == "serve.running"
        second.store.close()
        # a command beside it
        beside = home_folder.open_gateway(gw.config.home)
        beside.store.close()
    again = home_folder.open_gateway(gw.config.home)
    async with run_gateway(again):
        pass
    again.store.close()
