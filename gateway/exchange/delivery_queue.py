"""What is made ready joins the queue for delivery: from here on the gateway does not rest until it has ended in a named
state. Only `send` calls this.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from gateway.store import audit_log, blind_index, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.blind_index import IndexedMessage
from gateway.store.database import Tx
from gateway.store.outbox import QueuedNotice


def add_to_queue(tx: Tx, now: datetime, notices: Sequence[QueuedNotice]) -> None:
    """Queue what is sealed, in the caller's transaction: with its search index, and an entry in the audit log."""
    outbox.add_deliveries(tx, now, notices)
    blind_index.index_messages(
        tx, [IndexedMessage("sent", notice.recipient, notice.message_id, notice.marks) for notice in notices]
    )
    audit_log.append_entries(
        tx,
        now,
        [
            AuditEntry("notice.queued", n.queued_by, n.message_id, n.recipient, n.digest, _entry_detail(n))
            for n in notices
        ],
    )


def _entry_detail(notice: QueuedNotice) -> dict[str, str]:
    """Return the entry's detail, with the digest of our copy, so that `audit verify` sees what was changed later."""
    detail = {"kind": notice.kind, "case": notice.case_id, "copy": sha256(notice.content).hexdigest()}
    detail |= {"confirmed": notice.confirmed} if notice.confirmed else {}
    return detail | {"decision": notice.decision} if notice.decision else detail
