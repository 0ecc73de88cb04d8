"""What may be said about a message, by whom, and what comes of it: one table, which receiving and answering both ask.

A message names another by InReplyTo (it answers it, or says more about it) or by Supersedes (it takes its place). It has an effect
only where it fits what it names: the pair of kinds stands in `ROWS`, it was sent by who may say it, in the same case, and both
are tests or neither is. What becomes of every other:

    refused        the pair of kinds stands in no row, and we know the message that is named: its sender learns of it at once
    does not fit   another sender, another case, a test, or too late: kept, without effect, and an officer of ours is told to ring
    about nothing  we do not know what it names: kept, without effect, and counted for its sender

Nothing here knows the database or the clock. `python -m gateway.core.cases` draws the table for docs/cases.md.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.core import labels
from gateway.core.delivery import DECIDED, MOVES, State, may_come_from
from gateway.core.inbox_state import Standing
from schemas.message import BODIES, OPENS_A_CASE, SEARCHES, MessageKind, get_kind

REFUSED = "reply.does-not-fit"  # the code in the receipt
LIVE = (Standing.NEW, Standing.ACKNOWLEDGED, Standing.PASSED_ON, Standing.REJECTED)  # of a notice that came
GONE = (Standing.WITHDRAWN, Standing.SUPERSEDED)
FINAL = ("Outcome", "WhereaboutsResponse")  # no acknowledgement counts after one


class Who(StrEnum):
    """Who may say it."""

    RECIPIENT = "its recipient"
    SENDER = "its sender"


class By(StrEnum):
    """How a message names another."""

    REPLY = "InReplyTo"
    CORRECTION = "Supersedes"


class Misfit(StrEnum):
    """Why a message has no effect on what it names."""

    SENDER = "sender"
    CASE = "case"
    TEST = "test"
    LATE = "late"
    UNKNOWN = "unknown"


SENTENCES = {misfit: labels.explain_misfit(misfit) for misfit in Misfit}


@dataclass(frozen=True, slots=True)
class Row:
    """A reply that fits: what it answers, who says it, in which states it has its effect, and which.

    In the states `agrees`, it says what stands already, so nothing moves and nobody need be told.
    """

    answers: str
    reply: MessageKind
    who: Who
    states: tuple[str, ...]
    effect: State | Standing | None
    agrees: tuple[str, ...] = ()
    decision: str | None = None  # of an acknowledgement
    by: By = By.REPLY


def _answer(answers: str, reply: MessageKind, effect: State, decision: str | None = None) -> Row:
    """By who got it: it moves the notice at its sender, as `delivery.EVENTS` has it. The second final word is never plain agreement."""
    agrees = () if reply in FINAL else (effect,)
    states = tuple(state for state in may_come_from(effect) if state is not effect)
    return Row(answers, reply, Who.RECIPIENT, states, effect, agrees, decision)


def _rows() -> tuple[Row, ...]:
    rows: list[Row] = []
    for kind in OPENS_A_CASE:
        rows += [_answer(kind, "Acknowledgement", effect, decision) for decision, effect in DECIDED.items()]
        if kind in SEARCHES:
            rows.append(_answer(kind, "WhereaboutsResponse", State.CONCLUDED))
        if (
            kind != "WhereaboutsEnquiry"
        ):  # gateways of before told what became of a child whom nobody could find by an outcome
            rows.append(_answer(kind, "Outcome", State.CONCLUDED))
        quiet = (
            (*GONE, Standing.CONCLUDED) if kind in SEARCHES else GONE
        )  # our answer crosses their withdrawal every day
        rows.append(Row(kind, "Withdrawal", Who.SENDER, LIVE, Standing.WITHDRAWN, quiet))
        if kind in SEARCHES:
            rows.append(Row(kind, "LocatedNotice", Who.SENDER, LIVE, Standing.CONCLUDED, (*GONE, Standing.CONCLUDED)))
        rows.append(Row(kind, "Reminder", Who.SENDER, (), None, (*LIVE, Standing.CONCLUDED, *GONE)))
    for body in BODIES:
        kind = get_kind(body)
        old = LIVE if kind in OPENS_A_CASE else (Standing.FILED, Standing.DOES_NOT_FIT, Standing.ABOUT_NOTHING)
        rows.append(Row(kind, kind, Who.SENDER, old, Standing.SUPERSEDED, GONE, by=By.CORRECTION))
    return tuple(rows)


ROWS = _rows()


@dataclass(frozen=True, slots=True)
class Said:
    """What a message that came says of another, without what it says of a child."""

    kind: MessageKind
    decision: str | None
    sender: str
    case: str  # as its sender names it
    test: bool
    by: By = By.REPLY


@dataclass(frozen=True, slots=True)
class Named:
    """The message that is named, as we know it."""

    kind: MessageKind
    ours: bool  # we sent it
    partner: str  # to whom, or from whom
    case: str  # as its sender names it
    test: bool
    state: State | Standing
    case_here: str = ""  # under which it lies here


@dataclass(frozen=True, slots=True)
class Judged:
    """What comes of it: an effect, a reason why it has none, a refusal; or nothing, where it only agrees."""

    effect: State | Standing | None = None
    misfit: Misfit | None = None
    refused: bool = False


def judge(said: Said, named: Named | None) -> Judged:
    """What this message makes of the one that it names."""
    if named is None:
        return Judged(misfit=Misfit.UNKNOWN)
    rows = [row for row in ROWS if (row.answers, row.reply, row.by) == (named.kind, said.kind, said.by)]
    if not rows:
        return Judged(refused=True)
    who = Who.RECIPIENT if named.ours else Who.SENDER
    row = next((row for row in rows if row.who is who and row.decision in (None, said.decision)), None)
    if row is None or named.partner != said.sender:
        return Judged(misfit=Misfit.SENDER)
    if named.case != said.case:
        return Judged(misfit=Misfit.CASE)
    if named.test != said.test:
        return Judged(misfit=Misfit.TEST)
    if named.state in row.states:
        return Judged(effect=row.effect)
    return Judged() if named.state in row.agrees else Judged(misfit=Misfit.LATE)


def answers(kind: MessageKind, reply: MessageKind, decision: str | None = None) -> bool:
    """May who got a message of this kind answer with this one?"""
    mine = [row for row in ROWS if (row.answers, row.reply, row.who) == (kind, reply, Who.RECIPIENT)]
    return any(decision is None or row.decision in (None, decision) for row in mine)


def counts(kind: MessageKind, reply: MessageKind) -> bool:
    """Is it the last word on a message of this kind: what `search` counts?"""
    return reply in FINAL and answers(kind, reply)


def ended(state: State) -> bool:
    """Can nothing move it any more?"""
    return not MOVES[state]
