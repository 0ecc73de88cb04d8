"""The command that compares with a partner now."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from adapters.route import NotReached
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    Home,
    OfPartner,
    build_table,
    open_gateway,
    print_answer,
    run_with_carriers,
)
from gateway.core import labels
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import InboxState
from gateway.core.message_name import Direction
from gateway.errors import Unusable
from gateway.exchange import statements
from gateway.exchange.statements import FOR_A_PERSON, HealedDifference
from keys.statement import StatementRow
from schemas.message import KINDS, find_member

commands = typer.Typer()


@commands.command("compare")
@commands.command("statement", hidden=True)
def compare_command(
    authority: OfPartner,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Compare from this day, such as 2026-11-18. Default: the last 8 days."),
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Compare records with a partner and resend what is missing."""
    with open_gateway(home) as gw:
        gw.trust.get_card(authority)
        from_day = since.replace(tzinfo=UTC) if since else gw.now() - statements.DAYS
        try:
            told = run_with_carriers(gw, lambda: statements.compare_with(gw, authority, from_day))
        except NotReached as why:
            raise Unusable(
                "statement.not-reached", authority=labels.name_authority_in_full(authority), why=why
            ) from None
    value = {"differences": [_plain(difference) for difference in told]}
    rows = [
        (o.difference.message_id, labels.name_difference(o.difference.differs), labels.name_remedy(o.done), *_states(o))
        for o in told
    ]
    name = labels.name_authority_in_full(authority)
    print_answer(
        as_json,
        value,
        lambda: build_table(
            f"Differences with {name}",
            ("Reference", "Difference", "Action", "Here", "There"),
            rows,
            empty=f"No differences with {name}.",
        ),
    )
    if any(difference.done == FOR_A_PERSON for difference in told):
        raise typer.Exit(1)


def _states(healed: HealedDifference) -> tuple[str | None, str | None]:
    """Return how the message stands here and there, each in the words of that side."""
    our_side: Direction = "sent" if healed.difference.is_sent else "came"
    their_side: Direction = "came" if healed.difference.is_sent else "sent"
    return _name_state(our_side, healed.difference.ours), _name_state(their_side, healed.difference.theirs)


def _name_state(direction: Direction, row: StatementRow | None) -> str | None:
    if row is None:
        return None
    kind = find_member(row.kind, KINDS)
    states: tuple[DeliveryState | InboxState, ...] = tuple(DeliveryState if direction == "sent" else InboxState)
    state = find_member(row.state, states)
    # Their gateway may be newer, and know of more.
    return labels.name_status(direction, kind, state) if kind and state else row.state


def _plain(healed: HealedDifference) -> dict[str, object]:
    ours, theirs = healed.difference.ours, healed.difference.theirs
    known = ours or theirs
    return {
        "difference": healed.difference.differs,
        "done": healed.done,
        "message_id": healed.difference.message_id,
        "kind": known.kind if known else None,
        "case": known.case if known else None,
        "here": {"state": ours.state, "sha256": ours.sha256, "at": ours.at} if ours else None,
        "there": {"state": theirs.state, "sha256": theirs.sha256, "at": theirs.at} if theirs else None,
    }
