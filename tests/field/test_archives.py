"""Archives of the Postcode Directory, beside those of the field: all of it is read, or it is refused; nothing of a
damaged one counts.
"""

import io
import random
import zipfile
from pathlib import Path

import pytest

from gateway.authorities import postcodes
from gateway.context import Gateway
from gateway.errors import Unusable
from schemas import codes
from tests.conftest import make
from tests.flows.test_postcodes import OLD, directory

AREAS = {"B": "E08000028", "WS": "E08000030", "CF": "W06000015", "LS": "E08000035"}
PARTS = {
    f"Data/multi_csv/ONSPD_NOV_2025_UK_{area}.csv": directory(
        rows=tuple((f"{area}{n} {m}AA", "E99999999", code) for n in range(1, 5 + 7 * len(area)) for m in range(9))
    )
    for area, code in AREAS.items()
}
ROWS = sum(part.count(b"\r\n") - 1 for part in PARTS.values())
WHOLE = OLD.encode() + b"\r\n" + b"\r\n".join(part.strip().partition(b"\r\n")[2] for part in PARTS.values()) + b"\r\n"
OTHER = {
    "Documents/LAD names and codes.csv": b"LAD25CD,LAD25NM\n" + b"E08000028,Sandwell\n" * 5000,
    "Readme.txt": b"a,b\n",
}


@pytest.fixture
def gw(tmp_path: Path) -> Gateway:
    return make(tmp_path / "333", "333", "Sandwell")


def archive(tmp_path: Path, files: dict[str, bytes], packed: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", packed) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return tmp_path / "x.zip"


def imported(gw: Gateway, file: Path) -> postcodes.ImportedDirectory:
    with postcodes.open_directory(file) as (stream, _):
        return postcodes.import_directory(gw, stream, by="ines")


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize(
    "files",
    [
        PARTS,
        {"ONSPD.csv": WHOLE},
        PARTS | {"Data/ONSPD_NOV_2025_UK.csv": WHOLE},
        PARTS | OTHER,
        OTHER | {"Data/ONSPD_NOV_2025_UK.csv": WHOLE, "__MACOSX/Data/._ONSPD_NOV_2025_UK.csv": b"\0\5\26\7"},
        {name.rpartition("/")[2]: part for name, part in PARTS.items()},
        {name.rpartition("/")[2]: part for name, part in PARTS.items()} | {"ONSPD_NOV_2025_UK.csv": WHOLE},
        {name: part.rstrip() for name, part in PARTS.items()},
        dict(list(PARTS.items())[:1]) | {"Data/other/ONSPD_NOV_2025_UK.csv": WHOLE},
        {name.upper(): part for name, part in PARTS.items()},
    ],
)
def test_every_part_of_an_archive_is_read(gw: Gateway, tmp_path: Path, files: dict[str, bytes], packed: int) -> None:
    """Row 23."""
    imported(gw, archive(tmp_path, files, packed))
    found = [postcodes.find_authority_of_postcode(gw, f"{area}1 1AA") for area in AREAS]
    gw.store.close()
    assert found == [codes.authority_of(code) for code in AREAS.values()]


def test_an_archive_that_is_damaged_anywhere_is_named_and_nothing_of_it_counts(gw: Gateway, tmp_path: Path) -> None:
    chance = random.Random(23)
    whole = archive(tmp_path, PARTS, zipfile.ZIP_STORED).read_bytes()
    first_row, list_begins = whole.index(b"198001"), whole.index(b"PK\x01\x02")
    for turn in range(12):
        data = bytearray(whole)
        if turn % 2:
            del data[chance.randrange(first_row, len(data) - 30) :]
        else:
            data[chance.randrange(first_row, list_begins // 4)] ^= 0x55
        (tmp_path / "x.zip").write_bytes(data)
        with pytest.raises(Unusable) as caught:
            imported(gw, tmp_path / "x.zip")
        assert caught.value.code in ("postcodes.damaged", "postcodes.not-a-directory")
        assert postcodes.find_authority_of_postcode(gw, "B1 1AA") is None
    gw.store.close()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (OTHER, "no CSV file with a directory"),
        ({"ONSPD.zip": b"PK\x03\x04"}, "another archive"),
        ({f"Data/ONSPD_{month}_2025_UK.csv": WHOLE for month in ("FEB", "NOV")}, "more than one release"),
        (
            dict(list(PARTS.items())[:2]) | {"Data/multi_csv/b.csv": directory(head="pcds,a,b,c,d,oscty,e,oslaua,f")},
            "same columns",
        ),
    ],
)
def test_an_archive_that_holds_no_one_directory_is_refused(tmp_path: Path, files: dict[str, bytes], says: str) -> None:
    with pytest.raises(Unusable, match=says), postcodes.open_directory(archive(tmp_path, files)):
        pass


@pytest.mark.parametrize("mark", [b"\x1f\x8b\x08", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh9", b"\xfd7zXZ"])
def test_another_kind_of_archive_is_named(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / "x").write_bytes(mark + bytes(100))
    with pytest.raises(Unusable, match="archive; unpack it first"), postcodes.open_directory(tmp_path / "x"):
        pass


def test_an_archive_that_is_locked_is_named(tmp_path: Path) -> None:
    file = archive(tmp_path, PARTS, zipfile.ZIP_STORED)
    data = bytearray(file.read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + flags] |= 1
            at = data.find(mark, at + 4)
    file.write_bytes(data)
    with pytest.raises(Unusable, match="password"), postcodes.open_directory(file):
        pass


def test_a_later_directory_without_an_area_that_we_had_takes_nothing_away(gw: Gateway, tmp_path: Path) -> None:
    many = tuple(
        (f"WS{n} {m}{a}{b}", "E99999999", "E08000030") for n in (1, 2) for m in range(9) for a in "ABD" for b in "ABD"
    )
    more = tuple(
        (f"B{n} {m}{a}{b}", "E99999999", "E08000028")
        for n in range(1, 9)
        for m in range(9)
        for a in "ABD"
        for b in "ABD"
    )
    postcodes.import_directory(gw, io.BytesIO(directory(rows=many + more)), by="ines")
    with pytest.raises(Unusable, match="begins with WS"):
        postcodes.import_directory(gw, io.BytesIO(directory(rows=more)), by="ines")
    assert postcodes.find_authority_of_postcode(gw, "WS1 1AA") == "335"
    gw.store.close()


def test_every_code_that_was_replaced_leads_to_an_authority_of_today() -> None:
    """Row 22: so does every code of an authority that has ended whole."""
    for row in codes.list_rows("authorities_replaced"):
        assert codes.authority_of(row["code"]), row
    ended = {row["gss_code"]: row["successors"] for row in codes.list_rows("authorities_ended")}
    alone = {gss: code for gss, code in ended.items() if " " not in code}
    assert {gss: codes.authority_of(gss) for gss in alone} == alone


@pytest.mark.parametrize(
    ("county", "district", "unknown"),
    [
        ("E10000006", "E07000028", ""),
        ("E10000009", "E07000048", ""),
        ("E99999999", "E06000067", "E06000067"),
        ("E10000036", "E07999991", "E07999991"),
        ("E10000036", "E99999999", "E10000036"),
        ("W99999999", "W06000099", "W06000099"),
        ("S99999999", "S12000099", ""),
        ("N99999999", "N09000003", ""),
        ("L99999999", "L99999999", ""),
        ("M99999999", "M99999999", ""),
        ("E99999999", "E99999999", ""),
        ("", "", ""),
    ],
)
def test_a_code_of_england_or_wales_that_is_not_known_is_named(
    gw: Gateway, county: str, district: str, unknown: str
) -> None:
    data = directory(rows=(("B70 8SZ", "E99999999", "E08000028"), ("WR1 9ZZ", county, district)))
    done = postcodes.import_directory(gw, io.BytesIO(data), by="ines")
    gw.store.close()
    assert list(done.unknown) == ([unknown] if unknown else [])
    assert done.postcodes + done.elsewhere + sum(done.unknown.values()) == 2
