"""Which rows of which child were sent: so that a row has one effect, whatever is put into the watched folder again."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select

from gateway.store.tables import intake


def known(tx: Connection, digests: Sequence[str]) -> dict[str, str]:
    """Those of these rows that were sent before: by digest, the message that each became."""
    query = select(intake.c.digest, intake.c.message_id).where(intake.c.digest.in_(digests))
    return {row.digest: row.message_id for row in tx.execute(query)}


def remember(tx: Connection, now: datetime, sent: Mapping[str, str]) -> None:
    """Note which message each row became, by its digest."""
    tx.execute(insert(intake), [{"digest": digest, "message_id": one, "at": now} for digest, one in sent.items()])
