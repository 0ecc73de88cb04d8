"""The connection to a partner is tested, both ways: a sealed and signed test goes there, and its answer comes back.

Their gateway answers a test with what it holds of ours, and before that makes a test of its own, by each route of our
card; one that was asked for asks for no other. Each is an entry of the audit log, and nothing else: no case, no
message. A partner is tested once a minute at most, and answers once a minute at most. Routes by which things are left
for the partner are not tested to its end: that the server lets us in is all that can be known at once.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from adapters.https import TEST_TYPE
from adapters.route import Asker, ConnectionTester, NotReached, PartnerAnswer, ServerChecker
from adapters.statuses import PROBLEM, is_of_exchange
from gateway.context import SYSTEM, Gateway
from gateway.core import labels
from gateway.core.connection_causes import (
    BACK,
    BACK_MET,
    CARD,
    CLOCK,
    KEYS,
    NO_WAY_BACK,
    ONE_WAY,
    SERIALS,
    SERVER_ONLY,
    find_main_cause,
    get_cause,
    judge_problem,
    order_results,
)
from gateway.core.entry_filter import EntryFilter
from gateway.core.health_rules import SKEW
from gateway.errors import Busy, NotFound
from gateway.exchange.card_rounds import fetch_card
from gateway.store import audit_log
from gateway.store.audit_log import AuditEntry, LoggedEntry
from gateway.store.database import Tx
from keys.card import Route, list_ways
from keys.connection_test import ConnectionTest, open_test, seal_test
from keys.errors import Refusal

TESTED, ANSWERED = "partner.tested", "partner.test-answered"
EVERY = timedelta(minutes=1)
# Seconds for each kind of route: of a test that was asked for, and of one that waits for that.
BACK_SECONDS, WAIT_SECONDS = 20, 45
MOST_ANSWER = 65_536
OK = "ok"


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """How a test went: by route, and for keys, clock, card and the way back, a code or "ok"."""

    authority: str
    at: datetime
    results: Mapping[str, str]

    def list_rows(self) -> list[tuple[str, str]]:
        """Return each thing that was looked at, as people call it, with what was found."""
        rows = [(labels.name_connection_part(name), name, code) for name, code in order_results(self.results).items()]
        return [(label, _describe_result(name, code)) for label, name, code in rows]

    def describe(self) -> str:
        """Return in a sentence or two how it went."""
        if self.cause == OK:
            told = next((code for code in ("older-version", NO_WAY_BACK) if code in self.results.values()), SERVER_ONLY)
            return labels.BOTH_WAYS_WORK if self.results.get(BACK) == OK else get_cause(told).sentence
        met = self.results.get(BACK_MET)
        says = get_cause(self.cause).name_as(self.cause)
        return f"{says} Their gateway met: {get_cause(met).name_as(met)}" if met and self.cause == ONE_WAY else says

    @property
    def cause(self) -> str:
        """Return the code of what stands in the way; "ok" where nothing does."""
        return find_main_cause(self.results)


def _describe_result(name: str, code: str) -> str:
    if code == OK:
        return labels.CONNECTION_WORKS
    if name == SERIALS:
        return labels.describe_held_cards(code)
    sentence = get_cause(code).name_as(code)
    return f'"{sentence}"' if name == BACK_MET else sentence


async def run_connection_test(gw: Gateway, authority: str, *, by: str) -> ConnectionReport:
    """Test the connection to a partner now, and have it test the way back.

    Raises NotFound where it is no partner of ours; Busy where it was tested within the last minute.
    """
    if not gw.trust.knows(authority):
        raise NotFound("partner.not-found", authority=labels.name_authority_in_full(authority))
    if await gw.store.read(lambda tx: _list_since(tx, authority, TESTED, gw.now() - EVERY)):
        raise Busy("partner.tested-lately", authority=labels.name_authority_in_full(authority))
    results = await _test_routes(gw, authority, answers="")
    return await _note_test(gw, authority, by, results)


async def answer_connection_test(gw: Gateway, caller: str, sealed: bytes) -> bytes:
    """Answer a partner's test, after one of our own by each route of its card where it asks for that.

    Raises a Refusal where it cannot be opened, or is another's; Busy where this partner's last came within a minute.
    """
    test = open_test(sealed, ring=gw.ring, trust=gw.trust, now=gw.now())
    if test.sender != caller:
        raise NotFound("partner.not-found", authority=labels.name_authority_in_full(test.sender))
    came_as = "answer" if test.answers else "test"
    await gw.store.write(partial(_note_answered, gw=gw, caller=caller, came_as=came_as))
    back: Mapping[str, str] = {}
    if test.asks_back and not test.answers:
        back = await _test_routes(gw, caller, answers=test.test_id)
        await _note_test(gw, caller, SYSTEM, back)
    answer = _build_test(gw, caller, answers=test.test_id, back=back)
    return seal_test(answer, ring=gw.ring, trust=gw.trust, now=gw.now())


def find_last_test(tx: Tx, authority: str) -> ConnectionReport | None:
    """Return how the last test of a partner went; None where there was none."""
    # An authority has few entries about itself, and thousands as the partner of messages.
    entries = audit_log.list_filtered_entries(tx, EntryFilter(about=authority, act=TESTED), 1)
    return _read_report(entries[0], authority) if entries else None


def get_last_test(gw: Gateway, authority: str) -> ConnectionReport | None:
    """Return the same, for a page."""
    return gw.store.look(lambda tx: find_last_test(tx, authority))


def _read_report(entry: LoggedEntry, authority: str) -> ConnectionReport:
    detail = json.loads(entry.entry)["detail"]
    return ConnectionReport(authority, entry.at, {name: str(code) for name, code in detail.items()})


def _list_since(tx: Tx, authority: str, act: str, since: datetime) -> list[LoggedEntry]:
    return audit_log.list_filtered_entries(tx, EntryFilter(about=authority, act=act, since=since), 10)


def _note_answered(tx: Tx, gw: Gateway, caller: str, came_as: str) -> None:
    """Note that a partner's test came, once a minute for each kind, in all processes. Raises Busy."""
    audit_log.lock_log(tx)
    now = gw.now()
    for entry in _list_since(tx, caller, ANSWERED, now - EVERY):
        if json.loads(entry.entry)["detail"].get("kind") == came_as:
            raise Busy("partner.tested-lately", authority=labels.name_authority_in_full(caller))
    audit_log.append_entries(
        tx, now, [AuditEntry("partner.test-answered", SYSTEM, caller, caller, detail={"kind": came_as})]
    )


async def _note_test(gw: Gateway, authority: str, by: str, results: Mapping[str, str]) -> ConnectionReport:
    now = gw.now()
    entry = AuditEntry("partner.tested", by, authority, authority, detail=dict(results))
    await gw.store.write(lambda tx: audit_log.append_entries(tx, now, [entry]))
    return ConnectionReport(authority, now, results)


def _build_test(gw: Gateway, to: str, *, answers: str, back: Mapping[str, str] | None = None) -> ConnectionTest:
    serials = gw.own_card.serial, gw.trust.get_card(to).serial
    return ConnectionTest(str(uuid4()), gw.code, to, *serials, answers, not answers, back or {})


async def _test_routes(gw: Gateway, authority: str, *, answers: str) -> dict[str, str]:
    """Test each kind of route of a partner's card by itself, for a bounded time.

    `answers`: the id of the test by which this one is asked for.
    """
    by_kind: dict[str, list[Route]] = {}
    for route in list_ways(gw.trust.get_card(authority)):
        if isinstance(gw.carriers.get(route.kind), ConnectionTester | ServerChecker):
            by_kind.setdefault(route.kind, []).append(route)
    tested = await asyncio.gather(*(_test_kind(gw, authority, routes, answers) for routes in by_kind.values()))
    results = {kind: code for kind, (code, _) in zip(by_kind, tested, strict=True)}
    further = next((learned for _, learned in tested if learned), {})
    return {**results, **further} if results else {"routes": "no-route"}


async def _test_kind(gw: Gateway, authority: str, routes: Sequence[Route], answers: str) -> tuple[str, dict[str, str]]:
    """Test routes of one kind until one works, as deliveries use them."""
    code, further = "no-answer", dict[str, str]()
    try:
        async with asyncio.timeout(BACK_SECONDS if answers else WAIT_SECONDS):
            for route in routes:
                code, further = await _test_route(gw, authority, route, answers)
                if code == OK:
                    break
    except TimeoutError:
        code = "no-answer"
    return code, further


async def _test_route(gw: Gateway, authority: str, route: Route, answers: str) -> tuple[str, dict[str, str]]:
    """Test one route: how it is, and what the answer tells of the rest, where it brings one at once."""
    carrier: object = gw.carriers[route.kind]
    address = gw.build_address(authority, route)
    try:
        if isinstance(carrier, ConnectionTester):
            test = _build_test(gw, authority, answers=answers)
            sealed = seal_test(test, ring=gw.ring, trust=gw.trust, now=gw.now())
            answer = await carrier.post_test(address, sealed, MOST_ANSWER)
            return await _judge_answer(gw, authority, route, test, answer)
        assert isinstance(carrier, ServerChecker)  # noqa: S101 - whoever calls has looked
        await carrier.check_server(address)
    except Refusal as why:
        return _judge_refusal(why), {}
    except NotReached as why:
        return why.short or ("unreachable" if isinstance(carrier, ConnectionTester) else "not-let-in"), {}
    return OK, {}


async def _judge_answer(
    gw: Gateway, authority: str, route: Route, test: ConnectionTest, answer: PartnerAnswer
) -> tuple[str, dict[str, str]]:
    clock = _judge_clock(gw, answer)
    if answer.status == 200 and answer.headers.get("Content-Type", "").partition(";")[0].strip() == TEST_TYPE:
        return OK, clock | _read_answer(gw, authority, test, answer)
    if not is_of_exchange(answer):
        return "web-page", {}
    code = judge_problem(answer.status, _read_problem(answer))
    if code == "older-version":
        return await _ask_older(gw, authority, route)
    if code == "wrong-key" and await _is_card_old(gw, authority):
        code = "old-card-here"
    return code, clock


def _judge_refusal(why: Refusal) -> str:
    """Return the code where nothing can be encrypted to them: by the card that is held here."""
    return "suspended-here" if why.code == "card.suspended" else "old-card-here"


async def _ask_older(gw: Gateway, authority: str, route: Route) -> tuple[str, dict[str, str]]:
    """Ask a gateway without a connection test something that it tells to partners only: whether it accepts us."""
    carrier = gw.carriers[route.kind]
    assert isinstance(carrier, Asker)  # noqa: S101 - as every carrier of this route
    try:
        answer = await carrier.ask(gw.build_address(authority, route), "/log/seen", MOST_ANSWER)
    except NotReached as why:
        return why.short or "unreachable", {}
    if answer.status == 200:
        return OK, {KEYS: "older-version"} | _judge_clock(gw, answer)
    if not is_of_exchange(answer):
        return "web-page", {}
    return judge_problem(answer.status, _read_problem(answer)), _judge_clock(gw, answer)


def _judge_clock(gw: Gateway, answer: PartnerAnswer) -> dict[str, str]:
    if answer.answered_at is None:
        return {}
    return {CLOCK: "clock" if abs(answer.answered_at - gw.now()) > SKEW else OK}


def _read_problem(answer: PartnerAnswer) -> str:
    return str(json.loads(answer.body)["type"]).removeprefix(PROBLEM)


def _read_answer(gw: Gateway, authority: str, test: ConnectionTest, answer: PartnerAnswer) -> dict[str, str]:
    """Return what the answer tells: whether what they seal to us opens, which cards are held, how the way back is."""
    try:
        theirs = open_test(answer.body, ring=gw.ring, trust=gw.trust, now=gw.now())
        if (theirs.sender, theirs.answers) != (authority, test.test_id):
            return {KEYS: "refused"}
    except Refusal as why:
        return {KEYS: "clock" if why.code == "envelope.from-the-future" else "wrong-key-here"}
    ours, held = gw.own_card.serial, gw.trust.get_card(authority).serial
    results = {KEYS: OK, CARD: OK, SERIALS: f"{theirs.holds}-{ours}-{held}-{theirs.card}"}
    if theirs.holds < ours:
        results[CARD] = "old-card-there"
    elif theirs.card > held:
        results[CARD] = "old-card-here"
    return results | _judge_back(theirs.back)


def _judge_back(back: Mapping[str, str]) -> dict[str, str]:
    """Return how the way back is, as their gateway found it, and what it met there."""
    if "no-route" in back.values():
        return {BACK: NO_WAY_BACK}
    met = find_main_cause(back)
    return {} if not back else {BACK: OK} if met == OK else {BACK: ONE_WAY, BACK_MET: met}


async def _is_card_old(gw: Gateway, authority: str) -> bool:
    """Tell whether their gateway gives a newer card than the one held here; it is taken, if it may be."""
    before = gw.trust.get_card(authority).serial
    try:
        return (await fetch_card(gw, authority)).held > before
    except NotReached:
        return False
