"""Files as case systems, spreadsheets, databases and people make them: what becomes of each row, and why; nothing is
lost, nothing guessed.

`files/leavers.tsv` says of each file what is right, and by which row of the field log, or for which reason of ours. The
kinds beside the files: `test_cells.py` (what a cell means), `test_tables.py` (how a file is written),
`test_same_child.py` (what comes again).
"""

import csv
import io
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.authorities import postcodes
from gateway.context import Gateway
from gateway.errors import Doubted, GatewayError, Unusable
from gateway.exchange import respond
from gateway.one import held_files
from gateway.searches import children_index
from gateway.settings.sections import OneSettings
from gateway.store import outbox
from schemas import xml
from schemas.shapes import MessageId
from tests import folders
from tests.conftest import introduce, make
from tests.flows.test_postcodes import directory

FILES = Path(__file__).parent / "files"
LEAVERS = "leavers.tsv"
PLACES = "postcodes.tsv"
EMPTIED = ("intake", "drafts", "accepted_headings", "marks", "marked")


def table(name: str) -> list[dict[str, str]]:
    """A table of ours: what is right of each file."""
    return list(csv.DictReader((FILES / name).read_text("utf-8").splitlines(), delimiter="\t"))


@pytest.fixture(scope="module")
def sandwell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Sandwell, whose policy is to send, with two partners and a directory of postcodes."""
    home = tmp_path_factory.mktemp("files")
    ours = make(home / "333", "333", "Sandwell")
    partners = make(home / "885", "885", "Worcestershire"), make(home / "330", "330", "Birmingham")
    for one in partners:
        introduce(ours, one)
        one.store.close()
    (home / "one").mkdir()
    ours.config = replace(ours.config, one=OneSettings(str(home / "one"), enquire_of="330 885", unsaid="send"))
    postcodes.import_directory(ours, io.BytesIO(directory()), by="ines")
    yield ours
    ours.store.close()


@pytest.fixture(autouse=True)
def empty(sandwell: Gateway) -> None:
    """Nothing is known of files that came before."""
    with sandwell.store.engine.begin() as connection:
        for name in EMPTIED:
            connection.exec_driver_sql(f"DELETE FROM {name}")  # noqa: S608 - a name of ours
    shutil.rmtree(sandwell.config.home / "taken-in", ignore_errors=True)


async def take_in(gw: Gateway, *files: Path) -> list[dict[str, str]]:
    """What the report says of the last of these files, each put there after the one before was taken in."""
    for file in files:
        there = Path(gw.config.one.folder) / file.name
        shutil.copy(file, there)
        os.utime(there, (time.time() - 60, time.time() - 60))
        await folders.take_in_leavers(gw, Path(gw.config.one.folder))
    return next(
        folders.rows_of(gw.config.home, "leavers", place)
        for place in ("done", "failed", "waiting")
        if folders.places(gw.config.home, "leavers", place, files[-1].name)
    )


def shown(gw: Gateway, line: dict[str, str]) -> str:
    """Why a row was not sent, or what its notice says."""
    if line["Result"] != "sent":
        return line["Reason"]
    return xml.write(respond.read_outgoing(gw, MessageId(line["MessageId"]), "olive")).decode()


@pytest.mark.parametrize("name", sorted({one["file"] for one in table(LEAVERS)}))
async def test_each_row_of_a_file_becomes_what_is_right(sandwell: Gateway, name: str) -> None:
    expected = [one for one in table(LEAVERS) if one["file"] == name]
    lines = await take_in(sandwell, FILES / name)
    assert [(line["Row"], line["Result"]) for line in lines] == [(one["row"], one["result"]) for one in expected]
    for line, one in zip(lines, expected, strict=True):
        said = shown(sandwell, line)
        assert all(part in said for part in one["holds"].split("|")), (one, said)


def test_every_file_of_leavers_has_a_row_in_the_table() -> None:
    there = {path.name for path in FILES.iterdir() if path.name.startswith(("csv-", "333CTF-"))}
    assert {one["file"] for one in table(LEAVERS)} == there
    assert all(one["why"] for one in table(LEAVERS))


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("csv-one-upn-two-files-1.csv", "csv-one-upn-two-files-2.csv", "another name and date of birth"),
        ("csv-one-upn-two-files-2.csv", "csv-one-upn-two-files-1.csv", "another name and date of birth"),
        ("csv-one-upn-two-files-1.csv", "csv-two-children-one-upn.csv", "is in row 2"),
    ],
)
async def test_another_child_with_the_upn_of_one_who_was_sent_is_a_draft(
    sandwell: Gateway, first: str, second: str, says: str
) -> None:
    """Row 13."""
    lines = await take_in(sandwell, FILES / first, FILES / second)
    assert (lines[-1]["Result"], says in lines[-1]["Reason"]) == ("held", True)
    assert lines[-1]["Draft"]


async def test_a_headings_set_that_a_person_has_accepted_is_remembered_beside_the_others(sandwell: Gateway) -> None:
    """Row 12: two programs share a folder, and one of them is upgraded."""
    known, other = FILES / "csv-utf8.csv", FILES / "csv-heading-case-underscore.csv"
    await take_in(sandwell, known)
    [line] = await take_in(sandwell, other)
    assert (line["Result"], "Not known, so not used: UPN_NO. Missing: UPN." in line["Reason"]) == ("waiting", True)
    assert other.name not in os.listdir(sandwell.config.one.folder), "our copy waits in the home"
    [one] = held_files.find_all(sandwell.config.home)
    held_files.accept_file(sandwell, one.file_id, "ines")
    await folders.take_in_leavers(sandwell, Path(sandwell.config.one.folder))
    sent, headings = folders.rows_of(sandwell.config.home, "leavers", "done", other.name)
    assert (headings["Result"], sent["Result"]) == ("headings", "sent")
    for file in (known, other):
        assert {line["Result"] for line in await take_in(sandwell, file)} <= {"before", "headings"}


async def test_one_day_with_the_month_first_holds_all_that_could_mean_another(
    sandwell: Gateway, tmp_path: Path
) -> None:
    """Ours, beside row 19: 13 stands where the month does, so 02/01/2015 is no second of January either."""
    head = "UPN,Surname,Forename,Date of Birth,Date of Leaving,Restricted,Destination LA"
    days = ("1/13/2015", "02/01/2015", "03/03/2015", "2015-02-01", "01-FEB-2015")
    rows = [f",Testchild-{chr(97 + n)},Ada,{day},,N,885" for n, day in enumerate(days)]
    (tmp_path / "months.csv").write_text("\r\n".join([head, *rows, ""]), "utf-8")
    lines = await take_in(sandwell, tmp_path / "months.csv")
    assert [line["Result"] for line in lines] == ["refused", "held", "sent", "sent", "sent"]
    assert "month before the day" in lines[1]["Reason"]


async def test_a_file_that_is_put_aside_has_no_effect(sandwell: Gateway) -> None:
    await take_in(sandwell, FILES / "csv-heading-case-underscore.csv")
    [one] = held_files.find_all(sandwell.config.home)
    before = len(sandwell.store.look(lambda tx: outbox.search_outbox(tx, limit=None)))
    held_files.put_aside(sandwell, one.file_id, "ines")
    await folders.take_in_leavers(sandwell, Path(sandwell.config.one.folder))
    assert held_files.find_all(sandwell.config.home) == []
    assert len(sandwell.store.look(lambda tx: outbox.search_outbox(tx, limit=None))) == before
    with pytest.raises(GatewayError, match=r"one\.not-waiting"):
        held_files.accept_file(sandwell, one.file_id, "ines")


CHILDREN = {
    "children-ok.csv": "",
    # Row 18.
    "children-sep-line.csv": "",
    # Row 17.
    "children-quote-in-name.csv": "begins in line 3",
    # Row 15.
    "children-sql-null.csv": "2 of 2 children are restricted",
}


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.glob("children-*")))
def test_an_extract_of_all_children_is_taken_or_it_is_said_why_not(tmp_path: Path, name: str) -> None:
    gw, says = make(tmp_path, "333", "Sandwell"), CHILDREN[name]
    with (FILES / name).open("rb") as stream:
        if says:
            with pytest.raises(Unusable, match=says):
                children_index.load_extract(gw, stream, "ines")
        else:
            assert children_index.load_extract(gw, stream, "ines").children == 2
    gw.store.close()


async def test_an_index_in_which_all_are_restricted_waits_and_is_taken_when_a_person_says_so(tmp_path: Path) -> None:
    """Row 15."""
    gw, folder = make(tmp_path / "333", "333", "Sandwell"), tmp_path / "children"
    folder.mkdir()
    file = folder / "all.csv"
    shutil.copy(FILES / "children-sql-null.csv", file)
    os.utime(file, (time.time() - 60, time.time() - 60))
    await folders.take_in_children(gw, folder)
    [one] = held_files.find_all(gw.config.home)
    assert one.code == children_index.ALL_RESTRICTED
    held_files.accept_file(gw, one.file_id, "ines")
    await folders.take_in_children(gw, folder)
    with (FILES / "children-sql-null.csv").open("rb") as stream:
        found = [
            children_index.build_our_child(row)
            for _, row in children_index._read_rows(gw, stream)
            if isinstance(row, dict)
        ]
    assert folders.rows_of(gw.config.home, "children") == []
    assert [(one.restricted, one.described.dob_estimated, one.described.other_surnames) for one in found] == [
        (True, False, ())
    ] * 2
    gw.store.close()


def test_an_index_without_the_column_that_says_who_is_restricted_waits(tmp_path: Path) -> None:
    gw = make(tmp_path, "333", "Sandwell")
    text = b"Surname,Forename,Date of Birth\nSpecimen,Ben,2015-06-01\n"
    with pytest.raises(Doubted, match="Restricted"):
        children_index.load_extract(gw, io.BytesIO(text), "ines")
    assert children_index.load_extract(gw, io.BytesIO(text), "ines", accepted=["one.headings"]).children == 1
    assert children_index.load_extract(gw, io.BytesIO(text), "ines").children == 1, "it is remembered"
    gw.store.close()


def test_an_index_with_the_month_first_is_not_taken(tmp_path: Path) -> None:
    gw = make(tmp_path, "333", "Sandwell")
    text = b"Surname,Forename,Date of Birth,Restricted\nSpecimen,Ben,02/01/2015,\nSpecimen,Cat,1/13/2015,\n"
    with pytest.raises(Unusable, match="2 of 2 rows cannot be read"):
        children_index.load_extract(gw, io.BytesIO(text), "ines")
    gw.store.close()


def test_every_directory_of_postcodes_is_whole_or_refused(tmp_path: Path) -> None:
    """Rows 22 and 23."""
    expected = {one["file"]: one for one in table(PLACES)}
    assert expected.keys() == {path.name for path in (FILES / "onspd").iterdir()}
    for name, one in expected.items():
        gw = make(tmp_path / name, "333", "Sandwell")
        assert imported(gw, FILES / "onspd" / name) == one["says"], name
        gw.store.close()


def imported(gw: Gateway, file: Path) -> str:
    """How many are kept, which codes are not known, and where some of them lie; or why it is refused."""
    try:
        with postcodes.open_directory(file) as (stream, _):
            done = postcodes.import_directory(gw, stream, by="ines")
    except Unusable as why:
        return f"{why.code}: {why.sentence}"
    asked = ("B70 8SZ", "WR1 9ZZ", "S1 1AA", "S70 1AA", "AB1 0AA", "CA1 1AA", "NN1 1AA")
    found = [f"{one} {where}" for one in asked if (where := postcodes.find_authority_of_postcode(gw, one))]
    return f"{done.postcodes} kept; not known: {', '.join(done.unknown) or 'none'}; {', '.join(found)}"
