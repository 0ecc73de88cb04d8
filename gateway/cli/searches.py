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
    answer,
    count_authorities,
    day,
    opened,
    table,
    who,
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
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Ask several authorities about one child."""
    if (file is None) == (case is None):
        raise typer.BadParameter("give a file, or the case in which to ask more authorities", param_hint="FILE, --case")
    with opened(home) as gw:
        meant, not_asked = enquire.resolve_recipients(gw, to or (), region or (), everyone=everyone)
        if file is not None:
            done = enquire.ask_authorities(gw, message_in(file), meant, not_asked, by, confirmed=confirmed or ())
        else:
            done = enquire.ask_more_authorities(gw, case or "", meant, not_asked, by, confirmed=confirmed or ())
    answer(as_json, asdict(done), lambda: asked(done))


def asked(done: EnquiryResult) -> str:
    """Return who was asked, and who was not."""
    lines = [
        f"Search queued for {count_authorities(len(done.asked))} "
        f"({codes.labels('circulations')[done.circulation].lower()}): case [bold]{done.case}[/bold]"
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
def search_command(case: str, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """Show a search: who was asked, who answered, who to call. Your view is logged."""
    with opened(home) as gw:
        found = search.open_search(gw, case, by)
    counts = {one.value: len(found.those(one)) for one in AnswerState if found.those(one)}
    answer(as_json, asdict(found) | {"counts": counts, "next": found.next_step}, lambda: _shown(found, counts))


def _shown(found: SearchOverview, counts: dict[str, int]) -> Group:
    rows = [(labels.name_authority_in_full(one.authority), day(one.since), _said(one)) for one in found.asked]
    said = "\n".join(f"  {labels.build_answering(name).tag}: {count}" for name, count in counts.items())
    again = f"\nNext review: {found.review_on:%d %b %Y}." if found.review_on else ""
    return Group(
        table(f"Case {found.case}", ("Authority", "Date", "Status"), rows, empty="Nobody was asked."),
        f"\nAsked: {count_authorities(len(found.asked))}\n{said}\n{escape(found.next_step)}{again}",
    )


def _said(one: AskedAuthority) -> str:
    said = [labels.build_answering(one.standing).tag, one.said and one.said + " (sent automatically)" * one.by_machine]
    said += [one.ring and f"Call {one.ring}", f"Asked {one.times} times" if one.times > 1 else None]
    said += [one.reason, "Told that the search has ended" if one.stood_down else None]
    return "\n  ".join(filter(None, said))
