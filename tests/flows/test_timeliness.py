"""How fast they are, and how fast we are, from what the store really knows."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.casework import by_hand
from gateway.casework.by_hand import PhoneCall
from gateway.context import Gateway
from gateway.core.duties import Missing
from gateway.core.periods import get_month
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages
from gateway.paper.page import Cell, ReportPage
from gateway.reconciliation import deadlines
from gateway.reports import timeliness
from gateway.reports.journeys import JourneyLeg, list_legs, read_period
from tests.children import notice
from tests.flows.reporting import MONDAY, acknowledge, at, conclude, exchange, pair_of, transfer
from tests.flows.test_command_line import cme_gateway

NOVEMBER = get_month(2026, 11)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Gateway, Gateway]]:
    both = pair_of(tmp_path)
    yield both
    for gw in both:
        gw.store.close()


def judged(gw: Gateway) -> set[JourneyLeg]:
    known = gw.store.look(lambda tx: read_period(tx, NOVEMBER))
    return set(list_legs(known, gw.now(), deadlines.read_terms(gw.config)))


def report(gw: Gateway, *, whole: bool = True) -> ReportPage:
    return timeliness.make_timeliness(gw, NOVEMBER, whole=whole)


def row(page: ReportPage, title: str, label: str = "All") -> tuple[Cell, ...]:
    [table] = [one for one in page.tables if one.title == title]
    return next((tuple(cells) for name, *cells in table.rows if name == label), ())


async def test_each_step_is_measured_at_the_end_that_waits(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    sent = await exchange(sandwell, worcestershire, transfer(MONDAY))
    at(MONDAY + DAY, *pair)
    await acknowledge(worcestershire, sandwell, sent)
    at(MONDAY + 4 * DAY, *pair)
    await conclude(worcestershire, sandwell, sent)
    assert judged(sandwell) == {
        JourneyLeg("sent", "885", Missing.RECEIPT, 0.0, False),
        JourneyLeg("sent", "885", Missing.ACKNOWLEDGEMENT, 1, False),
        JourneyLeg("sent", "885", Missing.OUTCOME, 3, False),
    }
    assert judged(worcestershire) == {
        JourneyLeg("came", "333", Missing.ACKNOWLEDGEMENT, 1, False),
        JourneyLeg("came", "333", Missing.OUTCOME, 3, False),
    }


async def test_the_report_begins_with_our_own_share_in_one_line(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    sent = await exchange(sandwell, worcestershire, transfer(MONDAY))
    at(MONDAY + DAY, *pair)
    await acknowledge(worcestershire, sandwell, sent)
    assert report(worcestershire).notes[0] == "On time: acknowledgements you sent 100 %."
    # What the table hides is hidden there too.
    assert report(worcestershire, whole=False).notes[0] == "On time: acknowledgements you sent c."
    assert not report(sandwell).notes[0].startswith("On time")


async def test_a_step_that_took_too_long_is_late(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    sent = await exchange(sandwell, worcestershire, transfer(MONDAY))
    at(MONDAY + 3 * DAY, *pair)
    await acknowledge(worcestershire, sandwell, sent)
    assert JourneyLeg("sent", "885", Missing.ACKNOWLEDGEMENT, 3, True) in judged(sandwell)


async def test_what_has_not_come_is_judged_once_its_limit_has_passed(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    await exchange(sandwell, worcestershire, transfer(MONDAY))
    receipt = JourneyLeg("sent", "885", Missing.RECEIPT, 0.0, False)
    at(MONDAY + DAY, *pair)
    assert judged(sandwell) == {receipt}
    at(MONDAY + 3 * DAY, *pair)
    assert judged(sandwell) == {receipt, JourneyLeg("sent", "885", Missing.ACKNOWLEDGEMENT, None, True)}


def test_a_receipt_that_does_not_come_is_late_after_an_hour(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, _ = pair
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, prepare_messages(sandwell, [transfer(MONDAY)], "olive")))
    at(MONDAY + HOUR / 2, sandwell)
    assert judged(sandwell) == set()
    at(MONDAY + HOUR, sandwell)
    assert judged(sandwell) == {JourneyLeg("sent", "885", Missing.RECEIPT, None, True)}


async def test_nobody_owes_more_than_the_receipt_to_a_notice_that_whereabouts_are_unknown(
    pair: tuple[Gateway, Gateway],
) -> None:
    sandwell, worcestershire = pair
    sent = await exchange(sandwell, worcestershire, notice(name="whereabouts-unknown-notice", now=MONDAY))
    await acknowledge(worcestershire, sandwell, sent)
    at(MONDAY + 60 * DAY, *pair)
    assert {leg.missing for leg in judged(sandwell)} == {Missing.RECEIPT}


async def test_a_handover_by_telephone_is_an_acknowledgement(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, _ = pair
    sent = await exchange(*pair, transfer(MONDAY))
    at(MONDAY + DAY, *pair)
    by_hand.record_handover(sandwell, sent, PhoneCall("Otto Invented", MONDAY + DAY), "olive")
    assert JourneyLeg("sent", "885", Missing.ACKNOWLEDGEMENT, 1, False) in judged(sandwell)


async def test_an_enquiry_is_owed_its_answer(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    await exchange(*pair, notice(name="whereabouts-enquiry", now=MONDAY))
    at(MONDAY + 7 * DAY, *pair)
    assert JourneyLeg("sent", "885", Missing.ANSWER, None, True) in judged(sandwell)
    assert judged(worcestershire) == {JourneyLeg("came", "333", Missing.ANSWER, None, True)}


async def test_the_page_has_shares_and_percentiles_and_hides_them_where_few_are_counted(
    pair: tuple[Gateway, Gateway],
) -> None:
    sandwell, worcestershire = pair
    ids = [await exchange(sandwell, worcestershire, transfer(MONDAY)) for _ in range(8)]
    at(MONDAY + DAY, *pair)
    for sent in ids[:6]:
        await acknowledge(worcestershire, sandwell, sent)
    at(MONDAY + 3 * DAY, *pair)
    title = "Acknowledgements from other authorities"
    assert row(report(sandwell), title, "Worcestershire (885)") == (6, 2, 8, "75 %", "1", "1")
    public = report(sandwell, whole=False)
    assert row(public, title)[1] == "c"
    assert row(public, title)[3] == "c"
    assert row(public, "Delivery receipts from other authorities") == (8, 0, 8, "100 %", "0", "0")
    assert row(report(worcestershire), "Acknowledgements you sent") == (6, 2, 8, "75 %", "1", "1")


async def test_the_command_says_it(pair: tuple[Gateway, Gateway], tmp_path: Path) -> None:
    await exchange(*pair, transfer(MONDAY))
    done = cme_gateway("report", "timeliness", "--home", str(tmp_path / "333"), "--month", "2026-11", "--csv", "-")
    assert '"Delivery receipts from other authorities","All","On time","c"' in done.stdout
