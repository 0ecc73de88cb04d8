"""What is owed on notices, by others and by us: the oldest first, with whom to ring; one row for each case.

All of it is reckoned for the counts and the picture. The children's names, and what was done so far, are asked for
those rows that the page shows: there may be thousands.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from gateway.access import people
from gateway.casework.listed_children import list_children
from gateway.console.console_request import ConsoleRequest
from gateway.console.endpoints import Endpoint
from gateway.console.files import build_csv_file
from gateway.console.paging import paginate_rows
from gateway.core import labels
from gateway.core.duties import DutyStep
from gateway.core.periods import is_within_week
from gateway.core.permissions import Permission, Reach
from gateway.paper import as_csv
from gateway.reconciliation import reconcile
from gateway.reconciliation.reconcile import Owed
from gateway.reports import owed

# Cases on one page, as in the inbox.
SHOWN = 25
SIDES = {side: labels.name_owed_by(side) for side in ("them", "us")}


@dataclass(frozen=True, slots=True)
class NarrowedDuties:
    """Which duties are asked for, as the address says it: late, due this week, either, or all."""

    side: str
    partner: str
    late: bool
    week: bool

    def has_duty(self, duty: Owed, now: datetime) -> bool:
        """Return whether this duty is among them."""
        late, week = duty.step is not DutyStep.WAIT, is_within_week(duty.late_at, now)
        due = (self.late and late) or (self.week and week) or not (self.late or self.week)
        return due and self.side in ("", duty.owed_by) and self.partner in ("", duty.partner)

    @property
    def query(self) -> str:
        """Return the end of the address that asks for them."""
        late, week = ("yes" if wanted else "" for wanted in (self.late, self.week))
        parameters = {"side": self.side, "late": late, "week": week, "partner": self.partner}
        return urlencode({name: value for name, value in parameters.items() if value})

    def build_address(self, number: int = 0) -> str:
        """Return where they lie, or this page of them."""
        query = "&".join(filter(None, (self.query, f"page={number}" if number else "")))
        return f"/unanswered?{query}" if query else "/unanswered"


def _read_narrowed(request: ConsoleRequest) -> NarrowedDuties:
    query = request.web_request.query
    side, late, week = query.get("side", ""), query.get("late") == "yes", query.get("week") == "yes"
    return NarrowedDuties(side if side in SIDES else "", query.get("partner", ""), late, week)


def _list_owed(request: ConsoleRequest) -> list[Owed]:
    """List what this person may see of what is owed."""
    duties = reconcile.list_owed(request.gw)
    if request.reach is Reach.ALL:
        return duties
    mine = people.list_assigned_cases(request.gw, request.by)
    return [duty for duty in duties if duty.case in mine]


def _list_pursued(request: ConsoleRequest, duties: Sequence[Owed]) -> list[Owed]:
    return reconcile.list_pursued(request.gw, duties)


async def show_unanswered(request: ConsoleRequest) -> web.StreamResponse:
    """Show the page."""
    return await asyncio.to_thread(_render_unanswered, request)


def _render_unanswered(request: ConsoleRequest) -> web.Response:
    every, narrowed = _list_owed(request), _read_narrowed(request)
    duties = [duty for duty in every if narrowed.has_duty(duty, request.gw.now())]
    page = paginate_rows(reconcile.group_by_case(duties), request.web_request.query.get("page", ""), SHOWN)
    return request.render_page(
        "unanswered.html",
        page=page,
        links=page.build_links(narrowed.build_address),
        rows=reconcile.group_by_case(_list_pursued(request, [duty for group in page.rows for duty in group])),
        children=list_children(request.gw, [group[0].name for group in page.rows], request.by),
        count=len(duties),
        late=_count_late(duties),
        ageing=owed.build_ageing_table(duties),
        narrowed=narrowed,
        sides=SIDES,
        partners=sorted({duty.partner for duty in every}),
        unmatched=reconcile.find_unmatched_duty(request.gw) if request.reach is Reach.ALL else None,
    )


def _count_late(duties: Sequence[Owed]) -> int:
    return sum(duty.step is not DutyStep.WAIT for duty in duties)


async def download_unanswered(request: ConsoleRequest) -> web.StreamResponse:
    """Give the same duties as a file, each in a row of its own."""
    return await asyncio.to_thread(_build_spreadsheet, request)


def _build_spreadsheet(request: ConsoleRequest) -> web.Response:
    narrowed = _read_narrowed(request)
    duties = _list_pursued(request, [duty for duty in _list_owed(request) if narrowed.has_duty(duty, request.gw.now())])
    return build_csv_file(as_csv.write(owed.build_owed_listing(request.gw, duties)), "unanswered")


ENDPOINTS = (
    Endpoint("GET", "/unanswered", Permission.SEE_WORK, show_unanswered, of_assigned=True),
    Endpoint("GET", "/unanswered/list.csv", Permission.SEE_WORK, download_unanswered, of_assigned=True),
)
