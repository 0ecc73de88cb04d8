"""Whoever has the database's file changes it, append-only or not: `audit verify` finds it, says where, and blames
nothing honest.
"""
# ruff: noqa: S608 - the tables and columns are this file's own

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection

from gateway.access import people
from gateway.auditing import audit, partners_view
from gateway.auditing.audit import LogVerdict
from gateway.case_systems import clients
from gateway.casework import case
from gateway.context import Gateway
from gateway.core.merkle import Frontier
from gateway.core.permissions import Role, Scope
from gateway.errors import Unusable
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import queue_messages
from gateway.exchange.withdraw import withdraw_notice
from gateway.store import inbox
from gateway.store.database import Store
from keys import receipt
from keys.trust import Trust
from schemas.message import Acknowledgement, Outcome, WhereaboutsResponse, Withdrawal
from schemas.shapes import CaseId, MessageId
from tests.children import notice
from tests.command import run_command
from tests.world import World

Harm = Callable[[sqlite3.Connection, Random], str]
KINDS = ("transfer-notice", "transfer-notice", "whereabouts-enquiry")


class Story:
    """Two authorities between which all sorts of things have happened, and a copy of ours to be harmed."""

    def __init__(self, home: Path) -> None:
        self.world = World(home)
        self.gw, self.there = self.world.settle("333", "Sandwell"), self.world.settle("885", "Worcestershire")

    async def happen(self) -> None:
        gw, there = self.gw, self.there
        for name in ("olive", "ada", "max"):
            people.add_account(gw, f"{name}@sandwell.example", name, [Role.CME_OFFICER], "root")
        people.set_roles(gw, "max@sandwell.example", [Role.AUDITOR], "ada")
        people.set_active(gw, "max@sandwell.example", False, "ada")
        clients.add_client(gw, "one-read", "ONE", [Scope.STATUS_READ], "ada")
        sent = [await self.say(a, b, kind) for kind in KINDS for a, b in ((gw, there), (there, gw), (gw, there))]
        await self.answer(gw)
        await self.answer(there)
        withdraw_notice(gw, sent[0], Withdrawal(reason="sent-in-error", officer=gw.build_officer("olive")), "olive")
        await self.carry()
        await receive_parcels(gw, [b"nothing that can be read"], "885")
        case.open_case(gw, self.case_of(sent[1]), "olive")
        sent.append(await self.say(gw, there, "transfer-notice"))
        await self.carry()

    def case_of(self, message_id: MessageId) -> CaseId:
        return self.gw.store.look(lambda tx: inbox.get_message(tx, message_id)).case_id

    async def say(self, gw: Gateway, there: Gateway, kind: str) -> MessageId:
        message = notice(gw.code, there.code, name=kind, now=self.world.now)
        [ready] = prepare_messages(gw, [message], "olive")
        await gw.store.write(lambda tx: queue_messages(tx, gw, [ready]))
        await self.carry()
        return ready.message_id

    async def answer(self, gw: Gateway) -> None:
        """Each in another way, in turn."""
        officer = gw.build_officer("olive")
        items = gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now(), limit=None))
        for number, item in enumerate(sorted(items, key=lambda one: (one.kind, one.message_id))):
            if item.kind == "WhereaboutsEnquiry":
                body = WhereaboutsResponse(result="no-trace", answered_by="officer", ring=officer)
                respond.answer_search(gw, item.message_id, body, "olive")
            elif item.kind == "TransferNotice" and number % 3 != 2:
                respond.acknowledge_notice(
                    gw, item.message_id, Acknowledgement(decision="accepted", officer=officer), "olive"
                )
                if number % 3:
                    await self.carry()
                    done = Outcome(result="in-education", confirmed_on=gw.now().date(), officer=officer)
                    respond.send_outcome(gw, item.message_id, done, "olive")
            await self.carry()

    async def carry(self) -> None:
        self.world.now += timedelta(minutes=7)
        await self.world.carry()
        for one in (self.gw, self.there):
            await audit.sign_checkpoint(one)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    made = Story(tmp_path_factory.mktemp("story"))
    asyncio.run(made.happen())
    yield made
    made.world.close()


def verified(story: Story, store: Store, saw: dict[str, str] | None = None) -> LogVerdict:
    gw = story.gw
    trust = Trust({gw.code: gw.own_card})
    return store.look(lambda tx: audit.verify_log(tx, trust, gw.code, ring=gw.ring, seen=saw or {}))


def harmed(story: Story, folder: Path, harm: Harm, chance: Random) -> tuple[Store, str]:
    """A copy of the database without its guards, changed; and a word that must be in what is said of it."""
    file = folder / "store.db"
    with sqlite3.connect(story.gw.store.engine.url.database or "") as whole, sqlite3.connect(file) as copy:
        whole.backup(copy)
        for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            copy.execute(f"DROP TRIGGER {name}")
        word = harm(copy, chance)
        copy.commit()
    return Store(f"sqlite:///{file}"), word


def one_of(copy: sqlite3.Connection, chance: Random, query: str) -> tuple[str, ...]:
    found: tuple[str, ...] = chance.choice(sorted(copy.execute(query).fetchall()))
    return found


def delete_message(copy: sqlite3.Connection, chance: Random) -> str:
    table = chance.choice(("inbox", "outbox"))
    (name,) = one_of(copy, chance, f"SELECT message_id FROM {table}")
    copy.execute(f"DELETE FROM {table} WHERE message_id = ?", (name,))
    return name


def delete_messages(copy: sqlite3.Connection, chance: Random) -> str:
    table = chance.choice(("inbox", "outbox"))
    copy.execute(f"DELETE FROM {table}")
    return table


def invent_message(copy: sqlite3.Connection, chance: Random) -> str:
    table = chance.choice(("inbox", "outbox"))
    (name,) = one_of(copy, chance, f"SELECT message_id FROM {table}")
    columns = [row[1] for row in copy.execute(f"PRAGMA table_info({table})") if row[1] != "message_id"]
    names = ", ".join(f'"{one}"' for one in columns)
    copy.execute(
        f"INSERT INTO {table} (message_id, {names}) SELECT 'invented', {names} FROM {table} WHERE message_id = ?",
        (name,),
    )
    return "invented"


def change_column(copy: sqlite3.Connection, chance: Random) -> str:
    table = chance.choice(("inbox", "outbox"))
    columns = {
        "inbox": ("digest", "kind", "case_id", "received_at"),
        "outbox": ("digest", "kind", "case_id", "queued_at", "queued_by", "recipient"),
    }
    column = chance.choice(columns[table])
    (name,) = one_of(copy, chance, f"SELECT message_id FROM {table}")
    value = {"kind": "Reminder", "queued_by": "nobody", "recipient": "330"}.get(column, "0" * 36)
    if column.endswith("_at"):
        value = f"2026-11-2{chance.randint(0, 2)} 09:00:00.000000"
    copy.execute(f"UPDATE {table} SET {column} = ? WHERE message_id = ?", (value, name))
    return name


def change_state(copy: sqlite3.Connection, chance: Random) -> str:
    table = chance.choice(("inbox", "outbox"))
    name, state = one_of(copy, chance, f"SELECT message_id, state FROM {table}")
    states = {
        "inbox": ("new", "acknowledged", "passed-on", "rejected", "concluded", "withdrawn", "filed"),
        "outbox": ("queued", "received", "acknowledged", "passed-on", "concluded", "closed", "rejected", "withdrawn"),
    }
    other = chance.choice([one for one in states[table] if one != state])
    copy.execute(f"UPDATE {table} SET state = ? WHERE message_id = ?", (other, name))
    return name


def change_content(copy: sqlite3.Connection, chance: Random) -> str:
    table, column = chance.choice(
        (("inbox", "content"), ("outbox_contents", "content"), ("outbox_contents", "sealed"), ("inbox", "data_key"))
    )
    name, was = one_of(copy, chance, f"SELECT message_id, {column} FROM {table}")
    raw = bytearray(was)  # type: ignore[arg-type]
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    copy.execute(f"UPDATE {table} SET {column} = ? WHERE message_id = ?", (bytes(raw), name))
    return name


def change_receipt(copy: sqlite3.Connection, chance: Random) -> str:
    number, token = one_of(copy, chance, "SELECT number, token FROM receipts")
    how = chance.choice(("token", "result", "message_id", "digest", "issuer", "gone"))
    if how == "gone":
        copy.execute("DELETE FROM receipts WHERE number = ?", (number,))
    elif how == "token":
        at = chance.randrange(len(token) - 1)
        other = "A" if token[at] != "A" else "B"
        copy.execute("UPDATE receipts SET token = ? WHERE number = ?", (token[:at] + other + token[at + 1 :], number))
    else:
        value = {"result": "rejected", "issuer": "330"}.get(how, "0" * 36)
        copy.execute(
            f"UPDATE receipts SET {how} = CASE {how} WHEN 'rejected' THEN 'accepted' ELSE ? END WHERE number = ?",
            (value, number),
        )
    return "receipt"


def delete_receipts(copy: sqlite3.Connection, chance: Random) -> str:
    copy.execute("DELETE FROM receipts")
    return "receipt"


def make_admins(copy: sqlite3.Connection, chance: Random) -> str:
    if chance.random() < 0.5:
        copy.execute("UPDATE people SET roles = 'admin'")
        return "olive@sandwell.example"
    (name,) = one_of(copy, chance, "SELECT name FROM people")
    copy.execute("UPDATE people SET roles = 'admin' WHERE name = ?", (name,))
    return name


def change_account(copy: sqlite3.Connection, chance: Random) -> str:
    how = chance.randrange(4)
    if how == 0:
        copy.execute("UPDATE people SET active = 1 - active WHERE name = 'max@sandwell.example'")
        return "max@sandwell.example"
    if how == 1:
        copy.execute("DELETE FROM people WHERE name = 'ada@sandwell.example'")
        return "ada@sandwell.example"
    if how == 2:
        copy.execute("UPDATE api_clients SET scopes = 'notices:read notices:send'")
        return "one-read"
    copy.execute("UPDATE people SET name = 'eve@sandwell.example' WHERE name = 'ada@sandwell.example'")
    return "eve@sandwell.example"


def change_mentions(copy: sqlite3.Connection, chance: Random) -> str:
    if chance.random() < 0.5:
        copy.execute("INSERT INTO audit_mentions (about, number) VALUES ('somebody', ?)", (chance.randint(0, 10_000),))
        return "found by"
    copy.execute("UPDATE audit_mentions SET about = 'somebody'")
    (size,) = copy.execute("SELECT count(*) FROM audit_mentions").fetchone()
    return "mentions" if size else change_mentions(copy, chance)


def change_entry(copy: sqlite3.Connection, chance: Random) -> str:
    (number,) = one_of(copy, chance, "SELECT number FROM audit_entries")
    column = chance.choice(("act", "actor", "about", "entry", "leaf", "gone"))
    if column == "gone":
        copy.execute("DELETE FROM audit_entries WHERE number = ?", (number,))
    elif column == "entry":
        copy.execute("UPDATE audit_entries SET entry = replace(entry, 'e', 'a') WHERE number = ?", (number,))
    else:
        copy.execute(
            f"UPDATE audit_entries SET {column} = ? WHERE number = ?",
            (b"x" * 32 if column == "leaf" else "other", number),
        )
    return "ntr"


def cut_tail(copy: sqlite3.Connection, chance: Random) -> str:
    """Back to a checkpoint of before, head and all."""
    sizes = [row[0] for row in copy.execute("SELECT size FROM audit_checkpoints ORDER BY size")]
    size = chance.choice(sizes[len(sizes) // 2 : -1])
    for table, column in (("audit_entries", "number"), ("audit_mentions", "number")):
        copy.execute(f"DELETE FROM {table} WHERE {column} >= ?", (size,))
    copy.execute("DELETE FROM audit_checkpoints WHERE size > ?", (size,))
    tree = Frontier().append(row[0] for row in copy.execute("SELECT leaf FROM audit_entries ORDER BY number"))
    copy.execute("UPDATE audit_head SET size = ?, peaks = ?", (tree.size, tree.to_bytes()))
    return ""


def change_head(copy: sqlite3.Connection, chance: Random) -> str:
    tree = Frontier().append(
        bytes([chance.randrange(256)]) * 32 for _ in range(copy.execute("SELECT size FROM audit_head").fetchone()[0])
    )
    copy.execute("UPDATE audit_head SET peaks = ?", (tree.to_bytes(),))
    return "which is right, but its root"


def take_checkpoint(copy: sqlite3.Connection, chance: Random) -> str:
    """One that a receipt of ours bears."""
    tokens = [row[0] for row in copy.execute("SELECT token FROM receipts WHERE issuer = '333'")]
    notes = sorted({note for one in tokens if (note := receipt.read_claimed(one).checkpoint)})
    copy.execute("DELETE FROM audit_checkpoints WHERE note = ?", (chance.choice(notes),))
    return "It was removed"


def change_owner(copy: sqlite3.Connection, chance: Random) -> str:
    copy.execute("UPDATE owner SET authority = '330'")
    return "as its owner"


HARMS: tuple[Harm, ...] = (
    delete_message,
    delete_messages,
    invent_message,
    change_column,
    change_state,
    change_content,
    change_receipt,
    delete_receipts,
    make_admins,
    change_account,
    change_mentions,
    change_entry,
    cut_tail,
    change_head,
    take_checkpoint,
    change_owner,
)


def test_what_nobody_touched_is_whole(story: Story) -> None:
    for house in (story.gw, story.there):

        def check(tx: Connection, house: Gateway = house) -> LogVerdict:
            return audit.verify_log(tx, Trust({house.code: house.own_card}), house.code, ring=house.ring)

        assert house.store.look(check).faults == ()


def test_a_destroyed_key_is_no_fault(story: Story, tmp_path: Path) -> None:
    def destroy(copy: sqlite3.Connection, chance: Random) -> str:
        copy.execute("UPDATE inbox SET data_key = NULL")
        copy.execute("UPDATE outbox_contents SET data_key = NULL")
        return ""

    store, _ = harmed(story, tmp_path, destroy, Random(0))
    assert verified(story, store).faults == ()
    store.close()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("harm", HARMS)
def test_what_was_changed_is_found_and_named(story: Story, tmp_path: Path, harm: Harm, seed: int) -> None:
    store, word = harmed(story, tmp_path, harm, Random(seed))
    faults = verified(story, store).faults
    store.close()
    assert any(word in one for one in faults), faults


@pytest.mark.parametrize("seed", range(4))
def test_a_log_cut_to_before_all_that_tells_of_it_is_found_by_what_a_partner_saw(
    story: Story, tmp_path: Path, seed: int
) -> None:
    """The rows that would give it away are gone too: only the partner knows."""
    file = tmp_path / "seen.json"
    home = str(story.there.config.home)
    file.write_text(run_command("audit", "witness", "--json", "--home", home).stdout)
    saw = partners_view.read_seen_file(file, "333")

    def cut_all(copy: sqlite3.Connection, chance: Random) -> str:
        cut_tail(copy, chance)
        copy.execute("DELETE FROM receipts")
        copy.execute("DELETE FROM inbox")
        copy.execute("DELETE FROM outbox")
        return "was removed"

    store, word = harmed(story, tmp_path, cut_all, Random(seed))
    assert any(word in one for one in verified(story, store, saw).faults)
    store.close()
    assert verified(story, story.gw.store, saw).faults == ()


async def test_partners_are_asked_for_what_they_saw(story: Story, tmp_path: Path) -> None:
    found, silent = await partners_view.ask_seen_by_partners(story.gw)
    assert (len(found), silent) == (1, {})
    assert verified(story, story.gw.store, found).faults == ()
    store, _ = harmed(story, tmp_path, cut_tail, Random(1))
    assert any("what 885 saw of us" in one for one in verified(story, store, found).faults)
    store.close()
    story.world.wire.down.add("885")
    found, silent = await partners_view.ask_seen_by_partners(story.gw)
    story.world.wire.down.clear()
    assert (found, list(silent)) == ({}, ["885"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"partners": [], "alarms": []}',
        '{"partners": [{"authority": "333"}], "alarms": 3}',
        "[" * 100_000,
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "seen.json"
    file.write_text(text)
    with pytest.raises(Unusable) as why:
        partners_view.read_seen_file(file, "333")
    assert why.value.code == "audit.not-seen"
