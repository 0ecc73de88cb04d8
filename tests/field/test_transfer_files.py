"""Common Transfer Files, beside those of the field: when the child leaves the school that sends, and what stands around
the text.
"""

import io
import re
from datetime import date

import pytest

from schemas import ctf
from schemas.findings import Unreadable

TODAY = date(2026, 11, 26)


def spell(estab: str, entered: str = "", left: str | None = None, lea: str = "333") -> str:
    end = "" if left is None else f"<LeavingDate>{left}</LeavingDate>"
    return f"<School><LEA>{lea}</LEA><Estab>{estab}</Estab><EntryDate>{entered}</EntryDate>{end}</School>"


def transfer_file(history: str = "", version: str = "26.0", source: str = "<LEA>333</LEA><Estab>2101</Estab>") -> str:
    return (
        f"<CTfile><Header><CTFversion>{version}</CTFversion><SourceSchool>{source}</SourceSchool></Header><CTFpupilData><Pupil>"
        f"<Surname>Testchild-Example</Surname><DOB>2016-03-31</DOB><SchoolHistory>{history}</SchoolHistory></Pupil></CTFpupilData></CTfile>"
    )


def read(data: bytes) -> ctf.Leaver:
    [pupil] = ctf.read(io.BytesIO(data), "x.xml", today=TODAY)
    return pupil


OLD = spell("2222", "2018-09-01", "2021-07-21", "335")
NOW = spell("2101", "2021-09-01", "2026-10-23")


@pytest.mark.parametrize(
    ("history", "left"),
    [
        (OLD + NOW, "2026-10-23"),
        (NOW + OLD, "2026-10-23"),
        (OLD + spell("2101", "2021-09-01"), ""),
        (OLD + spell("2101", "2021-09-01", ""), ""),
        (OLD, ""),
        ("", ""),
        (spell("2101", "2015-09-01", "2018-07-20") + spell("2101", "2021-09-01"), ""),
        (spell("2101", "2021-09-01", "2026-10-23") + spell("2101", "2015-09-01", "2018-07-20"), "2026-10-23"),
        (spell("2101", "2015-09-01", "2018-07-20") + OLD, ""),
        (spell("2101", "", "2026-10-23") + spell("2101"), ""),
        (NOW + spell("3000", "2026-10-26", None, "885"), "2026-10-23"),
        (spell("2101", "01/09/2021", "03/10/2026") + spell("2101", "01/10/2019", "31/12/2019"), "03/10/2026"),
        (spell("2101", "2021-09-01", "2026-10-23T00:00:00"), "2026-10-23T00:00:00"),
    ],
)
def test_the_day_of_leaving_is_that_of_the_school_that_sends_or_none(history: str, left: str) -> None:
    """Row 20: not that of an earlier school, of an earlier time at this one, or of a school that is not named."""
    assert read(transfer_file(history).encode()).left_on == left


def test_a_file_that_does_not_name_its_school_says_no_day() -> None:
    assert read(transfer_file(NOW, source="<LEA>333</LEA>").encode()).left_on == ""


@pytest.mark.parametrize("before", ["", "\ufeff", "\ufeff\ufeff", "\r\n", "\ufeff\r\n ", " \n\n\t"])
@pytest.mark.parametrize("declared", ["", '<?xml version="1.0" encoding="UTF-8"?>'])
def test_what_stands_before_the_text_is_passed_over(before: str, declared: str) -> None:
    assert read((before + declared + transfer_file(OLD + NOW)).encode()).surname == "Testchild-Example"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (transfer_file(version="24.0").encode(), "but is 24.0"),
        (transfer_file(version="Ada Testchild").encode(), "version 26 or 25[.]"),
        (
            b'<?xml version="1.0" encoding="UTF-8"?>\n<CTfile>\n<a>Si\xe2n</a></CTfile>',
            "encoding that it declares: see line 3",
        ),
        (transfer_file().replace("</Pupil>", "\n</Pupi>").encode(), "see line 2"),
        (b'<?xml version="1.0" encoding="UTF-16"?>' + transfer_file().encode(), "not complete"),
        (b"<CTfile></CTfile>", "no header"),
        (b"", "not complete"),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, says: str) -> None:
    """Row 21."""
    with pytest.raises(Unreadable) as caught:
        read(data)
    [problem] = caught.value.problems
    assert re.search(says, problem.sentence), problem.sentence
