"""Reports: statistics and timeliness as pages and files, and the list for an inspection, which is a file only and asks
first.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from urllib.parse import urlencode

from aiohttp import web

from gateway.console import files, forms
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint
from gateway.console.forms import Answers, Question
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.calendar import LONDON, Span
from gateway.core.periods import get_month_before, list_half_terms
from gateway.core.permissions import Permission
from gateway.paper import as_csv, as_html, as_pdf
from gateway.paper.page import ReportPage
from gateway.reconciliation import deadlines
from gateway.reports import compare, inspection, statistics, timeliness, wording

REPORT = "{report:statistics|timeliness}"
STATISTICS, TIMELINESS, INSPECTION = "statistics", "timeliness", "inspection"
REPORTS = (STATISTICS, TIMELINESS, INSPECTION)
# That are offered.
MONTHS = 13
# Days.
LONGEST = 366
OTHER = "other"


async def choose_report(request: ConsoleRequest) -> web.StreamResponse:
    """Ask which report, and of which days."""
    newest = await asyncio.to_thread(_list_periods, request.gw)
    return await asyncio.to_thread(
        _render_choice, request, Answers({}, {}), {"report": STATISTICS, "period": newest[0][0]}
    )


def _render_choice(request: ConsoleRequest, answers: Answers, typed: dict[str, str]) -> web.Response:
    asked, status = _list_questions(request), 422 if answers.wrong else 200
    return request.render_page("reports.html", status=status, questions=asked, answers=answers, typed=typed)


def _list_questions(request: ConsoleRequest) -> Sequence[Question]:
    open_to_them = [
        (name, labels.explain_report(name))
        for name in REPORTS
        if name != INSPECTION or request.may_do(Permission.INSPECT)
    ]
    periods = _list_periods(request.gw)
    return (
        Question("report", "Report", "radios", options=lambda: open_to_them, missing="Select a report"),
        Question("period", "Period", "select", options=lambda: periods, missing="Select a period"),
        Question("first", "Start date", "day", 'Only if you chose "Other dates".', optional=True, sometimes=True),
        Question("last", "End date", "day", 'Only if you chose "Other dates".', optional=True, sometimes=True),
    )


def _list_periods(gw: Gateway) -> Sequence[tuple[str, str]]:
    """List the months that have ended, the half-terms that have begun, and whatever else."""
    today = gw.now().astimezone(LONDON).date()
    months = [get_month_before(today)]
    while len(months) < MONTHS:
        months.append(get_month_before(months[-1].first))
    halves = [
        span for span in list_half_terms(deadlines.read_terms(gw.config).get_calendar(gw.code)) if span.first <= today
    ]
    so_far = Span(today.replace(day=1), today)
    periods = [(_format_code(span), f"{span.first:%B %Y}") for span in months]
    periods.append((_format_code(so_far), f"{today:%B %Y} so far"))
    periods += [(_format_code(span), f"Half-term, {wording.format_period(span)}") for span in reversed(halves)]
    return [*periods, (OTHER, "Other dates")]


def _format_code(days: Span) -> str:
    return f"{days.first.isoformat()}/{days.last.isoformat()}"


async def submit_choice(request: ConsoleRequest) -> web.StreamResponse:
    """Redirect to the report; or to the question whether the list is really wanted."""
    return await asyncio.to_thread(_check_choice, request)


def _check_choice(request: ConsoleRequest) -> web.Response:
    typed = {name: str(value) for name, value in request.form.items()}
    today = request.gw.now().astimezone(LONDON).date()
    answers = forms.read_answers(_list_questions(request), typed, today)
    days, wrong = _read_days(answers)
    if answers.wrong or days is None:
        return _render_choice(request, Answers(answers.values, {**wrong, **answers.wrong}), typed)
    team = {"team": "yes"} if typed.get("team") and request.may_do(Permission.INSPECT) else {}
    query = urlencode({"from": days.first.isoformat(), "to": days.last.isoformat()} | team)
    return redirect_to(f"/reports/{answers.get_text('report')}?{query}")


def _read_days(answers: Answers) -> tuple[Span | None, dict[str, str]]:
    """Return the days that were chosen, or what is wrong with them."""
    if answers.get_text("period") != OTHER:
        return _parse_span(*answers.get_text("period").partition("/")[::2]), {}
    first, last = answers.values.get("first"), answers.values.get("last")
    if not isinstance(first, date):
        return None, {"first": "Enter a start date"}
    if not isinstance(last, date):
        return None, {"last": "Enter an end date"}
    if last < first:
        return None, {"last": "The end date must be the same as or after the start date"}
    if (last - first).days > LONGEST:
        return None, {"last": "The period must be 1 year or less"}
    return Span(first, last), {}


def _parse_span(first: str, last: str) -> Span | None:
    try:
        days = Span(date.fromisoformat(first), date.fromisoformat(last))
    except ValueError:
        return None
    return days if 0 <= (days.last - days.first).days <= LONGEST else None


def _read_span(request: ConsoleRequest) -> Span | None:
    return _parse_span(request.web_request.query.get("from", ""), request.web_request.query.get("to", ""))


async def show_report(request: ConsoleRequest) -> web.StreamResponse:
    """Show the report as a page, or give it as a file."""
    days, name = _read_span(request), request.get_part("report")
    if days is None:
        return redirect_to("/reports")
    team = request.web_request.query.get("team") == "yes" and request.may_do(Permission.INSPECT)
    page = await asyncio.to_thread(_make_report, request, name, days, team)
    form = request.web_request.query.get("as", "")
    if form in ("csv", "pdf"):
        mark = "-do-not-publish" if team else ""
        return await asyncio.to_thread(_build_file, page, form, f"{name}-{days.first}-{days.last}{mark}")
    query = {name: value for name, value in request.web_request.query.items() if name in ("from", "to", "team")}
    before = compare.find_span_before(days)
    is_compared = before is not None and request.web_request.query.get("compare") == "yes"
    if before is not None and is_compared:
        earlier = await asyncio.to_thread(_make_report, request, name, before, team)
        page = replace(page, tables=(compare.build_comparison(page, earlier, before), *page.tables))
    return request.render_page(
        "report.html",
        paper=page,
        query=urlencode(query),
        report=name,
        pdf=as_pdf.is_installed(),
        team=team,
        is_open=days.last >= request.gw.now().astimezone(LONDON).date(),
        other_view=_link_other_view(request, query, team),
        may_compare=before is not None and not is_compared,
    )


def _link_other_view(request: ConsoleRequest, query: Mapping[str, str], team: bool) -> str:
    """Return the query of the same report with small numbers, or without; empty for those who may not see them."""
    if not request.may_do(Permission.INSPECT):
        return ""
    days = {name: value for name, value in query.items() if name != "team"}
    return urlencode(days if team else {**days, "team": "yes"})


def _make_report(request: ConsoleRequest, name: str, days: Span, team: bool) -> ReportPage:
    if name == STATISTICS:
        return statistics.make_statistics(request.gw, days, request.by, whole=team)
    return timeliness.make_timeliness(request.gw, days, whole=team)


def _build_file(page: ReportPage, form: str, name: str) -> web.Response:
    if form == "csv":
        return files.build_csv_file(as_csv.write(page), name)
    if form == "html":
        return web.Response(
            body=as_html.write(page), headers=files.build_file_headers(f"{name}.html", "text/html; charset=utf-8")
        )
    return web.Response(body=as_pdf.write(page), headers=files.build_file_headers(f"{name}.pdf", "application/pdf"))


async def confirm_inspection(request: ConsoleRequest) -> web.StreamResponse:
    """Ask whether the list is really wanted: it names children, and reads their records."""
    days = _read_span(request)
    if days is None:
        return redirect_to("/reports")
    return request.render_page(
        "report-inspection.html", days=days, period=wording.format_period(days), pdf=as_pdf.is_installed()
    )


async def download_inspection(request: ConsoleRequest) -> web.StreamResponse:
    """Give the list as a file: it is never shown where others look on."""
    days, form = _parse_span(request.get_typed("from"), request.get_typed("to")), request.get_typed("as")
    if days is None or form not in ("csv", "html", "pdf"):
        return redirect_to("/reports")
    page = await asyncio.to_thread(partial(inspection.make_inspection_list, request.gw, days, request.by))
    return await asyncio.to_thread(_build_file, page, form, f"{INSPECTION}-{days.first}-{days.last}")


ENDPOINTS = (
    Endpoint("GET", "/reports", Permission.REPORT, choose_report),
    Endpoint("POST", "/reports", Permission.REPORT, submit_choice),
    Endpoint("GET", f"/reports/{REPORT}", Permission.REPORT, show_report),
    Endpoint("GET", "/reports/inspection", Permission.INSPECT, confirm_inspection),
    Endpoint("POST", "/reports/inspection", Permission.INSPECT, download_inspection),
)
