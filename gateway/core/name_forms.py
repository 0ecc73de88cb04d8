"""Which names one child may bear: short forms, the same name in other languages, and other romanisations.

Three lists, read once: the package `nicknames` (Apache-2.0; English), `name_romanisations.csv` (from the package
`name-variants`, MIT) and `name_forms.csv` (ours). The first line of each file says where it is from.
"""

import csv
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files

from gateway.core.names import REMEMBERED, list_other_names

LISTS = ("name_forms.csv", "name_romanisations.csv")


@cache
def _read_forms() -> dict[str, frozenset[str]]:
    """Read which names stand in one row with each name."""
    forms: dict[str, set[str]] = {}
    for names in _yield_rows():
        for name in names:
            forms.setdefault(name, set()).update(names)
    return {name: frozenset(some - {name}) for name, some in forms.items()}


def _yield_rows() -> Iterator[list[str]]:
    for name in LISTS:
        _, *lines = (files("gateway.core") / name).read_text("utf-8").splitlines()
        for row in csv.DictReader(lines):
            yield row["names"].split()


@lru_cache(REMEMBERED)
def list_forms(name: str) -> frozenset[str]:
    """Return every other name that whoever bears this one may bear elsewhere."""
    return list_other_names(name) | _read_forms().get(name, frozenset())


@lru_cache(REMEMBERED)
def are_forms(name: str, other: str) -> bool:
    """Tell whether one of two names is a form of the other, or both are forms of a third in English."""
    return (
        other in list_forms(name) or name in list_forms(other) or bool(list_other_names(name) & list_other_names(other))
    )
