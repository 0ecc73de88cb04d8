"""Commands on notices: check, send, take back, read, answer."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from secrets import token_bytes
from textwrap import fill, indent
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import track

from gateway.auditing import audit
from gateway.authorities import postcodes
from gateway.authority import Authority
from gateway.casework import by_hand
from gateway.casework.by_hand import Call
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Home,
    Limit,
    answer,
    coded,
    day,
    err,
    note_text,
    opened,
    out,
    read_bytes,
    table,
    when,
    who,
)
from gateway.cli.page import page
from gateway.core.delivery import State
from gateway.core.standing import WAITING, Standing
from gateway.errors import Unusable
from gateway.exchange import amend, respond
from gateway.exchange.send import prepare_notices, queue
from gateway.store import inbox, outbox, partners
from gateway.store.calls import Kept
from gateway.store.inbox import Item
from gateway.store.outbox import Delivery, Queued
from schemas import xml
from schemas.identifiers import uuid7
from schemas.inspection import Inspection, inspect
from schemas.message import Acknowledgement, LocatedNotice, Message, Outcome, WhereaboutsResponse, Withdrawal
from schemas.reading import words

MAX_FILES = 10_000  # in one call of send

Day = Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="The day; today if not given.")]
NoteFile = Annotated[
    Path | None,
    typer.Option(
        allow_dash=True, help="A text file with a note for the other officer, or - to type it; nobody else may read it."
    ),
]

commands = typer.Typer()


@commands.command()
def validate(file: Path, as_json: AsJson = False) -> None:
    """Check a message file and list every problem with its line, element and a sentence."""
    found = inspect(read_bytes(file), today=datetime.now(UTC).date())
    counts = {"errors": found.count("error"), "warnings": found.count("warning")}
    answer(as_json, {"file": str(file)} | counts | asdict(found), lambda: _problems(file, found))
    if counts["errors"]:
        raise typer.Exit(1)


def _problems(file: Path, found: Inspection) -> str:
    """A block for each problem, and what follows from them all; wrapped here, because a terminal breaks words."""
    blocks = [f"[bold]{escape(str(file))}[/bold]"]
    for one in found.problems:
        colour = "red" if one.level == "error" else "yellow"
        line = f"line {one.line}  " if one.line else ""
        sentence = fill(one.sentence, min(out.width, 100) - 2, break_long_words=False, break_on_hyphens=False)
        blocks.append(
            f"{line}[{colour}]{one.level}[/{colour}]  [bold]{one.element.removeprefix('Message/')}[/bold]\n"
            + indent(f"{escape(sentence)}\n[dim]{one.code}[/dim]", "  ")
        )
    return "\n\n".join([*blocks, _verdict(found)])


def _verdict(found: Inspection) -> str:
    counts = ((found.count("error"), "error"), (found.count("warning"), "warning"))
    said = ", ".join(f"{n} {level}{'s' if n > 1 else ''}" for n, level in counts if n)
    if not said:
        return "[green]Nothing is wrong.[/green]"
    if not found.count("error"):
        return f"[yellow]{said}: it may be sent; an officer should look.[/yellow]"
    later = "" if found.complete else "\nMend this and validate again: some rules could not be checked yet."
    return f"[red]{said}: the notice would be refused.[/red]{later}"


def message_in(file: Path) -> Message:
    """The message in this file. Raises Unusable."""
    try:
        return xml.read(read_bytes(file))
    except xml.Unreadable as why:
        raise Unusable(
            why.code, f"{file}: {why.problems[0].sentence}", f"See every problem: cme-gateway validate {file}"
        ) from None


@commands.command()
def send(
    files: list[Path],
    home: Home = DEFAULT_HOME,
    new_id: Annotated[
        bool,
        typer.Option(
            "--new-id", help="Send each as a case of its own: fresh MessageId and ConversationId, the time now."
        ),
    ] = False,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Sign, seal and queue messages; `serve` delivers them."""
    if len(files) > MAX_FILES:
        raise typer.BadParameter(
            f"at most {MAX_FILES} at once, all or none; these are {len(files)}", param_hint="FILES"
        )
    with opened(home) as here:
        ready: list[Queued] = []
        doubts: dict[str, str | None] = {}
        for file in track(files, "Sealing", console=err, disable=len(files) < 20 or not err.is_terminal):
            message = message_in(file)
            if new_id:
                now = here.now()
                fresh = uuid7(now, token_bytes(10))
                head = replace(message.header, message_id=fresh, conversation_id=fresh, sequence=1, created_at=now)
                message = replace(message, header=head)
            ready += prepare_notices(here, [message], by)
            doubts[ready[-1].message_id] = postcodes.astray(here, message)
        here.store.run(lambda tx: queue(tx, here, ready))
    value = [
        {
            "message_id": one.message_id,
            "recipient": one.recipient,
            "kind": one.kind,
            "state": "queued",
            "doubt": doubts[one.message_id],
        }
        for one in ready
    ]
    for doubt in filter(None, doubts.values()):
        err.print(f"[yellow]{escape(doubt)}[/yellow] If that is wrong: cme-gateway withdraw.", soft_wrap=True)
    answer(
        as_json,
        {"queued": value},
        lambda: "\n".join(f"Queued {v['kind']} to {v['recipient']}: [bold]{v['message_id']}[/bold]" for v in value),
    )


@commands.command()
def correct(message_id: str, file: Path, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """Send a notice in the place of one of ours that was wrong. It gets its own id, in the same case."""
    with opened(home) as here:
        new = amend.correct(here, message_id, message_in(file), by)
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
    on: Day = None,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Stand down: the child of our enquiry is found. Everybody who was asked in its case is told; where is not said."""
    with opened(home) as here:
        body = LocatedNotice(located_on=_day(here, on), way=way, ring=here.officer(by))
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
    rows = [(one.message_id, day(one.state_at), one.recipient, _lines(words(one.kind), one.reason)) for one in found]
    columns = ("Id", "When", "To", "What, and why it was given up")
    answer(as_json, {"given_up": [asdict(one) for one in found]}, lambda: table("Given up", columns, rows))


def _as_letter(sent: Delivery) -> str | None:
    return None if sent.protection == "sealed" else f"a letter, {sent.protection}"


def _lines(*said: str | None) -> str:
    first, *rest = (one for one in said if one)
    return "\n  ".join((first, *rest))


@commands.command("outbox")
def outbox_command(
    home: Home = DEFAULT_HOME,
    state: Annotated[list[State] | None, typer.Option(help="Only those in this state.")] = None,
    to: Annotated[str | None, typer.Option(help="Only those to this authority.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """What we sent, and where each stands."""
    with opened(home) as here:
        found = here.store.look(lambda tx: outbox.search(tx, states=state or (), recipient=to, limit=limit))
    rows = [
        (d.message_id, day(d.queued_at), d.recipient, _lines(words(d.kind), d.state.value, _as_letter(d), d.reason))
        for d in found
    ]
    columns = ("Id", "When", "To", "What, and how it stands")
    answer(as_json, {"outbox": [asdict(delivery) for delivery in found]}, lambda: table("Outbox", columns, rows))


@commands.command("inbox")
def inbox_command(
    home: Home = DEFAULT_HOME,
    state: Annotated[list[Standing] | None, typer.Option(help="Only those in this state.")] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that wait for us to answer.")] = False,
    sender: Annotated[str | None, typer.Option("--from", help="Only those from this authority.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """What came in, and what we made of it. Restricted children are marked, never described."""
    states = WAITING if waiting else state or ()
    with opened(home) as here:
        found = here.store.look(
            lambda tx: inbox.search(tx, here.now(), states=states, sender=sender, unmatched=not waiting, limit=limit)
        )
        unmatched = len(here.store.look(inbox.unmatched)) if waiting else 0
        early = here.store.look(lambda tx: {item.message_id for item in found if inbox.missing_before(tx, item)})
    rows = [
        (
            i.message_id,
            day(i.received_at),
            i.sender,
            _lines(
                words(i.kind),
                i.state.value,
                f"on …{i.in_reply_to[-12:]}" if i.in_reply_to else None,
                i.restriction if i.restriction != "none" else None,
                "an earlier one is missing" if i.message_id in early else None,
                "test" if i.test else None,
            ),
        )
        for i in found
    ]
    value = [asdict(item) | {"earlier_missing": item.message_id in early} for item in found]
    if unmatched:
        err.print(f"Besides, {unmatched} searches have no possible match here: cme-gateway matches none")
    answer(
        as_json,
        {"inbox": value} | ({"unmatched": unmatched} if waiting else {}),
        lambda: table("Inbox", ("Id", "When", "From", "What, and how it stands"), rows),
    )


@commands.command()
def show(message_id: str, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """One message in full, with its history. That it was read is written in the audit log."""
    with opened(home) as here:
        ours = here.store.look(lambda tx: outbox.exists(tx, message_id))
        calls: list[tuple[Kept, Call | None]] = []
        stands: Delivery | Item
        if ours:
            message = respond.read_outgoing(here, message_id, by)
            stands = here.store.look(lambda tx: outbox.get(tx, message_id))
            calls = by_hand.recorded(here, message_id)
            shown = [
                ("State", stands.state.value),
                ("Protection", stands.protection),
                ("Tries", stands.attempts),
                ("Last reason", stands.reason),
                *(_told(kept, call) for kept, call in calls),
            ]
        else:
            stands, message = respond.read_incoming(here, message_id, by)
            shown = [("State", stands.state.value), ("Received", when(stands.received_at))]
        tries = here.store.look(lambda tx: outbox.tries(tx, message_id))
        signed = here.store.look(lambda tx: inbox.receipts_about(tx, message_id))
        history = here.store.look(lambda tx: audit.of_case(tx, message.header.conversation_id))
    value = {
        "standing": asdict(stands),
        "tries": tries,
        "receipts": signed,
        "calls": [_told(*one)[1] for one in calls],
        "xml": xml.write(message).decode(),
    }
    answer(as_json, value, lambda: page(message, shown, history))


def _told(kept: Kept, call: Call | None) -> tuple[str, str]:
    with_whom = call.spoken_to if call else "somebody: the key was destroyed"
    note = f"; {call.note}" if call and call.note else ""
    said = f"told {kept.result}" if kept.result else "handed over"
    return "Call", f"{when(kept.at)}, {said}, with {with_whom}, as {kept.recorded_by} wrote down{note}"


def _day(here: Authority, on: datetime | None) -> date:
    return on.date() if on else here.now().date()


@commands.command()
def acknowledge(
    message_id: str,
    home: Home = DEFAULT_HOME,
    reject: Annotated[
        str | None,
        coded(typer.Option, "rejection_reasons", "Reject it, and why."),
    ] = None,
    pass_to: Annotated[str | None, typer.Option(help="It was passed on to the authority with this DfE code.")] = None,
    note_file: NoteFile = None,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Tell the sender that an officer has it: accepted, unless rejected or passed on."""
    if reject and pass_to:
        raise typer.BadParameter("a notice is rejected or passed on, not both", param_hint="--reject, --pass-to")
    decision = "rejected" if reject else "passed-on" if pass_to else "accepted"
    with opened(home) as here:
        body = Acknowledgement(
            decision=decision, reason=reject, passed_to=pass_to, officer=here.officer(by), note=note_text(note_file)
        )
        reply = respond.acknowledge(here, message_id, body, by)
    answer(as_json, {"message_id": reply, "decision": decision}, lambda: f"Queued: {decision}, {reply}")


@commands.command("respond")
def respond_command(
    message_id: str,
    result: Annotated[
        str,
        coded(typer.Argument, "whereabouts_results", "What we know of the child."),
    ],
    home: Home = DEFAULT_HOME,
    note_file: NoteFile = None,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Answer an enquiry: do we know this child?"""
    with opened(home) as here:
        body = WhereaboutsResponse(
            result=result, answered_by="officer", ring=here.officer(by), note=note_text(note_file)
        )
        reply = respond.answer(here, message_id, body, by)
    answer(as_json, {"message_id": reply, "result": result}, lambda: f"Queued: {result}, {reply}")


@commands.command("outcome")
def outcome_command(
    message_id: str,
    result: Annotated[str, coded(typer.Argument, "outcomes", "What became of the child.")],
    home: Home = DEFAULT_HOME,
    on: Day = None,
    moved_to: Annotated[
        str | None, typer.Option(help="With moved-on: the DfE code of the authority to which the child moved.")
    ] = None,
    note_file: NoteFile = None,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Tell the sender what became of the child."""
    with opened(home) as here:
        body = Outcome(
            result=result,
            confirmed_on=_day(here, on),
            moved_to=moved_to,
            officer=here.officer(by),
            note=note_text(note_file),
        )
        reply = respond.conclude(here, message_id, body, by)
    answer(as_json, {"message_id": reply, "result": result}, lambda: f"Queued: {result}, {reply}")
