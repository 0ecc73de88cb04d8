"""Commands by which an officer replies to a notice: accept, reject, refer back, answer, send the outcome."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Confirmed,
    Home,
    NoteFile,
    OnDay,
    build_code_parameter,
    get_user_name,
    note_text,
    on_day,
    open_gateway,
    print_answer,
)
from gateway.core import labels
from gateway.exchange import respond
from schemas.message import Acknowledgement, Decision, Outcome, WhereaboutsResponse

commands = typer.Typer()


RejectionReason = Annotated[str, build_code_parameter(typer.Argument, "rejection_reasons", "Why.")]


WithoutCall = Annotated[
    bool, typer.Option("--without-call", help="Accept a phone only notice though no call to its sender is recorded.")
]


@commands.command("accept")
def accept_notice(
    message_id: str,
    home: Home = DEFAULT_HOME,
    without_call: WithoutCall = False,
    note_file: NoteFile = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Accept a notice."""
    _acknowledge(home, message_id, "accepted", without_call=without_call, note_file=note_file, by=by, as_json=as_json)


@commands.command("reject")
def reject_notice(
    message_id: str,
    reason: RejectionReason,
    home: Home = DEFAULT_HOME,
    note_file: NoteFile = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Reject a notice and give the reason."""
    _acknowledge(home, message_id, "rejected", reason=reason, note_file=note_file, by=by, as_json=as_json)


@commands.command("refer-back")
def refer_back_notice(
    message_id: str,
    authority: Annotated[str, typer.Argument(help="The DfE code of the authority that the sender should try.")],
    home: Home = DEFAULT_HOME,
    note_file: NoteFile = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Tell the sender which authority to try. Nothing is sent to that authority."""
    _acknowledge(home, message_id, "passed-on", passed_to=authority, note_file=note_file, by=by, as_json=as_json)


@commands.command("acknowledge", hidden=True)
def acknowledge_notice(
    message_id: str,
    home: Home = DEFAULT_HOME,
    reject: Annotated[
        str | None, build_code_parameter(typer.Option, "rejection_reasons", "Reject it, and why.")
    ] = None,
    pass_to: Annotated[str | None, typer.Option(help="Refer it back: the DfE code of the authority to try.")] = None,
    without_call: WithoutCall = False,
    note_file: NoteFile = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Accept, reject or refer back a notice."""
    if reject and pass_to:
        raise typer.BadParameter(
            "Use only one of them. A notice is rejected or referred back, not both.", param_hint="--reject, --pass-to"
        )
    decision: Decision = "rejected" if reject else "passed-on" if pass_to else "accepted"
    _acknowledge(
        home,
        message_id,
        decision,
        reason=reject,
        passed_to=pass_to,
        without_call=without_call,
        note_file=note_file,
        by=by,
        as_json=as_json,
    )


def _acknowledge(
    home: Path,
    message_id: str,
    decision: Decision,
    *,
    reason: str | None = None,
    passed_to: str | None = None,
    without_call: bool = False,
    note_file: Path | None,
    by: str,
    as_json: bool,
) -> None:
    with open_gateway(home) as gw:
        body = Acknowledgement(
            decision=decision,
            reason=reason,
            passed_to=passed_to,
            officer=gw.build_officer(by),
            note=note_text(note_file),
        )
        reply = respond.acknowledge_notice(gw, message_id, body, by, without_call=without_call)
    done = {
        "accepted": "Notice accepted. The gateway is telling the sender.",
        "rejected": "Notice rejected. The gateway is telling the sender why.",
        "passed-on": f"Notice referred back to the sender. Nothing is sent to {_name_authority(passed_to)}.",
    }
    print_answer(as_json, {"message_id": reply, "decision": decision}, lambda: done[decision])


def _name_authority(code: str | None) -> str:
    return labels.name_authority_in_full(code or "")


@commands.command("answer")
@commands.command("respond", hidden=True)
def answer_enquiry(
    message_id: str,
    result: Annotated[
        str,
        build_code_parameter(typer.Argument, "whereabouts_results", "What your authority knows about the child."),
    ],
    home: Home = DEFAULT_HOME,
    note_file: NoteFile = None,
    confirmed: Confirmed = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Answer a whereabouts enquiry or a whereabouts unknown notice."""
    with open_gateway(home) as gw:
        body = WhereaboutsResponse(
            result=result, answered_by="officer", ring=gw.build_officer(by), note=note_text(note_file)
        )
        reply = respond.answer_search(gw, message_id, body, by, confirmed=confirmed or ())
    print_answer(
        as_json,
        {"message_id": reply, "result": result},
        lambda: f"Answer queued: {labels.name_code('whereabouts_results', result)}.",
    )


@commands.command("put-aside")
def put_aside_command(
    message_id: str, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False
) -> None:
    """Mark a reply that has no effect as checked."""
    with open_gateway(home) as gw:
        respond.put_reply_aside(gw, message_id, by)
    print_answer(as_json, {"put_aside": message_id}, lambda: "Reply marked as checked.")


@commands.command("send-outcome")
@commands.command("outcome", hidden=True)
def send_outcome(
    message_id: str,
    result: Annotated[str, build_code_parameter(typer.Argument, "outcomes", "The outcome for the child.")],
    home: Home = DEFAULT_HOME,
    on: OnDay = None,
    moved_to: Annotated[
        str | None, typer.Option(help="With moved-on: the DfE code of the authority the child moved to.")
    ] = None,
    note_file: NoteFile = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Send the outcome of a notice. This closes the case."""
    with open_gateway(home) as gw:
        body = Outcome(
            result=result,
            confirmed_on=on_day(gw, on),
            moved_to=moved_to,
            officer=gw.build_officer(by),
            note=note_text(note_file),
        )
        reply = respond.send_outcome(gw, message_id, body, by)
    print_answer(
        as_json,
        {"message_id": reply, "result": result},
        lambda: f"Outcome queued: {labels.name_code('outcomes', result)}. This closes the case.",
    )
