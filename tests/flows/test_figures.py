"""The manager's figures agree with the lists to which they lead, and with the reports of each month."""

import re
from datetime import timedelta
from html import unescape

from gateway.access import people
from gateway.core.calendar import LONDON, Span
from gateway.core.permissions import Role
from gateway.exchange import respond
from gateway.exchange.send import send_notices
from gateway.paper.page import Cell, ReportPage
from gateway.reports import statistics, timeliness, trend
from gateway.reports.wording import format_figure
from gateway.store import audit_log
from schemas.message import Acknowledgement, Needs
from tests.consoles import sign_in_name
from tests.flows.reporting import exchange, transfer
from tests.flows.test_console_oversight import Visitor, later
from tests.flows.test_inbox import came, from_there, walk

MANAGER, OLIVE = Role.SERVICE_MANAGER, sign_in_name(Role.CME_OFFICER)
LINK = re.compile(r'<a class="govuk-link" href="(/(?:inbox|unanswered)[^"]*)">([\d,]+)<span')
OUTSTANDING = re.compile(r"([\d,]+) outstanding")


async def make_past(visitor: Visitor) -> None:
    """Months of notices: answered in time, late, not at all; and some that wait."""
    gw, there = visitor.gw, visitor.there
    started = gw.now()
    for days in (0, 3, 1):
        notice = from_there(visitor)
        await came(visitor, from_there(visitor, name="whereabouts-enquiry"), notice)
        later(visitor, days)
        body = Acknowledgement(decision="accepted", officer=gw.build_officer("olive"))
        respond.acknowledge_notice(gw, notice.header.message_id, body, OLIVE)
        later(visitor, 33)
    await came(visitor, from_there(visitor, needs=Needs(risk_group=("harm-or-neglect",))), from_there(visitor))
    assert gw.now() - started > timedelta(days=90)
    await exchange(gw, there, transfer(gw.now()), ["notice.same-child"])
    later(visitor, 5)
    [mine, _] = await came(visitor, from_there(visitor), from_there(visitor))
    people.assign_case(gw, mine, OLIVE, "mona")
    send_notices(gw, [transfer(gw.now())], OLIVE, confirmed=["notice.same-child"])


def find_total(page: ReportPage, title: str) -> tuple[Cell, ...]:
    """The row of totals of a table; nothing of one without rows."""
    [table] = [table for table in page.tables if table.title == title]
    return tuple(table.rows[-1][1:]) if table.rows else (0, 0, 0, "-", "-", "-")


async def test_each_figure_is_the_count_of_the_list_to_which_it_leads_and_of_the_reports(visitor: Visitor) -> None:
    await make_past(visitor)
    before = visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="list.read"))
    page = await visitor.get(MANAGER, "/figures")
    assert visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="list.read")) == before
    assert "Testchild" not in page
    links = [(unescape(address), int(number.replace(",", ""))) for address, number in LINK.findall(page)]
    assert len(links) > 12
    for address, number in links:
        if address.startswith("/inbox"):
            assert len(await walk(visitor, address, MANAGER)) == number, address
        else:
            assert OUTSTANDING.findall(await visitor.get(MANAGER, address)) == [str(number)], address
    # Each month, whole or so far, is that of the two reports.
    today = visitor.gw.now().astimezone(LONDON).date()
    months = trend.list_month_figures(visitor.gw)
    assert len(months) == 12
    assert sum(month.received for month in months) == 10
    for month in months:
        days = Span(month.days.first, min(month.days.last, today))
        counted = statistics.make_statistics(visitor.gw, days, "mona", whole=True)
        assert month.received == find_total(counted, "Notices by type")[1]
        report = timeliness.make_timeliness(visitor.gw, days, whole=True)
        for step, title in (
            (month.acknowledged, "Acknowledgements you sent"),
            (month.answered, "Answers you sent to enquiries"),
        ):
            on_time, late, whole, _, median, _ = find_total(report, title)
            assert (step.on_time, step.late, step.whole, format_figure(step.median)) == (on_time, late, whole, median)
        if month.acknowledged.whole:
            assert f"{month.acknowledged.on_time} of {month.acknowledged.whole}" in page
    assert sum(month.acknowledged.late for month in months) > 0
    assert {month.acknowledged.median for month in months} > {None}


async def test_figures_are_for_the_service_manager_only_and_of_nothing_they_say_so(visitor: Visitor) -> None:
    page = await visitor.get(MANAGER, "/figures")
    assert "There are no outstanding replies or decisions." in page
    assert LINK.findall(page) == []
    for role in (Role.CME_OFFICER, Role.AUDITOR, Role.OPERATOR, Role.OUTREACH):
        await visitor.get(role, "/figures", 403)
