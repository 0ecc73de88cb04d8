"""Browsers from which people signed in, as digests of the secrets that they keep."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, insert, select

from gateway.store.tables import devices


@dataclass(frozen=True, slots=True)
class Device:
    """One browser of one person."""

    digest: str
    person: str
    seen_at: datetime
    failed: int = 0
    locked_until: datetime | None = None


def find(tx: Connection, digest: str, person: str) -> Device | None:
    """The browser of this digest, as one of this person's."""
    row = tx.execute(select(devices).where(devices.c.digest == digest, devices.c.person == person)).first()
    return Device(**row._mapping) if row else None


def holds(tx: Connection, digest: str) -> bool:
    """Is it a browser of anybody's?"""
    return tx.execute(select(devices.c.person).where(devices.c.digest == digest).limit(1)).first() is not None


def put(tx: Connection, device: Device) -> None:
    """The browser as it is now, new or not."""
    tx.execute(delete(devices).where(and_(devices.c.digest == device.digest, devices.c.person == device.person)))
    tx.execute(insert(devices).values({name: getattr(device, name) for name in Device.__dataclass_fields__}))


def forget(tx: Connection, seen_before: datetime) -> None:
    """Browsers that nobody came from since then are not known any more."""
    tx.execute(delete(devices).where(devices.c.seen_at < seen_before))


def forget_all(tx: Connection, person: str) -> None:
    """None of this person's browsers is known any more."""
    tx.execute(delete(devices).where(devices.c.person == person))
