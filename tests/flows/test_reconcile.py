"""What is owed on each notice, by whom and since when, as an officer reads it in the morning."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import home_folder
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.duties import DutyStep, Missing
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import queue_messages
from gateway.reconciliation import reconcile
from gateway.reconciliation.reconcile import Owed
from gateway.store import outbox
from gateway.store.outbox import SettledTry
from schemas.message import Acknowledgement
from schemas.shapes import CaseId, MessageId
from tests.children import notice
from tests.conftest import free_port, introduce
from tests.flows.test_command_line import cme_gateway
from tests.needs import need

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def made(home: Path, code: str, name: str, at: datetime) -> Gateway:
    """A gateway that was made at that moment, which is its now."""
    home_folder.create_gateway(
        home, home_folder.NewGateway(code=code, name=name, port=free_port(), telephone="01632 960101"), now=lambda: at
    )
    return home_folder.open_gateway(home, now=lambda: at)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Gateway, Gateway]:
    both = made(tmp_path / "333", "333", "Sandwell", MONDAY), made(tmp_path / "885", "885", "Worcestershire", MONDAY)
    introduce(*both)
    return both


def owed(gw: Gateway, after: timedelta = timedelta(0)) -> list[Owed]:
    gw.now = lambda: MONDAY + after
    found = reconcile.list_owed(gw)
    return reconcile.list_pursued(gw, found)


async def exchanged(pair: tuple[Gateway, Gateway]) -> MessageId:
    """A notice that Worcestershire has, as Sandwell knows by its receipt."""
    sandwell, worcestershire = pair
    [ready] = prepare_messages(sandwell, [notice(now=MONDAY)], "olive")
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, [ready]))
    await receive_parcels(worcestershire, [ready.sealed], "333")
    return ready.message_id


def stands(gw: Gateway, message_id: MessageId, state: DeliveryState) -> None:
    gw.store.run(
        lambda tx: outbox.settle_deliveries(tx, gw.now(), [SettledTry(message_id, state, "https", "receipted")])
    )


async def test_each_side_sees_what_it_waits_for_and_what_it_owes(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, worcestershire = pair
    sent = await exchanged(pair)
    [one] = owed(sandwell)
    assert (one.message_id, one.missing, one.owed_by, one.step) == (sent, Missing.RECEIPT, "them", DutyStep.WAIT)
    stands(sandwell, sent, DeliveryState.RECEIVED)
    [one] = owed(sandwell)
    assert (one.missing, one.tried) == (Missing.ACKNOWLEDGEMENT, "https: receipted")
    [one] = owed(worcestershire)
    assert (one.message_id, one.missing, one.owed_by) == (sent, Missing.ACKNOWLEDGEMENT, "us")
    body = Acknowledgement(decision="accepted", officer=worcestershire.build_officer("Otto Invented"))
    respond.acknowledge_notice(worcestershire, sent, body, "otto")
    assert {(one.missing, one.owed_by) for one in owed(worcestershire)} == {
        (Missing.OUTCOME, "us"),
        (Missing.RECEIPT, "them"),
    }


@pytest.mark.parametrize(
    ("state", "after", "step"),
    [
        (DeliveryState.QUEUED, timedelta(minutes=59), DutyStep.WAIT),
        (DeliveryState.QUEUED, timedelta(minutes=61), DutyStep.RING),
        (DeliveryState.QUEUED, timedelta(hours=3), DutyStep.ESCALATE),
        (DeliveryState.RECEIVED, timedelta(days=1, hours=23), DutyStep.WAIT),
        (DeliveryState.RECEIVED, timedelta(days=2, hours=1), DutyStep.RING),
        (DeliveryState.RECEIVED, timedelta(days=4, hours=1), DutyStep.ESCALATE),
    ],
)
async def test_who_is_late_is_rung_and_then_the_service_manager_is_told(
    pair: tuple[Gateway, Gateway], state: DeliveryState, after: timedelta, step: DutyStep
) -> None:
    sandwell, _ = pair
    sent = await exchanged(pair)
    if state is not DeliveryState.QUEUED:
        stands(sandwell, sent, state)
    [one] = owed(sandwell, after)
    assert one.step is step
    assert one.ring == "CME Officer, 01632 960101"


async def test_a_weekend_counts_for_nobody(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, _ = pair
    sent = await exchanged(pair)
    # Friday.
    sandwell.now = lambda: MONDAY + timedelta(days=4)
    stands(sandwell, sent, DeliveryState.RECEIVED)
    # The Monday after.
    [one] = owed(sandwell, timedelta(days=7))
    assert (one.step, one.working_days) == (DutyStep.WAIT, 1)


async def test_what_is_concluded_is_owed_by_nobody(pair: tuple[Gateway, Gateway]) -> None:
    sandwell, _ = pair
    stands(sandwell, await exchanged(pair), DeliveryState.CONCLUDED)
    assert owed(sandwell, timedelta(days=99)) == []


def test_the_command_says_it_and_its_exit_code_that_something_is_late(tmp_path: Path) -> None:
    home = tmp_path / "333"
    five_hours_ago = datetime.now(UTC) - timedelta(hours=5)
    gw, there = (
        made(home, "333", "Sandwell", five_hours_ago),
        made(tmp_path / "885", "885", "Worcestershire", five_hours_ago),
    )
    introduce(gw, there)
    assert "No outstanding replies or decisions." in cme_gateway("reconcile", "--home", str(home)).stdout
    message = notice(now=gw.now())
    gw.store.run(lambda tx: queue_messages(tx, gw, prepare_messages(gw, [message], "olive")))
    for one in (gw, there):
        one.store.close()
    shown = cme_gateway("reconcile", "--home", str(home))
    assert shown.returncode == 3
    assert "due from them" in " ".join(shown.stdout.split())
    assert "01632 960101" in shown.stdout
    told = json.loads(cme_gateway("reconcile", "--home", str(home), "--json").stdout)
    assert told["late"] == 1
    assert told["owed"][0]["message_id"] == message.header.message_id


@pytest.fixture
def late_home(tmp_path: Path) -> Path:
    """Sandwell, whose notice has had no receipt for five hours."""
    at = datetime.now(UTC) - timedelta(hours=5)
    gw, there = made(tmp_path / "333", "333", "Sandwell", at), made(tmp_path / "885", "885", "Worcestershire", at)
    introduce(gw, there)
    gw.store.run(lambda tx: queue_messages(tx, gw, prepare_messages(gw, [notice(now=at)], "olive")))
    for one in (gw, there):
        one.store.close()
    return tmp_path / "333"


def test_it_is_written_in_every_form_for_its_owner_only(late_home: Path, tmp_path: Path) -> None:
    need("Pango", "fonts")
    forms = {name: tmp_path / f"owed.{name}" for name in ("csv", "html", "pdf")}
    picture = tmp_path / "ageing.svg"
    words = [word for name, file in forms.items() for word in (f"--{name}", str(file))]
    done = cme_gateway("reconcile", "--home", str(late_home), *words, "--ageing", str(picture))
    assert done.returncode == 3
    assert done.stdout.count("Written:") == 4
    for file in (*forms.values(), picture):
        assert file.stat().st_mode & 0o777 == 0o600
    [_, row] = csv.reader(forms["csv"].read_text("utf-8-sig").splitlines())
    assert row[1] == "Worcestershire (885)"
    assert row[7] == "Overdue: service manager to call"
    assert "Outstanding replies and decisions" in forms["html"].read_text()
    assert forms["pdf"].read_bytes().startswith(b"%PDF-")
    assert picture.read_text().startswith("<svg")


def test_csv_goes_to_the_standard_output_alone(late_home: Path) -> None:
    done = cme_gateway("reconcile", "--home", str(late_home), "--csv", "-")
    assert done.stdout.startswith('\ufeff"Reference","Due from"')
    assert len(done.stdout.splitlines()) == 2
    for words in (("--csv", "-", "--json"), ("--pdf", "-")):
        assert cme_gateway("reconcile", "--home", str(late_home), *words).returncode == 2


def test_what_cannot_be_written_leaves_nothing_behind(late_home: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    for place, kept in ((taken, tmp_path), (tmp_path / "nowhere" / "owed.csv", tmp_path)):
        done = cme_gateway("reconcile", "--home", str(late_home), "--csv", str(place))
        assert "report.unwritable" in done.stderr
        assert [file for file in kept.iterdir() if file.name.startswith(".")] == []


async def test_what_many_owe_in_one_case_is_one_row(pair: tuple[Gateway, Gateway]) -> None:
    await exchanged(pair)
    [one] = owed(pair[0])
    birmingham, other_case = one._replace(partner="330"), one._replace(case=CaseId("another"), partner="330")
    assert reconcile.group_by_case([one, other_case, birmingham]) == [[one, birmingham], [other_case]]
