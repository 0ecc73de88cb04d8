"""The manager's figures: what waits now, for whom, with which authority; and the last twelve months.

Real numbers for the team, without a child. Each figure has a link to the list of which it is the count, where there is
one, and is counted as that list is.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from gateway.access import absences, people
from gateway.casework import inbox_list
from gateway.console.console_request import ConsoleRequest
from gateway.console.endpoints import Endpoint
from gateway.console.inbox import AskedInbox
from gateway.console.unanswered import NarrowedDuties
from gateway.core import labels
from gateway.core.calendar import LONDON
from gateway.core.inbox_order import NOBODY, WaitingMessage
from gateway.core.periods import find_week_end
from gateway.core.permissions import Permission
from gateway.core.team_figures import DueCount, count_by_authority, count_by_officer, count_due
from gateway.reconciliation import reconcile
from gateway.reports import trend


@dataclass(frozen=True, slots=True)
class FigureCell:
    """A number, what it is, and where the list of it is; nowhere of none."""

    heading: str
    number: int
    address: str

    @property
    def text(self) -> str:
        """Return the number as it is written."""
        return f"{self.number:,}"


@dataclass(frozen=True, slots=True)
class FigureRow:
    """Figures of one thing."""

    title: str
    cells: Sequence[FigureCell]
    # What is counted.
    definition: str = ""


async def show_figures(request: ConsoleRequest) -> web.StreamResponse:
    """Show the page."""
    return await asyncio.to_thread(_render_figures, request)


def _render_figures(request: ConsoleRequest) -> web.Response:
    gw, now = request.gw, request.gw.now()
    waiting, duties = inbox_list.list_waiting(gw), reconcile.list_owed(gw)
    sides = {side: count_due((duty.late_at for duty in duties if duty.owed_by == side), now) for side in ("us", "them")}
    months = trend.list_month_figures(gw)
    return request.render_page(
        "figures.html",
        now_rows=[
            _build_row("inbox", _link_inbox(""), count_due((message.due_at for message in waiting), now)),
            *(_build_row(side, _link_duties(side, ""), count) for side, count in sides.items()),
        ],
        officer_rows=_list_officer_rows(request, waiting),
        authority_rows=[
            FigureRow(
                labels.name_authority_in_full(it.authority),
                [
                    *_build_cells("them", _link_duties("them", it.authority), it.by_them)[:2],
                    *_build_cells("us", _link_duties("us", it.authority), it.by_us)[:2],
                ],
            )
            for it in count_by_authority(((duty.partner, duty.owed_by, duty.late_at) for duty in duties), now)
        ],
        unmatched=reconcile.find_unmatched_duty(gw),
        week_end=find_week_end(now),
        months=months,
        picture=trend.build_trend_picture(months),
        today=now.astimezone(LONDON).date(),
    )


def _list_officer_rows(request: ConsoleRequest, waiting: Sequence[WaitingMessage]) -> list[FigureRow]:
    """List everybody who may have cases, and who has some, by name; then what nobody has."""
    called = absences.describe_team(request.gw)
    holders = {name for message in waiting for name in message.assigned | message.stand_ins}
    holders |= {person.name for person in people.list_case_workers(request.gw)}
    officers = sorted(holders, key=lambda name: called.get(name, name).casefold())
    return [
        FigureRow(
            labels.name_unassigned() if name == NOBODY else called.get(name, name),
            _build_cells("officer", _link_inbox(name), count),
        )
        for name, count in count_by_officer(waiting, officers, request.gw.now())
    ]


def _build_row(figure: str, links: Sequence[str], count: DueCount) -> FigureRow:
    title, definition = labels.explain_figure(figure)
    return FigureRow(title, _build_cells("", links, count), definition)


def _build_cells(figure: str, links: Sequence[str], count: DueCount) -> list[FigureCell]:
    numbers = (count.whole, count.late, count.week)
    headings = labels.list_figure_headings(figure)
    return [
        FigureCell(heading, number, link if number else "")
        for heading, number, link in zip(headings, numbers, links, strict=True)
    ]


def _link_inbox(officer: str) -> Sequence[str]:
    return [AskedInbox().narrow_to(officer=officer, due=due) for due in ("", "late", "week")]


def _link_duties(side: str, partner: str) -> Sequence[str]:
    return [
        NarrowedDuties(side, partner, late, week).build_address()
        for late, week in ((False, False), (True, False), (False, True))
    ]


ENDPOINTS = (Endpoint("GET", "/figures", Permission.SEE_FIGURES, show_figures),)
