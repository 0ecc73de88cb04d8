"""Commands on searches for a child: ask many authorities, and see a search as a whole."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.markup import escape

from gateway.cli.notices import message_in
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Confirmed,
    Home,
    build_table,
    count_authorities,
    format_for_list,
    get_user_name,
    open_gateway,
    print_answer,
)
from gateway.core import labels
from gateway.core.search_status import AnswerState
from gateway.exchange import enquire
from gateway.exchange.enquire import EnquiryResult
from gateway.searches import search
from gateway.searches.search import AskedAuthority, SearchOverview
from schemas import codes

commands = typer.Typer()


@commands.command("enquire")
def enquire_command(
    file: Annotated[
        Path | None, typer.Argument(help="The file of the enquiry or notice. Its recipient is not used.")
    ] = None,
    case: Annotated[str | None, typer.Option(help="Ask more authorities in this case, not those asked before.")] = None,
    to: Annotated[list[str] | None, typer.Option(help="Ask this authority (DfE code). Can be repeated.")] = None,
    region: Annotated[list[str] | None, typer.Option(help="Ask everyone in this region. Can be repeated.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Ask everyone in England.")] = False,
    home: Home = DEFAULT_HOME,
    confirmed: Confirmed = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Ask several authorities about one child."""
    if (file is None) == (case is None):
        raise typer.BadParameter(
            "Give either a file, or the case in which to ask more authorities.", param_hint="FILE, --case"
        )
    with open_gateway(home) as gw:
        meant, not_asked = enquire.resolve_recipients(gw, to or (), region or (), everyone=everyone)
        if file is not None:
            done = enquire.ask_authorities(gw, message_in(file), meant, not_asked, by, confirmed=confirmed or ())
        else:
            done = enquire.ask_more_authorities(gw, case or "", meant, not_asked, by, confirmed=confirmed or ())
    print_answer(as_json, asdict(done), lambda: describe_asked(done))


def describe_asked(done: EnquiryResult) -> str:
    """Return who was asked, and who was not."""
    lines = [
        f"Search queued for {count_authorities(len(done.asked))} "
        f"({codes.get_labels('circulations')[done.circulation].lower()}): case [bold]{done.case}[/bold]"
    ]
    if done.before:
        lines.append(f"Asked before: {', '.join(map(labels.name_authority_in_full, done.before))}")
    lines += [
        f"[yellow]Not asked:[/yellow] {labels.name_authority_in_full(code)}: {escape(why)}"
        for code, why in sorted(done.not_asked.items())
    ]
    return "\n".join([*lines, f"To see the answers: cme-gateway search-status {done.case}"])


@commands.command("search-status")
@commands.command("search", hidden=True)
def search_command(case: str, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Show a search: who was asked, who answered, who to call. Your view is logged."""
    with open_gateway(home) as gw:
        overview = search.open_search(gw, case, by)
    counts = {state.value: len(overview.list_standing(state)) for state in AnswerState if overview.list_standing(state)}
    print_answer(
        as_json, asdict(overview) | {"counts": counts, "next": overview.next_step}, lambda: _shown(overview, counts)
    )


def _shown(overview: SearchOverview, counts: dict[str, int]) -> Group:
    rows = [
        (
            labels.name_authority_in_full(authority.authority),
            format_for_list(authority.since),
            _describe_authority(authority),
        )
        for authority in overview.asked
    ]
    counted = "\n".join(f"  {labels.build_answering(name).tag}: {count}" for name, count in counts.items())
    again = f"\nNext review: {overview.review_on:%d %b %Y}." if overview.review_on else ""
    to_call = "\n".join(
        f"  {labels.name_authority_in_full(it.authority)}{escape(f': {it.contact}' if it.contact else '')}"
        for it in overview.to_call
    )
    calls = f"\nNot asked, call them: {len(overview.to_call)}\n{to_call}" if to_call else ""
    return Group(
        build_table(f"Case {overview.case}", ("Authority", "Date", "Status"), rows, empty="Nobody was asked."),
        f"\nAsked: {count_authorities(len(overview.asked))}\n{counted}\n{escape(overview.next_step)}{again}{calls}",
    )


def _describe_authority(authority: AskedAuthority) -> str:
    facts = [
        labels.build_answering(authority.standing).tag,
        authority.said and authority.said + " (sent automatically)" * authority.by_machine,
    ]
    facts += [
        authority.ring and f"Call {authority.ring}",
        f"Asked {authority.times} times" if authority.times > 1 else None,
    ]
    facts += [authority.reason, "Told that the search has ended" if authority.stood_down else None]
    return "\n  ".join(filter(None, facts))
