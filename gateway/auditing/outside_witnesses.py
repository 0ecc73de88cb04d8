"""Outside witnesses cosign our audit log: somebody who is no party sees that it only grows (C2SP tlog-witness).

Partners see checkpoints of ours in receipts; a witness sees one each hour, also when nobody writes to us. With its
cosignature an export proves to anyone who knows the witness's key how the log stood at that time. Which witnesses, and
how many must have signed, stands in a file (`settings.witness_policy`). Nothing about a child is in a checkpoint.

What a witness cosigned is not written into the log itself, which would grow by being watched. That a witness
contradicts our log is written, once.
"""

import asyncio
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from adapters.outside_witness import add_checkpoint
from adapters.route import NotReached
from gateway.auditing import audit
from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core.witness_answers import ALARMS, Agreed, WitnessTrouble, judge_answer
from gateway.logs import log_failure
from gateway.settings.witness_policy import OutsideWitness, WitnessPolicy
from gateway.store import audit_log, cosignatures
from gateway.store.audit_log import AuditEntry
from gateway.store.cosignatures import KeptCosignature, WitnessStanding
from gateway.store.database import Tx
from keys import note
from keys.cosignature import Cosignature, find_cosignature
from keys.errors import Refusal
from keys.trust import Trust

# Seconds.
ASK_EVERY = 3600.0
# A witness's clock may be ahead of ours by so much.
AHEAD_AT_MOST = timedelta(minutes=5)
# Checkpoints that are looked through for the newest that enough have cosigned.
LOOKED_THROUGH = 100


@dataclass(frozen=True, slots=True)
class AskedWitness:
    """A witness that we ask: how far it cosigned and when, and why it did not the last time."""

    name: str
    cosigned: int
    cosigned_at: datetime | None
    trouble: WitnessTrouble | None


@dataclass(frozen=True, slots=True)
class WitnessedLog:
    """How far enough outside witnesses have cosigned our log: how many entries, and when the last of them did."""

    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of sending a checkpoint over `size` entries: a cosignature, or why there is none."""

    size: int
    cosignature: Cosignature | None = None
    trouble: WitnessTrouble | None = None
    # How many entries the witness holds, where those are more than ours.
    holds: int | None = None


async def ask_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Have every outside witness cosign our log each hour until told to stop. One that is away holds up no other."""
    await run_every(gw, stop, "asking outside witnesses", lambda: ask_witnesses(gw), seconds=ASK_EVERY)


async def ask_witnesses(gw: Gateway) -> None:
    """Have every outside witness that has an address cosign the newest checkpoint.

    Raises ConfigProblem where the file of witnesses is not right, StoreUnavailable.
    """
    policy = gw.config.read_witness_policy()
    if policy is None:
        return
    ca = gw.config.witness_ca()
    await asyncio.gather(*(_ask_witness(gw, witness, ca) for witness in policy.witnesses if witness.url))


async def _ask_witness(gw: Gateway, witness: OutsideWitness, ca: str | None) -> None:
    try:
        signed = await gw.store.read(audit_log.find_newest_checkpoint)
        if signed is None:
            return
        answer = await _submit(gw, witness, signed, ca)
        await gw.store.write(partial(_keep_answer, gw=gw, witness=witness, answer=answer))
    except Exception as why:  # noqa: BLE001 - the others are asked all the same
        log_failure(f"asking the outside witness {witness.name}", why)


async def _submit(gw: Gateway, witness: OutsideWitness, signed: str, ca: str | None) -> _Answer:
    """Send the checkpoint, a second time where the witness holds another than we thought."""
    size = note.read_size(signed)
    last = await gw.store.read(lambda tx: cosignatures.find_last_cosignature(tx, witness.key.name))
    old = last.size if last else 0
    for _ in range(2):
        try:
            request = await _build_request(gw, old, size, signed)
            answered = await add_checkpoint(witness.url, request, ca=ca, proxy=gw.proxy)
        except NotReached:
            break
        judged = judge_answer(answered.status, answered.body, old=old, size=size)
        if isinstance(judged, Agreed):
            return _check_cosignature(gw, witness, signed, answered.body)
        if isinstance(judged, WitnessTrouble):
            return _Answer(size, trouble=judged)
        if judged.size > size:
            return _Answer(size, trouble=WitnessTrouble.AHEAD, holds=judged.size)
        old = judged.size
    return _Answer(size, trouble=WitnessTrouble.NOT_REACHED)


async def _build_request(gw: Gateway, old: int, size: int, signed: str) -> str:
    proof = await audit.prove_growth(gw, old, size) if 0 < old < size else ()
    hashes = "".join(f"{b64encode(node).decode()}\n" for node in proof)
    return f"old {old}\n{hashes}\n{signed}"


def _check_cosignature(gw: Gateway, witness: OutsideWitness, signed: str, lines: str) -> _Answer:
    size, cosignature = note.read_size(signed), None
    try:
        cosignature = find_cosignature(signed + lines, witness.key)
    except Refusal as why:
        log_failure(f"reading what the outside witness {witness.name} answered", why)
    if cosignature is None or cosignature.cosigned_at > gw.now() + AHEAD_AT_MOST:
        return _Answer(size, trouble=WitnessTrouble.NOT_SIGNED)
    return _Answer(size, cosignature)


def _keep_answer(tx: Tx, gw: Gateway, witness: OutsideWitness, answer: _Answer) -> None:
    name, now, trouble = witness.key.name, gw.now(), answer.trouble
    if answer.cosignature:
        cosigned_at, line = answer.cosignature.cosigned_at, answer.cosignature.line
        cosignatures.add_cosignature(tx, KeptCosignature(answer.size, name, cosigned_at, line))
    before = cosignatures.list_standings(tx).get(name)
    same = before is not None and before.trouble == trouble
    since = before.since if before is not None and same else now
    cosignatures.replace_standing(tx, WitnessStanding(name, trouble, since, answer.holds))
    if trouble in ALARMS and not same:
        detail = {"cosigner": name, "alarm": trouble} | ({} if answer.holds is None else {"holds": answer.holds})
        audit_log.append_entries(tx, now, [AuditEntry("outside-witness.alarm", SYSTEM, None, None, detail=detail)])


def find_witnessed_log(tx: Tx, policy: WitnessPolicy) -> WitnessedLog | None:
    """Return how far our log is cosigned by as many as the policy asks for; None where that has not been reached."""
    by_name = {witness.key.name: witness.key for witness in policy.witnesses}
    for cosigned in cosignatures.list_newest_cosigned(tx, LOOKED_THROUGH):
        if policy.is_met_by([by_name[each.witness] for each in cosigned if each.witness in by_name]):
            return WitnessedLog(cosigned[0].size, max(each.cosigned_at for each in cosigned))
    return None


def list_witnesses(gw: Gateway) -> list[AskedWitness]:
    """List the outside witnesses that we ask. Raises ConfigProblem where their file is not right."""
    policy = gw.config.read_witness_policy()
    asked = [witness for witness in policy.witnesses if witness.url] if policy else []

    def read_witnesses(tx: Tx) -> list[AskedWitness]:
        standings = cosignatures.list_standings(tx)
        return [_build_asked(tx, witness, standings.get(witness.key.name)) for witness in asked]

    return gw.store.look(read_witnesses)


def _build_asked(tx: Tx, witness: OutsideWitness, standing: WitnessStanding | None) -> AskedWitness:
    last = cosignatures.find_last_cosignature(tx, witness.key.name)
    trouble = WitnessTrouble(standing.trouble) if standing and standing.trouble else None
    return AskedWitness(witness.name, last.size if last else 0, last.cosigned_at if last else None, trouble)


def list_log_keys(gw: Gateway) -> list[str]:
    """List our signing keys that count, as an outside witness takes them: one line each."""
    ours = Trust({gw.code: gw.own_card}).signing_keys(gw.code)
    return [note.write_log_key(gw.code, key.public) for key in ours]
