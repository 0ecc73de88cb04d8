"""Commands on email replies from authorities without a gateway.

A reply proves nothing before an officer has read it.
"""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from gateway.casework import by_mail, messages
from gateway.casework.by_mail import AnsweredLetter, OpenedReply
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
        letters = by_mail.list_mail_replies(gw, limit) if everything else by_mail.list_waiting_replies(gw, limit)
    rows = [
        (
            str(letter.reply.number),
            format_for_list(letter.reply.came_at),
            labels.name_authority_in_full(letter.sent.recipient),
            _describe_letter(letter),
        )
        for letter in letters
    ]
    columns = ("Number", "Date", "From", "Reply")
    print_answer(
        as_json,
        {"replies": [asdict(letter.reply) for letter in letters]},
        lambda: build_table(
            "Email replies", columns, rows, empty="No email replies." if everything else "No email replies to read."
        ),
    )


def _describe_letter(letter: AnsweredLetter) -> str:
    reply, sent = letter
    return join_lines(
        describe_mail_reply(reply.what, reply.stage, reply.judgement),
        f"To the {labels.name_kind(sent.kind).lower()} …{reply.message_id[-12:]}. Status: {sent.summary.status.tag}",
        by_mail.describe_worth(reply),
        "The email says that it was sent automatically" if reply.by_machine else None,
    )


@commands.command("show")
def replies_show(number: Number, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Show one email reply in full. Your view is logged."""
    with open_gateway(home) as gw:
        letter = by_mail.read_mail_reply(gw, number, by)
    value = {"reply": asdict(letter.reply), "text": asdict(letter.text) if letter.text else None}
    print_answer(as_json, value, lambda: _page(letter))


def _page(letter: OpenedReply) -> str:
    reply, sent, text = letter
    head = [
        (
            f"[bold]{describe_mail_reply(reply.what, reply.stage, reply.judgement)}[/bold], number {reply.number},"
            f" received {format_moment(reply.came_at)}"
        ),
        (
            f"To the {labels.name_kind(sent.kind).lower()} {sent.message_id} to "
            f"{labels.name_authority_in_full(sent.recipient)}. Status: {sent.summary.status.tag}"
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
        sent = messages.get_sent_message(gw, reply.message_id)
    print_answer(
        as_json,
        {"reply": asdict(reply), "state": sent.state.value},
        lambda: (
            f"Recorded: {labels.name_mail_reply(judgement).lower()}. Status of the notice: {sent.summary.status.tag}."
        ),
    )
