"""Try again what has not got through."""

from gateway.context import Gateway
from gateway.errors import NotAllowed
from gateway.exchange.send import write_and_wake
from gateway.exchange.withdraw import name_status
from gateway.store import audit_log, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from schemas.shapes import MessageId


def release_all(gw: Gateway, recipient: str | None, by: str) -> int:
    """Try now what waits, and what was given up; return how many."""

    def write_release(tx: Tx) -> int:
        count = outbox.release_deliveries(tx, gw.now(), recipient)
        audit_log.append_entries(
            tx, gw.now(), [AuditEntry("notice.released", by, partner=recipient, detail={"count": count})]
        )
        return count

    return write_and_wake(gw, write_release)


def release_notice(gw: Gateway, message_id: MessageId, by: str) -> None:
    """Try one message now, though it was given up.

    Raises NotFound, or NotAllowed where it neither waits nor was given up.
    """

    def write_retry(tx: Tx) -> None:
        sent = outbox.get_delivery(tx, message_id)
        if not outbox.release_delivery(tx, gw.now(), message_id):
            raise NotAllowed("retry.not-now", state=name_status(sent))
        audit_log.append_entries(
            tx, gw.now(), [AuditEntry("notice.retried", by, message_id, sent.recipient, sent.digest)]
        )

    write_and_wake(gw, write_retry)
