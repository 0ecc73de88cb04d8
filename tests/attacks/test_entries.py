"""Entries of the audit log that others cause: strangers one a minute and kind, members few; and nobody is signed out by
a link.
"""

import json
import random
import resource
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access import people, sign_in
from gateway.app import build_console_site
from gateway.auditing import bursts
from gateway.context import Gateway
from gateway.core.audit_sentences import explain_act
from gateway.core.bursts import MINUTE, Bursts
from gateway.core.permissions import Role
from gateway.core.statement_diff import DifferenceKind, StatementDifference
from gateway.errors import NotAllowed
from gateway.exchange import statements
from gateway.exchange.receive import REFUSED_SINGLY, receive_parcels
from gateway.exchange.statements import MOST_DIFFERENCES
from gateway.partner_api.exchange import build_exchange_application
from gateway.store import audit_log
from keys.statement import StatementRow
from schemas.shapes import MessageId
from tests.attacks.served import SEED, served
from tests.conftest import make
from tests.consoles import house, session
from tests.flows.test_exchange import whole
from tests.world import World

Client = TestClient[web.Request, web.Application]
CHANCE = random.Random(SEED)


def noted(gw: Gateway, act: str) -> list[dict[str, str | int]]:
    found = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act=act, limit=1000))
    return [json.loads(one.entry).get("detail", {}) for one in found]


def times(details: list[dict[str, str | int]]) -> int:
    return sum(int(one.get("count", 1)) for one in details)


@pytest.fixture
def gw(tmp_path: Path) -> Iterator[Gateway]:
    made = house(tmp_path / "885", "885", "Worcestershire", (Role.CME_OFFICER,))
    yield made
    made.store.close()


@pytest.fixture
async def console(gw: Gateway) -> AsyncIterator[Client]:
    made = TestClient(TestServer(build_console_site(gw), port=gw.config.console.port))
    await made.start_server()
    yield made
    await made.close()


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from("abc"), st.sampled_from("xyz")), max_size=60))
def test_of_a_kind_there_is_one_entry_a_minute_and_none_is_lost(came: list[tuple[int, str, str]]) -> None:
    made, now, entries = Bursts(), datetime(2026, 11, 26, tzinfo=UTC), []
    for seconds, word, address in came:
        now += timedelta(seconds=seconds / 4)
        if found := made.add("kind", word, address, now):
            entries.append((now, found))
        entries += [(now, one) for _, one in made.take_due(now)]
    moments = [at for at, _ in entries]
    assert all(later - earlier >= MINUTE for earlier, later in pairwise(moments))
    entries += [(now, one) for _, one in made.take_due(now, everything=True)]
    assert sum(one.count for _, one in entries) == len(came)
    assert {word for _, one in entries for word in one.words} == {word for _, word, _ in came}


async def test_callers_without_a_token_write_one_entry_a_minute_however_many_they_are(tmp_path: Path) -> None:
    gw = make(tmp_path / "885", "885", "Worcestershire")
    client, count = TestClient(TestServer(build_exchange_application(gw))), CHANCE.randint(50, 150)
    await client.start_server()
    paths = ["messages", "log/consistency", "statements", "statements/missing"]
    tokens = ["", "x", "a.b.c", "é" * 9, "x" * 5000]
    for _ in range(count):
        path, token = CHANCE.choice(paths), CHANCE.choice(tokens)
        method = "POST" if path == "messages" else "GET"
        got = await client.request(method, f"/exchange/v1/{path}", headers={"Authorization": f"Bearer {token}"})
        assert got.status == 401
    assert len(noted(gw, "caller.refused")) == 1
    now = gw.now
    gw.now = lambda: now() + MINUTE
    gw.store.run(lambda tx: bursts.write_counted(tx, gw))
    newest, first = noted(gw, "caller.refused")
    assert (first, newest["count"], newest["addresses"]) == ({"code": first["code"]}, count - 1, 1)
    said = explain_act("caller.refused", {name: str(value) for name, value in newest.items()})
    assert f"{count - 1} times" in said
    assert not whole(gw).faults
    await client.close()
    gw.store.close()


async def test_nobody_without_a_password_writes_more_than_an_entry_a_minute_on_the_console(
    console: Client, gw: Gateway
) -> None:
    size = gw.store.look(audit_log.get_tree_head).size
    for number in range(6):
        form = {"name": f"nobody-{number}", "password": "x"}
        assert (await console.post("/sign-in", data=form)).status == 422
    for number in range(CHANCE.randint(20, 60)):
        query = {"state": str(number), "code": "x", "error": CHANCE.choice(["", "access_denied"])}
        assert (await console.get("/sign-in/answer", params=query)).status == 403
    assert gw.store.look(audit_log.get_tree_head).size == size + 1


async def test_a_link_to_the_directorys_answer_signs_nobody_out_and_writes_nothing(
    console: Client, gw: Gateway
) -> None:
    cookies, _ = session(gw, Role.CME_OFFICER)
    size = gw.store.look(audit_log.get_tree_head).size
    for query in ("", "?state=x&code=y", "?error=access_denied"):
        assert (await console.get(f"/sign-in/answer{query}", cookies=cookies)).status == 403
    assert (await console.get("/account", cookies=cookies, allow_redirects=False)).status == 200
    assert gw.store.look(audit_log.get_tree_head).size == size


def test_wrong_passwords_of_an_account_are_entries_as_many_as_its_lock_allows(gw: Gateway) -> None:
    name = "ash.example@council.example"
    people.add_account(gw, name, "Ash Example", [Role.CME_OFFICER], "test")
    tries = CHANCE.randint(7, 10)
    for _ in range(tries):
        with pytest.raises(NotAllowed):
            sign_in.begin_sign_in(gw, name, "wrong")
    gw.store.run(lambda tx: bursts.write_counted(tx, gw, everything=True))
    found = noted(gw, "person.refused")
    assert [one["why"] for one in found].count("password") == 5
    assert len(found) <= 7
    assert times(found) == tries


async def test_messages_of_a_member_that_are_refused_are_few_entries_with_a_count(tmp_path: Path) -> None:
    world = World(tmp_path)
    gw = world.settle("885", "Worcestershire")
    world.settle("333", "Sandwell")
    count = CHANCE.randint(REFUSED_SINGLY + 5, 90)
    await receive_parcels(gw, [f"{CHANCE.random()}".encode() for _ in range(count)], "333")
    assert len(noted(gw, "message.refused")) == REFUSED_SINGLY
    world.now += MINUTE
    gw.store.run(lambda tx: bursts.write_counted(tx, gw))
    found = noted(gw, "message.refused")
    assert len(found) == REFUSED_SINGLY + 1
    assert times(found) == count
    assert not whole(gw).faults
    world.close()


@pytest.mark.parametrize("days", [0, 2])
def test_a_comparison_that_differs_in_many_rows_is_one_entry_with_a_count(tmp_path: Path, days: int) -> None:
    world = World(tmp_path)
    gw = world.settle("885", "Worcestershire")
    count, written = CHANCE.randint(MOST_DIFFERENCES + 1, 400), []
    for turn in range(3):
        there = [
            StatementRow(f"{turn}-{n}", "TransferNotice", "case", "0" * 64, "received", world.now) for n in range(count)
        ]
        found = [
            StatementDifference(DifferenceKind.FORGOTTEN_HERE, MessageId(row.message_id), None, row, is_sent=True)
            for row in there
        ]
        gw.store.run(
            lambda tx, found=found: statements._heal_differences(tx, gw, "333", found, [], ["a statement"])  # type: ignore[misc]
        )
        written.append(len(noted(gw, "statement.difference")))
        world.now += timedelta(days=days)
    assert written == ([1, 2, 3] if days else [1, 1, 1])
    assert {one["count"] for one in noted(gw, "statement.difference")} == {count}
    world.close()


async def test_no_part_of_memory_is_written_to_a_disk(gw: Gateway) -> None:
    gw.store.close()
    async with served(gw.config.home, gw.config.listen.port) as one:
        assert resource.prlimit(one.process.pid, resource.RLIMIT_CORE) == (0, 0)
