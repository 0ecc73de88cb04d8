"""A message is sealed again, under its id: one whose seal bears the false time of a clock of ours that ran fast, and
one that a partner refused because keys were changed, here or there.

Of the first only the time at which it was made changes, of the second not even that. The log says that it was done,
with the digests of now.
"""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from gateway import copies
from gateway.context import SYSTEM, Gateway
from gateway.copies import Machine
from gateway.logs import log_failure
from gateway.store import audit_log, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.outbox import ClaimedDelivery
from keys import at_rest, envelope
from keys.errors import Refusal
from keys.jose import CLOCK_SKEW
from schemas import xml


async def reseal_in_true_time(gw: Gateway, claimed: Sequence[ClaimedDelivery]) -> list[ClaimedDelivery]:
    """Return the same, each of which bears a time that has come. Letters, and what has no key any more, stay."""
    if all(delivery.queued_at <= gw.now() + CLOCK_SKEW for delivery in claimed):
        return list(claimed)
    return await gw.store.write(lambda tx: [_reseal_claimed(tx, gw, delivery) for delivery in claimed])


def _reseal_claimed(tx: Tx, gw: Gateway, claimed: ClaimedDelivery) -> ClaimedDelivery:
    held = copies.take_sent(tx, gw, claimed.message_id, Machine.DELIVER)
    # They have these very bytes, and give the receipt of no others.
    if claimed.answered:
        return claimed
    if claimed.queued_at <= gw.now() + CLOCK_SKEW or claimed.protection != "sealed" or not held.is_held:
        return claimed
    now = gw.now()
    try:
        message = copies.open_copy(gw, held)
        head = replace(message.header, created_at=now.replace(microsecond=now.microsecond // 1000 * 1000))
        text = xml.write(replace(message, header=head))
        names = envelope.Names(head.message_id, head.sender.authority, head.recipient.authority)
        sealed = envelope.seal(text, names=names, ring=gw.ring, trust=gw.trust, now=now)
    except (Refusal, xml.Unreadable) as why:
        # As of a card that has ended: it is tried as it is, and holds up no other.
        log_failure("sealing a message anew", why)
        return claimed
    copy = at_rest.lock(text, about=claimed.message_id, ring=gw.ring)
    assert copy.data_key is not None  # noqa: S101 - `lock` always makes one
    digest = sha256(sealed).hexdigest()
    outbox.replace_sealed(tx, now, claimed.message_id, digest=digest, copy=(sealed, copy.data_key, copy.content))
    detail = {"copy": sha256(copy.content).hexdigest()}
    entry = AuditEntry("notice.sealed-anew", SYSTEM, claimed.message_id, claimed.recipient, digest, detail)
    audit_log.append_entries(tx, now, [entry])
    return replace(claimed, digest=digest, sealed=sealed, queued_at=now)


def sign_anew(tx: Tx, gw: Gateway, refused: Sequence[ClaimedDelivery]) -> None:
    """Sign and seal again, with the keys of now, what a partner refused for its keys, where it still waits.

    The partner has said for these very bytes that it did not keep them; so it is not asked to keep a message twice.
    """
    now, entries = gw.now(), list[AuditEntry]()
    for claimed in refused:
        held = copies.take_sent(tx, gw, claimed.message_id, Machine.DELIVER)
        try:
            message = copies.open_copy(gw, held)
            head = message.header
            names = envelope.Names(head.message_id, head.sender.authority, head.recipient.authority)
            sealed = envelope.seal(xml.write(message), names=names, ring=gw.ring, trust=gw.trust, now=now)
        except (Refusal, xml.Unreadable) as why:
            # As of a card that has ended: it is tried as it is, and holds up no other.
            log_failure("signing a message anew", why)
            continue
        digest = sha256(sealed).hexdigest()
        if outbox.replace_signed(tx, claimed.message_id, digest=digest, sealed=sealed):
            entries.append(AuditEntry("notice.signed-anew", SYSTEM, claimed.message_id, claimed.recipient, digest, {}))
    audit_log.append_entries(tx, now, entries)
