"""The loop in, for routes where things are left and fetched: messages at our own addresses, receipts at our partners'.

What lies there is taken away only when it is durable here. A gateway that dies in between fetches it again, to no
effect.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from adapters.route import (
    Bundle,
    Collector,
    EmailReply,
    Left,
    NotDone,
    NotReached,
    Receipted,
    Returned,
    RouteAddress,
    Strange,
)
from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.errors import StoreUnavailable
from gateway.exchange.card_rounds import ask_soon, list_card_receipts_awaited, note_card_receipts
from gateway.exchange.deliver import write_endings
from gateway.exchange.delivery_result import settle_try
from gateway.exchange.hear_mail import receive_mail
from gateway.exchange.receive import receive_parcels
from gateway.logs import log_failure, log_strange_things
from gateway.store import audit_log, left_behind, outbox, partner_health
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from keys import receipt
from keys.card import Card, Route, list_ways
from keys.errors import Refusal

# Seconds.
LOOK_EVERY = 2.0
STRANGE = "not recognised by the gateway"
STANDING = "processed, but cannot be removed"
UNFORESEEN = "not processed, because of a fault in the gateway: report it, with the line in the log"
# Of one bundle; ours hold a hundred.
MOST_LINES = 1000


async def collect_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Fetch until told to stop. A server that is away is looked for again; it holds up no other."""
    under_way: dict[tuple[str, str], asyncio.Task[None]] = {}
    away: set[str] = set()

    async def visit_places() -> None:
        await _queue_overdue(gw)
        places = await gw.store.read(lambda tx: list(_list_places(gw, _list_awaited(tx, gw))))
        await _forget_left(gw, {(kind, address.authority) for kind, address in places})
        for kind, address in places:
            where = address.authority, address.url
            if where not in under_way or under_way[where].done():
                under_way[where] = asyncio.create_task(_visit_address(gw, kind, address, away))

    await run_every(gw, stop, "collecting", visit_places, seconds=LOOK_EVERY)
    for task in under_way.values():
        # A visit may wait half a minute for something to come; what it broke off lies there still.
        task.cancel()
    await asyncio.gather(*under_way.values(), return_exceptions=True)


def _list_awaited(tx: Tx, gw: Gateway) -> list[str]:
    """List the partners who owe us a receipt, for a message or for our card."""
    return sorted({*outbox.list_partners_awaited(tx), *list_card_receipts_awaited(tx, gw)})


async def _forget_left(gw: Gateway, visited: set[tuple[str, str]]) -> None:
    """Forget what was left where nobody looks any more; a process before this one may have noted some."""
    if gw.left_at != visited:
        await gw.store.write(lambda tx: left_behind.delete_left_elsewhere(tx, visited))
        gw.left = {where: counts for where, counts in gw.left.items() if where in visited}
        gw.left_at = visited


async def collect_from(gw: Gateway, kind: str, address: RouteAddress) -> int:
    """Fetch what lies at one address now; return how many things of ours. Raises NotReached, StoreUnavailable."""
    carrier = gw.carriers[kind]
    assert isinstance(carrier, Collector)  # noqa: S101 - `_places` gives no other
    things = await carrier.collect(address)
    left = Counter({collected.why: collected.count for collected in things if isinstance(collected, Left)})
    strange = sum(collected.count for collected in things if isinstance(collected, Strange))
    handled = 0
    for collected in things:
        if isinstance(collected, Strange | Left):
            continue
        try:
            await _handle_collected(gw, kind, address, carrier, collected)
            handled += 1
        except NotDone as why:
            left[f"{STANDING}: {why}"] += 1
        except (NotReached, StoreUnavailable):
            # It stands in the way of them all.
            raise
        except Exception as why:  # noqa: BLE001 - or it would hold up whatever lies behind it
            log_failure(f"collecting by {kind}", why)
            await carrier.put_off(address, collected, UNFORESEEN)
            left[UNFORESEEN] += 1
    await _log_strange_things(gw, kind, address, strange)
    await _note_left_behind(gw, kind, address, left + Counter({STRANGE: strange}))
    return handled


async def _handle_collected(
    gw: Gateway, kind: str, address: RouteAddress, carrier: Collector, collected: Bundle | EmailReply | Returned
) -> None:
    match collected:
        # Our own came back, and no server said why: its receipt is asked for in any case.
        case Bundle(sender=gw.code):
            await carrier.finish(address, collected)
        case Bundle(holds="messages"):
            receipts = await receive_parcels(gw, collected.lines[:MOST_LINES], collected.sender)
            await carrier.finish(address, collected, receipts, _find_return_address(gw, kind, collected.sender))
        case Bundle():
            await _settle_by_receipts(gw, kind, collected)
            await carrier.finish(address, collected)
        case EmailReply() | Returned():
            await gw.store.write(partial(receive_mail, gw=gw, kind=kind, mail=collected))
            await carrier.finish(address, collected)


async def _note_left_behind(gw: Gateway, kind: str, address: RouteAddress, left: Counter[str]) -> None:
    """Keep how many things lie there that are not handled, by reason, for Health; written where it changed."""
    where = kind, address.authority
    counts = {why: count for why, count in left.items() if count > 0}
    if gw.left.get(where) != counts:
        await gw.store.write(
            lambda tx: left_behind.replace_left_behind(
                tx, gw.now(), route=kind, authority=address.authority, counts=counts
            )
        )
        gw.left[where] = counts


def _find_return_address(gw: Gateway, kind: str, sender: str) -> RouteAddress | None:
    with suppress(Refusal):
        for route in gw.trust.get_card(sender).routes:
            if route.kind == kind:
                return gw.build_address(sender, route)
    return None


async def _log_strange_things(gw: Gateway, kind: str, address: RouteAddress, count: int) -> None:
    """Log once that something there is nothing of ours; again when the number changes, each minute at most."""
    where = kind, address.authority
    if gw.strange.get(where, 0) != count and gw.bursts.add(("strange", *where), kind, "", gw.now()):
        log_strange_things(kind, count)
        entry = AuditEntry("route.strange", SYSTEM, None, address.authority, detail={"route": kind, "count": count})
        await gw.store.write(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))
        gw.strange[where] = count


async def _visit_address(gw: Gateway, kind: str, address: RouteAddress, away: set[str]) -> None:
    """Fetch until nothing lies there.

    A server that is away is said once, when it went; of our own route Health tells it.
    """
    trouble = None
    try:
        while await collect_from(gw, kind, address):
            continue
    except Exception as why:  # noqa: BLE001 - it lies there still, and is fetched at the next visit
        if not isinstance(why, NotReached) or address.url not in away:
            log_failure(f"collecting by {kind}", why)
        if isinstance(why, NotReached):
            away.add(address.url)
            trouble = str(why)
    else:
        away.discard(address.url)
    if address.authority == gw.code and gw.own_routes.get(kind, "") != trouble:
        # At the next visit, then.
        with suppress(StoreUnavailable):
            await gw.store.write(partial(_note_own_route, gw=gw, kind=kind, trouble=trouble))
            gw.own_routes[kind] = trouble


def _note_own_route(tx: Tx, gw: Gateway, kind: str, trouble: str | None) -> None:
    if trouble is None:
        partner_health.note_route_success(tx, gw.now(), gw.code, kind)
    else:
        partner_health.note_route_failure(tx, gw.now(), gw.code, kind, trouble)


def _list_places(gw: Gateway, sent_to: list[str]) -> Iterator[tuple[str, RouteAddress]]:
    """Yield where something may lie for us: at our own routes, and at those of partners who owe us a receipt."""
    for route in _list_collected_routes(gw, gw.own_card):
        yield route.kind, gw.build_address(gw.code, route)
    for partner in sent_to:
        with suppress(Refusal):
            for route in _list_collected_routes(gw, gw.trust.get_card(partner)):
                yield route.kind, gw.build_address(partner, route)


def _list_collected_routes(gw: Gateway, whose: Card) -> list[Route]:
    return [route for route in list_ways(whose) if isinstance(gw.carriers.get(route.kind), Collector)]


async def _settle_by_receipts(gw: Gateway, kind: str, bundle: Bundle) -> None:
    """Settle what we sent by the receipts that a partner left; one that is for nothing of ours changes nothing."""
    partner = bundle.sender
    tokens: dict[str, str] = {}
    for line in bundle.lines:
        with suppress(Refusal):
            token = line.decode("ascii", "replace")
            tokens[receipt.claimed_digest(token)] = token
    await note_card_receipts(gw, partner, tokens)
    awaited = await gw.store.read(lambda tx: outbox.list_awaiting_receipt(tx, partner, list(tokens)))
    endings = [
        settle_try(gw, claimed, Receipted(tokens[claimed.digest]), route=kind, jitter=random.random())  # noqa: S311 - spreads load only
        for claimed in awaited
    ]
    if endings:
        await gw.store.write(lambda tx: write_endings(tx, gw, partner, endings))
    if any(ending.names_key for ending in endings):
        await ask_soon(gw, partner)


async def _queue_overdue(gw: Gateway) -> None:
    """Deliver again what was handed over an hour ago, and for which no receipt came."""
    if await gw.store.read(lambda tx: outbox.has_overdue(tx, gw.now())):
        await gw.store.write(lambda tx: outbox.queue_overdue(tx, gw.now()))
        gw.due.set()
