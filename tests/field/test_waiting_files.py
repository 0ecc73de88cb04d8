"""Files that wait for a person: the pages and commands by which they are looked at, and a draft that corrects what was
sent.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.console.application import build_application
from gateway.context import Gateway
from gateway.core.draft_state import DraftState
from gateway.core.permissions import Role
from gateway.monitoring import doctor
from gateway.one import held_files
from gateway.settings.sections import OneSettings
from gateway.store import audit_log, outbox
from gateway.store import drafts as kept
from tests import folders
from tests.conftest import introduce, make
from tests.consoles import house, session
from tests.flows.test_command_line import cme_gateway
from tests.flows.test_leavers_folder import ADA, HEAD, put

Client = TestClient[web.Request, web.Application]
OTHER = HEAD.replace("UPN", "Unique Number")


@pytest.fixture
async def sandwell(tmp_path: Path) -> AsyncIterator[Gateway]:
    """Sandwell, with a console and a folder of ONE's, and Worcestershire as its partner."""
    gw, there = house(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(gw, there)
    there.store.close()
    (tmp_path / "one").mkdir()
    gw.config = replace(gw.config, one=OneSettings(str(tmp_path / "one")))
    yield gw
    gw.store.close()


@pytest.fixture
async def client(sandwell: Gateway) -> AsyncIterator[Client]:
    made = TestClient(TestServer(build_application(sandwell), port=sandwell.config.console.port))
    await made.start_server()
    yield made
    await made.close()


async def call(client: Client, gw: Gateway, method: str, path: str, **typed: str) -> tuple[int, str]:
    """What an officer is shown there; where a form leads, the page after it."""
    cookies, token = session(gw, Role.CME_OFFICER)
    data = typed | {"form_token": token} if method == "POST" else None
    got = await client.request(method, path, cookies=cookies, data=data, allow_redirects=False)
    if got.status in (302, 303):
        got = await client.get(got.headers["Location"], cookies=cookies)
    return got.status, await got.text()


async def take_in(gw: Gateway, tmp_path: Path, *rows: str, head: str = HEAD) -> None:
    put(tmp_path, *rows, head=head)
    await folders.take_in_leavers(gw, tmp_path / "one")


async def test_an_officer_looks_at_a_file_that_waits_and_accepts_it(
    client: Client, sandwell: Gateway, tmp_path: Path
) -> None:
    await take_in(sandwell, tmp_path, ADA, head=OTHER)
    _, page = await call(client, sandwell, "GET", "/drafts")
    assert "1 file from ONE to check" in page
    _, page = await call(client, sandwell, "GET", "/drafts/files")
    [address] = re.findall(r'href="(/drafts/files/[0-9a-f-]+)"', page)
    _, page = await call(client, sandwell, "GET", address)
    assert "Unique Number" in page
    assert "Accept file as it is" in page
    assert "Testchild" not in page
    status, page = await call(client, sandwell, "POST", f"{address}/accept")
    assert (status, "File accepted" in page) == (200, True)
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    assert [line["Result"] for line in folders.rows_of(sandwell.config.home, "leavers")] == ["sent", "headings"]
    status, _ = await call(client, sandwell, "POST", f"{address}/accept")
    assert status == 404, "somebody has decided"
    acts = [one.act for one in sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="one."))]
    assert {"one.file-accepted", "one.headings-accepted", "one.taken-in"} <= set(acts)


async def test_what_is_put_aside_is_with_what_could_not_be_read(
    client: Client, sandwell: Gateway, tmp_path: Path
) -> None:
    await take_in(sandwell, tmp_path, ADA, head=OTHER)
    [one] = held_files.find_all(sandwell.config.home)
    _, page = await call(client, sandwell, "POST", f"/drafts/files/{one.file_id}/put-aside")
    assert "File not used. Nothing was sent from it." in page
    assert "There are no files to check." in page
    assert len(folders.places(sandwell.config.home, "leavers", "failed")) == 1
    assert sandwell.store.look(lambda tx: outbox.search_outbox(tx)) == []


async def test_whoever_runs_it_is_told_and_has_commands(sandwell: Gateway, tmp_path: Path) -> None:
    await take_in(sandwell, tmp_path, ADA, head=OTHER)
    [finding] = [one for one in doctor.run_checks(sandwell) if one.name == "ONE's folder"]
    assert (finding.result, "Files that need to be checked: 1" in finding.detail) == ("warn", True)
    [one] = held_files.find_all(sandwell.config.home)
    home = ("--home", str(sandwell.config.home))
    listed = await asyncio.to_thread(cme_gateway, "one", "waiting", *home)
    assert "Unique Number" in listed.stdout
    assert (await asyncio.to_thread(cme_gateway, "one", "accept", one.file_id, *home)).returncode == 0
    assert (await asyncio.to_thread(cme_gateway, "one", "put-aside", one.file_id, *home)).returncode == 4
    assert (await asyncio.to_thread(cme_gateway, "one", "accept", "../../x", *home)).returncode == 4


async def test_a_draft_of_a_mended_row_is_written_on_as_a_correction(
    client: Client, sandwell: Gateway, tmp_path: Path
) -> None:
    await take_in(sandwell, tmp_path, ADA)
    await take_in(sandwell, tmp_path, ADA.replace("44 ", "46 "))
    [draft] = sandwell.store.look(lambda tx: kept.list_drafts(tx, DraftState.OPEN, 10))
    _, page = await call(client, sandwell, "GET", f"/drafts/{draft.draft_id}")
    assert "Correct the notice already sent" in page
    _, page = await call(client, sandwell, "POST", f"/drafts/{draft.draft_id}/write", correcting="yes")
    [name] = set(re.findall(r"/compositions/([0-9a-f-]{36})/check", page))
    _, page = await call(client, sandwell, "GET", f"/compositions/{name}/check")
    said = dict(re.findall(r'type="hidden" name="(was|codes)" value="([^"]*)"', page))
    status, _ = await call(client, sandwell, "POST", f"/compositions/{name}/send", **said, weighed="yes")
    assert status == 200
    old, new = reversed(sandwell.store.look(lambda tx: outbox.search_outbox(tx, limit=None)))
    assert (old.case_id, new.kind, new.recipient) == (new.case_id, "TransferNotice", "885")
    assert sandwell.store.look(lambda tx: kept.get_draft(tx, draft.draft_id)).state is DraftState.SENT
    await take_in(sandwell, tmp_path, ADA.replace("44 ", "46 "))
    assert folders.rows_of(sandwell.config.home, "leavers")[0]["Result"] == "before"


async def test_the_commands_correct_a_notice_by_a_draft(sandwell: Gateway, tmp_path: Path) -> None:
    home = ("--home", str(sandwell.config.home))
    await take_in(sandwell, tmp_path, ADA)
    await take_in(sandwell, tmp_path, ADA.replace("44 ", "46 "))
    [draft] = sandwell.store.look(lambda tx: kept.list_drafts(tx, DraftState.OPEN, 10))
    shown = await asyncio.to_thread(cme_gateway, "drafts", "show", draft.draft_id, *home)
    assert str(draft.corrects) in shown.stdout
    done = await asyncio.to_thread(cme_gateway, "drafts", "correct", draft.draft_id, *home)
    assert (done.returncode, "Correction queued" in done.stdout) == (0, True)
    again = await asyncio.to_thread(cme_gateway, "drafts", "correct", draft.draft_id, *home)
    assert again.returncode == 5
