"""The port of every carrier: sealed parcels go out, and it is said what became of each.

A carrier moves bytes. It never opens a parcel, keeps nothing, and never decides what to do next; it does not even
retry, for patience is decided once, in `gateway.core.delivery`. A new route is one file and one entry point.

Some carriers have the answer at once (`Receipted`). Others leave parcels where the partner fetches them (`HandedOver`):
they are collectors too, which fetch what lies for us, at our own address or, as receipts, at a partner's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

ENTRY_POINTS = "cme_gateway.carriers"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One sealed message, and the little that a carrier may know about it."""

    message_id: str  # also the idempotency key: a repeat carries the same id and the same bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Login:
    """How we sign in at a server."""

    user: str
    private_key: bytes | None = field(default=None, repr=False)  # in OpenSSH's form
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a route leads: whose it is, and who comes there.

    `pin` is what the card says the server must show: a certificate (DER in base64), or a host key as OpenSSH writes it.
    `bearer` makes a fresh token that says who we are.
    """

    us: str
    authority: str
    url: str
    pin: str | None
    bearer: Callable[[], str]
    login: Login | None = None


@dataclass(frozen=True, slots=True)
class Receipted:
    """The partner answered for it at once. The receipt is as it came: not yet verified."""

    receipt: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Carried as far as can be seen: where it lies now. A receipt follows by some route, or reconciliation asks."""

    where: str


@dataclass(frozen=True, slots=True)
class TryLater:
    """Not carried. The same bytes may be tried again."""

    reason: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Not carried, and never will be by this route."""

    code: str
    reason: str


Attempt = Receipted | HandedOver | TryLater | Refused  # how one try ended


@dataclass(frozen=True, slots=True)
class Bundle:
    """What lay at an address in one piece: sealed messages, or the receipts for some; one a line."""

    name: str  # the carrier's own word for it
    sender: str  # whose it claims to be; nothing proves that but what stands in it
    lines: tuple[bytes, ...]


class Carrier(Protocol):
    """What an entry point gives when it is called without arguments."""

    async def deliver(self, address: Address, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        """Carry these parcels, in this order, and say of each what became of it: as many endings as parcels."""

    async def close(self) -> None:
        """Let go of what is held open."""


@runtime_checkable
class Collector(Protocol):
    """A carrier with which parcels are left and fetched."""

    async def collect(self, address: Address) -> Sequence[Bundle]:
        """Fetch what lies there for us: messages at our own address, receipts at a partner's. Raises NotReached."""

    async def finish(self, address: Address, bundle: Bundle, receipts: Sequence[str] = ()) -> None:
        """It is durable here: leave the receipts for its sender, and take it away. Raises NotReached."""


class NotReached(Exception):  # noqa: N818 - servers come and go
    """There was nothing to be fetched from, for now: one sentence."""

    code = "route.not-reached"


def carriers() -> dict[str, Carrier]:
    """Every carrier that is installed, by the kind of route that it serves."""
    return {point.name: point.load()() for point in entry_points(group=ENTRY_POINTS)}
