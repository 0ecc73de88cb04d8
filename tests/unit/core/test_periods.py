"""The days that reports are about."""

from datetime import date

from gateway.core.calendar import Calendar, Span
from gateway.core.periods import list_half_terms

AUTUMN, SPRING = Span(date(2026, 9, 2), date(2026, 12, 18)), Span(date(2027, 1, 4), date(2027, 3, 25))
OCTOBER = Span(date(2026, 10, 26), date(2026, 10, 30))


def test_a_term_is_two_halves_around_its_break_and_one_without() -> None:
    assert list_half_terms(Calendar(terms=(SPRING, AUTUMN), breaks=(OCTOBER,))) == [
        Span(date(2026, 9, 2), date(2026, 10, 25)),
        Span(date(2026, 10, 31), date(2026, 12, 18)),
        SPRING,
    ]


def test_without_terms_there_are_no_halves() -> None:
    assert list_half_terms(Calendar(breaks=(OCTOBER,))) == []
