"""Authorities in one process with one clock between them, and a wire that may lose what it carries.

Everything but the wire and the clock is the real thing: keys, sealing, receipts, databases, the audit log.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from adapters.route import Address, Attempt, Parcel, Receipted, TryLater
from gateway import setup
from gateway.authority import Authority
from gateway.deliver import deliver_now
from gateway.partners import add
from gateway.receive import receive

MONDAY = datetime.fromisoformat("2026-11-23T09:00:00+00:00")


@dataclass
class Wire:
    """Carries parcels from one authority of the world to another, as HTTPS does: in the reply come the receipts."""

    world: "World"
    chance: Random = field(default_factory=lambda: Random(1))
    lost: float = 0.0  # of batches, on their way there
    unanswered: float = 0.0  # of batches that arrive, their receipts on their way back
    down: set[str] = field(default_factory=set)

    async def deliver(self, address: Address, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        if {address.authority, address.us} & self.down or self.chance.random() < self.lost:
            return [TryLater("lost on its way")] * len(parcels)
        there = self.world.houses[address.authority]
        receipts = await receive(there, [parcel.sealed for parcel in parcels], address.us)
        if self.chance.random() < self.unanswered:
            return [TryLater("the answer did not come")] * len(parcels)
        return [Receipted(receipt) for receipt in receipts]

    async def close(self) -> None: ...


@dataclass
class World:
    """The authorities, and the time."""

    home: Path
    now: datetime = MONDAY
    houses: dict[str, Authority] = field(default_factory=dict)
    skew: dict[str, timedelta] = field(default_factory=dict)  # by how much a clock there is wrong

    def __post_init__(self) -> None:
        self.wire = Wire(self)

    def clock(self, code: str) -> Callable[[], datetime]:
        return lambda: self.now + self.skew.get(code, timedelta(0))

    def settle(self, code: str, name: str, *, settings: str = "") -> Authority:
        """One more authority, known to all."""
        home = self.home / code
        setup.create(home, code=code, name=name, port=8443, telephone="01632 960101", now=self.clock(code))
        if settings:
            file = home / "gateway.toml"
            file.write_text(f"{file.read_text()}\n{settings}\n")
        here = self.open(code)
        for other in self.houses.values():
            if other is not here:
                introduce(here, other)
                introduce(other, here)
        return here

    def open(self, code: str) -> Authority:
        """Open its gateway, as a start does."""
        here = setup.open_authority(self.home / code, now=self.clock(code))
        here.carriers = {"https": self.wire}
        self.houses[code] = here
        return here

    async def carry(self) -> None:
        """Deliver what is due everywhere, and what comes of it."""
        for _ in range(2):
            for here in self.houses.values():
                await deliver_now(here)

    def close(self) -> None:
        for here in self.houses.values():
            here.store.close()


def introduce(here: Authority, there: Authority) -> None:
    """`here` confirms the card of `there`."""
    add(here, (there.config.home / setup.CARD_FILE).read_text("ascii"), by="test")
