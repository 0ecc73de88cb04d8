"""The migrations and the tables say the same, on both databases; and what an older database holds is kept."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table, insert, select

from gateway.store import blind_index, correspondents, reviews, tables
from gateway.store.database import Store
from gateway.store.tables import metadata
from schemas.shapes import CaseId
from tests.conftest import new_database

MIGRATIONS = Path(__file__).parents[3] / "gateway" / "store" / "migrations"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return new_database(request.getfixturevalue("postgres"), migrated=False)
    return f"sqlite:///{tmp_path / 'store.db'}"


def insert_before_0038(connection: Connection, into: Table, row: Mapping[str, object]) -> None:
    """Insert a row into a table of a database of before, when the case id was called `conversation_id`."""
    connection.exec_driver_sql(f"ALTER TABLE {into.name} RENAME COLUMN conversation_id TO case_id")
    connection.execute(insert(into).values(**row))
    connection.exec_driver_sql(f"ALTER TABLE {into.name} RENAME COLUMN case_id TO conversation_id")


# SQLite does not tell of those.
@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_end_where_the_tables_begin(url: str) -> None:
    store = Store(url)
    store.migrate(create=True)
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    store.close()


def test_what_was_sent_before_the_contents_moved_is_still_there(url: str) -> None:
    store = Store(url)
    with store.engine.begin() as connection:
        settings = Config()
        settings.set_main_option("script_location", str(MIGRATIONS))
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0001")
        connection.exec_driver_sql(
            "INSERT INTO outbox (message_id, conversation_id, sequence, recipient, kind, restriction, test, digest,"
            " sealed, data_key, content, queued_at, queued_by, state, state_at, attempts, due_at) VALUES ('m', 'c', 1,"
            " '885', 'TransferNotice', 'none', false, 'd', 'sealed', 'key', 'content', '2026-11-01', 'olive', 'queued',"
            " '2026-11-01', 0, '2026-11-01')"
        )
    store.migrate(create=True)
    with store.engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT sealed, data_key, content FROM outbox_contents").one()
    assert [value.encode() if isinstance(value, str) else bytes(value) for value in row] == [
        b"sealed",
        b"key",
        b"content",
    ]
    store.close()


def test_of_a_file_that_held_a_private_key_the_certificate_alone_is_kept(url: str) -> None:
    certificate = "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n"
    key = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"
    files = {"330": key + certificate, "885": certificate, "886": None}
    store = Store(url)
    with store.engine.begin() as connection:
        settings = Config()
        settings.set_main_option("script_location", str(MIGRATIONS))
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0030-1")
        row = {"address": "a@b.example", "protection": "person-smime", "telephone": "1", "confirmed_by": "olive"}
        at = datetime(2026, 11, 2, 9, tzinfo=UTC)
        for code, file in files.items():
            values = row | {"authority": code, "certificate": file, "confirmed_at": at}
            connection.execute(insert(tables.correspondents).values(**values))
    store.migrate()
    kept = {one.authority: one.certificate for one in store.look(correspondents.list_correspondents)}
    assert kept == {"330": certificate, "885": certificate, "886": None}
    store.close()


def test_what_is_there_before_the_index_is_listed_in_its_order(url: str) -> None:
    store = Store(url)
    with store.engine.begin() as connection:
        settings = Config()
        settings.set_main_option("script_location", str(MIGRATIONS))
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0014")
        for day, name in ((1, "a"), (3, "c")):
            at = datetime(2026, 11, day, 9, tzinfo=UTC)
            row = {"message_id": name, "case_id": name, "kind": "TransferNotice", "state": "queued"}
            insert_before_0038(connection, tables.outbox, row | SENT | {"queued_at": at})
        row = {"sender": "330", "message_id": "b", "case_id": "b", "kind": "Outcome", "state": "filed"}
        when = {name: datetime(2026, 11, 2, 9, tzinfo=UTC) for name in ("received_at", "shown_from", "state_at")}
        fixed = {"sequence": 1, "restriction": "none", "test": False, "digest": "d", "content": b""}
        insert_before_0038(connection, tables.inbox, row | when | fixed)
    store.migrate()
    listed = [
        (one.number, one.direction, one.partner, one.message_id)
        for one in store.look(lambda tx: blind_index.list_unindexed(tx, 9))
    ]
    assert listed == [(-1, "sent", "885", "c"), (-2, "came", "330", "b"), (-3, "sent", "885", "a")]
    store.close()


def test_marks_of_before_are_of_the_first_version_and_are_to_be_renewed_the_newest_first(url: str) -> None:
    store = Store(url)
    with store.engine.begin() as connection:
        settings = Config()
        settings.set_main_option("script_location", str(MIGRATIONS))
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0032")
        connection.exec_driver_sql(
            "INSERT INTO marked (number, message_id, lies, partner, marks) VALUES"
            " (-2, 'a', 'sent', '885', ''), (1, 'b', 'sent', '885', ''), (7, 'c', 'came', '885', '')"
        )
    store.migrate()
    assert [one.number for one in store.look(lambda tx: blind_index.list_outdated(tx, 9))] == [7, 1, -2]
    assert store.look(lambda tx: blind_index.count_waiting(tx, 2)) == 2
    store.close()


DAY = datetime(2026, 11, 1, 9, tzinfo=UTC)
SENT = {
    "sequence": 1,
    "recipient": "885",
    "restriction": "none",
    "test": False,
    "digest": "d",
    "queued_at": DAY,
    "queued_by": "olive",
    "state_at": DAY,
    "due_at": DAY,
}


def test_searches_that_stand_are_under_review_from_their_first_day(url: str) -> None:
    store = Store(url)
    kinds = {
        "s": "WhereaboutsEnquiry",
        "e": "WhereaboutsUnknownNotice",
        "w": "WhereaboutsEnquiry",
        "t": "TransferNotice",
    }
    with store.engine.begin() as connection:
        settings = Config()
        settings.set_main_option("script_location", str(MIGRATIONS))
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0011")
        for case, kind in kinds.items():
            state = "withdrawn" if case == "w" else "concluded"
            row = {"message_id": f"m{case}", "case_id": case, "kind": kind, "state": state}
            insert_before_0038(connection, tables.outbox, row | SENT)
        connection.exec_driver_sql(
            "INSERT INTO audit_entries (number, at, act, actor, about, entry, leaf) VALUES"
            " (0, '2026-11-02 09:00:00.000000', 'case.stood-down', 'tara', 'me', '', '')"
        )
    store.migrate()
    [[began]] = store.look(reviews.list_open_reviews)
    assert (began.case_id, began.at) == ("s", DAY)
    assert [(one.kind, one.by) for one in store.look(lambda tx: reviews.list_review_acts(tx, CaseId("e")))] == [
        ("began", "cme-gateway"),
        ("ended", "tara"),
    ]
    assert (
        store.look(lambda tx: reviews.list_review_acts(tx, CaseId("w")) + reviews.list_review_acts(tx, CaseId("t")))
        == []
    )
    store.close()


def test_of_what_ended_before_it_is_known_why_as_far_as_the_reason_tells(url: str) -> None:
    before = {
        ("closed", "told to an officer of ours: not-found-at-address"): "told:not-found-at-address",
        ("closed", "sent on to 336 as 01a2"): "redirected:336",
        ("closed", "closed: accepted"): "accepted",
        ("closed", "closed: handed over by telephone"): "phone",
        ("concluded", "the child is located"): "ended",
        ("concluded", None): None,
        ("rejected", None): "officer",
        ("rejected", "not accepted, by mail: a reply"): "email",
        ("rejected", "refused there: envelope.signature"): "gateway",
        ("withdrawn", "withdrawn"): None,
        ("withdrawn", "corrected by 01a2"): "replaced",
        ("withdrawn", "asked again by 01a2"): "replaced",
        ("withdrawn", "the search has ended: died"): "ended",
        ("failed", "no answer"): None,
    }
    store = Store(url)
    with store.engine.begin() as connection:
        settings = Config()
        settings.set_main_option("script_location", str(MIGRATIONS))
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0031")
        for number, (state, reason) in enumerate(before):
            row = {"message_id": f"m{number:02}", "case_id": "c", "kind": "TransferNotice", "state": state}
            insert_before_0038(connection, tables.outbox, row | SENT | {"reason": reason})
    store.migrate()
    at = tables.outbox.c
    causes = list(store.look(lambda tx: tx.scalars(select(at.cause).order_by(at.message_id)).all()))
    assert causes == list(before.values())
    store.close()


def test_a_reminder_that_was_noted_and_never_queued_is_forgotten_so_that_it_is_sent(url: str) -> None:
    store = Store(url)
    at = datetime(2026, 11, 1, tzinfo=UTC)
    with store.engine.begin() as connection:
        settings = Config()
        settings.set_main_option("script_location", str(MIGRATIONS))
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0040")
        queued = {"message_id": "r1", "case_id": "c", "kind": "Reminder", "state": "received"}
        connection.execute(insert(tables.outbox).values(**queued | SENT))
        for number, step, reminder in (("m1", "reminded", "r1"), ("m2", "reminded", "r2"), ("m3", "escalated", None)):
            row = {"message_id": number, "missing": "answer", "step": step, "at": at, "reminder_id": reminder}
            connection.execute(insert(tables.chased).values(**row))
    store.migrate()
    left = store.look(lambda tx: list(tx.scalars(select(tables.chased.c.message_id).order_by("message_id")).all()))
    assert left == ["m1", "m3"]
    store.close()
