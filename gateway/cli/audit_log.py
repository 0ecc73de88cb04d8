"""Commands on the audit log."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import track

from gateway.auditing import audit, partners_view, witness
from gateway.cli.output import DEFAULT_HOME, AsJson, By, Home, Limit, answer, day, err, opened, read_bytes, table, who
from gateway.context import Authority
from gateway.errors import ConfigProblem, Unusable
from gateway.store import audit_log
from keys import card
from keys.card import Card
from keys.trust import Trust

LONG = 20_000  # entries: a second or so
SHOWN_FAULTS = 5  # one change may have many consequences; the first tells most

commands = typer.Typer(no_args_is_help=True, help="Search, export and check the audit log.")


def _watched(doing: str) -> audit.Watch:
    """A progress bar, where a person looks on and there is something to wait for."""

    def watch(entries: Iterable[audit_log.Kept], total: int) -> Iterable[audit_log.Kept]:
        return track(entries, doing, total=total, console=err, disable=total < LONG or not err.is_terminal)

    return watch


@commands.command("verify")
def audit_verify(
    home: Home = DEFAULT_HOME,
    export: Annotated[
        Path | None, typer.Option(help="Check the export in this folder instead; --card says whose it is.")
    ] = None,
    card_file: Annotated[
        Path | None,
        typer.Option("--card", help="The newest card of the authority whose export it is; ours without it."),
    ] = None,
    seen_file: Annotated[
        Path | None,
        typer.Option("--seen", help="Hold it against what a partner saw: its `audit witness --json`."),
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask each partner's gateway for the newest checkpoint of ours that it holds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check every audit entry and checkpoint."""
    if ask and export:
        raise typer.BadParameter("goes without --export: partners answer only ourselves", param_hint="--ask")
    if card_file and not export:
        raise typer.BadParameter("goes with --export: our own log is checked with our own card", param_hint="--card")
    if export:
        whose = _whose(card_file, home)
        saw = partners_view.of_file(seen_file, whose.authority) if seen_file else {}
        verdict = audit.verify_export(export, Trust({whose.authority: whose}), whose.authority, seen=saw)
    else:
        with opened(home) as here:
            verdict = _verified(here, seen_file, ask)
    value = asdict(verdict) | {"root": verdict.root.hex()}
    answer(as_json, value, lambda: said(verdict))
    if verdict.faults:
        raise typer.Exit(1)


def _verified(here: Authority, seen_file: Path | None, ask: bool) -> audit.Verdict:
    saw = partners_view.of_file(seen_file, here.code) if seen_file else {}
    if ask:
        found, silent = asyncio.run(_asked(here))
        saw |= found
        for partner, why in silent.items():
            err.print(f"{partner} was not asked: {escape(why)}.")
    trust = Trust({here.code: here.own_card})
    watch = _watched("Checking")
    return here.store.look(lambda tx: audit.verify(tx, trust, here.code, ring=here.ring, seen=saw, watch=watch))


async def _asked(here: Authority) -> tuple[dict[str, str], dict[str, str]]:
    try:
        return await partners_view.of_partners(here)
    finally:
        for carrier in here.carriers.values():
            await carrier.close()


def _whose(card_file: Path | None, home: Path) -> Card:
    if card_file:
        return card.read(read_bytes(card_file).decode("ascii", "replace").strip())
    try:
        with opened(home) as here:
            return here.own_card
    except ConfigProblem as why:
        if why.code != "config.missing":
            raise
        raise Unusable("audit.no-card") from None


def said(verdict: audit.Verdict) -> str:
    """A verdict for a person: the first faults, or that the log is whole and how far that is signed."""
    if verdict.faults:
        first, more = "\n".join(verdict.faults[:SHOWN_FAULTS]), len(verdict.faults) - SHOWN_FAULTS
        return f"[red]{escape(first)}[/red]" + (f"\n... and {more} more; --json has all." if more > 0 else "")
    lines = [
        f"[green]The log is whole: {verdict.size} entries, {verdict.checkpoints} signed checkpoints.[/green]",
        f"Newest checkpoint: over {verdict.covered} entries. Root of all: {b64encode(verdict.root).decode()}",
    ]
    if verdict.size > verdict.covered:
        lines.append(f"The last {verdict.size - verdict.covered} wait for the next checkpoint, which `serve` signs.")
    if verdict.revoked:
        lines.append(
            f"{verdict.revoked} older checkpoints, signed with a key that was revoked since, agree with the entries too."
        )
    return "\n".join(lines)


@commands.command("export")
def audit_export(folder: Path, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """Export the audit log to a folder."""
    with opened(home) as here:
        verdict = asyncio.run(audit.export(here, folder, by, watch=_watched("Writing")))
    answer(
        as_json,
        {"folder": str(folder), "entries": verdict.size},
        lambda: (
            f"{verdict.size} entries are in {escape(str(folder))}.\nCheck them anywhere: cme-gateway audit verify --export {escape(str(folder))} --card CARD"
        ),
    )


@commands.command("search")
def audit_search(
    home: Home = DEFAULT_HOME,
    about: Annotated[str | None, typer.Option(help="A MessageId or an authority.")] = None,
    act: Annotated[str | None, typer.Option(help="An act, or the beginning of one that ends in a dot.")] = None,
    actor: Annotated[str | None, typer.Option(help="Who did it: a person, or cme-gateway.")] = None,
    partner: Annotated[str | None, typer.Option(help="The DfE code of the partner concerned.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Search the audit log."""
    with opened(home) as here:
        found = here.store.look(
            lambda tx: audit_log.search(tx, about=about, act=act, actor=actor, partner=partner, limit=limit)
        )
    rows = [(e.number, day(e.at), f"{e.act}\nby {e.actor}", e.partner, e.about) for e in found]
    value = {"entries": [json.loads(entry.entry) for entry in found]}
    answer(as_json, value, lambda: table("Audit log", ("No", "When", "Act", "LA", "About"), rows))


@commands.command("partners")
@commands.command("witness", hidden=True)
def audit_witness(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Show checks of partners' audit logs, and any warnings."""
    with opened(home) as here:
        found, alarms = witness.known(here)
    rows = [(o.authority, o.size, day(o.seen_at), o.checked, o.alarm.sentence if o.alarm else None) for o in found]
    value = {"partners": [asdict(one) for one in found], "alarms": [asdict(one) for one in alarms]}
    columns = ("LA", "Entries", "Seen", "Checked up to", "Alarm")
    answer(as_json, value, lambda: table("Partners' audit logs", columns, rows))
    if alarms:
        raise typer.Exit(1)


@commands.command("clear-warning")
@commands.command("accept", hidden=True)
def audit_accept(
    authority: Annotated[str, typer.Argument(help="The DfE code of the partner.")],
    home: Home = DEFAULT_HOME,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Clear a warning after you have called the partner and know the cause."""
    with opened(home) as here:
        witness.accept(here, authority, by=by)
    said = f"Accepted. What was seen of the audit log of {escape(authority)} is kept; the next checkpoint is the first."
    answer(as_json, {"accepted": authority}, lambda: said)
