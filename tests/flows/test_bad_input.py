"""What goes wrong outside: clocks, cards, certificates, keys and disks.

Nothing is lost, and a person is told what to do.
"""

import asyncio
import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from gateway import app, home_folder
from gateway.authorities.partners import add_partner
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.errors import StoreUnavailable
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.release import release_all
from gateway.exchange.send import send_notices
from gateway.store import audit_log, inbox, outbox
from keys import tls
from keys.errors import RefusalCode
from keys.jose import decode, encode
from schemas.shapes import MessageId
from tests.children import notice
from tests.command import run_command
from tests.conftest import free_port, introduce, make, new_database
from tests.flows.test_exchange import Pair, codes, state, until
from tests.postgres import server
from tests.refusals import expect_refusal

DAY = timedelta(days=1)


def later(gw: Gateway, by: timedelta) -> None:
    clock = gw.now
    gw.now = lambda: clock() + by


def last_reason(gw: Gateway, message_id: MessageId) -> str:
    return gw.store.look(lambda tx: outbox.get_delivery(tx, message_id)).reason or ""


def read_only(gw: Gateway) -> Callable[[], None]:
    """Make the database refuse every change; gives what makes it writable again.

    Each connection learns it when it is taken: none is closed, for a loop may be in the middle of its work.
    """
    engine = gw.store.engine
    postgresql = engine.dialect.name == "postgresql"
    mode = {"on": "on"}

    def set_mode(connection: Any, *_: object) -> None:
        cursor = connection.cursor()
        cursor.execute(
            f"SET default_transaction_read_only = {mode['on']}" if postgresql else f"PRAGMA query_only = {mode['on']}"
        )
        cursor.close()
        if postgresql:
            connection.commit()

    event.listen(engine, "checkout", set_mode)
    return lambda: mode.update(on="off")


async def test_while_their_database_is_read_only_a_notice_waits_and_then_arrives(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        again = read_only(worcestershire)
        with pytest.raises(StoreUnavailable) as caught:
            await worcestershire.store.write(
                lambda tx: audit_log.append_entries(tx, worcestershire.now(), [audit_log.AuditEntry("test", "x")])
            )
        assert caught.value.code == "store.read-only"
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: "503" in last_reason(sandwell, sent))
        assert state(sandwell, sent) is DeliveryState.QUEUED
        again()
        release_all(sandwell, None, by="ines")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)


async def test_delivery_goes_on_by_itself_when_our_own_database_is_back(pair: Pair) -> None:
    sandwell, worcestershire = pair
    async with app.run_gateway(sandwell):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        # Nobody answers yet.
        await until(lambda: bool(last_reason(sandwell, sent)))
        release_all(sandwell, None, by="ines")
        await until(lambda: sandwell.store.look(lambda tx: outbox.get_delivery(tx, sent)).attempts > 1)
        again = read_only(sandwell)
        sandwell.due.set()
        # The loop looks, and fails, more than once.
        await asyncio.sleep(2.5)
        again()
        release_all(sandwell, None, by="ines")
        async with app.run_gateway(worcestershire):
            await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)


async def test_a_database_server_that_crashes_and_comes_back_stops_nothing_for_good(tmp_path: Path) -> None:
    # It is killed.
    with server(free_port(), durable=True) as database:
        sandwell = make(tmp_path / "333", "333", "Sandwell", new_database(database.url))
        worcestershire = make(tmp_path / "885", "885", "Worcestershire")
        introduce(sandwell, worcestershire)
        async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
            database.stop()
            with pytest.raises(StoreUnavailable) as caught:
                send_notices(sandwell, [notice()], by="olive")
            assert caught.value.code == "store.unreachable"
            # The loops look, and fail, more than once.
            await asyncio.sleep(2.5)
            database.start()
            [sent] = send_notices(sandwell, [notice()], by="olive")
            await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
        for gw in (sandwell, worcestershire):
            gw.store.close()


async def test_another_certificate_than_the_one_on_the_card_gets_nothing(pair: Pair) -> None:
    sandwell, worcestershire = pair
    key, certificate = tls.self_signed("127.0.0.1", now=worcestershire.now(), days=9)
    (worcestershire.config.home / home_folder.TLS_KEY).write_bytes(key)
    (worcestershire.config.home / home_folder.TLS_CERTIFICATE).write_bytes(certificate)
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: bool(last_reason(sandwell, sent)))
    assert last_reason(sandwell, sent) == "the partner's certificate is not the one on its card"
    assert worcestershire.store.look(lambda tx: inbox.search_inbox(tx, worcestershire.now())) == []


async def test_nothing_is_sealed_to_a_card_that_has_expired(pair: Pair) -> None:
    sandwell, _ = pair
    later(sandwell, 366 * DAY)
    with expect_refusal(RefusalCode.CARD_EXPIRED):
        send_notices(sandwell, [notice(now=sandwell.now())], by="olive")
    assert sandwell.store.look(lambda tx: outbox.search_outbox(tx)) == []


async def test_nothing_is_taken_from_an_authority_whose_card_has_expired(pair: Pair) -> None:
    sandwell, worcestershire = pair
    later(worcestershire, 366 * DAY)
    sealed = prepare_messages(sandwell, [notice()], "olive")[0].sealed
    [token] = await receive_parcels(worcestershire, [sealed], "333")
    later(sandwell, 366 * DAY)
    assert codes(sandwell, worcestershire, token, sealed) == ("card.expired",)


async def test_what_a_fast_clock_sealed_waits_until_that_time_has_come(pair: Pair) -> None:
    sandwell, worcestershire = pair
    later(sandwell, timedelta(minutes=10))
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: bool(last_reason(sandwell, sent)))
        assert state(sandwell, sent) is DeliveryState.QUEUED
        assert worcestershire.store.look(lambda tx: inbox.search_inbox(tx, worcestershire.now())) == []
        later(worcestershire, timedelta(minutes=10))
        release_all(sandwell, None, by="ines")
        await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)


@pytest.mark.parametrize("kid", ["../../etc/passwd", "333-enc-0000000000000000", "a" * 400, "885 enc"])
async def test_a_key_id_is_a_name_and_nothing_else(pair: Pair, kid: str) -> None:
    sandwell, worcestershire = pair
    sealed = prepare_messages(sandwell, [notice()], "olive")[0].sealed
    head, _, body = sealed.partition(b".")
    header = json.loads(decode(head)) | {"kid": kid}
    bad = encode(json.dumps(header, separators=(",", ":")).encode()).encode() + b"." + body
    [token] = await receive_parcels(worcestershire, [bad], "333")
    [code] = codes(sandwell, worcestershire, token, bad)
    assert code in ("envelope.malformed", "key.unknown")


async def test_what_is_cut_short_or_not_ascii_is_refused_by_name(pair: Pair) -> None:
    sandwell, worcestershire = pair
    sealed = prepare_messages(sandwell, [notice()], "olive")[0].sealed
    for bad in (
        sealed[: len(sealed) // 2],
        sealed[:-1],
        sealed + b"A" * 4,
        sealed[:100] + b"\xe9" + sealed[101:],
        b".",
    ):
        [token] = await receive_parcels(worcestershire, [bad], "333")
        [code] = codes(sandwell, worcestershire, token, bad)
        assert code in ("envelope.malformed", "envelope.does-not-decrypt")
    [good] = await receive_parcels(worcestershire, [sealed], "333")
    assert codes(sandwell, worcestershire, good, sealed) == ()


def command(home: Path, *words: str, say: str = "") -> subprocess.CompletedProcess[str]:
    return run_command(*words, "--home", str(home), say=say)


def test_keys_that_others_may_read_and_keys_that_are_broken_are_named(tmp_path: Path) -> None:
    make(tmp_path / "333", "333", "Sandwell").store.close()
    ring = tmp_path / "333" / "keys" / "ring.json"
    ring.chmod(0o644)
    with expect_refusal(RefusalCode.RING_EXPOSED):
        home_folder.open_gateway(tmp_path / "333")
    ring.chmod(0o600)
    ring.write_bytes(ring.read_bytes()[:-40])
    with expect_refusal(RefusalCode.RING_UNREADABLE):
        home_folder.open_gateway(tmp_path / "333")
    shown = command(tmp_path / "333", "outbox")
    assert shown.returncode == 78
    assert "ring.unreadable" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_partner_is_added_only_when_a_person_says_that_the_digits_agree(tmp_path: Path) -> None:
    for code, name in (("333", "Sandwell"), ("885", "Worcestershire")):
        make(tmp_path / code, code, name).store.close()
    theirs = str(tmp_path / "885" / home_folder.CARD_FILE)
    refused = command(tmp_path / "333", "partner", "add", theirs, say="n\n")
    assert refused.returncode == 5
    assert "Worcestershire (885)" in refused.stderr
    assert command(tmp_path / "333", "partner", "show", "885").returncode == 4
    assert command(tmp_path / "333", "partner", "add", theirs, say="y\n").returncode == 0

    assert command(tmp_path / "885", "keys", "rotate").returncode == 0
    # Nothing is asked: the identity is the same.
    renewed = command(tmp_path / "333", "partner", "add", theirs)
    assert renewed.returncode == 0, renewed.stderr


async def test_after_a_rotation_both_what_was_sealed_before_and_what_is_sealed_after_opens(tmp_path: Path) -> None:
    sandwell, before = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(sandwell, before)
    early = prepare_messages(sandwell, [notice()], "olive")[0].sealed
    before.store.close()
    home_folder.rotate_keys(tmp_path / "885", by="ines")
    after = home_folder.open_gateway(tmp_path / "885")
    add_partner(sandwell, (tmp_path / "885" / home_folder.CARD_FILE).read_text(), by="test")
    late = prepare_messages(sandwell, [notice()], "olive")[0].sealed
    tokens = await receive_parcels(after, [early, late], "333")
    assert [codes(sandwell, after, token, sealed) for token, sealed in zip(tokens, (early, late), strict=True)] == [
        (),
        (),
    ]
    acts = {entry.act for entry in after.store.look(lambda tx: list(audit_log.list_entries(tx)))}
    assert {"keys.rotated", "card.renewed"} <= acts
    for gw in (sandwell, after):
        gw.store.close()


def test_a_command_that_cannot_do_its_work_says_so_in_a_sentence(tmp_path: Path) -> None:
    make(tmp_path / "333", "333", "Sandwell").store.close()
    (tmp_path / "a-file").write_text("x")
    for words, code in (
        (("audit", "verify", "--export", str(tmp_path / "nowhere")), "audit.not-an-export"),
        (("audit", "export", str(tmp_path / "a-file" / "inside")), "audit.not-written"),
        (("send", str(tmp_path / "nowhere.xml")), "file.not-found"),
        (("send", str(tmp_path)), "file.unreadable"),
        (("send", str(tmp_path / "a-file")), "xml.not-xml"),
        (("partner", "add", str(tmp_path / "a-file")), "card.malformed"),
        (("acknowledge", "no-such-id"), "inbox.not-found"),
        (("withdraw", "no-such-id", "sent-in-error"), "outbox.not-found"),
    ):
        done = command(tmp_path / "333", *words)
        assert done.returncode in (1, 4, 5), words
        assert code in done.stderr, words
        assert "Traceback" not in done.stderr


def test_what_others_wrote_is_shown_as_they_wrote_it(tmp_path: Path) -> None:
    """Neither a name on a card nor the name of a file is taken for markup."""
    make(tmp_path / "333", "333", "Sandwell").store.close()
    make(tmp_path / "885", "885", "[/red] [bold]Worcestershire").store.close()
    add_theirs = ("partner", "add", str(tmp_path / "885" / home_folder.CARD_FILE))
    assert "[/red] [bold]Worcestershire (885)" in command(tmp_path / "333", *add_theirs, say="y\n").stderr
    for words in (("partner", "list"), ("partner", "show", "885")):
        assert "[/red]" in command(tmp_path / "333", *words).stdout
    shown = command(tmp_path / "333", "send", "[/red].xml")
    assert shown.returncode == 4
    assert "[/red].xml" in shown.stderr
