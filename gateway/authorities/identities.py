"""A partner's identity key is revoked, by people on both sides: nothing new under it is taken or sent, and what came
before stays, with a warning. A new identity key of the partner ends that: `partners.add_partner` with `new_identity`.
"""

from collections.abc import Mapping
from datetime import datetime

from gateway.context import Gateway
from gateway.core import labels
from gateway.errors import NotAllowed
from gateway.store import audit_log, partners, revoked_identities
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.revoked_identities import RevokedIdentity


def revoke_identity(gw: Gateway, authority: str, *, told_by: str, by: str) -> RevokedIdentity:
    """Revoke the identity key of a partner, as a person there said on the phone; return what was noted.

    Args:
        gw: the gateway; it may be running, and every process takes it up within seconds.
        authority: the DfE code of the partner.
        told_by: who at the partner said so.
        by: who here was told.

    Raises NotFound where it is no partner; NotAllowed `partner.identity-revoked-before`.
    """
    now = gw.now()

    def write(tx: Tx) -> RevokedIdentity:
        fingerprint = partners.get_partner(tx, authority).fingerprint
        # Two who were told at once must not both write it.
        audit_log.lock_log(tx)
        if (authority, fingerprint) in revoked_identities.list_revoked_pairs(tx):
            whose = labels.name_authority_in_full(authority)
            raise NotAllowed("partner.identity-revoked-before", authority=whose)
        revoked = RevokedIdentity(authority, fingerprint, now, by, told_by)
        revoked_identities.add_revoked_identity(tx, revoked)
        detail: dict[str, str | int] = {"fingerprint": fingerprint, "told_by": told_by}
        entry = AuditEntry("partner.identity-revoked", by, authority, authority, detail=detail)
        audit_log.append_entries(tx, now, [entry])
        return revoked

    revoked = gw.store.run(write)
    gw.refresh_trust()
    return revoked


def find_revocations(gw: Gateway) -> Mapping[str, datetime]:
    """Return of each authority that revoked an identity key when it last did: what came until then needs a warning."""
    return {it.authority: it.revoked_at for it in gw.store.look(revoked_identities.list_revoked_identities)}
