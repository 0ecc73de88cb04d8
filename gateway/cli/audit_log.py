"""Commands on the audit log."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import track

from gateway import audit
from gateway.cli.output import DEFAULT_HOME, AsJson, By, Home, answer, day, err, opened, read_bytes, table, who
from gateway.store import log
from keys import card
from keys.trust import Trust

LONG = 20_000  # entries: a second or so

commands = typer.Typer(no_args_is_help=True, help="The audit log: search it, export it, prove that it is whole.")


def _watched(doing: str) -> audit.Watch:
    """A progress bar, where a person looks on and there is something to wait for."""

    def watch(entries: Iterable[log.Kept], total: int) -> Iterable[log.Kept]:
        return track(entries, doing, total=total, console=err, disable=total < LONG or not err.is_terminal)

    return watch


@commands.command("verify")
def audit_verify(
    home: Home = DEFAULT_HOME,
    export: Annotated[
        Path | None, typer.Option(help="Check an export instead; only --card is needed beside it.")
    ] = None,
    card_file: Annotated[Path | None, typer.Option("--card", help="The card of whose log it is.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check every entry and every signed checkpoint, and say which entry is wrong."""
    if export and card_file:
        whose = card.read(read_bytes(card_file).decode("ascii", "replace").strip())
        verdict = audit.verify_export(export, Trust({whose.authority: whose}), whose.authority)
    else:
        with opened(home) as here:
            trust = Trust({here.code: here.own_card})
            verdict = (
                audit.verify_export(export, trust, here.code)
                if export
                else here.store.look(lambda tx: audit.verify(tx, trust, here.code, watch=_watched("Checking")))
            )
    value = {
        "entries": verdict.size,
        "root": verdict.root.hex(),
        "checkpoints": verdict.checkpoints,
        "faults": verdict.faults,
    }
    whole = f"[green]The log is whole: {verdict.size} entries, {verdict.checkpoints} signed checkpoints.[/green]"
    answer(as_json, value, lambda: "[red]" + escape("\n".join(verdict.faults)) + "[/red]" if verdict.faults else whole)
    if verdict.faults:
        raise typer.Exit(1)


@commands.command("export")
def audit_export(folder: Path, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """Write the whole log into a folder, for somebody who trusts neither side."""
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
    actor: str | None = None,
    partner: str | None = None,
    limit: int = 50,
    as_json: AsJson = False,
) -> None:
    """The newest entries that meet every condition."""
    with opened(home) as here:
        found = here.store.look(
            lambda tx: log.search(tx, about=about, act=act, actor=actor, partner=partner, limit=limit)
        )
    rows = [(e.number, day(e.at), f"{e.act}\nby {e.actor}", e.partner, e.about) for e in found]
    value = {"entries": [json.loads(entry.entry) for entry in found]}
    answer(as_json, value, lambda: table("Audit log", ("No", "When", "Act", "LA", "About"), rows))
