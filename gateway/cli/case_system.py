"""Commands on the files that ONE, or another case system, takes in."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from gateway.cli.output import DEFAULT_HOME, AsJson, By, Home, Limit, answer, day, opened, table, when, who
from gateway.errors import Unusable
from gateway.one import headings, held_files
from gateway.searches import children_index, school2school
from gateway.store import transfer_files
from gateway.store.transfer_files import Stage

DOUBTS = (headings.CODE, children_index.ALL_RESTRICTED)

commands = typer.Typer(no_args_is_help=True, help="Files for and from ONE, or another case system.")


@commands.command("imports")
def one_imports(
    home: Home = DEFAULT_HOME,
    state: Annotated[list[Stage] | None, typer.Option(help="Only those in this state.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List notices written for import into ONE, and the results."""
    with opened(home) as here:
        found = here.store.look(
            lambda tx: transfer_files.search(tx, other_than=here.code, states=state or (), limit=limit)
        )
    rows = [(one.message_id, day(one.state_at), _stands(one)) for one in found]
    answer(
        as_json,
        {"imports": [asdict(one) | {"shortened": one.shortened.split()} for one in found]},
        lambda: table("Imports", ("Id", "When", "How it stands"), rows),
    )


def _stands(one: transfer_files.TransferFile) -> str:
    shortened = f"shortened: {', '.join(one.shortened.split())}" if one.shortened else None
    return "\n".join(filter(None, (f"{one.state.value}, from {one.sender}", one.file, shortened)))


@commands.command("s2s")
def one_s2s(
    message_id: str,
    folder: Annotated[Path, typer.Option(help="Where the file is written.")],
    home: Home = DEFAULT_HOME,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Create a School to School file for a missing child. Your view is logged."""
    with opened(home) as here:
        file, made = school2school.write(here, message_id, folder, by)
    value = {"message_id": message_id, "file": str(file), "shortened": made.shortened}
    shortened = f"\nShortened in it: {', '.join(made.shortened)}" if made.shortened else ""
    answer(
        as_json,
        value,
        lambda: f"Written: {escape(str(file))}{shortened}\nDelete it once it is uploaded: it names the child.",
    )


@commands.command("pupils")
@commands.command("children", hidden=True)
def one_children(
    file: Annotated[Path, typer.Argument(help="The extract of all our children, as CSV.")],
    home: Home = DEFAULT_HOME,
    fewer: Annotated[
        bool, typer.Option("--fewer", help="Also where it holds less than half of those that we had.")
    ] = False,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Also where its headings are not known, or most of the children restricted."),
    ] = False,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Replace the pupil index with a new extract."""
    with opened(home) as here:
        try:
            with file.open("rb") as stream:
                done = children_index.load(here, stream, by, fewer=fewer, accepted=DOUBTS if accept else ())
        except OSError as why:
            raise Unusable("file.unreadable", file=file, why=why.strerror) from None
    unread = [{"row": line, "reason": reason} for line, reason in done.unread]
    doubted = [{"row": line, "reason": reason} for line, reason in done.doubted]
    lines = "".join(f"\n  row {one['row']}: {one['reason']}" for one in (*unread, *doubted))
    lines += f"\n  {escape(done.noted)}" if done.noted else ""
    answer(
        as_json,
        {"children": done.children, "unread": unread, "doubted": doubted, "headings": done.noted},
        lambda: (
            f"[green]{done.children:,} children are in the index.[/green] {len(unread)} rows cannot be read.{lines}"
        ),
    )


@commands.command("waiting")
def one_waiting(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """List files from ONE to check before they count, oldest first."""
    with opened(home) as here:
        found = held_files.find_all(here.config.home)
    rows = [(one.file_id, one.kind, when(one.since), escape(one.sentence)) for one in found]
    answer(
        as_json,
        {
            "waiting": [
                {name: getattr(one, name) for name in ("file_id", "kind", "code", "sentence", "since")} for one in found
            ]
        },
        lambda: table("Files that wait", ("Id", "Of", "Since", "Why"), rows),
    )


@commands.command("accept")
def one_accept(file_id: str, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """Accept a file as it is. Its headings are known from then on."""
    with opened(home) as here:
        one = held_files.accept(here, file_id, by)
    answer(as_json, {"accepted": one.file_id}, lambda: "Accepted: it is taken in while the gateway runs.")


@commands.command("put-aside")
def one_put_aside(file_id: str, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """Put a file aside. Nothing in it is used."""
    with opened(home) as here:
        one = held_files.put_aside(here, file_id, by)
    answer(as_json, {"put_aside": one.file_id}, lambda: "Put aside.")
