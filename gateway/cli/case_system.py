"""Commands on files for and from ONE, or another case system."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Home,
    Limit,
    build_table,
    format_for_list,
    format_moment,
    get_user_name,
    join_lines,
    open_gateway,
    print_answer,
)
from gateway.core import labels
from gateway.core.transfer_stage import TransferStage
from gateway.errors import Unusable
from gateway.one import headings, held_files, imports
from gateway.searches import children_index, school2school
from schemas.shapes import MessageId

DOUBTS = (headings.CODE, children_index.ALL_RESTRICTED)

commands = typer.Typer(no_args_is_help=True, help="Files to and from ONE, or another case management system.")


@commands.command("imports")
def one_imports(
    home: Home = DEFAULT_HOME,
    state: Annotated[list[TransferStage] | None, typer.Option(help="Show only files in this state.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List notices written for import into ONE, and the results."""
    with open_gateway(home) as gw:
        files = imports.list_transfer_files(gw, state or (), limit)
    rows = [
        (
            file.message_id,
            format_for_list(file.state_at),
            _describe_file(file.state, file.sender, file.file, file.shortened.split()),
        )
        for file in files
    ]
    print_answer(
        as_json,
        {"imports": [asdict(file) | {"shortened": file.shortened.split()} for file in files]},
        lambda: build_table(
            "Files for ONE", ("Reference", "Date", "Status"), rows, empty="No notices written for import into ONE."
        ),
    )


def _describe_file(stage: TransferStage, sender: str, file: str | None, shortened: Sequence[str]) -> str:
    cut = f"Shortened: {', '.join(shortened)}" if shortened else None
    return join_lines(labels.name_import(stage), f"From {labels.name_authority_in_full(sender)}", file, cut)


@commands.command("s2s")
def one_s2s(
    message_id: str,
    folder: Annotated[Path, typer.Option(help="The folder for the file.")],
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Create a School to School file for a missing child. Your view is logged."""
    with open_gateway(home) as gw:
        file, made = school2school.write_lost_pupil_file(gw, MessageId(message_id), folder, by)
    value = {"message_id": message_id, "file": str(file), "shortened": made.shortened}
    shortened = f"\nShortened in the file: {', '.join(made.shortened)}" if made.shortened else ""
    print_answer(
        as_json,
        value,
        lambda: f"File created: {escape(str(file))}{shortened}\nDelete it after the upload: it names the child.",
    )


@commands.command("pupils")
@commands.command("children", hidden=True)
def one_children(
    file: Annotated[Path, typer.Argument(help="The extract of all your pupils, as CSV.")],
    home: Home = DEFAULT_HOME,
    fewer: Annotated[
        bool, typer.Option("--fewer", help="Accept an extract with less than half as many pupils as the last one.")
    ] = False,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Accept headings that are not known, or mostly restricted children."),
    ] = False,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Replace the pupil index with a new extract."""
    with open_gateway(home) as gw:
        try:
            with file.open("rb") as stream:
                done = children_index.load_extract(gw, stream, by, fewer=fewer, accepted=DOUBTS if accept else ())
        except OSError as why:
            raise Unusable("file.unreadable", file=file, why=why.strerror) from None
    unread = [{"row": line, "reason": reason} for line, reason in done.unread]
    doubted = [{"row": line, "reason": reason} for line, reason in done.doubted]
    lines = "".join(f"\n  Row {row['row']}: {row['reason']}" for row in (*unread, *doubted))
    lines += f"\n  {escape(done.noted)}" if done.noted else ""
    print_answer(
        as_json,
        {"children": done.children, "unread": unread, "doubted": doubted, "headings": done.noted},
        lambda: (
            f"[green]Pupil index replaced: {done.children:,} children.[/green] Rows that cannot be read:"
            f" {len(unread)}.{lines}"
        ),
    )


@commands.command("waiting")
def one_waiting(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """List files from ONE that must be checked before they are used, oldest first."""
    with open_gateway(home) as gw:
        files = held_files.find_all(gw.config.home)
    rows = [
        (file.file_id, labels.name_extract(file.kind), format_moment(file.since), escape(file.sentence))
        for file in files
    ]
    print_answer(
        as_json,
        {
            "waiting": [
                {name: getattr(file, name) for name in ("file_id", "kind", "code", "sentence", "since")}
                for file in files
            ]
        },
        lambda: build_table(
            "Files to check", ("File", "Contains", "Date", "Problem"), rows, empty="No files to check."
        ),
    )


@commands.command("accept")
def one_accept(file_id: str, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Accept a file as it is. Its headings will not need checking again."""
    with open_gateway(home) as gw:
        file = held_files.accept_file(gw, file_id, by)
    print_answer(
        as_json, {"accepted": file.file_id}, lambda: "File accepted. The gateway reads it now, if it is running."
    )


@commands.command("put-aside")
def one_put_aside(file_id: str, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Put a file aside. It is not used."""
    with open_gateway(home) as gw:
        file = held_files.put_aside(gw, file_id, by)
    print_answer(as_json, {"put_aside": file.file_id}, lambda: "File put aside. Nothing in it is used.")
