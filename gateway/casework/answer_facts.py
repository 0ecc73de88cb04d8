"""What decides the answer to a notice that came, and it does not say itself: is the new address in our area, do we know
the child already, and was the officer called who wrote it?

A machine looks, before the case is shown, and only while the notice waits for an answer. Children of ours who may be
the one are named to whoever may answer it; how many is in the entry of the audit log that says that they viewed the
case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway import copies
from gateway.authorities import postcodes
from gateway.context import Gateway
from gateway.copies import Machine
from gateway.core import labels, open_actions, safeguards
from gateway.core.answer_summary import FoundFacts, build_full_name
from gateway.core.match_state import MatchState
from gateway.core.matching import ChildMatch
from gateway.core.message_name import MessageName
from gateway.searches import match_incoming
from gateway.searches.children_index import OurChild
from gateway.searches.match_incoming import MatchVerdict
from gateway.store import inbox
from gateway.store.children import IndexLoad
from gateway.store.database import Tx
from schemas.message import OPENS_A_CASE, Message, TransferNotice
from schemas.reading import format_day
from schemas.shapes import CaseId

# Children of ours who are named, each with the first reason: the line is read in seconds.
MOST_CHILDREN = 2
# Of the reasons of `matching`.
SIBLING, AGAINST = "named-sibling", "-other"


class AreaState(StrEnum):
    """Whether an address is in our area."""

    OURS = "ours"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"
    NO_POSTCODE = "no-postcode"
    NO_INDEX = "no-index"


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What was found out about one notice of a case."""

    # None: no notice of it waits for an answer, or whoever asks may not answer it.
    name: MessageName | None
    facts: FoundFacts
    # Children of ours who are named in it.
    shown: int = 0


NO_FACTS = CaseFacts(None, FoundFacts())


def find_case_facts(gw: Gateway, case_id: CaseId) -> CaseFacts:
    """Find out what decides the answer to the newest notice of a case that waits for one."""
    return gw.store.look(lambda tx: _find_facts(tx, gw, case_id))


def _find_facts(tx: Tx, gw: Gateway, case_id: CaseId) -> CaseFacts:
    waiting = [
        item
        for item in inbox.search_inbox(tx, gw.now(), inbox.InboxQuery(case_id=case_id), limit=None)
        if item.kind in OPENS_A_CASE and open_actions.list_received_actions(item.kind, item.state)
    ]
    if not waiting:
        return NO_FACTS
    item = max(waiting, key=lambda message: message.received_at)
    copy = copies.take_received(tx, gw, item.sender, item.message_id, Machine.MATCH)
    if item.restriction == "phone-only" or not copy.is_held:
        return CaseFacts(item.name, FoundFacts())
    message = safeguards.read_strictly(copies.open_copy(gw, copy), gw.now().date())
    counts, verdict = match_incoming.ask_index_about(tx, gw, message)
    facts = FoundFacts(_describe_area(tx, gw, message), _describe_ours(counts, verdict))
    return CaseFacts(item.name, facts, min(len(verdict.near), MOST_CHILDREN))


def _describe_area(tx: Tx, gw: Gateway, message: Message) -> str:
    """Describe where the new address is; nothing where the notice has no place for one, or it may not be said."""
    if not isinstance(message.body, TransferNotice) or message.restriction != "none":
        return ""
    area, authority = judge_area(tx, gw.code, message)
    return labels.describe_area(area, authority or "")


def judge_area(tx: Tx, own: str, message: Message) -> tuple[AreaState, str | None]:
    """Judge in whose area the new address of a notice is, by its postcode."""
    place = message.body.destination_address if isinstance(message.body, TransferNotice) else None
    if place is None or not place.post_code:
        return AreaState.NO_POSTCODE, None
    authority = postcodes.find_area(tx, place.post_code)
    if authority is None:
        return (AreaState.UNKNOWN if postcodes.has_index(tx) else AreaState.NO_INDEX), None
    return (AreaState.OURS if authority == own else AreaState.ELSEWHERE), authority


def _describe_ours(counts: IndexLoad | None, verdict: MatchVerdict) -> str:
    if counts is None:
        return labels.describe_ours(AreaState.NO_INDEX)
    if verdict.state is not MatchState.MATCHED:
        return labels.describe_ours(verdict.state, on=format_day(counts.at))
    only_family = all(SIBLING in match.reasons for match, _ in verdict.near)
    return labels.describe_ours("sibling" if only_family else verdict.state, _describe_near(verdict.near))


def _describe_near(near: Sequence[tuple[ChildMatch, OurChild]]) -> str:
    named = [_describe_child(match, ours) for match, ours in near[:MOST_CHILDREN]]
    return labels.count_more("; ".join(named), len(near) - len(named))


def _describe_child(match: ChildMatch, ours: OurChild) -> str:
    name = build_full_name(ours.fields.get("forename"), ours.fields.get("surname", ""))
    child = labels.describe_child(name, format_day(ours.described.dob))
    # What speaks for it, before what speaks against it.
    reasons = sorted((reason for reason in match.reasons if reason != SIBLING), key=lambda code: code.endswith(AGAINST))
    return labels.describe_possible_child(child, reasons[0])
