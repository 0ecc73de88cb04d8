"""How two dates of birth compare, and what that says in bits.

The same day: one child in some 6,500 here was born on it (18 years). Dates of one child differ between two registers
in 0.1 of 100 (NHS) to 15 of 100 (ONS, stress test); 3 of 100 are assumed, most of them a digit or two parts turned
round. One pair of strangers in 200 differs by a digit: 7.6 bits were every date so wrong, 2 to 3 at that rate; between
them lies what is taken here, and `matching` takes it back where something else is wrong too. In the same way one pair
in 90 shares two of the three parts, or is a day apart.

1 January is what is written where only the year is known, in many countries and in some registers here. One in 365
is born on it, so on a paper it is far likelier a guess: whoever is not flagged is compared as if.

Another day and month of the same year stand in 2 of 1,000 records of one child, and in 1 of 18 of two: 5 bits against.
3 are taken, so that a person looks where nobody else here bears both names.
"""

from datetime import date

from rapidfuzz.distance import OSA

DOB_BITS = {
    "dob": 12.5,
    "dob-january": 9.0,
    "dob-swapped": 8.0,
    "dob-digit": 4.5,
    "dob-year": 4.5,
    "dob-month": 2.0,
    "dob-near": 2.0,
    "dob-estimated": 4.5,
    "dob-estimated-near": 2.0,
    "dob-same-year": -3.0,
    "dob-other": -9.0,
}
# Of an estimated date of birth.
NEAR_DAYS = 400


def is_january(day: date) -> bool:
    """Tell whether this is the day that is written where only a year is known."""
    return (day.day, day.month) == (1, 1)


def compare_dobs(first: date, other: date, *, estimated: bool) -> str:
    """Return the code of how two dates of birth compare."""
    guessed = estimated or is_january(first) or is_january(other)
    if first == other:
        return _name_same_day(first, estimated)
    if (first.day, first.month, first.year) == (other.month, other.day, other.year):
        return "dob-swapped"
    near = _name_slip(first, other)
    if guessed and (near is None or DOB_BITS[near] < DOB_BITS["dob-estimated"]) and _is_guess_near(first, other):
        return "dob-estimated" if first.year == other.year else "dob-estimated-near"
    if near is None:
        return "dob-same-year" if first.year == other.year else "dob-other"
    return near


def _name_same_day(day: date, estimated: bool) -> str:
    if is_january(day):
        return "dob-january"
    return "dob-estimated" if estimated else "dob"


def _name_slip(first: date, other: date) -> str | None:
    if OSA.distance(f"{first:%d%m%Y}", f"{other:%d%m%Y}", score_cutoff=1) == 1:
        return "dob-digit"
    if (first.day, first.month) == (other.day, other.month) and abs(first.year - other.year) == 1:
        return "dob-year"
    if (first.month, first.year) == (other.month, other.year):
        return "dob-month"
    shared = (first.day == other.day) + (first.month == other.month) + (first.year == other.year)
    return "dob-near" if shared == 2 or abs((first - other).days) == 1 else None


def _is_guess_near(first: date, other: date) -> bool:
    return abs((first - other).days) <= NEAR_DAYS or abs(first.year - other.year) <= 1
