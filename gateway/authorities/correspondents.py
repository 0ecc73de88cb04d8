"""Authorities that have no gateway: which mailbox of theirs people read, entered by a person who has asked them."""

import re
from dataclasses import dataclass

from gateway.context import Gateway
from gateway.core import labels
from gateway.core.message_protection import LetterProtection
from gateway.errors import ConfigProblem, NotAllowed, NotFound
from gateway.exchange import letters
from gateway.settings.rules import MAIL_ADDRESS
from gateway.store import audit_log, correspondents
from gateway.store.audit_log import AuditEntry
from gateway.store.correspondents import Correspondent
from gateway.store.database import Tx
from keys import smime
from schemas import codes

# Closed since 2019; the last is a misspelling often copied.
ENDED = re.compile(r"(?i)(^|\.)(gsi|gse|gsx|gcsx|gscx)\.gov\.uk$")
TELEPHONE = re.compile(r"[+0-9][0-9 ()]{6,38}")


@dataclass(frozen=True, slots=True)
class EnteredCorrespondent:
    """Whom we write to from now on, and whether their file held what they must keep to themselves."""

    correspondent: Correspondent
    private_key_was_in_file: bool


def enter_correspondent(
    gw: Gateway,
    authority: str,
    address: str,
    how: LetterProtection,
    *,
    telephone: str,
    certificate: bytes | str | None = None,
    by: str,
) -> EnteredCorrespondent:
    """Write to this mailbox from now on. Raises NotAllowed, ConfigProblem, or SmimeRefused for the certificate.

    `certificate`: the file that the authority sent, in any form. Of it, the one certificate is kept that is used.
    """
    _check_correspondent(gw, authority, address, how, telephone)
    picked = _pick_certificate(gw, address, certificate or b"") if how == "person-smime" else None
    pem = picked.certificate_pem if picked else None
    correspondent = Correspondent(authority, address, how, pem, telephone, gw.now(), by)
    exposed = bool(picked and picked.private_key_was_in_file)
    detail = {"protection": how} | ({"private_key": "refused"} if exposed else {})

    def write(tx: Tx) -> None:
        correspondents.replace_correspondent(tx, correspondent)
        audit_log.append_entries(
            tx, gw.now(), [AuditEntry("correspondent.entered", by, authority, authority, detail=detail)]
        )

    gw.store.run(write)
    gw.refresh_trust()
    return EnteredCorrespondent(correspondent, exposed)


def _pick_certificate(gw: Gateway, address: str, certificate: bytes | str) -> smime.Recipient:
    letters.get_signer(gw)
    file = certificate.encode() if isinstance(certificate, str) else certificate
    return smime.pick_recipient(file, address=address, now=gw.now())


def delete_correspondent(gw: Gateway, authority: str, by: str) -> None:
    """Delete a correspondent: write there no more; what waits for it is given up. Raises NotFound."""

    def write(tx: Tx) -> None:
        if not correspondents.delete_correspondent(tx, authority):
            raise NotFound("correspondent.not-found", authority=labels.name_authority_in_full(authority))
        audit_log.append_entries(tx, gw.now(), [AuditEntry("correspondent.removed", by, authority, authority)])

    gw.store.run(write)
    gw.refresh_trust()


def _check_correspondent(gw: Gateway, authority: str, address: str, how: LetterProtection, telephone: str) -> None:
    if authority == gw.code or codes.authority_name(authority) is None:
        raise NotAllowed("correspondent.authority", authority=authority)
    if gw.trust.knows(authority):
        raise NotAllowed("correspondent.has-gateway", authority=labels.name_authority_in_full(authority))
    if not MAIL_ADDRESS.fullmatch(address):
        raise NotAllowed("correspondent.address")
    domain = address.rpartition("@")[2].lower()
    if ENDED.search(domain):
        raise NotAllowed("correspondent.ended", domain=domain)
    if not TELEPHONE.fullmatch(telephone):
        raise NotAllowed("correspondent.telephone")
    if gw.mail is None:
        raise ConfigProblem("config.email")
    if how == "person-tls" and domain not in gw.mail.tls_domains:
        raise NotAllowed("correspondent.tls", domain=domain)
