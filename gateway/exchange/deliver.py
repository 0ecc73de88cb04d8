"""The loop out: claim what is due, carry it, settle it; each partner has places of its own, so a dead one slows nobody
else.

A few batches to a partner may be under way at once, each in a lane: while it judges one, we verify the receipts of
another.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

from adapters.route import Attempt, HandedOver, Parcel, Refused, TryLater
from gateway.auditing.witness import witness_checkpoints
from gateway.background import run_every
from gateway.context import DeliverySignal, Gateway
from gateway.core import labels
from gateway.errors import StoreUnavailable
from gateway.exchange import letters, reseal
from gateway.exchange.card_rounds import ask_soon
from gateway.exchange.delivery_result import TryEnding, settle_try
from gateway.logs import log_failure
from gateway.store import audit_log, inbox, outbox, partner_health
from gateway.store.database import Tx
from gateway.store.outbox import CLAIM, ClaimedDelivery, Claimer
from keys.card import Route, list_ways
from keys.errors import Refusal
from schemas.shapes import MessageId

# Messages in one request: they share their commits, and a receiver may ask for fewer (413).
BATCH = 100
# Batches to one partner at once.
IN_FLIGHT = 4
# Receipts verified (some 4 ms) before other work has its turn.
YIELD_EVERY = 32
UNFORESEEN = "this is a fault in the gateway: see its log"
# The kind of route by which they go.
LETTERS = "email"
# Seconds; a command queues too, and with SQLite it cannot wake this process.
LOOK_EVERY = 1.0
# A loop that has not looked for so long has stopped.
LATE = timedelta(minutes=5)
# So that three renewals may fail before another process takes over.
RENEW_EVERY = CLAIM.total_seconds() / 4

# By which kind of route, and how that ended.
Carried = tuple[str, Attempt]


async def deliver_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Deliver until told to stop; then let what is under way end. A database that is away is waited for.

    `run_every` does not fit: what is queued wakes this loop (`gw.due`), and the lanes that it starts outlive a turn.
    """
    lanes: dict[str, set[asyncio.Task[None]]] = {}
    held: set[MessageId] = set()
    ended = asyncio.Event()
    renewing = asyncio.create_task(_renew_claims(gw, ended, held))
    loop = asyncio.get_running_loop()
    refresh_at = loop.time()
    started, logged = False, ""
    while not stop.is_set():
        gw.note_look("delivering", LATE)
        gw.due.clear()
        try:
            # Other processes add partners; not with every batch.
            if loop.time() >= refresh_at:
                await loop.run_in_executor(None, gw.refresh_trust)
                refresh_at = loop.time() + LOOK_EVERY
            if not started:
                await gw.store.write(lambda tx: outbox.make_retries_due(tx, gw.now(), gw.claim_time()))
                started = True
            for partner in await _list_partners_due(gw):
                _add_lane(gw, partner, lanes.setdefault(partner, set()), held, stop)
            logged = ""
        except Exception as why:  # noqa: BLE001 - nobody would notice that the loop had ended
            if logged != repr(why):
                log_failure("delivery", why)
            logged = repr(why)
        await _wait_for_first(gw.due, stop, LOOK_EVERY)
    await asyncio.gather(*(lane for several in lanes.values() for lane in several))
    ended.set()
    await renewing


async def _renew_claims(gw: Gateway, ended: asyncio.Event, held: set[MessageId]) -> None:
    """Keep what is under way from other processes until it has ended, however long a slow partner takes.

    A process that dies lets go soon.
    """

    async def renew() -> None:
        if held:
            await gw.store.write(lambda tx: outbox.renew_claims(tx, gw.claim_time(), set(held)))

    await run_every(gw, ended, "renewing claims", renew, seconds=RENEW_EVERY, waits_first=True, everywhere=True)


async def _list_partners_due(gw: Gateway) -> list[str]:
    """List for whom something is due; what a clock that ran fast had put off is.

    Nobody while the key of this process has ended: what it took on it could not deliver, and others would wait for it.
    """
    if not gw.ring.signs:
        return []
    if await gw.store.read(lambda tx: outbox.has_misplaced(tx, gw.now(), gw.claim_time())):
        await gw.store.write(lambda tx: outbox.correct_misplaced(tx, gw.now(), gw.claim_time()))
    due = await gw.store.read(lambda tx: outbox.list_partners_due(tx, gw.now(), gw.claim_time()))
    # Until there is a new one, what is for them waits.
    return [partner for partner in due if partner not in gw.withdrawn]


def _add_lane(
    gw: Gateway, partner: str, lanes: set[asyncio.Task[None]], held: set[MessageId], stop: asyncio.Event
) -> None:
    """Add a lane to a partner for whom something is due, unless there are enough; each ends when it finds no more."""

    def end_lane(lane: asyncio.Task[None]) -> None:
        if len(lanes) == IN_FLIGHT:
            # Something may have come due that found no place.
            gw.due.set()
        lanes.discard(lane)

    if len(lanes) < IN_FLIGHT:
        lane = asyncio.create_task(_deliver_batches(gw, partner, lanes, held, stop))
        lanes.add(lane)
        lane.add_done_callback(end_lane)


async def _wait_for_first(event_due: DeliverySignal, other: asyncio.Event, seconds: float) -> None:
    waits = [asyncio.create_task(event.wait()) for event in (event_due, other)]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
        with suppress(asyncio.CancelledError):
            await wait


async def _deliver_batches(
    gw: Gateway, partner: str, lanes: set[asyncio.Task[None]], held: set[MessageId], stop: asyncio.Event
) -> None:
    """Deliver batch after batch for one partner, until nothing is due. An ending is written with the next claim."""
    endings: list[TryEnding] = []
    mine: set[str] = set()
    try:
        while claimed := await gw.store.write(partial(_settle_and_claim, gw, partner, endings, stop)):
            held -= mine
            held |= (mine := {delivery.message_id for delivery in claimed})
            # There is more.
            if len(claimed) == BATCH:
                _add_lane(gw, partner, lanes, held, stop)
            claimed = await reseal.reseal_in_true_time(gw, claimed)
            endings = await _settle_tries(gw, claimed, await _carry_claimed(gw, partner, claimed))
            if any(ending.names_key for ending in endings):
                await ask_soon(gw, partner)
    except Exception as why:  # noqa: BLE001 - what was claimed is tried again when its claim has run out
        log_failure(f"delivery to {partner}", why)
    finally:
        held -= mine


async def _settle_tries(gw: Gateway, claimed: Sequence[ClaimedDelivery], carried: Sequence[Carried]) -> list[TryEnding]:
    endings = []
    for number, (delivery, (route, attempt)) in enumerate(zip(claimed, carried, strict=True), 1):
        jitter = random.random()  # noqa: S311 - spreads load only
        try:
            ending = settle_try(gw, delivery, attempt, route=route, jitter=jitter)
        except Exception as why:  # noqa: BLE001 - or what was claimed with it would never be settled
            log_failure(f"settling with {delivery.recipient}", why)
            ending = settle_try(gw, delivery, TryLater(UNFORESEEN), route=route, jitter=jitter)
        endings.append(ending)
        if number % YIELD_EVERY == 0:
            await asyncio.sleep(0)
    return endings


async def _carry_claimed(gw: Gateway, partner: str, claimed: Sequence[ClaimedDelivery]) -> list[Carried]:
    """Carry what is sealed by the routes of their card; the rest as letters to people."""
    parcels = [delivery for delivery in claimed if delivery.protection == "sealed"]
    ends = dict(
        zip((delivery.message_id for delivery in parcels), await _carry_sealed(gw, partner, parcels), strict=True)
    )
    for delivery in claimed:
        if delivery.protection != "sealed":
            ends[delivery.message_id] = LETTERS, await _post_letter(gw, delivery)
    return [ends[delivery.message_id] for delivery in claimed]


async def _post_letter(gw: Gateway, letter: ClaimedDelivery) -> Attempt:
    """Post one letter; one on which our own code fails is tried later, and keeps no other from being settled."""
    try:
        return await letters.post_letter(gw, letter)
    except StoreUnavailable:
        raise
    except Exception as why:  # noqa: BLE001 - whatever it was, the others are innocent
        log_failure("posting a letter", why)
        return TryLater(UNFORESEEN)


async def _carry_sealed(gw: Gateway, partner: str, claimed: Sequence[ClaimedDelivery]) -> list[Carried]:
    """Carry by the first route of their card that takes it; what one does not take, the next of the same class may."""
    if not claimed:
        return []
    try:
        routes = list_sealed_routes(gw, partner)
    except Refusal as why:
        return [("none", TryLater(why.sentence))] * len(claimed)
    ends: list[Carried] = [("none", TryLater(labels.explain_out_of_reach("no-route")))] * len(claimed)
    for route in routes:
        left = [at for at, (_, attempt) in enumerate(ends) if isinstance(attempt, TryLater | Refused)]
        if not left:
            break
        parcels = [Parcel(claimed[at].message_id, claimed[at].sealed) for at in left]
        attempts = await gw.carriers[route.kind].deliver(gw.build_address(partner, route), parcels)
        _note_partner_clock(gw, partner, attempts)
        for at, attempt in zip(left, attempts, strict=True):
            ends[at] = route.kind, _join_attempts(ends[at], (route.kind, attempt))
        # The last one's endings are written with the deliveries.
        if route is not routes[-1]:
            await _note_failed_route(gw, partner, route, attempts)
    return ends


def _note_partner_clock(gw: Gateway, partner: str, attempts: Sequence[Attempt]) -> None:
    """Note by how much their clock is before ours; measured as they answer, so by some milliseconds too little."""
    for attempt in attempts[:1]:
        if not isinstance(attempt, HandedOver) and attempt.answered_at is not None:
            gw.clocks[partner] = attempt.answered_at - gw.now()


async def _note_failed_route(gw: Gateway, partner: str, route: Route, attempts: Sequence[Attempt]) -> None:
    """Note a route that fails, though the next one takes what it did not."""
    why = [(attempt.reason, attempt.code) for attempt in attempts if isinstance(attempt, TryLater | Refused)]
    if len(why) == len(attempts):
        [(reason, code), *_] = why
        await gw.store.write(
            lambda tx: partner_health.note_route_failure(tx, gw.now(), partner, route.kind, reason, code=code)
        )


def _join_attempts(before: Carried, after: Carried) -> Attempt:
    """Return how a second route ended; where neither took it, with what each said. It may be tried again if one may."""
    (first, first_attempt), (second, second_attempt) = before, after
    if (
        first == "none"
        or not isinstance(first_attempt, TryLater | Refused)
        or not isinstance(second_attempt, TryLater | Refused)
    ):
        return second_attempt
    reason = f"{labels.name_route(first)}: {first_attempt.reason}; {labels.name_route(second)}: {second_attempt.reason}"
    waits = [attempt for attempt in (second_attempt, first_attempt) if isinstance(attempt, TryLater)]
    if not waits:
        return replace(second_attempt, reason=reason)
    code = next((attempt.code for attempt in waits if attempt.code), None)
    return TryLater(reason, next((attempt.after for attempt in waits if attempt.after), None), code=code)


def list_sealed_routes(gw: Gateway, partner: str) -> list[Route]:
    """List the routes of their card that we serve and that keep a message sealed. Weaker ones are never a fallback."""
    routes = list_ways(gw.trust.current_card(partner, gw.now()))
    return [r for r in routes if r.kind in gw.carriers and r.protection == "sealed"]


def _settle_and_claim(
    gw: Gateway, partner: str, endings: Sequence[TryEnding], stop: asyncio.Event, tx: Tx
) -> list[ClaimedDelivery]:
    if endings:
        write_endings(tx, gw, partner, endings)
    if stop.is_set():
        return []
    return outbox.claim_deliveries(tx, gw.now(), partner, BATCH, Claimer(gw.process, gw.claim_time()))


def write_endings(tx: Tx, gw: Gateway, partner: str, endings: Sequence[TryEnding]) -> None:
    """Write what became of each try, its receipt, the checkpoint with it, and its entry, in the
    caller's transaction.
    """
    now = gw.now()
    outbox.settle_deliveries(tx, now, [ending.settled for ending in endings])
    reseal.sign_anew(tx, gw, [ending.sign_anew for ending in endings if ending.sign_anew])
    waits = [e.settled.due_at for e in endings if e.partner_down and e.settled.due_at is not None]
    if waits:
        outbox.postpone_deliveries(tx, partner, min(waits))
    inbox.add_receipts(tx, now, [ending.receipt for ending in endings if ending.receipt])
    audit_log.append_entries(tx, now, [ending.entry for ending in endings if ending.entry])
    witness_checkpoints(tx, gw, partner, [ending.brought for ending in endings if ending.brought])
    tried = [
        (
            tried_ending.settled.route,
            tried_ending.settled.ending,
            tried_ending.settled.reason,
            tried_ending.settled.code,
        )
        for tried_ending in endings
    ]
    partner_health.note_route_endings(tx, now, partner, tried, gw.clocks.get(partner))
