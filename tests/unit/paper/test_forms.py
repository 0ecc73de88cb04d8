"""One page in each of its forms, read back as whoever gets it reads it."""

import csv
import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree, html
from pypdf import PdfReader

from gateway.paper import as_csv, as_html, as_pdf, bars
from gateway.paper.bars import Bar, Bars
from gateway.paper.page import Column, ReportPage, ReportTable
from schemas.hidden_signs import show_hidden
from tests.needs import need

PICTURE = Bars("How long", "Seven wait.", [Bar("0 days", 3, 0), Bar("1 day", 2, 2), Bar("more", 0, 0)])
TABLE = ReportTable(
    "Waiting",
    (Column("Days"), Column("Late", number=True)),
    (("0 days", 0), ("1 day", 2), ("All", 2)),
    "Counted today.",
    total=True,
    picture=PICTURE,
    marked=frozenset({1}),
)
PAGE = ReportPage("What waits", "Sandwell (333)", "On 23 November 2026", ("A note.",), (TABLE,))
HOSTILE = "=cmd|'/c calc'!A1 <script>alert(1)</script>"


def rows_of(text: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.decode("utf-8-sig"), newline="")))


def test_a_table_comes_back_from_csv_as_it_was() -> None:
    written = as_csv.write(PAGE)
    assert written.startswith(b"\xef\xbb\xbf")
    assert rows_of(written) == [["Days", "Late"], ["0 days", "0"], ["1 day", "2"], ["All", "2"]]


def test_every_cell_of_a_csv_is_quoted() -> None:
    line = as_csv.write(PAGE).decode("utf-8-sig").splitlines()[1]
    assert line == '"0 days","0"'


def test_several_tables_are_one_value_a_line() -> None:
    two = replace(PAGE, tables=(TABLE, replace(TABLE, title="Again")))
    lines = rows_of(as_csv.write(two))
    assert lines[0] == ["Table", "Row", "Column", "Value"]
    assert ["Again", "1 day", "Late", "2"] in lines


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))
def test_no_cell_of_a_csv_is_a_formula_and_none_is_lost(said: str) -> None:
    [_, [cell]] = rows_of(as_csv.write(replace(PAGE, tables=(ReportTable("T", (Column("C"),), ((said,),)),))))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell in (show_hidden(said), f"'{show_hidden(said)}")


def test_the_page_is_html_that_a_screen_reader_can_follow() -> None:
    found = html.document_fromstring(as_html.write(PAGE))
    assert found.get("lang") == "en-GB"
    assert found.findtext(".//title") == "What waits - Sandwell (333)"
    assert [cell.text for cell in found.iterfind(".//th[@scope='col']")] == ["Days", "Late"]
    assert [cell.text for cell in found.iterfind(".//th[@scope='row']")] == ["0 days", "1 day", "All"]
    assert found.findtext(".//caption") == "Waiting"
    assert [row.get("class") for row in found.iterfind(".//tbody/tr")] == [None, "marked", "total"]


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    text = as_html.write(PAGE).decode()
    found = html.document_fromstring(text)
    assert not found.xpath("//script | //link | //img | //iframe | //@src | //@href | //@onload")
    assert "url(" not in text
    assert "@import" not in text


def test_what_others_wrote_is_text_and_never_markup() -> None:
    page = replace(
        PAGE, title=HOSTILE, notes=(HOSTILE,), tables=(ReportTable(HOSTILE, (Column(HOSTILE),), ((HOSTILE,),)),)
    )
    found = html.document_fromstring(as_html.write(page))
    assert not found.xpath("//script")
    assert found.findtext(".//tbody//th") == HOSTILE


def test_the_pdf_is_tagged_and_every_page_of_it_marked_and_numbered() -> None:
    need("Pango", "fonts")
    long = replace(PAGE, tables=(replace(TABLE, rows=[(f"row {n}", n) for n in range(120)]),))
    pdf = PdfReader(io.BytesIO(as_pdf.write(long)))
    texts = [page.extract_text() for page in pdf.pages]
    assert len(texts) > 2
    for number, text in enumerate(texts, 1):
        assert "OFFICIAL-SENSITIVE" in text
        assert f"page {number} of {len(texts)}" in text
        # The header row is on every page.
        assert "Days" in text
    assert pdf.metadata is not None
    assert pdf.metadata.title == "What waits - Sandwell (333)"
    assert "/MarkInfo" in pdf.root_object
    assert "/StructTreeRoot" in pdf.root_object
    assert str(pdf.root_object["/Lang"]) == "en-GB"


@pytest.mark.parametrize("why", ["ImportError('no module')", "OSError('cannot load library libpango')"])
def test_where_pdf_cannot_be_made_it_is_said_what_to_install(tmp_path: Path, why: str) -> None:
    (tmp_path / "weasyprint.py").write_text(f"raise {why}")
    line = "from gateway.paper import as_pdf; from tests.unit.paper.test_forms import PAGE; as_pdf.write(PAGE)"
    env = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}."}
    done = subprocess.run([sys.executable, "-c", line], env=env, capture_output=True, text=True, check=False)
    assert "report.no-pdf" in done.stderr


def test_the_picture_is_the_same_each_time_and_says_its_figures_in_words() -> None:
    drawn = bars.draw_svg(PICTURE)
    assert drawn == bars.draw_svg(PICTURE)
    found = etree.fromstring(drawn)
    said = ["".join(text.itertext()) for text in found.iterfind(".//{*}text")]
    assert {"on time", "overdue", "0 days", "3", "4, 2 overdue", "0"} <= set(said)
    assert found.findtext("{*}title") == "How long"
    assert found.findtext("{*}desc") == "Seven wait."


@given(st.lists(st.tuples(st.text(max_size=8), st.integers(0, 10**6), st.integers(0, 10**6)), max_size=8))
def test_no_bar_leaves_the_picture(counts: list[tuple[str, int, int]]) -> None:
    printable = [Bar("".join(filter(str.isprintable, label)), in_time, late) for label, in_time, late in counts]
    found = etree.fromstring(bars.draw_svg(Bars("T", "S", printable)))
    for shape in found.iterfind(".//{*}rect"):
        assert float(shape.get("x", "0")) + float(shape.get("width", "0")) <= bars.WIDTH
        assert float(shape.get("width", "0")) >= 0
