"""By which few keys a child is found among a hundred thousand, without comparing with each of them.

A child of ours is filed under every key of `keys`; a search looks under every key of `asked`, which are some more. Each finds tens,
seldom hundreds. Two children who share none of them are never compared, so each kind of error must leave one key standing:

    u UPN                                       UPNs, former ones
    d date of birth                             whatever happened to the names; a search asks with day and month swapped, too
    n sounds of forename and surname, sorted    whatever happened to the date; swapped names, parts, nicknames, romanisations
    s surname's sound, year of birth            another forename, and the day or month of birth wrong
    f forename's sound, year of birth           another surname, and the day or month of birth wrong
    p postcode                                  a family, whatever happened to names and dates
"""

from collections.abc import Iterator
from datetime import date

from gateway.core.matching import Described
from gateway.core.names import also, parts, sound


def keys(child: Described) -> set[str]:
    """Under which keys a child of ours is filed."""
    return {*_keys(child, parts(child.forenames))}


def asked(child: Described) -> set[str]:
    """Under which keys a child is looked for."""
    called = parts((*child.forenames, *child.middle_names))
    called |= {other for name in called for other in also(name)}
    found = {*_keys(child, called)}
    if other := swapped(child.dob):
        found.add(f"d|{other}")
    if child.dob_estimated:
        years = [child.dob.year - 1, child.dob.year + 1]
        found |= {f"s|{sound(name)}|{year}" for name in parts(child.surnames) for year in years}
    return found


def namesakes(child: Described) -> str:
    """The key under which all lie whose present names sound alike."""
    return _both(child.surname, child.forename)


def _keys(child: Described, forenames: set[str]) -> Iterator[str]:
    year, surnames = child.dob.year, parts(child.surnames)
    yield from (f"u|{upn}" for upn in child.upns if upn)
    yield f"d|{child.dob}"
    yield namesakes(child)
    yield from (_both(surname, forename) for surname in surnames for forename in forenames)
    yield from (f"s|{sound(name)}|{year}" for name in surnames)
    yield from (f"f|{sound(name)}|{year}" for name in forenames)
    if child.postcode:
        yield f"p|{child.postcode}"


def _both(surname: str, forename: str) -> str:
    first, last = sorted((sound(surname), sound(forename) if forename else ""))
    return f"n|{first}|{last}"


def swapped(born: date) -> date | None:
    """The same day as one who writes the month first has it; None where there is none."""
    try:
        return born.replace(day=born.month, month=born.day)
    except ValueError:
        return None
