"""The life of a notice as a drawing, made of `delivery.EVENTS`, and what may be said of it, of `replies.ROWS`: `python
-m gateway.core.cases` prints it for docs/cases.md.
"""

from collections.abc import Iterator

from gateway.core.delivery import EVENTS, MOVES, DeliveryEvent, DeliveryState
from gateway.core.replies import ROWS, NamedBy, ReplySpeaker
from schemas.message import OPENS_A_CASE

# States from which an event leads to the same place are drawn as one.
GROUPS = {
    "under_way": ("under way", (DeliveryState.QUEUED, DeliveryState.SENT)),
    "there": (
        "delivered",
        (DeliveryState.RECEIVED, DeliveryState.ACKNOWLEDGED, DeliveryState.ACCEPTED_BY_MAIL, DeliveryState.PASSED_ON),
    ),
    "stuck": ("decision due", (DeliveryState.FAILED, DeliveryState.REJECTED)),
}
LIVE = tuple(state for _, states in GROUPS.values() for state in states)


def draw_states() -> str:
    """Draw a Mermaid state diagram: each event once, from as few places as say the same."""
    return "\n".join(["stateDiagram-v2", "    direction LR", *(f"    {line}" for line in _diagram_lines())]) + "\n"


def format_events() -> str:
    """Format the same as a table in Markdown, for those who do not see it."""
    rows = [f"| {e.name} | {e.by} | {', '.join(e.come_from)} | {e.to} |" for e in EVENTS]
    return "\n".join(["| what happens | who does it | from | to |", "|---|---|---|---|", *rows]) + "\n"


def format_replies() -> str:
    """Format what may be said about a message, made of `replies.ROWS`: corrections as one line, for they are alike."""
    kinds_by_reply: dict[tuple[str, ...], list[str]] = {}
    for row in ROWS:
        if row.by is NamedBy.REPLY:
            reply = row.reply if row.decision is None else f"{row.reply}, {row.decision}"
            states, effect = ", ".join(row.states) or "none", str(row.effect or "is recorded")
            kinds_by_reply.setdefault((reply, row.who, states, effect, ", ".join(row.agrees) or "none"), []).append(
                row.answers
            )
    rows = [
        f"| {reply} | {', '.join(kinds)} | {who} | {states} | {effect} | {agrees} |"
        for (reply, who, states, effect, agrees), kinds in kinds_by_reply.items()
    ]
    head = "| reply | to | who sends it | moves it from | to the state | changes nothing in |"
    corrects = [row for row in ROWS if row.by is NamedBy.CORRECTION and row.answers in OPENS_A_CASE]
    states, agrees = ", ".join(corrects[0].states), ", ".join(corrects[0].agrees)
    rows.append(
        f"| a correction (Supersedes) | {', '.join(row.answers for row in corrects)}, of the same kind |"
        f" {ReplySpeaker.SENDER} | {states} | {corrects[0].effect} | {agrees} |"
    )
    return "\n".join([head, "|---|---|---|---|---|---|", *rows]) + "\n"


def _diagram_lines() -> Iterator[str]:
    yield f"[*] --> {_state_name(DeliveryState.QUEUED)}"
    yield 'state "live" as live {'
    for group, (label, states) in GROUPS.items():
        yield f'    state "{label}" as {group} {{'
        yield from (f'        state "{state}" as {_state_name(state)}' for state in states)
        yield "    }"
    yield "}"
    arrows: dict[tuple[str, str], list[str]] = {}
    for event in EVENTS:
        for origin in _list_origins(event):
            arrows.setdefault((origin, _state_name(event.to)), []).append(event.name)
    yield from (f"{origin} --> {to}: {'; '.join(names)}" for (origin, to), names in arrows.items())
    yield from (f"{_state_name(state)} --> [*]" for state in DeliveryState if not MOVES[state])


def _list_origins(event: DeliveryEvent) -> Iterator[str]:
    """Yield as few places as say the same; that a state does not lead to itself goes without saying."""
    left = [state for state in event.come_from if state is not event.to]
    for group, states in (("live", LIVE), *((group, states) for group, (_, states) in GROUPS.items())):
        if {state for state in states if state is not event.to} <= set(left):
            yield group
            left = [state for state in left if state not in states]
    yield from map(_state_name, left)


def _state_name(state: DeliveryState) -> str:
    return state.replace("-", "_")


if __name__ == "__main__":
    print(f"```mermaid\n{draw_states()}```\n\n{format_events()}\n{format_replies()}", end="")
