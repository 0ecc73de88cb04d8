"""How fast they are, and how fast we are: each step against its agreed limit, by authority and in all."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from gateway.context import Authority
from gateway.core.calendar import Span
from gateway.core.duties import Deadlines, Missing
from gateway.core.figures import percentile
from gateway.core.small_numbers import SIGN, SMALL, Cell, hidden, with_totals
from gateway.paper.page import Column, Page, Table
from gateway.reconciliation import deadlines
from gateway.reports import counts
from gateway.reports.journeys import Leg, legs, past
from gateway.reports.wording import named, said, whose
from gateway.store.report_queries import Direction

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Part:
    """One table of the report."""

    title: str
    direction: Direction
    missing: Sequence[Missing]
    limit: str
    unit: str


def make(here: Authority, days: Span, *, whole: bool = False) -> Page:
    """The report. `whole`: small numbers are shown, for the team."""
    terms = deadlines.read(here.config)
    known = here.store.look(lambda tx: past(tx, days))
    judged = list(legs(known, here.now(), terms))
    return Page(
        title="Timeliness",
        authority=whose(here),
        about=said(days),
        notes=(
            counts.FOR_THE_TEAM if whole else counts.HIDDEN,
            "Of the notices that were sent or came in the period, without tests and without what was taken back or corrected. A "
            "step that was not done counts as late once its limit has passed, and is left out before. Median and 90th "
            "percentile are of the steps that were done, by our own clock.",
            "What was accepted by mail, in reply to a letter, counts from when the mail came. An officer of ours read it; nobody "
            "signed it, so it is a weaker word than a signed acknowledgement.",
        ),
        tables=tuple(_table(part, judged, whole=whole) for part in _parts(terms.deadlines("", ""))),
    )


def _parts(deadlines: Deadlines) -> Iterable[Part]:
    hours = f"{deadlines.receipt.total_seconds() / 3600:g} hour(s)"
    first, outcome = f"{deadlines.acknowledgement} working days", f"{deadlines.outcome} school days"
    answer = f"{deadlines.answer} working days"
    yield Part(
        "Their receipts for our notices", "sent", (Missing.RECEIPT,), f"{hours} from when it was queued", "hours"
    )
    yield Part(
        "Their acknowledgements of our notices",
        "sent",
        (Missing.ACKNOWLEDGEMENT,),
        f"{first} from the receipt",
        "working days",
    )
    yield Part(
        "Their outcomes of our notices",
        "sent",
        (Missing.OUTCOME,),
        f"{outcome} from the acknowledgement",
        "working days",
    )
    yield Part(
        "Our acknowledgements of their notices",
        "received",
        (Missing.ACKNOWLEDGEMENT,),
        f"{first} from when it came",
        "working days",
    )
    answers = (Missing.ANSWER,)
    yield Part("Their answers to our enquiries", "sent", answers, f"{answer} from when it was queued", "working days")
    yield Part("Our answers to their enquiries", "received", answers, f"{answer} from when it came", "working days")
    yield Part(
        "Our outcomes of their notices",
        "received",
        (Missing.OUTCOME,),
        f"{outcome} from the acknowledgement",
        "working days",
    )


def _table(part: Part, judged: Iterable[Leg], *, whole: bool) -> Table:
    mine = [leg for leg in judged if leg.direction == part.direction and leg.missing in part.missing]
    partners = sorted({leg.partner for leg in mine})
    groups = [[leg for leg in mine if leg.partner == code] for code in partners]
    grid = with_totals([(sum(not leg.late for leg in group), sum(leg.late for leg in group)) for group in groups])
    gone = frozenset[Cell]() if whole else hidden(grid)
    labels = [*map(named, partners), counts.ALL]
    rows = [
        _row(label, line, {c for r, c in gone if r == number}, group, whole=whole)
        for number, (label, line, group) in enumerate(zip(labels, grid, [*groups, mine], strict=True))
        if mine
    ]
    columns = (
        Column("Authority"),
        *(
            Column(name, number=True)
            for name in ("In time", "Late", "Together", "Share in time", "Median", "90th percentile")
        ),
    )
    note = f"Limit: {part.limit}, where no other is agreed. Median and 90th percentile in {part.unit}."
    return Table(part.title, columns, rows, note, total=True)


def _row(
    label: str, line: Sequence[int], gone: Collection[int], group: Iterable[Leg], *, whole: bool
) -> Sequence[str | int]:
    took = [leg.took for leg in group if leg.took is not None]
    few = not whole and (len(line) - 1 in gone or len(took) in SMALL)
    share = SIGN if gone else f"{100 * line[0] // line[-1]} %" if line[-1] else NOTHING
    figures = (SIGN, SIGN) if few else (_figure(took, 50), _figure(took, 90))
    return (label, *(SIGN if n in gone else count for n, count in enumerate(line)), share, *figures)


def _figure(took: Sequence[float], percent: int) -> str:
    found = percentile(took, percent)
    return NOTHING if found is None else f"{found:.1f}".removesuffix(".0")
