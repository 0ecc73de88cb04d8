"""Entries of the audit log that somebody else can cause as often as they like: whoever proved nothing, and partners
within bounds.

`core.bursts` counts; here the entries are written. What was counted and not yet written is lost where the process is
killed.
"""

import asyncio
from dataclasses import dataclass
from functools import partial

from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core.bursts import BurstCount
from gateway.store import audit_log
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx

# Seconds.
LOOK_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class _BurstKind:
    """What entries have in common that are noted together; `word` names the member of their detail in which they
    differ.
    """

    act: str
    actor: str
    partner: str | None
    about: str | None
    word: str


def count_entry(
    gw: Gateway, entry: AuditEntry, address: str = "", *, singly: int = 1, about: str | None = None
) -> list[AuditEntry]:
    """Return what is to be written now of this entry: itself, it and those before it as one, or nothing.

    `about`: what those which are written together are about.
    """
    [(word, code)] = entry.detail.items()
    kind = _BurstKind(entry.act, entry.actor, entry.partner, about, word)
    noted = gw.bursts.add(kind, str(code), address, gw.now(), singly=singly)
    if noted is None:
        return []
    return [entry if noted.count == 1 else _join_counted(kind, noted)]


def write_burst_in(tx: Tx, gw: Gateway, entry: AuditEntry, address: str = "") -> None:
    """Write what is to be written of this entry now, in the caller's transaction."""
    audit_log.append_entries(tx, gw.now(), count_entry(gw, entry, address))


async def write_refused_caller(gw: Gateway, code: str, address: str) -> None:
    """Write that a caller from this address was refused, or count it for later. Raises StoreUnavailable."""
    entry = AuditEntry("caller.refused", SYSTEM, detail={"code": code})
    if entries := count_entry(gw, entry, address):
        await gw.store.write(lambda tx: audit_log.append_entries(tx, gw.now(), entries))


def _join_counted(kind: _BurstKind, noted: BurstCount) -> AuditEntry:
    detail: dict[str, str | int] = {kind.word: " ".join(noted.words), "count": noted.count}
    if noted.addresses:
        detail["addresses"] = noted.addresses
    return AuditEntry(kind.act, kind.actor, kind.about, kind.partner, detail=detail)


def write_counted(tx: Tx, gw: Gateway, *, everything: bool = False) -> None:
    """Write what was counted, and whose minute is over; or everything."""
    due = gw.bursts.take_due(gw.now(), everything=everything)
    audit_log.append_entries(
        tx, gw.now(), [_join_counted(kind, noted) for kind, noted in due if isinstance(kind, _BurstKind)]
    )


async def write_bursts_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Write what was counted, until told to stop. Once no port is open any more, `app` writes the rest."""

    async def write_due_bursts() -> None:
        await gw.store.write(partial(write_counted, gw=gw))

    await run_every(
        gw, stop, "counting refusals", write_due_bursts, seconds=LOOK_EVERY, waits_first=True, everywhere=True
    )
