"""Searches that came are matched against our own children; an officer sees possible matches only.

That a search is to be matched is noted in the transaction that keeps it (`receive`). Then, for each that waits for us,
once against each load of the index, for a child may come tomorrow who is not here today:

    matched  there are possible matches: an officer looks at them and answers (`respond`)
    none     nothing is even near: it is answered by the machine where [search] no_trace says so, else with the others
    by an officer person   no machine may say anything: an officer looks in the case system

A restricted child is never matched by machine. A search for one is `person` without a look at the index. A child of
ours whose data are restricted is compared as any other, and then never shown: where such a child is near, the search is
`person`. So is every search to which another child of ours is near, but not near enough to be shown (some five in a
hundred), and every one that could not be opened. Which of these it was is written nowhere, and the time it takes is the
same, so nothing tells that we have that child.

The machine answers only an enquiry that is new, not restricted and no test, by an index that is fresh, and never
"found".
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from gateway import copies
from gateway.background import run_every
from gateway.context import SYSTEM, Gateway
from gateway.copies import Machine
from gateway.core import blocking, labels, matching
from gateway.core.child import ComparedChild
from gateway.core.copy_names import name_match
from gateway.core.inbox_state import InboxState
from gateway.core.match_state import FOR_PEOPLE, MatchState
from gateway.core.matching import ChildMatch
from gateway.core.message_name import MessageName
from gateway.core.rarity import NameCounts
from gateway.errors import GatewayError, NotAllowed
from gateway.exchange import respond
from gateway.exchange.respond import Name
from gateway.logs import log_failure
from gateway.one.watched_folder import LATE
from gateway.searches import children_index
from gateway.searches.children_index import OurChild
from gateway.store import audit_log, inbox, searches
from gateway.store import children as stored_children
from gateway.store.audit_log import AuditEntry
from gateway.store.children import IndexLoad
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem
from gateway.store.searches import PossibleMatch, ReceivedSearch
from keys import at_rest
from keys.at_rest import Locked
from keys.errors import Destroyed
from schemas.message import (
    SEARCHES,
    Child,
    Message,
    TransferNotice,
    WhereaboutsEnquiry,
    WhereaboutsResponse,
    WhereaboutsUnknownNotice,
)

# Seconds.
LOOK_EVERY = 1.0
# That are asked for at once.
TOGETHER = 50
# Possible matches of one search: with more, it says too little about the child.
MOST = 10
# Another surname is what is not found most often, and only who searches can name it.
NO_TRACE_BY_MACHINE = WhereaboutsResponse(result="no-trace", answered_by="machine", note=labels.ask_for_other_names())


@dataclass(frozen=True, slots=True)
class MatchCandidate:
    """A possible match, opened for an officer."""

    # In a hundred.
    strength: int
    reasons: tuple[str, ...]
    # As the extract says.
    said: dict[str, str]


@dataclass(frozen=True, slots=True)
class MatchVerdict:
    """What our index says to a search."""

    state: MatchState
    near: tuple[tuple[ChildMatch, OurChild], ...] = ()


@dataclass(frozen=True, slots=True)
class MatchWorklist:
    """The searches at which an officer must look, the oldest first."""

    searches: Sequence[ReceivedSearch]
    # Of the possible matches of each, the strongest first.
    strengths: Mapping[MessageName, Sequence[int]]
    # Of all searches, by the state of each.
    counts: Mapping[str, int]
    # The index that counts; None before the first.
    index: IndexLoad | None


async def match_forever(gw: Gateway, stop: asyncio.Event) -> None:
    """Match what came, until told to stop."""
    work = partial(match_due_searches, gw)
    await run_every(gw, stop, "matching searches", work, seconds=LOOK_EVERY, late_after=LATE, breaks_off=True)


async def match_due_searches(gw: Gateway) -> int:
    """Match every search that was not matched against the index that counts; return how many."""
    counts = await gw.store.read(stored_children.find_current_load)
    done = 0
    while counts and (
        some := await gw.store.read(partial(searches.list_searches_due, load=counts.load, limit=TOGETHER))
    ):
        for search in some:
            if not await _match_search(gw, counts, search):
                # Another load counts now: the next look asks that one.
                return done
            done += 1
    return done


async def _match_search(gw: Gateway, counts: IndexLoad, search: ReceivedSearch) -> bool:
    """Match one against the index; return False where another index counts by now."""
    try:
        verdict = await gw.store.read(partial(_ask_index, gw=gw, counts=counts, search=search))
    except Destroyed:
        verdict = MatchVerdict(MatchState.PERSON)
    except GatewayError:
        # The database stands in the way: it waits.
        raise
    except Exception as why:  # noqa: BLE001 - or it would hold up every other
        log_failure("matching a search", why)
        verdict = MatchVerdict(MatchState.PERSON)
    if not await gw.store.write(partial(_store_verdict, gw=gw, counts=counts, search=search, verdict=verdict)):
        return False
    if (
        verdict.state is MatchState.NONE
        and gw.config.search.no_trace == "machine"
        and children_index.is_index_fresh(gw, counts)
    ):
        await asyncio.to_thread(_answer_by_machine, gw, search)
    return True


def _ask_index(tx: Tx, gw: Gateway, counts: IndexLoad, search: ReceivedSearch) -> MatchVerdict:
    item = inbox.get_message(tx, search.name)
    if item.restriction != "none":
        return MatchVerdict(MatchState.PERSON)
    message = copies.open_copy(gw, copies.take_received(tx, gw, search.sender, search.message_id, Machine.MATCH))
    return _judge_message(tx, gw, counts, message)


def ask_index_about(tx: Tx, gw: Gateway, message: Message) -> tuple[IndexLoad | None, MatchVerdict]:
    """Ask the index about the child of a notice that came, for the person who is about to answer it.

    The rules are those for a search: of a restricted child no machine says anything, nor does a restricted child of
    ours show. Whoever shows what is near logs that, in the entry of the view. NEW where there is no index.
    """
    counts = stored_children.find_current_load(tx)
    if counts is None:
        return None, MatchVerdict(MatchState.NEW)
    if message.restriction != "none":
        return counts, MatchVerdict(MatchState.PERSON)
    return counts, _judge_message(tx, gw, counts, message)


def _judge_message(tx: Tx, gw: Gateway, counts: IndexLoad, message: Message) -> MatchVerdict:
    child, family = _compared_children(message)
    asked = blocking.search_keys(child)
    for described in family:
        asked |= blocking.search_keys(described)
    ours = children_index.list_near_children(tx, gw, counts.load, asked)
    compared = [our_child.described for our_child in ours]
    name_counts = children_index.read_name_counts(tx, gw, counts, [child, *family], compared)
    return judge_nearness(child, family, ours, name_counts)


def _compared_children(message: Message) -> tuple[ComparedChild, list[ComparedChild]]:
    """Return the child for whom they search, and the brothers and sisters whom they name."""
    body = message.body
    assert isinstance(body, TransferNotice | WhereaboutsEnquiry | WhereaboutsUnknownNotice)  # noqa: S101 - no other
    assert body.child  # noqa: S101 - it is not restricted
    # A child who moved to us may be here by the new address.
    place = body.destination_address if isinstance(body, TransferNotice) else body.previous_address
    postcode = place.post_code if place else None
    child = children_index.build_their_child(body.child, postcode)
    siblings = [Child(upn=s.upn, surname=s.surname, forename=s.forename, dob=s.dob, sex="U") for s in body.sibling]
    family = [children_index.build_their_child(sibling_child, postcode) for sibling_child in siblings]
    return child, family


def judge_nearness(
    child: ComparedChild, family: Sequence[ComparedChild], ours: Sequence[OurChild], counts: NameCounts
) -> MatchVerdict:
    """Judge what these children of ours are to the child for whom they search. No I/O."""
    pairs = [(_find_nearest(child, family, our_child.described, counts), our_child) for our_child in ours]
    open_ones = sorted((pair for pair in pairs if not pair[1].restricted), key=lambda pair: -pair[0].strength)
    least = matching.get_least_strength(match for match, _ in open_ones)
    if shown := [(match, our_child) for match, our_child in open_ones if matching.is_shown(match, least)]:
        return MatchVerdict(MatchState.MATCHED, tuple(shown[:MOST]))
    # Restricted or not.
    near = any(match.strength >= matching.CAUTIOUS for match, _ in pairs)
    return MatchVerdict(MatchState.PERSON if near else MatchState.NONE)


def _find_nearest(
    child: ComparedChild, family: Sequence[ComparedChild], ours: ComparedChild, counts: NameCounts
) -> ChildMatch:
    pair_key = blocking.pair_count_key(ours)
    match = matching.match_child(child, ours, counts, pair_key)
    for other in family:
        as_other = matching.match_child(other, ours, counts, pair_key)
        if as_other.strength >= matching.FAMILY and match.strength < matching.MATCH:
            match = ChildMatch(as_other.strength, ("named-sibling", *as_other.reasons))
    return match


def _store_verdict(tx: Tx, gw: Gateway, counts: IndexLoad, search: ReceivedSearch, verdict: MatchVerdict) -> bool:
    now_counts = stored_children.find_current_load(tx)
    if now_counts is None or now_counts.load != counts.load:
        return False
    possible = [_lock_match(gw, search, rank, *near_match) for rank, near_match in enumerate(verdict.near, 1)]
    stands = searches.set_matches(tx, gw.now(), search, counts.load, verdict.state, possible)
    if stands and verdict.state is not search.state:
        detail: dict[str, str | int] = {"found": verdict.state.value, "matches": len(possible)}
        audit_log.append_entries(
            tx, gw.now(), [AuditEntry("search.matched", SYSTEM, search.message_id, search.sender, detail=detail)]
        )
    return True


def _lock_match(
    gw: Gateway, search: ReceivedSearch, rank: int, match: ChildMatch, our_child: OurChild
) -> PossibleMatch:
    locked = at_rest.lock(
        json.dumps(dict(our_child.fields)).encode(),
        about=name_match(search.sender, search.message_id, rank),
        ring=gw.ring,
    )
    assert locked.data_key is not None  # noqa: S101 - `lock` always makes one
    # Sure is nobody but an officer.
    strength = min(99, round(match.strength * 100))
    return PossibleMatch(rank, strength, match.reasons, locked.data_key, locked.content)


def _answer_by_machine(gw: Gateway, search: ReceivedSearch) -> None:
    item = gw.store.look(partial(inbox.get_message, name=search.name))
    if item.kind != "WhereaboutsEnquiry" or item.state is not InboxState.NEW or item.test or item.restriction != "none":
        return
    try:
        respond.answer_search(gw, search.name, NO_TRACE_BY_MACHINE, SYSTEM)
    except NotAllowed:
        # Its sender took it back, or an officer answered it, just now.
        return
    gw.store.run(partial(searches.set_machine_answered, search=search))


def get_match_worklist(gw: Gateway, limit: int) -> MatchWorklist:
    """Return what there is to look at. No child is described."""

    def read(tx: Tx) -> MatchWorklist:
        waiting = searches.list_searches(tx, FOR_PEOPLE, limit)
        strengths = searches.list_match_strengths(tx, waiting)
        counts = {state.value: searches.count_searches(tx, state)[0] for state in MatchState}
        return MatchWorklist(waiting, strengths, counts, stored_children.find_current_load(tx))

    return gw.store.look(read)


def list_search_cases(gw: Gateway, listed: Sequence[ReceivedSearch]) -> dict[MessageName, str]:
    """Return the case of each of these searches, by the name of the search."""
    return gw.store.look(lambda tx: {search.name: inbox.get_message(tx, search.name).case_id for search in listed})


def count_unmatched_searches(gw: Gateway) -> int:
    """Count the searches that wait for an answer, and to which nothing of ours is near."""
    return len(gw.store.look(inbox.list_unmatched_searches))


def read_matches(
    gw: Gateway, name: Name, by: str
) -> tuple[InboxItem, Message, ReceivedSearch | None, list[MatchCandidate]]:
    """Open a search and its possible matches for a person, which is logged. Raises NotFound, Ambiguous."""
    item, message = respond.read_incoming(gw, name, by)

    def list_and_log(tx: Tx) -> tuple[ReceivedSearch | None, list[PossibleMatch]]:
        search = searches.find_search(tx, item.sender, item.message_id)
        matches = searches.list_matches(tx, item.sender, item.message_id)
        audit_log.append_entries(
            tx,
            gw.now(),
            [AuditEntry("match.read", by, item.message_id, item.sender, detail={"matches": len(matches)})],
        )
        return search, matches

    search, matches = gw.store.run(list_and_log)
    return item, message, search, [_open_candidate(gw, search, possible) for possible in matches if search]


def _open_candidate(gw: Gateway, search: ReceivedSearch, possible: PossibleMatch) -> MatchCandidate:
    locked = Locked(possible.data_key, possible.content)
    values = json.loads(
        at_rest.unlock(locked, about=name_match(search.sender, search.message_id, possible.rank), ring=gw.ring)
    )
    return MatchCandidate(possible.strength, possible.reasons, values)


def answer_unmatched(gw: Gateway, by: str) -> dict[str, int]:
    """Answer "no trace", an officer's word, to every search to which nothing of ours is near.

    How many of each, by kind. One that was taken back or answered meanwhile is passed by. Raises ConfigProblem.
    """
    officer = gw.build_officer(by)
    no_trace = WhereaboutsResponse(
        result="no-trace", answered_by="officer", ring=officer, note=labels.ask_for_other_names()
    )
    done: dict[str, int] = dict.fromkeys(SEARCHES, 0)
    for item in gw.store.look(inbox.list_unmatched_searches):
        with suppress(NotAllowed):
            respond.answer_search(gw, item.name, no_trace, by)
            done[item.kind] += 1
    return done
