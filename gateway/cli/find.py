"""The command that finds notices by what a person knows: a name, a date of birth, a UPN, a reference."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from gateway.casework import find
from gateway.casework.message_summary import Stands
from gateway.cli.output import DEFAULT_HOME, AsJson, By, Home, answer, day, err, opened, table, who
from gateway.core.labels import name_kind
from gateway.core.search_terms import MOST_TYPED

MOST = 500  # in one answer

commands = typer.Typer()


@commands.command("find")
def find_command(
    typed: Annotated[
        str | None,
        typer.Argument(
            metavar="WORDS",
            help='As "malik 2015-09-03". Better without: then it is asked for, or read from the standard input, and '
            "stays out of the shell's history.",
        ),
    ] = None,
    alike: Annotated[
        bool, typer.Option("--alike", help="Also names that sound alike or are short forms, and day and month swapped.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many, the newest.")] = 50,
    before: Annotated[int | None, typer.Option(help="Only what is before this: the next page.")] = None,
    home: Home = DEFAULT_HOME,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Find notices by name, date of birth, UPN, ULN or reference. Your search is logged."""
    asked = _asked() if typed is None else typed
    with opened(home) as here:
        found = find.find(here, asked, by, alike=alike, limit=limit, before=before)
    answer(as_json, {"found": [asdict(hit) for hit in found.hits]} | _rest(found), lambda: _shown(found.hits))
    if found.more is not None:
        err.print(f"There are more, which are older: --before={found.more}")
    if not found.complete:
        err.print("[yellow]Notices of before the last update are still being made findable:[/yellow] look again later.")


def _rest(found: find.Found) -> dict[str, object]:
    return {"more": found.more, "complete": found.complete}


def _asked() -> str:
    """What a person types, or a program writes: one line, and no more of it than can be meant."""
    if sys.stdin.isatty():
        err.print("Name, date of birth, UPN or reference: ", end="")
    return sys.stdin.buffer.readline(MOST_TYPED * 4).decode(sys.stdin.encoding, "surrogateescape")


def _shown(hits: Sequence[Stands]) -> object:
    rows = [(hit.message_id, day(hit.at), _with(hit), _said(hit)) for hit in hits]
    return table("Found", ("Id", "When", "With", "What, and how it stands"), rows)


def _with(hit: Stands) -> str:
    return f"{'to' if hit.lies == 'sent' else 'from'} {hit.partner}"


def _said(hit: Stands) -> str:
    restricted = hit.restriction if hit.restriction != "none" else None
    return "\n  ".join(filter(None, (name_kind(hit.kind), hit.state, restricted, "test" if hit.test else None)))
