"""A child is found by the name as people type it, whatever sign stands for an apostrophe; and by the day as they type
it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.casework import find
from gateway.console import forms
from gateway.console.forms import Question
from gateway.context import Gateway
from gateway.core.days import MONTHS, read_day
from gateway.core.names import Likeness, compare_names, normalise_name
from gateway.core.search_terms import Term
from gateway.core.typed_search import parse_query
from gateway.errors import Unfit, Unusable
from gateway.exchange.send import send_notices
from schemas.findings import Unreadable
from schemas.message import Message, TransferNotice
from tests.children import notice
from tests.conftest import introduce, make

# Nobody sees the sign in it: text.hidden-sign, or the schema.
REFUSED = "refused"
NOT_ENOUGH = "too little"
# Surname, what is typed, right value, row of the field log.
PAIRS: Sequence[tuple[str, str, str, str]] = (
    ("O’Example", "O'Example", "found", "30"),
    ("O‘Example", "O'Example", "found", "30"),
    ("OʼExample", "O'Example", "found", "30"),
    ("O'Example", "OʼExample", "found", "30"),
    ("ʿAlī", "Ali", "found", "30"),
    ("Ma\u200cryam", "Maryam", REFUSED, "30, and 10 of the issue"),
    ("Al-Hassan", "Al Hassan", "found", "30"),
    ("Al-Hassan", "AlHassan", "found", "30"),
    ("Null", "Null", "found", "30"),
    ("None", "None", "found", "30"),
    ("Ng", "Ng", "found", "30"),
    ("O", "O", NOT_ENOUGH, "30"),
    ("March", "March", "found", "30"),
    ("Yu", "yu", "found", "30"),
    ("Zoe\u0308", "Zoë", "found", "30"),
    ("True", "true", "found", "30"),
    ("Test\u00adchild", "Testchild", REFUSED, "30, and 10 of the issue"),
    ("\u202eabc", "abc", REFUSED, "30, and 10 of the issue"),
    ("Van der Example", "vanderexample", "found", "30"),
    ("Example-Smith", "Smith", "found", "30"),
    ("Example‐Smith", "Example-Smith", "found", "30"),
    ("Example–Smith", "Example-Smith", "found", "30"),
    ("ʻAlohi", "Alohi", "found", "30, sibling"),
    ("Nuʾman", "Nu'man", "found", "30, sibling"),
    ("Kaʻahumanu", "Ka'ahumanu", "found", "30, sibling"),
    ("D´Example", "D'Example", "found", "30, sibling"),
    ("D＇Example", "D'Example", "found", "30, sibling"),
    ("O′Example", "O`Example", "found", "30, sibling"),
    ("Xꞌexample", "Xexample", "found", "30, sibling"),
    ("Ben׳ami", "Ben'ami", "found", "30, sibling"),
    ("محـــمد", "محمد", "found", "30, sibling"),
    ("علی‌رضا", "علیرضا", "found", "30, sibling"),
    ("Nguyễn", "nguyen", "found", "30, sibling"),
    ("Łukaszewicz", "lukaszewicz", "found", "30, sibling"),
)


@pytest.fixture(scope="module")
def sandwell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with a partner, for all of these."""
    folder = tmp_path_factory.mktemp("found")
    gw, there = make(folder / "333", "333", "Sandwell"), make(folder / "885", "885", "Worcestershire")
    introduce(gw, there)
    yield gw
    for one in (gw, there):
        one.store.close()


@pytest.mark.parametrize(("surname", "typed", "value", "row"), PAIRS)
def test_a_child_is_found_as_people_type_the_name(
    sandwell: Gateway, surname: str, typed: str, value: str, row: str
) -> None:
    message = notice()
    assert isinstance(message.body, TransferNotice)
    assert message.body.child is not None
    child = replace(message.body.child, surname=surname, preferred_surname=None, former_surname=None)
    message = Message(message.header, replace(message.body, child=child))
    if value == REFUSED:
        with pytest.raises((Unfit, Unreadable)):
            send_notices(sandwell, [message], "olive")
        return
    send_notices(sandwell, [message], "olive")
    if value == NOT_ENOUGH:
        with pytest.raises(Unusable, match=r"find\.too-little"):
            find.find_notices(sandwell, typed, "olive")
        return
    for alike in (False, True):
        hits = find.find_notices(sandwell, typed, "olive", alike=alike).hits
        assert message.header.message_id in [hit.message_id for hit in hits], row


APOSTROPHES = "'’‘‛`´ʹʺʻʼʽʾʿˀˁˈˊˋ′‵ꞌꞋ＇׳՚ˮ"


@given(
    st.sampled_from(APOSTROPHES), st.sampled_from(APOSTROPHES), st.sampled_from(["O_Example", "Nu_man", "_Ali", "D_"])
)
def test_every_apostrophe_is_a_sign_and_no_letter(one: str, other: str, name: str) -> None:
    """In find and in matching alike, for both ask `normal`."""
    first, second = (normalise_name(name.replace("_", sign)) for sign in (one, other))
    assert first == second == normalise_name(name.replace("_", ""))
    assert compare_names(first, second) is Likeness.SAME


DAYS: Sequence[tuple[tuple[str, str, str], date | None]] = (
    (("3", "9", "2026"), date(2026, 9, 3)),
    (("03", "09", "2026"), date(2026, 9, 3)),
    (("3", "Sep", "2026"), date(2026, 9, 3)),
    (("3", "sept", "2026"), date(2026, 9, 3)),
    (("3", "Sept.", "2026"), date(2026, 9, 3)),
    (("3rd", "SEPTEMBER", "2026"), date(2026, 9, 3)),
    (("1st", "Jan", "2026"), date(2026, 1, 1)),
    (("31", "december", "2025"), date(2025, 12, 31)),
    (("5", "May", "2026"), date(2026, 5, 5)),
    (("5", "Mai", "2026"), date(2026, 5, 5)),
    (("5", "Gorffennaf", "2026"), date(2026, 7, 5)),
    (("5", "Rhag", "2026"), date(2026, 12, 5)),
    (("3", "Ma", "2026"), None),
    (("3", "Smarch", "2026"), None),
    (("3", "Septembre", "2026"), None),
    (("31", "Sep", "2026"), None),
    (("29", "Feb", "2025"), None),
    (("3", "٩", "2026"), None),
    (("3", "9", "twenty"), None),
    (("th", "9", "2026"), None),
    (("", "Sep", "2026"), None),
)


@pytest.mark.parametrize(("parts", "value"), DAYS)
def test_a_month_may_be_typed_by_its_name(parts: tuple[str, str, str], value: date | None) -> None:
    if value is None:
        with pytest.raises(ValueError, match="day"):
            read_day(parts)
        return
    assert read_day(parts) == value
    typed = dict(zip(("on-day", "on-month", "on-year"), parts, strict=True))
    answers = forms.read_answers((Question("on", "On which day?", "day"),), typed, date(2026, 12, 31))
    assert answers.values == {"on": value}


@given(st.dates(date(1990, 1, 1), date(2026, 12, 31)), st.sampled_from(MONTHS), st.integers(3, 10))
def test_every_month_is_read_in_both_languages_however_much_of_it_is_typed(day: date, names: str, letters: int) -> None:
    month = names.split()[day.month - 1][:letters]
    assert read_day((str(day.day), month.capitalize(), str(day.year))) == day


@pytest.mark.parametrize(
    "typed",
    [
        "3 Sep 2014",
        "3 Sept 2014",
        "3rd September, 2014",
        "03-Sep-2014",
        "3-SEP-14",
        "3.Sep.2014",
        "3/9/14",
        "2014-09-03",
    ],
)
def test_a_date_of_birth_is_sought_as_it_is_written(typed: str) -> None:
    assert [part.terms for part in parse_query(typed, date(2026, 11, 27)).parts] == [{Term("dob", "2014-09-03")}]
