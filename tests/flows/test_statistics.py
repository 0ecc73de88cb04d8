"""The statistics of a period, as the multi-agency group gets them."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from gateway.context import Gateway
from gateway.core.calendar import Span
from gateway.core.periods import get_month
from gateway.paper import as_csv
from gateway.paper.page import Cell, ReportPage
from gateway.reports import statistics
from gateway.store import audit_log
from gateway.store.tables import outbox_contents
from schemas.message import School
from tests.children import notice
from tests.flows.reporting import MONDAY, acknowledge, at, conclude, exchange, pair_of, transfer
from tests.flows.test_command_line import cme_gateway
from tests.needs import need

NOVEMBER = get_month(2026, 11)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Gateway, Gateway]]:
    both = pair_of(tmp_path)
    yield both
    for gw in both:
        gw.store.close()


def said(page: ReportPage, title: str) -> dict[Cell, tuple[Cell, ...]]:
    [table] = [one for one in page.tables if one.title == title]
    return {name: tuple(cells) for name, *cells in table.rows}


def whole(gw: Gateway, days: Span = NOVEMBER) -> ReportPage:
    return statistics.make_statistics(gw, days, "sam", whole=True)


async def test_notices_are_counted_at_both_ends(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    await exchange(sandwell, worcestershire, transfer(MONDAY))
    await exchange(sandwell, worcestershire, notice(name="whereabouts-enquiry", now=MONDAY))
    await exchange(worcestershire, sandwell, notice("885", "333", now=MONDAY))
    page = whole(sandwell)
    assert said(page, "Notices by type") == {
        "Transfer notice": (1, 1, 2),
        "Whereabouts enquiry": (1, 0, 1),
        "Whereabouts unknown notice": (0, 0, 0),
        "All": (2, 1, 3),
    }
    assert said(page, "Notices by authority")["Worcestershire (885)"] == (2, 1, 3)
    assert said(whole(worcestershire), "Notices by type")["All"] == (1, 2, 3)


async def test_reason_time_year_group_and_risk_group_are_read_from_the_notices(
    pair: tuple[Gateway, Gateway],
) -> None:
    sandwell, worcestershire = pair
    school = School(school_name="Invented Primary", last_attended=date(2026, 11, 20))
    left = transfer(MONDAY, cme_reason="moved-from-country", school=(school,))
    sent = await exchange(sandwell, worcestershire, left)
    await exchange(sandwell, worcestershire, transfer(MONDAY, cme_reason="unknown", school=()))
    at(MONDAY + timedelta(days=10), *pair)
    await acknowledge(worcestershire, sandwell, sent)
    await conclude(worcestershire, sandwell, sent)
    at(MONDAY + timedelta(days=60), *pair)
    page = whole(sandwell)
    reasons = said(page, "Transfer notices by DfE reason")
    assert (reasons["Moved in from another country"], reasons["Reason not known"]) == ((1, 0, 1), (1, 0, 1))
    times = said(page, "Transfer notices by time out of education")
    assert (times["Less than 2 weeks"], times["Not known"]) == ((1, 0, 1), (1, 0, 1))
    outcomes = said(page, "Transfer notices by outcome")
    assert (outcomes["In education"], outcomes["None yet"]) == ((1, 0, 1), (1, 0, 1))
    assert said(whole(worcestershire), "Transfer notices by outcome")["In education"] == (0, 1, 1)
    groups = said(page, "Transfer notices by risk group")
    assert any(sum(map(int, cells)) for cells in groups.values())


async def test_a_child_of_whom_nobody_knows_is_counted_by_the_time_since(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    await exchange(sandwell, worcestershire, notice(name="whereabouts-unknown-notice", now=MONDAY))
    assert said(whole(sandwell), "Whereabouts unknown, by time")["All"] == (1, 0, 1)


async def test_what_is_outside_the_period_is_not_counted(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    await exchange(sandwell, worcestershire, transfer(MONDAY))
    assert said(whole(sandwell, get_month(2026, 10)), "Notices by type")["All"] == (0, 0, 0)
    assert said(whole(sandwell, Span(MONDAY.date(), MONDAY.date())), "Notices by type")["All"] == (1, 0, 1)


async def test_a_notice_that_was_destroyed_is_no_longer_held(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    sent = await exchange(sandwell, worcestershire, transfer(MONDAY))
    mine = outbox_contents.c.message_id == sent
    sandwell.store.run(lambda tx: tx.execute(update(outbox_contents).where(mine).values(data_key=None)))
    page = whole(sandwell)
    for title in ("Transfer notices by DfE reason", "Transfer notices by time out of education"):
        assert said(page, title)["Deleted"] == (1, 0, 1)


async def test_small_numbers_are_hidden_from_everybody_else(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    await exchange(sandwell, worcestershire, transfer(MONDAY))
    page = statistics.make_statistics(sandwell, NOVEMBER, "sam")
    for table in page.tables:
        assert not {1, 2, 3, 4, 5} & {cell for _, *cells in table.rows for cell in cells}
    assert said(page, "Notices by type")["Transfer notice"] == ("c", 0, "c")
    assert "TEAM" not in " ".join(page.notes)
    assert "TEAM" in " ".join(whole(sandwell).notes)


async def test_a_report_is_one_entry_of_the_log_and_names_no_child(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    message = transfer(MONDAY)
    await exchange(sandwell, worcestershire, message)
    page = whole(sandwell)
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="report.statistics"))
    assert json.loads(entry.entry)["detail"] == {"from": "2026-11-01", "to": "2026-11-30", "opened": 1}
    assert entry.actor == "sam"
    text = as_csv.write(page).decode()
    [child] = message.list_all(type(message.body.child))  # type: ignore[union-attr]
    assert child is not None
    for secret in (child.surname, child.upn, message.header.message_id):
        assert secret
        assert str(secret) not in text


async def test_the_command_gives_it_in_every_form(pair: tuple[Gateway, Gateway], tmp_path: Path) -> None:
    sandwell, worcestershire = pair
    await exchange(sandwell, worcestershire, transfer(MONDAY))
    words = ("report", "statistics", "--home", str(tmp_path / "333"), "--month", "2026-11")
    assert "Notices by authority" in cme_gateway(*words).stdout
    told = json.loads(cme_gateway(*words, "--for-the-team", "--json").stdout)
    assert told["about"] == "1 November 2026 to 30 November 2026"
    assert told["tables"][0]["rows"][0] == {"Kind": "Transfer notice", "Sent": 1, "Received": 0, "Together": 1}
    need("Pango", "fonts")
    files = [word for form in ("html", "pdf", "csv") for word in (f"--{form}", str(tmp_path / f"s.{form}"))]
    assert cme_gateway(*words, *files).stdout.count("Written") == 3
    assert "Notices by type" in (tmp_path / "s.html").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--month", "2026-11", "--to", "2026-11-02"), "either a month"),
        (("--to", "2026-11-02"), "Give the first day"),
        (("--from", "2026-11-02", "--to", "2026-11-01"), "before --from"),
    ],
)
def test_a_period_must_be_one(pair: tuple[Gateway, Gateway], words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    done = cme_gateway("report", "statistics", "--home", str(tmp_path / "333"), *words)
    assert done.returncode == 2
    assert says in done.stderr
