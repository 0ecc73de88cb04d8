"""What `doctor` finds: each thing that does not hold is named, with what mends it."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from gateway import home_folder
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages
from gateway.monitoring import doctor
from gateway.store import outbox
from gateway.store.outbox import SettledTry
from keys import tls
from tests.children import notice
from tests.conftest import introduce, make
from tests.flows.test_bad_input import command


def test_doctor_says_what_is_wrong_and_what_mends_it(tmp_path: Path) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    gw.store.close()
    card = (tmp_path / "333" / home_folder.CARD_FILE).read_text()
    home_folder.rotate_keys(tmp_path / "333", by="ines")
    # As after a crash between the keys and the card.
    (tmp_path / "333" / home_folder.CARD_FILE).write_text(card)
    shown = command(tmp_path / "333", "doctor")
    assert shown.returncode == 1
    assert "card renew" in shown.stdout
    assert command(tmp_path / "333", "card", "renew").returncode == 0
    assert command(tmp_path / "333", "doctor").returncode == 0


def exposed(gw: Gateway) -> None:
    (gw.config.home / home_folder.PASSPHRASE).chmod(0o644)


def without_tls_key(gw: Gateway) -> None:
    (gw.config.home / home_folder.TLS_KEY).unlink()


def another_certificate(gw: Gateway) -> None:
    _, certificate = tls.self_signed("127.0.0.1", now=gw.now(), days=9)
    (gw.config.home / home_folder.TLS_CERTIFICATE).write_bytes(certificate)


def ten_months_on(gw: Gateway) -> None:
    clock = gw.now
    gw.now = lambda: clock() + timedelta(days=310)


def two_years_on(gw: Gateway) -> None:
    clock = gw.now
    gw.now = lambda: clock() + timedelta(days=740)


def given_up(gw: Gateway) -> None:
    [ready] = prepare_messages(gw, [notice()], "olive")
    gw.store.run(lambda tx: queue_messages(tx, gw, [ready]))
    ending = SettledTry(ready.message_id, DeliveryState.FAILED, "https", "gave up", "nobody answers")
    gw.store.run(lambda tx: outbox.settle_deliveries(tx, gw.now(), [ending]))


def long_undelivered(gw: Gateway) -> None:
    gw.store.run(lambda tx: queue_messages(tx, gw, prepare_messages(gw, [notice()], "olive")))
    clock = gw.now
    gw.now = lambda: clock() + timedelta(hours=2)


def log_changed(gw: Gateway) -> None:
    def change(tx: Connection) -> None:
        tx.exec_driver_sql("DROP TRIGGER audit_entries_no_update")
        tx.exec_driver_sql("UPDATE audit_entries SET entry = replace(entry, 'test', 'nobody')")

    gw.store.run(change)


@pytest.mark.parametrize(
    ("harm", "name", "result"),
    [
        (exposed, "passphrase", "warn"),
        (without_tls_key, "tls.key", "fail"),
        (another_certificate, "card and certificate", "fail"),
        (ten_months_on, "our card", "warn"),
        (ten_months_on, "card of 885", "warn"),
        (two_years_on, "our card", "fail"),
        (two_years_on, "our certificate", "fail"),
        (two_years_on, "card of 885", "fail"),
        (given_up, "notices given up", "warn"),
        (long_undelivered, "undelivered notices", "warn"),
        (log_changed, "audit log", "fail"),
    ],
)
def test_each_thing_that_does_not_hold_is_named(
    tmp_path: Path, harm: Callable[[Gateway], None], name: str, result: str
) -> None:
    gw, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(gw, there)
    # It is not running.
    assert {one.name for one in doctor.run_checks(gw) if one.result != "ok"} == {"gateway"}
    harm(gw)
    found = {one.name: one.result for one in doctor.run_checks(gw)}
    assert found[name] == result
    for one in (gw, there):
        one.store.close()


def test_doctor_says_the_same_to_a_script(tmp_path: Path) -> None:
    make(tmp_path / "333", "333", "Sandwell").store.close()
    checks = json.loads(command(tmp_path / "333", "doctor", "--json").stdout)["checks"]
    [partners] = [one for one in checks if one["check"] == "partners"]
    assert (partners["result"], "partner add" in partners["detail"]) == ("warn", True)
