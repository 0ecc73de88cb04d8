"""The port of every carrier: sealed parcels go out, and it is said what became of each.

A carrier moves bytes. It never opens a parcel, keeps nothing, and never decides what to do next; it does not even
retry, for patience is decided once, in `gateway.core.delivery`. A new route is one file and one entry point.

`answered_at` is what the partner's own clock said as it answered, where a carrier is told: a clock that is wrong is
seen so.

Some carriers have the answer at once (`Receipted`). Others leave parcels where the partner fetches them (`HandedOver`):
they are collectors too, which fetch what lies for us, at our own address or, as receipts, at a partner's. A carrier
that reaches people, not gateways, is a `Post`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import entry_points
from typing import Literal, Protocol, runtime_checkable

from adapters.proxy import Proxy

ENTRY_POINTS = "cme_gateway.carriers"
# In place of a certificate: whichever the server shows. Only for what proves itself, and where nobody is told who asks.
ANY_CERTIFICATE = "any"


def tell_nobody() -> str:
    """Return no token, in place of one that says who we are."""
    return ""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One sealed message, and the little that a carrier may know about it."""

    # It is also the idempotency key: a repeat carries the same id and the same bytes.
    message_id: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Login:
    """How we sign in at a server."""

    user: str
    # In OpenSSH's form.
    private_key: bytes | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Where a program gets the token with which it signs in, where passwords are not taken (RFC 6749, 4.4)."""

    url: str
    client_id: str
    scope: str
    client_secret: str = field(repr=False)
    # By which it is reached.
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True)
class MailAccount:
    """Our own mailbox, and the servers of ours by which mail leaves and comes."""

    address: str
    # As smtp://relay.example:587 (STARTTLS) or smtps://relay.example:465.
    smtp: str
    # As imap://post.example:143 (STARTTLS) or imaps://post.example:993.
    imap: str
    login: Login | None
    # In place of a password.
    tokens: TokenSource | None = None
    # PEM: who may have issued the servers' certificates; None: whom the system trusts.
    authorities: str | None = None
    # The domains to which our relay is known to demand TLS and a certificate that holds.
    tls_domains: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RouteAddress:
    """Where a route leads: whose it is, and who comes there.

    `pin` is what the card says the server must show: a certificate (DER in base64), or a host key as OpenSSH writes it.
    `bearer` makes a fresh token that says who we are; an empty one (`tell_nobody`): nobody is told.
    """

    us: str
    authority: str
    url: str
    pin: str | None
    bearer: Callable[[], str]
    login: Login | None = None
    mail: MailAccount | None = None
    # This machine may be called: our own gateway is reached there.
    loopback: bool = False
    # Another certificate that the server may show, while its own changes.
    other_pin: str | None = None
    # By which it is reached, unless it is excepted.
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True)
class Receipted:
    """The partner answered for it at once. The receipt is as it came: not yet verified."""

    receipt: str
    answered_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Carried as far as can be seen: where it lies now. A receipt follows by some route, or reconciliation asks.

    `ticket` is the carrier's own word for it, by which it may say later that it came back, or that a person answered.
    """

    where: str
    ticket: str | None = None


@dataclass(frozen=True, slots=True)
class TryLater:
    """Not carried. The same bytes may be tried again."""

    reason: str
    after: timedelta | None = None
    answered_at: datetime | None = field(default=None, compare=False)
    # The code of an answer of HTTP: `adapters.statuses`.
    code: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Not carried, and never will be by this route."""

    code: str
    reason: str
    answered_at: datetime | None = field(default=None, compare=False)


# How one try ended.
Attempt = Receipted | HandedOver | TryLater | Refused


@dataclass(frozen=True, slots=True)
class Bundle:
    """What lay at an address in one piece: sealed messages, or the receipts for some; one a line."""

    # The carrier's own word for it.
    name: str
    holds: Literal["messages", "receipts"]
    # Who claims to have left it; nothing proves that but what stands in it.
    sender: str
    lines: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class MailText:
    """What an officer is shown of a mail. It may say anything, of a child too."""

    sender: str = ""
    subject: str = ""
    # The day and time that it says.
    sent: str = ""
    body: str = ""
    # It said more.
    is_cut: bool = False
    # Names of files.
    attached: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Returned:
    """What we handed over under this ticket did not arrive, and what the servers on the way said."""

    name: str
    ticket: str
    reason: str
    text: MailText = field(default=MailText(), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class EmailReply:
    """A mail that names what we handed over under this ticket.

    Whether a person wrote it, and what it means, a person says.
    """

    name: str
    ticket: str
    # The domain of the address that it claims to come from; empty where it claims none, or several.
    domain: str
    # What is signed (None: it lies within), and a CMS signature.
    signature: tuple[bytes | None, bytes] | None = field(default=None, repr=False)
    text: MailText = field(default=MailText(), repr=False, compare=False)
    # It says so.
    by_machine: bool = field(default=False, compare=False)
    # Somebody has to look: it is not surely an automatic answer.
    is_task: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class Changed:
    """A mail of this gateway's whose sealed content was taken away, cut or changed on its way.

    It is left where it lies.
    """

    name: str
    sender: str


@dataclass(frozen=True, slots=True)
class Strange:
    """So many things lie there that are nothing of ours, or were left half written. They are left alone."""

    count: int


@dataclass(frozen=True, slots=True)
class Left:
    """So many things lie there that may be ours and cannot be handled, and why.

    They are tried again, and hold up nothing.
    """

    why: str
    count: int


Found = Bundle | Returned | EmailReply | Strange | Left


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person is to read. Neither the reference nor the subject says anything about a child."""

    # The answer holds it too; it is the ticket.
    reference: str
    subject: str
    # A MIME entity (RFC 2045): its own headers, and its body.
    entity: bytes = field(repr=False)
    # TLS on the whole way: what it says is readable to every server that it passes.
    demand_tls: bool


class Carrier(Protocol):
    """A carrier of one kind of route. An entry point gives it when it is called without arguments."""

    async def deliver(self, address: RouteAddress, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        """Carry these parcels, in this order, and return what became of each: as many endings as parcels.

        What a server does wrong is not raised: where it does not answer, the parcels that it did not take are TryLater.
        A parcel of which it is not known whether it arrived is TryLater too, for a repeat of the same bytes has one
        effect.

        Args:
            address: where the route leads, with what its card pins, and how we sign in there.
            parcels: sealed messages for one authority, the oldest first.
        """

    async def close(self) -> None:
        """Let go of what is held open, as connections. Nothing is delivered afterwards."""


@runtime_checkable
class Collector(Protocol):
    """A carrier with which parcels are left and fetched."""

    async def collect(self, address: RouteAddress) -> Sequence[Found]:
        """Fetch what lies there for us, and leave it where it lies until `finish` or `put_off` is called for it.

        Args:
            address: our own or, for receipts, a partner's.

        Raises:
            NotReached: the server does not answer, lets us not in, or does not answer in the agreed form
                (`route.not-reached`).
        """

    async def finish(
        self, address: RouteAddress, item: Found, receipts: Sequence[str] = (), back: RouteAddress | None = None
    ) -> None:
        """Take away what is durable here now, and leave the receipts for its sender.

        Args:
            address: the one at which it was found.
            item: as `collect` returned it.
            receipts: one line each, for the messages of a Bundle.
            back: where the sender's own card says that this kind of route leads to it; None where it does not say so.

        Raises:
            NotReached: as for `collect`.
            NotDone: the server answers, and did not do this one thing (`route.not-reached` too). All else may go on.
        """

    async def put_off(self, address: RouteAddress, item: Found, why: str) -> None:
        """Leave it for a while, as it could not be handled here: what lies behind it comes first.

        Args:
            address: the one at which it was found.
            item: as `collect` returned it.
            why: one sentence for whoever runs the gateway.

        Raises:
            NotReached: as for `collect`, by a carrier that has to ask the server.
        """


@runtime_checkable
class Post(Protocol):
    """A carrier that takes letters to people."""

    async def post(self, address: RouteAddress, letter: Letter) -> Attempt:
        """Carry one letter, and return what became of it. What a server does wrong is not raised.

        Args:
            address: the mailbox of the people, with our own account.
            letter: what they are to read.
        """


@runtime_checkable
class Asker(Protocol):
    """A carrier by which a partner's gateway can be asked something, and answers at once."""

    async def ask(self, address: RouteAddress, question: str, most: int) -> "PartnerAnswer":
        """Ask, and return the answer, whatever its status.

        Args:
            address: of the partner's gateway.
            question: a path and a query (RFC 3986, 3.3 and 3.4), relative to the address.
            most: bytes of the answer that are read.

        Raises:
            NotReached: the gateway does not answer, or what it sends cannot be read (`route.not-reached`).
        """


@runtime_checkable
class CardPoster(Protocol):
    """A carrier by which a card is shown to a partner's gateway, which answers at once."""

    async def post_card(self, address: RouteAddress, card: str, most: int) -> "PartnerAnswer":
        """Show it, and return the answer, whatever its status.

        Args:
            address: of the partner's gateway.
            card: as it is signed.
            most: bytes of the answer that are read.

        Raises:
            NotReached: the gateway does not answer, or what it sends cannot be read (`route.not-reached`).
        """


@runtime_checkable
class ConnectionTester(Protocol):
    """A carrier by which the connection to a partner's gateway is tested, and which answers at once."""

    async def post_test(self, address: RouteAddress, sealed: bytes, most: int) -> "PartnerAnswer":
        """Post a sealed test, and return the answer, whatever its status.

        Args:
            address: of the partner's gateway.
            sealed: as `keys.connection_test` wrote it.
            most: bytes of the answer that are read.

        Raises:
            NotReached: the gateway does not answer, or what it sends cannot be read (`route.not-reached`).
        """


@runtime_checkable
class ServerChecker(Protocol):
    """A carrier that hands parcels to a server, and can tell whether the server lets it in."""

    async def check_server(self, address: RouteAddress) -> None:
        """Sign in at the server, and leave and take nothing.

        Raises:
            NotReached: it does not answer, or lets us not in (`route.not-reached`).
        """


@dataclass(frozen=True, slots=True)
class PartnerAnswer:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def answered_at(self) -> datetime | None:
        """Return what the server's clock said (RFC 9110, 6.6.1); None where it did not say so in a readable form."""
        try:
            moment = parsedate_to_datetime(self.headers.get("Date", ""))
        except (ValueError, TypeError):
            return None
        return moment if moment.tzinfo else None

    @property
    def after(self) -> timedelta | None:
        """Return how long the server asks us to wait (RFC 9110, 10.2.3); None where it does not say so in seconds."""
        seconds = self.headers.get("Retry-After", "")
        return timedelta(seconds=int(seconds)) if seconds.isdecimal() and len(seconds) < 6 else None


class NotReached(Exception):  # noqa: N818 - servers come and go
    """There was nothing to be fetched from, for now: one sentence."""

    code = "route.not-reached"
    # As the code of a try; None: there is no more to say than the sentence.
    short: str | None = None

    def __init__(self, sentence: str, short: str | None = None) -> None:
        """`short`: the kind of trouble, where it is known."""
        super().__init__(sentence)
        self.short = short or self.short


class OtherCertificate(NotReached):
    """The server shows another certificate than the one that the card names: one sentence."""

    short = "other-certificate"


class ExpiredCertificate(OtherCertificate):
    """The server shows a certificate that has expired: one sentence."""

    short = "expired-certificate"


class NotDone(NotReached):
    """A server that answers did not do what was asked about one thing: one sentence. All else may go on."""


def load_carriers() -> dict[str, Carrier]:
    """Make every carrier that is installed, and return each by the kind of route that it serves.

    Each is an entry point of the group `cme_gateway.carriers`, named as the kind of its route.
    """
    return {point.name: point.load()() for point in entry_points(group=ENTRY_POINTS)}
