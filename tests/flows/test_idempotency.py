"""A request with an Idempotency-Key has one effect and one answer, also across crashes, clients and races."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, select

from gateway.case_systems import idempotency
from gateway.case_systems.idempotency import OtherRequest, RequestClaim, StoredAnswer
from gateway.context import Gateway
from gateway.errors import NotAllowed
from gateway.exchange import send
from gateway.store import outbox
from gateway.store.tables import api_answers
from schemas import json
from schemas.message import Message
from tests.children import notice
from tests.conftest import free_port
from tests.suppliers import Http, served, supplier

Pair = tuple[Gateway, Gateway]
SAID = (b"POST", b"/api/v1/notices", b"application/json", b"{}")


@pytest.fixture
async def there(pair: Pair) -> AsyncIterator[tuple[Gateway, Http]]:
    """Sandwell's API, on either database."""
    gw, _ = pair
    gw.config = replace(gw.config, console=replace(gw.config.console, port=free_port()))
    async with served(gw) as http:
        yield gw, http


def queued(gw: Gateway) -> list[str]:
    return [one.message_id for one in gw.store.look(outbox.search_outbox)]


async def test_a_repeat_is_answered_as_the_first_time_and_does_nothing(there: tuple[Gateway, Http]) -> None:
    gw, http = there
    one, body = await supplier(http, gw), json.write(notice())
    first = await one.post("/notices", body, key="8e03978e-40d5")
    # As RFC 8941 writes a string.
    again = await one.post("/notices", body, key='"8e03978e-40d5"')
    assert (first.status, again.status) == (202, 202)
    assert await first.read() == await again.read()
    assert first.headers["Location"] == again.headers["Location"]
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert len(queued(gw)) == 1


async def test_a_refusal_is_kept_too(there: tuple[Gateway, Http]) -> None:
    gw, http = there
    one = await supplier(http, gw)
    first, again = [await one.post("/notices", {"Header": {}}, key="k") for _ in range(2)]
    assert (first.status, again.status, await first.read()) == (422, 422, await again.read())
    assert first.content_type == again.content_type == "application/problem+json"


async def test_a_key_belongs_to_one_request_of_one_client(there: tuple[Gateway, Http]) -> None:
    gw, http = there
    one, other = await supplier(http, gw), await supplier(http, gw)
    assert (await one.post("/notices", json.write(notice()), key="k")).status == 202
    got = await one.post("/notices", json.write(notice()), key="k")
    assert (got.status, (await got.json(content_type=None))["code"]) == (422, "once.other-request")
    mine = json.write(notice())
    got = await other.post("/notices", mine, key="k")
    assert (got.status, (await got.json())["id"]) == (202, json.read(mine).header.message_id)


@pytest.mark.parametrize("key", ["", " ", "k k", "k" * 65, '"k', "k;a=1", "ké", '""'])
async def test_a_request_without_a_key_that_can_be_read_does_nothing(there: tuple[Gateway, Http], key: str) -> None:
    gw, http = there
    one = await supplier(http, gw)
    headers = {"Authorization": f"Bearer {one.token}", "Content-Type": "application/json"} | (
        {"Idempotency-Key": key} if key else {}
    )
    got = await http.post("/api/v1/notices", data=json.write(notice()), headers=headers)
    assert (got.status, (await got.json(content_type=None))["code"]) == (400, "once.no-key")
    assert queued(gw) == []


async def test_of_many_at_the_same_moment_one_has_an_effect(there: tuple[Gateway, Http]) -> None:
    gw, http = there
    one, body = await supplier(http, gw), json.write(notice())
    got = await asyncio.gather(*(one.post("/notices", body, key="k") for _ in range(8)))
    assert {each.status for each in got} <= {202, 409}
    assert len({await each.read() for each in got if each.status == 202}) == 1
    assert len(queued(gw)) == 1


def begun(gw: Gateway) -> RequestClaim:
    claim = idempotency.begin_request(gw, "one-test", "k", SAID)
    assert isinstance(claim, RequestClaim)
    return claim


def do(gw: Gateway, claim: RequestClaim, said: Message) -> str:
    """As the API does it."""
    [message_id] = send.send_notices(
        gw,
        [said],
        "api:one-test",
        also=idempotency.build_answer_writer(gw, claim, lambda made: StoredAnswer(202, made.encode())),
    )
    return message_id


def later(gw: Gateway, by: timedelta) -> None:
    gw.now = partial(lambda before: before() + by, gw.now)


def test_what_is_under_way_is_not_begun_again_until_it_must_be_dead(pair: Pair) -> None:
    gw, _ = pair
    begun(gw)
    with pytest.raises(NotAllowed, match=r"once\.under-way"):
        idempotency.begin_request(gw, "one-test", "k", SAID)
    with pytest.raises(OtherRequest):
        idempotency.begin_request(gw, "one-test", "k", (*SAID[:3], b"{ }"))
    later(gw, idempotency.UNDER_WAY)
    assert isinstance(idempotency.begin_request(gw, "one-test", "k", SAID), RequestClaim)


def test_a_try_that_was_overtaken_is_undone_whole(pair: Pair) -> None:
    gw, _ = pair
    slow = begun(gw)
    later(gw, idempotency.UNDER_WAY)
    quick = begun(gw)
    sent = do(gw, quick, notice())
    with pytest.raises(NotAllowed, match=r"once\.under-way"):
        do(gw, slow, notice())
    assert queued(gw) == [sent]
    assert idempotency.begin_request(gw, "one-test", "k", SAID) == StoredAnswer(202, sent.encode())


def test_a_crash_before_the_end_leaves_neither_the_effect_nor_an_answer(pair: Pair) -> None:
    gw, _ = pair
    claim, said = begun(gw), notice()

    def crash(tx: Connection, made: str) -> None:
        idempotency.keep_answer(tx, gw, claim, StoredAnswer(202, made.encode()))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send.send_notices(gw, [said], "api:one-test", also=crash)
    assert queued(gw) == []
    later(gw, idempotency.UNDER_WAY)
    # The very same request goes through.
    assert do(gw, begun(gw), said) == said.header.message_id
    assert idempotency.begin_request(gw, "one-test", "k", SAID) == StoredAnswer(202, said.header.message_id.encode())


def test_what_failed_on_our_side_may_be_tried_at_once(pair: Pair) -> None:
    gw, _ = pair
    idempotency.settle_request(gw, begun(gw), StoredAnswer(503, b"{}"))
    idempotency.settle_request(gw, begun(gw), StoredAnswer(409, b"{}"))
    assert idempotency.begin_request(gw, "one-test", "k", SAID) == StoredAnswer(409, b"{}")


def test_an_answer_lies_locked_and_is_forgotten_after_a_day(pair: Pair) -> None:
    gw, _ = pair
    do(gw, begun(gw), notice())
    [row] = gw.store.look(lambda tx: tx.execute(select(api_answers)).all())
    assert queued(gw)[0].encode() not in bytes(row.content)
    later(gw, idempotency.REMEMBERED + timedelta(seconds=1))
    assert isinstance(idempotency.begin_request(gw, "one-test", "k", SAID), RequestClaim)
