"""Statistics of a period: what was sent and received, and of transfer notices DfE's reasons and durations, and the outcomes.

What only the notices themselves say is read by opening our copies by machine, for counting. That is one entry of the audit
log; nothing about a child is in the report. A copy whose data key was destroyed counts as no longer held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain

from sqlalchemy import Connection

from gateway import copies
from gateway.context import Authority
from gateway.copies import Copy, Key, Machine
from gateway.core import figures, labels
from gateway.core.calendar import LONDON, Span
from gateway.core.delivery import State
from gateway.core.periods import moments
from gateway.paper.page import Page
from gateway.reports import counts
from gateway.reports.counts import Counts, counted
from gateway.reports.wording import named, said, whose
from gateway.store import audit_log, report_queries
from gateway.store.audit_log import AuditEntry
from gateway.store.report_queries import ReportedNotice
from schemas import codes
from schemas.message import OPENS_A_CASE, Message, Outcome, TransferNotice, WhereaboutsUnknownNotice

TRANSFER, UNKNOWN, OUTCOME = (cls.__name__ for cls in (TransferNotice, WhereaboutsUnknownNotice, Outcome))
PARTNERS = len(OPENS_A_CASE)  # the row of totals in the first table, which the authorities add up to
GONE = {"gone": "Deleted"}
YEARS = {year: year for year in ("N", "E", "R", *map(str, range(1, 15)), "X")}
NOT_SAID = {"not-said": "Not recorded"}
ENDED = {"rejected": "Rejected", "ended": "No outcome", "none-yet": "None yet"}

ENDINGS: Mapping[str, str] = {State.REJECTED: "rejected", State.CONCLUDED: "ended"}


@dataclass(frozen=True, slots=True)
class Found:
    """What was read: the notices; and the copies of transfer and unknown notices, and of the outcomes by their notice."""

    notices: Sequence[ReportedNotice]
    copies: Mapping[str, Copy]
    outcomes: Mapping[str, Copy]


def make(here: Authority, days: Span, by: str, *, whole: bool = False) -> Page:
    """The report. `whole`: small numbers are shown, for the team."""
    found = here.store.run(lambda tx: _read(tx, here, days, by))
    bodies = {name: message.body for name, message in copies.open_held(here, found.copies)}
    results = {name: _result(message) for name, message in copies.open_held(here, found.outcomes)}
    until = min(days.last, here.now().astimezone(LONDON).date())
    first = _by_kind(found)
    others = [_by_partner(found), *_of_transfers(found, bodies, until), _unknown(found, bodies, until)]
    others.insert(4, _outcomes(found, results))
    return Page(
        title="Statistics",
        authority=whose(here),
        about=said(days),
        notes=(
            counts.FOR_THE_TEAM if whole else counts.HIDDEN,
            "Counts notices sent or received in this period. Tests, withdrawn notices and notices replaced by a correction are "
            "not counted.",
        ),
        tables=tuple(counts.tables(first, others, whole=whole)),
    )


def _read(tx: Connection, here: Authority, days: Span, by: str) -> Found:
    since, until = moments(days)
    notices = report_queries.list_period_notices(tx, since, until)
    theirs = {
        f"sent {one.answers}": copies.take_received(tx, here, one.partner, one.message_id, Machine.COUNT)
        for one in report_queries.list_their_replies(tx, since, until)
        if one.kind == OUTCOME
    }
    ours = {
        f"received {one.answers}": copies.take_sent(tx, here, one.message_id, Machine.COUNT)
        for one in report_queries.list_our_replies(tx, since, until)
        if one.kind == OUTCOME
    }
    taken = {
        _name(one): copies.take_copy(tx, here, _key(one), Machine.COUNT)
        for one in notices
        if one.kind in (TRANSFER, UNKNOWN)
    }
    outcomes = theirs | ours
    count = sum(copy.is_held for copy in chain(taken.values(), outcomes.values()))
    detail: dict[str, str | int] = {"from": days.first.isoformat(), "to": days.last.isoformat(), "opened": count}
    audit_log.append_entries(tx, here.now(), [AuditEntry("report.statistics", by, detail=detail)])
    return Found(notices, taken, outcomes)


def _key(one: ReportedNotice) -> Key:
    return ("" if one.direction == "sent" else one.partner), one.message_id


def _name(one: ReportedNotice) -> str:
    """Another authority might use an id of ours."""
    return f"{one.direction} {one.message_id}"


def _result(message: Message) -> str:
    return message.body.result if isinstance(message.body, Outcome) else "gone"


def _by_kind(found: Found) -> Counts:
    kinds: dict[str, str] = {kind: labels.name_kind(kind) for kind in OPENS_A_CASE}
    pairs = [(one.kind, one.direction) for one in found.notices]
    return counted("Notices by type", "Type", kinds, pairs, key="Kind")


def _by_partner(found: Found) -> Counts:
    codes_found = sorted({one.partner for one in found.notices})
    names = {code: named(code) for code in codes_found}
    pairs = [(one.partner, one.direction) for one in found.notices]
    return counted("Notices by authority", "Authority", names, pairs, part_of=PARTNERS)


def _of_transfers(found: Found, bodies: Mapping[str, object], until: date) -> list[Counts]:
    """Reasons, durations, year groups, risk groups."""
    row, transfers = OPENS_A_CASE.index(TRANSFER), [one for one in found.notices if one.kind == TRANSFER]
    each = [(one, bodies.get(_name(one))) for one in transfers]
    read = [(one, body) for one, body in each if isinstance(body, TransferNotice)]
    gone = [("gone", one.direction) for one, body in each if body is None]
    reasons = [(body.cme_reason, one.direction) for one, body in read]
    bands = [(figures.duration(_out_since(body), _ended(one, until)), one.direction) for one, body in read]
    years = [(_year(body), one.direction) for one, body in read]
    risks = [(group, one.direction) for one, body in read if body.needs for group in set(body.needs.risk_group)]
    return [
        counted(
            "Transfer notices by DfE reason",
            "Reason",
            codes.labels("cme_reasons") | GONE,
            reasons + gone,
            part_of=row,
        ),
        counted(
            "Transfer notices by time out of education",
            "Time",
            codes.labels("durations") | GONE,
            bands + gone,
            part_of=row,
            note="From the date last attended, or the date of leaving, at the newest school in the notice, to the outcome or the end "
            "of the period. Not known: the notice does not give that date.",
        ),
        counted("Transfer notices by year group", "Year", YEARS | NOT_SAID | GONE, years + gone, part_of=row),
        counted(
            "Transfer notices by risk group",
            "Group",
            codes.labels("risk_groups"),
            risks,
            note="A child may be in more than one group, or in none, so there is no total.",
        ),
    ]


def _unknown(found: Found, bodies: Mapping[str, object], until: date) -> Counts:
    notices = [(one, bodies.get(_name(one))) for one in found.notices if one.kind == UNKNOWN]
    bands = [
        (figures.duration(body.unknown_since, _ended(one, until)), one.direction)
        for one, body in notices
        if isinstance(body, WhereaboutsUnknownNotice)
    ]
    gone = [("gone", one.direction) for one, body in notices if body is None]
    return counted(
        "Whereabouts unknown, by time",
        "Time",
        codes.labels("durations") | GONE,
        bands + gone,
        part_of=OPENS_A_CASE.index(UNKNOWN),
        note="From the date the whereabouts became unknown, to the end of the search or of the period.",
    )


def _outcomes(found: Found, results: Mapping[str, str]) -> Counts:
    return counted(
        "Transfer notices by outcome",
        "Outcome",
        codes.labels("outcomes") | ENDED | GONE,
        [(_outcome(found, results, one), one.direction) for one in found.notices if one.kind == TRANSFER],
        part_of=OPENS_A_CASE.index(TRANSFER),
        note="As known today, even if received after the period.",
    )


def _outcome(found: Found, results: Mapping[str, str], one: ReportedNotice) -> str:
    if result := results.get(_name(one)):
        return result
    if _name(one) in found.outcomes:
        return "gone"
    return ENDINGS.get(one.state, "none-yet")


def _out_since(body: TransferNotice) -> date | None:
    """The day last attended, or else of leaving, at the newest school."""
    return max((day for one in body.school if (day := one.last_attended or one.leaving_date)), default=None)


def _ended(one: ReportedNotice, until: date) -> date:
    if one.state != State.CONCLUDED:
        return until
    return min(one.state_at.astimezone(LONDON).date(), until)


def _year(body: TransferNotice) -> str:
    return (body.child and body.child.nc_year_actual) or "not-said"
