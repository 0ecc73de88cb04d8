"""A keeper confirms members, builds, signs and publishes; and whoever wants no more exchange with a partner ends it."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway import app, home_folder
from gateway.authorities import partners, suspend
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.failure_cause import REMOVED, FailureCause, find_failure_cause
from gateway.core.findings import FindingLevel
from gateway.directories import rounds, take
from gateway.errors import NotAllowed, NotFound
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import send_notices
from gateway.store import outbox
from gateway.store import partners as stored_partners
from keys import card, directory
from keys.errors import RefusalCode
from tests.children import notice
from tests.command import run_command
from tests.conftest import introduce, make
from tests.directories import SCHEME, Keeper, build_member, join_scheme, list_member
from tests.flows.test_directories import Pair, entries, findings, joined, partner
from tests.flows.test_exchange import until
from tests.refusals import expect_refusal


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Pair]:
    """Sandwell, which keeps the directory, and Worcestershire; they have never spoken."""
    sandwell, worcestershire = make(tmp_path / "333", "333", "S"), make(tmp_path / "885", "885", "W")
    yield sandwell, worcestershire
    for gw in (sandwell, worcestershire):
        gw.store.close()


def run(gw: Gateway, *words: str, code: int = 0, say: str = "") -> dict[str, Any]:
    """Run a command in this home; its answer, where it ends as expected."""
    done = run_command(*words, "--home", str(gw.config.home), "--json", say=say)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout and not code else {"error": done.stderr}


def save_card(gw: Gateway) -> str:
    return str(gw.config.home / home_folder.CARD_FILE)


def set_up(keeper: Gateway, member: Gateway) -> dict[str, Any]:
    """A keeper with one member, whose fingerprint it was told, and a first version."""
    made = run(keeper, "directory", "create", SCHEME, "West Midlands")
    shown = card.compute_fingerprint(member.own_card)
    run(keeper, "directory", "add", save_card(member), "--fingerprint", shown)
    assert run(keeper, "directory", "build")["version"] == 1
    run(keeper, "directory", "sign")
    run(keeper, "directory", "publish")
    return made


async def test_a_keeper_and_a_member_need_one_call_and_then_exchange_notices(two: Pair) -> None:
    """From the commands of both to a notice that is received, with real servers."""
    sandwell, worcestershire = two
    made = set_up(sandwell, worcestershire)
    sandwell.refresh_trust()
    assert sandwell.trust.list_authorities() == ["885"]
    async with app.run_gateway(sandwell):
        text = await rounds.fetch_text(worcestershire, made["url"])
        await worcestershire.carriers["https"].close()
        # The person types what the keeper reads out; it is shown nowhere before.
        words = ("directory", "join", made["url"], "--home", str(worcestershire.config.home))
        asked = await asyncio.to_thread(run_command, *words, say=f"{made['fingerprint']}\n")
        assert asked.returncode == 0, asked.stderr
        assert "1 authority added" in asked.stdout
        assert made["fingerprint"] not in asked.stderr
        # What is published from then on comes by itself.
        for step in ("build", "sign", "publish"):
            await asyncio.to_thread(run, sandwell, "directory", step)
        worcestershire.refresh_trust()
        send_notices(worcestershire, [notice("885", "333")], "agnes")
        async with app.run_gateway(worcestershire):
            await until(lambda: worcestershire.store.look(lambda tx: outbox.count_under_way(tx, "333")) == 0)
            await until(lambda: joined(worcestershire).version == 2)
    [sent] = worcestershire.store.look(outbox.search_outbox)
    assert sent.state is DeliveryState.RECEIVED
    assert directory.read(text).version == 1


async def test_what_is_published_is_given_to_whoever_has_its_address(two: Pair, tmp_path: Path) -> None:
    sandwell, worcestershire = two
    made = set_up(sandwell, worcestershire)
    run(sandwell, "directory", "build")
    run(sandwell, "directory", "sign")
    run(sandwell, "directory", "publish", "--folder", str(tmp_path))
    newest = (tmp_path / "directory.jwt").read_text()
    assert (tmp_path / "directory-2.jwt").read_text() == newest
    async with app.run_gateway(sandwell), aiohttp.ClientSession() as session:
        async with session.get(made["url"], ssl=False) as answer:
            assert (answer.status, await answer.text()) == (200, newest)
        for url in (
            made["url"].replace(".jwt", "x.jwt"),
            f"{sandwell.config.exchange_url}/directory/x.jwt",
            f"{worcestershire.config.exchange_url}/directory/x.jwt",
        ):
            if url.startswith(sandwell.config.exchange_url):
                async with session.get(url, ssl=False) as answer:
                    assert answer.status == 404
        # What members compare is for partners.
        for path in ("directories", f"directories/{SCHEME}"):
            async with session.get(f"{sandwell.config.exchange_url}/{path}", ssl=False) as answer:
                assert answer.status == 401


def test_the_steps_of_a_keeper_are_refused_out_of_their_order(two: Pair) -> None:
    sandwell, worcestershire = two
    run(sandwell, "directory", "build", code=4)
    run(sandwell, "directory", "create", "no/name", "West Midlands", code=5)
    run(sandwell, "directory", "create", SCHEME, "West Midlands", "--days", "401", code=5)
    run(sandwell, "directory", "create", SCHEME, "West Midlands")
    run(sandwell, "directory", "create", SCHEME, "West Midlands", code=5)
    run(sandwell, "directory", "sign", code=5)
    run(sandwell, "directory", "publish", code=5)
    run(sandwell, "directory", "add", save_card(worcestershire), code=5)
    run(sandwell, "directory", "add", save_card(worcestershire), "--fingerprint", "1" * 40, code=5)
    run(sandwell, "directory", "suspend", "885", code=4)
    assert [it["serial"] for it in entries(sandwell, "directory.added")] == []


def test_a_member_is_suspended_ended_and_let_go_on_by_its_keeper(two: Pair) -> None:
    sandwell, worcestershire = two
    made = set_up(sandwell, worcestershire)
    refused = run(sandwell, "directory", "end", "885", "--successor", "885", code=5)
    assert "directory.successor" in refused["error"]
    for words, status in (
        (("suspend", "885"), "suspended"),
        (("end", "885", "--successor", "333"), "ended"),
        (("resume", "885"), "active"),
    ):
        run(sandwell, "directory", *words)
        changed = run(sandwell, "directory", "build")["changes"]
        assert len(changed) == 1
        run(sandwell, "directory", "sign")
        run(sandwell, "directory", "publish")
        assert partner(sandwell, "885").is_suspended == (status != "active")
    assert joined(sandwell).version == 4
    # Its own newer card is in the next version, and so is a new key, without a call.
    home_folder.renew_card(sandwell.config.home, by="ines")
    shown = run(sandwell, "directory", "rotate-key")["fingerprint"]
    assert shown != made["fingerprint"]
    assert [line.rpartition(": ")[2] for line in run(sandwell, "directory", "build")["changes"]] == ["newer card"]
    run(sandwell, "directory", "sign")
    run(sandwell, "directory", "publish")
    status_now = run(sandwell, "directory", "status")
    assert [it["fingerprint"] for it in status_now["joined"]] == [shown]
    assert status_now["kept"]["fingerprint"] == shown


def test_a_keeper_that_was_restored_goes_on_from_the_newest_that_a_member_has(two: Pair) -> None:
    """Or it would sign a number twice, and be found out as a liar."""
    sandwell, worcestershire = two
    set_up(sandwell, worcestershire)
    published = sandwell.config.home / "directory" / "directory.jwt"
    old = published.read_text()
    run(sandwell, "directory", "build")
    run(sandwell, "directory", "sign")
    run(sandwell, "directory", "publish")
    newest = published.read_text()
    published.write_text(old)
    assert run(sandwell, "directory", "build")["version"] == 3
    run(sandwell, "directory", "sign")
    run(sandwell, "directory", "publish")
    assert (
        directory.find_fork(
            directory.list_history(directory.read(newest), newest),
            directory.list_history(directory.read(published.read_text()), published.read_text()),
        )
        is None
    )


def test_a_keeper_that_could_not_write_into_the_folder_never_signs_that_number_again(two: Pair, tmp_path: Path) -> None:
    """The folder of the web server is full or gone: what may have been seen there stands, and is published again."""
    sandwell, worcestershire = two
    set_up(sandwell, worcestershire)
    run(sandwell, "directory", "build")
    run(sandwell, "directory", "sign")
    run(sandwell, "directory", "publish", "--folder", str(tmp_path / "gone"), code=1)
    assert joined(sandwell).version == 2
    run(sandwell, "directory", "publish", "--folder", str(tmp_path))
    assert (tmp_path / "directory.jwt").read_text() == (tmp_path / "directory-2.jwt").read_text()
    assert run(sandwell, "directory", "build")["version"] == 3


def test_a_directory_is_taken_and_checked_as_a_file(two: Pair, tmp_path: Path) -> None:
    sandwell, worcestershire = two
    keeper, file = Keeper(), tmp_path / "directory.jwt"
    file.write_text(keeper.publish(sandwell, *map(list_member, two)))
    assert run(sandwell, "directory", "verify", str(file))["joined"] is False
    run(sandwell, "directory", "join", "--file", str(file), code=5)
    joining = run(sandwell, "directory", "join", "--file", str(file), "--fingerprint", keeper.fingerprint)
    assert joining["added"] == ["885"]
    run(sandwell, "directory", "fetch", SCHEME, code=5)
    file.write_text(keeper.publish(sandwell, *map(list_member, two), build_member(sandwell.own_card, "330")[0]))
    assert run(sandwell, "directory", "verify", str(file))["version"] == 2
    assert run(sandwell, "directory", "fetch", SCHEME, "--file", str(file))["added"] == ["330"]
    assert run(sandwell, "directory", "fetch", SCHEME, "--file", str(file))["is_taken"] is False
    file.write_text(keeper.signed[0])
    assert "directory.older" in run(sandwell, "directory", "verify", str(file), code=5)["error"]
    assert worcestershire.trust.list_authorities() == []


async def test_a_suspended_partner_is_sent_and_accepted_nothing_and_what_waited_goes_when_it_is_resumed(
    pair: Pair,
) -> None:
    sandwell, worcestershire = pair
    send_notices(sandwell, [notice()], "agnes")
    assert run(sandwell, "partner", "suspend", "885") == {"suspended": "885", "waiting": 1}
    run(sandwell, "partner", "suspend", "885", code=5)
    sandwell.refresh_trust()
    with expect_refusal(RefusalCode.CARD_SUSPENDED):
        prepare_messages(sandwell, [notice()], "agnes")
    its = findings(sandwell)["suspended: 885"]
    assert its.level is FindingLevel.WARN
    assert "Messages that wait: 1" in its.sentence
    send_notices(worcestershire, [notice("885", "333")], "agnes")
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        # Each is tried, and neither arrives: one is not sent, the other not let in.
        await until(lambda: bool(_reasons(sandwell)) and bool(_reasons(worcestershire)))
        assert find_failure_cause(_reasons(sandwell)[0]) is FailureCause.SUSPENDED
        assert "401" in _reasons(worcestershire)[0]
        assert suspend.resume_partner(sandwell, "885", by="ines")
        await until(lambda: sandwell.store.look(lambda tx: outbox.count_under_way(tx, "885")) == 0)
    assert [one["waiting"] for one in entries(sandwell, "partner.suspended")] == [1]
    with pytest.raises(NotAllowed):
        suspend.resume_partner(sandwell, "885", by="ines")


def _reasons(gw: Gateway) -> list[str]:
    return [sent.reason for sent in gw.store.look(outbox.search_outbox) if sent.reason]


async def test_a_partner_that_is_removed_leaves_a_task_for_each_message(two: Pair) -> None:
    sandwell, worcestershire = two
    introduce(sandwell, worcestershire)
    send_notices(sandwell, [notice()], "agnes")
    assert run(sandwell, "partner", "remove", "885") == {"removed": "885", "waiting": 1}
    sandwell.refresh_trust()
    assert sandwell.trust.list_authorities() == []
    [failed] = sandwell.store.look(lambda tx: outbox.list_failed(tx, (), None))
    assert (failed.recipient, find_failure_cause(failed.reason)) == ("885", FailureCause.REMOVED)
    assert entries(sandwell, "notice.failed") == [{"reason": REMOVED}]
    run(sandwell, "partner", "remove", "885", code=4)
    # Whoever retries it is told again.
    sandwell.store.run(lambda tx: outbox.release_deliveries(tx, sandwell.now()))
    assert sandwell.store.look(outbox.list_stranded) == ["885"]
    async with app.run_gateway(sandwell):
        await until(lambda: sandwell.store.look(outbox.list_stranded) == [])
    assert len(entries(sandwell, "notice.failed")) == 2
    with pytest.raises(NotFound):
        suspend.suspend_partner(sandwell, "885", by="ines")


def test_no_directory_brings_back_a_partner_that_a_person_removed(two: Pair) -> None:
    sandwell, worcestershire = two
    keeper = Keeper()
    join_scheme(sandwell, keeper.publish(sandwell, list_member(worcestershire)), keeper)
    suspend.remove_partner(sandwell, "885", by="ines")
    for _ in range(2):
        assert take.take_directory(sandwell, keeper.publish(sandwell, list_member(worcestershire)), SCHEME).added == []
    # A person may.
    partners.add_partner(sandwell, worcestershire.own_card_text, by="ines")
    assert partner(sandwell, "885").trusted_by is None


def test_a_scheme_that_was_left_changes_nothing_more(two: Pair) -> None:
    sandwell, worcestershire = two
    scheme = Keeper()
    text = scheme.publish(sandwell, list_member(worcestershire))
    join_scheme(sandwell, text, scheme)
    assert run(sandwell, "directory", "leave", SCHEME) == {"left": SCHEME, "partners": 1}
    run(sandwell, "directory", "leave", SCHEME, code=4)
    with pytest.raises(NotFound):
        take.take_directory(sandwell, scheme.publish(sandwell), SCHEME)
    assert not partner(sandwell, "885").is_suspended
    assert f"directory of {SCHEME}" not in findings(sandwell)
    # Joined again, it is followed again.
    join_scheme(sandwell, scheme.publish(sandwell), scheme)
    assert partner(sandwell, "885").is_suspended


def test_a_suspension_of_ours_outlasts_a_newer_card_and_a_directory(two: Pair) -> None:
    sandwell, worcestershire = two
    keeper = Keeper()
    join_scheme(sandwell, keeper.publish(sandwell, list_member(worcestershire)), keeper)
    suspend.suspend_partner(sandwell, "885", by="ines")
    take.take_directory(sandwell, keeper.publish(sandwell, list_member(worcestershire, status="suspended")), SCHEME)
    take.take_directory(sandwell, keeper.publish(sandwell, list_member(worcestershire)), SCHEME)
    assert partner(sandwell, "885").is_suspended
    home_folder.renew_card(worcestershire.config.home, by="ines")
    newer = (worcestershire.config.home / home_folder.CARD_FILE).read_text()
    partners.add_partner(sandwell, newer, by="ines")
    held = sandwell.store.look(lambda tx: stored_partners.get_partner(tx, "885"))
    assert (held.serial, held.is_suspended, held.suspended_by) == (2, True, "ines")
    # Ours is ended here, theirs is not.
    take.take_directory(sandwell, keeper.publish(sandwell, list_member(worcestershire)), SCHEME)
    assert suspend.resume_partner(sandwell, "885", by="ines")
