"""What a person reads when a command was refused or failed: a sentence, its code, and what to do next."""

import json
import sys

from rich.markup import escape

from gateway import logs
from gateway.cli.output import err
from gateway.errors import GatewayError, find_disk_error
from keys.errors import Refusal, RingRefused
from schemas.xml import Unreadable

REFUSED, WRONG_SETTING = 5, 78


def show_refusal(why: Exception) -> int:
    """Print why a command ended, and return its exit code. What nobody foresaw is a line in the log too."""
    match why:
        case GatewayError():
            return _show(why.sentence, why.code, why.next_in_terminal, why.exit_code)
        case Refusal():
            is_ring = isinstance(why, RingRefused)
            return _show(why.sentence, why.code, why.next_in_terminal, WRONG_SETTING if is_ring else REFUSED)
        case Unreadable():
            unreadable = GatewayError("message.unreadable", "file", problem=why.problems[0].sentence)
            return _show(unreadable.sentence, why.code, unreadable.next_in_terminal, REFUSED)
    if isinstance(why, OSError) and (known := find_disk_error(why)):
        return _show(known.sentence, known.code, known.next_in_terminal, known.exit_code)
    logs.configure_logging()
    logs.log_failure("command", why)
    unforeseen = GatewayError("internal")
    return _show(unforeseen.sentence, unforeseen.code, unforeseen.next_in_terminal, unforeseen.exit_code)


def _show(sentence: str, code: str, next_step: str, exit_code: int) -> int:
    if "--json" in sys.argv and code != "output.unwritable":
        print(json.dumps({"error": {"code": code, "sentence": sentence, "next": next_step}}))
    err.print(f"[red]{escape(sentence)}[/red] [dim]({code})[/dim]\n{escape(next_step)}", soft_wrap=True)
    return exit_code
