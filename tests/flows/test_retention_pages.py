"""How the console, the API and the command line show that a case is kept, held, or was purged."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.console.application import build_application
from gateway.context import Gateway
from gateway.core.permissions import Reach, Role, get_reach
from gateway.retention import purge
from gateway.store import audit_log
from schemas.shapes import CaseId, MessageId
from tests.children import notice, without_urgency
from tests.command import run_command
from tests.conftest import introduce
from tests.consoles import NAMES, house
from tests.flows.reporting import at, exchange
from tests.flows.test_console_endpoints import Client, answer, endpoints
from tests.flows.test_console_oversight import Visitor
from tests.flows.test_retention import DAYS, finish_case, later
from tests.suppliers import JSON, served, supplier

MANAGER, OFFICER, AUDITOR = Role.SERVICE_MANAGER, Role.CME_OFFICER, Role.AUDITOR
Purged = tuple[Client, dict[str, str], Gateway]


@pytest.fixture
async def purged(tmp_path: Path) -> AsyncIterator[Purged]:
    """Worcestershire's console, with one case of Sandwell's that was purged; and what stands in addresses."""
    gw, there = house(tmp_path / "885", "885", "Worcestershire"), house(tmp_path / "333", "333", "Sandwell", ())
    introduce(gw, there)
    message_id, case_id = await finish_case((there, gw))
    later((there, gw), DAYS + 1)
    assert purge.run_purge(gw, "test").cases == 1
    client = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await client.start_server()
    nobody = {"name": "spare@council.example", "number": "0", "system": "one-test", "webhook": f"wh-{'0' * 24}"}
    nobody |= {"file": "20261123-090000-0000000a", "authority": "333", "section": "child", "at": "0"}
    nobody |= {"draft": "0" * 36, "composition": "0" * 36, "report": "timeliness"}
    yield client, nobody | {"case": case_id, "notice": message_id}, gw
    await client.close()
    for one in (gw, there):
        one.store.close()


@pytest.mark.slow
async def test_no_page_of_a_purged_case_fails_or_says_anything_of_the_child(purged: Purged) -> None:
    client, parts, _ = purged
    seen = 0
    for endpoint in endpoints(client):
        role = next((one for one in NAMES if endpoint.act and get_reach([one], endpoint.act) is Reach.ALL), None)
        if role and ("{case" in endpoint.path or "{notice" in endpoint.path):
            status, text = await answer(client, endpoint, parts, role)
            said = f"{endpoint.method} {endpoint.path}: {status}"
            assert status < 500, said
            assert "Testchild" not in text, said
            seen += status == 200
    assert seen > 8


async def test_the_case_says_that_its_details_were_deleted(purged: Purged) -> None:
    client, parts, gw = purged
    page = await Visitor(gw, gw, client).get(OFFICER, f"/cases/{parts['case']}")
    assert "This notice has been permanently deleted" in page
    assert "Details deleted: their retention time had passed" in page
    assert "will be deleted on" not in page


async def test_the_command_line_says_it_too(purged: Purged) -> None:
    _, parts, gw = purged
    for words in (("show", parts["notice"]), ("inbox",), ("outbox",), ("outstanding",), ("audit", "verify")):
        ran = run_command(*words, CME_GATEWAY_HOME=str(gw.config.home))
        assert "Traceback" not in ran.stderr, words
        assert "Testchild" not in ran.stdout, words


async def begin(visitor: Visitor) -> tuple[MessageId, CaseId]:
    """A case of theirs, which is open."""
    message = without_urgency(notice("885", "333", now=visitor.gw.now()))
    await exchange(visitor.there, visitor.gw, message)
    return message.header.message_id, message.header.case_id


async def test_a_case_says_when_it_is_deleted_or_why_not(visitor: Visitor) -> None:
    _, case_id = await begin(visitor)
    page = await visitor.get(OFFICER, f"/cases/{case_id}")
    assert "It has not ended: a message in it is waiting for a reply, a delivery or a decision." in page
    assert "/hold" not in page
    message_id, ended = await finish_case((visitor.there, visitor.gw))
    assert message_id
    page = await visitor.get(OFFICER, f"/cases/{ended}")
    assert f"{DAYS} days after it ended" in page
    assert "will be deleted on" in page


async def test_a_manager_holds_a_case_and_releases_it(visitor: Visitor) -> None:
    _, case_id = await begin(visitor)
    place = f"/cases/{case_id}"
    for role in NAMES:
        await visitor.get(role, f"{place}/hold", 200 if role is MANAGER else 403)
    assert b"Select why this case must be kept" in await visitor.post(MANAGER, f"{place}/hold", 422)
    await visitor.post(MANAGER, f"{place}/hold", 303, reason="court", note="Claim 12 of Testchild")
    page = await visitor.get(MANAGER, place)
    for words in ("Legal hold", "Court proceedings", "Mona Testmanager", "Claim 12 of Testchild", f"{place}/release"):
        assert words in page
    assert b"already on legal hold" in await visitor.post(MANAGER, f"{place}/hold", 422, reason="court")
    overview = await visitor.get(MANAGER, "/retention")
    assert case_id[-12:] in overview
    assert "Claim 12" not in overview
    assert "will then be deleted" in await visitor.get(MANAGER, f"{place}/release")
    await visitor.post(MANAGER, f"{place}/release", 303)
    assert "No case is on legal hold" in await visitor.get(MANAGER, "/retention")
    entries = visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, about=case_id))
    assert {"case.held", "case.released"} <= {entry.act for entry in entries}
    assert not any("Testchild" in entry.entry or "Claim" in entry.entry for entry in entries)


async def test_the_page_counts_what_is_deleted_next_and_lists_it_as_a_logged_view(visitor: Visitor) -> None:
    pair = (visitor.there, visitor.gw)
    _, case_id = await finish_case(pair)
    assert "Nothing has been deleted yet" in await visitor.get(AUDITOR, "/retention")
    await visitor.get(OFFICER, "/retention", 403)
    later(pair, DAYS + 1)
    page = await visitor.get(AUDITOR, "/retention")
    assert "/retention/due" in page
    assert not visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="retention.listed"))
    page = await visitor.get(AUDITOR, "/retention/due")
    assert case_id[-12:] in page
    assert "Testchild" not in page
    [entry] = visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="retention.listed"))
    assert case_id in entry.entry
    purge.run_purge(visitor.gw, "test")
    page = await visitor.get(MANAGER, "/retention")
    assert "1 case, 0 other records and 0 files deleted" in page
    later(pair, 1)
    assert "No cases ended" in await visitor.get(MANAGER, "/retention/due")


async def test_cases_that_nobody_closed_for_a_year_are_counted(visitor: Visitor) -> None:
    await begin(visitor)
    at(visitor.gw.now() + timedelta(days=364), visitor.gw)
    assert "Ask your team to close" not in await visitor.get(MANAGER, "/retention")
    at(visitor.gw.now() + timedelta(days=2), visitor.gw)
    assert "Ask your team to close" in await visitor.get(MANAGER, "/retention")


async def test_the_api_says_that_a_notice_is_gone_for_ever(tmp_path: Path) -> None:
    gw, there = house(tmp_path / "885", "885", "Worcestershire", ()), house(tmp_path / "333", "333", "Sandwell", ())
    introduce(gw, there)
    message_id, _ = await finish_case((there, gw))
    async with served(gw) as http:
        client = await supplier(http, gw)
        assert (await client.get(f"/notices/333-{message_id}", accept=JSON)).status == 200
        later((there, gw), DAYS + 1)
        assert purge.run_purge(gw, "test").cases == 1
        client = await supplier(http, gw)
        got = await client.get(f"/notices/333-{message_id}", accept=JSON)
        assert got.status == 410
        assert "Testchild" not in await got.text()
        got = await client.get("/notices/received", accept=JSON)
        assert got.status < 500
    for one in (gw, there):
        one.store.close()
