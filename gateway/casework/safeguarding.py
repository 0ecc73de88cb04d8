"""What of a case is about the safety of a child: why, and whom an officer calls at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.casework.case import Case, CaseNotice
from gateway.context import Gateway
from gateway.core import labels, urgency
from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import InboxState
from gateway.core.message_name import MessageName
from gateway.core.urgency import UrgentReason
from gateway.exchange import alerts as raised
from gateway.store import alerts, inbox
from gateway.store.database import Tx

# Where nobody has to be called about it any more.
ENDS = (
    *(InboxState.CONCLUDED, InboxState.WITHDRAWN, InboxState.SUPERSEDED),
    *(DeliveryState.CONCLUDED, DeliveryState.CLOSED, DeliveryState.WITHDRAWN, DeliveryState.EXPIRED),
)


@dataclass(frozen=True, slots=True)
class CaseAlert:
    """One message of a case that is about the safety of the child."""

    notice: CaseNotice
    reasons: Sequence[UrgentReason]
    # What an officer does now.
    call: str
    # It waits until an officer has looked at it.
    waits: bool

    @property
    def explained(self) -> Sequence[str]:
        """List what the message says, in words."""
        return [labels.explain_urgent(reason) for reason in self.reasons]


def list_case_alerts(gw: Gateway, opened_case: Case) -> list[CaseAlert]:
    """List what of this case, which was opened for a person, is about the safety of the child: the newest first."""
    urgent = [(notice, _list_reasons(notice)) for notice in opened_case.notices if notice.state not in ENDS]
    named = [notice.name for notice, reasons in urgent if reasons]
    waiting = gw.store.look(lambda tx: {name for name in named if alerts.is_waiting(tx, name)}) if named else set()
    return [
        CaseAlert(notice, reasons, _tell_whom_to_call(gw, notice, reasons), notice.name in waiting)
        for notice, reasons in urgent
        if reasons and (notice.choices or notice.name in waiting)
    ]


def _list_reasons(notice: CaseNotice) -> Sequence[UrgentReason]:
    return urgency.list_urgent_reasons(notice.message) if notice.message else ()


def _tell_whom_to_call(gw: Gateway, notice: CaseNotice, reasons: Sequence[UrgentReason]) -> str:
    """Return whom to call: for what came our MASH, for what we sent theirs."""
    if UrgentReason.RESTRICTION_MISSED in reasons:
        return labels.tell_whom_to_call(UrgentReason.RESTRICTION_MISSED, notice.ring, notice.partner)
    if notice.direction == "came":
        return labels.tell_whom_to_call("ours", gw.find_mash(gw.code), gw.code)
    return labels.tell_whom_to_call("theirs", gw.find_mash(notice.partner), notice.partner)


def end_case_alert(gw: Gateway, name: MessageName, by: str) -> None:
    """Note that an officer has dealt with an urgent message that is no notice. Raises NotFound."""

    def write_end(tx: Tx) -> None:
        raised.end_alert(tx, gw, inbox.get_message(tx, name).name, by)

    gw.store.run(write_end)
