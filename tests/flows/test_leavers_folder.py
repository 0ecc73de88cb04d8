"""A leaver stands in ONE's extract, and the other authority has the notice: the good rows go out, the others are listed
with why.
"""

import io
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import app
from gateway.authorities import postcodes
from gateway.core.delivery import DeliveryState
from gateway.errors import ConfigProblem, Unusable
from gateway.exchange import respond
from gateway.monitoring import doctor
from gateway.one import extracts, leaver_rules, leavers_folder, watched_folder
from gateway.one.extracts import Ignored, Row
from gateway.one.table import Unread
from gateway.settings.sections import OneColumnsSettings, OneSettings
from gateway.store import audit_log, outbox
from schemas import ctf
from schemas.message import Officer, TransferNotice
from schemas.shapes import MessageId
from tests import folders
from tests.children import in_letters
from tests.conftest import introduce, make
from tests.flows.test_exchange import Pair, state, until
from tests.flows.test_postcodes import directory

TODAY = date(2026, 11, 24)
HEAD = (
    "UPN,Surname,Forename,Date of Birth,Gender,NC Year,Date of Leaving,Restricted,Destination LA,New Address,New"
    " Postcode,School Name"
)
ADA = (
    'X333210123001,Testchild-Example,Ada,31/03/2016,F,Year 5,23/10/2026,,885,"44 Placeholder Road, Inventchester",WR1'
    " 9ZZ,Exampleton"
)
BY_POSTCODE = ",Specimen,Ben,2015-06-01,M,6,2026-10-23,,,,WR1 9ZZ,"
RESTRICTED = ",Hidden-Example,Cyd,2014-01-15,F,7,2026-10-23,Y,885,,,"
NOWHERE = ",Gone-Example,Dan,2014-01-15,M,7,2026-10-23,,,,,"
NAMELESS = ",,Eve,2014-01-15,F,7,2026-10-23,,885,,,"
BAD_DAY = ",Wrong-Example,Fay,15.1.14,F,7,,,885,,,"
STRANGER = ",Far-Example,Gus,2014-01-15,M,7,2026-10-23,,330,,,"
BAD_UPN = "Y333210123001,Letter-Example,Hal,2014-01-15,M,7,2026-10-23,,885,,,"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Sandwell, whose folder is watched, and Worcestershire."""
    sandwell, worcestershire = (
        make(tmp_path / "333", "333", "Sandwell"),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    introduce(sandwell, worcestershire)
    sandwell.config = replace(sandwell.config, one=OneSettings(str(tmp_path / "one")))
    (tmp_path / "one").mkdir()
    postcodes.import_directory(sandwell, io.BytesIO(directory()), by="ines")
    yield sandwell, worcestershire
    for gw in (sandwell, worcestershire):
        gw.store.close()


def put(tmp_path: Path, *rows: str, name: str = "leavers.csv", head: str = HEAD, encoding: str = "utf-8") -> Path:
    """A file that was written a minute ago."""
    file = tmp_path / "one" / name
    file.write_bytes("\r\n".join([head, *rows, ""]).encode(encoding))
    os.utime(file, (time.time() - 60, time.time() - 60))
    return file


def read(data: bytes, columns: OneColumnsSettings | None = None) -> list[tuple[int, Row | Unread | Ignored]]:
    return list(extracts.read(io.BytesIO(data), "leavers.csv", columns or OneColumnsSettings(), TODAY))


def report(tmp_path: Path, place: str = "done", name: str = "leavers.csv") -> list[dict[str, str]]:
    return folders.rows_of(tmp_path / "333", "leavers", place, name)


async def test_a_leaver_in_sandwells_one_is_a_notice_in_worcestershires_inbox(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leavers_folder, "LOOK_EVERY", 0.1)
    sandwell, worcestershire = pair
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        put(tmp_path, ADA)
        await until(lambda: bool(list((tmp_path / "one").glob("*.report.csv"))))
        [line] = report(tmp_path)
        await until(lambda: state(sandwell, MessageId(line["MessageId"])) is DeliveryState.RECEIVED)
    assert (line["Row"], line["Result"], line["To"]) == ("2", "sent", "885")
    sent = sandwell.store.look(lambda tx: outbox.get_delivery(tx, MessageId(line["MessageId"])))
    assert (sent.queued_by, sent.kind) == ("ONE", "TransferNotice")


async def test_good_rows_go_out_and_the_others_are_listed_with_why(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    put(tmp_path, ADA, BY_POSTCODE, RESTRICTED, NOWHERE, NAMELESS, BAD_DAY, STRANGER, BAD_UPN, ADA)
    assert await folders.take_in_leavers(sandwell, tmp_path / "one") == 1
    lines = report(tmp_path)
    assert [(line["Row"], line["Result"]) for line in lines] == [
        ("2", "sent"), ("3", "sent"), ("4", "held"), ("5", "held"), ("6", "refused"),
        ("7", "refused"), ("8", "held"), ("9", "held"), ("10", "ignored"),
    ]  # fmt: skip
    whys = [
        "",
        "",
        "restricted",
        "not known",
        "surname is missing",
        "date of birth",
        "Birmingham",
        "first letter",
        "row 2",
    ]
    assert all(why in line["Reason"] for why, line in zip(whys, lines, strict=True))
    text = folders.text_of(tmp_path / "333", "leavers")
    entries = "".join(kept.entry for kept in sandwell.store.look(lambda tx: list(audit_log.list_entries(tx))))
    for name in ("Testchild", "Hidden", "Specimen", "2016", "X333210123001"):
        assert name not in text
        assert name not in entries
    [entry] = sandwell.store.look(lambda tx: audit_log.list_newest_entries(tx, act="one.taken-in"))
    assert '"detail":{"before":0,"held":4,"ignored":1,"refused":2,"sent":2}' in entry.entry


async def test_the_same_rows_again_send_nothing_again(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    for turn in range(2):
        put(tmp_path, ADA, BY_POSTCODE)
        await folders.take_in_leavers(sandwell, tmp_path / "one")
        assert len(sandwell.store.look(lambda tx: outbox.search_outbox(tx))) == 2, turn
    assert {line["Result"] for line in report(tmp_path)} == {"before"}


async def test_a_process_that_died_over_a_file_leaves_it_to_the_next(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    (tmp_path / "one" / "working").mkdir()
    put(tmp_path, ADA, name="working/leavers.csv")
    assert await folders.take_in_leavers(sandwell, tmp_path / "one") == 1
    assert report(tmp_path)[0]["Result"] == "sent"


async def test_a_folder_that_another_process_takes_from_is_left_to_it(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    put(tmp_path, ADA)
    place = watched_folder.place_of(sandwell.config.home, leavers_folder.WATCHED)
    place.mkdir(parents=True)
    with watched_folder.hold_lock(place / watched_folder.LOCK) as ours:
        assert ours
        assert await folders.take_in_leavers(sandwell, tmp_path / "one") == 0
    assert await folders.take_in_leavers(sandwell, tmp_path / "one") == 1


async def test_a_file_that_still_grows_is_left_alone(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    file = put(tmp_path, ADA)
    os.utime(file)
    assert await folders.take_in_leavers(sandwell, tmp_path / "one") == 0
    assert file.exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_windows_writes_is_read(encoding: str, separator: str) -> None:
    text = (
        separator.join(("Surname", "Forename", "Date of Birth"))
        + "\r\n"
        + separator.join(("Bronté", "Zoë", "31/03/2016"))
    )
    [(line, row)] = read(text.encode(encoding))
    assert not isinstance(row, Unread | Ignored)
    assert (line, row["surname"], row["forename"], row["upn"]) == (2, "Bronté", "Zoë", "")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "headings"),
        (b"PK\x03\x04 and more", "ZIP"),
        (b"Name,Born\nx,y\n", "no column Surname and no column Date of Birth"),
        (b'Surname,Date of Birth\n"Specimen,31/03/2016\n', "not complete"),
        ("Surname,Date of Birth\nx,y\n".encode("utf-16-le"), "UTF-16"),
    ],
)
async def test_what_is_no_table_is_put_aside_with_why(pair: Pair, tmp_path: Path, content: bytes, says: str) -> None:
    sandwell, _ = pair
    file = put(tmp_path)
    file.write_bytes(content)
    os.utime(file, (time.time() - 60, time.time() - 60))
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    [line] = report(tmp_path, "failed")
    assert line["Result"] == "refused"
    assert says in line["Reason"]
    assert (folders.places(tmp_path / "333", "leavers", "failed")[0] / "original").read_bytes() == content


def test_columns_are_called_as_the_settings_say() -> None:
    columns = replace(OneColumnsSettings(), surname="Legal Surname", dob="DOB")
    [(_, row)] = read(b"dob,LEGAL SURNAME\n2016-03-31,Specimen\n", columns)
    assert not isinstance(row, Unread | Ignored)
    assert (row["surname"], row["dob"]) == ("Specimen", "2016-03-31")


OFFICER = Officer(name="CME Officer", role="cme_officer", phone_no="01632 960101")


def assert_judged(row: Row) -> None:
    """A row is a leaver with a name and a date of birth, or it is said in a sentence why it is not."""
    judged = leaver_rules.read_leaver(row, OFFICER)
    if isinstance(judged, Unread):
        assert judged.reason.endswith(".")
    else:
        child = judged.notice.child
        assert child is not None
        assert (bool(child.surname), bool(child.dob)) == (True, True)


@given(st.binary(max_size=600))
def test_no_file_stops_the_intake(noise: bytes) -> None:
    try:
        rows = read(HEAD.encode() + b"\n" + noise)
    except Unusable:
        return
    for _, row in rows:
        if not isinstance(row, Unread | Ignored):
            assert_judged(row)


@given(st.dictionaries(st.sampled_from(list(OneColumnsSettings.__dataclass_fields__)), st.text(max_size=40)))
def test_no_row_stops_the_intake(cells: dict[str, str]) -> None:
    assert_judged(extracts.EMPTY | cells)


async def test_a_table_that_does_not_say_who_is_restricted_waits_for_an_officer(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    row = "Testchild-Example,Ada,31/03/2016,885"
    put(tmp_path, row, "Testchild-Example,Bea,31/03/2016", head="Surname,Forename,Date of Birth,Destination LA")
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    first, second, headings = report(tmp_path)
    assert (headings["Result"], "Restricted" in headings["Reason"]) == ("headings", True)
    assert (first["Result"], "does not say" in first["Reason"]) == ("held", True)
    assert (second["Result"], "does not say" in second["Reason"]) == (
        "held",
        True,
    ), "a last cell that is left out is empty"


async def test_a_row_that_no_notice_can_hold_is_held(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    put(
        tmp_path,
        ",Long-Example" + "x" * 300 + ",Ida,2014-01-15,F,7,,,885,,,",
        ",Year-Example,Jo,2014-01-15,F,99,,,885,,,",
    )
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    assert [line["Result"] for line in report(tmp_path)] == ["held", "held"]
    assert "Surname" in report(tmp_path)[0]["Reason"]


async def test_without_a_telephone_number_nothing_is_sent_and_the_file_waits(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    sandwell.config = replace(sandwell.config, authority=replace(sandwell.config.authority, telephone=""))
    put(tmp_path, ADA)
    with pytest.raises(ConfigProblem, match="telephone"):
        await folders.take_in_leavers(sandwell, tmp_path / "one")
    assert len(folders.places(tmp_path / "333", "leavers", "working")) == 1
    assert (tmp_path / "one" / "leavers.csv").exists(), "it leaves the share when it was worked on"


def test_doctor_looks_into_the_folder(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    assert ("ONE's folder", "ok") in {(one.name, one.result) for one in doctor.run_checks(sandwell)}
    failed = tmp_path / "333" / "taken-in" / "leavers" / "failed" / "x"
    failed.mkdir(parents=True)
    (failed / "report.csv").touch()
    assert ("ONE's folder", "warn") in {(one.name, one.result) for one in doctor.run_checks(sandwell)}
    sandwell.config = replace(sandwell.config, one=OneSettings("nowhere"))
    assert ("ONE's folder", "fail") in {(one.name, one.result) for one in doctor.run_checks(sandwell)}


async def test_a_folder_that_vanished_is_an_error_and_is_never_made_anew(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    place = tmp_path / "one"
    put(tmp_path, ADA)
    await folders.take_in_leavers(sandwell, place)
    place.rename(tmp_path / "gone")
    for _ in range(2):
        with pytest.raises(Unusable) as why:
            await folders.take_in_leavers(sandwell, place)
        assert why.value.code == "one.folder-gone"
    assert not place.exists()
    [finding] = [one for one in doctor.run_checks(sandwell) if one.name == "ONE's folder"]
    assert (finding.result, "not there any more" in finding.detail) == ("fail", True)
    (tmp_path / "gone").rename(place)
    put(tmp_path, BY_POSTCODE, name="more.csv")
    assert await folders.take_in_leavers(sandwell, place) == 1
    # Another folder that the setting names is made, once.
    assert await folders.take_in_leavers(sandwell, tmp_path / "other") == 0
    assert (tmp_path / "other").is_dir()


async def test_a_share_that_is_not_mounted_any_more_is_no_empty_folder(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    known = tmp_path / "333" / "taken-in" / "leavers" / watched_folder.KNOWN
    was = json.loads(known.read_text())
    assert Path(was["mount"]) in (tmp_path, *tmp_path.parents)
    known.write_text(json.dumps(was | {"mount": str(tmp_path)}))
    with pytest.raises(Unusable, match="is not mounted any more"):
        await folders.take_in_leavers(sandwell, tmp_path / "one")
    assert ("ONE's folder", "fail") in {(one.name, one.result) for one in doctor.run_checks(sandwell)}


async def test_days_without_an_extract_are_a_warning_that_a_setting_draws(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair

    def level() -> str:
        [finding] = [one for one in doctor.run_checks(sandwell) if one.name == "ONE's folder"]
        return finding.result

    put(tmp_path, ADA)
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    now = datetime.now(UTC)
    for days, hours, expected in ((7, -1, "ok"), (7, 1, "warn"), (2, -1, "ok"), (2, 1, "warn"), (0, 9_000, "ok")):
        moment = now + timedelta(days=days, hours=hours)
        sandwell.now = lambda: moment  # noqa: B023 - asked in this turn alone
        sandwell.config = replace(sandwell.config, one=OneSettings(str(tmp_path / "one"), extract_days=days))
        assert level() == expected, (days, hours)


CTF = """<?xml version="1.0" encoding="ISO-8859-1"?>
<CTfile>
  <Header>
    <DocumentName>Common Transfer File</DocumentName><CTFversion>26.0</CTFversion><DateTime>2026-11-20T09:30:00</DateTime>
    <SourceSchool><LEA>333</LEA><Estab>2101</Estab><SchoolName>Exampleton Primary School</SchoolName></SourceSchool>
    <DestSchool><LEA>885</LEA><Estab>LLLL</Estab></DestSchool>
  </Header>
  <CTFpupilData>
    <Pupil>
      <UPN>X333210123001</UPN><Surname>Testchild-Bronté</Surname><Forename>Ada</Forename><DOB>2016-03-31</DOB><Sex>F</Sex>
      <BasicDetails><NCyearActual>5</NCyearActual></BasicDetails>
      <Address><BS7666Address><PAON>12</PAON><Street>Specimen Street</Street><Town>Fictionbury</Town></BS7666Address><PostCode>B70 9ZZ</PostCode></Address>
      <SchoolHistory><School><LEA>333</LEA><Estab>2101</Estab><LeavingDate>2026-10-23</LeavingDate></School></SchoolHistory>
    </Pupil>
    <Pupil><Surname></Surname><DOB>2014-01-15</DOB></Pupil>
  </CTFpupilData>
</CTfile>
"""


def put_ctf(tmp_path: Path, text: str = CTF) -> None:
    file = tmp_path / "one" / "3332101_CML_885LLLL_001.xml"
    file.write_bytes(text.encode("latin-1"))
    os.utime(file, (time.time() - 60, time.time() - 60))


@pytest.mark.parametrize(("policy", "result"), [("hold", "held"), ("send", "sent")])
async def test_a_common_transfer_file_goes_as_policy_says(pair: Pair, tmp_path: Path, policy: str, result: str) -> None:
    sandwell, _ = pair
    sandwell.config = replace(sandwell.config, one=replace(sandwell.config.one, unsaid=policy))
    put_ctf(tmp_path)
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    first, second = report(tmp_path, name="3332101_CML_885LLLL_001.xml")
    assert (first["Result"], second["Result"]) == (result, "refused")
    if policy == "send":
        message = respond.read_outgoing(sandwell, MessageId(first["MessageId"]), "olive")
        body = message.body
        assert isinstance(body, TransferNotice)
        assert body.child
        assert (body.child.surname, body.child.nc_year_actual, body.moved_on) == (
            "Testchild-Bronté",
            "5",
            date(2026, 10, 23),
        )
        assert body.previous_address
        assert body.previous_address.address_line == ("12", "Specimen Street", "Fictionbury")
        assert body.school[0].estab == "2101"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("26.0", "24.0"), "CTF version 26 or 25"),
        (("CTfile>", "Other>"), "not a Common Transfer File"),
        (("</CTFpupilData>", ""), "not complete"),
        (("<CTfile>", '<!DOCTYPE CTfile [<!ENTITY x "y">]><CTfile>'), "document type"),
        (("<LEA>885</LEA><Estab>LLLL", "<LEA>XXX</LEA><Estab>XXXX"), "not known"),
    ],
)
async def test_a_common_transfer_file_that_cannot_go_is_said(
    pair: Pair, tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    sandwell, _ = pair
    sandwell.config = replace(sandwell.config, one=replace(sandwell.config.one, unsaid="send"))
    put_ctf(tmp_path, CTF.replace(*change))
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    [file] = (tmp_path / "one").glob("*.report.csv")
    assert says in file.read_text("utf-8-sig")
    assert sandwell.store.look(lambda tx: outbox.search_outbox(tx)) == []


def test_a_new_version_begins_in_august() -> None:
    assert [ctf.get_version(date(2026, *day)) for day in ((7, 31), (8, 1), (12, 31))] == [25, 26, 26]
    assert ctf.get_version(date(2027, 1, 1)) == 26


async def test_a_file_of_the_same_name_is_another_file(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    (tmp_path / "one" / "working").mkdir()
    put(tmp_path, ADA, name="working/leavers.csv")
    second = put(tmp_path, BY_POSTCODE)
    assert await folders.take_in_leavers(sandwell, tmp_path / "one") == 2
    assert not second.exists(), "two files of one name are two files"
    assert len(sandwell.store.look(lambda tx: outbox.search_outbox(tx))) == 2


async def test_a_table_without_rows_is_done(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    put(tmp_path)
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    [line] = report(tmp_path)
    assert (line["Result"], line["Reason"]) == ("ignored", leavers_folder.NOBODY)


async def test_a_file_on_which_our_code_fails_holds_up_no_other(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell, _ = pair

    def stumble(
        stream: BinaryIO, name: str, columns: OneColumnsSettings, today: date, *, judged: bool, month_first: bool
    ) -> extracts.Rows:
        if name == "a.csv":
            raise RuntimeError("a fault that nobody foresaw")
        return sound(stream, name, columns, today)

    sound = extracts.read
    monkeypatch.setattr(extracts, "read", stumble)
    put(tmp_path, ADA, name="a.csv")
    put(tmp_path, BY_POSTCODE, name="b.csv")
    assert await folders.take_in_leavers(sandwell, tmp_path / "one") == 2
    assert report(tmp_path, "failed", "a.csv")[0]["Reason"] == watched_folder.UNFORESEEN
    assert report(tmp_path, name="b.csv")[0]["Result"] == "sent"


async def test_a_long_file_is_broken_off_when_the_gateway_stops_and_taken_up_again(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leavers_folder, "LOOK_EVERY", 0.1)
    sandwell, _ = pair
    rows = 600
    put(tmp_path, *(f",Specimen-{in_letters(number)},Ben,2015-06-01,M,6,2026-10-23,,885,,," for number in range(rows)))
    async with app.run_gateway(sandwell):
        await until(lambda: bool(sandwell.store.look(lambda tx: outbox.search_outbox(tx))))
    assert len(folders.places(tmp_path / "333", "leavers", "working")) == 1
    assert (tmp_path / "one" / "leavers.csv").exists(), "it leaves the share when it was worked on"
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    results = [line["Result"] for line in report(tmp_path)]
    assert set(results) == {"sent", "before"}
    assert len(sandwell.store.look(lambda tx: outbox.search_outbox(tx, limit=None))) == rows
