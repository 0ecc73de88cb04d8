"""How well searches are matched against a hundred thousand children, how long each takes, and how long the index takes
to load.

    python -m benchmarks.matching [children] [seed]

The population and the errors are invented (`tests/population.py`): what is measured is whether matching does what it is
meant to, not how people err. The bits of `core/matching.py` were chosen with seed 1; what is reported is of another.
The whole way is timed: an extract as CSV into the store, then keys, questions to the store, unlocking and comparing.
Two tables: each kind of error among searches for children who are here; then searches as they come, most of them for
children who are elsewhere.
"""

import csv
import io
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from gateway.context import Gateway
from gateway.core import blocking, matching
from gateway.core.matching import ComparedChild
from gateway.one import headings
from gateway.searches import children_index
from gateway.store import children as kept
from gateway.store.children import IndexLoad
from tests.conftest import make
from tests.population import KINDS, Search, Town

# Searches with each kind of error.
OF_EACH = 100
# Of the searches as they come: an authority of 152 may have more than its share.
HERE_IN_A_HUNDRED = 5
AS_THEY_COME = 4000
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

# Strengths, and the numbers of children.
Near = list[tuple[float, int]]


def extract(town: Town) -> io.BytesIO:
    """The town as its case system exports it."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("UPN", "Surname", "Forename", "Middle Names", "Date of Birth", "Gender", "Postcode", "NC Year"))
    # The column that no comparison reads tells which child it is.
    for number, one in enumerate(town.children):
        upn, middle = "".join(one.upns[:1]), " ".join(one.middle_names)
        table.writerow((upn, one.surname, one.forename, middle, one.dob.isoformat(), one.sex, one.postcode, number))
    return io.BytesIO(text.getvalue().encode())


def ask(gw: Gateway, counts: IndexLoad, sought: ComparedChild) -> Near:
    """All who are near, as the flow finds them."""

    def look(tx: Connection) -> Near:
        ours = children_index.list_near_children(tx, gw, counts.load, blocking.search_keys(sought))
        alike = children_index.count_namesakes(tx, gw, counts.load, [one.described for one in ours])
        found = [
            (
                matching.match_child(
                    sought, one.described, namesakes=alike[blocking.namesake_key(one.described)], of=counts.children
                ),
                int(one.fields["nc_year"]),
            )
            for one in ours
        ]
        return sorted(((match.strength, number) for match, number in found), reverse=True)

    return gw.store.look(look)


def shown(near: Near, threshold: float = matching.MATCH) -> list[int]:
    """Whom an officer sees, were this the threshold."""
    sure = matching.get_least_strength(near[0][0]) if near else matching.MATCH
    least = threshold if sure == matching.MATCH else max(sure, threshold)
    return [number for strength, number in near if strength >= least]


def of_each_kind(gw: Gateway, counts: IndexLoad, town: Town) -> Table:
    """Recall by kind of error."""
    table = Table("kind of error", "share", "found", "of", box=None, pad_edge=False)
    found: Counter[str] = Counter()
    for kind, (share, _) in KINDS.items():
        asked = [town.search(kind) for _ in range(OF_EACH)]
        found[kind] = sum(one.meant in shown(ask(gw, counts, one.child)) for one in asked)
        table.add_row(kind, f"{share} %", str(found[kind]), str(OF_EACH))
    recall = sum(share * found[kind] / OF_EACH for kind, (share, _) in KINDS.items()) / sum(
        s for s, _ in KINDS.values()
    )
    table.add_row("[bold]in these shares[/bold]", "", f"[bold]{recall:.3f}[/bold]", "")
    return table


def as_they_come(searches: Sequence[Search], near: Sequence[Near]) -> Table:
    """Precision and recall by threshold, of searches most of which are for children elsewhere."""
    table = Table("threshold", "recall", "precision", "false in 100", "searches shown in 100", box=None, pad_edge=False)
    for threshold in THRESHOLDS:
        seen = [shown(one, threshold) for one in near]
        right = sum(one.meant in some for one, some in zip(searches, seen, strict=True))
        every, ours = sum(map(len, seen)), sum(one.meant is not None for one in searches)
        looked_at = sum(bool(some) for some in seen)
        figures = (right / ours, right / max(every, 1), 100 * (every - right) / len(near), 100 * looked_at / len(near))
        mark = " (default)" if threshold == matching.MATCH else " (cautious)" if threshold == matching.CAUTIOUS else ""
        table.add_row(
            f"{threshold}{mark}", *(f"{one:.3f}" for one in figures[:2]), *(f"{one:.2f}" for one in figures[2:])
        )
    return table


def main(size: int, seed: int) -> None:
    """Measure, and print the tables."""
    out, town = Console(highlight=False, width=110), Town(size, seed)
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
        out.print(of_each_kind(gw, counts, town))
        known = AS_THEY_COME * HERE_IN_A_HUNDRED // 100
        searches = town.searches(known=known, elsewhere=AS_THEY_COME - known)
        began = time.perf_counter()
        near = [ask(gw, counts, one.child) for one in searches]
        each = (time.perf_counter() - began) / len(searches)
        out.print(as_they_come(searches, near))
        out.print(
            f"{each * 1000:.1f} ms a search, on one core; {HERE_IN_A_HUNDRED} in 100 are for children who are here"
        )
        gw.store.close()


if __name__ == "__main__":
    main(*(int(given) for given in (sys.argv[1:] + ["100000", "2"][len(sys.argv) - 1 :])))
