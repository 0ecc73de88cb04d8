"""Browsers from which people signed in, as digests of the secrets that they keep."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, insert, select

from gateway.store.rows import get_values
from gateway.store.tables import devices


@dataclass(frozen=True, slots=True)
class Device:
    """One browser of one person."""

    digest: str
    person: str
    seen_at: datetime
    failed: int = 0
    locked_until: datetime | None = None


def find_device(tx: Connection, digest: str, person: str) -> Device | None:
    """Return the browser of this digest, as one of this person's; None where there is none."""
    row = tx.execute(select(devices).where(devices.c.digest == digest, devices.c.person == person)).first()
    return Device(**row._mapping) if row else None


def is_known_device(tx: Connection, digest: str) -> bool:
    """Tell whether it is a browser of anybody's."""
    return tx.execute(select(devices.c.person).where(devices.c.digest == digest).limit(1)).first() is not None


def replace_device(tx: Connection, device: Device) -> None:
    """Store the browser as it is now, new or not."""
    tx.execute(delete(devices).where(and_(devices.c.digest == device.digest, devices.c.person == device.person)))
    tx.execute(insert(devices).values(get_values(device)))


def delete_unseen_devices(tx: Connection, seen_before: datetime) -> None:
    """Delete the browsers that nobody came from since then."""
    tx.execute(delete(devices).where(devices.c.seen_at < seen_before))


def delete_devices(tx: Connection, person: str) -> None:
    """Delete every browser of this person's."""
    tx.execute(delete(devices).where(devices.c.person == person))
