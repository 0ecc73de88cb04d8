"""How a table is written, beside the files: what can mean one thing only is read, and a foreign letter spoils its own
row at most.
"""

import csv
import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Unusable
from gateway.one import cells, extracts
from gateway.one.extracts import DOUBT, Ignored, Row
from gateway.one.table import Unread
from gateway.settings.sections import OneColumnsSettings

TODAY = date(2026, 11, 26)
COLUMNS = OneColumnsSettings()
HEAD = ("UPN", "Surname", "Forename", "Date of Birth", "Restricted", "Destination LA", "New Address")
ADA = ("X333210123001", "Testchild-Example", "Ada", "31/03/2016", "N", "885", "44 Placeholder Road")


def rows(data: bytes) -> list[tuple[int, Row | Unread | Ignored]]:
    return list(extracts.read(io.BytesIO(data), "x.csv", COLUMNS, TODAY))


def names(data: bytes) -> list[str]:
    """The surname of each row, with a question mark where an officer must look at it first."""
    found = []
    for _, row in rows(data):
        assert not isinstance(row, Unread | Ignored), row
        found.append(f"?{row['surname']}" if row.get(DOUBT) else row["surname"])
    return found


def text(*lines: tuple[str, ...], separator: str = ",") -> str:
    made = io.StringIO()
    csv.writer(made, delimiter=separator).writerows(lines)
    return made.getvalue()


INVISIBLE = st.lists(
    st.sampled_from(["\ufeff", "\u200b", "\u200e", "\xa0", " ", "\n", "\u2060", "\xad"]), max_size=3
).map("".join)


@given(st.data())
def test_a_heading_is_known_by_its_letters_whatever_cannot_be_seen_in_it(data: st.DataObject) -> None:
    """Row 12."""
    spoilt = []
    for heading in HEAD:
        spelt = data.draw(
            st.sampled_from([heading, heading.upper(), heading.lower(), heading.replace(" ", "_"), f"{heading}:"])
        )
        spoilt.append(
            data.draw(INVISIBLE)
            + spelt.replace(" ", data.draw(st.sampled_from([" ", "\r\n", "\xa0", "  ", ""])))
            + data.draw(INVISIBLE)
        )
    written = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    stream = io.BytesIO(text(tuple(spoilt), ADA).encode(written))
    found = extracts.read_headings(stream, COLUMNS)
    assert found is not None
    assert (len(found.known), found.unknown) == (len(HEAD), ())
    [(_, row)] = rows(stream.getvalue())
    assert isinstance(row, dict)
    assert (row["upn"], row["restricted"]) == ("X333210123001", "N")


@pytest.mark.parametrize("marks", ["\ufeff", "\ufeff\ufeff", "\ufeff\u200b\ufeff", "ï»¿", "\ufeffï»¿", "\u200b"])
@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("written", ["utf-8", "utf-16", "utf-8-sig"])
def test_marks_before_the_text_are_no_part_of_it(marks: str, quoted: bool, written: str) -> None:
    head = text(("Restricted", *HEAD[:4])).replace("Restricted", '"Restricted"' if quoted else "Restricted")
    [(_, row)] = rows((marks + head + text(("Y", *ADA[:4]))).encode(written))
    assert isinstance(row, dict)
    assert (row["restricted"], extracts.UNSAID in row) == ("Y", False)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "before",
    [
        *(
            "sep={0}\r\n",
            '"sep={0}"\r\n',
            "SEP={0}\r\n",
            "\ufeffsep={0}\r\n",
            "Leavers report\r\n",
            "Leavers report{0}{0}{0}\r\n",
        ),
        *(
            '"Leavers, all of them"\r\nMade on 23/10/2026{0}by ONE\r\n\r\n',
            "\r\n\r\n",
            "{0}{0}{0}\r\n",
            "sep={0}\r\nLeavers\r\n",
        ),
        *('It "began so\r\n', "Made by{0}ONE\r\nOn{0}23/10/2026\r\n"),
    ],
)
def test_a_title_and_what_a_spreadsheet_is_told_stand_before_the_headings(separator: str, before: str) -> None:
    """Row 18."""
    data = (before.format(separator) + text(HEAD, ADA, separator=separator)).encode()
    [(line, row)] = rows(data)
    assert isinstance(row, dict)
    assert (row["surname"], row["new_address"]) == ("Testchild-Example", "44 Placeholder Road")
    assert data.decode().splitlines()[line - 1].startswith("X333210123001"), "the line is the file's own"


def test_a_sheet_that_was_sorted_with_its_headings_loses_no_child() -> None:
    with pytest.raises(Unusable, match="line 2 is before the headings"):
        rows(("Leavers\r\n" + text(ADA, HEAD, ADA)).encode())


def test_what_has_no_headings_among_its_first_lines_is_refused_and_says_which_are_lacking() -> None:
    for data in (text(("Family", "DOB"), ADA), text(*[("title", "")] * 25, HEAD, ADA)):
        with pytest.raises(Unusable, match="no column Surname"):
            rows(data.encode())


@pytest.mark.parametrize("end", ["\x1a", "\r\n\x1a", "\r\n\x1a\r\n", "\r\n\x1a\x1a\x1a\x1a", "\r\n\r\n\x1a"])
def test_the_sign_by_which_dos_ended_a_file_is_no_row(end: str) -> None:
    assert names((text(HEAD, ADA).rstrip() + end).encode()) == ["Testchild-Example"]


def test_last_cells_that_are_left_out_are_empty_and_the_cell_that_would_restrict_is_not() -> None:
    """Row 18; ours: a row that leaves out the cell in which it would be said that the child is restricted does not say
    no.
    """
    [(_, whole), (_, short)] = rows(
        (",".join(HEAD) + "\r\n" + ",".join(ADA[:6]) + "\r\n" + ",".join(ADA[:4]) + "\r\n").encode()
    )
    assert isinstance(whole, dict)
    assert isinstance(short, dict)
    assert (whole["new_address"], whole["restricted"]) == ("", "N")
    assert cells.may_be_yes(short["restricted"])
    [(_, cut)] = rows((",".join(HEAD) + "\r\n" + ",".join(ADA[:6])).encode())
    assert isinstance(cut, Unread), "the file breaks off"


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (',"Specimen "Benny" Example",Ben,2015-06-01', 4),
        (',"Specimen \\"Benny\\" Example",Ben,2015-06-01', 4),
        (',"Specimen,Ben,2015-06-01', 4),
        (',"44 Road,\r\nTown" x,Ben,2015-06-01', 4),
        (',A,"Ben" ,2015-06-01', 4),
    ],
)
def test_a_quotation_mark_that_is_not_written_twice_is_named_with_its_line(row: str, line: int) -> None:
    """Row 17: nobody knows where such a row ends, so the file is refused whole."""
    data = text(HEAD, ADA, ADA) + row + "\r\n" + text(ADA)
    with pytest.raises(Unusable, match=f"line {line};.*not written twice"):
        rows(data.encode())


NUL = text(HEAD, ADA)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ((NUL + "\0" * 500).encode(), "line 3 holds a NUL"),
        (NUL.encode("utf-16-le"), "line 1 holds a NUL"),
        (NUL.encode("utf-16-be"), "line 1 holds a NUL"),
        (NUL.encode("utf-8-sig") + b"\xe9\r\n", "in line 3"),
        (NUL.encode("utf-16")[:-1], "breaks off"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, "Excel"),
        (b"PK\x03\x04" + b"x" * 100, "Excel"),
    ],
)
def test_what_is_no_text_is_named_with_its_line(data: bytes, says: str) -> None:
    with pytest.raises(Unusable, match=says):
        rows(data)


# Each as the program writes it, in a file in which nothing says so
SPOILT = (
    ("mac_roman", ("Zoë", "Siân", "Øresund", "André", "Muñoz", "JOSÉ")),
    ("cp850", ("Zoë", "Siân", "Øresund", "Müller", "François", "MUÑOZ")),
    ("cp437", ("Zoë", "Siân", "Müller", "André", "Muñoz")),
    ("cp1250", ("Łuczak", "Michał", "Zofia", "Żak")),
    ("cp1251", ("Иван",)),
    ("iso8859_2", ("Łuczak", "Michał")),
    ("cp1254", ("Ağaoğlu", "Işıl")),
    ("shift_jis", ("田中",)),
)


@pytest.mark.parametrize(("written", "people"), SPOILT)
def test_a_name_in_another_encoding_never_goes_out_as_another_name(written: str, people: tuple[str, ...]) -> None:
    """Row 16."""
    data = text(HEAD, ADA, *(("", name, "Eve", *ADA[3:]) for name in people)).encode(written)
    plain, *others = names(data)
    assert plain == "Testchild-Example"
    for name, found in zip(people, others, strict=True):
        assert found == name or found.startswith("?"), (name, found)
    if written != "cp1254":
        accented = [found for name, found in zip(people, others, strict=True) if not name.isascii()]
        assert all(found.startswith("?") for found in accented), "one shows it of the whole file"


@pytest.mark.parametrize(
    "people", [("Zoë", "Siân", "João", "JOÃO", "MUÑOZ", "O’Example", "Žofia", "Çelik", "Anne–Marie", "Groß")]
)
@pytest.mark.parametrize("written", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_what_windows_and_the_web_write_goes_out(people: tuple[str, ...], written: str) -> None:
    assert names(text(HEAD, *(("", name, "Eve", *ADA[3:]) for name in people)).encode(written)) == list(people)


def test_text_that_was_written_twice_over_is_held() -> None:
    people = ("Zoë", "Siân", "Øresund", "José", "Müller", "Łuczak", "Ümit", "Úna", "Àngel", "D’Example", "Иван")
    twice = [name.encode().decode("cp1252", "surrogateescape") for name in people]
    data = text(HEAD, *(("", name, "Eve", *ADA[3:]) for name in twice)).encode("utf-8", "surrogateescape")
    assert all(found.startswith("?") for found in names(data)), names(data)


@pytest.mark.parametrize("spoilt", [0, 7, 29])
def test_one_foreign_byte_spoils_its_own_row_alone(spoilt: int) -> None:
    people = ["Zoë", "Siân", "Øresund", "Łuczak", "Işıl", "João"] * 5
    lines = [
        text(("", name, "Eve", *ADA[3:])).encode("cp1252" if n == spoilt else "utf-8", "replace")
        for n, name in enumerate(people)
    ]
    lines[spoilt] = text(("", "Zoë", "Eve", *ADA[3:])).encode("cp1252")
    found = names(text(HEAD).encode() + b"".join(lines))
    assert found[:spoilt] + found[spoilt + 1 :] == people[:spoilt] + people[spoilt + 1 :]
    assert found[spoilt].startswith("?")


@given(st.binary(max_size=300))
def test_whatever_lies_in_a_name_goes_out_whole_or_is_looked_at(noise: bytes) -> None:
    cell = noise.translate(None, b'\0\r\n",;|\t')
    data = b"Surname,Forename,Date of Birth\r\n" + cell + b",Eve,2015-06-01\r\n"
    try:
        found = [row for _, row in rows(data) if isinstance(row, dict)]
    except Unusable:
        return
    for row in found:
        if not row.get(DOUBT) and row["surname"]:
            assert all(sign.isprintable() for sign in row["surname"] if sign not in "\u200c\u200d")
            assert cells.STRANGE not in row["surname"]
