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
    answers,
    api_clients,
    audit_log,
    by_hand,
    cards,
    case_system,
    corrections,
    drafts,
    find,
    mail_replies,
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
from gateway.errors import GatewayError, of_disk
from keys.errors import Refusal, RingRefused
from schemas.xml import Unreadable

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Exchange Children Missing Education notices between local authorities.",
)
PANELS = {
    "The gateway": [service.commands],
    "Notices": [notices.commands, find.commands, drafts.commands],
    "Answer, take back, write down": [
        answers.commands,
        mail_replies.commands,
        corrections.commands,
        by_hand.commands,
    ],
    "Searches": [searches.commands, matches.commands, reviews.commands],
    "Who owes what": [reconcile.commands, statement.commands, report.commands],
    "Authorities, keys, case systems": [
        cards.partner_commands,
        cards.card_commands,
        cards.keys_commands,
        places.commands,
        case_system.commands,
    ],
    "Who may come in, and what was done": [people.commands, api_clients.commands, audit_log.commands],
}
NAMES = {  # of rooms whose commands are two words
    drafts.commands: "drafts",
    mail_replies.commands: "replies",
    matches.commands: "matches",
    reviews.commands: "review",
    report.commands: "report",
    cards.partner_commands: "partner",
    cards.card_commands: "card",
    cards.keys_commands: "keys",
    places.commands: "postcodes",
    case_system.commands: "one",
    people.commands: "people",
    api_clients.commands: "api",
    audit_log.commands: "audit",
}
for panel, rooms in PANELS.items():
    for room in rooms:
        for command in room.registered_commands:
            command.rich_help_panel = None if room in NAMES else panel
        cli.add_typer(room, name=NAMES.get(room), rich_help_panel=panel)


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
        _say(why.sentence, why.code, why.next_in_terminal, why.exit_code)
    except Refusal as why:
        _say(why.sentence, why.code, why.next_in_terminal, 78 if isinstance(why, RingRefused) else 5)
    except Unreadable as why:
        _say(why.problems[0].sentence, why.code, "Correct it and try again; nothing was kept.", 5)
    except BrokenPipeError:
        os._exit(1)  # whoever read our output has gone
    except Exception as why:  # noqa: BLE001 - the last line before a person
        if isinstance(why, OSError) and (known := of_disk(why)):
            _say(known.sentence, known.code, known.next_in_terminal, known.exit_code)
        logs.failed("command", why)
        unforeseen = GatewayError("internal")
        _say(unforeseen.sentence, unforeseen.code, unforeseen.next_in_terminal, unforeseen.exit_code)


def _say(sentence: str, code: str, next_step: str, exit_code: int) -> None:
    if "--json" in sys.argv and code != "output.unwritable":
        print(json.dumps({"error": {"code": code, "sentence": sentence, "next": next_step}}))
    err.print(f"[red]{escape(sentence)}[/red] [dim]({code})[/dim]\n{escape(next_step)}", soft_wrap=True)
    sys.exit(exit_code)
