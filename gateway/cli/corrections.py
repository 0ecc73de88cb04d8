"""Commands on sent notices: correct, withdraw, retry; and the end of a search."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.authorities import partners
from gateway.casework import messages
from gateway.cli.notices import message_in
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Confirmed,
    DecidedBy,
    Home,
    Limit,
    OnDay,
    build_code_parameter,
    build_table,
    count_authorities,
    count_of,
    describe_stored,
    format_for_list,
    get_user_name,
    join_lines,
    on_day,
    open_gateway,
    print_answer,
)
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.delivery import DeliveryState
from gateway.exchange.correct import correct_notice
from gateway.exchange.release import release_all, release_notice
from gateway.exchange.stand_down import stand_down_search
from gateway.exchange.withdraw import withdraw_notice
from gateway.searches import review
from schemas import codes
from schemas.message import LocatedNotice, Withdrawal
from schemas.shapes import MessageId

NONE_FAILED = "Every message was delivered, or is still being tried."

commands = typer.Typer()


@commands.command("correct")
def correct_command(
    message_id: str,
    file: Path,
    home: Home = DEFAULT_HOME,
    confirmed: Confirmed = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Replace a notice you sent with a corrected one."""
    with open_gateway(home) as gw:
        new = correct_notice(gw, MessageId(message_id), message_in(file), by, confirmed=confirmed or ())
    print_answer(
        as_json,
        {"message_id": new, "supersedes": message_id},
        lambda: f"Correction queued: {new}. It replaces {message_id}.",
    )


@commands.command("withdraw")
def withdraw_command(
    message_id: str,
    reason: Annotated[str, build_code_parameter(typer.Argument, "withdrawal_reasons", "Why.")],
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Withdraw a notice you sent."""
    with open_gateway(home) as gw:
        told = withdraw_notice(gw, MessageId(message_id), Withdrawal(reason=reason, officer=gw.build_officer(by)), by)
    print_answer(
        as_json,
        {"withdrawn": message_id, "message_id": told},
        lambda: (
            "Notice withdrawn. The gateway is telling the other authority."
            if told
            else "Notice withdrawn before it was sent. The other authority never had it."
        ),
    )


@commands.command("end-search")
def end_search(
    case: Annotated[str, typer.Argument(help="The case, or one of its notices.")],
    reason: Annotated[str, build_code_parameter(typer.Argument, "located_ways", "Why it ends.")],
    home: Home = DEFAULT_HOME,
    on: OnDay = None,
    decided_by: DecidedBy = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """End a search and tell everyone you asked. Give the reason."""
    with open_gateway(home) as gw:
        if any(row["code"] == reason and row["found"] == "yes" for row in codes.list_rows("located_ways")):
            body = LocatedNotice(located_on=on_day(gw, on), way=reason, ring=gw.build_officer(by))
            told = stand_down_search(gw, case, body, by, decided_by=decided_by)
        else:
            told = review.end_review(gw, case, reason, by, decided_by=decided_by)
    print_answer(
        as_json,
        {"ended": case, "reason": reason, "message_ids": told},
        lambda: f"Search ended. The gateway is telling {count_authorities(len(told))}.",
    )


@commands.command("located", hidden=True)
def end_search_as_found(
    case: Annotated[str, typer.Argument(help="The case, or one of its notices.")],
    way: Annotated[str, build_code_parameter(typer.Argument, "located_ways", "How the search ended.")],
    home: Home = DEFAULT_HOME,
    on: OnDay = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """End a search because the child is found."""
    with open_gateway(home) as gw:
        body = LocatedNotice(located_on=on_day(gw, on), way=way, ring=gw.build_officer(by))
        told = stand_down_search(gw, case, body, by)
    print_answer(
        as_json,
        {"located": case, "message_ids": told},
        lambda: f"Search ended. The gateway is telling {count_authorities(len(told))}.",
    )


@commands.command("retry")
def retry_command(
    message_id: Annotated[str | None, typer.Argument(help="Only this message. Default: all.")] = None,
    home: Home = DEFAULT_HOME,
    to: Annotated[str | None, typer.Option(help="Only messages to this authority.")] = None,
    given_up: Annotated[
        bool, typer.Option("--list", help="Show messages that could not be delivered, and why. Nothing is retried.")
    ] = False,
    limit: Limit = 50,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Retry messages that are waiting or could not be delivered."""
    if message_id and (to or given_up):
        raise typer.BadParameter("Give either a message, or --to or --list.")
    with open_gateway(home) as gw:
        if given_up:
            _show_undelivered(gw, to, limit, as_json)
            return
        if message_id:
            release_notice(gw, MessageId(message_id), by)
            print_answer(
                as_json,
                {"released": 1},
                lambda: "Message queued for another try. The gateway tries it now, if it is running.",
            )
            return
        if to is not None and gw.letters_go_to(to) is None:
            partners.get_known_partner(gw, to)
        count = release_all(gw, to, by)
    print_answer(
        as_json,
        {"released": count},
        lambda: f"{count_of(count, 'message')} queued for another try. The gateway tries now, if it is running.",
    )


def _show_undelivered(gw: Gateway, to: str | None, limit: int, as_json: bool) -> None:
    undelivered = messages.list_undelivered_messages(gw, to, limit)
    rows = [
        (
            join_lines(sent.message_id, labels.name_kind(sent.kind)),
            format_for_list(sent.state_at),
            labels.name_authority_in_full(sent.recipient),
            sent.reason,
        )
        for sent in undelivered
    ]
    columns = ("Reference", "Date", "To", "Reason")
    print_answer(
        as_json,
        {"given_up": [describe_stored(sent) for sent in undelivered]},
        lambda: build_table(
            labels.name_status("sent", "TransferNotice", DeliveryState.FAILED), columns, rows, empty=NONE_FAILED
        ),
    )
