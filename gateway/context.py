"""`Gateway`: all that a flow may use. It is made in `gateway.app`, and is the only thing that is passed around."""

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from adapters.openid import IdentityProvider
from adapters.proxy import Proxy
from adapters.route import Carrier, Login, MailAccount, NotReached, RouteAddress
from adapters.safe_addresses import is_loopback
from gateway.core.bursts import Bursts
from gateway.errors import ConfigProblem, SigningUnavailable
from gateway.settings.config import Config
from gateway.store import correspondents, partners, people, revoked_identities
from gateway.store.correspondents import Correspondent
from gateway.store.database import Store
from gateway.store.heartbeats import Heartbeat
from gateway.store.processes import Sharing
from keys import bearer, card
from keys.card import Card, Route
from keys.ring import Ring
from keys.trust import Trust
from schemas.message import Officer

# Who acts when no person does.
SYSTEM = "cme-gateway"
# Characters.
MOST_PROCESS_NAME = 80


def wall_clock() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


class DeliverySignal:
    """Wakes the job that delivers. Any thread may set it; one loop waits for it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def set(self) -> None:
        """Wake the job, or let it go on at once when it waits next."""
        loop = self._loop
        if loop is None or loop.is_closed():
            self._event.set()
        else:
            loop.call_soon_threadsafe(self._event.set)

    def clear(self) -> None:
        """Forget what was set until now."""
        self._event.clear()

    async def wait(self) -> None:
        """Wait until it is set."""
        self._loop = asyncio.get_running_loop()
        await self._event.wait()


@dataclass(slots=True)
class Gateway:
    """One local authority's gateway, wired."""

    config: Config
    ring: Ring
    own_card: Card
    store: Store
    carriers: Mapping[str, Carrier]
    now: Callable[[], datetime] = wall_clock
    # By the authority at whose server we sign in.
    logins: Mapping[str, Login] = field(default_factory=dict)
    mail: MailAccount | None = None
    # By which others are called; None: straight.
    proxy: Proxy | None = None
    # Where the council's people sign in.
    identity_provider: IdentityProvider | None = None
    trust: Trust = field(default_factory=lambda: Trust({}))
    # Who have no gateway: we write to people.
    correspondents: Mapping[str, Correspondent] = field(default_factory=dict)
    # How this process shares the work with others that serve this gateway.
    sharing: Sharing = field(default_factory=Sharing)
    # Set when there may be something to deliver.
    due: DeliverySignal = field(default_factory=DeliverySignal)
    # The newest that we signed.
    checkpoint: str | None = None
    # What is not handled, as `strange`, by reason.
    left: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    # Where we look, as `strange`; None: nobody has looked yet.
    left_at: set[tuple[str, str]] | None = None
    # How the last look at each of our own ended: what stood in the way.
    own_routes: dict[str, str | None] = field(default_factory=dict)
    # What others can have us note, counted.
    bursts: Bursts = field(default_factory=Bursts)
    # What is nothing of ours, by route and authority.
    strange: dict[tuple[str, str], int] = field(default_factory=dict)
    # Who wants us to compare with its statement, since when.
    asked: dict[str, datetime] = field(default_factory=dict)
    # Whose card is wanted soon, since when.
    cards_wanted: dict[str, datetime] = field(default_factory=dict)
    # By how much partners' are before ours, as they answered.
    clocks: dict[str, timedelta] = field(default_factory=dict)
    # Each loop of a gateway that runs, and when it last did.
    looked: dict[str, Heartbeat] = field(default_factory=dict)
    # Our own card, as it is signed.
    own_card_text: str = ""
    # The same under the identity key that is to follow the one of now, for partners that have confirmed it.
    next_card: Card | None = None
    next_card_text: str = ""
    # What tells whether our card, keys and certificate on the disk are still those.
    own_files: tuple[object, ...] = ()
    # Whose identity key was revoked, and who has no new one yet.
    withdrawn: frozenset[str] = frozenset()
    _serials: dict[str, tuple[int, str, bool]] = field(default_factory=dict)
    _revoked: frozenset[tuple[str, str]] = frozenset()
    _refreshing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def code(self) -> str:
        """Return our DfE code."""
        return self.ring.authority

    @property
    def leads(self) -> bool:
        """Tell whether this process does what is done once for all that serve this gateway."""
        return self.sharing.leads

    def claim_time(self) -> datetime:
        """Return the time now by the clock that all processes share: the database's."""
        return self.now() + self.sharing.database_ahead

    @property
    def process(self) -> str:
        """Return what this process is called beside others that serve this gateway, now and when it is started anew."""
        return f"{socket.gethostname()}:{self.config.listen.port}"[:MOST_PROCESS_NAME]

    def build_officer(self, name: str) -> Officer:
        """Return whom the other authority rings: this person, at our number. Raises ConfigProblem where none is set."""
        ours = self.config.authority
        if not ours.telephone:
            raise ConfigProblem("config.telephone")
        return Officer(
            name=self.name_person(name), role="cme_officer", phone_no=ours.telephone, email=ours.email or None
        )

    def name_person(self, name: str) -> str:
        """Return how a person is called who signs in under this name; the name itself where nobody does."""
        person = self.store.look(lambda tx: people.find_person(tx, name))
        return person.called if person else name

    def card_has_our_keys(self) -> bool:
        """Tell whether our card tells partners the keys that we sign and are sealed to with now."""
        return self.ring.active_kids <= {key.kid for key in self.own_card.keys}

    def refresh_trust(self) -> None:
        """Read the partners' cards again if one has changed, and whom we write to; another process may have
        added one.
        """
        # One at a time: a look that began earlier must not undo what a later one has read.
        with self._refreshing:
            self.correspondents = {
                correspondent.authority: correspondent
                for correspondent in self.store.look(correspondents.list_correspondents)
            }
            serials = self.store.look(partners.list_card_serials)
            revoked = self.store.look(revoked_identities.list_revoked_pairs)
            if (serials, revoked) == (self._serials, self._revoked):
                return
            held = self.store.look(partners.list_partners)
            self.withdrawn = frozenset(it.authority for it in held if (it.authority, it.fingerprint) in revoked)
            cards = {it.authority: card.read(it.card) for it in held}
            counting = {
                code: card.withdraw_keys(whose) if code in self.withdrawn else whose for code, whose in cards.items()
            }
            suspended = [authority for authority, (_, _, is_off) in serials.items() if is_off]
            config = self.config
            trust = Trust(counting, config.find_forbidden_suites(), suspended, config.find_minimum_version())
            self.trust, self._serials, self._revoked = trust, serials, revoked

    def note_look(self, loop: str, again_within: timedelta) -> None:
        """Note that this loop looks now, and from when on it is late to look again."""
        now = self.now()
        self.looked[loop] = Heartbeat(loop, now, now + again_within)

    def letters_go_to(self, authority: str) -> Correspondent | None:
        """Return whom we write to there; None where they have a gateway, or we know neither."""
        return None if self.trust.knows(authority) else self.correspondents.get(authority)

    def whom_to_ring(self, authority: str) -> str:
        """Return who there is to be rung, and the number; empty where we know none."""
        if to := self.letters_go_to(authority):
            return to.telephone
        if not self.trust.knows(authority):
            return ""
        contacts = self.trust.get_card(authority).contacts
        return next((f"{contact.name}, {contact.telephone}" for contact in contacts if contact.telephone), "")

    def find_mash(self, authority: str) -> str:
        """Return whom to ring at an authority, or here, about the safety of a child; empty where we know none."""
        if authority == self.code:
            who = self.config.mash
            return f"{who.name}, {who.telephone}" if who.telephone else ""
        theirs = self.trust.get_card(authority).mash if self.trust.knows(authority) else None
        return f"{theirs.name}, {theirs.telephone}" if theirs and theirs.telephone else ""

    def build_address(self, authority: str, route: Route) -> RouteAddress:
        """Return where a route leads, with what its card pins, and how we sign in there."""
        return RouteAddress(
            self.code,
            authority,
            route.url,
            route.certificate,
            self._build_bearer(self.host_of(route) if route.kind == "mailbox" else authority),
            self.logins.get(authority),
            self.mail,
            self._is_here,
            self._find_other_pin(authority, route),
            self.proxy,
        )

    def _find_other_pin(self, authority: str, route: Route) -> str | None:
        """Return the other certificate that may be shown at this address: the card names both while it changes."""
        # Of whoever has no card, a letter goes to people.
        known = self.trust.get_card(authority).routes if self.trust.knows(authority) else ()
        routes = self.own_card.routes if authority == self.code else known
        named = (each.certificate for each in routes if (each.kind, each.url) == (route.kind, route.url))
        return next((certificate for certificate in named if certificate not in (None, route.certificate)), None)

    @property
    def _is_here(self) -> bool:
        """Tell whether our own gateway is reached on this machine, as in a demo. Only then may a partner's be."""
        ours = next((route.url for route in self.own_card.routes if route.kind == "https"), "")
        return is_loopback(urlsplit(ours).hostname or "")

    def host_of(self, mailbox: Route) -> str | None:
        """Return whose gateway holds this mailbox, by address and certificate on its card; None where we hold none.

        No two cards that we take have both (`partners.check_partner_card`), and TLS proves that it is that gateway.
        """
        base = mailbox.url.partition("/mailboxes/")[0]
        for own_or_partner_card in (self.own_card, *map(self.trust.get_card, self.trust.list_authorities())):
            for route in own_or_partner_card.routes:
                if (route.kind, route.url, route.certificate) == ("https", base, mailbox.certificate):
                    return own_or_partner_card.authority
        return None

    def _build_bearer(self, called: str | None) -> Callable[[], str]:
        def issue_bearer() -> str:
            if called is None:
                raise NotReached(
                    "no card held here is of the gateway that hosts their mailbox: ask that host, and them, for their"
                    " newest cards"
                )
            try:
                return bearer.issue(called, ring=self.ring, now=self.now())
            except SigningUnavailable as why:
                raise NotReached(f"not tried: {why.sentence}") from None

        return issue_bearer
