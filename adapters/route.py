"""The port of every carrier: sealed parcels go out, and it is said what became of each.

A carrier moves bytes. It never opens a parcel, keeps nothing, and never decides what to do next; it does not even
retry, for patience is decided once, in `gateway.core.delivery`. A new route is one file and one entry point.
"""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Protocol

ENTRY_POINTS = "cme_gateway.carriers"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One sealed message, and the little that a carrier may know about it."""

    message_id: str  # also the idempotency key: a repeat carries the same id and the same bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Address:
    """Where a partner's route leads. `trusted` checks its TLS; `bearer` makes a fresh token that says who we are."""

    authority: str
    url: str
    trusted: ssl.SSLContext | None
    bearer: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Receipted:
    """The partner answered for it at once. The receipt is as it came: not yet verified."""

    receipt: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Carried as far as can be seen. A receipt follows by some route, or reconciliation asks."""


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


class Carrier(Protocol):
    """What an entry point gives when it is called without arguments."""

    async def deliver(self, address: Address, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        """Carry these parcels, in this order, and say of each what became of it: as many endings as parcels."""

    async def close(self) -> None:
        """Let go of what is held open."""


def carriers() -> dict[str, Carrier]:
    """Every carrier that is installed, by the kind of route that it serves."""
    return {point.name: point.load()() for point in entry_points(group=ENTRY_POINTS)}
