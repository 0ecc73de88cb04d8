"""By which few keys a child is found among a hundred thousand, without comparing with each of them.

A child of ours is filed under every key of `filing_keys`; a search looks under every key of `search_keys`. Together
they find some fifty children. Two children who share none are never compared, so each kind of error that can still be
recognised must leave one key standing:

    u  UPN                                     UPNs, former ones
    d  date of birth                           whatever happened to the names
    b  a name's sound, two parts of the date   whatever happened to the other name; a part of the date wrong, or day and
                                               month swapped
    y  two names' sounds, sorted, the year     whatever happened to day and month; swapped names, parts, other forms;
                                               a search asks for the years beside it too
    p  postcode                                a family, whatever happened to names and dates

A child lies under `n`, both present names, only to be found by them together with the date (`known_children`). How many
bear a name is counted once, when the index is loaded (`count_keys`).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from gateway.core import rarity
from gateway.core.child import ComparedChild
from gateway.core.name_forms import list_forms
from gateway.core.name_parts import is_like_any, list_parts, list_sounds, split_parts
from gateway.core.names import name_sound


def filing_keys(child: ComparedChild) -> set[str]:
    """Return under which keys a child of ours is filed."""
    surnames = list_parts(child.surnames)
    forenames = list_parts(child.forenames) or surnames
    keys = {namesake_key(child), *_yield_sure_keys(child)}
    keys |= {key for name in _sound_of_each((*surnames, *forenames)) for key in _date_keys(name, child.dob)}
    return keys | {*_pair_keys(_sound_of_each(surnames), _sound_of_each(forenames), [child.dob.year])}


def search_keys(child: ComparedChild) -> set[str]:
    """Return under which keys a child is looked for."""
    surnames, given = list_parts(child.surnames), list_parts((*child.forenames, *child.middle_names))
    keys = {*_yield_sure_keys(child)}
    # Forms and middle names need none: with the date wrong too, they are found by the other name.
    for name in _sound_of_each((*surnames, *list_parts(child.forenames))):
        keys |= {*_date_keys(name, child.dob)}
        if other := swap_day_and_month(child.dob):
            keys.add(_date_key(name, "dm", other))
    years = [child.dob.year + more for more in (-1, 0, 1)]
    return keys | {*_pair_keys(_sound_of_each(surnames), _sound_of_each(_with_forms(given or surnames)), years)}


def count_keys(child: ComparedChild) -> set[str]:
    """Return under which keys it is counted who bears a name."""
    return {pair_count_key(child), *rarity.list_count_keys(_list_every_part(child))}


def compared_count_keys(sought: Sequence[ComparedChild], ours: Iterable[ComparedChild]) -> set[str]:
    """Return the keys of `count_keys` that comparing them asks for: what agrees with nothing is not weighed."""
    keys = {key for child in sought for key in count_keys(child)}
    words = tuple({word for child in sought for word in _list_words(child)})
    for child in ours:
        alike = [part for part in _list_every_part(child) if is_like_any(part, words)]
        keys |= {pair_count_key(child), *rarity.list_count_keys(alike)} if alike else set()
    return keys


def _list_every_part(child: ComparedChild) -> tuple[str, ...]:
    return list_parts((*child.surnames, *child.forenames, *child.middle_names))


def _list_words(child: ComparedChild) -> Iterator[str]:
    """Yield every part of the names, and what another writes in one word."""
    yield from _list_every_part(child)
    yield from ("".join(split_parts(name)) for name in (child.surname, child.forename) if name)


def pair_count_key(child: ComparedChild) -> str:
    """Return the key under which it is counted whose present names both sound so."""
    return f"k{namesake_key(child)}"


def namesake_key(child: ComparedChild) -> str:
    """Return the key under which all lie whose present names sound alike."""
    first, last = sorted((name_sound(child.surname), name_sound(child.forename) if child.forename else ""))
    return f"n|{first}|{last}"


def _yield_sure_keys(child: ComparedChild) -> Iterator[str]:
    yield from (f"u|{upn}" for upn in child.upns if upn)
    yield f"d|{child.dob}"
    if child.postcode:
        yield f"p|{child.postcode}"


def _with_forms(parts: Iterable[str]) -> set[str]:
    return {name for part in parts for name in (part, *list_forms(part))}


def _sound_of_each(parts: Iterable[str]) -> set[str]:
    return {sound for part in parts for sound in list_sounds(part)}


def _date_keys(name: str, born: date) -> Iterator[str]:
    return (_date_key(name, parts, born) for parts in ("dm", "my", "dy"))


def _date_key(name: str, parts: str, born: date) -> str:
    numbers = {"d": born.day, "m": born.month, "y": born.year}
    return "|".join(("b", name, parts, *(str(numbers[part]) for part in parts)))


def _pair_keys(surnames: Iterable[str], forenames: Iterable[str], years: Iterable[int]) -> Iterator[str]:
    pairs = {"|".join(sorted((surname, other))) for surname in surnames for other in forenames}
    return (f"y|{pair}|{year}" for pair in pairs for year in years)


def swap_day_and_month(born: date) -> date | None:
    """Return the same day as one who writes the month first has it; None where there is none."""
    try:
        return born.replace(day=born.month, month=born.day)
    except ValueError:
        return None
