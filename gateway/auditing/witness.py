"""We watch our partners' audit logs, as they watch ours: nobody can quietly rewrite the past.

Every receipt brings the newest checkpoint of its issuer's log. Each that is larger than the last is kept, and held
against what was seen before (`core.checkpoint_rules`); once an hour, the partner's gateway is asked to prove that its
log only grew. What does not hold is an alarm: an entry in our log, a line in that of the process, and `doctor` fails
until a person has rung the partner and accepted that its log began anew. Until then nothing more of that log is judged,
for there is nothing whole to hold it against; the receipts are kept in any case.

Not watched: a partner that we reach by no HTTPS route proves nothing, so of its log only forks and rollbacks are found.
A checkpoint that comes late, and has another size than all that were kept, is passed over.
"""

import asyncio
import json
from base64 import b64decode
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from itertools import pairwise

from adapters.route import Asker, NotReached, RouteAddress
from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core import labels
from gateway.core.checkpoint_rules import BroughtCheckpoint, LogContradiction, SeenCheckpoint, find_contradiction
from gateway.core.merkle import HASH_BYTES, verify_consistency
from gateway.errors import NotFound
from gateway.logs import log_alarm, log_failure
from gateway.store import audit_log, partner_checkpoints
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.partner_checkpoints import AlarmedCheckpoint, CheckpointSummary
from keys import note
from keys.errors import Refusal

# Seconds.
CHECK_EVERY = 3600.0
# Proofs asked of a partner in one go; the rest in the next hour.
STEPS = 100
# A proof has some fifty hashes at most.
MAX_PROOF_BYTES = 16_384
NO_SUCH_SIZE = "log.no-such-size"


def witness_checkpoints(tx: Tx, gw: Gateway, partner: str, brought: Iterable[BroughtCheckpoint]) -> None:
    """See the checkpoints that a partner's receipts brought; the receipts themselves have been verified."""
    # A batch brings the same one many times.
    made_at_of = {checkpoint.note: checkpoint.made_at for checkpoint in brought}
    known = partner_checkpoints.find_largest_checkpoint(tx, partner) if made_at_of else None
    for text, made_at in made_at_of.items():
        if known is not None and text == known.note:
            continue
        try:
            stamped = note.verify_checkpoint_with_trust(text, authority=partner, trust=gw.trust)
        except Refusal as why:
            # It proves nothing, for or against them.
            log_failure(f"reading a checkpoint of {partner}", why)
        else:
            _see_checkpoint(tx, gw, partner, SeenCheckpoint(stamped.size, stamped.root, text, made_at))


def _see_checkpoint(tx: Tx, gw: Gateway, partner: str, seen: SeenCheckpoint) -> None:
    anew = partner_checkpoints.find_restart_accepted(tx, partner)
    if partner_checkpoints.find_alarm(tx, partner) or (anew and seen.made_at <= anew):
        return
    largest, same_size = (
        partner_checkpoints.find_largest_checkpoint(tx, partner),
        partner_checkpoints.find_checkpoint_of_size(tx, partner, seen.size),
    )
    alarm = find_contradiction(seen, same_size=same_size, largest=largest)
    if alarm:
        against = same_size if alarm is LogContradiction.FORK else largest
        assert against is not None  # noqa: S101 - that is what it contradicts
        partner_checkpoints.add_partner_checkpoint(tx, gw.now(), partner, seen, alarm=alarm, against=against.note)
        _raise_alarm(tx, gw, partner, seen, against, alarm)
    elif largest is None or seen.size > largest.size:
        partner_checkpoints.add_partner_checkpoint(tx, gw.now(), partner, seen, checked=largest is None)


def _raise_alarm(
    tx: Tx,
    gw: Gateway,
    partner: str,
    seen: SeenCheckpoint,
    against: SeenCheckpoint,
    alarm: LogContradiction,
) -> None:
    detail = {"alarm": alarm.value, "seen": seen.size, "before": against.size}
    audit_log.append_entries(tx, gw.now(), [AuditEntry("witness.alarm", SYSTEM, None, partner, detail=detail)])
    log_alarm(partner, alarm.value)


async def check_partner_log(gw: Gateway, partner: str) -> None:
    """Have a partner prove that its log only grew, step by step as we saw it. Raises NotReached, StoreUnavailable."""
    if await gw.store.read(lambda tx: partner_checkpoints.find_alarm(tx, partner)):
        return
    steps = await gw.store.read(lambda tx: partner_checkpoints.list_unchecked(tx, partner, STEPS))
    for old, new in pairwise(steps):
        proof = await _fetch_proof(gw, partner, old.size, new.size)
        if proof is not None and verify_consistency(old.size, old.root, new.size, new.root, proof):
            await gw.store.write(partial(partner_checkpoints.set_checked, now=gw.now(), authority=partner, seen=new))
        else:
            await gw.store.write(partial(_note_contradicted, gw=gw, partner=partner, seen=new, against=old))
            return


def _note_contradicted(tx: Tx, gw: Gateway, partner: str, seen: SeenCheckpoint, against: SeenCheckpoint) -> None:
    if partner_checkpoints.find_alarm(tx, partner) is None:
        partner_checkpoints.set_contradicted(tx, partner, seen, against, LogContradiction.NO_PROOF)
        _raise_alarm(tx, gw, partner, seen, against, LogContradiction.NO_PROOF)


async def _fetch_proof(gw: Gateway, partner: str, old: int, new: int) -> tuple[bytes, ...] | None:
    """Fetch the proof that the partner gives, whatever it is worth; None where it gives none that can be read."""
    asker, address = find_way_to_ask(gw, partner)
    answer = await asker.ask(address, f"/log/consistency?from={old}&to={new}", MAX_PROOF_BYTES)
    if answer.status == 404 and NO_SUCH_SIZE.encode() in answer.body:
        return None
    if answer.status != 200:
        raise NotReached(f"the partner's gateway answered {answer.status}")
    try:
        hashes = tuple(b64decode(text, validate=True) for text in json.loads(answer.body)["proof"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return hashes if all(len(text) == HASH_BYTES for text in hashes) else None


def find_way_to_ask(gw: Gateway, partner: str) -> tuple[Asker, RouteAddress]:
    """Return the route by which a partner's gateway answers questions. Raises NotReached where its card lists none."""
    with suppress(Refusal):
        for route in gw.trust.current_card(partner, gw.now()).routes:
            carrier = gw.carriers.get(route.kind)
            if carrier is not None and isinstance(carrier, Asker):
                return carrier, gw.build_address(partner, route)
    raise NotReached("the partner's card has no route to ask its gateway")


async def watch_logs_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Check every partner each hour until told to stop. One that is away holds up no other."""

    async def check_partner_logs() -> None:
        await asyncio.gather(*(_check_partner(gw, partner) for partner in gw.trust.list_authorities()))

    await run_every(gw, stop, "checking audit logs", check_partner_logs, seconds=CHECK_EVERY)


async def _check_partner(gw: Gateway, partner: str) -> None:
    try:
        await check_partner_log(gw, partner)
    except NotReached:
        # The next hour will do; `audit witness` says how far it is checked.
        return
    except Exception as why:  # noqa: BLE001 - nobody would notice that the loop had ended
        log_failure(f"checking the audit log of {partner}", why)


async def find_seen_checkpoint(gw: Gateway, partner: str) -> str | None:
    """Return the newest checkpoint that we saw of this partner's log; None where we saw none."""
    summary = await gw.store.read(lambda tx: partner_checkpoints.summarise_checkpoints(tx, partner))
    return summary.note if summary else None


async def find_alarmed_checkpoint(gw: Gateway, partner: str) -> AlarmedCheckpoint | None:
    """Return the two checkpoints that do not go together, where a warning about this partner's log stands."""
    alarms = await gw.store.read(partner_checkpoints.list_alarms)
    return next((alarm for alarm in alarms if alarm.authority == partner), None)


def list_witnessed(gw: Gateway) -> tuple[list[CheckpointSummary], list[AlarmedCheckpoint]]:
    """Return how far each partner's log is known, and every alarm that stands."""

    def read_witnessed(tx: Tx) -> tuple[list[CheckpointSummary], list[AlarmedCheckpoint]]:
        summaries = [
            summary
            for code in gw.trust.list_authorities()
            if (summary := partner_checkpoints.summarise_checkpoints(tx, code))
        ]
        return summaries, partner_checkpoints.list_alarms(tx)

    return gw.store.look(read_witnessed)


def accept_new_log(gw: Gateway, partner: str, *, by: str) -> None:
    """Accept that a partner's log began anew, as a person who rang it says. Raises NotFound where no alarm stands."""

    def end_and_log(tx: Tx) -> None:
        if not partner_checkpoints.end_partner_checkpoints(tx, gw.now(), partner):
            raise NotFound("witness.no-alarm", partner=labels.name_authority_in_full(partner))
        audit_log.append_entries(tx, gw.now(), [AuditEntry("witness.accepted", by, None, partner)])

    gw.store.run(end_and_log)
