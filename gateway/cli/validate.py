"""The command that checks a message file. It needs no gateway, and imports none."""

from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import fill, indent

import typer
from rich.markup import escape

from gateway.cli.output import AsJson, answer, out, read_bytes
from gateway.core import safeguards
from schemas import xml
from schemas.inspection import Inspection, inspect

commands = typer.Typer()


@commands.command()
def validate(file: Path, as_json: AsJson = False) -> None:
    """Check a message file and list every problem."""
    data, today = read_bytes(file), datetime.now(UTC).date()
    found = _with_slips(inspect(data, today=today), data, today)
    counts = {"errors": found.count("error"), "warnings": found.count("warning")}
    answer(as_json, {"file": str(file)} | counts | asdict(found), lambda: _problems(file, found))
    if counts["errors"]:
        raise typer.Exit(1)


def _with_slips(found: Inspection, data: bytes, today: date) -> Inspection:
    """Beside what both sides refuse, what we do not send, or not without a word."""
    if not found.complete:
        return found
    slips = safeguards.find_slips(xml.read(data), today=today)
    return replace(found, problems=(*found.problems, *(one for one in slips if one not in found.problems)))


def _problems(file: Path, found: Inspection) -> str:
    """A block for each problem, and what follows from them all; wrapped here, because a terminal breaks words."""
    blocks = [f"[bold]{escape(str(file))}[/bold]"]
    for one in found.problems:
        colour = "red" if one.level == "error" else "yellow"
        line = f"Line {one.line}  " if one.line else ""
        sentence = fill(one.sentence, min(out.width, 100) - 2, break_long_words=False, break_on_hyphens=False)
        blocks.append(
            f"{line}[{colour}]{one.level}[/{colour}]  [bold]{one.element.removeprefix('Message/')}[/bold]\n"
            + indent(f"{escape(sentence)}\n[dim]{one.code}[/dim]", "  ")
        )
    return "\n\n".join([*blocks, _verdict(found)])


def _verdict(found: Inspection) -> str:
    counts = ((found.count("error"), "error"), (found.count("warning"), "warning"))
    said = ", ".join(f"{n} {level}{'s' if n > 1 else ''}" for n, level in counts if n)
    if not said:
        return "[green]No problems found.[/green]"
    if not found.count("error"):
        doubts = [one.code for one in safeguards.SAFEGUARDS if one.code in {problem.code for problem in found.problems}]
        confirm = f"\nTo send it unchanged: {' '.join(f'--confirm {code}' for code in doubts)}" if doubts else ""
        return f"[yellow]{said}. It can be sent after an officer has checked it.{confirm}[/yellow]"
    later = "" if found.complete else "\nSome rules could not be checked yet. Correct the file and validate it again."
    return f"[red]{said}. The message would be refused.[/red]{later}"
