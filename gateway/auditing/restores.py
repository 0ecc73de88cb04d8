"""Was this gateway restored, and were its partners?

A restore by command writes an entry. A database that was put back by hand, or a machine that was copied, is noticed:
once an hour each partner is asked for the newest checkpoint of ours that it holds, and one that we signed and that our
log does not continue shows that ours is an earlier one. Both are told to partners by a signed word, for which a partner
asks whose warning about our log stands.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from adapters.route import NotReached
from gateway.auditing.partners_view import QUESTION, ask_for_notes
from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core.merkle import verify_consistency
from gateway.logs import log_failure
from gateway.store import audit_log, partner_checkpoints
from gateway.store.audit_log import AuditEntry, LoggedEntry
from gateway.store.database import Tx
from keys import note
from keys.errors import Refusal
from keys.note import Checkpoint, RestoreWord
from keys.trust import Trust

# Seconds.
LOOK_EVERY = 3600.0
RESTORED_QUESTION = "/log/restored"
RESTORED, NOTICED, EXPLAINED = "gateway.restored", "gateway.restore-noticed", "witness.explained"
# How long a restore is told of; by then every partner has asked.
TOLD_FOR = timedelta(days=30)
# By how much a partner's clock may be ahead.
SKEW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class KnownRestore:
    """What we know of our own restore."""

    at: datetime
    # None: it was noticed, and nobody knows.
    backup_at: datetime | None
    # Who holds a later log of ours; None where a person restored by command.
    holder: str | None


async def watch_restores_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Look each hour, with every partner, until told to stop. One that is away holds up no other."""

    async def look_with_all() -> None:
        await asyncio.gather(*(_look_with(gw, partner) for partner in gw.trust.list_authorities()))

    await run_every(gw, stop, "looking for restores", look_with_all, seconds=LOOK_EVERY)


async def _look_with(gw: Gateway, partner: str) -> None:
    for look in (notice_own_restore, hear_restore):
        try:
            await look(gw, partner)
        except NotReached:
            # The next hour will do.
            continue
        except Exception as why:  # noqa: BLE001 - nobody would notice that the loop had ended
            log_failure(f"looking for a restore with {partner}", why)


async def notice_own_restore(gw: Gateway, partner: str) -> bool:
    """Tell whether this partner holds a checkpoint that we signed and that our log does not continue; log each once.

    Raises NotReached, StoreUnavailable.
    """
    notes = await ask_for_notes(gw, partner, QUESTION)
    is_restored = False
    for name in ("checkpoint", "contradicted", "before"):
        held = _read_own_checkpoint(gw, notes.get(name))
        if held is not None and not await gw.store.read(partial(_is_continued, held=held)):
            is_restored = True
            await gw.store.write(partial(_log_once, gw=gw, partner=partner, held=held))
    return is_restored


def _read_own_checkpoint(gw: Gateway, text: str | None) -> Checkpoint | None:
    """Read what we signed; what no key of ours signed shows nothing."""
    if text is None:
        return None
    try:
        return note.verify_checkpoint_with_trust(text, authority=gw.code, trust=Trust({gw.code: gw.own_card}))
    except Refusal:
        return None


def _is_continued(tx: Tx, held: Checkpoint) -> bool:
    head = audit_log.get_tree_head(tx)
    if not 0 < held.size <= head.size:
        return held.size == 0
    proof = audit_log.prove_consistency(tx, held.size, head.size)
    return verify_consistency(held.size, held.root, head.size, head.root(), proof)


def _log_once(tx: Tx, gw: Gateway, partner: str, held: Checkpoint) -> None:
    before = audit_log.list_newest_entries(tx, act=NOTICED)
    if any(entry.partner == partner and _read_detail(entry).get("held") == held.size for entry in before):
        return
    detail = {"held": held.size, "here": audit_log.get_tree_head(tx).size}
    audit_log.append_entries(
        tx, gw.now(), [AuditEntry("gateway.restore-noticed", SYSTEM, gw.code, partner, detail=detail)]
    )


def list_own_restores(tx: Tx, now: datetime) -> list[KnownRestore]:
    """List the newest restore by command, and the newest that was noticed, of the last thirty days."""
    known = []
    for act in (RESTORED, NOTICED):
        for entry in audit_log.list_newest_entries(tx, act=act, limit=1):
            if now - entry.at < TOLD_FOR:
                made_at = _read_detail(entry).get("made_at")
                known.append(KnownRestore(entry.at, _read_moment(made_at) if made_at else None, entry.partner))
    return known


async def sign_own_restore(gw: Gateway) -> str | None:
    """Sign that we were restored, for a partner that asks; None where we were not in the last thirty days."""
    known = await gw.store.read(lambda tx: list_own_restores(tx, gw.now()))
    return note.sign_restore_word(RestoreWord(known[0].at, known[0].backup_at), ring=gw.ring) if known else None


async def hear_restore(gw: Gateway, partner: str) -> RestoreWord | None:
    """Ask a partner about whose log a warning stands whether it was restored; log its signed word once.

    Raises NotReached, StoreUnavailable.
    """
    if not await gw.store.read(lambda tx: _needs_word(tx, partner)):
        return None
    text = (await ask_for_notes(gw, partner, RESTORED_QUESTION)).get("restored")
    if text is None:
        return None
    try:
        word = note.verify_restore_word(text, authority=partner, trust=gw.trust)
    except Refusal as why:
        log_failure(f"reading the word of {partner} that it was restored", why)
        return None
    if not -SKEW < gw.now() - word.restored_at < TOLD_FOR + SKEW:
        return None
    await gw.store.write(partial(_log_word, gw=gw, partner=partner, word=word))
    return word


def _needs_word(tx: Tx, partner: str) -> bool:
    return partner_checkpoints.find_alarm(tx, partner) is not None and find_word(tx, partner) is None


def _log_word(tx: Tx, gw: Gateway, partner: str, word: RestoreWord) -> None:
    detail = {
        "restored_at": word.restored_at.isoformat(),
        "made_at": word.backup_at.isoformat() if word.backup_at else "",
    }
    audit_log.append_entries(tx, gw.now(), [AuditEntry("witness.explained", SYSTEM, None, partner, detail=detail)])


def find_word(tx: Tx, partner: str) -> RestoreWord | None:
    """Return what a partner signed of its restore since the warning that stands about its log; None where nothing."""
    since = [alarm.seen_at for alarm in partner_checkpoints.list_alarms(tx) if alarm.authority == partner]
    for entry in audit_log.list_newest_entries(tx, act=EXPLAINED):
        if entry.partner == partner and since and entry.at >= min(since):
            detail = _read_detail(entry)
            made_at = detail.get("made_at")
            return RestoreWord(_read_moment(detail["restored_at"]), _read_moment(made_at) if made_at else None)
    return None


def _read_detail(entry: LoggedEntry) -> dict[str, str | int]:
    detail: dict[str, str | int] = json.loads(entry.entry).get("detail", {})
    return detail


def _read_moment(text: str | int) -> datetime:
    return datetime.fromisoformat(str(text))
