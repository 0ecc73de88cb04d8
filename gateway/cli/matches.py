"""Commands on searches that came: who of our own children may be the one, and the word on those whom nobody is near."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

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
    out,
    print_answer,
)
from gateway.cli.page import matches_page
from gateway.core import labels
from gateway.core.match_state import MatchState
from gateway.searches import match_incoming
from gateway.searches.match_incoming import MatchWorklist
from schemas import xml

commands = typer.Typer(no_args_is_help=True, help="Notices with possible matches in your records.")


@commands.command("list")
def matches_list(
    home: Home = DEFAULT_HOME,
    limit: Annotated[int, typer.Option(min=1, help="The most to show, oldest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List notices with possible matches in your records."""
    with open_gateway(home) as gw:
        worklist = match_incoming.get_match_worklist(gw, limit)
    value = {
        "matches": [
            asdict(search) | {"name": str(search.name), "possible": worklist.strengths[search.name]}
            for search in worklist.searches
        ],
        "counts": worklist.counts,
        "index": asdict(worklist.index) if worklist.index else None,
    }
    print_answer(as_json, value, lambda: _listed(worklist))
    if not as_json:
        _say_the_rest(worklist.counts, worklist.index is not None)


def _listed(worklist: MatchWorklist) -> object:
    rows = [
        (
            join_lines(str(search.name), labels.name_kind(search.kind)),
            format_for_list(search.came_at),
            labels.name_authority_in_full(search.sender),
            _how(worklist.strengths[search.name]),
        )
        for search in worklist.searches
    ]
    return build_table(
        "Notices with possible matches",
        ("Reference", "Date", "From", "Matches"),
        rows,
        empty="No notices with possible matches.",
    )


def _how(strengths: Sequence[int]) -> str:
    if not strengths:
        return "Check your case management system"
    return f"{len(strengths)} possible\nTop score {strengths[0]}"


def _say_the_rest(counts: Mapping[str, int], index: bool) -> None:
    if counts[MatchState.NEW] and not index:
        out.print(
            f"{count_of(counts[MatchState.NEW], 'notice')} not checked: there is no pupil index. To add one:"
            " cme-gateway one pupils"
        )
    out.print(
        f"{count_of(counts[MatchState.NONE], 'notice')} with no possible match. To reply to all: cme-gateway matches"
        " reply-all"
    )
    out.print(f"{count_of(counts[MatchState.ANSWERED], 'enquiry')} answered automatically")


@commands.command("show")
def matches_show(message_id: str, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Compare a notice with possible matches. Your view is logged."""
    with open_gateway(home) as gw:
        item, message, search, candidates = match_incoming.read_matches(gw, message_id, by)
    value = {
        "search": {
            "message_id": item.message_id,
            "sender": item.sender,
            "kind": item.kind,
            "state": search and search.state,
        },
        "xml": xml.write(message).decode(),
        "possible": [
            asdict(candidate)
            | {"reasons": [{"code": code, "says": labels.name_match_reason(code)} for code in candidate.reasons]}
            for candidate in candidates
        ],
    }
    print_answer(as_json, value, lambda: matches_page(message, search.state if search else MatchState.NEW, candidates))


@commands.command("reply-all")
@commands.command("none", hidden=True)
def matches_none(home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Answer "no trace" to all enquiries and whereabouts unknown notices with no possible match."""
    with open_gateway(home) as gw:
        done = match_incoming.answer_unmatched(gw, by)
    count = sum(done.values())
    print_answer(
        as_json,
        {"answered": count},
        lambda: f"Replied to {count_of(count, 'notice')} with no possible match.",
    )
