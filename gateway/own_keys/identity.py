"""Our identity key is replaced, by people on both sides, and no message waits for them.

1. A new identity key is made beside the one of now (`begin_identity_change`). From then on our card is signed twice,
   with the same serial: under the key of now, where it announces the new one, and under the new one. So each partner
   believes the card whose key it has confirmed, and neither signing keys nor messages change.
2. The people of each partner, and the keeper of each directory, compare the new fingerprint by phone and confirm it
   there. We learn of it when its gateway takes the card, or are told (`note_partner_confirmed`).
3. Once all have, the new key takes the place of the old, which is destroyed (`finish_identity_change`).

A command that is killed in the third step leaves the key of now or the new one, with a card for each that is still
believed; it is run again, or `card renew`.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway import home_folder
from gateway.context import Gateway
from gateway.core import labels
from gateway.errors import NotAllowed
from gateway.exchange.card_rounds import holds_next_identity, note_identity_held
from gateway.store import audit_log, directories, owner, partner_cards, partners
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from keys import card
from keys.card import Card
from keys.ring import NEXT_IDENTITY_FILE, Ring, create_next_identity, take_next_identity


def begin_identity_change(home: Path, *, by: str) -> str:
    """Make a new identity key beside the one of now, and sign our card with both; return the new fingerprint.

    Raises NotAllowed `keys.identity-under-way`; a RingRefused where the identity key is kept elsewhere.
    """
    gw = home_folder.open_gateway(home)
    try:
        folder = home / home_folder.KEYS
        with Ring.hold_files(folder):
            if (folder / NEXT_IDENTITY_FILE).exists() or gw.next_card is not None:
                raise NotAllowed("keys.identity-under-way")
            public = create_next_identity(
                folder, authority=gw.code, passphrase=gw.config.read_passphrase(), now=gw.now()
            )
            fingerprint = card.compute_key_fingerprint(public)
            entry = AuditEntry("keys.identity-made", by, gw.code, detail={"now": fingerprint})
            gw.store.run(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))
    finally:
        gw.store.close()
    home_folder.renew_card(home, by=by)
    return fingerprint


def get_next_card(gw: Gateway) -> Card:
    """Return our card under the identity key that is to follow. Raises NotAllowed `keys.no-next-identity`."""
    if gw.next_card is None:
        raise NotAllowed("keys.no-next-identity")
    return gw.next_card


def note_partner_confirmed(gw: Gateway, authority: str, *, told_by: str, by: str) -> None:
    """Note that a partner has confirmed our next identity key, as a person there said on the phone.

    For a partner whose gateway cannot be asked over HTTPS, or is of an older version.

    Raises NotFound where it is no partner; NotAllowed `keys.no-next-identity`.
    """
    get_next_card(gw)

    def write(tx: Tx) -> None:
        partners.get_partner(tx, authority)
        note_identity_held(tx, gw, authority, by=by, told_by=told_by)

    gw.store.run(write)


def list_unconfirmed(tx: Tx, gw: Gateway) -> Iterator[str]:
    """Yield the code of each partner of which we do not know that it has confirmed our next identity key."""
    if gw.next_card is not None:
        known = partner_cards.list_card_exchanges(tx)
        yield from (
            it for it in gw.trust.list_authorities() if it not in known or not holds_next_identity(gw, known[it])
        )


def finish_identity_change(home: Path, *, by: str) -> Card:
    """Put the new identity key in the place of the one of now, which is destroyed; return the card that it signs.

    Raises NotAllowed `keys.no-next-identity`, `keys.identity-unconfirmed` where partners, or keepers of directories,
    have not confirmed it.
    """
    gw = home_folder.open_gateway(home)
    try:
        following = get_next_card(gw)
        whom = gw.store.look(lambda tx: [labels.name_authority_in_full(it) for it in list_unconfirmed(tx, gw)])
        fingerprint = card.compute_fingerprint(following)
        schemes = gw.store.look(lambda tx: directories.list_schemes_without(tx, gw.code, fingerprint))
        whom += [f"the keeper of {scheme}" for scheme in schemes]
        if whom:
            raise NotAllowed("keys.identity-unconfirmed", partners=", ".join(whom))
        with Ring.hold_files(home / home_folder.KEYS):
            # Before the files: until they are in place, the card that waits shows that the database is ours.
            gw.store.run(lambda tx: _log_change(tx, gw, following, by))
            take_next_identity(home / home_folder.KEYS)
    finally:
        gw.store.close()
    return home_folder.renew_card(home, by=by)


def _log_change(tx: Tx, gw: Gateway, following: Card, by: str) -> None:
    owner.add_identity(tx, gw.code, following.identity)
    detail: dict[str, str | int] = {
        "before": card.compute_fingerprint(gw.own_card),
        "now": card.compute_fingerprint(following),
    }
    audit_log.append_entries(tx, gw.now(), [AuditEntry("keys.identity-changed", by, gw.code, detail=detail)])
