"""Commands for what officers do outside of the gateway: calls, reminders, and cases that they close or send on."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.casework import by_hand, message_status, messages
from gateway.casework.by_hand import PhoneCall
from gateway.casework.case_notes import CaseNote, add_case_note
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Confirmed,
    Home,
    NoteFile,
    get_user_name,
    note_text,
    open_gateway,
    print_answer,
)
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.calendar import LONDON
from gateway.exchange.send_on import send_notice_on
from gateway.reconciliation import send_reminders
from schemas.shapes import CaseId, MessageId

SpokenTo = Annotated[str, typer.Option("--spoken-to", help="Who you spoke to. It is encrypted, like a notice.")]
At = Annotated[
    datetime | None,
    typer.Option("--at", formats=["%Y-%m-%d %H:%M"], help="When, in UK time. Default: now."),
]

commands = typer.Typer()


def _call(gw: Gateway, spoken_to: str, at: datetime | None, note: str | None) -> PhoneCall:
    return PhoneCall(spoken_to.strip(), at.replace(tzinfo=LONDON).astimezone(UTC) if at else gw.now(), note)


@commands.command("record-handover")
@commands.command("handover", hidden=True)
def record_handover(
    message_id: str,
    spoken_to: SpokenTo,
    home: Home = DEFAULT_HOME,
    at: At = None,
    note_file: NoteFile = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Record that you handed over a transfer notice by phone."""
    with open_gateway(home) as gw:
        call = _call(gw, spoken_to, at, note_text(note_file))
        by_hand.record_handover(gw, MessageId(message_id), call, by)
    value = {"message_id": message_id, "handed_over_at": call.at}
    print_answer(
        as_json,
        value,
        lambda: (
            "Phone handover recorded. The outcome is due from them. To close the case without it: cme-gateway"
            " close-case"
        ),
    )


@commands.command("record-call")
def record_call(
    message_id: str,
    spoken_to: SpokenTo,
    home: Home = DEFAULT_HOME,
    at: At = None,
    note_file: NoteFile = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Record that you called the sender of a notice you received."""
    with open_gateway(home) as gw:
        name = message_status.get_received_message(gw, message_id).name
        call = _call(gw, spoken_to, at, note_text(note_file))
        by_hand.record_received_call(gw, name, call, by)
    print_answer(as_json, {"message_id": name.message_id, "called_at": call.at}, lambda: "Call recorded.")


@commands.command("record-not-shared")
def record_not_shared(
    case_id: str,
    decided_by: Annotated[str, typer.Option("--decided-by", help="The name and role of who decided. It is encrypted.")],
    decided_on: Annotated[
        datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="The day of the decision, such as 2026-11-25.")
    ],
    reason_file: Annotated[
        Path, typer.Option("--reason-file", allow_dash=True, help="A text file with the reason, or - to type it.")
    ],
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Record a decision not to share information about a child (Children Act 2004, s.16LA)."""
    with open_gateway(home) as gw:
        note = CaseNote(note_text(reason_file) or "", decided_by=decided_by.strip(), decided_on=decided_on.date())
        add_case_note(gw, CaseId(case_id), note, by)
    print_answer(as_json, {"case_id": case_id, "decided_on": note.decided_on}, lambda: "Decision recorded.")


@commands.command("record-outcome")
@commands.command("told", hidden=True)
def record_outcome(
    message_id: str,
    result: Annotated[str, typer.Argument(help="As in send-outcome. For an enquiry, as in answer.")],
    spoken_to: SpokenTo,
    home: Home = DEFAULT_HOME,
    at: At = None,
    note_file: NoteFile = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Record a result that another authority gave by phone or letter. This closes the case."""
    with open_gateway(home) as gw:
        by_hand.record_outcome(gw, MessageId(message_id), result, _call(gw, spoken_to, at, note_text(note_file)), by)
    print_answer(
        as_json,
        {"message_id": message_id, "result": result},
        lambda: f"Result recorded: {labels.name_result(result)}. The case is closed.",
    )


@commands.command("close-case")
@commands.command("close", hidden=True)
def close_case(message_id: str, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Close a transfer notice without an outcome. It must be accepted, or handed over by phone."""
    with open_gateway(home) as gw:
        by_hand.close_notice(gw, MessageId(message_id), by)
    print_answer(as_json, {"closed": message_id}, lambda: "Case closed without an outcome.")


@commands.command("redirect")
@commands.command("send-on", hidden=True)
def redirect_notice(
    message_id: str,
    to: Annotated[str, typer.Argument(help="The DfE code of the authority to send it to.")],
    home: Home = DEFAULT_HOME,
    confirmed: Confirmed = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Send a rejected, referred-back or undelivered notice to another authority."""
    with open_gateway(home) as gw:
        new = send_notice_on(gw, MessageId(message_id), to, by, confirmed=confirmed or ())
    print_answer(
        as_json,
        {"message_id": new, "in_place_of": message_id},
        lambda: f"Notice queued for {labels.name_authority_in_full(to)}: {new}",
    )


@commands.command("remind")
def send_reminder(
    message_id: str, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False
) -> None:
    """Send a reminder about a notice."""
    with open_gateway(home) as gw:
        reminder = send_reminders.remind_partner(gw, MessageId(message_id), by)
        to = messages.get_sent_message(gw, reminder).recipient
    print_answer(
        as_json,
        {"message_id": reminder, "about": message_id},
        lambda: f"Reminder queued for {labels.name_authority_in_full(to)}.",
    )
