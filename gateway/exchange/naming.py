"""What came names other messages: which, under which case it lies here, and what comes of it.

`core/replies.py` says what fits; here it is asked, for all messages of one delivery together. All of them are by one
sender.

A case lies here under the id that its opener gave it. Only who opened it may add notices to it: a notice by anybody
else, under the same id, lies in a case of its own, which has an id of ours (`said_case` keeps theirs, and answers go by
that). It is not refused, for it is about a child; and whoever hears of a case could otherwise have a notice of its
opener refused by being there first. A reply lies in the case of the message that it names, whatever case it says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

from gateway.core import replies
from gateway.core.causes import ENDED, find_cause
from gateway.core.delivery import RECEIPT_WAIT, DeliveryState
from gateway.core.inbox_state import InboxState
from gateway.core.replies import Misfit, NamedBy, NamedMessage, ReplyStatement, ReplyVerdict
from gateway.store import inbox, outbox
from gateway.store.database import Tx
from gateway.store.inbox import ArrivedMessage, CaseMessage
from schemas.identifiers import build_uuid7
from schemas.message import OPENS_A_CASE, SEARCHES, Acknowledgement, Message, WhereaboutsResponse
from schemas.shapes import CaseId, MessageId

# States in which their answer may have come before their receipt.
UNRECEIPTED = (
    *(DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.FAILED),
    *(DeliveryState.CONCLUDED, DeliveryState.CLOSED, DeliveryState.WITHDRAWN),
)
Came = tuple[ArrivedMessage, Message]


@dataclass(slots=True)
class NamedMessages:
    """What the messages of one delivery name, as it stood before they came, and as they change it."""

    sender: str
    ours: dict[MessageId, NamedMessage]
    theirs: dict[MessageId, NamedMessage]
    # What came, by the case that its sender names, and by the one in which it lies.
    cases: dict[CaseId, list[CaseMessage]]
    # When we opened it.
    opened: dict[CaseId, datetime]
    # In which we sent something to this sender.
    shared: set[CaseId]
    # Cases of its own, by the id that it gave them.
    own: dict[CaseId, CaseId] = field(default_factory=dict)


def read_named_messages(tx: Tx, came: Sequence[Came]) -> NamedMessages:
    """Read what the messages name: a few questions, however many messages there are."""
    sender = came[0][0].sender
    ids = {name for arrived, _ in came for name, _ in _list_names(arrived)}
    ours = outbox.find_sent_names(tx, ids) if ids else {}
    theirs = inbox.find_received_names(tx, sender, ids) if ids else {}
    for arrived, _ in came:
        if arrived.message_id in ids and arrived.message_id not in theirs:
            theirs[arrived.message_id] = _as_named_message(arrived)
    known = {*ours, *theirs}
    strange = [arrived for arrived, _ in came if not any(name in known for name, _ in _list_names(arrived))]
    asked = {named.case_id for named in strange} | {a.case_id for a, _ in came if a.kind in OPENS_A_CASE}
    lying = inbox.list_case_messages(tx, asked) if asked else []
    lying += [_as_case_message(arrived) for arrived, _ in came if arrived.case_id in asked]
    unknown = {named.case_id for named in strange if named.kind not in OPENS_A_CASE}
    return NamedMessages(
        sender,
        ours,
        theirs,
        {case: [named for named in lying if case in (named.case, named.said_case)] for case in asked},
        outbox.list_opened_cases(tx, asked) if asked else {},
        outbox.find_cases_with(tx, sender, unknown) if unknown else set(),
    )


def _as_case_message(arrived: ArrivedMessage) -> CaseMessage:
    """Build one of this delivery, as if it lay there already; but after all that does, whatever its sender says."""
    return CaseMessage(
        arrived.sender,
        arrived.message_id,
        arrived.case_id,
        arrived.said_case,
        arrived.kind,
        arrived.in_reply_to,
        arrived.test,
        arrived.state,
        datetime.max.replace(tzinfo=UTC),
        arrived.created_at,
        arrived.sequence,
    )


def _list_names(arrived: ArrivedMessage) -> Iterator[tuple[MessageId, NamedBy]]:
    """Yield what it names. A correction that also answers what it replaces says so once."""
    if arrived.supersedes:
        yield arrived.supersedes, NamedBy.CORRECTION
    if arrived.in_reply_to and arrived.in_reply_to != arrived.supersedes:
        yield arrived.in_reply_to, NamedBy.REPLY


def _as_named_message(arrived: ArrivedMessage) -> NamedMessage:
    case = arrived.said_case or arrived.case_id
    return NamedMessage(arrived.kind, False, arrived.sender, case, arrived.test, arrived.state, arrived.case_id)


def _build_statement(arrived: ArrivedMessage, message: Message, by: NamedBy) -> ReplyStatement:
    decision = message.body.decision if isinstance(message.body, Acknowledgement) else None
    case = arrived.said_case or arrived.case_id
    return ReplyStatement(arrived.kind, decision, arrived.sender, case, arrived.test, by)


def _judge_naming(
    known: NamedMessages, arrived: ArrivedMessage, message: Message, name: MessageId, by: NamedBy
) -> tuple[ReplyVerdict, NamedMessage | None]:
    """Judge what it says; an id may name a message of ours and one of theirs: then the one that it fits better."""
    statement = _build_statement(arrived, message, by)
    candidates = [named for named in (known.ours.get(name), known.theirs.get(name)) if named]
    judged = [(replies.judge_statement(statement, named), named) for named in candidates]
    fits = [pair for pair in judged if not pair[0].refused and pair[0].misfit is None]
    allowed = [pair for pair in judged if not pair[0].refused]
    return next(iter([*fits, *allowed, *judged]), (replies.judge_statement(statement, None), None))


def place_message(known: NamedMessages, arrived: ArrivedMessage, message: Message) -> ArrivedMessage | None:
    """Return the message, with the case under which it lies here and whether it fits; None where it is refused."""
    judged = [_judge_naming(known, arrived, message, name, by) for name, by in _list_names(arrived)]
    if not judged and arrived.kind == "LocatedNotice":
        judged = [(_judge_located(known, arrived), None)]
    if any(verdict_of.refused for verdict_of, _ in judged):
        return None
    if arrived.kind in OPENS_A_CASE:
        fits = next((named for verdict_of, named in judged if named and verdict_of.misfit is None), None)
        return _put_in_case(arrived, fits.case_here if fits else _find_own_case(known, arrived))
    # What it answers; or, if it answers nothing, what it replaces.
    verdict, named = judged[-1]
    misfit = verdict.misfit if verdict.misfit is not Misfit.LATE or named is None else None
    if misfit is Misfit.UNKNOWN and arrived.case_id not in known.shared:
        return replace(
            _put_in_case(arrived, _find_own_case(known, arrived)), state=InboxState.ABOUT_NOTHING, misfit=misfit
        )
    arrived = _put_in_case(arrived, named.case_here) if named else arrived
    return replace(arrived, state=InboxState.DOES_NOT_FIT, misfit=misfit) if misfit else arrived


def _put_in_case(arrived: ArrivedMessage, case_id: CaseId) -> ArrivedMessage:
    if case_id == arrived.case_id:
        return arrived
    return replace(arrived, case_id=case_id, said_case=arrived.case_id)


def _find_own_case(known: NamedMessages, arrived: ArrivedMessage) -> CaseId:
    """Find the case of what names none that we know: its own if its sender opened it or nobody did, else another."""
    case, sender = arrived.case_id, arrived.sender
    lying = known.cases.get(case, [])
    openers = [
        (lying_message.received_at, lying_message.sender)
        for lying_message in lying
        if lying_message.case == case and lying_message.kind in OPENS_A_CASE
    ]
    opened_by = min(openers, default=None)
    ours = known.opened.get(case)
    if ours is None and (opened_by is None or opened_by[1] == sender):
        return case
    if ours and opened_by and opened_by[1] == sender and opened_by[0] < ours:
        return case
    before = next(
        (
            lying_message.case
            for lying_message in lying
            if lying_message.said_case == case and lying_message.sender == sender
        ),
        None,
    )
    return known.own.setdefault(case, before or CaseId(build_uuid7(arrived.created_at, token_bytes(10))))


def apply_effect(
    tx: Tx, now: datetime, known: NamedMessages, arrived: ArrivedMessage, message: Message
) -> Misfit | None:
    """Move on what it names, where it fits; put it aside where it came too late. Return why it has no effect, if so."""
    names = list(_list_names(arrived))
    late = False
    for name, by in names:
        if arrived.misfit is not None and by is NamedBy.REPLY:
            return arrived.misfit
        judged, named = _judge_naming(known, arrived, message, name, by)
        if judged.effect and named and not _is_overtaken(tx, arrived):
            late = not _move_named(tx, now, known, arrived, name, named, judged.effect, find_cause(message.body))
        elif judged.misfit is Misfit.LATE and by is NamedBy.REPLY:
            late = not _is_overtaken(tx, arrived)
        if named and named.ours and judged.misfit in (None, Misfit.LATE) and named.state in UNRECEIPTED:
            # It may be on its way.
            wait = RECEIPT_WAIT if named.state is DeliveryState.SENT else timedelta(0)
            outbox.request_receipt(tx, name, arrived.sender, now + wait)
    if arrived.misfit is not None:
        return arrived.misfit
    if not names and arrived.kind == "LocatedNotice":
        _end_located_searches(tx, now, arrived)
    if not late or arrived.kind in OPENS_A_CASE or _is_by_machine(message):
        return None
    inbox.set_misfit(tx, now, arrived.sender, arrived.message_id, InboxState.DOES_NOT_FIT, Misfit.LATE)
    return Misfit.LATE


def _is_by_machine(message: Message) -> bool:
    """Tell whether no officer wrote it, so none is to be asked about it."""
    return isinstance(message.body, WhereaboutsResponse) and message.body.answered_by == "machine"


def _is_overtaken(tx: Tx, arrived: ArrivedMessage) -> bool:
    """Tell whether it is an acknowledgement, and its sender's newer word on the same message came first."""
    return (
        arrived.kind == "Acknowledgement"
        and arrived.in_reply_to is not None
        and inbox.has_later_word(
            tx, arrived.sender, arrived.in_reply_to, arrived.message_id, arrived.created_at, arrived.sequence
        )
    )


def _move_named(
    tx: Tx,
    now: datetime,
    known: NamedMessages,
    arrived: ArrivedMessage,
    name: MessageId,
    named: NamedMessage,
    to: DeliveryState | InboxState,
    cause: str | None,
) -> bool:
    """Move what it names; return False where somebody else moved it just now."""
    if isinstance(to, InboxState):
        known.theirs[name] = replace(named, state=to)
        return inbox.set_state(tx, now, arrived.sender, name, to, cause=cause)
    known.ours[name] = replace(named, state=to)
    return outbox.advance_delivery(tx, now, name, arrived.sender, to, cause=cause)


def _judge_located(known: NamedMessages, arrived: ArrivedMessage) -> ReplyVerdict:
    """Judge one that names no notice: it is about its sender's own searches in the case, or else it is refused."""
    mine = [judgement for judgement in known.cases[arrived.case_id] if _is_opening(judgement, arrived)]
    judged = [_judge_search_end(judgement, arrived) for judgement in mine]
    fits = [judgement for judgement in judged if not judgement.refused and judgement.misfit is None]
    allowed = [judgement for judgement in judged if not judgement.refused]
    return next(iter([*fits, *allowed, *judged]), ReplyVerdict(misfit=Misfit.UNKNOWN))


def _judge_search_end(search: CaseMessage, located: ArrivedMessage) -> ReplyVerdict:
    case = located.said_case or located.case_id
    judged = replies.judge_statement(
        ReplyStatement(located.kind, None, located.sender, case, located.test), search.named
    )
    if judged.effect and search.created_at > located.created_at:
        # They ask again since.
        return ReplyVerdict(misfit=Misfit.LATE)
    return judged


def _is_opening(message: CaseMessage, arrived: ArrivedMessage) -> bool:
    case = arrived.said_case or arrived.case_id
    return (
        message.sender == arrived.sender
        and message.kind in OPENS_A_CASE
        and (message.said_case or message.case) == case
    )


def _end_located_searches(tx: Tx, now: datetime, arrived: ArrivedMessage) -> None:
    """End those of its sender's searches in the case that were written before it."""
    for message in inbox.list_case_messages(tx, [arrived.said_case or arrived.case_id]):
        if _is_opening(message, arrived) and isinstance(
            effect := _judge_search_end(message, arrived).effect, InboxState
        ):
            inbox.set_state(tx, now, message.sender, message.message_id, effect, cause=ENDED)


def apply_earlier_words(tx: Tx, now: datetime, known: NamedMessages, new: Sequence[ArrivedMessage]) -> None:
    """Apply what its sender took back, corrected or located in a message that came before the message it is about."""
    standing = {
        arrived.message_id: known.theirs.get(arrived.message_id) or _as_named_message(arrived) for arrived in new
    }
    for early in inbox.list_overtakers(tx, known.sender, list(standing)):
        judged = replies.judge_statement(early.statement, standing[early.names])
        if isinstance(judged.effect, InboxState):
            inbox.set_state(
                tx,
                now,
                known.sender,
                early.names,
                judged.effect,
                cause=ENDED if early.statement.kind == "LocatedNotice" else None,
            )
            standing[early.names] = replace(standing[early.names], state=judged.effect)
        if not judged.refused and judged.misfit is None and early.statement.kind not in OPENS_A_CASE:
            inbox.set_state(tx, now, known.sender, early.message_id, InboxState.FILED)
    for arrived in new:
        if arrived.kind in SEARCHES:
            _apply_earlier_located(tx, now, known, arrived)


def _apply_earlier_located(tx: Tx, now: datetime, known: NamedMessages, search: ArrivedMessage) -> None:
    case = search.said_case or search.case_id
    for message in known.cases.get(case, []):
        located = message.kind == "LocatedNotice" and message.in_reply_to is None and message.sender == search.sender
        if located and message.test == search.test and message.created_at >= search.created_at:
            inbox.set_state(tx, now, search.sender, search.message_id, InboxState.CONCLUDED, cause=ENDED)
            inbox.set_state(tx, now, message.sender, message.message_id, InboxState.FILED)
