"""Which rows of which child were sent: so that a row has one effect, whatever is put into the watched folder again."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select

from gateway.store.tables import intake


def known(tx: Connection, digests: Sequence[str]) -> set[str]:
    """Those of these rows that were sent before."""
    return set(tx.scalars(select(intake.c.digest).where(intake.c.digest.in_(digests))))


def remember(tx: Connection, now: datetime, sent: Mapping[str, str]) -> None:
    """Note which message each row became, by its digest."""
    tx.execute(insert(intake), [{"digest": digest, "message_id": one, "at": now} for digest, one in sent.items()])
