"""Commands on what we sent: correct it, take it back, stand a search down, try again."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.notices import message_in
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Confirmed,
    Home,
    Limit,
    OnDay,
    answer,
    coded,
    day,
    lines,
    on_day,
    opened,
    table,
    who,
)
from gateway.exchange import amend
from gateway.store import outbox, partners
from gateway.store.outbox import Delivery
from schemas.message import LocatedNotice, Withdrawal
from schemas.reading import words

commands = typer.Typer()


@commands.command()
def correct(
    message_id: str,
    file: Path,
    home: Home = DEFAULT_HOME,
    confirmed: Confirmed = None,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Send a notice in the place of one of ours that was wrong. It gets its own id, in the same case."""
    with opened(home) as here:
        new = amend.correct(here, message_id, message_in(file), by, confirmed=confirmed or ())
    answer(
        as_json, {"message_id": new, "supersedes": message_id}, lambda: f"Queued: {new}, in the place of {message_id}"
    )


@commands.command()
def withdraw(
    message_id: str,
    reason: Annotated[str, coded(typer.Argument, "withdrawal_reasons", "Why.")],
    home: Home = DEFAULT_HOME,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Take back a notice that we sent."""
    with opened(home) as here:
        told = amend.withdraw(here, message_id, Withdrawal(reason=reason, officer=here.officer(by)), by)
    answer(
        as_json,
        {"withdrawn": message_id, "message_id": told},
        lambda: f"Withdrawn; they are told by {told}" if told else "Withdrawn before it left; nobody was told of it.",
    )


@commands.command()
def located(
    case: Annotated[str, typer.Argument(help="The case, or one of its notices.")],
    way: Annotated[str, coded(typer.Argument, "located_ways", "How the search ended.")],
    home: Home = DEFAULT_HOME,
    on: OnDay = None,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Stand down: the child of our enquiry is found. Everybody who was asked in its case is told; where is not said."""
    with opened(home) as here:
        body = LocatedNotice(located_on=on_day(here, on), way=way, ring=here.officer(by))
        told = amend.stand_down(here, case, body, by)
    answer(
        as_json,
        {"located": case, "message_ids": told},
        lambda: f"The search is concluded; {len(told)} who were asked are told.",
    )


@commands.command()
def retry(
    message_id: Annotated[str | None, typer.Argument(help="Only this message; without it, all.")] = None,
    home: Home = DEFAULT_HOME,
    to: Annotated[str | None, typer.Option(help="Only those to this authority.")] = None,
    given_up: Annotated[
        bool, typer.Option("--list", help="Try nothing; list what was given up, by authority, and why.")
    ] = False,
    limit: Limit = 50,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Try now what waits for a partner, and what was given up."""
    if message_id and (to or given_up):
        raise typer.BadParameter("name a message, or --to, or --list")
    with opened(home) as here:
        if given_up:
            _dead_letters(here.store.look(lambda tx: outbox.given_up(tx, to, limit)), as_json)
            return
        if message_id:
            amend.release_one(here, message_id, by)
            answer(as_json, {"released": 1}, lambda: "It will be tried now, if the gateway is running.")
            return
        if to is not None and here.letters_go_to(to) is None:
            here.store.look(lambda tx: partners.get(tx, to))
        count = amend.release(here, to, by)
    answer(as_json, {"released": count}, lambda: f"{count} will be tried now, if the gateway is running.")


def _dead_letters(found: Sequence[Delivery], as_json: bool) -> None:
    rows = [(one.message_id, day(one.state_at), one.recipient, lines(words(one.kind), one.reason)) for one in found]
    columns = ("Id", "When", "To", "What, and why it was given up")
    answer(as_json, {"given_up": [asdict(one) for one in found]}, lambda: table("Given up", columns, rows))
