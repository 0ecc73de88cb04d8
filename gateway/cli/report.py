"""Reports: as text, JSON, CSV, HTML or PDF."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from gateway.cli.output import DEFAULT_HOME, AsJson, By, Home, build_table, get_user_name, open_gateway
from gateway.cli.paper import Csv, Html, Pdf, WantedFile
from gateway.context import Gateway
from gateway.core.calendar import LONDON, Span
from gateway.core.periods import get_month, get_month_before
from gateway.errors import NotAllowed
from gateway.paper.page import ReportPage
from gateway.reports import inspection, statistics, timeliness

commands = typer.Typer(no_args_is_help=True, help="Statistics, timeliness, and the inspection list.")

DAY, MONTH = "%Y-%m-%d", "%Y-%m"
From = Annotated[datetime | None, typer.Option("--from", formats=[DAY], help="The first day, such as 2026-11-01.")]
To = Annotated[datetime | None, typer.Option("--to", formats=[DAY], help="The last day, such as 2026-11-30.")]
Month = Annotated[
    datetime | None,
    typer.Option("--month", formats=[MONTH], help="A month, such as 2026-11. Default: the last whole month."),
]
ForTheTeam = Annotated[
    bool, typer.Option("--for-the-team", help="Show numbers from 1 to 5 too. The report is marked for your team only.")
]


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What every report is asked for with: of which gateway, over which days, and as which file."""

    home: Path
    first: datetime | None
    last: datetime | None
    in_month: datetime | None
    wanted: WantedFile


@commands.command("statistics")
def report_statistics(
    home: Home = DEFAULT_HOME,
    first: From = None,
    last: To = None,
    in_month: Month = None,
    for_the_team: ForTheTeam = False,
    by: By = get_user_name(),
    csv: Csv = None,
    html: Html = None,
    pdf: Pdf = None,
    as_json: AsJson = False,
) -> None:
    """Count notices by type, authority, reason, outcome and more."""
    options = ReportOptions(home, first, last, in_month, WantedFile(csv, html, pdf, as_json=as_json))
    page = _make_page(options, lambda gw, days: statistics.make_statistics(gw, days, by, whole=for_the_team))
    _give(page, options.wanted)


@commands.command("timeliness")
def report_timeliness(
    home: Home = DEFAULT_HOME,
    first: From = None,
    last: To = None,
    in_month: Month = None,
    for_the_team: ForTheTeam = False,
    csv: Csv = None,
    html: Html = None,
    pdf: Pdf = None,
    as_json: AsJson = False,
) -> None:
    """Show how quickly notices were delivered, acknowledged and resolved."""
    options = ReportOptions(home, first, last, in_month, WantedFile(csv, html, pdf, as_json=as_json))
    page = _make_page(options, lambda gw, days: timeliness.make_timeliness(gw, days, whole=for_the_team))
    _give(page, options.wanted)


@commands.command("inspection")
def report_inspection(
    by: By,
    home: Home = DEFAULT_HOME,
    first: From = None,
    last: To = None,
    in_month: Month = None,
    to_terminal: Annotated[
        bool,
        typer.Option(
            "--to-terminal", help="Show it here, or with --csv - or --json. Default: write it to a file only."
        ),
    ] = False,
    csv: Csv = None,
    html: Html = None,
    pdf: Pdf = None,
    as_json: AsJson = False,
) -> None:
    """Create the inspection list. Each record is logged as viewed."""
    wanted = WantedFile(csv, html, pdf, as_json=as_json)
    if not to_terminal and (wanted.speaks or not wanted.files):
        raise NotAllowed("report.to-a-file")
    options = ReportOptions(home, first, last, in_month, wanted)
    page = _make_page(options, lambda gw, days: inspection.make_inspection_list(gw, days, by))
    if to_terminal:
        return _give(page, wanted)
    written = wanted.write(page)
    written.print_answer({"listed": len(page.tables[0].rows)} | written.describe_files(), lambda: "")
    return None


def _make_page(options: ReportOptions, make: Callable[[Gateway, Span], ReportPage]) -> ReportPage:
    """Make a report of this gateway over the days that are asked for."""
    with open_gateway(options.home) as gw:
        return make(gw, _days(options, gw.now().astimezone(LONDON).date()))


def _days(options: ReportOptions, today: date) -> Span:
    first, last, month = options.first, options.last, options.in_month
    if month:
        if first or last:
            raise typer.BadParameter("Give either a month, or --from and --to.", param_hint="--month")
        return get_month(month.year, month.month)
    if not first and not last:
        return get_month_before(today)
    return _checked(first.date() if first else None, last.date() if last else today)


def _checked(first: date | None, last: date) -> Span:
    if first is None:
        raise typer.BadParameter("Give the first day too.", param_hint="--from")
    if last < first:
        raise typer.BadParameter("Give a day that is not before --from.", param_hint="--to")
    return Span(first, last)


def _give(page: ReportPage, wanted: WantedFile) -> None:
    written = wanted.write(page)
    written.print_answer(_value(page) | written.describe_files(), lambda: _shown(page))


def _value(page: ReportPage) -> dict[str, object]:
    """Return the page for programs."""
    tables = [
        {
            "title": page_table.title,
            "note": page_table.note,
            "rows": [
                dict(zip((column.name for column in page_table.columns), row, strict=True)) for row in page_table.rows
            ],
        }
        for page_table in page.tables
    ]
    return {
        "title": page.title,
        "authority": page.authority,
        "about": page.about,
        "notes": list(page.notes),
        "tables": tables,
    }


def _shown(page: ReportPage) -> Group:
    """Return the page for a terminal."""
    head = f"[bold]{escape(page.title)}[/bold]: {escape(page.authority)}, {escape(page.about)}"
    parts: list[Table | str] = [head, *(f"[dim]{escape(note)}[/dim]" for note in page.notes)]
    for page_table in page.tables:
        shown = build_table(
            page_table.title,
            [column.heading for column in page_table.columns],
            page_table.rows,
            empty=f"{escape(page_table.title)}: none.",
        )
        if isinstance(shown, Table):
            for made, column in zip(shown.columns, page_table.columns, strict=True):
                made.justify = "right" if column.number else "left"
        parts += ["", shown, *([f"[dim]{escape(page_table.note)}[/dim]"] if page_table.note else [])]
    return Group(*parts)
