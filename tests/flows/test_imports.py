"""A notice that an officer accepts lies in ONE's import folder; ONE says what it made of it, and that is read back."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import Connection, Update, update

from gateway import app, logs
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.transfer_stage import TransferStage
from gateway.demo import one
from gateway.demo.one import Student
from gateway.errors import ConfigProblem, NotAllowed, Unusable
from gateway.exchange import respond
from gateway.exchange.correct import correct_notice
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import queue_messages, send_notices
from gateway.exchange.withdraw import withdraw_notice
from gateway.monitoring import doctor
from gateway.one import import_results, imports, watched_folder
from gateway.searches import school2school
from gateway.settings.file import parse
from gateway.settings.sections import OneAnswersSettings, OneSettings
from gateway.store import audit_log, outbox, transfer_files
from gateway.store.tables import inbox
from gateway.store.transfer_files import TransferFile
from keys.errors import RefusalCode
from schemas import ctf
from schemas.message import Acknowledgement, Message, TransferNotice, WhereaboutsEnquiry, Withdrawal
from schemas.shapes import MessageId
from tests import folders
from tests.children import notice
from tests.conftest import introduce, make, new_database
from tests.flows.test_bad_input import command
from tests.flows.test_exchange import OFFICER, Pair, until
from tests.refusals import expect_refusal

ACCEPTED = Acknowledgement(decision="accepted", officer=OFFICER)
FIRST = "333LLLL_CTF_885LLLL_001.xml"
ADA = Student("Testchild-Example", "Ada", "2016-03-31", "X333210123001")


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Sandwell, and Worcestershire with ONE, on either database."""
    url = new_database(request.getfixturevalue("postgres")) if request.param == "postgresql" else ""
    sandwell = make(tmp_path / "333", "333", "Sandwell")
    worcestershire = make(tmp_path / "885", "885", "Worcestershire", url)
    introduce(sandwell, worcestershire)
    for name in ("import", "answers"):
        (tmp_path / name).mkdir()
    settings = OneSettings(import_folder=str(tmp_path / "import"), answers_folder=str(tmp_path / "answers"))
    worcestershire.config = replace(worcestershire.config, one=settings)
    yield sandwell, worcestershire
    for gw in (sandwell, worcestershire):
        gw.store.close()


async def came(pair: Pair, message: Message | None = None, *, name: str = "transfer-notice") -> MessageId:
    """A notice that Worcestershire has from Sandwell."""
    sandwell, worcestershire = pair
    [ready] = prepare_messages(sandwell, [message or notice(name=name)], "olive")
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, [ready]))
    await receive_parcels(worcestershire, [ready.sealed], "333")
    return ready.message_id


async def accepted(pair: Pair, message: Message | None = None, *, name: str = "transfer-notice") -> MessageId:
    """One that its officer has accepted too."""
    message_id = await came(pair, message, name=name)
    respond.acknowledge_notice(pair[1], message_id, ACCEPTED, by="otto", without_call=True)
    return message_id


def execute(change: Update, tx: Connection) -> None:
    tx.execute(change)


def files(tmp_path: Path) -> list[str]:
    return sorted(file.name for file in (tmp_path / "import").iterdir() if not file.name.startswith("."))


def stands(gw: Gateway, message_id: MessageId) -> TransferFile:
    found = gw.store.look(lambda tx: transfer_files.find_transfer_file(tx, "333", message_id))
    assert found
    return found


def acts(gw: Gateway, act: str) -> list[str]:
    return [kept.entry for kept in gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act=act))]


def run_one(tmp_path: Path, *students: Student) -> dict[str, str]:
    return one.answer_files(tmp_path / "import", tmp_path / "answers", students, date.today())  # noqa: DTZ011 - as ONE does


async def test_an_accepted_notice_is_imported_and_ones_answer_is_read_back(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell, worcestershire = pair
    for module in (imports, import_results):
        monkeypatch.setattr(module, "LOOK_EVERY", 0.1)
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        [sent] = send_notices(sandwell, [notice()], by="olive")
        await until(lambda: bool(respond_if_there(worcestershire, sent)))
        await until(lambda: files(tmp_path) == [FIRST])
        assert run_one(tmp_path, replace(ADA, family_name="Other-Example")) == {FIRST: "matched with conflicts"}
        await until(lambda: stands(worcestershire, sent).state is TransferStage.CONFLICTS)
        await until(lambda: bool(list((tmp_path / "answers").glob("*.report.csv"))))
    [written] = acts(worcestershire, "one.written")
    [answered] = acts(worcestershire, "one.answered")
    assert FIRST in written
    assert '"result":"conflicts"' in answered
    for word in ("Testchild", "Ada", "X333210123001", "2016"):
        assert word not in written.replace(sent, "").split('"detail"')[1]
        assert word not in FIRST


def respond_if_there(gw: Gateway, message_id: MessageId) -> bool:
    try:
        return bool(respond.acknowledge_notice(gw, message_id, ACCEPTED, by="otto"))
    except Exception:  # noqa: BLE001 - it has not come yet
        return False


async def test_nothing_is_written_before_an_officer_accepts(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    message_id = await came(pair)
    assert await imports.write_due(worcestershire) == 0
    rejected = Acknowledgement(decision="rejected", reason="not-our-area", officer=OFFICER)
    respond.acknowledge_notice(worcestershire, message_id, rejected, by="otto")
    assert await imports.write_due(worcestershire) == 0
    # On second thoughts.
    respond.acknowledge_notice(worcestershire, message_id, ACCEPTED, by="otto")
    assert await imports.write_due(worcestershire) == 1
    assert files(tmp_path) == [FIRST]


async def test_policy_may_have_notices_written_as_they_arrive(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    worcestershire.config = replace(
        worcestershire.config, one=replace(worcestershire.config.one, import_when="arrived")
    )
    message_id = await came(pair)
    assert await imports.write_due(worcestershire) == 1
    respond.acknowledge_notice(worcestershire, message_id, ACCEPTED, by="otto")
    assert await imports.write_due(worcestershire) == 0
    assert files(tmp_path) == [FIRST]


@pytest.mark.parametrize("name", ["transfer-notice-phone-only", "whereabouts-enquiry", "test"])
async def test_what_is_never_written(pair: Pair, tmp_path: Path, name: str) -> None:
    _, worcestershire = pair
    message = notice() if name == "test" else notice(name=name)
    head = replace(message.header, test=name == "test")
    await accepted(pair, replace(message, header=head))
    assert await imports.write_due(worcestershire) == 0
    assert worcestershire.store.look(lambda tx: transfer_files.list_transfer_files(tx, other_than="885")) == []
    assert files(tmp_path) == []


async def test_a_child_in_a_refuge_is_written_without_a_place(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    await accepted(pair, name="transfer-notice-restricted")
    await imports.write_due(worcestershire)
    [leaver] = ctf.read(BytesIO((tmp_path / "import" / FIRST).read_bytes()), FIRST, today=worcestershire.now().date())
    assert (leaver.old_address, leaver.new_address, leaver.left_on) == ("", "", "")
    assert run_one(tmp_path) == {FIRST: "unmatched"}


async def test_what_was_shortened_is_said_and_the_notice_keeps_the_whole(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    message = notice()
    assert isinstance(message.body, TransferNotice)
    assert message.body.child
    child = replace(message.body.child, surname="Placeholder-" * 5, forename="Invented-Anastasia")
    message_id = await accepted(pair, Message(message.header, replace(message.body, child=child)))
    await imports.write_due(worcestershire)
    assert stands(worcestershire, message_id).shortened == "Surname Forename"
    [written] = acts(worcestershire, "one.written")
    assert '"shortened":"Surname Forename"' in written
    assert "Anastasia" not in written
    _, opened = respond.read_incoming(worcestershire, message_id, "otto")
    assert isinstance(opened.body, TransferNotice)
    assert opened.body.child == child
    assert run_one(tmp_path) == {FIRST: "unmatched"}


async def test_a_notice_taken_back_before_it_is_written_is_not_written(pair: Pair, tmp_path: Path) -> None:
    sandwell, worcestershire = pair
    message_id = await accepted(pair)
    taken_back = Withdrawal(reason="sent-in-error", officer=OFFICER)
    case = sandwell.store.look(lambda tx: outbox.get_delivery(tx, message_id)).case_id
    head = replace(notice(case_id=case, sequence=2).header, in_reply_to=message_id)
    [ready] = prepare_messages(sandwell, [Message(head, taken_back)], "olive")
    await receive_parcels(worcestershire, [ready.sealed], "333")
    assert await imports.write_due(worcestershire) == 0
    assert stands(worcestershire, message_id).state is TransferStage.DROPPED
    assert list((tmp_path / "import").iterdir()) == []


async def test_a_correction_is_written_in_the_place_of_what_it_corrects(pair: Pair, tmp_path: Path) -> None:
    sandwell, worcestershire = pair
    first = await accepted(pair)
    second = correct_notice(sandwell, first, notice(), by="olive")
    sealed = sandwell.store.look(lambda tx: outbox.get_sealed_notice(tx, second))
    await receive_parcels(worcestershire, [sealed], "333")
    assert await imports.write_due(worcestershire) == 0
    respond.acknowledge_notice(worcestershire, second, ACCEPTED, by="otto")
    assert await imports.write_due(worcestershire) == 1
    assert (stands(worcestershire, first).state, stands(worcestershire, second).file) == (TransferStage.DROPPED, FIRST)
    assert files(tmp_path) == [FIRST]


async def test_a_notice_that_was_destroyed_is_not_written_and_holds_up_no_other(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    gone, altered, good = [await accepted(pair) for _ in range(3)]
    for message_id, change in ((gone, {"data_key": None}), (altered, {"content": b"altered"})):
        mine = update(inbox).where(inbox.c.message_id == message_id).values(**change)
        worcestershire.store.run(partial(execute, mine))
    with expect_refusal(RefusalCode.AT_REST_ALTERED):
        await imports.write_due(worcestershire)
    assert files(tmp_path) == [FIRST]
    states = [stands(worcestershire, one).state for one in (gone, altered, good)]
    assert states == [TransferStage.DROPPED, TransferStage.WAITING, TransferStage.WRITTEN]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", ["put_hidden", "set_written", "reveal_file"])
async def test_a_crash_at_any_step_leaves_one_file_under_one_name(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    _, worcestershire = pair
    message_id = await accepted(pair)

    def die(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(imports, moment, die)
    with pytest.raises(Killed):
        await imports.write_due(worcestershire)
    monkeypatch.undo()
    # ONE has not seen it.
    assert files(tmp_path) == []
    for _ in range(2):
        await imports.write_due(worcestershire)
    assert files(tmp_path) == [FIRST]
    assert stands(worcestershire, message_id).file == FIRST
    assert len(acts(worcestershire, "one.written")) == 1
    assert run_one(tmp_path) == {FIRST: "unmatched"}
    await imports.write_due(worcestershire)
    # Taken by ONE, and not written again.
    assert files(tmp_path) == ["processed"]


async def test_a_folder_that_another_process_writes_into_is_left_to_it(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    await accepted(pair)
    with watched_folder.hold_lock(imports.lock_of(worcestershire)) as ours:
        assert ours
        assert await imports.write_due(worcestershire) == 0
    assert await imports.write_due(worcestershire) == 1


async def test_processes_that_write_at_once_write_a_notice_once(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    elsewhere = replace(worcestershire.config.one, import_folder=str(tmp_path / "other"))
    (tmp_path / "other").mkdir()
    other = replace(worcestershire, config=replace(worcestershire.config, one=elsewhere))
    for _ in range(5):
        await accepted(pair)
    await asyncio.gather(imports.write_due(worcestershire), imports.write_due(other))
    names = [name for folder in ("import", "other") for name in os.listdir(tmp_path / folder) if name.endswith(".xml")]
    assert sorted(names) == [f"333LLLL_CTF_885LLLL_{number:03}.xml" for number in range(1, 6)]


async def test_only_the_folders_group_may_read_a_file(pair: Pair, tmp_path: Path) -> None:
    await accepted(pair)
    await imports.write_due(pair[1])
    assert os.stat(tmp_path / "import" / FIRST).st_mode & 0o007 == 0


async def test_a_folder_that_is_away_is_said_once_and_nothing_is_lost(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _, worcestershire = pair
    monkeypatch.setattr(imports, "LOOK_EVERY", 0.05)
    logs.configure_logging()
    message_id = await accepted(pair)
    away = (tmp_path / "import").rename(tmp_path / "away")
    async with app.run_gateway(worcestershire):
        await until(lambda: "one.folder" in capfd.readouterr().err)
        await wait(0.5)
        assert "writing for import" not in capfd.readouterr().err
        away.rename(tmp_path / "import")
        await until(lambda: files(tmp_path) == [FIRST])
    assert stands(worcestershire, message_id).state is TransferStage.WRITTEN


async def wait(seconds: float) -> None:
    begun = time.monotonic()
    await until(lambda: time.monotonic() - begun > seconds)


async def test_numbers_run_on_and_never_over_a_file_that_lies_there(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    (tmp_path / "import" / FIRST.replace("001", "002").lower()).write_text("not taken in yet")
    for _ in range(2):
        await accepted(pair)
    await imports.write_due(worcestershire)
    # ONE took it.
    (tmp_path / "import" / FIRST).unlink()
    last = await accepted(pair)
    await imports.write_due(worcestershire)
    assert files(tmp_path)[0] == FIRST.replace("001", "003")
    assert stands(worcestershire, last).file == FIRST.replace("001", "004")
    worcestershire.store.run(lambda tx: tx.exec_driver_sql("UPDATE transfer_files SET number = 999 WHERE number = 4"))
    around = await accepted(pair)
    await imports.write_due(worcestershire)
    assert stands(worcestershire, around).file == FIRST


async def test_when_all_numbers_lie_there_it_waits(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    message_id = await accepted(pair)
    for number in range(1, 1000):
        (tmp_path / "import" / f"333LLLL_CTF_885LLLL_{number:03}.xml").touch()
    with pytest.raises(Unusable, match="999 file names"):
        await imports.write_due(worcestershire)
    assert stands(worcestershire, message_id).state is TransferStage.WAITING
    (tmp_path / "import" / FIRST.replace("001", "500")).unlink()
    await imports.write_due(worcestershire)
    assert stands(worcestershire, message_id).file == FIRST.replace("001", "500")


FULL = """
set -u
mount -t tmpfs -o size=64k tmpfs "$1" || exit 99
cat /dev/zero > "$1/filler" 2>/dev/null
"$2" -c "$3" "$4"
echo "full: $?"
ls -A "$1"
rm "$1/filler"
"$2" -c "$3" "$4"
ls "$1"
"""
WRITE = """
import asyncio, sys
from pathlib import Path
from gateway import home_folder
from gateway.one import imports
gw = home_folder.open_gateway(Path(sys.argv[1]))
try:
    print(asyncio.run(imports.write_due(gw)), "written")
except Exception as why:
    print(why.code)
gw.store.close()
"""


def test_a_full_disk_shows_one_no_half_file(tmp_path: Path) -> None:
    sandwell, worcestershire = (
        make(tmp_path / "333", "333", "Sandwell"),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    introduce(sandwell, worcestershire)
    (tmp_path / "import").mkdir()
    with (tmp_path / "885" / "gateway.toml").open("a") as settings:
        settings.write(f'\n[one]\nimport_folder = "{tmp_path / "import"}"\n')
    one = OneSettings(import_folder=str(tmp_path / "import"))
    worcestershire.config = replace(worcestershire.config, one=one)
    asyncio.run(accepted((sandwell, worcestershire)))
    for gw in (sandwell, worcestershire):
        gw.store.close()
    line = ["unshare", "--map-root-user", "--mount", "sh", "-c", FULL, "sh"]
    done = subprocess.run(
        [*line, str(tmp_path / "import"), sys.executable, WRITE, str(tmp_path / "885")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode in (1, 99) and "full:" not in done.stdout:
        pytest.skip("this machine lets nobody mount a file system of their own")
    before, _, after = done.stdout.partition("full: 0")
    assert before.split() == ["one.folder"], done.stderr
    assert after.split().count(FIRST) == 1
    assert "1 written" in after


def extract(tmp_path: Path, *rows: str, name: str = "answers.csv", head: str = "File Name,Result") -> Path:
    """ONE's extract, written a minute ago."""
    file = tmp_path / "answers" / name
    file.write_text("\r\n".join([head, *rows, ""]))
    os.utime(file, (time.time() - 60, time.time() - 60))
    return file


def report(tmp_path: Path, name: str = "answers.csv", place: str = "done") -> list[dict[str, str]]:
    return folders.rows_of(tmp_path / "885", "answers", place, name)


async def test_answers_are_taken_once_and_doubtful_rows_are_listed_with_why(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    message_id = await accepted(pair)
    await imports.write_due(worcestershire)
    rows = (f"C:\\one\\import\\{FIRST},Unmatched", "333LLLL_CTF_885LLLL_077.xml,matched", f"{FIRST},in suspense", FIRST)
    for name, first in (("answers.csv", "taken"), ("again.csv", "before")):
        extract(tmp_path, *rows, name=name)
        assert await folders.take_in_answers(worcestershire, tmp_path / "answers") == 1
        lines = report(tmp_path, name)
        assert [(line["Row"], line["Result"]) for line in lines] == [
            ("2", first), ("3", "refused"), ("4", "refused"), ("5", "refused")
        ]  # fmt: skip
        whys = ["", "No file has this name", "not one of the words", "fewer cells"]
        assert all(why in line["Reason"] for why, line in zip(whys, lines, strict=True))
        assert lines[0]["MessageId"] == message_id
    assert stands(worcestershire, message_id).state is TransferStage.UNMATCHED
    assert len(acts(worcestershire, "one.answered")) == 1
    # An officer has found the child in ONE since.
    extract(tmp_path, f"{FIRST},matched", name="later.csv")
    await folders.take_in_answers(worcestershire, tmp_path / "answers")
    assert stands(worcestershire, message_id).state is TransferStage.MATCHED


async def test_columns_and_words_are_as_the_settings_say(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    message_id = await accepted(pair)
    await imports.write_due(worcestershire)
    words = OneAnswersSettings(file="CTF", result="Status", conflicts="Data Conflict")
    worcestershire.config = replace(worcestershire.config, one_answers=words)
    extract(tmp_path, f"DATA CONFLICT;{FIRST}", head="status;ctf")
    await folders.take_in_answers(worcestershire, tmp_path / "answers")
    assert stands(worcestershire, message_id).state is TransferStage.CONFLICTS


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "headings"), (b"Name,Result\nx,y\n", "File Name"), (b"PK\x03\x04", "ZIP")]
)
async def test_what_is_no_extract_is_put_aside_with_why(pair: Pair, tmp_path: Path, content: bytes, says: str) -> None:
    _, worcestershire = pair
    extract(tmp_path).write_bytes(content)
    os.utime(tmp_path / "answers" / "answers.csv", (0, 0))
    await folders.take_in_answers(worcestershire, tmp_path / "answers")
    [line] = report(tmp_path, place="failed")
    assert line["Result"] == "refused"
    assert says in line["Reason"]


async def test_an_extract_that_is_too_large_is_put_aside(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, worcestershire = pair
    monkeypatch.setattr(import_results, "MAX_BYTES", 100)
    extract(tmp_path, *["x,matched"] * 50)
    await folders.take_in_answers(worcestershire, tmp_path / "answers")
    assert "larger" in report(tmp_path, place="failed")[0]["Reason"]


async def test_the_imports_are_listed(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    message_id = await accepted(pair)
    await imports.write_due(worcestershire)
    home = worcestershire.config.home
    [line] = json.loads(command(home, "one", "imports", "--json").stdout)["imports"]
    assert (line["message_id"], line["sender"], line["file"], line["state"]) == (message_id, "333", FIRST, "written")
    assert line["shortened"] == []
    assert FIRST in command(home, "one", "imports").stdout
    assert "No notices written" in command(home, "one", "imports", "--state", "waiting").stdout
    assert labels.describe_act("one.written", "TransferNotice") in command(home, "show", message_id).stdout


async def test_doctor_says_how_the_imports_are(pair: Pair, tmp_path: Path) -> None:
    _, worcestershire = pair
    await accepted(pair)
    found = {one.name: one for one in doctor.run_checks(worcestershire)}
    assert found["ONE's import folder"].result == found["ONE's answers folder"].result == "ok"
    assert found["notices to be imported"].detail.startswith("1 since")
    await imports.write_due(worcestershire)
    run_one(tmp_path)
    await folders.take_in_answers(worcestershire, tmp_path / "answers")
    found = {one.name: one for one in doctor.run_checks(worcestershire)}
    assert found["notices to be imported"].detail == "None"
    assert found["imports without a match"].detail.startswith("1.")
    extract(tmp_path, head="nothing of ours")
    await folders.take_in_answers(worcestershire, tmp_path / "answers")
    found = {one.name: one for one in doctor.run_checks(worcestershire)}
    assert found["ONE's answers folder"].result == "warn"
    (tmp_path / "import").rename(tmp_path / "away")
    (tmp_path / "answers").rename(tmp_path / "away too")
    found = {one.name: one for one in doctor.run_checks(worcestershire)}
    assert found["ONE's import folder"].result == found["ONE's answers folder"].result == "fail"


def test_the_folders_are_three() -> None:
    text = '[authority]\ncode = "885"\nname = "Worcestershire"\n[one]\nfolder = "one"\nimport_folder = "one/"\n'
    with pytest.raises(ConfigProblem, match="names a folder twice"):
        parse(text, Path("/home"))


def test_when_notices_are_written_is_one_of_two_words() -> None:
    text = '[authority]\ncode = "885"\nname = "Worcestershire"\n[one]\nimport_when = "always"\n'
    with pytest.raises(ConfigProblem, match="line 5: import_when must be"):
        parse(text, Path())


async def searched(gw: Gateway, name: str = "whereabouts-enquiry", **changes: object) -> MessageId:
    """A search of Sandwell's."""
    message = notice(name=name)
    head = replace(message.header, **changes)  # type: ignore[arg-type]
    [message_id] = send_notices(gw, [replace(message, header=head)], by="olive")
    return message_id


@pytest.mark.parametrize("name", ["whereabouts-enquiry", "whereabouts-unknown-notice"])
async def test_a_child_nobody_finds_is_written_for_school2school(pair: Pair, tmp_path: Path, name: str) -> None:
    sandwell, _ = pair
    message_id = await searched(sandwell, name)
    (tmp_path / "s2s").mkdir()
    home = sandwell.config.home
    shown = command(home, "one", "s2s", message_id, "--folder", str(tmp_path / "s2s"), "--by", "olive")
    assert shown.returncode == 0, shown.stderr
    [file] = (tmp_path / "s2s").iterdir()
    assert file.name == "333LLLL_CTF_XXXXXXX_001.xml"
    [leaver] = ctf.read(BytesIO(file.read_bytes()), file.name, today=sandwell.now().date())
    assert leaver.destination_la == ""
    assert any('"actor":"olive"' in entry for entry in acts(sandwell, "notice.read"))
    assert any(file.name in entry for entry in acts(sandwell, "one.written"))
    again = json.loads(command(home, "one", "s2s", message_id, "--folder", str(tmp_path / "s2s"), "--json").stdout)
    assert again["file"].endswith("333LLLL_CTF_XXXXXXX_002.xml")
    assert json.loads(command(home, "one", "imports", "--json").stdout)["imports"] == []


async def test_a_restricted_child_is_never_written_for_school2school(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    enquiry, hidden = notice(name="whereabouts-enquiry"), notice(name="transfer-notice-restricted").body
    assert isinstance(enquiry.body, WhereaboutsEnquiry)
    assert isinstance(hidden, TransferNotice)
    nowhere = replace(enquiry.body, previous_address=None, school=(), contact=(), circulation="named")
    asked = Message(enquiry.header, replace(nowhere, restriction=hidden.restriction))
    [message_id] = send_notices(sandwell, [asked], by="olive")
    with pytest.raises(NotAllowed, match="restricted"):
        school2school.write_lost_pupil_file(sandwell, message_id, tmp_path, "olive")
    assert acts(sandwell, "notice.read") == []
    assert [name for name in os.listdir(tmp_path) if name.endswith(".xml")] == []


async def test_what_is_no_search_is_not_written_for_school2school(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    taken_back = await searched(sandwell)
    withdraw_notice(sandwell, taken_back, Withdrawal(reason="sent-in-error", officer=OFFICER), "olive")
    for message_id in (await searched(sandwell, "transfer-notice"), await searched(sandwell, test=True), taken_back):
        with pytest.raises(NotAllowed, match=r"one\.not-a-search"):
            school2school.write_lost_pupil_file(sandwell, message_id, tmp_path, "olive")


async def test_a_folder_for_school2school_that_is_not_there_is_said(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    with pytest.raises(Unusable, match="No such file"):
        school2school.write_lost_pupil_file(sandwell, await searched(sandwell), tmp_path / "nowhere", "olive")
