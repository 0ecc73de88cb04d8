"""The contract of every carrier: what `adapters.route` promises, held against a real server for each kind of route."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientTimeout

from adapters.route import (
    Collector,
    ConnectionTester,
    HandedOver,
    NotReached,
    Parcel,
    Receipted,
    ServerChecker,
    TryLater,
    load_carriers,
)
from gateway.exchange.prepare import prepare_messages
from tests.children import notice
from tests.contract.worlds import WORLDS, World


def test_every_carrier_that_is_installed_is_held_to_the_contract() -> None:
    assert load_carriers().keys() == WORLDS.keys()


@pytest.fixture(params=WORLDS)
async def world(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    # How long an empty mailbox lets its owner wait.
    monkeypatch.setattr("gateway.partner_api.mailboxes.POLL_SECONDS", 0.1)
    monkeypatch.setattr("adapters.email.POLL_SECONDS", 0.1)
    made = WORLDS[request.param](tmp_path)
    yield made
    await made.close()


def parcels(world: World, count: int) -> list[Parcel]:
    ready = prepare_messages(world.sandwell, [notice() for _ in range(count)], "olive")
    return [Parcel(one.message_id, one.sealed) for one in ready]


async def test_what_is_delivered_arrives(world: World) -> None:
    sent = parcels(world, 3)
    async with world.serving():
        attempts = await world.carrier.deliver(world.address, sent)
        assert len(attempts) == 3
        assert all(isinstance(one, Receipted | HandedOver) for one in attempts)
        assert await world.arrived() == {one.message_id for one in sent}


async def test_the_same_parcels_again_have_one_effect(world: World) -> None:
    """As after a crash between the hand-over and the note of it."""
    sent = parcels(world, 2)
    async with world.serving():
        first = await world.carrier.deliver(world.address, sent)
        assert await world.arrived() == {one.message_id for one in sent}
        assert await world.carrier.deliver(world.address, sent) == first
        assert await world.arrived() == {one.message_id for one in sent}


async def test_a_bad_parcel_does_not_hold_up_the_good_one_beside_it(world: World) -> None:
    good = parcels(world, 1)[0]
    async with world.serving():
        attempts = await world.carrier.deliver(world.address, [Parcel("bad", b"nonsense"), good])
        assert len(attempts) == 2
        assert await world.arrived() == {good.message_id}


async def test_a_server_that_is_away_is_a_reason_to_try_later(world: World) -> None:
    attempts = await world.carrier.deliver(world.address, parcels(world, 2))
    assert [type(one) for one in attempts] == [TryLater, TryLater]
    assert "cannot be reached" in str(attempts[0])


async def test_a_server_that_never_answers_is_not_waited_for_without_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.client.TIMEOUT", ClientTimeout(total=0.5))
    for limit in ("adapters.sftp.VISIT_SECONDS", "adapters.email.SEND_SECONDS"):
        monkeypatch.setattr(limit, 0.5)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", world.port)
    attempts = await world.carrier.deliver(world.address, parcels(world, 2))
    await world.carrier.close()
    await asyncio.sleep(0.1)
    server.close()
    assert [type(one) for one in attempts] == [TryLater, TryLater]
    assert "in time" in str(attempts[0])


async def test_a_connection_is_tested_without_leaving_or_taking_anything(world: World) -> None:
    """By whichever carrier: it answers a test, or lets us in at its server."""
    carrier, [parcel] = world.carrier, parcels(world, 1)
    assert isinstance(carrier, ConnectionTester | ServerChecker)
    async with world.serving():
        await carrier.deliver(world.address, [parcel])
        if isinstance(carrier, ConnectionTester):
            answer = await carrier.post_test(world.address, b"no test", 9_999)
            assert answer.status == 409
        else:
            await carrier.check_server(world.address)
            with pytest.raises(NotReached):
                await carrier.check_server(world.elsewhere)
        assert await world.arrived() == {parcel.message_id}
    await carrier.close()
    if isinstance(carrier, ServerChecker):
        with pytest.raises(NotReached):
            await carrier.check_server(world.address)


async def test_what_was_fetched_by_a_process_that_died_is_fetched_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.sftp.CLAIM_SECONDS", -1)
    # A mailbox's host lets it rest for ten seconds.
    monkeypatch.setattr("gateway.core.resting.FIRST_REST", -1.0)
    dead = world.worcestershire.carriers[world.kind]
    sent = parcels(world, 2)
    async with world.serving():
        await world.carrier.deliver(world.address, sent)
        if isinstance(dead, Collector):
            while not await dead.collect(world.own_address):
                continue
            await dead.close()
        assert await world.arrived() == {one.message_id for one in sent}


async def test_a_server_that_goes_and_comes_back_is_found_again(world: World) -> None:
    sent = parcels(world, 2)
    async with world.serving():
        await world.carrier.deliver(world.address, sent[:1])
    [attempt] = await world.carrier.deliver(world.address, sent[1:])
    assert isinstance(attempt, TryLater)
    async with world.serving():
        [attempt] = await world.carrier.deliver(world.address, sent[1:])
        assert not isinstance(attempt, TryLater)
        assert await world.arrived() == {one.message_id for one in sent}


async def test_a_server_that_is_not_the_one_that_is_pinned_gets_nothing(world: World) -> None:
    async with world.serving():
        [attempt] = await world.carrier.deliver(world.elsewhere, parcels(world, 1))
        assert isinstance(attempt, TryLater)
        assert await world.arrived() == set()


async def test_a_carrier_that_was_closed_starts_anew(world: World) -> None:
    [sent] = parcels(world, 1)
    async with world.serving():
        for _ in range(2):
            await world.carrier.deliver(world.address, [sent])
            await world.carrier.close()
        assert await world.arrived() == {sent.message_id}


async def test_a_delivery_that_is_broken_off_leaves_nothing_half(world: World) -> None:
    sent = parcels(world, 20)
    async with world.serving():
        for moment in (0.0, 0.01, 0.05, 0.2):
            task = asyncio.create_task(world.carrier.deliver(world.address, sent))
            await asyncio.sleep(moment)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await world.arrived() in (set(), {one.message_id for one in sent})
        await world.carrier.deliver(world.address, sent)
        assert await world.arrived() == {one.message_id for one in sent}


async def test_many_deliveries_at_once_keep_to_themselves(world: World) -> None:
    bundles = [parcels(world, 2) for _ in range(5)]
    async with world.serving():
        ends = await asyncio.gather(*(world.carrier.deliver(world.address, bundle) for bundle in bundles))
        assert not [one for attempts in ends for one in attempts if isinstance(one, TryLater)]
        assert await world.arrived() == {one.message_id for bundle in bundles for one in bundle}
