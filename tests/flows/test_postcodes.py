"""The index of postcodes: a directory is taken in whole, in bounded memory, and a notice that goes
astray is doubted.
"""

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authorities import postcodes
from gateway.context import Gateway
from gateway.errors import Unusable
from gateway.store import audit_log
from schemas import xml
from schemas.message import Address, Message, TransferNotice
from tests.children import notice
from tests.conftest import introduce, make, new_database
from tests.flows.test_command_line import cme_gateway

OLD = "pcd,pcd2,pcds,dointr,doterm,oscty,ced,oslaua,osward"
NEW = "pcd7,pcd8,pcds,dointr,doterm,cty25cd,ced25cd,lad25cd,wd25cd"
ROWS = (
    # Sandwell.
    ("B70 8SZ", "E99999999", "E08000028"),
    # Walsall.
    ("WS1 1TP", "E99999999", "E08000030"),
    # Worcester, which is a district of Worcestershire.
    ("WR1 9ZZ", "E10000034", "E07000237"),
    # Cardiff.
    ("CF10 1AA", "W99999999", "W06000015"),
    # Edinburgh has no authority of ours.
    ("EH1 1AA", "S99999999", "S12000036"),
)


def directory(head: str = OLD, rows: tuple[tuple[str, str, str], ...] = ROWS, more: str = "") -> bytes:
    lines = [f'"{code:7}","{code}","{code}",198001,,{county},x,{district},y' for code, county, district in rows]
    return "\r\n".join([head, *lines, more]).encode("latin-1")


@pytest.fixture(params=["sqlite", "postgresql"])
def gw(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    url = "" if request.param == "sqlite" else new_database(request.getfixturevalue("postgres"))
    made = make(tmp_path / "333", "333", "Sandwell", url)
    yield made
    made.store.close()


@pytest.mark.parametrize("head", [OLD, NEW, "\ufeff".encode().decode("latin-1") + NEW])
def test_a_release_is_taken_in(gw: Gateway, head: str) -> None:
    done = postcodes.import_directory(gw, io.BytesIO(directory(head)), by="ines")
    assert (done.postcodes, done.elsewhere, done.malformed, done.gone) == (4, 1, 0, 0)
    asked = ("b70 8sz", "WS11TP", "WR1 9ZZ", "CF10 1AA", "EH1 1AA", "nonsense")
    assert [postcodes.find_authority_of_postcode(gw, one) for one in asked] == [
        "333",
        "335",
        "885",
        "681",
        None,
        None,
    ]
    [entry] = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="postcodes.imported"))
    assert entry.actor == "ines"


def test_a_newer_release_takes_the_place_of_the_older(gw: Gateway) -> None:
    postcodes.import_directory(gw, io.BytesIO(directory()), by="ines")
    moved = (("B70 8SZ", "E99999999", "E08000030"), *ROWS[2:])
    done = postcodes.import_directory(gw, io.BytesIO(directory(NEW, moved)), by="ines")
    assert (done.postcodes, done.gone) == (3, 1)
    assert postcodes.find_authority_of_postcode(gw, "B70 8SZ") == "335"
    assert postcodes.find_authority_of_postcode(gw, "WS1 1TP") is None


def test_a_part_of_a_directory_takes_nothing_away(gw: Gateway) -> None:
    postcodes.import_directory(gw, io.BytesIO(directory()), by="ines")
    with pytest.raises(Unusable, match=r"postcodes\.too-few"):
        postcodes.import_directory(gw, io.BytesIO(directory(NEW, ROWS[:1])), by="ines")
    assert postcodes.find_authority_of_postcode(gw, "WS1 1TP") == "335"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "column for the postcode"),
        (b"name,dob\nx,y\n", "column for the postcode"),
        (b"pcds,oscty\nB70 8SZ,E99999999\n", "column for the district"),
        (b'pcds,oscty,oslaua\n"' + b"x" * 200_000, "not a CSV table"),
    ],
)
def test_what_is_no_directory_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    with pytest.raises(Unusable, match=says):
        postcodes.import_directory(gw, io.BytesIO(content), by="ines")
    gw.store.close()


@given(st.binary(max_size=400))
def test_no_row_stops_an_import(noise: bytes) -> None:
    line = noise.replace(b'"', b"").replace(b"\r", b"").replace(b"\0", b"")
    found = list(postcodes.iterate_directory(io.BytesIO(directory() + line)))
    assert [code for code, _ in found[:4]] == ["B708SZ", "WS11TP", "WR19ZZ", "CF101AA"]


def test_rows_that_hold_no_postcode_are_counted(gw: Gateway) -> None:
    done = postcodes.import_directory(gw, io.BytesIO(directory(more="short\r\na,b,not one,,,E1,x,E2,y\r\n")), by="ines")
    assert (done.postcodes, done.malformed) == (4, 2)


# What the system counts for a child holds that of whoever started it too, so the process says itself what it needed.
MEASURED = """
import atexit, sys
from gateway.__main__ import main
atexit.register(lambda: print(next(row for row in open("/proc/self/status") if "VmHWM" in row), file=sys.stderr))
main()
"""


def test_the_archive_that_ons_publishes_is_read_in_bounded_memory(tmp_path: Path) -> None:
    make(tmp_path / "333", "333", "Sandwell").store.close()
    letters = "ABCDEFGHJKLMNPQRSTUW"
    many = tuple(
        (f"{a}{b}{n} {m}{x}{x}", "E99999999", "E08000028")
        for a in letters for b in letters for n in range(1, 10) for m in range(10) for x in letters[:5]
    )  # fmt: skip
    with zipfile.ZipFile(tmp_path / "ONSPD.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Documents/Names.csv", "a,b\n")
        archive.writestr("Data/ONSPD_UK.csv", directory(rows=many))
    words = ["postcodes", "import", str(tmp_path / "ONSPD.zip"), "--home", str(tmp_path / "333")]
    done = subprocess.run([sys.executable, "-c", MEASURED, *words], capture_output=True, text=True, check=True)
    assert f"{len(many):,} postcodes" in done.stdout
    # KiB; no part of it grows with the file.
    assert int(done.stderr.split()[-2]) < 400_000
    found = cme_gateway("postcodes", "find", "AA1 0AA", "--home", str(tmp_path / "333"))
    assert found.stdout == "Sandwell (333)\n"
    unknown = cme_gateway("postcodes", "find", "ZZ9 9ZZ", "--home", str(tmp_path / "333"))
    assert (unknown.returncode, "postcodes.not-found" in unknown.stderr) == (4, True)


def going_to(postcode: str | None) -> Message:
    found = notice()
    assert isinstance(found.body, TransferNotice)
    address = Address(address_line=("1 Invented Street",), post_code=postcode)
    return replace(found, body=replace(found.body, destination_address=address))


def test_a_notice_to_another_authority_than_where_the_child_moves_is_doubted(gw: Gateway) -> None:
    postcodes.import_directory(gw, io.BytesIO(directory()), by="ines")
    assert postcodes.describe_other_authority(gw, going_to("WR1 9ZZ")) is None
    assert postcodes.describe_other_authority(gw, going_to("ZZ1 1ZZ")) is None
    assert postcodes.describe_other_authority(gw, going_to(None)) is None
    doubt = postcodes.describe_other_authority(gw, going_to("WS1 1TP"))
    assert doubt == "The new postcode is in Walsall (335), but the notice is to Worcestershire (885)."


def test_whoever_sends_is_told_of_the_doubt(tmp_path: Path) -> None:
    gw, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(gw, there)
    postcodes.import_directory(gw, io.BytesIO(directory()), by="ines")
    for one in (gw, there):
        one.store.close()
    (tmp_path / "notice.xml").write_bytes(xml.write(going_to("WS1 1TP")))
    done = cme_gateway("send", str(tmp_path / "notice.xml"), "--home", str(tmp_path / "333"))
    assert done.returncode == 0
    assert "Walsall (335)" in done.stderr
