"""Finding notices by what a person types: a name, a date of birth, a number, a reference, or several of these together.

Our copies are locked, so they are found by marks (`keys/blind.py`) of their terms (`core/search_terms.py`), written in
the transaction that queues or keeps a message. Where nothing has exactly what was typed, or on demand, what is nearly
so is found (`core/near_search.py`): far more marks are asked for, and a machine opens the newest of what has them, and
leaves out what is not near.

A person sees who each notice is about, and why it was found. So the list is an entry of the audit log that mentions
each notice, as the inbox is; and that somebody searched is another: how many were found, and by which kinds of detail,
never by which words.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import partial

from gateway import copies
from gateway.context import Gateway
from gateway.copies import Copy, Machine, View
from gateway.core import labels
from gateway.core.message_name import DIRECTIONS, Direction, MessageName
from gateway.core.message_summary import MessageSummary
from gateway.core.near_search import LEFT_OUT, HitReasons, explain_hit, explain_reference, list_near_terms
from gateway.core.search_terms import Term
from gateway.core.typed_search import NoticeQuery, parse_query
from gateway.errors import StoreUnavailable, Unusable
from gateway.logs import log_failure
from gateway.store import audit_log, blind_index, inbox, outbox
from gateway.store.audit_log import AuditEntry
from gateway.store.blind_index import IndexHit
from gateway.store.database import Tx
from keys import blind
from schemas.message import OPENS_A_CASE, RESTRICTIONS, Child, Message
from schemas.shapes import MessageId

# Notices that a machine opens for one search, the newest of those that may be near.
MOST_OPENED = 300
# How many parts there are, of which one may be left out where nothing is near all of them.
PARTS_TO_SPARE = range(3, 6)


@dataclass(frozen=True, slots=True)
class FoundNotice(MessageSummary):
    """A notice that was found: whom it is about, and why it was found."""

    # None: it is phone-only, no notice about a child, or it cannot be opened.
    child: Child | None = field(repr=False, kw_only=True)
    # Codes of `near_search`.
    reasons: tuple[str, ...] = field(kw_only=True)

    @property
    def child_name(self) -> str:
        """Return how the child is called; empty where no name may be said, or it is no notice."""
        if self.child is None:
            return ""
        return f"{self.child.surname}, {self.child.forename}" if self.child.forename else self.child.surname

    @property
    def subject(self) -> str:
        """Return whom it is about; empty where it names no child."""
        return "This child" if self.restriction == RESTRICTIONS[-1] else self.child_name

    @property
    def why(self) -> str:
        """Return why it was found, in words."""
        return labels.join_find_reasons(self.reasons)


@dataclass(frozen=True, slots=True)
class FoundNotices:
    """The notices that were found: the newest, or the nearest."""

    hits: tuple[FoundNotice, ...]
    # There are more, before this.
    more: int | None
    # False: old messages are still being put into the index.
    complete: bool
    # None has exactly what was typed, or names that are nearly alike were asked for.
    similar: bool = False
    # Of what is only similar, there was more than was looked at, or than is shown.
    cut: bool = False
    # Something that is only similar can be asked for too.
    may_be_near: bool = False


@dataclass(frozen=True, slots=True)
class _NearHits:
    """Notices that are near, the nearest first."""

    hits: Sequence[tuple[MessageSummary, HitReasons]]
    cut: bool


def find_notices(
    gw: Gateway, typed: str, by: str, *, alike: bool = False, limit: int = 50, cursor: int | None = None
) -> FoundNotices:
    """Find the newest messages of which all that was typed holds; where there are none, those nearest to it.

    `alike`: also those that are nearly so, at once. Raises Unusable where what was typed is not understood.
    """
    query = parse_query(typed, gw.now().date())
    complete = not gw.store.look(lambda tx: blind_index.count_waiting(tx, 1))
    if not alike or not query.may_be_near:
        summaries, more = gw.store.look(lambda tx: _find_exactly(tx, gw, query, limit, cursor))
        if summaries or cursor is not None or not query.may_be_near:
            hits = _view_hits(gw, query, [(summary, None) for summary in summaries], by, near=False)
            return FoundNotices(hits, more, complete, may_be_near=query.may_be_near)
    near = _find_near(gw, query)
    hits = _view_hits(gw, query, near.hits[:limit], by, near=True)
    return FoundNotices(hits, None, complete, similar=True, cut=near.cut or len(near.hits) > limit)


def find_sent_notice(gw: Gateway, surname: str, dob: date, is_about: Callable[[Child], bool]) -> MessageSummary | None:
    """Find the newest notice of ours about a child of this surname and date of birth, for a machine.

    `is_about`: tells the child from another of these. What is phone-only names nobody, so it is not found.
    """
    try:
        query = parse_query(f"{surname} {dob:%d/%m/%Y}", gw.now().date())
    except Unusable:
        return None

    def take_sent(tx: Tx) -> list[tuple[MessageSummary, Copy]]:
        summaries, _ = _find_exactly(tx, gw, query, MOST_OPENED, None)
        return list(_take_candidates(tx, gw, [each for each in summaries if each.direction == "sent"]).values())

    for summary, copy in gw.store.look(take_sent):
        message = _open_copy(gw, copy)
        if message and any(is_about(child) for child in message.list_all(Child)):
            return summary
    return None


def _find_exactly(
    tx: Tx, gw: Gateway, query: NoticeQuery, limit: int, cursor: int | None
) -> tuple[list[MessageSummary], int | None]:
    """Find the newest, and before which number there are more."""
    wanted = [blind.compute_marks(part.terms, gw.ring) for part in query.parts]
    lying = blind_index.find_marked(tx, wanted, limit=limit + 1, cursor=cursor)
    more = lying[limit - 1].number if len(lying) > limit else None
    return _read_summaries(tx, gw, query, lying[:limit]), more


def _find_near(gw: Gateway, query: NoticeQuery) -> _NearHits:
    """Find what is near all that was typed; or else, where it was much, what is near all but one part of it."""
    near = _find_near_all(gw, query)
    if near.hits or len(query.parts) not in PARTS_TO_SPARE:
        return near
    some = [(part, _find_near_all(gw, query.leave_out(part))) for part in query.parts]
    best: dict[MessageName, tuple[MessageSummary, HitReasons]] = {}
    for part, others in some:
        for summary, reasons in others.hits:
            left_out = HitReasons((*reasons.codes, f"{part.kind}-left-out"), reasons.distance + LEFT_OUT)
            known = best.get(summary.name)
            if known is None or left_out.distance < known[1].distance:
                best[summary.name] = (summary, left_out)
    return _NearHits(_sort_by_nearness(best.values()), any(others.cut for _, others in some))


def _find_near_all(gw: Gateway, query: NoticeQuery) -> _NearHits:
    """Find what is near each part: first what has close terms, then what has those that may be far."""
    close, wide = [], []
    for part in query.parts:
        its_close, its_far = list_near_terms(part, alone=len(query.parts) == 1)
        close.append(its_close)
        wide.append(its_close | its_far)
    taken: dict[MessageName, tuple[MessageSummary, Copy]] = {}
    cut = False
    for terms in (close, wide):
        summaries, more = gw.store.look(partial(_find_candidates, gw=gw, query=query, terms=terms))
        cut |= more
        new = [summary for summary in summaries if summary.name not in taken]
        taken |= gw.store.look(partial(_take_candidates, gw=gw, some=new))
    judged = [
        (summary, reasons)
        for summary, copy in taken.values()
        if (message := _open_copy(gw, copy)) and (reasons := explain_hit(query, message, near=True))
    ]
    return _NearHits(_sort_by_nearness(judged), cut)


def _find_candidates(
    tx: Tx, gw: Gateway, query: NoticeQuery, terms: Sequence[Collection[Term]]
) -> tuple[list[MessageSummary], bool]:
    """Find the newest that may be near, and whether there are more."""
    wanted = [blind.compute_marks(part, gw.ring) for part in terms]
    lying = blind_index.find_marked(tx, wanted, limit=MOST_OPENED + 1)
    return _read_summaries(tx, gw, query, lying[:MOST_OPENED]), len(lying) > MOST_OPENED


def _take_candidates(
    tx: Tx, gw: Gateway, some: Sequence[MessageSummary]
) -> dict[MessageName, tuple[MessageSummary, Copy]]:
    nameable = {summary.name: summary for summary in some if _is_nameable(summary)}
    taken = copies.take_copies(tx, gw, list(nameable), Machine.FIND)
    return {name: (summary, taken[name]) for name, summary in nameable.items() if name in taken and taken[name].is_held}


def _sort_by_nearness(
    some: Collection[tuple[MessageSummary, HitReasons]],
) -> list[tuple[MessageSummary, HitReasons]]:
    """Sort them, the nearest first; of those equally near, the newest; of one moment, as they stand."""
    newest = sorted(some, key=lambda hit: hit[0].at, reverse=True)
    return sorted(newest, key=lambda hit: hit[1].distance)


def _read_summaries(tx: Tx, gw: Gateway, query: NoticeQuery, lying: Sequence[IndexHit]) -> list[MessageSummary]:
    """Return how these stand, without those that may not be shown yet, and those of which only the id's end agrees."""
    ids: dict[Direction, list[MessageId]] = {
        direction: [message.message_id for message in lying if message.direction == direction]
        for direction in DIRECTIONS
    }
    known = {
        ("sent", message.recipient, message.message_id): message.summary
        for message in outbox.list_deliveries_by_id(tx, ids["sent"])
    }
    known |= {
        ("came", message.sender, message.message_id): message.summary
        for message in inbox.list_messages_by_id(tx, gw.now(), ids["came"])
    }
    hits = [known.get((message.direction, message.partner, message.message_id)) for message in lying]
    return [hit for hit in hits if hit and query.ids <= {hit.message_id, hit.case}]


def _is_nameable(summary: MessageSummary) -> bool:
    """Tell whether it says how a child is called: of a child that is phone-only, none does."""
    return summary.kind in OPENS_A_CASE and summary.restriction != RESTRICTIONS[-1]


def _view_hits(
    gw: Gateway,
    query: NoticeQuery,
    some: Sequence[tuple[MessageSummary, HitReasons | None]],
    by: str,
    *,
    near: bool,
) -> tuple[FoundNotice, ...]:
    """Open what was found for a person: with one entry for the search, and one for the list of names."""
    detail: dict[str, str | int] = {"by": " ".join(query.kinds), "found": len(some)}
    search = AuditEntry("notice.searched", by, detail=detail | ({"similar": len(some)} if near else {}))
    taken = gw.store.run(partial(_take_for_view, gw=gw, some=[summary for summary, _ in some], search=search))
    return tuple(_build_found(gw, query, hit, taken) for hit in some)


def _take_for_view(tx: Tx, gw: Gateway, some: Sequence[MessageSummary], search: AuditEntry) -> dict[MessageName, Copy]:
    def describe_view(named: Collection[MessageName]) -> View:
        mentions = tuple(dict.fromkeys(summary.message_id for summary in some if summary.name in named))
        return View(AuditEntry("list.read", search.actor, detail={"names": len(mentions)}, mentions=mentions))

    audit_log.append_entries(tx, gw.now(), [search])
    return copies.take_held(tx, gw, [summary.name for summary in some if _is_nameable(summary)], describe_view)


def _build_found(
    gw: Gateway,
    query: NoticeQuery,
    hit: tuple[MessageSummary, HitReasons | None],
    taken: Mapping[MessageName, Copy],
) -> FoundNotice:
    summary, known = hit
    message = _open_copy(gw, taken[summary.name]) if summary.name in taken else None
    reasons = known or (message and explain_hit(query, message, near=False))
    reasons = reasons or explain_reference(query, summary.message_id, summary.case)
    child = next(iter(message.list_all(Child)), None) if message else None
    values = {it.name: getattr(summary, it.name) for it in fields(MessageSummary)}
    return FoundNotice(**values, child=child, reasons=reasons.codes)


def _open_copy(gw: Gateway, copy: Copy) -> Message | None:
    """Open a copy; None where it is damaged, so that it holds up no other."""
    try:
        return copies.open_copy(gw, copy)
    except StoreUnavailable:
        raise
    except Exception as why:  # noqa: BLE001 - whatever it was, the others are innocent
        log_failure("reading a notice that was found", why)
        return None
