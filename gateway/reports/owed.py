"""What is owed, as a page: how long acknowledgements have been waited for, and every duty, the oldest first."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from gateway.context import Gateway
from gateway.core import labels
from gateway.core.ageing import count_ages
from gateway.core.calendar import LONDON
from gateway.core.duties import DutyStep, Missing
from gateway.paper.bars import Bar, Bars
from gateway.paper.page import Column, ReportPage, ReportTable
from gateway.reconciliation.reconcile import Owed
from gateway.reports.wording import format_moment, format_own_authority

COLUMNS = (
    *("Reference", "Due from", "Type of notice", "What is due", "Since", "Working days", "Overdue from", "Next step"),
    *("Last attempt", "Done so far", "Contact"),
)
TITLE = "Outstanding replies and decisions"
NUMBERS = ("Working days",)
# Are kept as they are written: the same duties are listed day after day.
MOMENTS = 16_384


def build_owed_page(gw: Gateway, owed_duties: Sequence[Owed]) -> ReportPage:
    """Build both tables, for print."""
    late = sum(duty.step is not DutyStep.WAIT for duty in owed_duties)
    return ReportPage(
        title=TITLE,
        authority=format_own_authority(gw),
        about=f"Correct at {format_moment(gw.now())}",
        notes=(
            (
                f"{len(owed_duties)} outstanding, {late} overdue. Times are UK times. Bank holidays in England do not"
                " count as working days."
            ),
            'Overdue rows have a mark at the left edge. The column "Next step" says what to do.',
        ),
        tables=(build_ageing_table(owed_duties), build_duty_table(owed_duties)),
    )


def build_owed_listing(gw: Gateway, owed_duties: Sequence[Owed]) -> ReportPage:
    """Build the duties alone, for a spreadsheet."""
    return ReportPage(TITLE, format_own_authority(gw), "", (), (build_duty_table(owed_duties),))


def build_ageing_table(owed_duties: Iterable[Owed]) -> ReportTable:
    """Build a table of unacknowledged notices, by how long they have waited: a picture, and the same figures."""
    waited = [
        (owed.working_days, owed.step is not DutyStep.WAIT)
        for owed in owed_duties
        if owed.missing is Missing.ACKNOWLEDGEMENT
    ]
    bands = count_ages(waited)
    late = sum(is_late for _, is_late in waited)
    picture = Bars(
        "Notices not yet acknowledged, by working days waited",
        f"{len(waited)} notices are waiting for an acknowledgement, {late} of them overdue.",
        [Bar(band.band, band.in_time, band.late) for band in bands],
    )
    rows = [(band.band, band.in_time, band.late, band.in_time + band.late) for band in bands]
    rows.append(("All", len(waited) - late, late, len(waited)))
    on_time, overdue = labels.name_timing(late=False), labels.name_timing(late=True)
    columns = (Column("Working days"), Column(on_time, True), Column(overdue, True), Column("Total", True))
    return ReportTable(picture.title, columns, rows, picture.sentence, total=True, picture=picture)


def build_duty_table(owed_duties: Sequence[Owed]) -> ReportTable:
    """Build a table with every duty in a row."""
    late = frozenset(number for number, duty in enumerate(owed_duties) if duty.step is not DutyStep.WAIT)
    columns = [Column(name, number=name in NUMBERS) for name in COLUMNS]
    return ReportTable(
        "All outstanding replies and decisions, oldest first",
        columns,
        [_duty_row(duty) for duty in owed_duties],
        marked=late,
    )


def _duty_row(duty: Owed) -> tuple[str | int, ...]:
    ours = duty.owed_by == "us"
    who = (
        f"You (to {labels.name_authority_in_full(duty.partner)})"
        if ours
        else labels.name_authority_in_full(duty.partner)
    )
    late = duty.step is not DutyStep.WAIT
    deciding = duty.missing is Missing.DECISION
    next_step = "wait" if not late else "decide" if deciding else "reply" if ours else duty.step
    return (
        duty.message_id,
        who,
        labels.name_kind(duty.kind),
        labels.name_missing(duty.missing),
        _format_moment(duty.since),
        duty.working_days,
        _format_moment(duty.late_at),
        labels.name_next_step(next_step),
        labels.describe_last_try(duty.tried) if duty.tried else "",
        _describe_done(duty),
        "" if ours and not deciding else duty.ring or "No telephone number",
    )


@lru_cache(MOMENTS)
def _format_moment(at: datetime) -> str:
    return f"{at.astimezone(LONDON):%d %b %Y %H:%M}"


def _describe_done(duty: Owed) -> str:
    return "; ".join(f"{what} {at.astimezone(LONDON):%d %b %Y}" for what, at in duty.pursuits)
