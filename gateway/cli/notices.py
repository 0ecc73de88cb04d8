"""Commands on notices: check, send, list, read."""

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from secrets import token_bytes
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import track

from gateway.authorities import postcodes
from gateway.casework import by_mail, messages
from gateway.casework.by_hand import RecordedCall
from gateway.casework.messages import OpenedReceived, OpenedSent
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Confirmed,
    Home,
    Limit,
    build_table,
    count_of,
    describe_stored,
    err,
    format_for_list,
    format_moment,
    get_user_name,
    join_lines,
    open_gateway,
    print_answer,
    read_bytes,
)
from gateway.cli.page import message_page
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import TASKS, InboxState
from gateway.core.mail_replies import describe_mail_reply
from gateway.core.message_summary import MessageSummary
from gateway.errors import Unusable
from gateway.exchange.send import send_notices
from gateway.searches import match_incoming
from schemas import xml
from schemas.identifiers import build_uuid7
from schemas.message import Message
from schemas.shapes import CaseId, MessageId

CHECK = "The notice contradicts itself. Check the restriction with the sender."
HIDDEN = "The address and the note are hidden until then. To show them afterwards: --in-full"
# In one call of send.
MAX_FILES = 10_000

commands = typer.Typer()


def message_in(file: Path) -> Message:
    """Return the message in this file. Raises Unusable."""
    try:
        return xml.read(read_bytes(file))
    except xml.Unreadable as why:
        raise Unusable("file.not-a-message", file=file, problem=why.problems[0].sentence).with_code(why.code) from None


@commands.command("send")
def send_command(
    files: list[Path],
    home: Home = DEFAULT_HOME,
    new_id: Annotated[
        bool,
        typer.Option(
            "--new-id", help="Send each as a new case, with a new MessageId and ConversationId and the time now."
        ),
    ] = False,
    confirmed: Confirmed = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Check, sign, encrypt and queue notices. `serve` delivers them."""
    if len(files) > MAX_FILES:
        raise typer.BadParameter(f"Give at most {MAX_FILES} files at once. These are {len(files)}.", param_hint="FILES")
    with open_gateway(home) as gw:
        notices = [_anew(gw, message) if new_id else message for message in map(message_in, files)]
        watch = partial(track, description="Encrypting", console=err, disable=len(files) < 20 or not err.is_terminal)
        send_notices(gw, notices, by, confirmed=confirmed or (), watch=watch)
        doubts = [postcodes.describe_other_authority(gw, notice) for notice in notices]
    value = [
        {
            "message_id": notice.header.message_id,
            "recipient": notice.header.recipient.authority,
            "kind": notice.kind,
            "state": "queued",
            "doubt": doubt,
        }
        for notice, doubt in zip(notices, doubts, strict=True)
    ]
    for doubt in filter(None, doubts):
        err.print(f"[yellow]{escape(doubt)}[/yellow] To withdraw the notice: cme-gateway withdraw", soft_wrap=True)
    print_answer(
        as_json,
        {"queued": value},
        lambda: "\n".join(
            f"{labels.name_kind(notice.kind)} queued for"
            f" {labels.name_authority_in_full(notice.header.recipient.authority)}:"
            f" [bold]{notice.header.message_id}[/bold]"
            for notice in notices
        ),
    )


def _anew(gw: Gateway, message: Message) -> Message:
    """As a case of its own."""
    now = gw.now()
    fresh = build_uuid7(now, token_bytes(10))
    head = replace(message.header, message_id=MessageId(fresh), case_id=CaseId(fresh), sequence=1, created_at=now)
    return replace(message, header=head)


@commands.command("outbox")
def outbox_command(
    home: Home = DEFAULT_HOME,
    state: Annotated[list[DeliveryState] | None, typer.Option(help="Show only messages in this state.")] = None,
    to: Annotated[str | None, typer.Option(help="Show only messages to this authority.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List sent messages and their status."""
    with open_gateway(home) as gw:
        deliveries = messages.list_sent_messages(gw, states=state or (), recipient=to, limit=limit)
    rows = [
        (
            join_lines(
                sent.message_id, labels.name_kind(sent.kind), None if sent.protection == "sealed" else "By email"
            ),
            format_for_list(sent.queued_at),
            labels.name_authority_in_full(sent.recipient),
            join_lines(sent.summary.status.tag, sent.reason),
        )
        for sent in deliveries
    ]
    columns = ("Reference", "Date", "To", "Status")
    print_answer(
        as_json,
        {"outbox": [describe_stored(sent) for sent in deliveries]},
        lambda: build_table("Sent messages", columns, rows, empty="No messages sent."),
    )


@commands.command("inbox")
def inbox_command(
    home: Home = DEFAULT_HOME,
    state: Annotated[list[InboxState] | None, typer.Option(help="Show only messages in this state.")] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Show only notices you need to deal with.")] = False,
    sender: Annotated[str | None, typer.Option("--from", help="Show only messages from this authority.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List received messages and their status."""
    states = TASKS if waiting else state or ()
    with open_gateway(home) as gw:
        items = messages.list_received_messages(gw, states=states, sender=sender, unmatched=not waiting, limit=limit)
        unmatched = match_incoming.count_unmatched_searches(gw) if waiting else 0
        mails = by_mail.count_waiting_replies(gw) if waiting else 0
        early = messages.find_early_messages(gw, items)
    rows = [
        (
            join_lines(
                str(i.name),
                labels.name_kind(i.kind),
                f"Reply to …{i.in_reply_to[-12:]}" if i.in_reply_to else None,
                labels.name_restriction(i.restriction) if i.restriction != "none" else None,
                "Test" if i.test else None,
            ),
            format_for_list(i.received_at),
            labels.name_authority_in_full(i.sender),
            join_lines(
                i.summary.status.tag,
                labels.explain_misfit(i.misfit) if i.misfit else None,
                "An earlier message is missing" if i.name in early else None,
            ),
        )
        for i in items
    ]
    value = [describe_stored(item) | {"name": str(item.name), "earlier_missing": item.name in early} for item in items]
    if unmatched:
        err.print(f"{count_of(unmatched, 'notice')} with no possible match here: cme-gateway matches reply-all")
    if mails:
        err.print(f"Email replies to read: {mails}. To list them: cme-gateway replies list")
    print_answer(
        as_json,
        {"inbox": value} | ({"unmatched": unmatched, "replies_by_mail": mails} if waiting else {}),
        lambda: build_table(
            "Notices you need to deal with" if waiting else "Received messages",
            ("Reference", "Date", "From", "Status"),
            rows,
            empty="No notices you need to deal with." if waiting else "No messages received.",
        ),
    )


@commands.command("show")
def show_command(
    message_id: str,
    home: Home = DEFAULT_HOME,
    in_full: Annotated[
        bool,
        typer.Option(
            "--in-full",
            help="Show hidden details too. Check the restriction with the sender first.",
        ),
    ] = False,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Show one message in full with its history. Your view is logged."""
    with open_gateway(home) as gw:
        opened_message = messages.open_message(gw, message_id, by, in_full=in_full)
    if isinstance(opened_message, OpenedSent):
        tries, calls, mails = opened_message.tries, opened_message.calls, opened_message.mail_replies
        shown, must_be_checked = _list_facts_sent(opened_message), False
    else:
        tries, calls, mails = (), (), ()
        shown, must_be_checked = _list_facts_received(opened_message, in_full), opened_message.must_be_checked
    value = {
        "standing": describe_stored(opened_message.item),
        "tries": tries,
        "receipts": opened_message.receipts,
        "calls": [_describe_call(call)[1] for call in calls],
        "replies_by_mail": [asdict(reply) for reply in mails],
        "xml": xml.write(opened_message.message).decode(),
        "check_restriction": must_be_checked,
    }
    print_answer(as_json, value, lambda: message_page(opened_message.message, shown, opened_message.history))


def _list_facts_sent(opened_message: OpenedSent) -> list[tuple[str, object]]:
    sent = opened_message.item
    return [
        ("Status", _describe_status(sent.summary)),
        ("Protection", labels.name_protection(sent.protection)),
        ("Delivery attempts", sent.attempts),
        ("Last problem", sent.reason),
        *(_describe_call(call) for call in opened_message.calls),
        *(
            (
                "Email reply",
                f"{format_moment(reply.came_at)}, {describe_mail_reply(reply.what, reply.stage, reply.judgement)}:"
                f" cme-gateway replies show {reply.number}",
            )
            for reply in opened_message.mail_replies
        ),
    ]


def _list_facts_received(opened_message: OpenedReceived, in_full: bool) -> list[tuple[str, object]]:
    came = opened_message.item
    facts: list[tuple[str, object]] = [
        ("Status", _describe_status(came.summary)),
        ("Received", format_moment(came.received_at)),
    ]
    if opened_message.must_be_checked:
        facts.append(("Restriction", CHECK if in_full else f"{CHECK} {HIDDEN}"))
    if came.misfit:
        facts.append(("No effect", f"{labels.explain_misfit(came.misfit)} Call them."))
    return facts


def _describe_call(recorded: RecordedCall) -> tuple[str, str]:
    stored, call = recorded
    with_whom = call.spoken_to if call else "someone whose name cannot be read: its key was destroyed"
    note = f"; {call.note}" if call and call.note else ""
    what_was_done = f"result told: {labels.name_result(stored.result)}" if stored.result else "notice handed over"
    return (
        "Call",
        f"{format_moment(stored.at)}, {what_was_done}. Spoke to {with_whom}. Recorded by {stored.recorded_by}{note}",
    )


def _describe_status(summary: MessageSummary) -> str:
    """Return the label of a status, and whose move it is."""
    status = summary.status
    return f"{status.tag}. {status.line}" if status.line else status.tag
