"""The command that says what is owed, and by whom."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich.table import Table

from gateway.cli.output import DEFAULT_HOME, AsJson, Home, err, opened, table
from gateway.cli.paper import Ageing, Csv, Html, Pdf, Wanted
from gateway.core.duties import Missing, Step
from gateway.core.labels import name_kind
from gateway.reconciliation import reconcile
from gateway.reconciliation.reconcile import Owed
from gateway.reports import owed

LATE = 3  # exit code: something is late

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
    wanted = Wanted(csv, html, pdf, ageing, as_json=as_json)
    with opened(home) as here:
        duties = reconcile.owed(here)
        found = here.store.look(lambda tx: reconcile.pursued(tx, duties))
        unmatched = reconcile.unmatched(here)
        written = wanted.write(owed.page(here, found), owed.listing(here, found), picture=owed.ageing(found).picture)
    late = sum(one.step is not Step.WAIT for one in found)
    if unmatched and unmatched.step is not Step.WAIT:
        late += unmatched.searches
    if unmatched:
        when = "LATE" if unmatched.step is not Step.WAIT else f"late from {unmatched.late_at:%d %b %H:%M}"
        err.print(f"{unmatched.searches} searches have no possible match here ({when}): cme-gateway matches none")
    value = {"owed": [one._asdict() for one in found], "unmatched": unmatched and asdict(unmatched), "late": late}
    written.answer(value | written.value(), lambda: _shown(found))
    if late:
        raise typer.Exit(LATE)


def _shown(found: Sequence[Owed]) -> Table | str:
    if not found:
        return "[green]Nothing is owed, by anybody.[/green]"
    rows = [(one.message_id, one.partner, _what(one), _next(one)) for one in found]
    counts = Counter(one.owed_by for one in found)
    title = f"Owed: {counts['them']} by partners, {counts['us']} by us"
    return table(title, ("Id", "LA", "What is missing", "Next"), rows)


def _what(one: Owed) -> str:
    whose = "theirs" if one.owed_by == "them" else "ours"
    days = f"{one.working_days} working day{'' if one.working_days == 1 else 's'}"
    done = (
        f"handed over by telephone {one.handed_over_at:%d %b}" if one.handed_over_at else None,
        f"{'reminded' if one.owed_by == 'them' else 'they reminded us'} {one.reminded_at:%d %b}"
        if one.reminded_at
        else None,
        f"service manager told {one.escalated_at:%d %b}" if one.escalated_at else None,
    )
    return "\n  ".join(filter(None, (f"{one.missing}, {whose}", name_kind(one.kind), days, one.tried, *done)))


def _next(one: Owed) -> str:
    if one.step is Step.WAIT:
        return f"late from {one.late_at:%d %b %H:%M}"
    if one.missing is Missing.DECISION:
        return "\n".join((f"DECIDE: it is {one.state};", "retry, send-on, or", "withdraw it, or ring", _number(one)))
    if one.owed_by == "us":
        return "LATE: answer it"
    who = "the service manager rings" if one.step is Step.ESCALATE else "ring"
    return "\n".join((f"LATE: {who}", _number(one)))


def _number(one: Owed) -> str:
    return one.ring.replace(", ", "\n") or "no number is known"
