"""Commands on the 14-day review of open searches."""

from dataclasses import asdict
from typing import Annotated

import typer

from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Confirmed,
    DecidedBy,
    Home,
    build_table,
    count_authorities,
    get_user_name,
    open_gateway,
    print_answer,
)
from gateway.cli.searches import describe_asked
from gateway.core import labels
from gateway.searches import review
from gateway.searches.review import ReviewResult, ReviewSummary
from schemas import codes

Case = Annotated[str, typer.Argument(help="The case, or one of its notices.")]

commands = typer.Typer(no_args_is_help=True, help="The 14-day reviews of open searches.")


@commands.command("list")
def review_list(
    home: Home = DEFAULT_HOME,
    due: Annotated[bool, typer.Option("--due", help="Show only reviews that are due.")] = False,
    as_json: AsJson = False,
) -> None:
    """List open searches and when each review is due."""
    with open_gateway(home) as gw:
        summaries = [summary for summary in review.list_reviews(gw) if summary.due or not due]
    rows = [
        (summary.case, f"{summary.since:%d %b %Y}", str(summary.asked), _describe_review(summary))
        for summary in summaries
    ]
    count = sum(summary.due for summary in summaries)
    title = f"Reviews of open searches: {count} due, {sum(summary.overdue for summary in summaries)} overdue"
    empty = "No reviews are due." if due else "No open searches."
    columns = ("Reference", "Since", "Asked", "Review")
    print_answer(
        as_json,
        {"reviews": [asdict(summary) for summary in summaries], "due": count},
        lambda: build_table(title, columns, rows, empty=empty),
    )


def _describe_review(summary: ReviewSummary) -> str:
    on = f"{summary.review_on:%d %b %Y}"
    lines = [labels.describe_review(on, due=summary.due, late=summary.overdue)]
    if summary.checked_on:
        lines.append(
            f"Reviews recorded: {summary.reviews}, the last on {summary.checked_on:%d %b %Y} by {summary.checked_by}"
        )
        lines += [_in_words(enquiry) for enquiry in (summary.checked or "").split()]
    if summary.asked_again:
        lines.append(f"Asked again: {count_authorities(summary.asked_again)}")
    return "\n  ".join(lines)


def _in_words(enquiry: str) -> str:
    source, _, result = enquiry.partition("=")
    names, results = codes.get_labels("enquiry_sources"), codes.get_labels("enquiry_results")
    return f"{names.get(source, source)}: {results.get(result, result).lower()}"


def _each_one_of(name: str) -> object:
    def check(given: list[str] | None) -> list[str]:
        for code in given or ():
            if code not in codes.get_labels(name):
                raise typer.BadParameter(f"{code} is not in the list. Use one of: {', '.join(codes.get_labels(name))}.")
        return given or []

    return check


@commands.command("record")
@commands.command("done", hidden=True)
def review_done(
    case: Case,
    checked: Annotated[
        list[str],
        typer.Option(
            callback=_each_one_of("enquiry_sources"),
            help=f"What you checked. Can be repeated. One of: {', '.join(codes.get_labels('enquiry_sources'))}.",
        ),
    ],
    result: Annotated[
        list[str],
        typer.Option(
            callback=_each_one_of("enquiry_results"),
            help=(
                "The result of each check, in the order of --checked. One of:"
                f" {', '.join(codes.get_labels('enquiry_results'))}."
            ),
        ),
    ],
    ask_again: Annotated[
        bool, typer.Option("--ask-again", help="Ask authorities again that found no trace or did not answer.")
    ] = False,
    home: Home = DEFAULT_HOME,
    confirmed: Confirmed = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Record a 14-day review."""
    if len(checked) != len(result):
        raise typer.BadParameter(
            "Give one --result for each --checked, in the same order.", param_hint="--checked, --result"
        )
    with open_gateway(home) as gw:
        pairs = list(zip(checked, result, strict=True))
        done = review.do_review(gw, case, pairs, by, ask_again=ask_again, confirmed=confirmed or ())
    print_answer(as_json, asdict(done), lambda: _done(done))


def _done(done: ReviewResult) -> str:
    recorded = f"Review recorded. Next review: {done.review_on:%d %b %Y}."
    return f"{describe_asked(done.asked_again)}\n{recorded}" if done.asked_again else recorded


def _not_found_ways() -> list[str]:
    return [row["code"] for row in codes.list_rows("located_ways") if row["found"] == "no"]


def _ending(reason: str) -> str:
    if reason not in _not_found_ways():
        raise typer.BadParameter(
            f"{reason} is not in the list. Use one of: {', '.join(_not_found_ways())}. "
            "If the child was found, run `cme-gateway end-search`."
        )
    return reason


@commands.command("end", hidden=True)
def review_end(
    case: Case,
    reason: Annotated[
        str, typer.Option(callback=_ending, help=f"Why the search ends. One of: {', '.join(_not_found_ways())}.")
    ],
    decided_by: DecidedBy = None,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """End a search though the child is not found, and tell everyone you asked."""
    with open_gateway(home) as gw:
        told = review.end_review(gw, case, reason, by, decided_by=decided_by)
    print_answer(
        as_json,
        {"ended": case, "reason": reason, "message_ids": told},
        lambda: f"Search ended. The gateway is telling {count_authorities(len(told))}.",
    )
