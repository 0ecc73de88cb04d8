"""What is owed, as a page: how long acknowledgements have been waited for, and every duty, the oldest first."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from gateway.context import Authority
from gateway.core import labels
from gateway.core.ageing import ages
from gateway.core.calendar import LONDON
from gateway.core.duties import Missing, Step
from gateway.paper.bars import Bar, Bars
from gateway.paper.page import Column, Page, Table
from gateway.reconciliation.reconcile import Owed
from gateway.reports.wording import moment, named, whose

STEPS = {Step.WAIT: "not overdue", Step.RING: "call them", Step.ESCALATE: "service manager to call"}
COLUMNS = (
    *("Reference", "Due from", "Type of notice", "What is due", "Since", "Working days", "Overdue from", "Next step"),
    *("Last attempt", "Done so far", "Contact"),
)
TITLE = "Outstanding replies and decisions"
NUMBERS = ("Working days",)
MOMENTS = 16_384  # are kept as they are written: the same duties are listed day after day


def page(here: Authority, found: Sequence[Owed]) -> Page:
    """Both, for print."""
    late = sum(one.step is not Step.WAIT for one in found)
    return Page(
        title=TITLE,
        authority=whose(here),
        about=f"Correct at {moment(here.now())}",
        notes=(
            f"{len(found)} outstanding, {late} overdue. Times are UK times. Bank holidays in England do not count as working days.",
            "What is overdue has a mark at the left edge, and says so in the column Next step.",
        ),
        tables=(ageing(found), duties(found)),
    )


def listing(here: Authority, found: Sequence[Owed]) -> Page:
    """The duties alone, for a spreadsheet."""
    return Page(TITLE, whose(here), "", (), (duties(found),))


def ageing(found: Iterable[Owed]) -> Table:
    """Notices that nobody has acknowledged, by how long they have waited: a picture, and the same figures."""
    waited = [(one.working_days, one.step is not Step.WAIT) for one in found if one.missing is Missing.ACKNOWLEDGEMENT]
    bands = ages(waited)
    late = sum(is_late for _, is_late in waited)
    picture = Bars(
        "Notices not yet acknowledged, by working days waited",
        f"{len(waited)} notices are waiting for an acknowledgement, {late} of them overdue.",
        [Bar(one.band, one.in_time, one.late) for one in bands],
    )
    rows = [(one.band, one.in_time, one.late, one.in_time + one.late) for one in bands]
    rows.append(("All", len(waited) - late, late, len(waited)))
    columns = (Column("Working days"), Column("On time", True), Column("Overdue", True), Column("Total", True))
    return Table(picture.title, columns, rows, picture.sentence, total=True, picture=picture)


def duties(found: Sequence[Owed]) -> Table:
    """Every duty in a row."""
    late = frozenset(number for number, one in enumerate(found) if one.step is not Step.WAIT)
    columns = [Column(name, number=name in NUMBERS) for name in COLUMNS]
    return Table(
        "All outstanding replies and decisions, oldest first", columns, [_row(one) for one in found], marked=late
    )


def _row(one: Owed) -> tuple[str | int, ...]:
    ours = one.owed_by == "us"
    who = f"You (to {named(one.partner)})" if ours else named(one.partner)
    late = one.step is not Step.WAIT
    deciding = one.missing is Missing.DECISION
    what = "decide" if deciding else "reply now" if ours else STEPS[one.step]
    return (
        one.message_id,
        who,
        labels.name_kind(one.kind),
        labels.name_missing(one.missing),
        _moment(one.since),
        one.working_days,
        _moment(one.late_at),
        f"Overdue: {what}" if late else STEPS[Step.WAIT].capitalize(),
        one.tried,
        _done(one),
        "" if ours and not deciding else one.ring or "No telephone number",
    )


@lru_cache(MOMENTS)
def _moment(at: datetime) -> str:
    return f"{at.astimezone(LONDON):%d %b %Y %H:%M}"


def _done(one: Owed) -> str:
    if not (one.handed_over_at or one.reminded_at or one.escalated_at):
        return ""
    done = (
        ("phone handover recorded", one.handed_over_at),
        ("reminder sent" if one.owed_by == "them" else "they sent a reminder", one.reminded_at),
        ("escalated to service manager", one.escalated_at),
    )
    return "; ".join(f"{what} {at.astimezone(LONDON):%d %b %Y}" for what, at in done if at)
