"""What is owed on notices, by others and by us: the oldest first, with whom to ring; one row for each case.

All of it is reckoned for the counts and the picture. The children's names, and what was done so far, are asked for those rows
that the page shows: there may be thousands.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from gateway.casework import case
from gateway.console.console_request import Visit
from gateway.console.endpoints import Door
from gateway.console.files import csv_file
from gateway.console.paging import paged
from gateway.core.duties import DutyStep
from gateway.core.permissions import Permission, Reach
from gateway.paper import as_csv
from gateway.reconciliation import reconcile
from gateway.reconciliation.reconcile import Owed
from gateway.reports import owed
from gateway.store import assignments

SHOWN = 25  # cases on one page, as in the inbox
SIDES = {"them": "Other authorities", "us": "You"}


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which duties are asked for, as the address says it."""

    side: str
    late: bool
    partner: str

    def has(self, one: Owed) -> bool:
        """Is this duty among them?"""
        late = not self.late or one.step is not DutyStep.WAIT
        return late and self.side in ("", one.owed_by) and self.partner in ("", one.partner)

    @property
    def query(self) -> str:
        """The end of the address that asks for them."""
        said = {"side": self.side, "late": "yes" if self.late else "", "partner": self.partner}
        return urlencode({name: value for name, value in said.items() if value})

    def page(self, number: int) -> str:
        """Where this page of them lies."""
        return f"/unanswered?{'&'.join(filter(None, (self.query, f'page={number}')))}"


def _narrowed(visit: Visit) -> Narrowed:
    query = visit.request.query
    side = query.get("side", "")
    return Narrowed(side if side in SIDES else "", query.get("late") == "yes", query.get("partner", ""))


def _owed(visit: Visit) -> list[Owed]:
    """What this person may see of what is owed."""
    found = reconcile.list_owed(visit.here)
    if visit.reach is Reach.ALL:
        return found
    mine = visit.here.store.look(lambda tx: assignments.list_assigned_cases(tx, visit.by))
    return [one for one in found if one.case in mine]


def _pursued(visit: Visit, found: Sequence[Owed]) -> list[Owed]:
    return visit.here.store.look(lambda tx: reconcile.list_pursued(tx, found))


async def look(visit: Visit) -> web.StreamResponse:
    """The page."""
    return await asyncio.to_thread(_look, visit)


def _look(visit: Visit) -> web.Response:
    every, narrowed = _owed(visit), _narrowed(visit)
    found = [one for one in every if narrowed.has(one)]
    page = paged(reconcile.group_by_case(found), visit.request.query.get("page", ""), SHOWN)
    return visit.page(
        "unanswered.html",
        page=page,
        links=page.links(narrowed.page),
        rows=reconcile.group_by_case(_pursued(visit, [one for group in page.rows for one in group])),
        names=case.list_child_names(visit.here, [group[0] for group in page.rows], visit.by),
        count=len(found),
        late=_late(found),
        ageing=owed.build_ageing_table(found),
        narrowed=narrowed,
        sides=SIDES,
        partners=sorted({one.partner for one in every}),
        unmatched=reconcile.find_unmatched_duty(visit.here) if visit.reach is Reach.ALL else None,
    )


def _late(found: Sequence[Owed]) -> int:
    return sum(one.step is not DutyStep.WAIT for one in found)


async def spreadsheet(visit: Visit) -> web.StreamResponse:
    """The same duties, each in a row of its own."""
    return await asyncio.to_thread(_spreadsheet, visit)


def _spreadsheet(visit: Visit) -> web.Response:
    narrowed = _narrowed(visit)
    found = _pursued(visit, [one for one in _owed(visit) if narrowed.has(one)])
    return csv_file(as_csv.write(owed.build_owed_listing(visit.here, found)), "unanswered")


DOORS = (
    Door("GET", "/unanswered", Permission.SEE_WORK, look, of_assigned=True),
    Door("GET", "/unanswered/list.csv", Permission.SEE_WORK, spreadsheet, of_assigned=True),
)
