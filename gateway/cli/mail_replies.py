"""Commands on email replies from authorities without a gateway.

A reply proves nothing before an officer has read it.
"""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from adapters.route import MailText
from gateway.casework import by_mail
from gateway.casework.message_summary import summarise_message
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Home,
    Limit,
    build_table,
    format_for_list,
    format_moment,
    get_user_name,
    join_lines,
    open_gateway,
    print_answer,
)
from gateway.core import labels
from gateway.core.mail_replies import Judgement, describe_mail_reply
from gateway.store import mail_replies, outbox
from gateway.store.mail_replies import MailReply
from gateway.store.outbox import Delivery

Number = Annotated[int, typer.Argument(min=1, max=10**15 - 1, help="The number in replies list.")]

commands = typer.Typer(no_args_is_help=True, help="Email replies to the notices you sent by email.")


@commands.command("list")
def replies_list(
    home: Home = DEFAULT_HOME,
    everything: Annotated[bool, typer.Option("--all", help="Show replies that were read too, newest first.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List email replies to read, oldest first."""
    with open_gateway(home) as gw:
        replies = gw.store.look(
            lambda tx: (
                mail_replies.list_mail_replies(tx, limit)
                if everything
                else mail_replies.list_waiting_replies(tx, limit)
            )
        )
        ids = [reply.message_id for reply in replies]
        sent = {
            delivery.message_id: delivery
            for delivery in gw.store.look(lambda tx: outbox.list_deliveries_by_id(tx, ids))
        }
    rows = [
        (
            str(reply.number),
            format_for_list(reply.came_at),
            labels.name_authority_in_full(sent[reply.message_id].recipient),
            _describe_reply(reply, sent[reply.message_id]),
        )
        for reply in replies
    ]
    columns = ("Number", "Date", "From", "Reply")
    print_answer(
        as_json,
        {"replies": [_value(reply) for reply in replies]},
        lambda: build_table(
            "Email replies", columns, rows, empty="No email replies." if everything else "No email replies to read."
        ),
    )


def _describe_reply(reply: MailReply, sent: Delivery) -> str:
    return join_lines(
        describe_mail_reply(reply.what, reply.stage, reply.judgement),
        f"To the {labels.name_kind(sent.kind).lower()} …{reply.message_id[-12:]}. Status:"
        f" {summarise_message(sent).status.tag}",
        by_mail.describe_worth(reply),
        "The email says that it was sent automatically" if reply.by_machine else None,
    )


def _value(reply: MailReply) -> dict[str, object]:
    return asdict(reply)


@commands.command("show")
def replies_show(number: Number, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Show one email reply in full. Your view is logged."""
    with open_gateway(home) as gw:
        reply, sent, text = by_mail.read_mail_reply(gw, number, by)
    value = {"reply": _value(reply), "text": asdict(text) if text else None}
    print_answer(as_json, value, lambda: _page(reply, sent, text))


def _page(reply: MailReply, sent: Delivery, text: MailText | None) -> str:
    head = [
        (
            f"[bold]{describe_mail_reply(reply.what, reply.stage, reply.judgement)}[/bold], number {reply.number},"
            f" received {format_moment(reply.came_at)}"
        ),
        (
            f"To the {labels.name_kind(sent.kind).lower()} {sent.message_id} to "
            f"{labels.name_authority_in_full(sent.recipient)}. Status: {summarise_message(sent).status.tag}"
        ),
        escape(by_mail.describe_worth(reply)),
    ]
    if reply.by_machine:
        head.append("The email says that it was sent automatically.")
    if text is None:
        return "\n".join([*head, "", "The email cannot be read any more: its key was destroyed."])
    shown = [f"From     {text.sender}", f"Sent     {text.sent}", f"Subject  {text.subject}"]
    shown += [f"File     {name}" for name in text.attached]
    body = text.body or '(There is no text that can be shown. The email is in the folder "CME handled" of the mailbox.)'
    cut = (
        ["", '(The rest is not shown. The whole email is in the folder "CME handled" of the mailbox.)']
        if text.is_cut
        else []
    )
    return "\n".join([*head, "", *map(escape, [*shown, "", body, *cut])])


@commands.command("judge")
def replies_judge(
    number: Number,
    judgement: Annotated[Judgement, typer.Argument(help="What the email says.")],
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Record what an email reply says. An acceptance by email never closes a case."""
    with open_gateway(home) as gw:
        reply = by_mail.judge_mail_reply(gw, number, judgement, by)
        sent = gw.store.look(lambda tx: outbox.get_delivery(tx, reply.message_id))
    print_answer(
        as_json,
        {"reply": _value(reply), "state": sent.state.value},
        lambda: (
            f"Recorded: {labels.name_mail_reply(judgement).lower()}. Status of the notice:"
            f" {summarise_message(sent).status.tag}."
        ),
    )
