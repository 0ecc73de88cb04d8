"""A partner's identity key is revoked by people on both sides: nothing new under it counts, what came before is shown
with a warning, and with a new one everything goes on.
"""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import app, home_folder
from gateway.authorities import partners
from gateway.console.application import build_application
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.findings import FindingLevel
from gateway.core.permissions import Role
from gateway.errors import NotAllowed
from gateway.exchange.newer_cards import SHOWN, take_newer_card
from gateway.exchange.send import send_notices
from gateway.monitoring import health
from gateway.store import audit_log, inbox
from keys import card
from keys.errors import KeyRefused
from tests.children import notice
from tests.command import run_command
from tests.consoles import session, two_houses
from tests.flows.test_exchange import Pair, state, until

TOLD_BY = "Wilma Example, head of ICT"


def revoke(gw: Gateway, told_by: str = TOLD_BY, authority: str = "885") -> tuple[int, str]:
    home = str(gw.config.home)
    done = run_command("partner", "revoke-identity", authority, "--told-by", told_by, "--home", home, "--by", "ines")
    return done.returncode, done.stderr


def test_only_a_partner_is_revoked_and_once_and_with_a_name(pair: Pair) -> None:
    sandwell, _ = pair
    assert revoke(sandwell, authority="330")[0] == 4
    for wrong in ("", "  ", "two\nlines", "x" * 81):
        assert revoke(sandwell, wrong)[0] == 2
    assert not sandwell.withdrawn
    assert revoke(sandwell)[0] == 0
    code, says = revoke(sandwell)
    assert (code, "(partner.identity-revoked-before)" in says) == (5, True)
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="partner.identity-revoked"))
    held = json.loads(entry.entry)
    assert (held["actor"], held["detail"]["told_by"]) == ("ines", TOLD_BY)


async def test_nothing_new_of_a_revoked_identity_counts_and_a_new_one_goes_on(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [before] = send_notices(worcestershire, [notice("885", "333")], by="otto")
        await until(lambda: state(worcestershire, before) is DeliveryState.RECEIVED)
        assert (await asyncio.to_thread(revoke, sandwell))[0] == 0
        # Every process takes it up by itself.
        await until(lambda: "885" in sandwell.withdrawn)
        with pytest.raises(KeyRefused, match="revoked"):
            send_notices(sandwell, [notice()], by="olive")
        [after] = send_notices(worcestershire, [notice("885", "333")], by="otto")
        await asyncio.sleep(1)
        assert state(worcestershire, after) is not DeliveryState.RECEIVED
        assert len(sandwell.store.look(lambda tx: inbox.search_inbox(tx, sandwell.now()))) == 1
        newer = home_folder.renew_card(worcestershire.config.home, by="thief")
        token = (worcestershire.config.home / home_folder.CARD_FILE).read_text("ascii")
        verdict = await take_newer_card(sandwell, token, "885", SHOWN)
        assert (newer.serial, verdict.refused) == (2, "card.identity-revoked")
        with pytest.raises(NotAllowed, match=r"card\.identity-revoked"):
            partners.add_partner(sandwell, token, by="ines", new_identity=True)
        found = {one.name: one.level for one in health.measure_health(sandwell).findings}
        assert found["identity of 885"] is FindingLevel.WARN
        own = Ed25519PrivateKey.generate()
        new = replace(newer, serial=3, identity=own.public_key().public_bytes_raw())
        partners.add_partner(sandwell, card.write(new, own), by="ines", new_identity=True)
        assert not sandwell.withdrawn
        [later] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, later) is DeliveryState.RECEIVED)


def test_what_was_queued_waits_and_is_not_carried_to_whoever_has_the_stolen_keys(pair: Pair) -> None:
    sandwell, worcestershire = pair
    [queued] = send_notices(sandwell, [notice()], by="olive")
    assert revoke(sandwell)[0] == 0

    async def run() -> None:
        async with app.run_gateway(worcestershire), app.run_gateway(sandwell):
            await asyncio.sleep(1.5)

    asyncio.run(run())
    assert state(sandwell, queued) is DeliveryState.QUEUED
    assert worcestershire.store.look(lambda tx: inbox.search_inbox(tx, worcestershire.now())) == []


async def test_what_came_before_is_shown_with_a_warning(tmp_path: Path) -> None:
    async with two_houses(tmp_path) as (sandwell, worcestershire):
        [sent] = send_notices(worcestershire, [notice("885", "333")], by="otto")
        await until(lambda: state(worcestershire, sent) is DeliveryState.RECEIVED)
        [came] = sandwell.store.look(lambda tx: inbox.search_inbox(tx, sandwell.now()))
        before = await read_case(sandwell, came.case_id)
        assert (await asyncio.to_thread(revoke, sandwell))[0] == 0
        after = await read_case(sandwell, came.case_id)
    says = "revoked the key that vouched for this message"
    assert (says in before, says in after) == (False, True)
    # It can be read all the same.
    assert "Testchild" in after


async def read_case(gw: Gateway, case_id: str) -> str:
    client = TestClient(TestServer(build_application(gw)))
    await client.start_server()
    cookies, _ = session(gw, Role.CME_OFFICER)
    host = gw.config.console_url.removeprefix("http://")
    got = await client.get(f"/cases/{case_id}", cookies=cookies, headers={"Host": host})
    text = await got.text()
    await client.close()
    assert got.status == 200, text
    return text
