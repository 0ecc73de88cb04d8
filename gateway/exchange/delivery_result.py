"""How a try ended, to a delivery's next state. Deciding is pure; writing it is one transaction in `deliver`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from adapters.route import Attempt, ExpiredCertificate, HandedOver, OtherCertificate, Receipted, Refused, TryLater
from gateway.context import SYSTEM, Gateway
from gateway.core import delivery
from gateway.core.checkpoint_rules import BroughtCheckpoint
from gateway.core.delivery import DeliveryState
from gateway.store import audit_log
from gateway.store.audit_log import AuditEntry
from gateway.store.inbox import StoredReceipt
from gateway.store.outbox import ClaimedDelivery, SettledTry
from keys import envelope, receipt
from keys.errors import NAMES_A_KEY, Refusal, RefusalCode, is_passing
from keys.receipt import Receipt as SignedReceipt

# The codes of answers: they do not know our key, or their server shows a certificate that we do not know.
NOT_KNOWN = frozenset({"refused.401", OtherCertificate.short, ExpiredCertificate.short})


@dataclass(frozen=True, slots=True)
class TryEnding:
    """What is written of one try."""

    settled: SettledTry
    # A try that will be repeated is in the history of the delivery, not in the audit log.
    entry: AuditEntry | None
    receipt: StoredReceipt | None = None
    partner_down: bool = False
    # The checkpoint in the receipt.
    brought: BroughtCheckpoint | None = None
    # One side named a key that the other's card does not have: a newer card is wanted.
    names_key: bool = False
    # It was sealed with keys that do not count any more.
    sign_anew: ClaimedDelivery | None = None


def settle_try(gw: Gateway, claimed: ClaimedDelivery, attempt: Attempt, *, route: str, jitter: float) -> TryEnding:
    """Decide what a try makes of a delivery."""
    now = gw.now()
    match attempt:
        case Receipted(token):
            return _settle_with_receipt(gw, claimed, token, route, jitter, now)
        case HandedOver(where, ticket):
            # A person answers, or a server says that it came back.
            if claimed.protection != "sealed":
                return _build_ending(
                    claimed, DeliveryState.SENT, route, "handed over", where, "notice.sent", ticket=ticket
                )
            if now - claimed.queued_at >= delivery.PATIENCE:
                return _build_ending(
                    claimed, DeliveryState.FAILED, route, "gave up", "no delivery receipt was received", "notice.failed"
                )
            due_at = now + delivery.RECEIPT_WAIT
            return _build_ending(
                claimed, DeliveryState.SENT, route, "handed over", where, "notice.sent", due_at=due_at, ticket=ticket
            )
        case TryLater(reason, after, code=code):
            wait = delivery.get_next_attempt(
                claimed.attempts, queued_at=claimed.queued_at, now=now, jitter=jitter, after=after
            )
            ending = _try_again(claimed, route, reason, wait, partner_down=True, code=code)
            return replace(ending, names_key=code in NOT_KNOWN)
        # A person can mend it while we go on trying.
        case Refused(code, reason) if claimed.protection == "sealed":
            wait = delivery.get_next_attempt(claimed.attempts, queued_at=claimed.queued_at, now=now, jitter=jitter)
            return _try_again(claimed, route, f"{code}: {reason}", wait, code=code)
        # A letter: whoever wrote it chooses another way.
        case Refused(code, reason):
            return _build_ending(claimed, DeliveryState.FAILED, route, "refused", f"{code}: {reason}", "notice.failed")
        case _:
            assert_never(attempt)


def _settle_with_receipt(
    gw: Gateway, claimed: ClaimedDelivery, token: str, route: str, jitter: float, now: datetime
) -> TryEnding:
    try:
        theirs = receipt.verify(
            token, issuer=claimed.recipient, audience=gw.code, sha256=claimed.digest, trust=gw.trust, now=now
        )
    except Refusal as why:
        wait = delivery.get_next_attempt(claimed.attempts, queued_at=claimed.queued_at, now=now, jitter=jitter)
        ending = _try_again(claimed, route, f"{delivery.NOT_HOLDING}: {why.sentence} [{why.code}]", wait)
        return replace(ending, names_key=why.code in NAMES_A_KEY)
    stored_receipt = StoredReceipt(claimed.recipient, claimed.digest, claimed.message_id, theirs.result, token)
    ending = _settle_by_result(claimed, theirs, stored_receipt, route, jitter, now)
    if theirs.codes and set(theirs.codes) <= NAMES_A_KEY and ending.settled.state is DeliveryState.QUEUED:
        anew = claimed if _has_old_keys(gw, claimed, theirs.codes, now) else None
        ending = replace(ending, names_key=True, sign_anew=anew)
    return (
        replace(ending, brought=BroughtCheckpoint(theirs.checkpoint, theirs.issued_at)) if theirs.checkpoint else ending
    )


def _has_old_keys(gw: Gateway, claimed: ClaimedDelivery, codes: Sequence[str], now: datetime) -> bool:
    """Tell whether other keys would be used for it now, or a key of ours has ended, as the partner's card of us says.

    A key that the partner does not know yet is not changed again: it is our newest card that it needs.
    """
    if set(codes) & {RefusalCode.KEY_OUT_OF_DATE, RefusalCode.KEY_REVOKED}:
        return True
    try:
        outside = envelope.peek(claimed.sealed)
        return outside.kid != gw.trust.sealing_key(claimed.recipient, now).kid or outside.iat < gw.ring.newest_since
    except Refusal:
        return False


def _settle_by_result(
    claimed: ClaimedDelivery,
    theirs: SignedReceipt,
    stored_receipt: StoredReceipt,
    route: str,
    jitter: float,
    now: datetime,
) -> TryEnding:
    if theirs.result == "accepted":
        return _build_ending(
            claimed, DeliveryState.RECEIVED, route, "receipted", None, "receipt.verified", stored_receipt
        )
    reason = "refused by their gateway: " + ", ".join(theirs.codes)
    if all(is_passing(code) or code in NAMES_A_KEY for code in theirs.codes):
        wait = delivery.get_next_attempt(claimed.attempts, queued_at=claimed.queued_at, now=now, jitter=jitter)
        return _try_again(claimed, route, reason, wait)
    return _build_ending(claimed, DeliveryState.REJECTED, route, "rejected", reason, "notice.rejected", stored_receipt)


def _try_again(
    claimed: ClaimedDelivery,
    route: str,
    reason: str,
    due_at: datetime | None,
    *,
    partner_down: bool = False,
    code: str | None = None,
) -> TryEnding:
    if due_at is None:
        return _build_ending(claimed, DeliveryState.FAILED, route, "gave up", reason, "notice.failed")
    return TryEnding(
        SettledTry(claimed.message_id, DeliveryState.QUEUED, route, "later", reason, due_at, code=code),
        None,
        None,
        partner_down,
    )


def _build_ending(
    claimed: ClaimedDelivery,
    state: DeliveryState,
    route: str,
    ending: str,
    reason: str | None,
    act: str,
    stored_receipt: StoredReceipt | None = None,
    *,
    due_at: datetime | None = None,
    ticket: str | None = None,
) -> TryEnding:
    detail = {"reason": reason} if reason else {}
    if stored_receipt:
        detail["receipt"] = audit_log.digest_text(stored_receipt.token)
    entry: AuditEntry | None = AuditEntry(act, SYSTEM, claimed.message_id, claimed.recipient, claimed.digest, detail)
    if claimed.answered and act != "receipt.verified":
        # An officer there has it: nothing has failed, or was sent.
        entry = None
    return TryEnding(
        SettledTry(claimed.message_id, state, route, ending, reason, due_at, ticket), entry, stored_receipt
    )
