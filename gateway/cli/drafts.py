"""Commands on leavers from ONE, for an officer to check."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Confirmed,
    Home,
    build_code_parameter,
    build_table,
    format_for_list,
    format_moment,
    get_user_name,
    open_gateway,
    print_answer,
)
from gateway.cli.page import draft_page
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.draft_state import DraftState
from gateway.one import drafts
from schemas.message import RESTRICTIONS, Restriction

# What a row says that the notice does not.
FURTHER = (
    ("Restricted", "restricted"),
    ("Closure value", "closure"),
    ("Checklist complete", "checklist"),
    ("Destination LA", "destination_la"),
)
DIGESTS = ("digest", "child", "said", "person", "carried")
# Of a file's SHA-256: enough to find it among those in done/.
SHORT = 12

RestrictionLevel = Annotated[
    str | None,
    build_code_parameter(
        typer.Option, "restriction_levels", "What can be shared about the child. The rest is left out."
    ),
]
RestrictionReason = Annotated[
    str | None, build_code_parameter(typer.Option, "restriction_reasons", "Why they are restricted.")
]
ReviewOn = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When the restriction is reviewed.")]

commands = typer.Typer(no_args_is_help=True, help="Leavers from ONE for an officer to check.")


@commands.command("list")
def drafts_list(
    home: Home = DEFAULT_HOME,
    state: Annotated[DraftState, typer.Option(help="Show leavers in this state.")] = DraftState.OPEN,
    limit: Annotated[int, typer.Option(min=1, help="The most to show, oldest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List leavers to check, oldest first."""
    with open_gateway(home) as gw:
        leavers = drafts.list_drafts(gw, state, limit)
    rows = [
        (
            draft.draft_id,
            format_for_list(draft.made_at),
            f"{draft.file[:SHORT]} {draft.row}",
            _describe_state(draft.state, draft.reason, draft.message_id, draft.discarded_as),
        )
        for draft in leavers
    ]
    columns = ("Reference", "Date", "File, row", "Problem")
    print_answer(
        as_json,
        {"drafts": [_without_digests(asdict(draft)) for draft in leavers]},
        lambda: build_table("Leavers to check", columns, rows, empty=_say_none(state)),
    )


def _describe_state(state: DraftState, reason: str, message_id: str | None, discarded_as: str | None) -> str:
    if state is DraftState.OPEN:
        return reason
    if state is DraftState.SENT:
        return f"Sent: {message_id}"
    return f"Discarded: {labels.name_code('discard_reasons', discarded_as or '')}"


def _say_none(state: DraftState) -> str:
    return "No leavers to check." if state is DraftState.OPEN else f"No leavers {state}."


def _without_digests(draft: dict[str, object]) -> dict[str, object]:
    """Return the values of a draft without the digests by which only the gateway knows it again."""
    return {name: value for name, value in draft.items() if name not in DIGESTS}


@commands.command("show")
def drafts_show(draft_id: str, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Show one leaver in full. Your view is logged."""
    with open_gateway(home) as gw:
        draft, row = drafts.read_draft(gw, draft_id, by)
        notice = drafts.read_draft_leaver(row, gw.build_officer(by)).notice
        history = drafts.list_draft_acts(gw, draft_id)
    filled = {name: value for name, value in row.items() if value}
    shown: list[tuple[str, object]] = [
        ("Status", draft.state.capitalize()),
        ("Problem", draft.reason),
        ("Created", format_moment(draft.made_at)),
    ]
    shown += [("Completed", draft.ended_at and f"{format_moment(draft.ended_at)} by {draft.ended_by}")]
    shown += [
        ("Sent as", draft.message_id),
        ("Discarded", draft.discarded_as and labels.name_code("discard_reasons", draft.discarded_as)),
    ]
    shown += [("Can correct", draft.corrects)]
    shown += [(name, filled.get(column)) for name, column in FURTHER]
    print_answer(
        as_json,
        {"draft": _without_digests(asdict(draft)), "row": filled},
        lambda: draft_page(draft_id, notice, shown, history),
    )


@commands.command("send")
def drafts_send(
    draft_id: str,
    to: Annotated[str, typer.Option(help="The DfE code of the authority the child moved to.")],
    home: Home = DEFAULT_HOME,
    restriction: RestrictionLevel = None,
    reason: RestrictionReason = None,
    review_on: ReviewOn = None,
    confirmed: Confirmed = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Send a leaver as a transfer notice."""
    with open_gateway(home) as gw:
        level = _restriction(gw, restriction, reason, review_on, by)
        sent = drafts.send_draft(gw, draft_id, to, level, by, confirmed=confirmed or ())
    print_answer(
        as_json,
        {"draft_id": draft_id, "message_id": sent},
        lambda: (
            f"{labels.name_kind('TransferNotice')} queued for {labels.name_authority_in_full(to)}: [bold]{sent}[/bold]"
        ),
    )


def _restriction(
    gw: Gateway, level: str | None, reason: str | None, review_on: datetime | None, by: str
) -> Restriction | None:
    until = review_on.date() if review_on else None
    if level is None:
        if reason or review_on:
            raise typer.BadParameter(
                "Give --restriction too, or leave out --reason and --review-on.", param_hint="--restriction"
            )
        return None
    # With a reason it contradicts itself, which is refused.
    if level == "none":
        return Restriction(level="none", reason=reason, review_on=until)
    # `build_code_parameter` lets no other text pass.
    chosen = next(known_level for known_level in RESTRICTIONS if known_level == level)
    return Restriction(level=chosen, reason=reason, decided_by=by, decided_on=gw.now().date(), review_on=until)


@commands.command("correct")
def drafts_correct(
    draft_id: str,
    home: Home = DEFAULT_HOME,
    restriction: RestrictionLevel = None,
    reason: RestrictionReason = None,
    review_on: ReviewOn = None,
    confirmed: Confirmed = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Send a leaver as a correction of the notice sent before about this child."""
    with open_gateway(home) as gw:
        level = _restriction(gw, restriction, reason, review_on, by)
        sent = drafts.send_correction(gw, draft_id, level, by, confirmed=confirmed or ())
    print_answer(as_json, {"draft_id": draft_id, "message_id": sent}, lambda: f"Correction queued: [bold]{sent}[/bold]")


@commands.command("discard")
def drafts_discard(
    draft_id: str,
    reason: Annotated[str, build_code_parameter(typer.Argument, "discard_reasons", "Why no notice is needed.")],
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Discard a leaver record. You can still send it later."""
    with open_gateway(home) as gw:
        drafts.discard_draft(gw, draft_id, reason, by)
    print_answer(as_json, {"discarded": draft_id, "reason": reason}, lambda: "Leaver record discarded.")
