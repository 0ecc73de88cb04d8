"""A partner's newer card, whichever way it came, is taken by one function, and believed by the pinned identity alone.

Who brought it proves nothing and need prove nothing: the identity key that two people compared by phone signed it, and
its serial is higher than that of the card held here. All else is refused under its code, and noted once for each cause.
"""

import asyncio
from dataclasses import dataclass
from functools import partial

from gateway.auditing import bursts
from gateway.context import SYSTEM, Gateway
from gateway.errors import NotAllowed
from gateway.store import audit_log, outbox, partner_cards, partners, revoked_identities
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from keys import card
from keys.card import Card
from keys.errors import Refusal, RefusalCode, read_texts

# How it came: their gateway was asked, over HTTPS; it showed it; it came with what is sent; a person added it.
ASKED, SHOWN, AMONG_MESSAGES, BY_HAND = "https", "shown", "among messages", "by hand"

IDENTITY_REVOKED = "card.identity-revoked"
# It has the identity key that the one we hold announced, and nobody here has compared that yet.
IDENTITY_UNCONFIRMED = "card.identity-unconfirmed"


@dataclass(frozen=True, slots=True)
class CardVerdict:
    """What became of a card that came."""

    # The serial of the card of theirs that we hold now.
    held: int
    is_taken: bool = False
    # The code for which it was refused; empty: it was taken, or is the one that we hold.
    refused: str = ""


async def take_newer_card(gw: Gateway, token: str, partner: str, by: str) -> CardVerdict:
    """Take a card that came as this partner's, if it is one and newer. `by`: how it came.

    Raises CardRefused where we hold no card of the partner, and StoreUnavailable; then nothing was noted.
    """
    held = gw.trust.get_card(partner)
    text = token.strip()
    if await gw.store.read(lambda tx: partners.get_partner(tx, partner).card) == text:
        # Another process may have taken it just now.
        await asyncio.to_thread(gw.refresh_trust)
        return CardVerdict(gw.trust.get_card(partner).serial)
    try:
        new = await asyncio.to_thread(_judge_card, gw, text, held)
        if new.identity != held.identity:
            await gw.store.write(partial(_keep_waiting, gw=gw, new=new, text=text))
            return CardVerdict(held.serial, refused=IDENTITY_UNCONFIRMED)
    except (Refusal, NotAllowed) as why:
        await gw.store.write(partial(_note_refused, gw=gw, partner=partner, code=why.code, by=by))
        return CardVerdict(held.serial, refused=why.code)
    is_taken = await gw.store.write(partial(_replace_card, gw=gw, new=new, text=text, by=by))
    await asyncio.to_thread(gw.refresh_trust)
    gw.due.set()
    return CardVerdict(gw.trust.get_card(partner).serial, is_taken)


def explain_refusal(code: str) -> str:
    """Return in one sentence why a card was refused."""
    if text := read_texts().get(code):
        return text.sentence
    if code == IDENTITY_REVOKED:
        return "Its identity key was revoked."
    if code == IDENTITY_UNCONFIRMED:
        return "It has a new identity key that nobody here has confirmed."
    return "It gives the gateway of another authority as its own."


def _judge_card(gw: Gateway, text: str, held: Card) -> Card:
    """Read a card, and check that it may take the place of this one, by itself or once people have confirmed it.

    Raises a Refusal, or NotAllowed.
    """
    new = card.read(text)
    check_identity(gw, new)
    if card.is_announced(new, held):
        card.check_dates(new, gw.now())
    else:
        card.check_replacement(new, held, gw.now())
    card.check_routes(new)
    check_own_gateway(gw, new)
    return new


def check_identity(gw: Gateway, new: Card) -> None:
    """Refuse a card of an identity key that people have revoked. Raises NotAllowed `card.identity-revoked`."""
    if (new.authority, card.compute_fingerprint(new)) in gw.store.look(revoked_identities.list_revoked_pairs):
        raise NotAllowed(IDENTITY_REVOKED)


def list_own_gateways(new: Card) -> set[tuple[str, str | None]]:
    """Return address and certificate of each gateway that a card gives as its authority's own."""
    return {(route.url, route.certificate) for route in new.routes if route.kind == "https"}


def check_own_gateway(gw: Gateway, new: Card) -> None:
    """Refuse a card that names another authority's gateway as its own: tokens for the one would be made for the other.

    Raises NotAllowed.
    """
    addresses = list_own_gateways(new)
    for other in (gw.own_card, *map(gw.trust.get_card, gw.trust.list_authorities())):
        if other.authority != new.authority and any((r.url, r.certificate) in addresses for r in other.routes):
            raise NotAllowed("partner.same-gateway", other=f"{other.name} ({other.authority})")


def _replace_card(tx: Tx, gw: Gateway, new: Card, text: str, by: str) -> bool:
    """Keep it, unless another process has just taken it, or one that is newer still."""
    fingerprint = card.compute_fingerprint(new)
    if not partners.replace_card(tx, new.authority, fingerprint=fingerprint, serial=new.serial, token=text):
        return False
    now = gw.now()
    partner_cards.note_card_exchange(
        tx, new.authority, taken_at=now, taken_by=by, refused=None, refused_at=None, trouble=None
    )
    detail: dict[str, str | int] = {"serial": new.serial, "by": by}
    if changed := _count_changed_routes(gw.trust.get_card(new.authority), new):
        detail["routes"] = changed
    outbox.make_partner_due(tx, now, new.authority)
    audit_log.append_entries(tx, now, [AuditEntry("card.taken", SYSTEM, new.authority, new.authority, detail=detail)])
    return True


def _keep_waiting(tx: Tx, gw: Gateway, new: Card, text: str) -> None:
    """Keep a card with the identity key that was announced, for people to compare; it is written once for each key."""
    fingerprint = card.compute_fingerprint(new)
    before = partner_cards.get_card_exchange(tx, new.authority).waiting_card
    was = card.read(before) if before else None
    # Somebody may have confirmed it just now.
    if partners.get_partner(tx, new.authority).fingerprint == fingerprint:
        return
    if was is not None and was.identity == new.identity and was.serial >= new.serial:
        return
    partner_cards.note_card_exchange(tx, new.authority, waiting_card=text)
    if was is None or was.identity != new.identity:
        detail: dict[str, str | int] = {"now": fingerprint}
        entry = AuditEntry("partner.identity-announced", SYSTEM, new.authority, new.authority, detail=detail)
        audit_log.append_entries(tx, gw.now(), [entry])


def _count_changed_routes(held: Card, new: Card) -> int:
    return len(set(held.routes) ^ set(new.routes))


def _note_refused(tx: Tx, gw: Gateway, partner: str, code: str, by: str) -> None:
    """Note a refusal, and write it once for each cause; causes that take turns are one entry a minute.

    That an older card came is noted with the partner only where its gateway itself gave it as its newest: anybody who
    has one can bring it.
    """
    before = partner_cards.get_card_exchange(tx, partner)
    if code != RefusalCode.CARD_OLDER or by == ASKED:
        partner_cards.note_card_exchange(tx, partner, refused=code, refused_at=gw.now())
    if before.refused != code:
        bursts.write_burst_in(tx, gw, AuditEntry("card.refused", SYSTEM, None, partner, detail={"code": code}))
