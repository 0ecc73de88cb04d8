"""What managers, auditors and operators see: what is owed, partners, reports, and the audit log checked and taken out."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway import partners, people
from gateway.authority import Authority
from gateway.console.application import application
from gateway.core.permissions import Role
from tests.conftest import introduce
from tests.consoles import house, session, sign_in_name
from tests.flows.reporting import exchange, transfer


class Visitor:
    """The console of Sandwell, as somebody of a role has it."""

    def __init__(self, here: Authority, there: Authority, client: "TestClient[web.Request, web.Application]") -> None:
        self.here, self.there, self.client = here, there, client

    async def get(self, role: Role, path: str, status: int = 200) -> str:
        cookies, _ = session(self.here, role)
        got = await self.client.get(path, cookies=cookies)
        assert got.status == status, await got.text()
        return await got.text()

    async def post(self, role: Role, path: str, status: int = 200, **typed: str) -> bytes:
        cookies, token = session(self.here, role)
        got = await self.client.post(path, cookies=cookies, data={"form_token": token, **typed}, allow_redirects=False)
        assert got.status == status, await got.text()
        return await got.read()


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[Visitor]:
    here, there = house(tmp_path / "333", "333", "Sandwell"), house(tmp_path / "885", "885", "Worcestershire", ())
    introduce(here, there)
    client = TestClient(TestServer(application(here), port=here.config.console.port))
    await client.start_server()
    yield Visitor(here, there, client)
    await client.close()
    for one in (here, there):
        one.store.close()


def later(visitor: Visitor, days: float) -> None:
    """It is so many days later, for both."""
    moment = visitor.here.now() + timedelta(days=days)
    for one in (visitor.here, visitor.there):
        one.now = lambda: moment


async def test_what_is_owed_is_narrowed_to_who_owes_it_and_to_what_is_late(visitor: Visitor) -> None:
    await exchange(visitor.here, visitor.there, transfer(visitor.here.now()))
    later(visitor, 14)
    young = await exchange(visitor.here, visitor.there, transfer(visitor.here.now()))
    whole = await visitor.get(Role.CME_OFFICER, "/unanswered")
    assert "2 answers are missing, <strong>1 of them late</strong>" in whole
    assert young[-12:] in whole
    assert young[-12:] not in await visitor.get(Role.CME_OFFICER, "/unanswered?late=yes")
    assert "Nothing is owed, of what you asked for." in await visitor.get(Role.CME_OFFICER, "/unanswered?side=us")
    assert "Nothing is owed" in await visitor.get(Role.CME_OFFICER, "/unanswered?partner=330")
    sheet = await visitor.get(Role.CME_OFFICER, "/unanswered/list.csv?late=yes")
    assert len(sheet.splitlines()) == 2


async def test_outreach_sees_what_is_owed_in_their_own_cases_only(visitor: Visitor) -> None:
    messages = [transfer(visitor.here.now()) for _ in range(2)]
    mine, other = [await exchange(visitor.here, visitor.there, message) for message in messages]
    people.assign(visitor.here, messages[0].header.conversation_id, sign_in_name(Role.OUTREACH), "test")
    for path in ("/unanswered", "/unanswered/list.csv"):
        text = await visitor.get(Role.OUTREACH, path)
        assert mine[-12:] in text
        assert other[-12:] not in text


async def test_partners_are_shown_with_what_ends_and_warn_before_it(visitor: Visitor) -> None:
    await exchange(visitor.here, visitor.there, transfer(visitor.here.now()))
    listed = await visitor.get(Role.OPERATOR, "/partners")
    assert "Worcestershire" in listed
    assert "left</strong>" not in listed
    [known] = partners.known(visitor.here)
    later(visitor, (known.ends[0].at - visitor.here.now()) / timedelta(days=1) - 29.5)
    assert ">29 days left</strong>" in await visitor.get(Role.OPERATOR, "/partners")
    page = await visitor.get(Role.AUDITOR, "/partners/885")
    assert known.confirmed.fingerprint in page
    assert "govuk-tag--orange" in page
    assert "is not one of our partners" in await visitor.get(Role.AUDITOR, "/partners/330", 404)


async def test_a_partner_was_in_touch_when_something_of_theirs_came(visitor: Visitor) -> None:
    assert [one.last_contact for one in partners.known(visitor.there)] == [None]
    at = visitor.there.now()
    await exchange(visitor.here, visitor.there, transfer(visitor.here.now()))
    [known] = partners.known(visitor.there)
    assert known.last_contact is not None
    assert known.last_contact >= at
