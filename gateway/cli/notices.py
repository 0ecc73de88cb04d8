"""Commands on notices: check, send, list, read."""

from dataclasses import asdict, replace
from pathlib import Path
from secrets import token_bytes
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import track

from gateway.auditing import audit
from gateway.authorities import postcodes
from gateway.casework import by_hand
from gateway.casework.by_hand import PhoneCall
from gateway.casework.message_summary import summarise_message
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Confirmed,
    Home,
    Limit,
    build_table,
    count_of,
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
from gateway.core.message_name import MessageName
from gateway.errors import Unusable
from gateway.exchange import respond
from gateway.exchange.send import look_up_known_children, prepare_notices, queue_notices
from gateway.store import inbox, mail_replies, outbox
from gateway.store.calls import StoredCall
from gateway.store.inbox import InboxItem
from gateway.store.mail_replies import MailReply
from gateway.store.outbox import Delivery, QueuedNotice
from schemas import xml
from schemas.identifiers import build_uuid7
from schemas.message import Message

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
        raise typer.BadParameter(f"send at most {MAX_FILES} files at once; these are {len(files)}", param_hint="FILES")
    with open_gateway(home) as gw:
        ready: list[QueuedNotice] = []
        doubts: dict[str, str | None] = {}
        messages = [_anew(gw, message) if new_id else message for message in map(message_in, files)]
        known = look_up_known_children(gw, messages)
        for message in track(messages, "Encrypting", console=err, disable=len(files) < 20 or not err.is_terminal):
            ready += prepare_notices(gw, [message], by, confirmed=confirmed or (), known=known)
            doubts[ready[-1].message_id] = postcodes.describe_other_authority(gw, message)
        gw.store.run(lambda tx: queue_notices(tx, gw, ready))
    value = [
        {
            "message_id": notice.message_id,
            "recipient": notice.recipient,
            "kind": notice.kind,
            "state": "queued",
            "doubt": doubts[notice.message_id],
        }
        for notice in ready
    ]
    for doubt in filter(None, doubts.values()):
        err.print(f"[yellow]{escape(doubt)}[/yellow] To withdraw the notice: cme-gateway withdraw", soft_wrap=True)
    print_answer(
        as_json,
        {"queued": value},
        lambda: "\n".join(
            f"{labels.name_kind(notice.kind)} queued for {labels.name_authority_in_full(notice.recipient)}: "
            f"[bold]{notice.message_id}[/bold]"
            for notice in ready
        ),
    )


def _anew(gw: Gateway, message: Message) -> Message:
    """As a case of its own."""
    now = gw.now()
    fresh = build_uuid7(now, token_bytes(10))
    head = replace(message.header, message_id=fresh, conversation_id=fresh, sequence=1, created_at=now)
    return replace(message, header=head)


def _as_letter(sent: Delivery) -> str | None:
    return None if sent.protection == "sealed" else "By email"


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
        deliveries = gw.store.look(lambda tx: outbox.search_outbox(tx, states=state or (), recipient=to, limit=limit))
    rows = [
        (
            join_lines(d.message_id, labels.name_kind(d.kind), _as_letter(d)),
            format_for_list(d.queued_at),
            labels.name_authority_in_full(d.recipient),
            join_lines(summarise_message(d).status.tag, d.reason),
        )
        for d in deliveries
    ]
    columns = ("Reference", "Date", "To", "Status")
    print_answer(
        as_json,
        {"outbox": [asdict(delivery) for delivery in deliveries]},
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
        items = gw.store.look(
            lambda tx: inbox.search_inbox(
                tx, gw.now(), states=states, sender=sender, unmatched=not waiting, limit=limit
            )
        )
        unmatched = len(gw.store.look(inbox.list_unmatched_searches)) if waiting else 0
        by_mail = gw.store.look(mail_replies.count_waiting_replies)[0] if waiting else 0
        early = gw.store.look(lambda tx: {item.name for item in items if inbox.is_predecessor_missing(tx, item)})
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
                summarise_message(i).status.tag,
                labels.explain_misfit(i.misfit) if i.misfit else None,
                "An earlier message is missing" if i.name in early else None,
            ),
        )
        for i in items
    ]
    value = [asdict(item) | {"name": str(item.name), "earlier_missing": item.name in early} for item in items]
    if unmatched:
        err.print(f"{count_of(unmatched, 'notice')} with no possible match here: cme-gateway matches reply-all")
    if by_mail:
        err.print(f"Email replies to read: {by_mail}. To list them: cme-gateway replies list")
    print_answer(
        as_json,
        {"inbox": value} | ({"unmatched": unmatched, "replies_by_mail": by_mail} if waiting else {}),
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
        sender, own_id = gw.store.look(lambda tx: inbox.resolve_message_name(tx, message_id))
        calls: list[tuple[StoredCall, PhoneCall | None]] = []
        must_be_checked = False
        mails: list[MailReply] = []
        standing: Delivery | InboxItem
        if not sender:
            message = respond.read_outgoing(gw, own_id, by)
            standing = gw.store.look(lambda tx: outbox.get_delivery(tx, own_id))
            calls = by_hand.list_recorded_calls(gw, own_id)
            mails = gw.store.look(lambda tx: mail_replies.list_mail_replies_about(tx, [own_id]))
            shown = [
                ("Status", _describe_status(standing)),
                ("Protection", labels.name_protection(standing.protection)),
                ("Delivery attempts", standing.attempts),
                ("Last problem", standing.reason),
                *(_told(stored, call) for stored, call in calls),
                *(_by_mail(reply) for reply in mails),
            ]
        else:
            named = MessageName(sender, own_id)
            standing, message = respond.read_incoming(gw, named, by, in_full=in_full)
            shown = [("Status", _describe_status(standing)), ("Received", format_moment(standing.received_at))]
            must_be_checked = respond.needs_restriction_check(gw, named)
            if must_be_checked:
                shown.append(("Restriction", CHECK if in_full else f"{CHECK} {HIDDEN}"))
            if standing.misfit:
                shown.append(("No effect", f"{labels.explain_misfit(standing.misfit)} Call them."))
        tries = gw.store.look(lambda tx: [] if sender else outbox.list_tries(tx, own_id))
        issuer, digest = (gw.code, standing.digest) if isinstance(standing, InboxItem) else (standing.recipient, None)
        signed = gw.store.look(lambda tx: inbox.list_receipts(tx, own_id, issuer=issuer, digest=digest))
        history = gw.store.look(lambda tx: audit.list_case_acts(tx, standing.conversation_id))
    value = {
        "standing": asdict(standing),
        "tries": tries,
        "receipts": signed,
        "calls": [_told(*call)[1] for call in calls],
        "replies_by_mail": [asdict(reply) for reply in mails],
        "xml": xml.write(message).decode(),
        "check_restriction": must_be_checked,
    }
    print_answer(as_json, value, lambda: message_page(message, shown, history))


def _by_mail(reply: MailReply) -> tuple[str, str]:
    summary = describe_mail_reply(reply.what, reply.stage, reply.judgement)
    return "Email reply", f"{format_moment(reply.came_at)}, {summary}: cme-gateway replies show {reply.number}"


def _told(stored: StoredCall, call: PhoneCall | None) -> tuple[str, str]:
    with_whom = call.spoken_to if call else "someone whose name cannot be read: its key was destroyed"
    note = f"; {call.note}" if call and call.note else ""
    what_was_done = f"result told: {labels.name_result(stored.result)}" if stored.result else "notice handed over"
    return (
        "Call",
        f"{format_moment(stored.at)}, {what_was_done}. Spoke to {with_whom}. Recorded by {stored.recorded_by}{note}",
    )


def _describe_status(message: Delivery | InboxItem) -> str:
    """Return the label of a status, and whose move it is."""
    status = summarise_message(message).status
    return f"{status.tag}. {status.line}" if status.line else status.tag
