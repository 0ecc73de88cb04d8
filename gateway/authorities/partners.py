"""Partners: a card is taken in only once a person has confirmed its fingerprint with the authority it names.

What is known of each, for people: when its card, its keys and the certificates that it pins end, and when it was last
in touch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

from gateway import home_folder
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.access_rules import AccessGrant
from gateway.core.contact_ages import describe_check
from gateway.core.expiry import Expiry, ExpiryKind
from gateway.core.moments import format_moment
from gateway.errors import NotAllowed
from gateway.exchange.newer_cards import BY_HAND, check_identity, check_own_gateway, explain_refusal
from gateway.store import access_changes, audit_log, audit_search, inbox, partner_cards, partners
from gateway.store.access_changes import AccessChange
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.partner_cards import CardExchange
from gateway.store.partners import Partner
from keys import card, tls
from keys.card import Card, CardContact, Route

# Acts of ours that a partner caused.
IN_TOUCH = ("receipt.verified", "message.kept", "notice.accepted-by-mail")


@dataclass(frozen=True, slots=True)
class KnownPartner:
    """What we know of a partner."""

    confirmed: Partner
    card: Card
    # The first to end first.
    ends: Sequence[Expiry]
    last_contact: datetime | None
    # How its newer cards come to us.
    exchange: CardExchange
    # Its replies to what we do not know.
    about_nothing: int = 0

    @property
    def trust(self) -> str:
        """Describe for people who vouches for its identity, and since when."""
        return describe_trust(self.confirmed)

    @property
    def suspension(self) -> str:
        """Describe for people since when nothing is exchanged with it, and by whom; empty where it goes on."""
        return describe_suspension(self.confirmed)

    def describe_exchange(self) -> list[tuple[str, str]]:
        """Describe for people when it was asked for a newer card, what came of it, and which of ours it holds."""
        its = self.exchange
        asked = f"{format_moment(its.asked_at)}" if its.asked_at else "Not yet"
        rows = [("Asked", f"{asked}: {its.trouble}" if its.trouble else asked)]
        if its.taken_at and its.taken_by != BY_HAND:
            rows.append(("Renewed", f"{format_moment(its.taken_at)}, by itself"))
        if its.refused and its.refused_at:
            rows.append(("Refused", f"{format_moment(its.refused_at)}: {explain_refusal(its.refused)}"))
        return [*rows, ("Your card", f"Serial {its.held}" if its.held else "Not known which serial they hold")]


@dataclass(frozen=True, slots=True)
class OwnCard:
    """Our own card, as partners have it."""

    card: Card
    fingerprint: str
    # The first to end first.
    ends: Sequence[Expiry]
    # It says whom to ring as the settings do.
    has_contacts: bool


def describe_trust(partner: Partner) -> str:
    """Describe for people who vouches for a partner's identity, and since when."""
    when = format_moment(partner.confirmed_at)
    if partner.trusted_by:
        return f"{when} by the directory of {partner.trusted_by}"
    return f"{when} by phone, by {partner.confirmed_by}"


def describe_suspension(partner: Partner) -> str:
    """Describe for people since when nothing is exchanged with a partner, and by whom; empty where it goes on."""
    by = [
        f"{format_moment(at)} by {who}"
        for at, who in (
            (partner.suspended_at, partner.suspended_by),
            (partner.switched_off_at, f"the directory of {partner.trusted_by}"),
        )
        if at
    ]
    return "; ".join(by)


def describe_own_card(gw: Gateway) -> OwnCard:
    """Return what our own card says, and when it ends."""
    ours = gw.own_card
    ends = sorted(list_card_expiries(ours), key=lambda end: end.ends_at)
    return OwnCard(ours, card.compute_fingerprint(ours), ends, home_folder.has_card_contacts(gw.config, ours))


def list_contact_lines(theirs: Card, now: datetime) -> list[str]:
    """Describe each contact of a card in one line: the role, who, and how old the check is."""
    return list(_describe_contacts(theirs.mash, theirs.contacts, describe_contact_checks(theirs, now)))


def list_own_contacts(gw: Gateway) -> list[str]:
    """Describe each contact that our next card will have, in the same way."""
    config, checks = gw.config, describe_own_checks(gw)
    return list(_describe_contacts(home_folder.build_mash_contact(config), home_folder.list_contacts(config), checks))


def describe_contact_checks(theirs: Card, now: datetime) -> dict[str, str]:
    """Say how old the check of each contact of a card is, by role."""
    dates = card.read_contact_dates(theirs)
    contacts = (*theirs.contacts, *((theirs.mash,) if theirs.mash else ()))
    return {contact.role: describe_check(dates.get(contact.role), now) for contact in contacts}


def describe_own_checks(gw: Gateway) -> dict[str, str]:
    """Say the same of our own contacts, as the settings have them now."""
    dates = gw.store.look(lambda tx: home_folder.find_contact_checks(tx, gw.config))
    return {role: describe_check(dates.get(role), gw.now()) for role in home_folder.digest_contacts(gw.config)}


def _describe_contacts(
    mash: CardContact | None, contacts: Sequence[CardContact], checks: Mapping[str, str]
) -> Iterator[str]:
    for contact in (*((mash,) if mash else ()), *contacts):
        yield f"{labels.name_contact_role(contact.role)}: {_describe_contact(contact)}. {checks[contact.role]}"


def list_known_partners(gw: Gateway) -> list[KnownPartner]:
    """List all partners, by authority."""

    def look(tx: Tx) -> list[KnownPartner]:
        last, exchanged = audit_search.list_last_acts(tx, IN_TOUCH), partner_cards.list_card_exchanges(tx)
        return [
            _build_known_partner(partner, last.get(partner.authority), exchanged.get(partner.authority))
            for partner in partners.list_partners(tx)
        ]

    return gw.store.look(look)


def get_known_partner(gw: Gateway, authority: str) -> KnownPartner:
    """Return one partner. Raises NotFound."""

    def look(tx: Tx) -> KnownPartner:
        known = _build_known_partner(
            partners.get_partner(tx, authority),
            audit_search.list_last_acts(tx, IN_TOUCH).get(authority),
            partner_cards.get_card_exchange(tx, authority),
        )
        return replace(known, about_nothing=inbox.count_replies_about_nothing(tx).get(authority, (0,))[0])

    return gw.store.look(look)


def _build_known_partner(confirmed: Partner, last: datetime | None, exchange: CardExchange | None) -> KnownPartner:
    theirs = card.read(confirmed.card)
    ends = sorted(list_card_expiries(theirs), key=lambda end: end.ends_at)
    return KnownPartner(confirmed, theirs, ends, last, exchange or CardExchange(confirmed.authority))


def list_card_expiries(whose: Card) -> Iterator[Expiry]:
    """Yield what of a card expires: itself, its keys, and the certificates that it pins.

    Of keys of one use the last counts: with one left, they can be written to, and believed.
    """
    yield Expiry(whose.authority, ExpiryKind.CARD, str(whose.serial), whose.expires_at)
    for use, kind in (("sig", ExpiryKind.SIGNING_KEY), ("enc", ExpiryKind.SEALING_KEY)):
        keys = (key for key in whose.keys if key.use == use and key.status == "active")
        if last := max(keys, key=lambda key: key.not_after, default=None):
            yield Expiry(whose.authority, kind, last.kid, last.not_after)
    yield from list_pinned_certificates(whose)


def list_pinned_certificates(whose: Card) -> Iterator[Expiry]:
    """Yield for each address that pins certificates the one that ends last."""
    for way in card.list_ways(whose):
        pinned = [it.certificate for it in whose.routes if (it.kind, it.url) == (way.kind, way.url) and it.certificate]
        ends = [(at, tls.name_pinned(each)) for each in pinned if (at := tls.find_pinned_expiry(each))]
        if ends:
            last, name = max(ends)
            yield Expiry(whose.authority, ExpiryKind.CERTIFICATE, name, last, way.kind)


def check_partner_card(gw: Gateway, token: str, *, new_identity: bool = False) -> Card:
    """Read a card that somebody sent, and refuse it where it may not take the place of the one we hold.

    `new_identity`: it may have another identity key than that one, which people then confirm as they did the first.
    Raises a keys.errors.Refusal, or NotAllowed for our own card.
    """
    new = card.read(token.strip())
    if new.authority == gw.code:
        raise NotAllowed("partner.ourselves")
    card.check_routes(new)
    check_identity(gw, new)
    check_own_gateway(gw, new)
    held = _find_held(gw, new.authority)
    # The very card that a directory brought may be confirmed by phone afterwards.
    is_listed = gw.store.look(lambda tx: _is_listed_card(tx, new.authority, token.strip()))
    if held is None or is_listed or (new_identity and new.identity != held.identity):
        card.check_dates(new, gw.now())
    else:
        card.check_replacement(new, held, gw.now())
    return new


def _is_listed_card(tx: Tx, authority: str, token: str) -> bool:
    partner = partners.find_partner(tx, authority)
    return partner is not None and partner.trusted_by is not None and partner.card == token


def list_changed_routes(gw: Gateway, new: Card) -> list[str]:
    """List what a newer card of a known partner changes in its ways in, a line each; empty for a new partner."""
    held = _find_held(gw, new.authority)
    if held is None:
        return []
    before, after = ({_describe_route(route) for route in each_card.routes} for each_card in (held, new))
    gone = [f"no longer: {route}" for route in sorted(before - after)]
    return [*gone, *(f"from now on: {route}" for route in sorted(after - before))]


@dataclass(frozen=True, slots=True)
class OfferedCard:
    """A card that somebody sent, before it counts."""

    token: str = field(repr=False)
    card: Card
    fingerprint: str
    # We hold this very card.
    is_held: bool
    # Its identity key was confirmed before, with an older card.
    is_confirmed: bool
    # The card in whose place it would come.
    held: Card | None
    changes: Sequence[str]

    @property
    def is_new_identity(self) -> bool:
        """Tell whether it has another identity key than the card that is held, so that people must confirm it anew."""
        return self.held is not None and self.held.identity != self.card.identity


def read_offered_card(gw: Gateway, text: str, *, new_identity: bool = False) -> OfferedCard:
    """Read a card as somebody sent it, and refuse it where it may not be added. Raises a Refusal, or NotAllowed.

    `new_identity`: as for `check_partner_card`.
    """
    # Mail breaks lines, and editors write marks.
    token = "".join(text.split())
    new = card.read(token)
    is_held = is_card_held(gw, token)
    if not is_held:
        check_partner_card(gw, token, new_identity=new_identity)
    held = _find_held(gw, new.authority)
    changes = [] if held is None else [*list_changed_routes(gw, new), *_list_changed_contacts(held, new)]
    return OfferedCard(token, new, card.compute_fingerprint(new), is_held, is_fingerprint_known(gw, new), held, changes)


def read_waiting_card(gw: Gateway, authority: str) -> OfferedCard:
    """Read the card of a partner's new identity key, which its confirmed one announced and people are to compare.

    Raises NotFound where it is no partner; NotAllowed `partner.no-waiting-identity` where none came; a Refusal.
    """

    def look(tx: Tx) -> str | None:
        partners.get_partner(tx, authority)
        return partner_cards.get_card_exchange(tx, authority).waiting_card

    text = gw.store.look(look)
    if text is None:
        raise NotAllowed("partner.no-waiting-identity", authority=labels.name_authority_in_full(authority))
    return read_offered_card(gw, text, new_identity=True)


def _find_held(gw: Gateway, authority: str) -> Card | None:
    held = gw.store.look(lambda tx: partners.find_partner(tx, authority))
    return card.read(held.card) if held else None


def _list_changed_contacts(held: Card, new: Card) -> list[str]:
    before, after = (
        {_describe_contact(contact) for contact in (*each.contacts, each.mash) if contact} for each in (held, new)
    )
    gone = [f"no longer: {contact}" for contact in sorted(before - after)]
    return [*gone, *(f"from now on: {contact}" for contact in sorted(after - before))]


def _describe_contact(contact: CardContact) -> str:
    return ", ".join(part for part in (contact.name, contact.telephone, contact.email) if part)


def add_offered_card(gw: Gateway, offered: OfferedCard, told: str, *, by: str) -> None:
    """Add a card whose fingerprint the other authority read out: `told`, as it was typed.

    Nothing need be read out where the identity key was confirmed before. Raises a Refusal, or NotAllowed.
    """
    is_told = bool(told.strip())
    if (is_told or not offered.is_confirmed) and not card.is_read_out(told, offered.fingerprint):
        raise NotAllowed("partner.fingerprint" if is_told else "partner.unconfirmed")
    add_partner(gw, offered.token, by=by)


def _describe_route(route: Route) -> str:
    shows = sha256(route.certificate.encode()).hexdigest()[:16] if route.certificate else ""
    return f"{route.kind} {route.url}" + (f", which shows {shows}" if shows else "")


def is_card_held(gw: Gateway, token: str) -> bool:
    """Tell whether we hold this very card, of an identity that people confirmed by phone."""
    known = gw.store.look(partners.list_partners)
    return any(held.card == token.strip() and held.trusted_by is None for held in known)


def is_fingerprint_known(gw: Gateway, new: Card) -> bool:
    """Tell whether this card's fingerprint was confirmed by phone before, with an older card of the same authority."""
    held = gw.store.look(lambda tx: partners.find_partner(tx, new.authority))
    return held is not None and held.trusted_by is None and held.fingerprint == card.compute_fingerprint(new)


def add_partner(gw: Gateway, token: str, *, by: str, new_identity: bool = False) -> Card:
    """Keep a card whose fingerprint `by` has confirmed. `new_identity`: as for `check_partner_card`."""
    new, now = check_partner_card(gw, token, new_identity=new_identity), gw.now()
    fingerprint = card.compute_fingerprint(new)
    partner = Partner(new.authority, new.serial, fingerprint, token.strip(), now, by)

    def write(tx: Tx) -> None:
        held = partners.find_partner(tx, new.authority)
        before = held.fingerprint if held else None
        # A newer card ends no suspension.
        partners.replace_partner(tx, partner)
        if held is not None and held.suspended_at:
            partners.note_partner(tx, new.authority, suspended_at=held.suspended_at, suspended_by=held.suspended_by)
        values: dict[str, str | None] = {"waiting_card": None} if before != fingerprint else {}
        partner_cards.note_card_exchange(tx, new.authority, taken_at=now, taken_by=BY_HAND, refused=None, **values)
        partner_cards.set_card_due(tx, new.authority, now)
        entries = [AuditEntry("partner.added", by, new.authority, new.authority, detail={"serial": new.serial})]
        if before not in (None, fingerprint):
            detail: dict[str, str | int] = {"before": before or "", "now": fingerprint}
            entries.append(AuditEntry("partner.identity-changed", by, new.authority, new.authority, detail=detail))
        audit_log.append_entries(tx, now, entries)
        if before != fingerprint:
            whom = labels.name_authority_in_full(new.authority)
            change = AccessChange(str(uuid4()), now, AccessGrant.PARTNER_ADDED, whom, by, frozenset())
            access_changes.add_access_change(tx, change)

    gw.store.run(write)
    gw.refresh_trust()
    return new
