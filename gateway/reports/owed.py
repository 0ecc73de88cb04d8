"""What is owed, as a page: how long acknowledgements have been waited for, and every duty, the oldest first."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from gateway.context import Authority
from gateway.core.ageing import ages
from gateway.core.calendar import LONDON
from gateway.core.duties import Missing, Step
from gateway.core.labels import name_kind
from gateway.paper.bars import Bar, Bars
from gateway.paper.page import Column, Page, Table
from gateway.reconciliation.reconcile import Owed
from gateway.reports.wording import named, whose

STEPS = {Step.WAIT: "wait", Step.RING: "ring", Step.ESCALATE: "the service manager rings"}
COLUMNS = ("Id", "Owed by", "Kind", "Missing", "Since", "Working days", "Late from", "Next", "Last try", "Done", "Ring")
NUMBERS = ("Working days",)
MOMENTS = 16_384  # are kept as they are written: the same duties are listed day after day


def page(here: Authority, found: Sequence[Owed]) -> Page:
    """Both, for print."""
    late = sum(one.step is not Step.WAIT for one in found)
    return Page(
        title="What is owed",
        authority=whose(here),
        about=f"As it stood on {here.now().astimezone(LONDON):%d %B %Y at %H:%M}",
        notes=(
            f"{len(found)} in all, {late} late. Times are those of London; England's bank holidays are known.",
            "A mark at the left edge, and the word in the column Next, say what is late.",
        ),
        tables=(ageing(found), duties(found)),
    )


def listing(here: Authority, found: Sequence[Owed]) -> Page:
    """The duties alone, for a spreadsheet."""
    return Page("What is owed", whose(here), "", (), (duties(found),))


def ageing(found: Iterable[Owed]) -> Table:
    """Notices that nobody has acknowledged, by how long they have waited: a picture, and the same figures."""
    waited = [(one.working_days, one.step is not Step.WAIT) for one in found if one.missing is Missing.ACKNOWLEDGEMENT]
    bands = ages(waited)
    late = sum(is_late for _, is_late in waited)
    picture = Bars(
        "Notices not yet acknowledged, by working days waited",
        f"{len(waited)} notices wait for an acknowledgement, {late} of them too long.",
        [Bar(one.band, one.in_time, one.late) for one in bands],
    )
    rows = [(one.band, one.in_time, one.late, one.in_time + one.late) for one in bands]
    rows.append(("All", len(waited) - late, late, len(waited)))
    columns = (Column("Working days"), Column("In time", True), Column("Late", True), Column("Together", True))
    return Table(picture.title, columns, rows, picture.sentence, total=True, picture=picture)


def duties(found: Sequence[Owed]) -> Table:
    """Every duty in a row."""
    late = frozenset(number for number, one in enumerate(found) if one.step is not Step.WAIT)
    columns = [Column(name, number=name in NUMBERS) for name in COLUMNS]
    return Table("Every duty, the oldest first", columns, [_row(one) for one in found], marked=late)


def _row(one: Owed) -> tuple[str | int, ...]:
    ours = one.owed_by == "us"
    who = f"us, to {named(one.partner)}" if ours else named(one.partner)
    late = one.step is not Step.WAIT
    deciding = one.missing is Missing.DECISION
    what = "decide" if deciding else "answer it" if ours else STEPS[one.step]
    return (
        one.message_id,
        who,
        name_kind(one.kind),
        str(one.missing),
        _moment(one.since),
        one.working_days,
        _moment(one.late_at),
        f"LATE: {what}" if late else "wait",
        one.tried,
        _done(one),
        "" if ours and not deciding else one.ring or "no number is known",
    )


@lru_cache(MOMENTS)
def _moment(at: datetime) -> str:
    return f"{at.astimezone(LONDON):%d %b %Y %H:%M}"


def _done(one: Owed) -> str:
    if not (one.handed_over_at or one.reminded_at or one.escalated_at):
        return ""
    done = (
        ("handed over by telephone", one.handed_over_at),
        ("reminded" if one.owed_by == "them" else "they reminded us", one.reminded_at),
        ("service manager told", one.escalated_at),
    )
    return "; ".join(f"{what} {at.astimezone(LONDON):%d %b}" for what, at in done if at)
