"""By which few keys a child is found among a hundred thousand, without comparing with each of them.

A child of ours is filed under every key of `keys`; a search looks under every key of `asked`, which are some more. Each
finds tens, seldom hundreds. Two children who share none of them are never compared, so each kind of error must leave
one key standing:

    u UPN                                       UPNs, former ones
    d date of birth                             whatever happened to the names; a search asks with day and month
    swapped, too n sounds of forename and surname, sorted    whatever happened to the date; swapped names, parts,
    nicknames, romanisations s surname's sound, year of birth            another forename, and the day or month of birth
    wrong f forename's sound, year of birth           another surname, and the day or month of birth wrong p postcode
    a family, whatever happened to names and dates
"""

from collections.abc import Iterator
from datetime import date

from gateway.core.matching import ComparedChild
from gateway.core.names import list_other_names, name_sound, split_names


def filing_keys(child: ComparedChild) -> set[str]:
    """Return under which keys a child of ours is filed."""
    return {*_yield_keys(child, split_names(child.forenames))}


def search_keys(child: ComparedChild) -> set[str]:
    """Return under which keys a child is looked for."""
    called = split_names((*child.forenames, *child.middle_names))
    called |= {other for name in called for other in list_other_names(name)}
    wanted_keys = {*_yield_keys(child, called)}
    if other := swap_day_and_month(child.dob):
        wanted_keys.add(f"d|{other}")
    if child.dob_estimated:
        years = [child.dob.year - 1, child.dob.year + 1]
        wanted_keys |= {f"s|{name_sound(name)}|{year}" for name in split_names(child.surnames) for year in years}
    return wanted_keys


def namesake_key(child: ComparedChild) -> str:
    """Return the key under which all lie whose present names sound alike."""
    return _names_key(child.surname, child.forename)


def _yield_keys(child: ComparedChild, forenames: set[str]) -> Iterator[str]:
    year, surnames = child.dob.year, split_names(child.surnames)
    yield from (f"u|{upn}" for upn in child.upns if upn)
    yield f"d|{child.dob}"
    yield namesake_key(child)
    yield from (_names_key(surname, forename) for surname in surnames for forename in forenames)
    yield from (f"s|{name_sound(name)}|{year}" for name in surnames)
    yield from (f"f|{name_sound(name)}|{year}" for name in forenames)
    if child.postcode:
        yield f"p|{child.postcode}"


def _names_key(surname: str, forename: str) -> str:
    first, last = sorted((name_sound(surname), name_sound(forename) if forename else ""))
    return f"n|{first}|{last}"


def swap_day_and_month(born: date) -> date | None:
    """Return the same day as one who writes the month first has it; None where there is none."""
    try:
        return born.replace(day=born.month, month=born.day)
    except ValueError:
        return None
