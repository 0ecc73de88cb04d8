"""The gateway is killed while a case system sends: what was answered is there once, and what is there was, or will be,
answered.
"""

import asyncio
import random
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from gateway import home_folder
from gateway.case_systems import clients
from gateway.core.permissions import Scope
from gateway.store import outbox
from keys import api_token
from schemas import json
from tests.children import notice
from tests.conftest import introduce, make
from tests.consoles import house
from tests.loaded import Loaded, start_gateway

KILLS, NOTICES, AT_ONCE = 6, 80, 4
# Seconds that it may take requests before it is killed.
LONGEST = 0.8
SEED = random.SystemRandom().randrange(2**32)
Answers = dict[str, int]


def start(home: Path) -> Loaded:
    return start_gateway("serve", "--home", str(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def ready(session: aiohttp.ClientSession, api: str) -> None:
    for _ in range(600):
        with suppress(aiohttp.ClientError):
            async with session.get(f"{api}/openapi.json") as got:
                if got.status == 200:
                    return
        await asyncio.sleep(0.1)
    raise AssertionError("it does not start")


async def post(session: aiohttp.ClientSession, api: str, token: str, key: str, body: bytes, answers: Answers) -> None:
    """Send, with the notice's own key; where the gateway goes away, there is no answer."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key, "Content-Type": "application/json"}
    with suppress(aiohttp.ClientError):
        async with session.post(f"{api}/notices", data=body, headers=headers) as got:
            await got.read()
            answers[key] = got.status


async def some(
    session: aiohttp.ClientSession, api: str, token: str, left: Iterator[tuple[str, bytes]], answers: Answers
) -> None:
    """One of those who send, one notice after the other."""
    for key, body in left:
        await post(session, api, token, key, body, answers)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("real_costs")
async def test_killed_while_notices_are_sent_each_has_one_effect_and_one_answer(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    chance, home = random.Random(SEED), tmp_path / "885"
    gw, sandwell = house(home, "885", "Worcestershire", (), "[api]\nrequests_per_minute = 100000"), make(
        tmp_path / "333", "333", "Sandwell"
    )  # fmt: skip
    introduce(gw, sandwell)
    clients.add_client(gw, "one-test", "ONE", Scope, "agnes")
    api = clients.get_token_audience(gw)
    token = api_token.issue("one-test", tuple(Scope), audience=api, ring=gw.ring, now=gw.now())
    sandwell.store.close()
    gw.store.close()
    sent = {one.header.message_id: json.write(one) for one in (notice("885", "333") for _ in range(NOTICES))}
    before: Answers = {}
    async with aiohttp.ClientSession() as session:
        for _ in range(KILLS):
            process = start(home)
            await ready(session, api)
            # All of them again: what was answered is answered so.
            left = iter(list(sent.items()))
            senders = [asyncio.create_task(some(session, api, token, left, before)) for _ in range(AT_ONCE)]
            await asyncio.sleep(chance.uniform(0.05, LONGEST))
            process.kill()
            process.wait()
            await asyncio.gather(*senders)
        process, after = start(home), Answers()
        await ready(session, api)
        for key, body in sent.items():
            await post(session, api, token, key, body, after)
        process.terminate()
        process.wait(30)
    gw = home_folder.open_gateway(home)
    queued = [one.message_id for one in gw.store.look(lambda tx: outbox.search_outbox(tx, limit=None))]
    gw.store.close()
    assert len(queued) == len(set(queued))
    # 409: killed in the midst of it, so that it still counts as under way.
    assert set(after.values()) <= {202, 409}
    assert {key for key, status in after.items() if status == 202} == set(queued)
    assert {key for key, status in before.items() if status == 202} <= set(queued)
    assert len(queued) >= NOTICES - AT_ONCE * KILLS
