"""What of ours, and of those to whom we write letters, expires when. What expires of a partner stands on its card."""

from collections.abc import Iterator
from contextlib import suppress

from gateway import home_folder
from gateway.authorities.partners import list_card_expiries, list_pinned_certificates
from gateway.context import Gateway
from gateway.core.expiry import Expiry, ExpiryKind
from gateway.core.health import DirectoryHealth
from gateway.errors import ConfigProblem
from gateway.exchange import letters
from gateway.store import directories
from gateway.store.correspondents import Correspondent
from gateway.store.directories import JoinedDirectory
from keys import smime, tls
from keys.card import Card
from keys.errors import Refusal


def list_own_expiries(gw: Gateway) -> Iterator[Expiry]:
    """Yield what of ours expires. What cannot be read, `check_installation` names."""
    for expiry in list_card_expiries(gw.own_card):
        if expiry.kind is not ExpiryKind.CERTIFICATE:
            yield expiry
    # The newest, for it takes the place of the others.
    storage = next(key for key in gw.ring.list_keys() if key.use == "rest")
    yield Expiry(gw.code, ExpiryKind.STORAGE_KEY, storage.kid, storage.not_after)
    with suppress(ConfigProblem):
        yield _find_own_certificate(gw)
    if gw.mail is not None and gw.config.email.smime_certificate_file:
        with suppress(Refusal, ConfigProblem):
            pem = letters.get_signer(gw).certificate_pem
            name = tls.name_certificate(pem)
            yield Expiry(gw.code, ExpiryKind.LETTER_CERTIFICATE, name, tls.read_expiry(pem))


def _find_own_certificate(gw: Gateway) -> Expiry:
    """Return the certificate that the exchange port shows, or the one that comes after it where the card names both."""
    pem = home_folder.read_certificate(gw.config.home)
    shown = Expiry(gw.code, ExpiryKind.CERTIFICATE, tls.name_certificate(pem), tls.read_expiry(pem), "https")
    named = [expiry for expiry in list_pinned_certificates(gw.own_card) if expiry.route == "https"]
    # The next one is shown before this one ends.
    waits = len({route.certificate for route in gw.own_card.routes if route.kind == "https"}) > 1
    return max([shown, *named], key=lambda expiry: expiry.ends_at) if waits else shown


def list_every_expiry(gw: Gateway) -> Iterator[Expiry]:
    """Yield what expires of ours, of partners, and of those to whom we write letters. Raises StoreUnavailable."""
    yield from list_own_expiries(gw)
    for its in gw.store.look(directories.list_directories):
        yield build_directory_expiry(gw.code, its)
    for code in gw.trust.list_authorities():
        yield from list_partner_expiries(gw.trust.get_card(code))
    for to in gw.correspondents.values():
        if (expiry := find_letter_expiry(to, gw)) is not None and not gw.trust.knows(to.authority):
            yield expiry


def build_directory_expiry(own: str, its: JoinedDirectory | DirectoryHealth) -> Expiry:
    """Build when this version of a directory that we joined expires. Its life is the keeper's choice, and may be short.

    `own`: our DfE code.
    """
    name = f"{its.scheme}/{its.version}"
    return Expiry(own, ExpiryKind.DIRECTORY, name, its.expires_at, life=its.expires_at - its.created_at)


def list_partner_expiries(card: Card) -> Iterator[Expiry]:
    """Yield what of a partner expires that it must renew: not the certificate of another authority's mailbox."""
    return (expiry for expiry in list_card_expiries(card) if expiry.route in ("", "https"))


def find_letter_expiry(to: Correspondent, gw: Gateway) -> Expiry | None:
    """Return when the certificate expires to which letters are encrypted; None without, or where it is no use."""
    with suppress(Refusal):
        if to.certificate:
            picked = smime.pick_recipient(to.certificate.encode(), address=to.address, now=gw.now())
            name = tls.name_certificate(picked.certificate_pem.encode())
            return Expiry(to.authority, ExpiryKind.LETTER_CERTIFICATE, name, picked.ends)
    return None
