"""What managers, auditors and operators see: what is owed, partners, reports, and the audit log
checked and taken out.
"""

import asyncio
import re
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from sqlalchemy import Connection

from gateway.access import people
from gateway.auditing import audit
from gateway.auditing.verify_job import VerifyRuns
from gateway.authorities import partners
from gateway.console.unanswered import SHOWN
from gateway.context import Gateway
from gateway.core.calendar import LONDON
from gateway.core.checkpoint_rules import LogContradiction, SeenCheckpoint
from gateway.core.permissions import Role
from gateway.errors import NotAllowed
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages
from gateway.store import audit_log, audit_search, inbox, partner_checkpoints
from gateway.store.audit_log import AuditEntry
from gateway.store.audit_search import AuditQuery
from keys import card
from keys.trust import Trust
from schemas.message import Acknowledgement, Message
from tests.children import notice
from tests.consoles import session, sign_in_name
from tests.flows.reporting import exchange, transfer
from tests.needs import need


class Visitor:
    """The console of Sandwell, as somebody of a role has it."""

    def __init__(self, gw: Gateway, there: Gateway, client: "TestClient[web.Request, web.Application]") -> None:
        self.gw, self.there, self.client = gw, there, client

    async def get(self, role: Role, path: str, status: int = 200) -> str:
        cookies, _ = session(self.gw, role)
        got = await self.client.get(path, cookies=cookies)
        assert got.status == status, await got.text()
        return await got.text()

    async def post(self, role: Role, path: str, /, status: int = 200, **typed: str) -> bytes:
        cookies, token = session(self.gw, role)
        got = await self.client.post(path, cookies=cookies, data={"form_token": token, **typed}, allow_redirects=False)
        assert got.status == status, await got.text()
        return await got.read()


def later(visitor: Visitor, days: float) -> None:
    """It is so many days later, for both."""
    moment = visitor.gw.now() + timedelta(days=days)
    for one in (visitor.gw, visitor.there):
        one.now = lambda: moment


async def test_sent_lists_notices_and_our_answers_where_they_are_asked_for(visitor: Visitor) -> None:
    await exchange(visitor.there, visitor.gw, notice("885", "333", now=visitor.gw.now()))
    [came] = visitor.gw.store.look(lambda tx: inbox.search_inbox(tx, visitor.gw.now()))
    officer = visitor.gw.build_officer("olive")
    respond.acknowledge_notice(
        visitor.gw, came.message_id, Acknowledgement(decision="accepted", officer=officer), "olive"
    )
    assert "No notices have been sent" in await visitor.get(Role.CME_OFFICER, "/sent")
    assert ">Acknowledgement<" in await visitor.get(Role.CME_OFFICER, "/sent?all")
    await exchange(visitor.gw, visitor.there, transfer(visitor.gw.now()))
    assert "Transfer notice, " in await visitor.get(Role.CME_OFFICER, "/sent")


async def test_what_is_owed_is_narrowed_to_who_owes_it_and_to_what_is_late(visitor: Visitor) -> None:
    await exchange(visitor.gw, visitor.there, transfer(visitor.gw.now()))
    later(visitor, 14)
    young = await exchange(visitor.gw, visitor.there, transfer(visitor.gw.now()))
    whole = await visitor.get(Role.CME_OFFICER, "/unanswered")
    assert "2 outstanding, <strong>1 overdue</strong>" in whole
    assert young[-12:] in whole
    assert young[-12:] not in await visitor.get(Role.CME_OFFICER, "/unanswered?late=yes")
    assert "No outstanding replies or decisions match your filters." in await visitor.get(
        Role.CME_OFFICER, "/unanswered?side=us"
    )
    assert "No outstanding replies" in await visitor.get(Role.CME_OFFICER, "/unanswered?partner=330")
    sheet = await visitor.get(Role.CME_OFFICER, "/unanswered/list.csv?late=yes")
    assert len(sheet.splitlines()) == 2


async def many(visitor: Visitor) -> list[Message]:
    """Notices in more cases than stand on one page, the oldest first, each a second after the other; none has its
    receipt.
    """
    messages = [transfer(visitor.gw.now()) for _ in range(SHOWN + 2)]
    began = visitor.gw.now()
    for seconds, message in enumerate(messages):
        visitor.gw.now = lambda at=began + timedelta(seconds=seconds): at  # type: ignore[misc]
        [ready] = prepare_messages(visitor.gw, [message], "olive")
        visitor.gw.store.run(lambda tx, ready=ready: queue_messages(tx, visitor.gw, [ready]))  # type: ignore[misc]
    return messages


def cases_on(page: str) -> list[str]:
    return re.findall(r'href="/cases/([^"]+)"', page)


async def test_what_is_owed_stands_on_pages_of_fifty_cases_the_oldest_first(visitor: Visitor) -> None:
    cases = [message.header.case_id for message in await many(visitor)]
    first, second = [await visitor.get(Role.CME_OFFICER, f"/unanswered?page={number}") for number in (1, 2)]
    assert cases_on(first) == cases[:SHOWN]
    assert cases_on(second) == cases[SHOWN:]
    assert f"Cases {SHOWN + 1} to {SHOWN + 2} of {SHOWN + 2}" in second
    for page in (first, second):
        assert f"{SHOWN + 2} outstanding" in page
    for wrong in ("", "0", "x", "-3", "1" * 500):
        assert cases_on(await visitor.get(Role.CME_OFFICER, f"/unanswered?page={wrong}")) == cases[:SHOWN]
    assert cases_on(await visitor.get(Role.CME_OFFICER, "/unanswered?page=999")) == cases[SHOWN:]
    assert len((await visitor.get(Role.CME_OFFICER, "/unanswered/list.csv")).splitlines()) == 1 + len(cases)


async def test_the_next_page_is_narrowed_as_this_one_is(visitor: Visitor) -> None:
    await many(visitor)
    later(visitor, 14)
    page = await visitor.get(Role.CME_OFFICER, "/unanswered?late=yes&partner=885&side=them")
    assert 'href="/unanswered?side=them&amp;late=yes&amp;partner=885&amp;page=2"' in page
    hostile = await visitor.get(Role.CME_OFFICER, '/unanswered?partner="><script>alert(1)</script>')
    assert "<script>alert(1)" not in hostile


async def test_the_children_of_one_page_are_named_and_that_is_one_entry_of_the_log(visitor: Visitor) -> None:
    messages = await many(visitor)
    page = await visitor.get(Role.CME_OFFICER, "/unanswered?page=2")
    assert page.count(">Testchild-Example, Ada</a>") == 2
    [entry] = visitor.gw.store.look(
        lambda tx: audit_search.search_entries(tx, AuditQuery(acts=("list.read",)), None, 9)
    )
    assert entry.actor == sign_in_name(Role.CME_OFFICER)
    for message in messages:
        sought = AuditQuery(acts=("list.read",), abouts=(message.header.message_id,))
        read = visitor.gw.store.look(lambda tx, sought=sought: audit_search.search_entries(tx, sought, None, 9))  # type: ignore[misc]
        assert bool(read) == (message in messages[SHOWN:])


async def test_a_child_about_whom_only_a_call_may_tell_has_no_name_in_the_list(visitor: Visitor) -> None:
    await exchange(visitor.gw, visitor.there, notice(now=visitor.gw.now(), name="transfer-notice-phone-only"))
    page = await visitor.get(Role.CME_OFFICER, "/unanswered")
    assert ">Transfer notice</a>" in page
    listed = AuditQuery(acts=("list.read",))
    assert visitor.gw.store.look(lambda tx: audit_search.search_entries(tx, listed, None, 9)) == []


async def test_outreach_sees_what_is_owed_in_their_own_cases_only(visitor: Visitor) -> None:
    messages = [transfer(visitor.gw.now()) for _ in range(2)]
    mine, other = [await exchange(visitor.gw, visitor.there, message) for message in messages]
    people.assign_case(visitor.gw, messages[0].header.case_id, sign_in_name(Role.OUTREACH), "test")
    for path in ("/unanswered", "/unanswered/list.csv"):
        text = await visitor.get(Role.OUTREACH, path)
        assert mine[-12:] in text
        assert other[-12:] not in text


async def test_partners_are_shown_with_what_ends_and_warn_before_it(visitor: Visitor) -> None:
    await exchange(visitor.gw, visitor.there, transfer(visitor.gw.now()))
    listed = await visitor.get(Role.OPERATOR, "/partners")
    assert "Worcestershire" in listed
    assert "Expires in" not in listed
    [known] = partners.list_known_partners(visitor.gw)
    later(visitor, (known.ends[0].ends_at - visitor.gw.now()) / timedelta(days=1) - 29.5)
    assert ">Expires in 29 days</strong>" in await visitor.get(Role.OPERATOR, "/partners")
    page = await visitor.get(Role.AUDITOR, "/partners/885")
    assert known.confirmed.fingerprint in page
    assert "govuk-tag--orange" in page
    assert "is not one of your partner authorities" in await visitor.get(Role.AUDITOR, "/partners/330", 404)


async def test_a_partner_was_in_touch_when_something_of_theirs_came(visitor: Visitor) -> None:
    assert [one.last_contact for one in partners.list_known_partners(visitor.there)] == [None]
    at = visitor.there.now()
    await exchange(visitor.gw, visitor.there, transfer(visitor.gw.now()))
    [known] = partners.list_known_partners(visitor.there)
    assert known.last_contact is not None
    assert known.last_contact >= at


async def checked(visitor: Visitor) -> str:
    """The page, once the check has ended."""
    await visitor.post(Role.AUDITOR, "/audit/check", 303)
    for _ in range(200):
        text = await visitor.get(Role.AUDITOR, "/audit/check")
        if "Checking:" not in text:
            return text
        await asyncio.sleep(0.05)
    raise AssertionError("the check does not end")


async def test_the_log_is_checked_in_place_and_found_whole(visitor: Visitor) -> None:
    await audit.sign_checkpoint(visitor.gw)
    assert "No problems found" in await checked(visitor)
    [entry] = visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="audit.verified"))
    assert entry.actor == sign_in_name(Role.AUDITOR)


async def test_the_first_wrong_entry_is_named(visitor: Visitor) -> None:
    await audit.sign_checkpoint(visitor.gw)

    def change(tx: Connection) -> None:
        tx.exec_driver_sql("DROP TRIGGER audit_entries_no_update")
        tx.exec_driver_sql("UPDATE audit_entries SET entry = replace(entry, 'test', 'best') WHERE number = 1")

    visitor.gw.store.run(change)
    text = await checked(visitor)
    assert "Problems found" in text
    assert "Entry 1: " in text


async def test_two_checks_do_not_run_at_once(visitor: Visitor) -> None:
    checks = VerifyRuns()
    checks.begin(visitor.gw, "ada")
    with pytest.raises(NotAllowed, match=r"audit\.checking"):
        checks.begin(visitor.gw, "mona")
    checks.run(visitor.gw)
    assert checks.last is not None
    assert checks.last.verdict is not None
    checks.begin(visitor.gw, "mona")


async def test_a_check_that_breaks_off_says_that_nothing_is_known_and_gives_its_turn_back(visitor: Visitor) -> None:
    visitor.gw.store.run(lambda tx: tx.exec_driver_sql("ALTER TABLE audit_checkpoints RENAME TO gone"))
    assert "did not finish" in await checked(visitor)
    visitor.gw.store.run(lambda tx: tx.exec_driver_sql("ALTER TABLE gone RENAME TO audit_checkpoints"))
    assert "did not finish" not in await checked(visitor)


async def test_what_is_taken_out_is_checked_by_anybody_from_the_archive_alone(visitor: Visitor, tmp_path: Path) -> None:
    archive = await visitor.post(Role.AUDITOR, "/audit/export")
    with ZipFile(BytesIO(archive)) as unpacked:
        unpacked.extractall(tmp_path / "out")
    theirs = card.read((tmp_path / "out" / "card.jwt").read_text().strip())
    verdict = audit.verify_export(tmp_path / "out", Trust({"333": theirs}), "333")
    assert (verdict.faults, verdict.size) == ((), verdict.covered)
    assert "audit.exported" in (tmp_path / "out" / audit.ENTRIES).read_text().splitlines()[-1]


async def test_an_alarm_about_a_partners_log_is_shown(visitor: Visitor) -> None:
    assert "No warnings" in await visitor.get(Role.AUDITOR, "/audit/partners")
    now = visitor.gw.now()
    seen = SeenCheckpoint(7, b"r" * 32, "the note of today", now)
    visitor.gw.store.run(
        lambda tx: partner_checkpoints.add_partner_checkpoint(
            tx, now, "885", seen, alarm=LogContradiction.FORK, against="the note of yesterday"
        )
    )
    text = await visitor.get(Role.SERVICE_MANAGER, "/audit/partners")
    assert "Warning about Worcestershire: it signed two different logs of the same length" in text
    assert "the note of yesterday" in text


MAY = {
    "period": "other",
    **{f"{end}-{part}": said for end in ("first", "last") for part, said in (("month", "5"), ("year", "2026"))},
}


async def test_a_report_is_chosen_shown_and_taken_as_a_spreadsheet(visitor: Visitor) -> None:
    await exchange(visitor.gw, visitor.there, transfer(visitor.gw.now()))
    today = f"{visitor.gw.now():%Y-%m-%d}"
    for name, said in (("statistics", "Notices by type"), ("timeliness", "Delivery receipts from other authorities")):
        address = f"/reports/{name}?from={today}&to={today}"
        assert said in await visitor.get(Role.AUDITOR, address)
        assert said in await visitor.get(Role.AUDITOR, f"{address}&as=csv")
    [entry] = visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="report.statistics", limit=1))
    assert entry.actor == sign_in_name(Role.AUDITOR)


async def test_small_numbers_are_for_the_team_and_no_address_shows_them_to_the_auditor(visitor: Visitor) -> None:
    await exchange(visitor.gw, visitor.there, transfer(visitor.gw.now()))
    today = f"{visitor.gw.now():%Y-%m-%d}"
    address = f"/reports/statistics?from={today}&to={today}&team=yes"
    assert "FOR YOUR TEAM ONLY" in await visitor.get(Role.SERVICE_MANAGER, address)
    assert "FOR YOUR TEAM ONLY" not in await visitor.get(Role.AUDITOR, address)


async def test_the_month_so_far_is_offered_and_compared_with_the_one_before(visitor: Visitor) -> None:
    await exchange(visitor.gw, visitor.there, transfer(visitor.gw.now()))
    today = visitor.gw.now().astimezone(LONDON).date()
    assert f"{today:%B %Y} so far" in await visitor.get(Role.AUDITOR, "/reports")
    address = f"/reports/timeliness?from={today.replace(day=1)}&to={today}"
    open_month = await visitor.get(Role.SERVICE_MANAGER, address)
    assert "This period is not over" in open_month
    assert "Compare with the month before" in open_month
    assert "Show small numbers, for your own team" in open_month
    compared = await visitor.get(Role.SERVICE_MANAGER, f"{address}&team=yes&compare=yes")
    assert "Compared with the month before" in compared
    assert "Do not publish." in compared
    assert "Hide small numbers" in compared
    cookies, _ = session(visitor.gw, Role.SERVICE_MANAGER)
    file = await visitor.client.get(f"{address}&team=yes&as=csv", cookies=cookies)
    assert "do-not-publish" in file.headers["Content-Disposition"]
    # Whoever may not see small numbers is not offered them, and other days are compared with nothing.
    assert "Show small numbers" not in await visitor.get(Role.AUDITOR, address)
    days = f"/reports/timeliness?from={today - timedelta(days=40)}&to={today}&compare=yes"
    assert "Compare" not in await visitor.get(Role.AUDITOR, days)


async def test_wrong_days_are_named_and_a_wrong_address_leads_back(visitor: Visitor) -> None:
    for first, last, said in (
        ("3", "", "must be a real date"),
        ("3", "2", "must be the same as or after the start date"),
        ("3", "32", "must be a real date"),
    ):
        typed = {"report": "statistics", **MAY, "first-day": first, "last-day": last}
        assert said in (await visitor.post(Role.AUDITOR, "/reports", 422, **typed)).decode(), (first, last)
    assert "Select a period" in (await visitor.post(Role.AUDITOR, "/reports", 422, report="statistics")).decode()
    assert (
        "Select an option from the list"
        in (await visitor.post(Role.AUDITOR, "/reports", 422, report="inspection")).decode()
    )
    assert "Select an option" in await visitor.get(Role.AUDITOR, "/reports/statistics?from=today&to=")
    assert "Select an option" in await visitor.get(Role.AUDITOR, "/reports/statistics?from=1026-01-01&to=2026-01-01")


async def test_the_list_for_an_inspection_asks_first_and_each_record_is_in_the_log(visitor: Visitor) -> None:
    message = await exchange(visitor.gw, visitor.there, transfer(visitor.gw.now()))
    today = f"{visitor.gw.now():%Y-%m-%d}"
    asked = await visitor.get(Role.SERVICE_MANAGER, f"/reports/inspection?from={today}&to={today}")
    assert "will be logged as viewed by you" in asked
    assert visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.read")) == []
    days = {"from": today, "to": today, "as": "csv"}
    sheet = (await visitor.post(Role.SERVICE_MANAGER, "/reports/inspection", 200, **days)).decode()
    assert "Date of birth" in sheet
    [read] = visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.read"))
    assert (read.about, read.actor) == (message, sign_in_name(Role.SERVICE_MANAGER))


async def test_a_partner_of_the_past_is_still_found_in_the_log_and_a_code_of_nobody_is_not(visitor: Visitor) -> None:
    visitor.gw.store.run(
        lambda tx: audit_log.append_entries(
            tx, visitor.gw.now(), [AuditEntry("message.refused", "cme-gateway", None, "330")]
        )
    )
    assert "A message from Birmingham was refused" in await visitor.get(Role.AUDITOR, "/audit?partner=330")
    assert "Select an option from the list" in await visitor.get(Role.AUDITOR, "/audit?partner=999", 422)
    assert "Select an option from the list" in await visitor.get(Role.AUDITOR, "/audit?kind=no.act", 422)
    assert "The start date must be a real date" in await visitor.get(Role.AUDITOR, "/audit?since=2026-02-31", 422)


async def test_a_report_is_had_as_pdf(visitor: Visitor) -> None:
    need("Pango", "fonts")
    today = f"{visitor.gw.now():%Y-%m-%d}"
    cookies, _ = session(visitor.gw, Role.AUDITOR)
    got = await visitor.client.get(f"/reports/timeliness?from={today}&to={today}&as=pdf", cookies=cookies)
    assert (await got.read()).startswith(b"%PDF-")
    assert got.headers["Content-Disposition"] == f'attachment; filename="timeliness-{today}-{today}.pdf"'
    assert "default-src 'none'" in got.headers["Content-Security-Policy"]
