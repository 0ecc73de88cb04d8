"""Somebody who is no party cosigns our audit log: what it signs can be checked by anyone, what it refuses is said."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import app, home_folder
from gateway.auditing import audit, outside_witnesses
from gateway.context import SYSTEM, Gateway
from gateway.core.findings import FindingLevel, HealthFinding
from gateway.core.witness_answers import WitnessTrouble
from gateway.monitoring import health
from gateway.settings.witness_policy import WitnessPolicy, parse_policy
from gateway.store import audit_log, cosignatures
from gateway.store.audit_log import AuditEntry
from keys import note
from keys.trust import Trust
from tests.command import run_command
from tests.conftest import make
from tests.flows.test_exchange import until
from tests.outside_witness import Witness, run_witness

NORTH, SOUTH = "north.example/w1", "south.example/w1"


@pytest.fixture
async def witnesses(tmp_path: Path) -> AsyncIterator[list[Witness]]:
    """Two, which listen."""
    made = [Witness(NORTH), Witness(SOUTH)]
    async with AsyncExitStack() as running:
        for number, witness in enumerate(made):
            (tmp_path / str(number)).mkdir()
            await running.enter_async_context(run_witness(witness, tmp_path / str(number)))
        yield made


@pytest.fixture
def gw(tmp_path: Path, witnesses: list[Witness]) -> Gateway:
    """Sandwell, which asks both, and needs one."""
    made = make(tmp_path / "333", "333", "Sandwell")
    made.store.close()
    home = tmp_path / "333"
    (home / "witnesses.txt").write_text(write_policy(witnesses, "any"))
    (home / "witnesses.pem").write_text("".join(witness.certificate for witness in witnesses))
    with (home / "gateway.toml").open("a") as settings:
        settings.write('\n[outside_witnesses]\npolicy_file = "witnesses.txt"\nca_file = "witnesses.pem"\n')
    gw = home_folder.open_gateway(home)
    for witness in witnesses:
        for line in outside_witnesses.list_log_keys(gw):
            witness.learn(line)
    return gw


def write_policy(witnesses: list[Witness], needed: str) -> str:
    lines = [f"witness w{number} {one.vkey} {one.url}" for number, one in enumerate(witnesses)]
    return "\n".join([*lines, f"group all-of-them {needed} w0 w1", "quorum all-of-them", ""])


def read_policy(gw: Gateway) -> WitnessPolicy:
    policy = gw.config.read_witness_policy()
    assert policy is not None
    return policy


async def grow(gw: Gateway, times: int = 1) -> None:
    for _ in range(times):
        await audit.sign_checkpoint(gw, AuditEntry("gateway.started", SYSTEM))


def list_troubles(gw: Gateway) -> list[WitnessTrouble | None]:
    return [each.trouble for each in outside_witnesses.list_witnesses(gw)]


def find_named(gw: Gateway, beginning: str) -> list[HealthFinding]:
    return [one for one in health.measure_health(gw).findings if one.name.startswith(beginning)]


def count_alarms(gw: Gateway) -> int:
    return len(gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="outside-witness.alarm")))


async def test_a_running_gateway_has_its_log_cosigned_as_it_grows(gw: Gateway, witnesses: list[Witness]) -> None:
    async with app.run_gateway(gw):
        await until(lambda: all(witness.held for witness in witnesses))
        first = witnesses[0].held["cme-gateway/333"][0]
        await grow(gw, 5)
        await outside_witnesses.ask_witnesses(gw)
    assert witnesses[0].held["cme-gateway/333"][0] == first + 5
    assert list_troubles(gw) == [None, None]
    [finding] = find_named(gw, "outside witness")
    assert (finding.name, finding.level) == ("outside witnesses", FindingLevel.OK)


async def test_an_export_proves_what_was_cosigned_to_whoever_has_the_witnesses_keys(
    gw: Gateway, witnesses: list[Witness], tmp_path: Path
) -> None:
    await grow(gw)
    await outside_witnesses.ask_witnesses(gw)
    await audit.export_log(gw, tmp_path / "export", "ada")
    trust = Trust({"333": gw.own_card})
    verdict = audit.verify_export(tmp_path / "export", trust, "333", policy=read_policy(gw))
    assert (verdict.faults, verdict.witnessed) == ((), 2)
    # Somebody else's witness signed none of it.
    strangers = parse_policy(write_policy([Witness(NORTH), Witness(SOUTH)], "any"), "theirs")
    assert audit.verify_export(tmp_path / "export", trust, "333", policy=strangers).faults
    # Nor do two witnesses count as three: one that signs no more leaves a quorum of both behind.
    both = parse_policy(write_policy(witnesses, "all"), "both")
    witnesses[1].answers = (500, "")
    await grow(gw)
    await outside_witnesses.ask_witnesses(gw)
    await audit.export_log(gw, tmp_path / "later", "ada")
    assert audit.verify_export(tmp_path / "later", trust, "333", policy=both).witnessed == 2
    assert audit.verify_export(tmp_path / "later", trust, "333", policy=read_policy(gw)).witnessed == 4
    assert list_troubles(gw) == [None, WitnessTrouble.NOT_REACHED]


async def test_an_auditor_checks_it_by_the_command(gw: Gateway, tmp_path: Path) -> None:
    await grow(gw)
    await outside_witnesses.ask_witnesses(gw)
    await audit.export_log(gw, tmp_path / "export", "ada")
    home = gw.config.home
    words = ["audit", "verify", "--export", str(tmp_path / "export"), "--card", str(home / "card.jwt")]
    said = run_command(*words, "--witnesses", str(home / "witnesses.txt"))
    assert said.returncode == 0
    assert "Enough outside witnesses have cosigned the first 2 entries." in said.stdout


@pytest.mark.parametrize(
    ("answers", "trouble"),
    [
        ((404, ""), WitnessTrouble.UNKNOWN_LOG),
        ((403, ""), WitnessTrouble.UNKNOWN_KEY),
        ((500, "broken"), WitnessTrouble.NOT_REACHED),
        ((302, ""), WitnessTrouble.NOT_REACHED),
        ((200, ""), WitnessTrouble.NOT_SIGNED),
        ((200, "— north.example/w1 AAAA\n"), WitnessTrouble.NOT_SIGNED),
        ((200, "\x00" * 9_000), WitnessTrouble.NOT_REACHED),
        ((409, "no number\n"), WitnessTrouble.NOT_REACHED),
        ((409, "999999999999999\n"), WitnessTrouble.AHEAD),
        ((409, "9" * 4_000), WitnessTrouble.NOT_REACHED),
        ((422, ""), WitnessTrouble.CONTRADICTS),
    ],
)
async def test_what_a_witness_answers_otherwise_is_told_apart_and_the_other_signs_all_the_same(
    gw: Gateway, witnesses: list[Witness], answers: tuple[int, str], trouble: WitnessTrouble
) -> None:
    witnesses[0].answers = answers
    await grow(gw)
    for _ in range(2):
        await outside_witnesses.ask_witnesses(gw)
    assert list_troubles(gw) == [trouble, None]
    [of_witness, of_quorum] = find_named(gw, "outside witness")
    alarm = trouble in (WitnessTrouble.AHEAD, WitnessTrouble.CONTRADICTS)
    assert of_witness.level is (FindingLevel.FAIL if alarm else FindingLevel.WARN)
    assert of_quorum.level is FindingLevel.OK
    # Once, however often it is asked.
    assert count_alarms(gw) == alarm


async def test_a_cosignature_from_the_future_is_not_believed(gw: Gateway, witnesses: list[Witness]) -> None:
    witnesses[0].ahead = 3600
    await grow(gw)
    await outside_witnesses.ask_witnesses(gw)
    assert list_troubles(gw) == [WitnessTrouble.NOT_SIGNED, None]


async def test_a_log_that_was_put_back_is_found_out(gw: Gateway, witnesses: list[Witness]) -> None:
    """By a witness that saw more, and when the log has grown again, by one that saw otherwise."""
    await grow(gw)
    home = gw.config.home
    gw.store.close()
    shutil.copy(home / "store.db", home / "backup.db")
    gw = home_folder.open_gateway(home)
    await grow(gw, 3)
    await outside_witnesses.ask_witnesses(gw)
    assert list_troubles(gw) == [None, None]
    gw.store.close()
    shutil.copy(home / "backup.db", home / "store.db")
    gw = home_folder.open_gateway(home)
    await outside_witnesses.ask_witnesses(gw)
    assert list_troubles(gw) == [WitnessTrouble.AHEAD] * 2
    await grow(gw, 7)
    await outside_witnesses.ask_witnesses(gw)
    assert list_troubles(gw) == [WitnessTrouble.CONTRADICTS] * 2
    assert count_alarms(gw) == 4
    assert witnesses[0].held["cme-gateway/333"][0] == 5
    gw.store.close()


async def test_one_that_does_not_know_what_it_signed_begins_again(gw: Gateway, witnesses: list[Witness]) -> None:
    await grow(gw)
    await outside_witnesses.ask_witnesses(gw)
    witnesses[0].held.clear()
    await grow(gw)
    await outside_witnesses.ask_witnesses(gw)
    assert list_troubles(gw) == [None, None]
    # And one that holds what we do not know of: our database lost the line, not the log.
    assert witnesses[0].held == witnesses[1].held


async def test_after_a_rotation_the_witness_is_told_the_new_key(gw: Gateway, witnesses: list[Witness]) -> None:
    await grow(gw)
    home_folder.rotate_keys(gw.config.home, by="ines")
    assert home_folder.take_up_own(gw)
    await grow(gw)
    await outside_witnesses.ask_witnesses(gw)
    assert list_troubles(gw) == [WitnessTrouble.UNKNOWN_KEY] * 2
    for line in outside_witnesses.list_log_keys(gw):
        for witness in witnesses:
            witness.learn(line)
    await outside_witnesses.ask_witnesses(gw)
    assert list_troubles(gw) == [None, None]


async def test_too_few_for_a_day_is_a_warning(gw: Gateway, witnesses: list[Witness]) -> None:
    await grow(gw)
    await outside_witnesses.ask_witnesses(gw)
    ahead = gw.now() + timedelta(hours=25)
    gw.now = lambda: ahead
    [finding] = find_named(gw, "outside witnesses")
    assert finding.level is FindingLevel.WARN


async def test_the_line_is_kept_under_its_checkpoint_and_the_note_is_still_one(gw: Gateway) -> None:
    await grow(gw, 2)
    await outside_witnesses.ask_witnesses(gw)
    await grow(gw)
    notes = gw.store.look(lambda tx: list(cosignatures.list_cosigned_checkpoints(tx)))
    stamps = [[stamp.name for stamp in note.split_note(text)[1]] for text in notes]
    assert stamps[-2:] == [["cme-gateway/333", NORTH, SOUTH], ["cme-gateway/333"]]
    plain = gw.store.look(lambda tx: list(audit_log.list_checkpoints(tx)))
    assert [text for text, whole in zip(plain, notes, strict=True) if not whole.startswith(text)] == []
