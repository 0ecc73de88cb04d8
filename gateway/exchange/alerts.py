"""A message that is about the safety of a child raises an alert: it stands first, and is announced at once.

`reconciliation/announce` tells the service manager; connected systems read it off the audit log.
"""

from collections.abc import Sequence

from gateway.context import SYSTEM, Gateway
from gateway.core.message_name import MessageName
from gateway.store import alerts, audit_log
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from schemas.message import OPENS_A_CASE, MessageKind


def raise_alerts(tx: Tx, gw: Gateway, messages: Sequence[tuple[MessageName, MessageKind]]) -> None:
    """Raise an alert for each of these, and note it. A notice waits until it is answered, any other for a look."""
    if not messages:
        return
    alerts.add_alerts(tx, gw.now(), [(name, kind not in OPENS_A_CASE) for name, kind in messages])
    entries = [AuditEntry("notice.urgent", SYSTEM, name.message_id, name.sender) for name, _ in messages]
    audit_log.append_entries(tx, gw.now(), entries)


def end_alert(tx: Tx, gw: Gateway, name: MessageName, by: str) -> None:
    """Note that an officer has looked at a message that is no notice, so that it waits no more."""
    if alerts.end_waiting(tx, name):
        audit_log.append_entries(tx, gw.now(), [AuditEntry("notice.urgent-seen", by, name.message_id, name.sender)])
