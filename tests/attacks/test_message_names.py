"""Two authorities use one id: whatever is done to a message is done to the one that was named, and to no other
(CWE-639).
"""

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import combinations
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.app import build_console_site
from gateway.auditing import browse
from gateway.case_systems import clients
from gateway.casework import find
from gateway.context import Gateway
from gateway.core.inbox_state import InboxState
from gateway.core.message_name import MessageName, split_name
from gateway.core.permissions import Role, Scope
from gateway.errors import Ambiguous, NotFound
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import queue_messages
from gateway.one import imports
from gateway.settings.sections import OneSettings
from gateway.store import inbox, outbox, transfer_files
from keys import api_token, receipt
from keys.receipt import Receipt
from schemas.message import Acknowledgement, Officer
from schemas.shapes import MessageId
from tests.children import notice
from tests.command import run_command
from tests.conftest import introduce, make
from tests.consoles import house, session

SEED = random.SystemRandom().randrange(2**32)
OFFICER = Officer(name="Olive Invented", role="cme_officer", phone_no="01632 960202")
SENDERS = {"333": "Sandwell", "330": "Birmingham", "332": "Dudley"}
Client = TestClient[web.Request, web.Application]


@pytest.fixture
def chance() -> random.Random:
    print(f"seed {SEED}")
    return random.Random(SEED)


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[dict[str, Gateway]]:
    """885, who receives, and three who send to it."""
    made = {"885": house(tmp_path / "885", "885", "Worcestershire", (Role.CME_OFFICER,))}
    for code, name in SENDERS.items():
        made[code] = make(tmp_path / code, code, name)
        introduce(made["885"], made[code])
    yield made
    for one in made.values():
        one.store.close()


def read_receipt(houses: dict[str, Gateway], code: str, token: str, sealed: bytes) -> Receipt:
    there = houses[code]
    digest = sha256(sealed).hexdigest()
    return receipt.verify(token, issuer="885", audience=code, sha256=digest, trust=there.trust, now=there.now())


async def arrive(houses: dict[str, Gateway], codes: list[str]) -> str:
    """A notice by each of these, in this order, each in its own case, all under one id."""
    message_id = notice("333", "885").header.message_id
    for code in codes:
        sent = notice(code, "885")
        sent = replace(sent, header=replace(sent.header, message_id=message_id))
        [ready] = prepare_messages(houses[code], [sent], "olive")
        [token] = await receive_parcels(houses["885"], [ready.sealed], code)
        assert read_receipt(houses, code, token, ready.sealed).result == "accepted"
    return message_id


def states(gw: Gateway) -> dict[str, InboxState]:
    return {one.sender: one.state for one in gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now()))}


def answered(gw: Gateway) -> list[str]:
    """To whom something was queued."""
    return [one.recipient for one in gw.store.look(lambda tx: outbox.search_outbox(tx, limit=None))]


async def test_an_answer_goes_to_whoever_wrote_what_was_named(
    houses: dict[str, Gateway], chance: random.Random
) -> None:
    gw, codes = houses["885"], chance.sample(sorted(SENDERS), 3)
    message_id, meant = await arrive(houses, codes), chance.choice(codes)
    body = Acknowledgement(decision="rejected", reason="not-our-area", officer=OFFICER)
    with pytest.raises(Ambiguous) as why:
        respond.acknowledge_notice(gw, message_id, body, "olive")
    assert all(f"{code}-{message_id}" in why.value.next_on_page for code in codes)
    assert answered(gw) == []
    respond.acknowledge_notice(gw, f"{meant}-{message_id}", body, "olive")
    assert answered(gw) == [meant]
    expected = {code: InboxState.REJECTED if code == meant else InboxState.NEW for code in codes}
    assert states(gw) == expected


async def test_no_page_acts_on_another_message_than_it_shows(houses: dict[str, Gateway], chance: random.Random) -> None:
    gw, codes = houses["885"], chance.sample(sorted(SENDERS), 2)
    message_id, meant = await arrive(houses, codes), chance.choice(codes)
    cases = {one.sender: one.case_id for one in gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now()))}
    other = next(code for code in codes if code != meant)
    client: Client = TestClient(TestServer(build_console_site(gw), port=gw.config.console.port))
    await client.start_server()
    try:
        cookies, token = session(gw, Role.CME_OFFICER)
        page = await client.get(f"/cases/{cases[meant]}", cookies=cookies)
        assert f"/notices/{meant}-{message_id}/accept" in await page.text()
        form = {"form_token": token, "was": "new"}
        wrong = f"/cases/{cases[meant]}/notices/{other}-{message_id}/accept"
        assert (await client.post(wrong, data=form, cookies=cookies, allow_redirects=False)).status == 404
        right = f"/cases/{cases[meant]}/notices/{meant}-{message_id}/accept"
        assert (await client.post(right, data=form, cookies=cookies, allow_redirects=False)).status == 303
    finally:
        await client.close()
    assert answered(gw) == [meant]
    assert states(gw) == {meant: InboxState.ACKNOWLEDGED, other: InboxState.NEW}


async def test_the_api_asks_which_one_is_meant(houses: dict[str, Gateway], chance: random.Random) -> None:
    gw, codes = houses["885"], chance.sample(sorted(SENDERS), 2)
    message_id, meant = await arrive(houses, codes), chance.choice(codes)
    clients.add_client(gw, "one-test", "ONE", Scope, "agnes")
    token = api_token.issue(
        "one-test", tuple(Scope), audience=clients.get_token_audience(gw), ring=gw.ring, now=gw.now()
    )
    allowed = {"Authorization": f"Bearer {token}", "Idempotency-Key": "a-key-of-its-own-1"}
    officer = {"Name": "Olive Invented", "Role": "cme_officer", "PhoneNo": "01632 960202"}
    said = {"Decision": "accepted", "Officer": officer}
    client: Client = TestClient(TestServer(build_console_site(gw), port=gw.config.console.port))
    await client.start_server()
    try:
        for place in ("", "/status"):
            bare = await client.get(f"/api/v1/notices/{message_id}{place}", headers=allowed)
            assert (bare.status, (await bare.json())["code"]) == (409, "message.ambiguous")
            whole = await client.get(f"/api/v1/notices/{meant}-{message_id}{place}", headers=allowed)
            assert whole.status == 200
        status = json.loads(await whole.text())
        assert len(status["receipts"]) == 1
        bare = await client.post(f"/api/v1/notices/{message_id}/acknowledgement", json=said, headers=allowed)
        assert bare.status == 409
        allowed["Idempotency-Key"] = "a-key-of-its-own-2"
        done = await client.post(f"/api/v1/notices/{meant}-{message_id}/acknowledgement", json=said, headers=allowed)
        assert done.status == 202
    finally:
        await client.close()
    assert answered(gw) == [meant]


async def test_a_command_shows_both_names_and_acts_on_the_one_that_is_named(
    houses: dict[str, Gateway], chance: random.Random
) -> None:
    gw, codes = houses["885"], chance.sample(sorted(SENDERS), 2)
    message_id, meant = await arrive(houses, codes), chance.choice(codes)
    home = ("--home", str(gw.config.home))
    for words in (("show", message_id), ("acknowledge", message_id), ("outcome", message_id, "in-education")):
        done = await asyncio.to_thread(run_command, *words, *home)
        assert done.returncode == 2, words
        assert all(f"{code}-{message_id}" in done.stderr.replace("\n", "") for code in codes)
    assert answered(gw) == []
    listed = json.loads((await asyncio.to_thread(run_command, "inbox", "--json", *home)).stdout)["inbox"]
    assert {one["name"] for one in listed} == {f"{code}-{message_id}" for code in codes}
    name = f"{meant}-{message_id}"
    assert (await asyncio.to_thread(run_command, "acknowledge", name, *home)).returncode == 0
    shown = await asyncio.to_thread(run_command, "show", name, "--json", *home)
    value = json.loads(shown.stdout)
    assert (value["standing"]["sender"], value["standing"]["state"]) == (meant, "acknowledged")
    assert len(value["receipts"]) == 1
    other = next(code for code in codes if code != meant)
    shown = await asyncio.to_thread(run_command, "show", f"{other}-{message_id}", *home)
    # The history of one is not that of the other.
    assert "Acknowledgement sent" not in shown.stdout
    assert "Accepted" not in shown.stdout


async def test_the_audit_log_of_a_case_tells_nothing_of_another_message_with_the_same_id(
    houses: dict[str, Gateway], chance: random.Random
) -> None:
    gw, codes = houses["885"], chance.sample(sorted(SENDERS), 2)
    message_id, meant = await arrive(houses, codes), chance.choice(codes)
    body = Acknowledgement(decision="accepted", officer=OFFICER)
    other = next(code for code in codes if code != meant)
    respond.acknowledge_notice(gw, f"{other}-{message_id}", body, "olive")
    case = gw.store.look(lambda tx: inbox.get_message(tx, f"{meant}-{message_id}")).case_id
    found = browse.list_audit_page(gw, browse.AuditQuestion(reference=case), None, "ada")
    assert {line.partner for line in found.lines} == {meant}


async def test_of_two_that_are_found_each_is_shown_with_its_own_sender(
    houses: dict[str, Gateway], chance: random.Random
) -> None:
    gw, codes = houses["885"], chance.sample(sorted(SENDERS), 3)
    message_id, gone = await arrive(houses, codes), chance.choice(codes)
    surname = respond.read_incoming(gw, f"{gone}-{message_id}", "olive")[1].body.child.surname  # type: ignore[union-attr]
    body = Acknowledgement(decision="rejected", reason="not-our-area", officer=OFFICER)
    respond.acknowledge_notice(gw, f"{gone}-{message_id}", body, "olive")
    hits = find.find_notices(gw, surname, "olive").hits
    assert {(one.partner, one.message_id) for one in hits} == {(code, message_id) for code in codes}
    assert {one.partner for one in hits if one.state == InboxState.REJECTED} == {gone}


async def test_a_file_for_one_is_written_for_the_notice_that_was_accepted_and_for_no_other(
    houses: dict[str, Gateway], chance: random.Random, tmp_path: Path
) -> None:
    gw, codes = houses["885"], chance.sample(sorted(SENDERS), 3)
    (tmp_path / "one").mkdir()
    gw.config = replace(gw.config, one=OneSettings(import_folder=str(tmp_path / "one")))
    message_id, meant = await arrive(houses, codes), chance.choice(codes)
    accepted = Acknowledgement(decision="accepted", officer=OFFICER)
    respond.acknowledge_notice(gw, f"{meant}-{message_id}", accepted, "olive")
    assert await imports.write_due(gw) == 1
    assert [
        one.sender for one in gw.store.look(lambda tx: transfer_files.list_transfer_files(tx, other_than="885"))
    ] == [meant]


async def test_an_id_of_ours_is_refused_as_used(houses: dict[str, Gateway], chance: random.Random) -> None:
    gw, code = houses["885"], chance.choice(sorted(SENDERS))
    ours = prepare_messages(gw, [notice("885", code)], "olive")
    gw.store.run(lambda tx: queue_messages(tx, gw, ours))
    theirs = notice(code, "885")
    theirs = replace(theirs, header=replace(theirs.header, message_id=ours[0].message_id))
    [ready] = prepare_messages(houses[code], [theirs], "olive")
    [token] = await receive_parcels(gw, [ready.sealed], code)
    said = read_receipt(houses, code, token, ready.sealed)
    assert (said.result, said.codes) == ("rejected", ("message.id-reused",))
    assert states(gw) == {}


def test_a_name_is_read_as_it_is_written(chance: random.Random) -> None:
    ids = [notice().header.message_id for _ in range(20)]
    for one in ids:
        assert split_name(one) == (None, one)
        assert split_name(str(MessageName("885", one))) == ("885", one)
        assert split_name(str(MessageName("", one))) == (None, one)
    for strange in ("x", "885-", "885-x", "", "88-" + ids[0], "8855-" + ids[0], "٣٣٣-" + ids[0]):
        assert split_name(strange) == (None, strange)
    assert len(
        {str(MessageName(code, one)) for code, one in combinations([*ids, MessageId("885"), MessageId("330")], 2)}
    ) > len(ids)


def test_nobody_is_found_under_a_name_of_nobody(houses: dict[str, Gateway]) -> None:
    gw = houses["885"]
    for name in ("333-01a20fc4-0000-7000-8000-000000000000", "01a20fc4-0000-7000-8000-000000000000", "x", "333-x"):
        with pytest.raises(NotFound):
            gw.store.look(lambda tx, name=name: inbox.get_message(tx, name))  # type: ignore[misc]  # bound at once
