"""What a cell means, beside the files: only yes is a yes, only what can mean one day is a day, only a name goes out as
one.
"""

import random
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.one import cells, extracts, leaver_rules
from gateway.one.leaver_rules import Enquire, Hold, LeaverRow, Transfer
from gateway.settings.sections import OneSettings
from schemas.days import ENGLISH, WELSH, read_day
from schemas.message import Officer

TODAY = date(2026, 11, 26)
OFFICER = Officer(name="CME Officer", role="cme_officer", phone_no="01632 960101")
SETTINGS = OneSettings(enquire_of="330", unsaid="send")


def judged(**said: str) -> tuple[LeaverRow, object]:
    """A leaver with these cells, and what is done about it."""
    row = extracts._doubted(extracts.EMPTY | {"surname": "Testchild-Example", "dob": "2016-03-31"} | said)
    read = leaver_rules.read_leaver(row, OFFICER)
    assert isinstance(read, LeaverRow), read
    return read, leaver_rules.decide_leaver(read, None, "333", SETTINGS, {}, TODAY)


# Of what SQL Server, PostgreSQL, MySQL, Oracle, Access, Excel, SPSS, R and pandas, reports and people put where yes or
# no is asked
NEITHER = (
    *(
        "NULL",
        "null",
        "(null)",
        "[NULL]",
        "<NULL>",
        "\\N",
        "None",
        "nil",
        "NaN",
        "NaT",
        "NA",
        "#N/A",
        "#REF!",
        "#VALUE!",
    ),
    *(
        "#NV",
        "#N/D",
        "#Error",
        "########",
        "-",
        "--",
        "?",
        ".",
        "N/A",
        "n/k",
        "tbc",
        "pending",
        "unknown",
        "in progress",
    ),
    *(
        "not complete",
        "incomplete",
        "unconfirmed",
        "not confirmed",
        "no - ring",
        "yes?",
        "y/n",
        "not yet",
        "F",
        "f",
        "t",
    ),
    *(
        "2",
        "-1",
        "01",
        "on",
        "off",
        "oui",
        "nein",
        "waiting",
        "partly",
        "0%",
        "99",
        "Yes (to be checked)",
        "no cell",
        "\u200b",
    ),
)


@pytest.mark.parametrize("word", NEITHER)
def test_a_word_that_is_neither_yes_nor_no_is_never_taken_for_a_yes(word: str) -> None:
    read, decision = judged(checklist=word)
    assert isinstance(decision, Hold), "nobody is asked"
    read, decision = judged(confirmed=word, destination_la="885")
    assert (read.notice.certainty, isinstance(decision, Transfer)) == ("believed", True)
    read, decision = judged(restricted=word, destination_la="885")
    assert (read.restricted, isinstance(decision, Hold)) == (True, True)
    assert not cells.is_yes(word)


@given(st.text(max_size=12))
@example("ye\u200bs")
def test_whatever_is_written_counts_for_yes_or_for_no_only_where_it_is_that_word(word: str) -> None:
    read, decision = judged(checklist=cells.clean_cell(word), restricted=cells.clean_cell(word))
    small = cells.clean_cell(word).casefold()
    assert read.checked == (small in cells.YES)
    assert read.restricted == (small not in cells.NO)
    assert isinstance(decision, Hold)


@pytest.mark.parametrize("word", ["y", "Yes", "TRUE", "1", "x", "Complete", "confirmed"])
def test_yes_is_yes(word: str) -> None:
    assert isinstance(judged(checklist=word)[1], Enquire)
    assert judged(confirmed=word, destination_la="885")[0].notice.certainty == "confirmed"


# Invented ones, of the kinds of letters that people here have.
NAMES = (
    *(
        "João",
        "JOÃO",
        "MUÑOZ",
        "Muñoz",
        "Zoë",
        "Siân",
        "Łuczak",
        "ŁUCZAK",
        "Øresund",
        "O’Example",
        "O'Example",
        "D´Example",
    ),
    *(
        "Anne-Marie",
        "Anne–Marie",
        "St. Example",
        "Null",
        "Nil",
        "Na",
        "True",
        "Nguyễn",
        "Ağaoğlu",
        "Çelik",
        "Þór",
        "Ñandú",
    ),
    *(
        "TOMÁŠ",
        "Růžička",
        "RŮŽIČKA",
        "KRÚŽEK",
        "MÜLLER",
        "Straße",
        "GROẞ",
        "Ælfric",
        "Œuvre",
        "Gil·la",
        "Mª José",
        "de la Ó",
    ),
    *(
        "Σωκράτης",
        "Иван",
        "محمد",
        "יעל",
        "李",
        "ஆதி",
        "राम",
        "Irmã",
        "IRMÃ-EXAMPLE",
        "Sâ’id",
        "Ra’ed",
        "‘Abd",
        "Hawaiʻi",
        "É",
    ),
    *(
        "E",
        "Ben (Benny)",
        'Ben "Benny" Example',
        "Mary Ann",
        "van der Example",
        "Example & Specimen",
        "Ada 2",
        "Trâ\u0323n",
    ),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_goes_out_as_it_is_written(name: str) -> None:
    for said in ({"surname": name, "forename": "Ada"}, {"forename": name}):
        read, decision = judged(**said, destination_la="885")
        assert isinstance(decision, Transfer), decision
        child = read.notice.child
        assert child is not None
        assert name in (child.surname, child.forename)


NO_NAMES = (
    *(
        "NULL",
        "null",
        "(null)",
        "[NULL]",
        "<null>",
        "\\N",
        "None",
        "nil",
        "NaN",
        "NaT",
        "N/A",
        "undefined",
        "#N/A",
        "#NAME?",
    ),
    *(
        "#REF!",
        "#WERT!",
        "#NV",
        "#¡VALOR!",
        "#DIV/0!",
        "#Error",
        "#Deleted",
        "####",
        "Err:502",
        "-",
        "?",
        "...",
        "0",
        "12",
    ),
    *(
        "TRUE",
        "FALSE",
        "unknown",
        "Not Known",
        "01-May",
        "Mar-15",
        "1.2E+05",
        "Zo?",
        "Zo\ufffd",
        "Zo\x89",
        "&euml;",
        "Zo=C3=AB",
    ),
    *(
        "Zo\\xeb",
        "Zo%C3%AB",
        "ZoÃ«",
        "Ã˜resund",
        "JosÃ©",
        "â€™Example",
        "Â\xa0Example",
        "ZoĂ«",
        "Zo√´",
        "Zo├½",
        "MÃ¼ller",
        "ÃšNA",
    ),
    *(
        "VoilÃ",
        "ÃªvÃª",
        "StraÃŸe",
        "Å‚uczak",
        "Ð˜Ð²Ð°Ð½",
        "Example\x92s",
        "A\u202eB",
        "<b>Ada</b>",
        "Ada;Bea",
        "=Ada",
        "Ada*",
        "_",
    ),
)


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_no_name_is_holds_the_row(name: str) -> None:
    name = cells.clean_cell(name)
    for said in ({"surname": name, "forename": "Ada"}, {"forename": name}):
        assert isinstance(judged(**said, destination_la="885")[1], Hold), name


def test_a_child_is_not_called_null_twice_and_not_by_one_name_alone() -> None:
    for said in ({"surname": "Null", "forename": "Null"}, {"surname": "Null"}, {"surname": "Nil", "forename": "NULL"}):
        assert isinstance(judged(**said, destination_la="885")[1], Hold)


@pytest.mark.parametrize("word", ["NULL", "(null)", "[NULL]", "\\N", "None", "N/A", "-"])
def test_a_machines_word_for_nothing_is_nothing_where_no_name_stands(word: str) -> None:
    """Row 14."""
    said = dict.fromkeys(extracts.MAY_BE_NOTHING, word)
    read, decision = judged(**said, forename="Ada", destination_la="885")
    notice, child = read.notice, read.notice.child
    assert isinstance(decision, Transfer)
    assert child is not None
    assert (child.upn, child.upn_unknown, child.nc_year_actual, child.sex) == (None, "not-known", None, "U")
    assert (notice.moved_on, notice.previous_address, notice.destination_address, notice.school) == (
        None,
        None,
        None,
        (),
    )


def test_what_a_spreadsheet_writes_where_it_has_failed_holds_the_row_in_any_cell() -> None:
    for name in extracts.MAY_BE_NOTHING:
        _, decision = judged(**{name: "#REF!"}, destination_la="885")
        assert isinstance(decision, Hold), name


def ways(day: date, chance: random.Random) -> list[str]:
    """Ways in which spreadsheets, databases and people write a day."""
    d, m, y, short, full = day.day, day.month, day.year, ENGLISH[day.month - 1][:3], ENGLISH[day.month - 1]
    midnight = chance.choice(
        ["", " 00:00", " 00:00:00", " 00:00:00.000", "T00:00:00", "T00:00:00Z", "T00:00:00.0000000", "T00:00:00+01:00"]
    )
    return [
        *(
            f"{day.isoformat()}{midnight}",
            f"{d:02}/{m:02}/{y}{midnight}",
            f"{d}/{m}/{y}",
            f"{d}-{m}-{y}",
            f"{d:02}.{m:02}.{y}",
        ),
        *(
            f"{y}/{m:02}/{d:02}",
            f"{y}{m:02}{d:02}",
            f"{d:02}-{short.upper()}-{y}",
            f"{d:02}-{short.title()}-{y % 100:02}",
        ),
        *(f"{d} {short} {y}", f"{d} {full.title()} {y}", f"{d}th {full} {y}", f"{full.title()} {d}, {y}", f"{day}Z"),
        *(
            f"{short.title()} {d:2} {y} 12:00AM",
            f"{d} {WELSH[m - 1]} {y}",
            f"  {d}/{m}/{y} ",
            f"{d} Sept {y}" if m == 9 else str(day),
        ),
    ]


@given(st.dates(date(1996, 1, 1), date(2026, 12, 31)), st.randoms(use_true_random=False))
def test_a_day_is_read_where_it_can_mean_one_day_only(day: date, chance: random.Random) -> None:
    for text in ways(day, chance):
        assert read_day(text) == day, text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "42036",
            "########",
            "0000-00-00",
            "2/1/2015 12:00:00 AM",
            "01/02/2015 01:00:00",
            "2015-06-30T23:00:00Z",
            "15.1.14",
        ),
        *(
            "2015-02-30",
            "31/04/2015",
            "2015",
            "02/2015",
            "February",
            "1 Smarch 2015",
            "1//2/2015",
            "01/02-2015",
            "NULL",
            "1/2",
        ),
    ],
)
def test_what_names_no_day_or_could_mean_two_is_none(text: str) -> None:
    assert read_day(text) is None


@pytest.mark.parametrize(
    "born", ["30/12/1899", "01/01/1900", "02/01/1904", "1753-01-01", "1970-01-01", "0001-01-01", "31/12/9999"]
)
def test_nobody_is_sent_who_was_born_when_a_database_begins_or_ends(born: str) -> None:
    assert isinstance(judged(dob=born, destination_la="885")[1], Hold)


@pytest.mark.parametrize("left", ["01/01/1900", "31/12/9999", "1970-01-01", "2015-01-01"])
def test_nobody_left_before_being_born_or_in_some_years(left: str) -> None:
    assert isinstance(judged(left_on=left, destination_la="885")[1], Hold)
    assert isinstance(judged(left_on=str(TODAY + timedelta(days=30)), destination_la="885")[1], Transfer)
