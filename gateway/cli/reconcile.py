"""The command that lists outstanding replies and decisions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich.table import Table

from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    Home,
    build_table,
    count_of,
    err,
    format_moment,
    join_lines,
    open_gateway,
)
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
    with open_gateway(home) as gw:
        duties = reconcile.list_owed(gw)
        owed_duties = reconcile.list_pursued(gw, duties)
        unmatched = reconcile.find_unmatched_duty(gw)
        written = wanted.write(
            owed.build_owed_page(gw, owed_duties),
            owed.build_owed_listing(gw, owed_duties),
            picture=owed.build_ageing_table(owed_duties).picture,
        )
    late = sum(duty.step is not DutyStep.WAIT for duty in owed_duties)
    if unmatched and unmatched.step is not DutyStep.WAIT:
        late += unmatched.searches
    if unmatched:
        due = f"{'overdue since' if unmatched.step is not DutyStep.WAIT else 'due'} {format_moment(unmatched.late_at)}"
        err.print(
            f"{count_of(unmatched.searches, 'notice')} with no possible match here, {due}: cme-gateway matches"
            " reply-all"
        )
    value = {
        "owed": [_to_members(duty) for duty in owed_duties],
        "unmatched": unmatched and asdict(unmatched),
        "late": late,
    }
    written.print_answer(value | written.describe_files(), lambda: _shown(owed_duties))
    if late:
        raise typer.Exit(LATE)


def _to_members(duty: Owed) -> dict[str, object]:
    """Return what programs read: there, the direction of its message is called "lies"."""
    return {"lies" if name == "direction" else name: value for name, value in duty._asdict().items()}


def _shown(owed_duties: Sequence[Owed]) -> Table | str:
    if not owed_duties:
        return NOTHING
    rows = [(_describe(duty), labels.name_authority_in_full(duty.partner), _say_due(duty)) for duty in owed_duties]
    counts = Counter(duty.owed_by for duty in owed_duties)
    title = f"Outstanding: {counts['them']} due from partners, {counts['us']} due from you"
    return build_table(title, ("Reference", "Partner", "Due"), rows, empty=NOTHING)


def _describe(duty: Owed) -> str:
    whose = "them" if duty.owed_by == "them" else "you"
    return join_lines(
        duty.message_id,
        labels.name_kind(duty.kind),
        f"{labels.name_missing(duty.missing)} due from {whose}",
        *(f"{what[:1].upper()}{what[1:]} {at:%d %b %Y}" for what, at in duty.pursuits),
    )


def _say_due(duty: Owed) -> str:
    at = f"{duty.late_at:%d %b %Y}"
    tried = f"{labels.describe_last_try(duty.tried)}." if duty.tried else None
    if duty.step is DutyStep.WAIT:
        return join_lines(at, tried)
    return join_lines(at, f"{labels.name_step(duty.step)}.", tried, _say_next(duty))


def _say_next(duty: Owed) -> str:
    if duty.missing is Missing.DECISION:
        return f"Retry it, redirect it, withdraw it, or call {_number(duty)}"
    return "Reply to it." if duty.owed_by == "us" else f"Call {_number(duty)}"


def _number(duty: Owed) -> str:
    return duty.ring or "them (no number is recorded)"
