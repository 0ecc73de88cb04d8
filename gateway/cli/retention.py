"""Commands on how long cases are kept."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Home,
    build_table,
    count_of,
    format_for_list,
    get_user_name,
    join_lines,
    open_gateway,
    print_answer,
)
from gateway.core import labels
from gateway.core.retention import HoldReason
from gateway.retention import legal_holds, purge
from gateway.retention.purge import PurgeResult

Case = Annotated[str, typer.Argument(help="The case, or one of its notices.")]

commands = typer.Typer(no_args_is_help=True, help="How long cases are kept: preview, purge, and legal holds.")


@commands.command("preview")
def preview_command(home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """List what a purge would delete now. Nothing is deleted."""
    with open_gateway(home) as gw:
        preview = purge.preview_purge(gw)
        days = gw.config.retention.days
        purge.log_listing(gw, preview.due, by)
    rows = [
        (case.case_id, f"{case.ended_at:%d %b %Y}" if case.ended_at else "", f"{case.purge_on:%d %b %Y}")
        for case in preview.due
    ]
    more = (
        f"{count_of(preview.records, 'other record')}, {count_of(preview.files, 'file')}."
        f" {count_of(preview.held, 'case')} on legal hold."
    )
    print_answer(
        as_json,
        {
            "cases": [{"case": case.case_id, "ended_at": case.ended_at} for case in preview.due],
            "records": preview.records,
            "files": preview.files,
            "held": preview.held,
        },
        lambda: build_table(
            f"Cases that ended more than {days} days ago. {more}",
            ("Reference", "Ended", "To be deleted from"),
            rows,
            empty=f"No case is to be deleted. {more}",
        ),
    )


@commands.command("purge")
def purge_command(home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Delete now what has passed its retention time. This cannot be undone."""
    with open_gateway(home) as gw:
        result = purge.run_purge(gw, by)
    print_answer(as_json, asdict(result), lambda: _describe_result(result))
    if result.troubles:
        raise typer.Exit(1)


def _describe_result(result: PurgeResult) -> str:
    counts = (
        f"Deleted: {count_of(result.cases, 'case')}, {count_of(result.records, 'other record')},"
        f" {count_of(result.files, 'file')}."
    )
    return join_lines(counts, *map(escape, result.troubles))


@commands.command("holds")
def holds_command(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """List the cases on legal hold."""
    with open_gateway(home) as gw:
        holds = legal_holds.list_holds(gw)
    rows = [(hold.case_id, format_for_list(hold.at), hold.by, labels.name_hold_reason(hold.reason)) for hold in holds]
    columns = ("Reference", "Since", "By", "Reason")
    print_answer(
        as_json,
        {"holds": [{"case": hold.case_id, "reason": hold.reason, "at": hold.at, "by": hold.by} for hold in holds]},
        lambda: build_table("Cases on legal hold", columns, rows, empty="No case is on legal hold."),
    )


@commands.command("hold")
def hold_command(
    case: Case,
    reason: Annotated[HoldReason, typer.Option(help="Why the case must be kept.")],
    note: Annotated[str, typer.Option(help="For your authority only, such as a reference. It is encrypted.")] = "",
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Keep a case until the hold is released."""
    with open_gateway(home) as gw:
        held = legal_holds.hold_case(gw, case, reason, by, note)
    print_answer(as_json, {"case": held, "held": True}, lambda: f"Case {held} is on legal hold. It is not deleted.")


@commands.command("release")
def release_command(case: Case, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """End the legal hold on a case."""
    with open_gateway(home) as gw:
        released = legal_holds.release_case(gw, case, by)
    done = f"Case {released} is no longer on legal hold. It is deleted when its retention time has passed."
    print_answer(as_json, {"case": released, "held": False}, lambda: done)
