"""The page on which an officer finds a notice: each of its own examples works, and rows say whom they are about."""

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.console.application import build_application
from gateway.context import Gateway
from gateway.core.permissions import Role
from gateway.exchange.send import send_notices
from gateway.store import audit_log
from schemas.message import Address, Child, Contact, Message, TransferNotice
from schemas.shapes import MessageId
from tests.children import notice
from tests.conftest import introduce
from tests.consoles import house, session

EXAMPLES = re.compile(r'<td class="govuk-table__cell code">(.*?)</td>')
REASONS = re.compile(r'<td role="cell" class="govuk-table__cell" data-label="Why found">(.*?)</td>')


class FindPage:
    """The page, as a CME officer of Sandwell has it."""

    def __init__(self, gw: Gateway, client: "TestClient[web.Request, web.Application]") -> None:
        self.gw, self.client = gw, client

    async def open(self) -> str:
        cookies, _ = session(self.gw, Role.CME_OFFICER)
        return await (await self.client.get("/find", cookies=cookies)).text()

    async def find(self, typed: str, status: int = 200, **more: str) -> str:
        cookies, token = session(self.gw, Role.CME_OFFICER)
        asked = {"form_token": token, "typed": typed, **more}
        got = await self.client.post("/find", cookies=cookies, data=asked)
        assert got.status == status
        return html.unescape(await got.text())


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[FindPage]:
    gw, there = house(tmp_path / "333", "333", "Sandwell"), house(tmp_path / "885", "885", "Worcestershire", ())
    introduce(gw, there)
    client = TestClient(TestServer(build_application(gw), port=gw.config.console.port))
    await client.start_server()
    yield FindPage(gw, client)
    await client.close()
    for one in (gw, there):
        one.store.close()


def about_jack() -> Message:
    """A notice that each example of the page is to find."""
    message = notice(message_id=MessageId("01a21d6e-3f15-77a6-b029-443e121b93e2"))
    body = message.body
    assert isinstance(body, TransferNotice)
    child = Child(
        upn="X333210123001",
        unique_learner_number="1234567890",
        surname="Smith",
        forename="Jack",
        dob=date(2015, 9, 3),
        sex="M",
    )
    home = Address(address_line=("1 Sample Street",), post_code="B69 3DB")
    adult = Contact(surname="Smith", relationship="mother", phone_no="01632 960123")
    return Message(message.header, replace(body, child=child, destination_address=home, contact=(adult,), sibling=()))


async def test_each_example_that_the_page_gives_finds_what_it_says(page: FindPage) -> None:
    send_notices(page.gw, [about_jack()], "test")
    shown = await page.open()
    hints = re.findall(r"For example, (.+?) or (.+?)\s*</div>", shown)
    assert hints
    examples = [*EXAMPLES.findall(shown), *hints[0]]
    assert len(examples) == 12
    for example in examples:
        got = await page.find(html.unescape(example))
        assert "1 notice found" in got, example
        assert ">Smith, Jack</a>" in got
        assert "3 September 2015" in got


async def test_rows_say_who_when_born_and_why_and_that_what_is_similar_is_only_similar(page: FindPage) -> None:
    send_notices(page.gw, [about_jack()], "test")
    exact = await page.find("smith 3/9/15")
    assert REASONS.findall(exact) == ["Same surname; same date of birth"]
    assert "Show similar notices too" in exact
    near = await page.find("smiht")
    assert "Nothing has exactly this. Similar: 1 notice" in near
    assert REASONS.findall(near) == ["Surname is spelt nearly the same"]
    assert "Show similar notices too" not in near
    asked = await page.find("smith", alike="yes")
    assert "Nothing has exactly this" not in asked
    assert "Similar: 1 notice" in asked
    none = await page.find("unheardof")
    assert "Nothing found, exact or similar" in none
    assert "the beginning of a name is not enough" in none
    listed = page.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="list.read"))
    assert len(listed) == 3, "one for each page that showed a name"


async def test_of_a_child_about_whom_only_a_call_may_tell_no_name_is_shown(page: FindPage) -> None:
    sent = notice(name="transfer-notice-phone-only")
    send_notices(page.gw, [sent], "test")
    got = await page.find(sent.header.message_id[-12:])
    assert ">This child</a>" in got
    assert "Same reference" in got
    assert page.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="list.read")) == []


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("smith 31/02/2015", "Your search contains a date that does not exist."),
        ("X33321012300", "Your search contains a UPN with 12 characters. A UPN has 13."),
        ("smith B69", "Your search contains part of a postcode."),
    ],
)
async def test_a_refusal_says_which_part_is_wrong(page: FindPage, typed: str, says: str) -> None:
    assert says in await page.find(typed, status=422)
