"""Whatever is put into the folder: good rows go out, bad ones are listed with why, nothing is lost, and nothing goes
twice.
"""

import asyncio
import io
import os
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pytest

from gateway.context import Gateway
from gateway.core.safeguards import KnownFacts
from gateway.errors import ConfigProblem, Unusable
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.one import extracts, held_files, leaver_batches
from gateway.one.table import MAX_ROWS, Unread
from gateway.settings.file import parse
from gateway.settings.sections import OneColumnsSettings
from gateway.store import outbox
from gateway.store.outbox import QueuedNotice
from schemas import xml
from schemas.message import Message, TransferNotice
from schemas.shapes import MessageId
from tests import folders
from tests.children import in_letters
from tests.flows.test_exchange import Pair
from tests.flows.test_leavers_folder import ADA, BY_POSTCODE, CTF, HEAD, NAMELESS, TODAY, pair, put, read, report

__all__ = ["pair"]

CML = CTF.replace("<LEA>885</LEA>", "<LEA>333</LEA>").replace("Common Transfer File", "CML")
WENT = (
    "<DestinationAddress><AddressLines><AddressLine1>44 Placeholder Road</AddressLine1></AddressLines><PostCode>WR1"
    " 9ZZ</PostCode></DestinationAddress>"
)
NEW_SCHOOL = "<DestSchool><LEA>885</LEA><Estab>2102</Estab></DestSchool>"


def put_bytes(tmp_path: Path, content: bytes, name: str = "leavers.csv") -> Path:
    """A file that was written a minute ago."""
    file = tmp_path / "one" / name
    file.write_bytes(content)
    os.utime(file, (time.time() - 60, time.time() - 60))
    return file


def with_each(text: str, more: str) -> bytes:
    """The file with this in its first pupil."""
    return text.replace("</SchoolHistory>", "</SchoolHistory>" + more).encode("latin-1")


async def leavers(pair: Pair, tmp_path: Path, content: bytes, name: str) -> list[dict[str, str]]:
    """What the report says of this file, where policy is to send."""
    sandwell, _ = pair
    sandwell.config = replace(sandwell.config, one=replace(sandwell.config.one, unsaid="send"))
    put_bytes(tmp_path, content, name)
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    return report(tmp_path, name=name)


def notice_of(pair: Pair, line: dict[str, str]) -> TransferNotice:
    body = respond.read_outgoing(pair[0], MessageId(line["MessageId"]), "olive").body
    assert isinstance(body, TransferNotice)
    return body


async def test_a_cml_to_its_own_authority_says_of_each_pupil_where_it_went(pair: Pair, tmp_path: Path) -> None:
    said = with_each(CML, "<GroundsForRemoval>G</GroundsForRemoval>" + NEW_SCHOOL + WENT)
    first, second = await leavers(pair, tmp_path, said, "3332101_CML_333LLLL_001.xml")
    assert (first["Row"], first["Result"], first["To"]) == ("1", "sent", "885")
    assert (second["Row"], second["Result"]) == ("2", "refused")
    body = notice_of(pair, first)
    assert body.ground_for_deletion
    assert (body.ground_for_deletion.letter, body.ground_for_deletion.regulations) == ("G", "2024")
    assert body.destination_school
    assert body.destination_school.school_name == "885/2102"
    assert body.destination_address
    assert (body.destination_address.post_code, body.destination_address.address_line) == (
        "WR1 9ZZ",
        ("44 Placeholder Road",),
    )


async def test_a_cml_may_say_where_to_by_the_postcode_alone(pair: Pair, tmp_path: Path) -> None:
    [first, _] = await leavers(pair, tmp_path, with_each(CML, WENT), "3332101_CML_333LLLL_001.xml")
    assert (first["Result"], first["To"]) == ("sent", "885")


async def test_a_cml_that_does_not_say_where_to_waits(pair: Pair, tmp_path: Path) -> None:
    lived = (
        "<DestinationAddress><BS7666Address><PAON>12</PAON><Street>Specimen"
        " Street</Street><Town>Fictionbury</Town></BS7666Address><PostCode>B70 9ZZ</PostCode></DestinationAddress>"
    )
    [first, _] = await leavers(pair, tmp_path, with_each(CML, lived), "3332101_CML_333LLLL_001.xml")
    assert (first["Result"], "not known" in first["Reason"]) == ("held", True), "the old address is no new one"


@pytest.mark.parametrize(
    ("left", "said", "ground"),
    [
        ("2024-08-18", "(H)", ("H", "2016")),
        ("2024-08-19", "H", ("H", "2024")),
        ("2016-08-31", "h", ("H", "2006")),
        ("2026-10-23", "8(1)(h)", None),
        ("2026-10-23", "moved away", None),
        ("2026-10-23", "", None),
    ],
)
async def test_a_ground_is_a_letter_by_the_regulations_of_its_day(
    pair: Pair, tmp_path: Path, left: str, said: str, ground: tuple[str, str] | None
) -> None:
    text = with_each(CML.replace("2026-10-23", left), f"<RemovalGround>{said}</RemovalGround>{NEW_SCHOOL}")
    [first, _] = await leavers(pair, tmp_path, text, "3332101_CML_333LLLL_001.xml")
    found = notice_of(pair, first).ground_for_deletion
    assert (found and (found.letter, found.regulations)) == ground


@pytest.mark.parametrize(
    ("name", "document"),
    [("3332101_CMJ_333LLLL_001.xml", "Common Transfer File"), ("joiners.xml", "CME Joiners"), ("x.xml", "CMJ")],
)
async def test_a_child_who_joined_is_no_leaver(pair: Pair, tmp_path: Path, name: str, document: str) -> None:
    lines = await leavers(pair, tmp_path, CTF.replace("Common Transfer File", document).encode("latin-1"), name)
    assert [(line["Result"], line["Reason"]) for line in lines] == [("ignored", extracts.JOINED)] * 2
    assert pair[0].store.look(lambda tx: outbox.search_outbox(tx)) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (CTF[: CTF.index("<CTFpupilData>")].encode(), "not complete"),
        (CTF.replace("Header>", "Head>").encode("latin-1"), "no header"),
        (b"<html><body>An error page</body></html>", "not a Common Transfer File"),
        (b'<!DOCTYPE CTfile SYSTEM "file:///etc/passwd"><CTfile/>', "document type"),
        (CTF.replace("<Surname></Surname>", "<Surname>&#0;</Surname>").encode("latin-1"), "not complete"),
    ],
)
async def test_what_is_no_whole_transfer_file_sends_nothing(
    pair: Pair, tmp_path: Path, content: bytes, says: str
) -> None:
    sandwell, _ = pair
    sandwell.config = replace(sandwell.config, one=replace(sandwell.config.one, unsaid="send"))
    put_bytes(tmp_path, content, "x.xml")
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    [line] = report(tmp_path, "failed", "x.xml")
    assert (line["Result"], says in line["Reason"]) == ("refused", True)
    assert sandwell.store.look(lambda tx: outbox.search_outbox(tx)) == []


async def test_an_archive_in_the_place_of_a_file_is_put_aside(pair: Pair, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("leavers.xml", CTF)
    for name in ("leavers.xml", "leavers.csv"):
        put_bytes(tmp_path, packed.getvalue(), name)
        await folders.take_in_leavers(pair[0], tmp_path / "one")
        assert "ZIP" in report(tmp_path, "failed", name)[0]["Reason"]


async def test_a_file_of_which_the_end_is_missing_sends_nothing_until_it_is_whole(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    whole = "\r\n".join([HEAD, ADA, BY_POSTCODE, ""]).encode()
    # Within quotation marks, which nothing closes.
    cut = whole.index(b', Inventchester"')
    put_bytes(tmp_path, whole[:cut], "a.csv")
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    assert "not complete" in report(tmp_path, "failed", "a.csv")[0]["Reason"]
    assert sandwell.store.look(lambda tx: outbox.search_outbox(tx)) == []
    # Within the last row.
    put_bytes(tmp_path, whole[: whole.index(b"WR1 9ZZ,\r\n")], "b.csv")
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    assert [line["Result"] for line in report(tmp_path, name="b.csv")] == ["sent", "refused"]
    put_bytes(tmp_path, whole, "c.csv")
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    assert [line["Result"] for line in report(tmp_path, name="c.csv")] == ["before", "sent"]


async def test_a_file_that_grows_while_it_is_read_is_read_again(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    file = put(tmp_path, *(f",Specimen-{in_letters(n)},Ben,2015-06-01,M,6,2026-10-23,,885,,," for n in range(300)))

    async def write_on() -> None:
        while not sandwell.store.look(lambda tx: outbox.search_outbox(tx, limit=1)):
            await asyncio.sleep(0.01)
        with file.open("ab") as end:
            end.write(f"{ADA}\r\n".encode())

    await asyncio.gather(folders.take_in_leavers(sandwell, tmp_path / "one"), write_on())
    assert file.exists(), "it is not put away while somebody writes it"
    assert await folders.take_in_leavers(sandwell, tmp_path / "one") == 0, "it has not been quiet for long enough"
    os.utime(file, (time.time() - 60, time.time() - 60))
    assert await folders.take_in_leavers(sandwell, tmp_path / "one") == 1
    assert {line["Result"] for line in report(tmp_path)} <= {"before", "sent"}
    assert len(sandwell.store.look(lambda tx: outbox.search_outbox(tx, limit=None))) == 301


class Endless(io.RawIOBase):
    """A table of so many bytes that is not in memory: rows of ten bytes after the headings."""

    HEAD, ROW = b"Surname,Forename,Date of Birth,Note\n", b"A,B,2015-06-01," + b"x" * 984 + b"\n"

    def __init__(self, size: int) -> None:
        self.size, self.at = size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        wanted = min(len(view), self.size - self.at)
        rows, begins = self.ROW * (wanted // len(self.ROW) + 2), (self.at - len(self.HEAD)) % len(self.ROW)
        text = (self.HEAD[self.at :] + rows) if self.at < len(self.HEAD) else rows[begins:]
        view[:wanted] = text[:wanted]
        self.at += wanted
        return wanted


def table(size: int) -> BinaryIO:
    return io.BufferedReader(Endless(size))


def test_a_hundred_megabytes_are_read_and_not_one_byte_more() -> None:
    rows = extracts.read(table(extracts.MAX_BYTES), "x.csv", OneColumnsSettings(), TODAY)
    assert sum(1 for _ in rows) > 100_000
    with pytest.raises(Unusable, match="100 MB"):
        next(extracts.read(table(extracts.MAX_BYTES + 1), "x.csv", OneColumnsSettings(), TODAY))


def test_two_hundred_thousand_rows_are_read_and_not_one_more() -> None:
    def rows(count: int) -> bytes:
        return b"Surname,Date of Birth\n" + b"A,2015-06-01\n" * count

    def count(content: bytes) -> int:
        return sum(1 for _ in extracts.read(io.BytesIO(content), "x.csv", OneColumnsSettings(), TODAY))

    assert count(rows(MAX_ROWS)) == MAX_ROWS
    with pytest.raises(Unusable, match="200,000"):
        count(rows(MAX_ROWS + 1))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"Surname,Surname,Date of Birth\nA,B,2015-06-01\n", "two columns called Surname"),
        ("\ufeffSurname,Date of Birth\nA,2015-06-01\n".encode("utf-16-le")[:-1], "breaks off"),
        (b"\xef\xbb\xbfSurname,Date of Birth\nBront\xe9,2015-06-01\n", "breaks off"),
        (b"Surname,Date of Birth\nA\0,2015-06-01\n", "not text"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not text"),
        (b"Surname\nA\n", "headings"),
        (b"Surname,Date of Birth\n" + b'"' + b"x" * 200_000 + b'",2015-06-01\n', "not complete"),
    ],
)
def test_a_table_that_cannot_be_trusted_is_not_read_at_all(content: bytes, says: str) -> None:
    with pytest.raises(Unusable, match=says):
        read(content)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("A", "fewer cells"),
        ("A,2015-06-01", None),
        ("A,2015-06-01,1 Road, Town", "more cells"),
        ("A,2015-06-01,1 Road,,", None),
        ('A,2015-06-01,"1 ""The Cottage"" Road"', None),
        ("", "nothing"),
        (" , ,", "nothing"),
    ],
)
def test_a_row_is_read_by_its_cells(line: str, says: str | None) -> None:
    rows = read(f"Surname,Date of Birth,New Address\n{line}\n".encode())
    if says == "nothing":
        assert rows == []
        return
    [(number, row)] = rows
    assert number == 2
    assert isinstance(row, Unread) == bool(says)
    assert says is None or (isinstance(row, Unread) and says in row.reason)


async def test_a_column_that_nobody_knows_is_passed_over_once_a_person_says_so(pair: Pair, tmp_path: Path) -> None:
    for turn in range(2):
        put(tmp_path, f"{ADA},blue", f"{NAMELESS},red", head=f"{HEAD},Favourite Colour")
        await folders.take_in_leavers(pair[0], tmp_path / "one")
        if not turn:
            [one] = held_files.find_all(pair[0].config.home)
            assert "Favourite Colour" in one.sentence
            held_files.accept_file(pair[0], one.file_id, "ines")
            await folders.take_in_leavers(pair[0], tmp_path / "one")
    *lines, headings = report(tmp_path)
    assert "Favourite Colour" in headings["Reason"]
    assert [(line["Row"], line["Result"]) for line in lines] == [("2", "before"), ("3", "refused")]
    assert "surname" in lines[1]["Reason"]


GATEWAY = '[authority]\ncode = "333"\nname = "Sandwell"\n'


def test_closure_values_are_the_authoritys_own_words() -> None:
    config = parse(f'{GATEWAY}[one_closures]\n"MOVED  OUT" = "transfer"\nEHE = "ignore"\n', Path())
    assert config.one_closures == {"lost": "enquire", "moved out": "transfer", "ehe": "ignore"}
    assert parse(f'{GATEWAY}[one_closures]\nLost = "hold"\n', Path()).one_closures == {"lost": "hold"}
    assert parse(GATEWAY, Path()).one_closures == {"lost": "enquire"}


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ('[one_closures]\nEHE = "ignore"\n"MOVED OUT" = "send"\n', 6),
        ("[one_closures]\nEHE = 1\n", 5),
        ('[one]\nenquire_of = "885 Birmingham"\n', 5),
        ('[one]\nenquire_of = "333"\n', 5),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(section: str, line: int) -> None:
    with pytest.raises(ConfigProblem, match=f"line {line}"):
        parse(GATEWAY + section, Path())


def test_a_transfer_file_is_read_a_pupil_at_a_time() -> None:
    """Ten megabytes of pupils, and the first is there before the last was read."""
    pupil = CTF[CTF.index("    <Pupil>") : CTF.index("    <Pupil><Surname>")]
    stream = io.BytesIO(CTF.replace(pupil, pupil * 15_000).encode("latin-1"))
    rows: Iterator[tuple[int, object]] = extracts.read(stream, "x.xml", OneColumnsSettings(), date(2026, 11, 24))
    assert next(rows)[0] == 1
    assert stream.tell() < 100_000
    assert sum(1 for _ in rows) == 15_000


async def test_a_row_on_which_our_code_fails_holds_up_no_other(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandwell, _ = pair

    def stumble(
        gw: Gateway, notices: Sequence[Message], by: str, **more: Mapping[MessageId, KnownFacts]
    ) -> list[QueuedNotice]:
        if any(b"Specimen" in xml.write(one) for one in notices):
            raise RuntimeError("a fault that nobody foresaw")
        return prepare_messages(gw, notices, by, known=more["known"])

    monkeypatch.setattr(leaver_batches, "prepare_messages", stumble)
    put(tmp_path, ADA, BY_POSTCODE)
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    first, second = report(tmp_path)
    assert (first["Result"], second["Result"], second["Reason"]) == ("sent", "held", leaver_batches.UNFORESEEN)
    assert second["Draft"]


async def test_a_upn_with_a_letter_that_no_upn_has_is_refused_alone(pair: Pair, tmp_path: Path) -> None:
    put(tmp_path, "A33321012300I,Letter-Example,Hal,2014-01-15,M,7,2026-10-23,,885,,,", ADA)
    await folders.take_in_leavers(pair[0], tmp_path / "one")
    assert [line["Result"] for line in report(tmp_path)] == ["refused", "sent"]
