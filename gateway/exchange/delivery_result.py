"""How a try ended, to a delivery's next state. Deciding is pure; writing it is one transaction in `deliver`."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from adapters.route import Attempt, HandedOver, Receipted, Refused, TryLater
from gateway.context import SYSTEM, Authority
from gateway.core import delivery
from gateway.core.checkpoint_rules import Brought
from gateway.core.delivery import State
from gateway.store import audit_log
from gateway.store.audit_log import Entry
from gateway.store.inbox import Receipt
from gateway.store.outbox import Claimed, Settled
from keys import receipt
from keys.errors import Refusal, is_passing
from keys.receipt import Receipt as SignedReceipt


@dataclass(frozen=True, slots=True)
class Ending:
    """What is written of one try."""

    settled: Settled
    entry: Entry | None  # a try that will be repeated is in the history of the delivery, not in the audit log
    receipt: Receipt | None = None
    partner_down: bool = False
    brought: Brought | None = None  # the checkpoint in the receipt


def settle(here: Authority, claimed: Claimed, attempt: Attempt, *, route: str, jitter: float) -> Ending:
    """Decide what a try makes of a delivery."""
    now = here.now()
    match attempt:
        case Receipted(token):
            return _with_receipt(here, claimed, token, route, jitter, now)
        case HandedOver(where, ticket):
            if claimed.protection != "sealed":  # a person answers, or a server says that it came back
                return _ending(claimed, State.SENT, route, "handed over", where, "notice.sent", ticket=ticket)
            if now - claimed.queued_at >= delivery.PATIENCE:
                return _ending(
                    claimed, State.FAILED, route, "gave up", "handed over, but no receipt came", "notice.failed"
                )
            due_at = now + delivery.RECEIPT_WAIT
            return _ending(
                claimed, State.SENT, route, "handed over", where, "notice.sent", due_at=due_at, ticket=ticket
            )
        case TryLater(reason, after, code=code):
            wait = delivery.next_attempt(
                claimed.attempts, queued_at=claimed.queued_at, now=now, jitter=jitter, after=after
            )
            return _again(claimed, route, reason, wait, partner_down=True, code=code)
        case Refused(code, reason) if claimed.protection == "sealed":  # a person can mend it while we go on trying
            wait = delivery.next_attempt(claimed.attempts, queued_at=claimed.queued_at, now=now, jitter=jitter)
            return _again(claimed, route, f"{code}: {reason}", wait, code=code)
        case Refused(code, reason):  # a letter: whoever wrote it chooses another way
            return _ending(claimed, State.FAILED, route, "refused", f"{code}: {reason}", "notice.failed")
        case _:
            assert_never(attempt)


def _with_receipt(here: Authority, claimed: Claimed, token: str, route: str, jitter: float, now: datetime) -> Ending:
    try:
        theirs = receipt.verify(
            token, issuer=claimed.recipient, audience=here.code, sha256=claimed.digest, trust=here.trust, now=now
        )
    except Refusal as why:
        wait = delivery.next_attempt(claimed.attempts, queued_at=claimed.queued_at, now=now, jitter=jitter)
        return _again(claimed, route, f"{delivery.NOT_HOLDING}: {why.sentence} [{why.code}]", wait)
    kept = Receipt(claimed.recipient, claimed.digest, claimed.message_id, theirs.result, token)
    ending = _by_receipt(claimed, theirs, kept, route, jitter, now)
    return replace(ending, brought=Brought(theirs.checkpoint, theirs.issued_at)) if theirs.checkpoint else ending


def _by_receipt(
    claimed: Claimed, theirs: SignedReceipt, kept: Receipt, route: str, jitter: float, now: datetime
) -> Ending:
    if theirs.result == "accepted":
        return _ending(claimed, State.RECEIVED, route, "receipted", None, "receipt.verified", kept)
    reason = "refused there: " + ", ".join(theirs.codes)
    if all(is_passing(code) for code in theirs.codes):
        wait = delivery.next_attempt(claimed.attempts, queued_at=claimed.queued_at, now=now, jitter=jitter)
        return _again(claimed, route, reason, wait)
    return _ending(claimed, State.REJECTED, route, "rejected", reason, "notice.rejected", kept)


def _again(
    claimed: Claimed,
    route: str,
    reason: str,
    due_at: datetime | None,
    *,
    partner_down: bool = False,
    code: str | None = None,
) -> Ending:
    if due_at is None:
        return _ending(claimed, State.FAILED, route, "gave up", reason, "notice.failed")
    return Ending(
        Settled(claimed.message_id, State.QUEUED, route, "later", reason, due_at, code=code), None, None, partner_down
    )


def _ending(
    claimed: Claimed,
    state: State,
    route: str,
    ending: str,
    reason: str | None,
    act: str,
    kept: Receipt | None = None,
    *,
    due_at: datetime | None = None,
    ticket: str | None = None,
) -> Ending:
    detail = {"reason": reason} if reason else {}
    if kept:
        detail["receipt"] = audit_log.digest_of(kept.token)
    entry: Entry | None = Entry(act, SYSTEM, claimed.message_id, claimed.recipient, claimed.digest, detail)
    if claimed.answered and act != "receipt.verified":
        entry = None  # an officer there has it: nothing has failed, or was sent
    return Ending(Settled(claimed.message_id, state, route, ending, reason, due_at, ticket), entry, kept)
