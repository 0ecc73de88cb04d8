"""The command that lists outstanding replies and decisions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich.table import Table

from gateway.cli.output import DEFAULT_HOME, AsJson, Home, count_of, err, lines, opened, table, when
from gateway.cli.paper import Ageing, Csv, Html, Pdf, WantedFile
from gateway.core import labels
from gateway.core.duties import DutyStep, Missing
from gateway.reconciliation import reconcile
from gateway.reconciliation.reconcile import Owed
from gateway.reports import owed

# Exit code: something is late.
LATE = 3

NOTHING = "[green]No outstanding replies or decisions.[/green]"

commands = typer.Typer()


@commands.command("outstanding")
@commands.command("reconcile", hidden=True)
def reconcile_command(
    home: Home = DEFAULT_HOME,
    csv: Csv = None,
    html: Html = None,
    pdf: Pdf = None,
    ageing: Ageing = None,
    as_json: AsJson = False,
) -> None:
    """List outstanding replies and decisions. Exit code 3 if any is overdue."""
    wanted = WantedFile(csv, html, pdf, ageing, as_json=as_json)
    with opened(home) as gw:
        duties = reconcile.list_owed(gw)
        found = reconcile.list_pursued(gw, duties)
        unmatched = reconcile.find_unmatched_duty(gw)
        written = wanted.write(
            owed.build_owed_page(gw, found),
            owed.build_owed_listing(gw, found),
            picture=owed.build_ageing_table(found).picture,
        )
    late = sum(one.step is not DutyStep.WAIT for one in found)
    if unmatched and unmatched.step is not DutyStep.WAIT:
        late += unmatched.searches
    if unmatched:
        due = f"{'overdue since' if unmatched.step is not DutyStep.WAIT else 'due'} {when(unmatched.late_at)}"
        err.print(
            f"{count_of(unmatched.searches, 'notice')} with no possible match here, {due}: cme-gateway matches"
            " reply-all"
        )
    value = {"owed": [one._asdict() for one in found], "unmatched": unmatched and asdict(unmatched), "late": late}
    written.answer(value | written.value(), lambda: _shown(found))
    if late:
        raise typer.Exit(LATE)


def _shown(found: Sequence[Owed]) -> Table | str:
    if not found:
        return NOTHING
    rows = [(_describe(one), labels.name_authority_in_full(one.partner), _say_due(one)) for one in found]
    counts = Counter(one.owed_by for one in found)
    title = f"Outstanding: {counts['them']} due from partners, {counts['us']} due from you"
    return table(title, ("Reference", "Partner", "Due"), rows, empty=NOTHING)


def _describe(one: Owed) -> str:
    whose = "them" if one.owed_by == "them" else "you"
    reminded = "Reminded" if one.owed_by == "them" else "They reminded you"
    return lines(
        one.message_id,
        labels.name_kind(one.kind),
        f"{labels.name_missing(one.missing)} due from {whose}",
        f"Handed over by phone {one.handed_over_at:%d %b %Y}" if one.handed_over_at else None,
        f"{reminded} {one.reminded_at:%d %b %Y}" if one.reminded_at else None,
        f"Service manager told {one.escalated_at:%d %b %Y}" if one.escalated_at else None,
    )


def _say_due(one: Owed) -> str:
    at = f"{one.late_at:%d %b %Y}"
    if one.step is DutyStep.WAIT:
        return lines(at, one.tried)
    return lines(at, f"{labels.name_step(one.step)}.", one.tried, _say_next(one))


def _say_next(one: Owed) -> str:
    if one.missing is Missing.DECISION:
        return f"Retry it, redirect it, withdraw it, or call {_number(one)}"
    return "Reply to it." if one.owed_by == "us" else f"Call {_number(one)}"


def _number(one: Owed) -> str:
    return one.ring or "them (no number is recorded)"
