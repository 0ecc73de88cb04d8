"""The operator's commands: arguments to flow to text, or to one JSON object with `--json`.

Exit codes: 0 done, 1 failed, 2 wrong usage, 4 not found, 5 refused, 75 try later, 78 a setting is wrong.
"""

import json
import os
import sys

import typer
from rich.markup import escape

from gateway import logs
from gateway.cli import audit_log, cards, notices, service
from gateway.cli.output import err
from gateway.errors import GatewayError
from keys.errors import Refusal

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Exchange Children Missing Education notices between local authorities.",
)
for room in (service.commands, notices.commands):
    cli.add_typer(room)
cli.add_typer(cards.partner_commands, name="partner")
cli.add_typer(cards.card_commands, name="card")
cli.add_typer(cards.keys_commands, name="keys")
cli.add_typer(audit_log.commands, name="audit")


def main() -> None:
    """The entry point: every refusal is one sentence, its code, and what to do next."""
    logs.configure()
    try:
        cli()
    except GatewayError as why:
        _say(why.sentence, why.code, why.next_step, why.exit_code)
    except Refusal as why:
        _say(why.sentence, why.code, why.next_step, 5)
    except BrokenPipeError:
        os._exit(1)  # whoever read our output has gone
    except Exception as why:  # noqa: BLE001 - the last line before a person
        logs.failed("command", why)
        _say("Something went wrong that should not have.", "internal", "Please report it, with the line above.", 1)


def _say(sentence: str, code: str, next_step: str, exit_code: int) -> None:
    if "--json" in sys.argv:
        print(json.dumps({"error": {"code": code, "sentence": sentence, "next": next_step}}))
    err.print(f"[red]{escape(sentence)}[/red] [dim]({code})[/dim]\n{escape(next_step)}", soft_wrap=True)
    sys.exit(exit_code)
