"""Partners: a card is taken in only once a person has confirmed its fingerprint with the authority it names."""

from sqlalchemy import Connection

from gateway.authority import Authority
from gateway.errors import NotAllowed, NotFound
from gateway.store import log, partners
from gateway.store.log import Entry
from gateway.store.partners import Partner
from keys import card
from keys.card import Card


def examine(here: Authority, token: str) -> Card:
    """Read a card that somebody sent, and refuse it where it may not take the place of the one we hold.

    Raises a keys.errors.Refusal, or NotAllowed for our own card.
    """
    new = card.read(token.strip())
    if new.authority == here.code:
        raise NotAllowed("partner.ourselves", "This is our own card.", "Add the card that the other authority sent.")
    try:
        held = card.read(here.store.look(lambda tx: partners.get(tx, new.authority)).card)
    except NotFound:
        card.check_dates(new, here.now())
    else:
        card.replaces(new, held, here.now())
    return new


def is_held(here: Authority, token: str) -> bool:
    """Do we hold this very card?"""
    return any(held.card == token.strip() for held in here.store.look(partners.every))


def is_known(here: Authority, new: Card) -> bool:
    """Was this card's fingerprint confirmed before, with an older card of the same authority?"""
    try:
        held = here.store.look(lambda tx: partners.get(tx, new.authority))
    except NotFound:
        return False
    return held.fingerprint == card.fingerprint(new)


def add(here: Authority, token: str, *, by: str) -> Card:
    """Keep a card whose fingerprint `by` has confirmed."""
    new, now = examine(here, token), here.now()
    kept = Partner(new.authority, new.serial, card.fingerprint(new), token.strip(), now, by)

    def write(tx: Connection) -> None:
        partners.put(tx, kept)
        log.append(tx, now, [Entry("partner.added", by, new.authority, new.authority, detail={"serial": new.serial})])

    here.store.run(write)
    here.refresh_trust()
    return new
