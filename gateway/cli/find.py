"""The command that finds notices by what a person knows: a name, a date of birth, a UPN, a reference."""

import sys
from dataclasses import fields
from typing import Annotated

import typer

from gateway.casework import find
from gateway.casework.find import FoundNotice
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Home,
    build_table,
    err,
    format_for_list,
    get_user_name,
    join_lines,
    open_gateway,
    print_answer,
)
from gateway.core import labels
from gateway.core.message_summary import MessageSummary
from gateway.core.typed_search import MOST_TYPED

# In one answer.
MOST = 500

commands = typer.Typer()


@commands.command("find")
def find_command(
    typed: Annotated[
        str | None,
        typer.Argument(
            metavar="WORDS",
            help='For example, "malik 2015-09-03". Leave it out to be asked for it, so that it is not in the shell '
            "history.",
        ),
    ] = None,
    alike: Annotated[
        bool,
        typer.Option(
            "--alike",
            help="Include names that are spelt nearly the same or sound alike, short forms, and dates with a slip. "
            "Without it, they are shown where nothing has exactly what you entered.",
        ),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="The most to show, newest first.")] = 50,
    before: Annotated[
        int | None, typer.Option(help="Show the next page: give the number that the last page shows.")
    ] = None,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Find notices by name, date of birth, number or reference. Your search, and the names shown, are logged."""
    asked = _asked() if typed is None else typed
    with open_gateway(home) as gw:
        result = find.find_notices(gw, asked, by, alike=alike, limit=limit, cursor=before)
    print_answer(as_json, {"found": [_to_members(hit) for hit in result.hits]} | _rest(result), lambda: _shown(result))
    if result.similar and not alike and result.hits:
        err.print("Nothing has exactly this. Those above are similar.")
    if result.cut:
        err.print("There are too many to show all. Add a date or a year of birth, or another name.")
    if result.more is not None:
        err.print(f"There are older ones. To show them: --before={result.more}")
    if not result.complete:
        err.print("[yellow]Not all notices can be found yet, after an update.[/yellow] Try again later.")


def _to_members(hit: FoundNotice) -> dict[str, object]:
    """Return what programs read: there, its direction is called "lies"."""
    summary = {it.name: getattr(hit, it.name) for it in fields(MessageSummary)}
    summary["lies"] = summary.pop("direction")
    return summary | {
        "name": hit.child_name or None,
        "dob": hit.child.dob if hit.child else None,
        "reasons": list(hit.reasons),
    }


def _rest(result: find.FoundNotices) -> dict[str, object]:
    return {"more": result.more, "complete": result.complete, "similar": result.similar}


def _asked() -> str:
    """Return what a person types, or a program writes: one line, and no more of it than can be meant."""
    if sys.stdin.isatty():
        err.print("Name, date of birth, number or reference: ", end="")
    return sys.stdin.buffer.readline(MOST_TYPED * 4).decode(sys.stdin.encoding, "surrogateescape")


def _shown(result: find.FoundNotices) -> object:
    rows = [(_describe(hit), format_for_list(hit.at), _with(hit), hit.status.tag) for hit in result.hits]
    title = "Similar notices" if result.similar else "Notices found"
    columns = ("Notice and child", "Date", "To or from", "Status")
    return build_table(title, columns, rows, empty="No notices found.")


def _with(hit: MessageSummary) -> str:
    return f"{'To' if hit.direction == 'sent' else 'From'} {labels.name_authority_in_full(hit.partner)}"


def _describe(hit: FoundNotice) -> str:
    born = f"Born {hit.child.dob:%d %b %Y}" if hit.child else None
    restricted = labels.name_restriction(hit.restriction) if hit.restriction != "none" else None
    test = "Test" if hit.test else None
    return join_lines(hit.message_id, hit.subject, born, hit.why, labels.name_kind(hit.kind), restricted, test)
