"""Commands by which an officer answers what came: acknowledge, say where the child is, say what became of the child."""

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
    answer,
    coded,
    note_text,
    on_day,
    opened,
    who,
)
from gateway.exchange import respond
from schemas.message import Acknowledgement, Outcome, WhereaboutsResponse

commands = typer.Typer()


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
    confirmed: Confirmed = None,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Answer a search: do we know this child?"""
    with opened(home) as here:
        body = WhereaboutsResponse(
            result=result, answered_by="officer", ring=here.officer(by), note=note_text(note_file)
        )
        reply = respond.answer(here, message_id, body, by, confirmed=confirmed or ())
    answer(as_json, {"message_id": reply, "result": result}, lambda: f"Queued: {result}, {reply}")


@commands.command("put-aside")
def put_aside_command(message_id: str, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """A reply that does not fit was looked at, and its sender rung where that was needed: it waits no more."""
    with opened(home) as here:
        respond.put_aside(here, message_id, by)
    answer(as_json, {"put_aside": message_id}, lambda: "Put aside.")


@commands.command("outcome")
def outcome_command(
    message_id: str,
    result: Annotated[str, coded(typer.Argument, "outcomes", "What became of the child.")],
    home: Home = DEFAULT_HOME,
    on: OnDay = None,
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
            confirmed_on=on_day(here, on),
            moved_to=moved_to,
            officer=here.officer(by),
            note=note_text(note_file),
        )
        reply = respond.conclude(here, message_id, body, by)
    answer(as_json, {"message_id": reply, "result": result}, lambda: f"Queued: {result}, {reply}")
