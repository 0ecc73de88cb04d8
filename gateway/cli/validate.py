"""The command that checks a message file. It needs no gateway, and imports none."""

from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import fill, indent

import typer
from rich.markup import escape

from gateway.cli.output import AsJson, out, print_answer, read_bytes
from gateway.core import safeguards
from schemas import xml
from schemas.inspection import Inspection, inspect_file

commands = typer.Typer()


@commands.command("validate")
def validate_command(file: Path, as_json: AsJson = False) -> None:
    """Check a message file and list every problem."""
    data, today = read_bytes(file), datetime.now(UTC).date()
    inspection = _with_slips(inspect_file(data, today=today), data, today)
    counts = {"errors": inspection.count_problems("error"), "warnings": inspection.count_problems("warning")}
    print_answer(as_json, {"file": str(file)} | counts | asdict(inspection), lambda: _problems(file, inspection))
    if counts["errors"]:
        raise typer.Exit(1)


def _with_slips(inspection: Inspection, data: bytes, today: date) -> Inspection:
    """Beside what both sides refuse, what we do not send, or not without a word."""
    if not inspection.complete:
        return inspection
    slips = safeguards.find_slips(xml.read(data), today=today)
    return replace(
        inspection, problems=(*inspection.problems, *(slip for slip in slips if slip not in inspection.problems))
    )


def _problems(file: Path, inspection: Inspection) -> str:
    """A block for each problem, and what follows from them all; wrapped here, because a terminal breaks words."""
    blocks = [f"[bold]{escape(str(file))}[/bold]"]
    for problem in inspection.problems:
        colour = "red" if problem.level == "error" else "yellow"
        line = f"Line {problem.line}  " if problem.line else ""
        sentence = fill(problem.sentence, min(out.width, 100) - 2, break_long_words=False, break_on_hyphens=False)
        blocks.append(
            f"{line}[{colour}]{problem.level}[/{colour}]  [bold]{problem.element.removeprefix('Message/')}[/bold]\n"
            + indent(f"{escape(sentence)}\n[dim]{problem.code}[/dim]", "  ")
        )
    return "\n\n".join([*blocks, _verdict(inspection)])


def _verdict(inspection: Inspection) -> str:
    counts = ((inspection.count_problems("error"), "error"), (inspection.count_problems("warning"), "warning"))
    counted = ", ".join(f"{n} {level}{'s' if n > 1 else ''}" for n, level in counts if n)
    if not counted:
        return "[green]No problems found.[/green]"
    if not inspection.count_problems("error"):
        doubts = [
            safeguard.code
            for safeguard in safeguards.SAFEGUARDS
            if safeguard.code in {problem.code for problem in inspection.problems}
        ]
        confirm = f"\nTo send it unchanged: {' '.join(f'--confirm {code}' for code in doubts)}" if doubts else ""
        return f"[yellow]{counted}. It can be sent after an officer has checked it.{confirm}[/yellow]"
    later = (
        "" if inspection.complete else "\nSome rules could not be checked yet. Correct the file and validate it again."
    )
    return f"[red]{counted}. The message would be refused.[/red]{later}"
