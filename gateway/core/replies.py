"""What may be said about a message, by whom, and what comes of it: one table, which receiving and answering both ask.

A message names another by InReplyTo (it answers it, or says more about it) or by Supersedes (it takes its place). It
has an effect only where it fits what it names: the pair of kinds stands in `ROWS`, it was sent by who may say it, in
the same case, and both are tests or neither is. What becomes of every other:

    refused        the pair of kinds stands in no row, and we know the message that is named: its sender learns of it at
    once does not fit   another sender, another case, a test, or too late: kept, without effect, and an officer of ours
    is told to ring about nothing  we do not know what it names: kept, without effect, and counted for its sender

Nothing here knows the database or the clock. `python -m gateway.core.cases` draws the table for docs/cases.md.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.core.delivery import DECIDED, DeliveryState, list_origins
from gateway.core.inbox_state import InboxState
from schemas.message import BODIES, OPENS_A_CASE, SEARCHES, Decision, MessageKind, get_kind
from schemas.shapes import CaseId

# The code in the receipt.
REFUSED = "reply.does-not-fit"
# Of a notice that came.
LIVE = (InboxState.NEW, InboxState.ACKNOWLEDGED, InboxState.PASSED_ON, InboxState.REJECTED)
GONE = (InboxState.WITHDRAWN, InboxState.SUPERSEDED)
# No acknowledgement counts after one.
FINAL: tuple[MessageKind, ...] = ("Outcome", "WhereaboutsResponse")


class ReplySpeaker(StrEnum):
    """Who may say it."""

    RECIPIENT = "its recipient"
    SENDER = "its sender"


class NamedBy(StrEnum):
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


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """A reply that fits: what it answers, who says it, in which states it has its effect, and which.

    In the states `agrees`, it says what stands already, so nothing moves and nobody need be told.
    """

    answers: MessageKind
    reply: MessageKind
    who: ReplySpeaker
    states: tuple[DeliveryState | InboxState, ...]
    effect: DeliveryState | InboxState | None
    agrees: tuple[DeliveryState | InboxState, ...] = ()
    # Of an acknowledgement.
    decision: Decision | None = None
    by: NamedBy = NamedBy.REPLY


def _build_answer_row(
    answers: MessageKind, reply: MessageKind, effect: DeliveryState, decision: Decision | None = None
) -> ReplyRow:
    """Build the row of an answer: it moves the notice at its sender. The second final word is never plain agreement."""
    agrees = () if reply in FINAL else (effect,)
    states = tuple(state for state in list_origins(effect) if state is not effect)
    return ReplyRow(answers, reply, ReplySpeaker.RECIPIENT, states, effect, agrees, decision)


def _build_rows() -> tuple[ReplyRow, ...]:
    rows: list[ReplyRow] = []
    for kind in OPENS_A_CASE:
        rows += [_build_answer_row(kind, "Acknowledgement", effect, decision) for decision, effect in DECIDED.items()]
        if kind in SEARCHES:
            rows.append(_build_answer_row(kind, "WhereaboutsResponse", DeliveryState.CONCLUDED))
        # Gateways of before told what became of a child whom nobody could find by an outcome.
        if kind != "WhereaboutsEnquiry":
            rows.append(_build_answer_row(kind, "Outcome", DeliveryState.CONCLUDED))
        # Our answer crosses their withdrawal every day.
        quiet = (*GONE, InboxState.CONCLUDED) if kind in SEARCHES else GONE
        rows.append(ReplyRow(kind, "Withdrawal", ReplySpeaker.SENDER, LIVE, InboxState.WITHDRAWN, quiet))
        if kind in SEARCHES:
            rows.append(
                ReplyRow(
                    kind,
                    "LocatedNotice",
                    ReplySpeaker.SENDER,
                    LIVE,
                    InboxState.CONCLUDED,
                    (*GONE, InboxState.CONCLUDED),
                )
            )
        rows.append(ReplyRow(kind, "Reminder", ReplySpeaker.SENDER, (), None, (*LIVE, InboxState.CONCLUDED, *GONE)))
    for body in BODIES:
        kind = get_kind(body)
        old = LIVE if kind in OPENS_A_CASE else (InboxState.FILED, InboxState.DOES_NOT_FIT, InboxState.ABOUT_NOTHING)
        rows.append(ReplyRow(kind, kind, ReplySpeaker.SENDER, old, InboxState.SUPERSEDED, GONE, by=NamedBy.CORRECTION))
    return tuple(rows)


ROWS = _build_rows()


@dataclass(frozen=True, slots=True)
class ReplyStatement:
    """What a message that came says of another, without what it says of a child."""

    kind: MessageKind
    decision: Decision | None
    sender: str
    # As its sender names it.
    case: CaseId
    test: bool
    by: NamedBy = NamedBy.REPLY


@dataclass(frozen=True, slots=True)
class NamedMessage:
    """The message that is named, as we know it."""

    kind: MessageKind
    # We sent it.
    ours: bool
    # To whom, or from whom.
    partner: str
    # As its sender names it.
    case: CaseId
    test: bool
    state: DeliveryState | InboxState
    # Under which it lies here.
    case_here: CaseId = CaseId("")


@dataclass(frozen=True, slots=True)
class ReplyVerdict:
    """What comes of it: an effect, a reason why it has none, a refusal; or nothing, where it only agrees."""

    effect: DeliveryState | InboxState | None = None
    misfit: Misfit | None = None
    refused: bool = False


def judge_statement(statement: ReplyStatement, named: NamedMessage | None) -> ReplyVerdict:
    """Judge what this message makes of the one that it names."""
    if named is None:
        return ReplyVerdict(misfit=Misfit.UNKNOWN)
    rows = [row for row in ROWS if (row.answers, row.reply, row.by) == (named.kind, statement.kind, statement.by)]
    if not rows:
        return ReplyVerdict(refused=True)
    who = ReplySpeaker.RECIPIENT if named.ours else ReplySpeaker.SENDER
    row = next((row for row in rows if row.who is who and row.decision in (None, statement.decision)), None)
    if row is None or named.partner != statement.sender:
        return ReplyVerdict(misfit=Misfit.SENDER)
    if named.case != statement.case:
        return ReplyVerdict(misfit=Misfit.CASE)
    if named.test != statement.test:
        return ReplyVerdict(misfit=Misfit.TEST)
    if named.state in row.states:
        return ReplyVerdict(effect=row.effect)
    return ReplyVerdict() if named.state in row.agrees else ReplyVerdict(misfit=Misfit.LATE)


def may_answer(kind: MessageKind, reply: MessageKind, decision: Decision | None = None) -> bool:
    """Tell whether who got a message of this kind may answer with this one."""
    mine = [row for row in ROWS if (row.answers, row.reply, row.who) == (kind, reply, ReplySpeaker.RECIPIENT)]
    return any(decision is None or row.decision in (None, decision) for row in mine)
