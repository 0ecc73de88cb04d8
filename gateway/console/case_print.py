"""A case on one printed page of A4: what decides, what is due, and the newest of its timeline.

To print a case is to read it: it is opened as its page is, with the same entries of the audit log.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from gateway.access import absences
from gateway.casework import case, safeguarding
from gateway.casework.case import Case, CaseNotice
from gateway.casework.safeguarding import CaseAlert
from gateway.casework.timeline import CaseEvent
from gateway.console.console_request import ConsoleRequest
from gateway.console.endpoints import CASE, Endpoint
from gateway.core import case_sheet, labels
from gateway.core.answer_summary import SummaryLine
from gateway.core.moments import format_moment
from gateway.core.permissions import Permission
from schemas.shapes import CaseId


@dataclass(frozen=True, slots=True)
class SheetStep:
    """One step of the timeline, in short."""

    when: str
    what: str


@dataclass(frozen=True, slots=True)
class CaseSheet:
    """What stands on the page, and how much more there is in the case."""

    summary: Sequence[SummaryLine]
    alerts: Sequence[CaseAlert]
    others: Sequence[CaseNotice]
    more_others: int
    steps: Sequence[SheetStep]
    more_steps: int


async def show_case_print(request: ConsoleRequest) -> web.StreamResponse:
    """Show the page of a case that is printed. That it was read is an entry of the audit log."""
    return await asyncio.to_thread(_render_case_print, request)


def _render_case_print(request: ConsoleRequest) -> web.Response:
    gw, name = request.gw, CaseId(request.get_part("case"))
    opened_case = case.open_case(gw, name, request.by, answers=request.may_do(Permission.ANSWER))
    warning = labels.explain_restriction(opened_case.head.restriction) if opened_case.head else ""
    return request.render_page(
        "case-print.html",
        case=opened_case,
        sheet=_build_sheet(request, opened_case, warning),
        warning=warning,
        described=absences.describe_team(gw),
    )


def _build_sheet(request: ConsoleRequest, opened_case: Case, warning: str) -> CaseSheet:
    summary = opened_case.list_summary(request.gw.now().date())
    alerts = safeguarding.list_case_alerts(request.gw, opened_case)
    others = [notice for notice in opened_case.openings if notice is not opened_case.head]
    steps = [_build_step(step) for step in opened_case.steps]
    fixed = [warning, *(line.answer for line in summary), *map(_write_alert, alerts), *_list_head(opened_case)]
    plan = case_sheet.plan_sheet(fixed, [_write_notice(notice) for notice in others], [step.what for step in steps])
    return CaseSheet(
        summary,
        alerts,
        others[: plan.notices],
        len(others) - plan.notices,
        steps[: plan.steps],
        len(steps) - plan.steps,
    )


def _list_head(opened_case: Case) -> Sequence[str]:
    """List what else stands on the page in any case: the name, in large letters, how it stands, and who has it."""
    child = opened_case.child
    name = f"{child.forename or ''} {child.surname}" if child else ""
    checks = [notice.partner_name * 2 for notice in opened_case.openings if notice.must_be_checked]
    return [name * 2, *checks, *map(_write_notice, filter(None, [opened_case.head])), ", ".join(opened_case.assigned)]


def _write_notice(notice: CaseNotice) -> str:
    """Write what is said of a notice about as long as the page has it."""
    return f"{notice.title} {notice.partner_name} {notice.at} {notice.status.tag} {notice.status.line} {notice.ring}"


def _build_step(step: CaseEvent) -> SheetStep:
    detail = case_sheet.shorten_detail(step.detail)
    return SheetStep(format_moment(step.at), f"{step.sentence}. {detail}" if detail else step.sentence)


def _write_alert(alert: CaseAlert) -> str:
    return f"{alert.call} {', '.join(alert.explained)}"


ENDPOINTS = (Endpoint("GET", f"/cases/{CASE}/print", Permission.READ_CHILD, show_case_print),)
