"""The operator's commands: arguments to flow to text, or to one JSON object with `--json`.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something is late, 4 not found, 5 refused, 75 try later, 78 a setting is wrong, 130 stopped by Ctrl-C.
"""

import json
import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer
from rich.markup import escape

from gateway import logs
from gateway.cli import (
    api_clients,
    audit_log,
    by_hand,
    cards,
    case_system,
    drafts,
    find,
    matches,
    notices,
    people,
    places,
    reconcile,
    report,
    reviews,
    searches,
    service,
    statement,
)
from gateway.cli.output import err
from gateway.errors import GatewayError
from keys.errors import Refusal, RingRefused
from schemas.xml import Unreadable

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Exchange Children Missing Education notices between local authorities.",
)
for room in (
    service.commands,
    notices.commands,
    find.commands,
    searches.commands,
    by_hand.commands,
    reconcile.commands,
    statement.commands,
):
    cli.add_typer(room)
cli.add_typer(reviews.commands, name="review")
cli.add_typer(drafts.commands, name="drafts")
cli.add_typer(matches.commands, name="matches")
cli.add_typer(report.commands, name="report")
cli.add_typer(cards.partner_commands, name="partner")
cli.add_typer(cards.card_commands, name="card")
cli.add_typer(cards.keys_commands, name="keys")
cli.add_typer(places.commands, name="postcodes")
cli.add_typer(case_system.commands, name="one")
cli.add_typer(people.commands, name="people")
cli.add_typer(api_clients.commands, name="api")
cli.add_typer(audit_log.commands, name="audit")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"cme-gateway {version('cme-gateway')}")
        raise typer.Exit


@cli.callback()
def _top(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version it is.")
    ] = False,
) -> None: ...


def main() -> None:
    """Run one command: every refusal is one sentence, its code, and what to do next."""
    logs.configure()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that cannot show a character still shows the rest
    try:
        cli()
    except GatewayError as why:
        _say(why.sentence, why.code, why.next_step, why.exit_code)
    except Refusal as why:
        _say(why.sentence, why.code, why.next_step, 78 if isinstance(why, RingRefused) else 5)
    except Unreadable as why:
        _say(why.problems[0].sentence, why.code, "Correct it and try again; nothing was kept.", 5)
    except BrokenPipeError:
        os._exit(1)  # whoever read our output has gone
    except Exception as why:  # noqa: BLE001 - the last line before a person
        logs.failed("command", why)
        _say("Something went wrong that should not have.", "internal", "Please report it, with the line above.", 1)


def _say(sentence: str, code: str, next_step: str, exit_code: int) -> None:
    if "--json" in sys.argv and code != "output.unwritable":
        print(json.dumps({"error": {"code": code, "sentence": sentence, "next": next_step}}))
    err.print(f"[red]{escape(sentence)}[/red] [dim]({code})[/dim]\n{escape(next_step)}", soft_wrap=True)
    sys.exit(exit_code)
