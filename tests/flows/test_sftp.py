"""Notices by SFTP, between two gateways and a real OpenSSH server."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncssh
import pytest

from adapters.route import Bundle, HandedOver, Login, NotReached, Parcel, RouteAddress, TryLater
from adapters.sftp import CLAIM_SECONDS, Sftp
from gateway import app, home_folder
from gateway.context import Gateway
from gateway.core.delivery import PATIENCE, RECEIPT_WAIT, DeliveryState
from gateway.errors import ConfigProblem
from gateway.exchange import collect
from gateway.exchange.collect import collect_from as visit
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages, send_notices
from gateway.monitoring import doctor
from gateway.store import audit_log, inbox, outbox
from tests.children import notice
from tests.conftest import free_port, introduce, make
from tests.flows.test_cards import find_held, note_shown
from tests.flows.test_exchange import Pair, state, until, whole
from tests.sshd import Sshd, new_key, sshd


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    with sshd(tmp_path / "sshd", free_port()) as made:
        yield made


@pytest.fixture
def pair(tmp_path: Path, server: Sshd, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Gateway, Gateway]]:
    """Sandwell, and Worcestershire, whose card names the server; its HTTPS port is closed to the world."""
    monkeypatch.setattr(collect, "LOOK_EVERY", 0.2)
    sandwell = make(tmp_path / "333", "333", "Sandwell")
    make(tmp_path / "885", "885", "Worcestershire").store.close()
    with (tmp_path / "885" / "gateway.toml").open("a") as settings:
        settings.write(f'\n[sftp]\nurl = "{server.url}"\nhost_key = "{server.host_key}"\n')
    for home in ("333", "885"):
        with (tmp_path / home / "gateway.toml").open("a") as settings:
            settings.write(f'\n[logins.885]\nuser = "{server.user}"\nkey_file = "{server.private_key}"\n')
    home_folder.renew_card(tmp_path / "885", by="test")
    sandwell.store.close()
    both = home_folder.open_gateway(tmp_path / "333"), home_folder.open_gateway(tmp_path / "885")
    introduce(*both)
    yield both
    for gw in both:
        gw.store.close()


def files(server: Sshd, folder: str) -> list[str]:
    return sorted(path.name for path in (server.folder / folder).iterdir())


async def test_when_https_is_cut_the_notice_goes_by_sftp_and_the_receipt_comes_back(pair: Pair, server: Sshd) -> None:
    sandwell, worcestershire = pair
    # Nobody answers at Worcestershire's port.
    async with app.run_gateway(sandwell):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.SENT)
        assert len(files(server, "in")) == 1
        async with app.run_gateway(worcestershire):
            await until(lambda: state(sandwell, sent) is DeliveryState.RECEIVED)
        await until(lambda: not files(server, "out"))
    assert worcestershire.store.look(lambda tx: inbox.get_message(tx, sent)).sender == "333"
    assert (files(server, "in"), files(server, "out")) == ([], [])


def carry(sandwell: Gateway) -> tuple[Sftp, RouteAddress]:
    """Sandwell's carrier, and Worcestershire's folder as Sandwell finds it."""
    carrier = sandwell.carriers["sftp"]
    assert isinstance(carrier, Sftp)
    [route] = [route for route in sandwell.trust.get_card("885").routes if route.kind == "sftp"]
    return carrier, sandwell.build_address("885", route)


def own(worcestershire: Gateway) -> RouteAddress:
    [route] = [route for route in worcestershire.own_card.routes if route.kind == "sftp"]
    return worcestershire.build_address("885", route)


async def closed(*both: Gateway) -> None:
    for gw in both:
        for carrier in gw.carriers.values():
            await carrier.close()


async def test_the_same_parcels_twice_are_one_file(pair: Pair, server: Sshd) -> None:
    """As after a crash between the hand-over and the note of it."""
    sandwell, worcestershire = pair
    carrier, address = carry(sandwell)
    [ready] = prepare_messages(sandwell, [notice()], "olive")
    for _ in range(2):
        assert await carrier.deliver(address, [Parcel(ready.message_id, ready.sealed)]) == [
            HandedOver("on their SFTP server")
        ]
    [name] = files(server, "in")
    assert name.startswith("333-")
    assert ready.message_id not in name
    assert await visit(worcestershire, "sftp", own(worcestershire)) == 1
    await closed(*pair)


async def test_what_is_not_ours_or_not_whole_is_left_alone(pair: Pair, server: Sshd) -> None:
    _, worcestershire = pair
    names = ["report.docx", ".abc.part", "333-short.sealed", "333-" + "a" * 64 + ".sealed.exe", "999"]
    for name in names:
        (server.folder / "in" / name).write_bytes(b"x")
    for _ in range(2):
        assert await visit(worcestershire, "sftp", own(worcestershire)) == 0
    assert files(server, "in") == sorted(names)
    [said] = worcestershire.store.look(lambda tx: audit_log.list_newest_entries(tx, act="route.strange"))
    # Once, and not how they are called.
    assert f'"count":{len(names)}' in said.entry
    assert "report" not in said.entry
    await closed(worcestershire)


async def test_what_was_left_half_written_is_said_once_nobody_can_be_writing_it(pair: Pair, server: Sshd) -> None:
    _, worcestershire = pair
    half = server.folder / "in" / f".{'a' * 64}.part"
    half.write_bytes(b"x")
    await visit(worcestershire, "sftp", own(worcestershire))
    assert worcestershire.strange == {}
    os.utime(half, (0, 0))
    await visit(worcestershire, "sftp", own(worcestershire))
    assert worcestershire.strange == {("sftp", "885"): 1}
    assert half.exists()
    await closed(worcestershire)


async def test_where_there_is_an_archive_what_was_taken_is_kept_there(pair: Pair, server: Sshd) -> None:
    sandwell, worcestershire = pair
    (server.folder / "archive").mkdir()
    carrier, address = carry(sandwell)
    [ready] = prepare_messages(sandwell, [notice()], "olive")
    # The same again takes the place of the first.
    for _ in range(2):
        await carrier.deliver(address, [Parcel(ready.message_id, ready.sealed)])
        [name] = files(server, "in")
        assert await visit(worcestershire, "sftp", own(worcestershire)) == 1
        assert files(server, "archive") == [name]
        assert files(server, "in") == []
    await closed(*pair)


async def test_what_was_damaged_on_the_server_is_refused_and_removed(pair: Pair, server: Sshd) -> None:
    sandwell, worcestershire = pair
    carrier, address = carry(sandwell)
    good, bad = prepare_messages(sandwell, [notice(), notice()], "olive")
    parcels = [Parcel(one.message_id, one.sealed) for one in (good, bad)]
    await carrier.deliver(address, parcels)
    [file] = (server.folder / "in").iterdir()
    file.write_bytes(file.read_bytes()[:-900])
    await visit(worcestershire, "sftp", own(worcestershire))
    [receipts] = (server.folder / "out").iterdir()
    assert len(receipts.read_text().split("\n")) == 2
    came = worcestershire.store.look(lambda tx: inbox.search_inbox(tx, worcestershire.now()))
    assert [one.message_id for one in came] == [good.message_id]
    await closed(*pair)


async def test_what_was_taken_by_a_process_that_died_is_taken_up_again(pair: Pair, server: Sshd) -> None:
    sandwell, worcestershire = pair
    carrier, address = carry(sandwell)
    [ready] = prepare_messages(sandwell, [notice()], "olive")
    await carrier.deliver(address, [Parcel(ready.message_id, ready.sealed)])
    theirs = worcestershire.carriers["sftp"]
    assert isinstance(theirs, Sftp)
    # And then the process dies.
    [bundle] = await theirs.collect(own(worcestershire))
    assert await theirs.collect(own(worcestershire)) == []
    assert isinstance(bundle, Bundle)
    taken = server.folder / "in" / bundle.name
    os.utime(taken, (taken.stat().st_atime, taken.stat().st_mtime - CLAIM_SECONDS - 1))
    assert await visit(worcestershire, "sftp", own(worcestershire)) == 1
    assert len(files(server, "out")) == 1
    await closed(*pair)


async def test_a_receipt_that_is_no_receipt_changes_nothing(pair: Pair, server: Sshd) -> None:
    sandwell, _ = pair
    _, address = carry(sandwell)
    [ready] = prepare_messages(sandwell, [notice()], "olive")
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, [ready]))
    (server.folder / "out" / f"333-{'b' * 64}.receipts").write_bytes(b"nonsense\n\xff\xfe\n" + ready.sealed)
    assert await visit(sandwell, "sftp", address) == 1
    assert state(sandwell, ready.message_id) is DeliveryState.QUEUED
    assert files(server, "out") == []
    await closed(sandwell)


async def test_a_server_that_shows_another_host_key_gets_nothing(pair: Pair, server: Sshd, tmp_path: Path) -> None:
    sandwell, _ = pair
    carrier, address = carry(sandwell)
    other = replace(address, pin=new_key(tmp_path / "other"))
    [attempt] = await carrier.deliver(other, [Parcel("x", b"sealed")])
    assert attempt == TryLater("the server's host key is not the one that is pinned")
    assert files(server, "in") == []


@pytest.mark.parametrize("harm", ["no login", "other key", "no such folder", "no server"])
async def test_a_server_that_does_not_let_us_is_named(pair: Pair, server: Sshd, tmp_path: Path, harm: str) -> None:
    sandwell, _ = pair
    carrier, address = carry(sandwell)
    new_key(tmp_path / "stranger")
    stranger = Login(server.user, (tmp_path / "stranger").read_bytes())
    cases = {
        "no login": (replace(address, login=None), "there is no login"),
        "other key": (replace(address, login=stranger), "refused the login"),
        "no such folder": (replace(address, url=f"{address.url}/nowhere"), "folder is not on the server"),
        "no server": (replace(address, url="sftp://127.0.0.1:1/nowhere"), "cannot be reached"),
    }
    where, says = cases[harm]
    [attempt] = await carrier.deliver(where, [Parcel("x", b"sealed")])
    assert isinstance(attempt, TryLater)
    assert says in attempt.reason
    with pytest.raises(NotReached, match=says):
        await carrier.collect(where)
    await closed(sandwell)


async def test_a_read_only_server_is_named(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    carrier, address = carry(sandwell)
    with sshd(tmp_path / "read-only", free_port(), "-R") as server:
        login = Login(server.user, server.private_key.read_bytes())
        [attempt] = await carrier.deliver(
            replace(address, url=server.url, pin=server.host_key, login=login), [Parcel("x", b"sealed")]
        )
        await closed(sandwell)
    assert attempt == TryLater("the server does not let the gateway write there")


async def test_a_full_server_is_named_and_takes_what_has_room(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    carrier, address = carry(sandwell)
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    with sshd(tmp_path / "full", free_port(), disk="64k") as server:
        login = Login(server.user, server.private_key.read_bytes())
        there = replace(address, url=server.url, pin=server.host_key, login=login)
        [attempt] = await carrier.deliver(there, [Parcel("x", b"A" * 100_000)])
        assert attempt == TryLater("the server failed to write there; its disk may be full")
        # Nothing half written is in its way.
        [attempt] = await carrier.deliver(there, [Parcel("x", b"A" * 10_000)])
        assert attempt == HandedOver("on their SFTP server")
        await closed(sandwell)


async def test_a_server_that_goes_and_comes_back_is_found_again(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    carrier, address = carry(sandwell)
    port = free_port()
    for turn in range(2):
        with sshd(tmp_path / f"turn-{turn}", port) as server:
            login = Login(server.user, server.private_key.read_bytes())
            there = replace(address, url=server.url, pin=server.host_key, login=login)
            assert await carrier.deliver(there, [Parcel("x", b"sealed")]) == [HandedOver("on their SFTP server")]
        [attempt] = await carrier.deliver(there, [Parcel("x", b"sealed")])
        assert isinstance(attempt, TryLater)


async def test_what_was_handed_over_and_never_receipted_is_delivered_again_and_given_up_in_the_end(pair: Pair) -> None:
    sandwell, _ = pair
    clock = sandwell.now
    async with app.run_gateway(sandwell):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: state(sandwell, sent) is DeliveryState.SENT)
        before = sandwell.store.look(lambda tx: outbox.get_delivery(tx, sent)).attempts
        sandwell.now = lambda: clock() + RECEIPT_WAIT + timedelta(minutes=1)
        await until(lambda: sandwell.store.look(lambda tx: outbox.get_delivery(tx, sent)).attempts > before)
        await until(lambda: state(sandwell, sent) is DeliveryState.SENT)
        sandwell.now = lambda: clock() + PATIENCE + timedelta(minutes=1)
        await until(lambda: state(sandwell, sent) is DeliveryState.FAILED)
    assert "no delivery receipt" in (sandwell.store.look(lambda tx: outbox.get_delivery(tx, sent)).reason or "")


class Door(asyncssh.SSHServer):
    """Lets in whoever knows the password."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("sandwell", "the password of this test")


async def test_we_sign_in_with_a_password_where_the_server_wants_one(pair: Pair, tmp_path: Path) -> None:
    """At another kind of server: asyncssh's own."""
    sandwell, _ = pair
    carrier, address = carry(sandwell)
    (tmp_path / "theirs" / "in").mkdir(parents=True)
    pin = new_key(tmp_path / "server_key")
    server = await asyncssh.create_server(
        Door,
        "127.0.0.1",
        0,
        server_host_keys=[str(tmp_path / "server_key")],
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(tmp_path / "theirs").encode()),
    )
    url = f"sftp://127.0.0.1:{server.get_port()}/"
    for password, ending in (("the password of this test", HandedOver), ("another", TryLater)):
        there = replace(address, url=url, pin=pin, login=Login("sandwell", password=password))
        [attempt] = await carrier.deliver(there, [Parcel("x", b"sealed")])
        assert isinstance(attempt, ending)
    await closed(sandwell)
    server.close()
    await server.wait_closed()
    assert len(list((tmp_path / "theirs" / "in").iterdir())) == 1


def test_a_login_that_cannot_be_read_is_a_wrong_setting(tmp_path: Path) -> None:
    make(tmp_path / "333", "333", "Sandwell").store.close()
    with (tmp_path / "333" / "gateway.toml").open("a") as settings:
        settings.write('\n[logins.885]\nuser = "sandwell"\nkey_file = "no-such-key"\n')
    with pytest.raises(ConfigProblem) as caught:
        home_folder.open_gateway(tmp_path / "333")
    assert caught.value.code == "config.secret"
    assert "no-such-key" in caught.value.next_in_terminal


def test_doctor_says_whose_login_is_missing(pair: Pair) -> None:
    sandwell, worcestershire = pair
    assert not [one for gw in pair for one in doctor.run_checks(gw) if "no login" in one.detail]
    for gw, name, result in ((sandwell, "route to 885", "warn"), (worcestershire, "our SFTP folder", "fail")):
        gw.logins = {}
        assert (name, result) in {(one.name, one.result) for one in doctor.run_checks(gw)}


async def test_a_newer_card_lies_there_for_who_cannot_be_asked_and_a_receipt_says_that_it_came(
    pair: Pair, server: Sshd
) -> None:
    """Neither asks the other over HTTPS: the card goes by SFTP alone."""
    sandwell, worcestershire = pair
    note_shown(sandwell, "885")
    home_folder.renew_card(sandwell.config.home, by="ines")
    for gw in pair:
        gw.carriers = {kind: carrier for kind, carrier in gw.carriers.items() if kind != "https"}
    async with app.run_gateway(sandwell):
        await until(lambda: len(files(server, "in")) == 1)
        async with app.run_gateway(worcestershire):
            await until(lambda: worcestershire.trust.get_card("333").serial == 2)
            await until(lambda: find_held(sandwell, "885") == 2)
        await until(lambda: not files(server, "out"))
    # Nothing of it was taken for a message.
    acts = [entry.act for entry in worcestershire.store.look(lambda tx: list(audit_log.list_entries(tx)))]
    assert acts.count("card.taken") == 1
    assert not {"message.refused", "message.kept", "route.strange"} & set(acts)
    assert not whole(worcestershire).faults
