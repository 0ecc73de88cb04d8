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
    answer,
    count_authorities,
    opened,
    table,
    who,
)
from gateway.cli.searches import asked
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
    with opened(home) as gw:
        found = [one for one in review.list_reviews(gw) if one.due or not due]
    rows = [(one.case, f"{one.since:%d %b %Y}", str(one.asked), _said(one)) for one in found]
    count = sum(one.due for one in found)
    title = f"Reviews of open searches: {count} due, {sum(one.overdue for one in found)} overdue"
    empty = "No reviews are due." if due else "No open searches."
    columns = ("Reference", "Since", "Asked", "Review")
    answer(
        as_json,
        {"reviews": [asdict(one) for one in found], "due": count},
        lambda: table(title, columns, rows, empty=empty),
    )


def _said(one: ReviewSummary) -> str:
    on = f"{one.review_on:%d %b %Y}"
    lines = [f"Overdue since {on}" if one.overdue else "Due today" if one.due else f"Due {on}"]
    if one.checked_on:
        lines.append(f"Reviews recorded: {one.reviews}, the last on {one.checked_on:%d %b %Y} by {one.checked_by}")
        lines += [_in_words(said) for said in (one.checked or "").split()]
    if one.asked_again:
        lines.append(f"Asked again: {count_authorities(one.asked_again)}")
    return "\n  ".join(lines)


def _in_words(said: str) -> str:
    source, _, result = said.partition("=")
    names, results = codes.labels("enquiry_sources"), codes.labels("enquiry_results")
    return f"{names.get(source, source)}: {results.get(result, result).lower()}"


def _each_one_of(name: str) -> object:
    def check(said: list[str] | None) -> list[str]:
        for code in said or ():
            if code not in codes.labels(name):
                raise typer.BadParameter(f"{code} is not one of {', '.join(codes.labels(name))}")
        return said or []

    return check


@commands.command("record")
@commands.command("done", hidden=True)
def review_done(
    case: Case,
    checked: Annotated[
        list[str],
        typer.Option(
            callback=_each_one_of("enquiry_sources"),
            help=f"What you checked. Can be repeated. One of: {', '.join(codes.labels('enquiry_sources'))}.",
        ),
    ],
    result: Annotated[
        list[str],
        typer.Option(
            callback=_each_one_of("enquiry_results"),
            help=(
                "The result of each check, in the order of --checked. One of:"
                f" {', '.join(codes.labels('enquiry_results'))}."
            ),
        ),
    ],
    ask_again: Annotated[
        bool, typer.Option("--ask-again", help="Ask authorities again that found no trace or did not answer.")
    ] = False,
    home: Home = DEFAULT_HOME,
    confirmed: Confirmed = None,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Record a 14-day review."""
    if len(checked) != len(result):
        raise typer.BadParameter(
            "give one --result for each --checked, in the same order", param_hint="--checked, --result"
        )
    with opened(home) as gw:
        pairs = list(zip(checked, result, strict=True))
        done = review.do_review(gw, case, pairs, by, ask_again=ask_again, confirmed=confirmed or ())
    answer(as_json, asdict(done), lambda: _done(done))


def _done(done: ReviewResult) -> str:
    said = f"Review recorded. Next review: {done.review_on:%d %b %Y}."
    return f"{asked(done.asked_again)}\n{said}" if done.asked_again else said


def _not_found_ways() -> list[str]:
    return [row["code"] for row in codes.rows("located_ways") if row["found"] == "no"]


def _ending(reason: str) -> str:
    if reason not in _not_found_ways():
        raise typer.BadParameter(
            f"{reason} is not one of {', '.join(_not_found_ways())}; if the child is found: cme-gateway end-search"
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
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """End a search though the child is not found, and tell everyone you asked."""
    with opened(home) as gw:
        told = review.end_review(gw, case, reason, by, decided_by=decided_by)
    answer(
        as_json,
        {"ended": case, "reason": reason, "message_ids": told},
        lambda: f"Search ended. The gateway is telling {count_authorities(len(told))}.",
    )
