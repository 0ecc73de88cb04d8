"""The list for an inspection: what it says of each child, who read which record, and where it may not go."""

import csv
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from gateway.context import Gateway
from gateway.core.periods import get_month
from gateway.paper import as_csv
from gateway.paper.page import ReportPage
from gateway.reports import inspection
from gateway.store import audit_log
from gateway.store.tables import outbox_contents
from schemas.message import Message
from tests.children import notice
from tests.flows.reporting import MONDAY, at, exchange, pair_of, transfer
from tests.flows.test_command_line import cme_gateway

NOVEMBER = get_month(2026, 11)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Gateway, Gateway]]:
    both = pair_of(tmp_path)
    yield both
    for gw in both:
        gw.store.close()


def listed(gw: Gateway) -> list[dict[str, str]]:
    return rows_of(as_csv.write(page_of(gw)))


def page_of(gw: Gateway) -> ReportPage:
    return inspection.make_inspection_list(gw, NOVEMBER, "ines")


def rows_of(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(text.decode("utf-8-sig").splitlines()))


def restricted() -> Message:
    return notice(name="transfer-notice-restricted", now=MONDAY)


def reads(gw: Gateway) -> list[str | None]:
    return [
        one.about
        for one in gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.read"))
        if one.actor == "ines"
    ]


async def test_a_child_is_listed_by_our_reference_with_what_an_inspection_asks(
    pair: tuple[Gateway, Gateway],
) -> None:
    sandwell, worcestershire = pair
    message = transfer(
        MONDAY, hours_per_week=18, exclusion_type="permanent", alternative_provision_start=date(2026, 10, 5)
    )
    sent = await exchange(sandwell, worcestershire, message)
    at(MONDAY + timedelta(days=3), *pair)
    [one] = listed(sandwell)
    [child] = message.list_all(type(message.body.child))  # type: ignore[union-attr]
    assert child is not None
    assert one["Case reference"] == message.header.case_id
    assert one["Notice"] == "to Worcestershire (885)"
    assert one["UPN"] == child.upn
    assert str(child.dob.year) in one["Date of birth"]
    assert one["Hours a week"] == "18, fewer than 25"
    assert one["Exclusion"] == "Permanently excluded"
    assert one["Alternative provision since"] == "5 October 2026"
    assert one["Outstanding"] == "Acknowledgement due from them, 3 working days"
    assert child.surname not in str(one)
    assert reads(sandwell) == [sent]
    assert listed(worcestershire)[0]["Notice"] == "from Sandwell (333)"


async def test_the_log_says_how_many_were_listed_and_who_read_each(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    ids = {await exchange(sandwell, worcestershire, transfer(MONDAY)) for _ in range(3)}
    listed(sandwell)
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="report.inspection"))
    assert json.loads(entry.entry)["detail"] == {"from": "2026-11-01", "to": "2026-11-30", "listed": 3, "opened": 3}
    assert set(reads(sandwell)) == ids


async def test_a_restricted_child_is_a_reference_only_and_is_not_opened(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    await exchange(sandwell, worcestershire, restricted())
    [one] = listed(sandwell)
    assert one["Date of birth"] == "Restricted"
    assert not any(one[name] for name in ("UPN", "Provision", "Hours a week", "Exclusion"))
    assert reads(sandwell) == []


async def test_a_record_that_was_destroyed_is_listed_and_read_by_nobody(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    sent = await exchange(sandwell, worcestershire, transfer(MONDAY))
    mine = outbox_contents.c.message_id == sent
    sandwell.store.run(lambda tx: tx.execute(update(outbox_contents).where(mine).values(data_key=None)))
    assert listed(sandwell)[0]["Date of birth"] == "Deleted"
    assert reads(sandwell) == []


async def test_it_goes_to_a_file_and_to_no_screen_unless_that_is_said(
    pair: tuple[Gateway, Gateway], tmp_path: Path
) -> None:
    sandwell, worcestershire = pair
    message = transfer(MONDAY)
    await exchange(sandwell, worcestershire, message)
    [child] = message.list_all(type(message.body.child))  # type: ignore[union-attr]
    assert child is not None
    upn = str(child.upn)
    words = ("report", "inspection", "--home", str(tmp_path / "333"), "--month", "2026-11")
    # Nobody said who.
    assert cme_gateway(*words, "--csv", str(tmp_path / "x.csv")).returncode == 2
    by_ines = (*words, "--by", "ines")
    ways: tuple[tuple[str, ...], ...] = ((), ("--json",), ("--csv", "-"))
    for refused in ways:
        done = cme_gateway(*by_ines, *refused)
        assert (done.returncode, upn in done.stdout) == (5, False)
    assert reads(sandwell) == []
    file = tmp_path / "list.csv"
    told = cme_gateway(*by_ines, "--csv", str(file), "--json")
    assert json.loads(told.stdout) == {"listed": 1, "written": [str(file)]}
    assert rows_of(file.read_bytes())[0]["UPN"] == upn
    assert file.stat().st_mode & 0o777 == 0o600
    assert upn in cme_gateway(*by_ines, "--csv", "-", "--to-terminal").stdout
    assert len(reads(sandwell)) == 2
