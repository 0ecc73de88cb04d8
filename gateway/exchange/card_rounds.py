"""The job that keeps cards new: each partner is asked for its newest, and shown ours where it holds an older.

A partner is asked every six hours or so, and at once when a message, a receipt or a caller of it names a key that its
card does not have. It is asked without a word of who asks, at whatever certificate its server shows, since the card
proves itself (`newer_cards`); so both are mended when keys and certificates of both sides were changed. Whoever has no
HTTPS route cannot be asked: it leaves its newest card where we fetch what it sends.
"""

import asyncio
import json
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256

from adapters.route import (
    ANY_CERTIFICATE,
    Asker,
    CardPoster,
    Collector,
    HandedOver,
    NotReached,
    Parcel,
    PartnerAnswer,
    RouteAddress,
    tell_nobody,
)
from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.core import labels
from gateway.errors import NotFound
from gateway.exchange.newer_cards import ASKED, CardVerdict, take_newer_card
from gateway.logs import log_failure
from gateway.store import audit_log, outbox, partner_cards
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.partner_cards import CardExchange
from keys import card, receipt
from keys.card import MAX_CARD_BYTES, Card, list_ways
from keys.errors import Refusal

# Seconds between two looks at who is due.
LOOK_EVERY = 2.0
ASK_EVERY = timedelta(hours=6)
# After one that gave none.
ASK_AGAIN = timedelta(minutes=30)
# A card that was left, and of which nobody has said that it came.
LEAVE_AGAIN = timedelta(days=7)
# And where a key of ours is not known there.
LEAVE_AT_LEAST = timedelta(hours=1)
# How long its receipt is looked for.
RECEIPT_DAYS = timedelta(days=1)
# Of that time, more or less, so that 152 partners do not come together.
JITTER = 0.25
# However often a partner's messages name a key that we do not know.
LEAST_PAUSE = timedelta(seconds=10)
# Partners that are visited at once, and seconds in which one must have given its card.
AT_ONCE = 8
ASK_SECONDS = 30
MOST_ANSWER = 4_096
# By which a partner's word on our own card may be ahead of ours, as after a backup was restored here.
MOST_AHEAD = 1_000
TROUBLE_LENGTH = 200


async def exchange_cards_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Ask and show until told to stop. A partner that is away holds up no other."""
    under_way: dict[str, asyncio.Task[None]] = {}
    places = asyncio.Semaphore(AT_ONCE)

    async def visit(authority: str, before: CardExchange) -> None:
        async with places:
            await _visit_partner(gw, authority, before)

    async def visit_due() -> None:
        known = await gw.store.read(partner_cards.list_card_exchanges)
        for authority in gw.trust.list_authorities():
            before = known.get(authority, CardExchange(authority))
            running = under_way.get(authority)
            if _is_due(gw, before) and (running is None or running.done()):
                under_way[authority] = asyncio.create_task(visit(authority, before))

    await run_every(gw, stop, "exchanging cards", visit_due, seconds=LOOK_EVERY)
    for task in under_way.values():
        task.cancel()
    await asyncio.gather(*under_way.values(), return_exceptions=True)


def _is_due(gw: Gateway, before: CardExchange) -> bool:
    """Tell whether to visit a partner now: its time has come, or our own card is newer than the one it was shown."""
    if before.due_at is None or before.due_at <= gw.now():
        return True
    return before.offered is not None and before.offered < gw.own_card.serial


async def _visit_partner(gw: Gateway, authority: str, before: CardExchange) -> None:
    try:
        # It is noted with the partner.
        with suppress(NotReached):
            await fetch_card(gw, authority)
        if gw.own_card_text and before.held != gw.own_card.serial:
            await _offer_card(gw, authority, before)
        following = gw.next_card
        # Else its gateway does not know it, and every try there counts as somebody who shows strange cards.
        if following and card.is_announced(following, gw.own_card) and not holds_next_identity(gw, before):
            await _offer_next_card(gw, authority, following)
    except Exception as why:  # noqa: BLE001 - nobody would notice that no card comes any more
        log_failure(f"exchanging cards with {authority}", why)


async def fetch_card(gw: Gateway, authority: str) -> CardVerdict:
    """Ask a partner for its newest card now, and take it where it is newer.

    Raises NotFound where it is no partner of ours; NotReached where it gave none, which is noted.
    """
    if not gw.trust.knows(authority):
        raise NotFound("partner.not-found", authority=labels.name_authority_in_full(authority))
    note = partial(partner_cards.note_card_exchange, authority=authority)
    try:
        async with asyncio.timeout(ASK_SECONDS):
            token = await _ask_card(gw, authority)
    except (NotReached, TimeoutError) as why:
        trouble = str(why)[:TROUBLE_LENGTH] or "the partner's gateway did not answer in time"
        now = gw.now()
        due_at = now + _spread(ASK_AGAIN)
        await gw.store.write(lambda tx: note(tx, asked_at=now, trouble=trouble, due_at=due_at))
        raise NotReached(trouble) from None
    now = gw.now()
    due_at = now + _spread(ASK_EVERY)
    await gw.store.write(lambda tx: note(tx, asked_at=now, answered_at=now, trouble=None, due_at=due_at))
    return await take_newer_card(gw, token, authority, ASKED)


def _spread(pause: timedelta) -> timedelta:
    return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load only


async def _ask_card(gw: Gateway, authority: str) -> str:
    """Return what a partner gives as its card. Raises NotReached."""
    held = gw.trust.get_card(authority)
    why = NotReached("its card has no HTTPS route by which it could be asked")
    for address in _list_https_addresses(gw, held):
        carrier = gw.carriers["https"]
        assert isinstance(carrier, Asker)  # noqa: S101 - `_list_https_addresses` gives none else
        try:
            answer = await carrier.ask(
                replace(address, pin=ANY_CERTIFICATE, other_pin=None),
                f"/card?identity={compute_identity_digest(held)}",
                MAX_CARD_BYTES,
            )
        except NotReached as not_reached:
            why = not_reached
            continue
        if answer.status == 200:
            return answer.body.decode("ascii", "replace")
        why = NotReached(f"the partner's gateway answered {answer.status}")
    raise why


def compute_identity_digest(whose: Card) -> str:
    """Return the digest by which somebody shows that they hold an earlier card of this identity."""
    return sha256(whose.identity).hexdigest()


def _list_https_addresses(gw: Gateway, theirs: Card) -> list[RouteAddress]:
    """List where a partner's gateway is asked, with nothing that says who asks."""
    if not isinstance(gw.carriers.get("https"), Asker):
        return []
    routes = (route for route in list_ways(theirs) if route.kind == "https")
    return [replace(gw.build_address(theirs.authority, route), bearer=tell_nobody) for route in routes]


def holds_next_identity(gw: Gateway, its: CardExchange) -> bool:
    """Tell whether a partner has confirmed the identity key that is to follow ours of now."""
    return gw.next_card is not None and its.held_identity == gw.next_card.identity.hex()


def _choose_card(gw: Gateway, its: CardExchange) -> str:
    """Return our newest card under the identity key that this partner has confirmed."""
    return gw.next_card_text if holds_next_identity(gw, its) else gw.own_card_text


async def _show_card(gw: Gateway, authority: str, text: str) -> list[PartnerAnswer]:
    """Show a card of ours at each HTTPS address of a partner; return what was answered."""
    answers = []
    for address in _list_https_addresses(gw, gw.trust.get_card(authority)):
        carrier: object = gw.carriers["https"]
        if isinstance(carrier, CardPoster):
            with suppress(NotReached):
                answers.append(await carrier.post_card(address, text, MOST_ANSWER))
    return answers


async def _offer_next_card(gw: Gateway, authority: str, following: Card) -> None:
    """Show a partner our card under the next identity key: it waits there until people compare the fingerprint.

    Where they have, it is taken like any newer card, and we know.
    """
    answers = await _show_card(gw, authority, gw.next_card_text)
    if any(_read_held(it, following.serial) == following.serial and not _is_refused(it) for it in answers):
        await gw.store.write(partial(note_identity_held, gw=gw, authority=authority, by=SYSTEM))
    else:
        # People may compare it at any time.
        due_at = gw.now() + _spread(ASK_AGAIN)
        await gw.store.write(lambda tx: partner_cards.set_card_due(tx, authority, due_at))


def note_identity_held(tx: Tx, gw: Gateway, authority: str, *, by: str, told_by: str = "") -> None:
    """Note that a partner has confirmed our next identity key: its gateway took the card, or a person there said so."""
    following = gw.next_card
    if following is None:
        # The change was ended just now.
        return
    partner_cards.note_card_exchange(tx, authority, held_identity=following.identity.hex(), held=following.serial)
    detail: dict[str, str | int] = {"now": card.compute_fingerprint(following)}
    if told_by:
        detail["told_by"] = told_by
    entry = AuditEntry("partner.holds-new-identity", by, authority, authority, detail=detail)
    audit_log.append_entries(tx, gw.now(), [entry])


async def _offer_card(gw: Gateway, authority: str, before: CardExchange) -> None:
    """Show a partner our newest card, and note which it holds then. It is shown again at the next visit.

    Where its gateway cannot be asked, the card is left where the partner fetches its messages, and a receipt says
    later that it has come; but not at the first visit, for a person has just given it to them.
    """
    serial, now, text = gw.own_card.serial, gw.now(), _choose_card(gw, before)
    values: dict[str, object] = {"offered": serial}
    for answer in await _show_card(gw, authority, text):
        values |= {"held": _read_held(answer, serial), "offered_at": now}
    is_left = before.offered == serial and before.offered_at and now - before.offered_at < LEAVE_AGAIN
    if values.get("held") is None and not is_left and before.offered is not None:
        values["offered_at"] = now if await _leave_card(gw, authority, text) else None

    def write(tx: Tx) -> None:
        was = partner_cards.get_card_exchange(tx, authority).held
        partner_cards.note_card_exchange(tx, authority, **values)
        if values.get("held") == serial != was:
            outbox.make_partner_due(tx, now, authority)

    await gw.store.write(write)
    gw.due.set()


async def _leave_card(gw: Gateway, authority: str, text: str) -> bool:
    """Leave this card of ours where a partner fetches its messages, by the first route that takes it; tell whether one
    did.
    """
    theirs = gw.trust.get_card(authority)
    for route in list_ways(theirs):
        carrier = gw.carriers.get(route.kind)
        if carrier is not None and isinstance(carrier, Collector) and route.protection == "sealed":
            parcel = Parcel(f"card-{gw.own_card.serial}", text.encode("ascii"))
            [attempt] = await carrier.deliver(gw.build_address(authority, route), [parcel])
            if isinstance(attempt, HandedOver):
                return True
    return False


async def note_card_receipts(gw: Gateway, authority: str, tokens: Mapping[str, str]) -> None:
    """Note that a partner has our card, where one of these receipts, by digest, says so. One that says otherwise does
    not.
    """
    its = await gw.store.read(lambda tx: partner_cards.get_card_exchange(tx, authority))
    digest = sha256(_choose_card(gw, its).encode("ascii")).hexdigest()
    if digest not in tokens:
        return
    with suppress(Refusal):
        theirs = receipt.verify(
            tokens[digest], issuer=authority, audience=gw.code, sha256=digest, trust=gw.trust, now=gw.now()
        )
        if theirs.result == "accepted":
            serial = gw.own_card.serial
            await gw.store.write(lambda tx: partner_cards.note_card_exchange(tx, authority, held=serial))


def list_card_receipts_awaited(tx: Tx, gw: Gateway) -> list[str]:
    """List to whom our card was left since yesterday, who has not said that it came."""
    serial, since = gw.own_card.serial, gw.now() - RECEIPT_DAYS
    exchanges = partner_cards.list_card_exchanges(tx).values()
    left = [it for it in exchanges if it.offered == serial and it.offered_at and it.offered_at > since]
    return [it.authority for it in left if it.held != serial and gw.trust.knows(it.authority)]


def _read_held(answer: PartnerAnswer, ours: int) -> int | None:
    """Return the serial of the card of ours that a partner says it holds; None where it says none to be believed."""
    try:
        held = json.loads(answer.body)["held"] if answer.status == 200 else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return held if type(held) is int and 0 <= held <= ours + MOST_AHEAD else None


def _is_refused(answer: PartnerAnswer) -> bool:
    """Tell whether a partner did not take a card that it was shown; it answered with JSON (`_read_held`)."""
    return bool(json.loads(answer.body).get("refused"))


async def ask_soon(gw: Gateway, authority: str) -> None:
    """Have a partner asked for its card, and shown ours, as soon as may be: it or we named a key that is not known.

    Raises StoreUnavailable.
    """
    now = gw.now()
    if authority in gw.cards_wanted and abs(now - gw.cards_wanted[authority]) < LEAST_PAUSE:
        return
    gw.cards_wanted[authority] = now

    def write(tx: Tx) -> None:
        before = partner_cards.get_card_exchange(tx, authority)
        last = before.asked_at
        is_old = before.offered_at is not None and now - before.offered_at > LEAVE_AT_LEAST
        values: dict[str, object] = {"offered_at": None} if is_old else {}
        partner_cards.note_card_exchange(tx, authority, held=None, **values)
        partner_cards.set_card_due(tx, authority, max(now, last + LEAST_PAUSE) if last and last <= now else now)

    await gw.store.write(write)
