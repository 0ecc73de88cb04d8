"""Exchange with one partner is ended at once: suspended until somebody resumes it, or for good by removing the partner.

Nothing that waits is lost without a word. While a partner is suspended, it waits, and after five days counts as not
delivered, as with a partner that is away; when a partner is removed, it counts as not delivered at once. Either way it
is a task for an officer, who calls, or sends it to another authority.
"""

from gateway.context import Gateway
from gateway.core import labels
from gateway.errors import NotAllowed
from gateway.exchange.removed_partners import give_up_waiting
from gateway.store import audit_log, directories, outbox, partners
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx


def suspend_partner(gw: Gateway, authority: str, *, by: str) -> int:
    """Suspend exchange with a partner: nothing is sent or accepted; return how many messages to it wait.

    Raises NotFound; NotAllowed where it is suspended here already.
    """

    def write_suspended(tx: Tx) -> int:
        if partners.get_partner(tx, authority).suspended_at is not None:
            raise NotAllowed("partner.already-suspended", authority=labels.name_authority_in_full(authority))
        partners.note_partner(tx, authority, suspended_at=gw.now(), suspended_by=by)
        waiting = outbox.count_under_way(tx, authority)
        entry = AuditEntry("partner.suspended", by, authority, authority, detail={"waiting": waiting})
        audit_log.append_entries(tx, gw.now(), [entry])
        return waiting

    waiting = gw.store.run(write_suspended)
    gw.refresh_trust()
    return waiting


def resume_partner(gw: Gateway, authority: str, *, by: str) -> bool:
    """End a suspension of ours; what waits is sent. Return False where the directory of a scheme still suspends it.

    Raises NotFound; NotAllowed where it was not suspended here.
    """

    def write_resumed(tx: Tx) -> bool:
        partner = partners.get_partner(tx, authority)
        if partner.suspended_at is None:
            raise NotAllowed("partner.not-suspended", authority=labels.name_authority_in_full(authority))
        partners.note_partner(tx, authority, suspended_at=None, suspended_by=None)
        outbox.make_partner_due(tx, gw.now(), authority)
        audit_log.append_entries(tx, gw.now(), [AuditEntry("partner.resumed", by, authority, authority)])
        return partner.switched_off_at is None

    is_open = gw.store.run(write_resumed)
    gw.refresh_trust()
    gw.due.set()
    return is_open


def remove_partner(gw: Gateway, authority: str, *, by: str) -> int:
    """Forget a partner's card, and give up what waits for it; return how many messages that is. Raises NotFound.

    No directory brings it back; a person may add its card again.
    """

    def write_removed(tx: Tx) -> int:
        partners.get_partner(tx, authority)
        count = give_up_waiting(tx, gw, authority)
        partners.delete_partner(tx, authority)
        directories.leave_member_out(tx, authority, gw.now())
        entry = AuditEntry("partner.removed", by, authority, authority, detail={"waiting": count})
        audit_log.append_entries(tx, gw.now(), [entry])
        return count

    waiting = gw.store.run(write_removed)
    gw.refresh_trust()
    return waiting
