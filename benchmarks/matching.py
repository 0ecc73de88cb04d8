"""How well searches are matched against a hundred thousand children, for which errors and for whom; how long each
takes, and how long the index takes to load.

    python -m benchmarks.matching [children] [seed] [published]

The population and the errors are invented (`tests/cultures.py`, `tests/population.py`; rates of errors are published
where there are any; with `published`, names are those that others listed, `published_names`): what is measured is
whether matching does what it is meant to, not how people err. Of the bits,
the cost of another surname comes from published rates; the others are assumed, as the modules say. The whole way is
timed: an extract as CSV into the store, then keys, questions to the store, unlocking and comparing.

Beside it stands what exact matching finds: the same UPN, or the same surname, forename and date of birth; and what
splink finds (`match_splink`), where it is installed. Tables: each kind of error, with UPNs at their rate and without
any; each culture, with all errors together and no UPN; searches as they come, most of them for children who are
elsewhere; how long each of those takes through the store, on SQLite and PostgreSQL (`match_times`).
"""

import csv
import io
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from benchmarks import match_splink, match_times, published_names
from gateway.context import Gateway
from gateway.core import blocking, matching
from gateway.core.child import ComparedChild
from gateway.core.matching import ChildMatch
from gateway.one import headings
from gateway.searches import children_index
from gateway.store import children as kept
from gateway.store.children import IndexLoad
from tests.conftest import free_port, make, new_database
from tests.cultures import CULTURE_KINDS, MixedTown
from tests.population import KINDS, Search
from tests.postgres import server

# Searches with each kind of error, and for children of each culture.
OF_EACH, OF_EACH_CULTURE = 100, 200
# Of the searches as they come: an authority of 152 may have more than its share.
HERE_IN_A_HUNDRED = 5
AS_THEY_COME = 4000
# Of a hundred of those: hold a UPN.
WITH_UPN = 65
THRESHOLDS = (matching.CAUTIOUS, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
# Searches of which each is timed.
TIMED = 1000
# Tries until so many searches with one kind of error are made.
MOST_TRIES = 20_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one search: whom an officer sees, and what exact matching finds."""

    search: Search
    near: Sequence[tuple[ChildMatch, int]]
    exact: frozenset[int]

    def shown(self, threshold: float = matching.MATCH) -> list[int]:
        """Whom an officer sees, were this the threshold."""
        least = matching.get_least_strength(match for match, _ in self.near)
        least = max(threshold, least) if least > matching.MATCH else threshold
        return [number for match, number in self.near if matching.is_shown(match, least)]

    @property
    def is_none(self) -> bool:
        """Whether no person looks."""
        return all(match.strength < matching.CAUTIOUS for match, _ in self.near)


class Asked:
    """An index in a store, and searches put to it."""

    def __init__(self, gw: Gateway, counts: IndexLoad, town: MixedTown) -> None:
        """Of this town."""
        self.gw, self.counts, self.town = gw, counts, town
        self.exactly: dict[tuple[object, ...], set[int]] = defaultdict(set)
        for number, child in enumerate(town.children):
            for key in self._exact_keys(child):
                self.exactly[key].add(number)

    @staticmethod
    def _exact_keys(child: ComparedChild) -> Iterable[tuple[object, ...]]:
        yield (child.surname, child.forename, child.dob)
        yield from ((upn,) for upn in child.upns if upn)

    def ask(self, search: Search) -> Outcome:
        """All who are near, as the flow finds them."""
        sought = search.child

        def look(tx: Connection) -> list[tuple[ChildMatch, int]]:
            ours = children_index.list_near_children(tx, self.gw, self.counts.load, blocking.search_keys(sought))
            described = [one.described for one in ours]
            counts = children_index.read_name_counts(tx, self.gw, self.counts, [sought], described)
            found = [
                (
                    matching.match_child(sought, one.described, counts, blocking.pair_count_key(one.described)),
                    int(one.fields["nc_year"]),
                )
                for one in ours
            ]
            return sorted(found, key=lambda pair: -pair[0].strength)

        exact = frozenset(n for key in self._exact_keys(sought) for n in self.exactly.get(key, ()))
        return Outcome(search, self.gw.store.look(look), exact)


def extract(town: MixedTown) -> io.BytesIO:
    """The town as its case system exports it."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("UPN", "Surname", "Forename", "Middle Names", "Date of Birth", "Gender", "Postcode", "NC Year"))
    # The column that no comparison reads tells which child it is.
    for number, one in enumerate(town.children):
        upn, middle = "".join(one.upns[:1]), " ".join(one.middle_names)
        table.writerow((upn, one.surname, one.forename, middle, one.dob.isoformat(), one.sex, one.postcode, number))
    return io.BytesIO(text.getvalue().encode())


def add_row(table: Table, name: str, outcomes: Sequence[Outcome]) -> None:
    """What became of searches for children who are here."""
    of = len(outcomes)
    if not of:
        return
    found = sum(one.search.meant in one.shown() for one in outcomes) / of
    none = sum(one.is_none for one in outcomes) / of
    false = 100 * sum(number != one.search.meant for one in outcomes for number in one.shown()) / of
    exact = sum(one.search.meant in one.exact for one in outcomes) / of
    table.add_row(name, str(of), f"{found:.3f}", f"{none:.3f}", f"{false:.1f}", f"{exact:.3f}")


def build_table(title: str) -> Table:
    """A table of recall."""
    return Table(title, "of", "found", "none though here", "false in 100", "exact", box=None, pad_edge=False)


def of_each_kind(asked: Asked) -> Iterable[Table]:
    """Recall by kind of error: with UPNs at their rate, then without any."""
    table, town = build_table("kind of error, UPN in four of five"), asked.town
    for kind in KINDS:
        add_row(table, kind, [asked.ask(town.search(kind)) for _ in range(OF_EACH)])
    yield table
    table = build_table("kind of error, no UPN")
    for kind in CULTURE_KINDS:
        made: list[Search] = []
        for _ in range(MOST_TRIES):
            if len(made) < OF_EACH and (one := town.ask(town.by.randrange(len(town.children)), kind)):
                made.append(one)
        add_row(table, kind, [asked.ask(one) for one in made])
    yield table


def of_each_culture(asked: Asked) -> Table:
    """Recall by culture, all errors together at their rates, and no UPN; then of children as they are in the town."""
    table, town = build_table("culture, all errors together, no UPN"), asked.town
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, culture in enumerate(town.culture):
        numbers[culture].append(number)
    every: list[Outcome] = []
    for culture, some in numbers.items():
        outcomes = [asked.ask(town.ask_any(town.by.choice(some))) for _ in range(OF_EACH_CULTURE)]
        add_row(table, culture, outcomes)
        every += outcomes
    add_row(table, "[bold]every culture alike[/bold]", every)
    mixed = [asked.ask(town.ask_any(town.by.randrange(len(town.children)))) for _ in range(10 * OF_EACH_CULTURE)]
    add_row(table, "[bold]as in the town[/bold]", mixed)
    return table


def list_as_they_come(town: MixedTown) -> list[Search]:
    """Searches most of which are for children elsewhere; a UPN in some."""
    known = AS_THEY_COME * HERE_IN_A_HUNDRED // 100
    here = [town.ask_any(town.by.randrange(len(town.children))) for _ in range(known)]
    elsewhere = [town.stranger() for _ in range(AS_THEY_COME - known)]
    made = []
    for one in (*here, *elsewhere):
        if town.by.random() * 100 < WITH_UPN:
            upns = town.children[one.meant].upns if one.meant is not None else (town.upn(),)
            made.append(replace(one, child=replace(one.child, upns=upns)))
        else:
            made.append(one)
    return made


def as_they_come(outcomes: Sequence[Outcome]) -> Table:
    """Precision and recall by threshold, of searches most of which are for children elsewhere."""
    table = Table("threshold", "recall", "precision", "false in 100", "shown in 100", "by hand in 100", box=None)
    ours = [one for one in outcomes if one.search.meant is not None]
    for threshold in THRESHOLDS:
        seen = [one.shown(threshold) for one in outcomes]
        right = sum(one.search.meant in some for one, some in zip(outcomes, seen, strict=True))
        every = sum(map(len, seen))
        looked_at = Counter(
            "shown" if some else "none" if one.is_none else "person" for one, some in zip(outcomes, seen, strict=True)
        )
        mark = " (default)" if threshold == matching.MATCH else " (cautious)" if threshold == matching.CAUTIOUS else ""
        in_a_hundred = (every - right, looked_at["shown"], looked_at["person"])
        table.add_row(
            f"{threshold}{mark}",
            f"{right / len(ours):.3f}",
            f"{right / max(every, 1):.3f}",
            *(f"{100 * one / len(outcomes):.2f}" for one in in_a_hundred),
        )
    exact = sum(one.search.meant in one.exact for one in ours) / len(ours)
    false = sum(number != one.search.meant for one in outcomes for number in one.exact)
    table.add_row("exact", f"{exact:.3f}", "", f"{100 * false / len(outcomes):.2f}", "", "")
    none = sum(one.is_none for one in ours) / len(ours)
    table.add_row(f"none though here: {none:.3f}", "", "", "", "", "")
    return table


def build_town(given: Sequence[str]) -> tuple[MixedTown, int]:
    """Build the town that was asked for, and return the number it was built with."""
    numbers = [int(text) for text in given if text.isdigit()]
    size, seed = (*numbers, *(100_000, 2)[len(numbers) :])
    if "published" not in given:
        return MixedTown(size, seed), seed
    forms = published_names.list_short_forms()
    cultures = published_names.list_published_cultures()
    return MixedTown(size, seed, cultures=cultures, other_forms=lambda name: forms.get(name, ())), seed


def main(town: MixedTown, seed: int) -> None:
    """Measure, and print the tables."""
    out, size = Console(highlight=False, width=120), len(town.children)
    with TemporaryDirectory() as name:
        gw = make(Path(name) / "333", "333", "Sandwell")
        text = extract(town)
        began = time.perf_counter()
        loaded = children_index.load_extract(gw, text, "bench", accepted=[headings.CODE])
        seconds = time.perf_counter() - began
        counts = gw.store.look(kept.find_current_load)
        assert counts is not None
        assert loaded.children == size
        file = sum(one.stat().st_size for one in (Path(name) / "333").glob("store.db*")) / 2**20
        out.print(f"{size:,} children, seed {seed}: loaded in {seconds:.1f} s; the store has {file:.0f} MiB")
        asked = Asked(gw, counts, town)
        for table in of_each_kind(asked):
            out.print(table)
        out.print(of_each_culture(asked))
        searches = list_as_they_come(town)
        outcomes = [asked.ask(one) for one in searches]
        out.print(as_they_come(outcomes))
        compared = sum(len(one.near) for one in outcomes) / len(outcomes)
        out.print(f"{compared:.0f} compared; {HERE_IN_A_HUNDRED} in 100 are for children who are here")
        if match_splink.is_installed():
            out.print(match_splink.ask_splink(town.children, searches))
        timed = [one.child for one in Random(seed).sample(searches, TIMED)]  # noqa: S311 - the same each time
        out.print(match_times.time_searches(gw, "SQLite", timed))
        gw.store.close()
        with server(free_port()) as made:
            other = make(Path(name) / "885", "885", "Worcestershire", new_database(made.url))
            children_index.load_extract(other, extract(town), "bench", accepted=[headings.CODE])
            out.print(match_times.time_searches(other, "PostgreSQL", timed))
            other.store.close()


if __name__ == "__main__":
    main(*build_town(sys.argv[1:]))
