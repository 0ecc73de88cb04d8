"""Authorities in one process with one clock between them, and a wire that may lose what it carries.

Everything but the wire and the clock is the real thing: keys, sealing, receipts, databases, the audit log.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import Connection, event, insert

from adapters.route import Attempt, NotReached, Parcel, PartnerAnswer, Receipted, RouteAddress, TryLater
from gateway import home_folder
from gateway.auditing.witness import NO_SUCH_SIZE
from gateway.authorities.partners import add_partner
from gateway.context import Gateway
from gateway.exchange import statements
from gateway.exchange.receive import receive_parcels
from gateway.store import audit_log, partner_checkpoints
from gateway.store.partners import Partner
from gateway.store.tables import partners
from keys import card
from keys.statement import Window
from keys.trust import Trust
from tests.delivering import deliver_now

MONDAY = datetime.fromisoformat("2026-11-23T09:00:00+00:00")


@dataclass
class Wire:
    """Carries parcels from one authority of the world to another, as HTTPS does: in the reply come the receipts."""

    world: "World"
    chance: Random = field(default_factory=lambda: Random(1))
    # Of batches, on their way there.
    lost: float = 0.0
    # Of batches that arrive, their receipts on their way back.
    unanswered: float = 0.0
    down: set[str] = field(default_factory=set)
    # From whom to whom, and when last.
    went: dict[tuple[str, str], datetime] = field(default_factory=dict)
    # When last something came to, or left, an authority.
    stirred: dict[str, datetime] = field(default_factory=dict)

    async def deliver(self, address: RouteAddress, parcels: Sequence[Parcel]) -> Sequence[Attempt]:
        if {address.authority, address.us} & self.down or self.chance.random() < self.lost:
            return [TryLater("lost on its way")] * len(parcels)
        there = self.world.houses[address.authority]
        self.went[address.us, address.authority] = self.world.now
        self.stirred[address.us] = self.stirred[address.authority] = self.world.now
        receipts = await receive_parcels(there, [parcel.sealed for parcel in parcels], address.us)
        if self.chance.random() < self.unanswered:
            return [TryLater("the answer did not come")] * len(parcels)
        return [Receipted(receipt) for receipt in receipts]

    async def ask(self, address: RouteAddress, question: str, most: int) -> PartnerAnswer:
        """As `gateway.partner_api.questions` answers."""
        if {address.authority, address.us} & self.down:
            raise NotReached("it is down")
        path, _, query = question.partition("?")
        said = {name: int(value) for name, value in parse_qsl(query)}
        there = self.world.houses[address.authority]
        if path == "/statements":
            window = Window(_moment(said["since"]), _moment(said["until"]), said["page"])
            token = await statements.issue_statement(there, address.us, window)
            return PartnerAnswer(200, token.encode(), {})
        if path == "/statements/missing":
            there.asked[address.us] = _moment(said["since"])
            return PartnerAnswer(202, b"", {})
        if path == "/log/seen":
            held = await there.store.read(lambda tx: partner_checkpoints.summarise_checkpoints(tx, address.us))
            return PartnerAnswer(200, json.dumps({"checkpoint": held.note if held else None}).encode(), {})
        old, new = said["from"], said["to"]
        head = await there.store.read(audit_log.get_tree_head)
        if new > head.size:
            return PartnerAnswer(404, NO_SUCH_SIZE.encode(), {})
        proof = await there.store.read(lambda tx: audit_log.prove_consistency(tx, old, new))
        rows = [b64encode(one).decode() for one in proof]
        return PartnerAnswer(200, json.dumps({"from": old, "to": new, "proof": rows}).encode(), {})

    async def close(self) -> None: ...


@dataclass
class World:
    """The authorities, and the time."""

    home: Path
    now: datetime = MONDAY
    houses: dict[str, Gateway] = field(default_factory=dict)
    # Of all, once they were settled together.
    trust: Trust = field(default_factory=lambda: Trust({}))
    # By how much a clock there is wrong.
    skew: dict[str, timedelta] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wire = Wire(self)

    def clock(self, code: str) -> Callable[[], datetime]:
        return lambda: self.now + self.skew.get(code, timedelta(0))

    def settle_all(self, names: Mapping[str, str]) -> None:
        """Many authorities at once, who all know each other."""
        for code, name in names.items():
            home_folder.create_gateway(
                self.home / code,
                home_folder.NewGateway(code=code, name=name, port=8443, telephone="01632 960101"),
                now=self.clock(code),
            )
        tokens = {code: (self.home / code / home_folder.CARD_FILE).read_text("ascii").strip() for code in names}
        cards = {code: card.read(token) for code, token in tokens.items()}
        self.trust = Trust(cards)
        for code in names:
            known = [
                Partner(
                    other, cards[other].serial, card.compute_fingerprint(cards[other]), tokens[other], self.now, "test"
                )
                for other in names
                if other != code
            ]
            self.open(code).store.run(partial(_put_all, known))

    def settle(self, code: str, name: str, *, settings: str = "") -> Gateway:
        """One more authority, known to all."""
        home = self.home / code
        home_folder.create_gateway(
            home,
            home_folder.NewGateway(code=code, name=name, port=8443, telephone="01632 960101"),
            now=self.clock(code),
        )
        if settings:
            file = home / "gateway.toml"
            file.write_text(f"{file.read_text()}\n{settings}\n")
        gw = self.open(code)
        for other in self.houses.values():
            if other is not gw:
                introduce(gw, other)
                introduce(other, gw)
        return gw

    def open(self, code: str) -> Gateway:
        """Open its gateway, as a start does."""
        gw = home_folder.open_gateway(self.home / code, now=self.clock(code))
        gw.carriers = {"https": self.wire}
        event.listen(gw.store.engine, "connect", _keep_small)
        # Those it has are not small yet.
        gw.store.engine.dispose()
        if self.trust.list_authorities():
            # One for all: it holds what each would read from its own database.
            gw.trust = self.trust
        self.houses[code] = gw
        return gw

    async def carry(self) -> None:
        """Deliver what is due everywhere, and what comes of it."""
        for _ in range(2):
            for gw in self.houses.values():
                await deliver_now(gw)

    def close(self) -> None:
        for gw in self.houses.values():
            gw.store.close()


def _keep_small(connection: Any, *_: object) -> None:
    """Let a database take little memory, and little of the folder in memory: of 153, each has a few connections."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA cache_size=-128")
    cursor.execute("PRAGMA wal_autocheckpoint=32")
    cursor.close()


def introduce(gw: Gateway, there: Gateway) -> None:
    """`gw` confirms the card of `there`."""
    add_partner(gw, (there.config.home / home_folder.CARD_FILE).read_text("ascii"), by="test")


def _put_all(known: Sequence[Partner], tx: Connection) -> None:
    # Each for itself would take half a minute.
    tx.execute(insert(partners), [asdict(one) for one in known])


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
