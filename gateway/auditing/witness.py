"""We watch our partners' audit logs, as they watch ours: nobody can quietly rewrite the past.

Every receipt brings the newest checkpoint of its issuer's log. Each that is larger than the last is kept, and held against
what was seen before (`core.witnessing`); once an hour, the partner's gateway is asked to prove that its log only grew.
What does not hold is an alarm: an entry in our log, a line in that of the process, and `doctor` fails until a person has
rung the partner and accepted that its log began anew. Until then nothing more of that log is judged, for there is nothing
whole to hold it against; the receipts are kept in any case.

Not watched: a partner that we reach by no HTTPS route proves nothing, so of its log only forks and rollbacks are found. A
checkpoint that comes late, and has another size than all that were kept, is passed over.
"""

import asyncio
import json
from base64 import b64decode
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from itertools import pairwise

from sqlalchemy import Connection

from adapters.route import Address, Asker, NotReached
from gateway.background import run_every
from gateway.context import SYSTEM, Authority
from gateway.core import labels
from gateway.core.checkpoint_rules import Alarm, Brought, Seen, judge
from gateway.core.merkle import HASH_BYTES, consistent
from gateway.errors import NotFound
from gateway.logs import alarmed, failed
from gateway.store import audit_log, partner_checkpoints
from gateway.store.audit_log import AuditEntry
from gateway.store.partner_checkpoints import AlarmedCheckpoint, CheckpointSummary
from keys import note
from keys.errors import Refusal

CHECK_EVERY = 3600.0  # seconds
STEPS = 100  # proofs asked of a partner in one go; the rest in the next hour
MAX_PROOF_BYTES = 16_384  # a proof has some fifty hashes at most
NO_SUCH_SIZE = "log.no-such-size"


def witness(tx: Connection, here: Authority, partner: str, brought: Iterable[Brought]) -> None:
    """See the checkpoints that a partner's receipts brought; the receipts themselves have been verified."""
    made = {one.note: one.made_at for one in brought}  # a batch brings the same one many times
    known = partner_checkpoints.find_largest_checkpoint(tx, partner) if made else None
    for text, made_at in made.items():
        if known is not None and text == known.note:
            continue
        try:
            stamped = note.verify_checkpoint_with_trust(text, authority=partner, trust=here.trust)
        except Refusal as why:  # it proves nothing, for or against them
            failed(f"reading a checkpoint of {partner}", why)
        else:
            _see(tx, here, partner, Seen(stamped.size, stamped.root, text, made_at))


def _see(tx: Connection, here: Authority, partner: str, seen: Seen) -> None:
    anew = partner_checkpoints.find_restart_accepted(tx, partner)
    if partner_checkpoints.find_alarm(tx, partner) or (anew and seen.made_at <= anew):
        return
    largest, same_size = (
        partner_checkpoints.find_largest_checkpoint(tx, partner),
        partner_checkpoints.find_checkpoint_of_size(tx, partner, seen.size),
    )
    alarm = judge(seen, same_size=same_size, largest=largest)
    if alarm:
        against = same_size if alarm is Alarm.FORK else largest
        assert against is not None  # noqa: S101 - that is what it contradicts
        partner_checkpoints.add_partner_checkpoint(tx, here.now(), partner, seen, alarm=alarm, against=against.note)
        _raise_alarm(tx, here, partner, seen, against, alarm)
    elif largest is None or seen.size > largest.size:
        partner_checkpoints.add_partner_checkpoint(tx, here.now(), partner, seen, checked=largest is None)


def _raise_alarm(tx: Connection, here: Authority, partner: str, seen: Seen, against: Seen, alarm: Alarm) -> None:
    detail = {"alarm": alarm.value, "seen": seen.size, "before": against.size}
    audit_log.append_entries(tx, here.now(), [AuditEntry("witness.alarm", SYSTEM, None, partner, detail=detail)])
    alarmed(partner, alarm.value)


async def check(here: Authority, partner: str) -> None:
    """Have a partner prove that its log only grew, step by step as we saw it. Raises NotReached, StoreUnavailable."""
    if await here.store.read(lambda tx: partner_checkpoints.find_alarm(tx, partner)):
        return
    steps = await here.store.read(lambda tx: partner_checkpoints.list_unchecked(tx, partner, STEPS))
    for old, new in pairwise(steps):
        proof = await _proof(here, partner, old.size, new.size)
        if proof is not None and consistent(old.size, old.root, new.size, new.root, proof):
            await here.store.write(
                partial(partner_checkpoints.set_checked, now=here.now(), authority=partner, seen=new)
            )
        else:
            await here.store.write(partial(_contradicted, here=here, partner=partner, seen=new, against=old))
            return


def _contradicted(tx: Connection, here: Authority, partner: str, seen: Seen, against: Seen) -> None:
    if partner_checkpoints.find_alarm(tx, partner) is None:
        partner_checkpoints.set_contradicted(tx, partner, seen, against, Alarm.NO_PROOF)
        _raise_alarm(tx, here, partner, seen, against, Alarm.NO_PROOF)


async def _proof(here: Authority, partner: str, old: int, new: int) -> tuple[bytes, ...] | None:
    """The proof that the partner gives, whatever it is worth; None where it gives none that can be read."""
    asker, address = way_to_ask(here, partner)
    answer = await asker.ask(address, f"/log/consistency?from={old}&to={new}", MAX_PROOF_BYTES)
    if answer.status == 404 and NO_SUCH_SIZE.encode() in answer.body:
        return None
    if answer.status != 200:
        raise NotReached(f"the partner's gateway answered {answer.status}")
    try:
        hashes = tuple(b64decode(one, validate=True) for one in json.loads(answer.body)["proof"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return hashes if all(len(one) == HASH_BYTES for one in hashes) else None


def way_to_ask(here: Authority, partner: str) -> tuple[Asker, Address]:
    """The route by which a partner's gateway answers questions. Raises NotReached where its card lists none."""
    with suppress(Refusal):
        for route in here.trust.current_card(partner, here.now()).routes:
            carrier = here.carriers.get(route.kind)
            if isinstance(carrier, Asker):
                return carrier, here.address(partner, route)
    raise NotReached("the partner's card lists no route by which its gateway could be asked")


async def watch_forever(here: Authority, stop: asyncio.Event) -> None:
    """Check every partner each hour until told to stop. One that is away holds up no other."""

    async def check_all() -> None:
        await asyncio.gather(*(_check_one(here, partner) for partner in here.trust.authorities()))

    await run_every(here, stop, "checking audit logs", check_all, seconds=CHECK_EVERY)


async def _check_one(here: Authority, partner: str) -> None:
    try:
        await check(here, partner)
    except NotReached:
        return  # the next hour will do; `audit witness` says how far it is checked
    except Exception as why:  # noqa: BLE001 - nobody would notice that the loop had ended
        failed(f"checking the audit log of {partner}", why)


def known(here: Authority) -> tuple[list[CheckpointSummary], list[AlarmedCheckpoint]]:
    """How far each partner's log is known, and every alarm that stands."""

    def look(tx: Connection) -> tuple[list[CheckpointSummary], list[AlarmedCheckpoint]]:
        found = [
            one for code in here.trust.authorities() if (one := partner_checkpoints.summarise_checkpoints(tx, code))
        ]
        return found, partner_checkpoints.list_alarms(tx)

    return here.store.look(look)


def accept(here: Authority, partner: str, *, by: str) -> None:
    """A person has rung the partner, and knows why its log began anew. Raises NotFound where no alarm stands."""

    def work(tx: Connection) -> None:
        if not partner_checkpoints.end_partner_checkpoints(tx, here.now(), partner):
            raise NotFound("witness.no-alarm", partner=labels.name_authority_in_full(partner))
        audit_log.append_entries(tx, here.now(), [AuditEntry("witness.accepted", by, None, partner)])

    here.store.run(work)
