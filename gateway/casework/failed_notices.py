"""What was not delivered: a task for officers until it is tried again, sent another way, or handed over by phone."""

from collections.abc import Collection
from dataclasses import dataclass

from gateway.context import Gateway
from gateway.core import labels
from gateway.core.open_actions import CaseAction, list_sent_actions
from gateway.store import outbox
from gateway.store.outbox import Delivery
from schemas.message import MessageKind
from schemas.shapes import CaseId

# Nothing is lost by one of these: whoever is reminded was asked before.
NO_TASK: tuple[MessageKind, ...] = ("Reminder",)


@dataclass(frozen=True, slots=True)
class FailedNotice:
    """One message that was not delivered, and what an officer does about it."""

    sent: Delivery
    # In words.
    why: str
    move: str
    # Whom to call there; empty where nobody is known.
    contact: str

    @property
    def may_be_told(self) -> bool:
        """Tell whether it may be told by phone in place of being delivered."""
        sealed = self.sent.protection == "sealed"
        actions = list_sent_actions(self.sent.kind, self.sent.state, sealed=sealed, handed_over=False)
        return CaseAction.HAND_OVER in actions

    @property
    def call(self) -> str:
        """Return whom to call, as a sentence."""
        return f"{labels.explain_call(self.contact)}."


def list_failed_notices(gw: Gateway, limit: int | None, cases: Collection[CaseId] | None = None) -> list[FailedNotice]:
    """List what was not delivered, the oldest first; of these cases only, where they are given."""
    failed = gw.store.look(lambda tx: outbox.list_failed(tx, NO_TASK, limit, cases))
    return [_build_failed_notice(gw, sent) for sent in failed]


def _build_failed_notice(gw: Gateway, sent: Delivery) -> FailedNotice:
    return FailedNotice(
        sent=sent,
        why=labels.explain_failure(sent.reason, sent.recipient),
        move=labels.explain_failed_move(sent.kind),
        contact=gw.whom_to_ring(sent.recipient),
    )


def list_failed_of_case(gw: Gateway, case_id: CaseId) -> list[FailedNotice]:
    """List what was not delivered in one case, the oldest first."""
    return list_failed_notices(gw, None, (case_id,))
