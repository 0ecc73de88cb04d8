"""A reply by mail as an officer meets it: in the console, at a terminal, and in the case system in which they work."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.context import Gateway
from gateway.core import webhook_events
from gateway.core.delivery import DeliveryState
from gateway.core.labels import name_mail_reply
from gateway.core.permissions import Role, Scope
from gateway.core.webhook_events import WebhookEvent
from gateway.store import audit_log, outbox
from schemas.shapes import CaseId, MessageId
from tests import letters
from tests.consoles import house, session
from tests.flows.test_command_line import cme_gateway
from tests.flows.test_exchange import state
from tests.suppliers import Http, served, supplier

Served = tuple[Gateway, Http]
TEXT = "We have Ada, thank you."


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Served]:
    """Worcestershire with its console and its API, which writes letters to Birmingham."""
    gw = house(tmp_path / "885", "885", "Worcestershire", (Role.CME_OFFICER, Role.OUTREACH))
    letters.enter(gw)
    async with served(gw) as http:
        yield gw, http
    gw.store.close()


async def answered(gw: Gateway) -> tuple[MessageId, CaseId]:
    """A letter to which a reply came: the notice, and its case."""
    sent, called = await letters.letter(gw)
    letters.come(gw, letters.reply(called, TEXT))
    return sent, gw.store.look(lambda tx: outbox.get_delivery(tx, sent)).case_id


def acts(gw: Gateway, sent: MessageId) -> set[str]:
    return {one.act for one in gw.store.look(lambda tx: audit_log.list_newest_entries(tx, about=sent))}


async def test_an_officer_finds_it_in_the_inbox_reads_it_and_says_what_it_is(there: Served) -> None:
    gw, http = there
    sent, case = await answered(gw)
    cookies, token = session(gw, Role.CME_OFFICER)
    inbox = await (await http.get("/inbox", cookies=cookies)).text()
    assert "Inbox (1)" in inbox
    assert f"/cases/{case}/replies/1" in inbox
    assert TEXT not in inbox
    page = await (await http.get(f"/cases/{case}/replies/1", cookies=cookies)).text()
    assert TEXT in page
    assert "Ada Testchild-Example, born 31 March 2016" in page
    assert "reply.read" in acts(gw, sent)
    missing = await http.post(
        f"/cases/{case}/replies/1", cookies=cookies, data={"form_token": token, "was": "waiting/"}
    )
    assert (missing.status, "Select what this email is" in await missing.text()) == (422, True)
    form = {"form_token": token, "was": "waiting/", "judgement": "accepted-by-mail"}
    done = await http.post(f"/cases/{case}/replies/1", cookies=cookies, data=form, allow_redirects=False)
    assert (done.status, done.headers["Location"]) == (303, f"/cases/{case}?done=reply")
    shown = await (await http.get(f"/cases/{case}", cookies=cookies)).text()
    assert name_mail_reply("accepted-by-mail") in shown
    assert "It is not a signed acceptance." in shown
    assert f"/cases/{case}/notices/{sent}/close" not in shown
    assert state(gw, sent) is DeliveryState.ACCEPTED_BY_MAIL
    again = await http.post(f"/cases/{case}/replies/1", cookies=cookies, data=form, allow_redirects=False)
    assert (again.status, "Someone else has recorded" in await again.text()) == (422, True)
    sent_page = await (await http.get("/sent", cookies=cookies)).text()
    assert name_mail_reply("accepted-by-mail") in sent_page
    assert "not a signed acceptance" in sent_page


async def test_a_reply_of_another_case_is_not_shown_here(there: Served) -> None:
    gw, http = there
    _, case = await answered(gw)
    _, other = await answered(gw)
    cookies, _ = session(gw, Role.CME_OFFICER)
    for address in (f"/cases/{case}/replies/2", f"/cases/{other}/replies/1", f"/cases/{case}/replies/999999999999999"):
        got = await http.get(address, cookies=cookies)
        assert got.status == 404
        assert TEXT not in await got.text()


async def test_whatever_a_mail_holds_it_is_text(there: Served) -> None:
    gw, http = there
    sent, called = await letters.letter(gw)
    text = "<script>alert(1)</script> \u009b31m \u202egnp.exe {{ 7 * 7 }}"
    raw = letters.reply(called, text).replace(b"RE: ", "RE: <b>\u202e".encode())
    letters.come(gw, raw.replace(b"\r\n\r\n", b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", 1))
    case = gw.store.look(lambda tx: outbox.get_delivery(tx, sent)).case_id
    cookies, _ = session(gw, Role.CME_OFFICER)
    page = await (await http.get(f"/cases/{case}/replies/1", cookies=cookies)).text()
    assert "&lt;script&gt;" in page
    assert "{{ 7 * 7 }}" in page
    assert not set("\u009b\u202e") & set(page)
    shown = cme_gateway("replies", "show", "1", "--home", str(gw.config.home)).stdout
    assert not set("\u009b\u202e\x1b") & set(shown)


async def test_the_commands_list_show_and_judge(there: Served) -> None:
    gw, _ = there
    sent, _ = await answered(gw)
    home = ("--home", str(gw.config.home))
    listed = cme_gateway("replies", "list", *home).stdout
    assert "not read yet" in listed
    assert TEXT not in listed
    assert "Email replies to read: 1" in cme_gateway("inbox", "--waiting", *home).stderr
    assert TEXT in cme_gateway("replies", "show", "1", "--by", "olive", *home).stdout
    said = json.loads(cme_gateway("replies", "show", "1", "--json", *home).stdout)
    assert (said["text"]["body"], said["reply"]["stage"]) == (TEXT, "waiting")
    judged = cme_gateway("replies", "judge", "1", "accepted-by-mail", "--by", "olive", *home)
    assert "Status of the notice: Accepted by email." in judged.stdout
    assert "Accepted by" in cme_gateway("outbox", *home).stdout
    assert cme_gateway("close", sent, *home).returncode == 5
    again = cme_gateway("replies", "judge", "1", "accepted-by-mail", *home)
    assert (again.returncode, "mail-reply.already" in again.stderr) == (5, True)
    assert cme_gateway("replies", "show", "7", *home).returncode == 4
    assert "replies show 1" in cme_gateway("show", sent, *home).stdout
    assert json.loads(cme_gateway("replies", "list", "--json", *home).stdout)["replies"] == []


async def test_a_case_system_lists_reads_and_judges(there: Served) -> None:
    gw, http = there
    sent, _ = await answered(gw)
    one = await supplier(http, gw)
    [waiting] = (await (await one.get("/mail-replies?waiting=yes")).json())["replies"]
    assert (waiting["notice"], waiting["stage"], waiting["signed"]) == (sent, "waiting", False)
    assert (await (await one.get("/mail-replies/1")).json())["body"] == TEXT
    for wrong in ({}, {"judgement": "acknowledged"}, {"judgement": "accepted-by-mail", "more": 1}):
        assert (await one.post("/mail-replies/1/judgement", wrong)).status == 400
    said = {"judgement": "accepted-by-mail"}
    first, repeat = [await one.post("/mail-replies/1/judgement", said, key="once") for _ in range(2)]
    assert (first.status, repeat.status) == (202, 202)
    assert (await one.post("/mail-replies/1/judgement", said)).status == 409
    status = await (await one.get(f"/notices/{sent}/status")).json()
    assert status["notice"]["state"] == "accepted-by-mail"
    assert "not signed" in status["reason"]
    assert [each["judgement"] for each in status["replies_by_mail"]] == ["accepted-by-mail"]
    [listed] = (await (await one.get("/notices?direction=sent&state=accepted-by-mail")).json())["notices"]
    assert listed["id"] == sent
    assert (await (await one.get("/mail-replies?waiting=yes")).json())["replies"] == []
    assert (await one.get("/mail-replies/7")).status == 404


async def test_who_may_only_see_how_notices_stand_reads_and_judges_nothing(there: Served) -> None:
    gw, http = there
    sent, _ = await answered(gw)
    one = await supplier(http, gw, [Scope.STATUS_READ])
    assert (await one.get("/mail-replies")).status == 200
    assert (await one.get("/mail-replies/1")).status == 403
    assert (await one.post("/mail-replies/1/judgement", {"judgement": "accepted-by-mail"})).status == 403
    assert state(gw, sent) is DeliveryState.SENT


async def test_pages_of_many_lead_on(there: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    gw, http = there
    monkeypatch.setattr("gateway.api.mail_replies.PAGE", 2)
    _, called = await letters.letter(gw)
    for number in range(5):
        letters.come(gw, letters.reply(called, f"Reply {number}."))
    one = await supplier(http, gw)
    for query, wanted in (("?waiting=yes", [1, 2, 3, 4, 5]), ("", [5, 4, 3, 2, 1])):
        found, address = [], f"/mail-replies{query}"
        while address:
            said = await (await one.get(address.removeprefix("/api/v1"))).json()
            found += [each["reply"] for each in said["replies"]]
            address = said["next"]
        assert found == wanted


async def test_a_case_system_is_told_that_a_reply_waits(there: Served) -> None:
    gw, _ = there
    sent, _ = await answered(gw)
    happened = [
        each
        for entry in gw.store.look(lambda tx: audit_log.list_newest_entries(tx, about=sent))
        for each in webhook_events.list_entry_events(entry.act, sent, "330", ())
    ]
    # It was sent, and a mail came.
    assert [each.event for each in happened].count(WebhookEvent.STATE) >= 2
