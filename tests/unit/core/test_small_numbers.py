"""What is hidden cannot be worked out: not from its row, not from its column, and not from all of them together."""

from collections.abc import Collection
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.small_numbers import SMALL, Cell, Grid, add_totals, find_hidden_cells

counts = st.one_of(st.just(0), st.integers(1, 6), st.integers(0, 60))
grids = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(counts, min_size=width, max_size=width), min_size=1, max_size=6)
)


def equations(grid: Grid, unknown: Collection[tuple[object, Cell]], name: object) -> list[list[Fraction]]:
    """What everybody knows: each row and each column adds up to its total; the known cells are left out."""
    last_row, last_column = len(grid) - 1, len(grid[0]) - 1
    order = {key: n for n, key in enumerate(sorted(unknown, key=repr))}
    lines = [[(r, c) for c in range(len(grid[0]))] for r in range(len(grid))]
    lines += [[(r, c) for r in range(len(grid))] for c in range(len(grid[0]))]
    found = []
    for number, line in enumerate(lines):
        total_at = (0, last_column) if number <= last_row else (last_row, 0)
        equation = [Fraction(0)] * len(order)
        for r, c in line:
            is_total = c == last_column if total_at[1] else r == last_row
            if (name, (r, c)) in order:
                equation[order[(name, (r, c))]] = Fraction(-1 if is_total else 1)
        found.append(equation)
    return found


def solved(equations: list[list[Fraction]], unknowns: int) -> set[int]:
    """The unknowns that these equations fix (Gauss, Jordan): whose line, fully reduced, names no other."""
    rows, fixed, top = [list(one) for one in equations], set(), 0
    for column in range(unknowns):
        pivot = next((n for n in range(top, len(rows)) if rows[n][column]), None)
        if pivot is None:
            continue
        rows[top], rows[pivot] = rows[pivot], rows[top]
        rows[top] = [value / rows[top][column] for value in rows[top]]
        for n, row in enumerate(rows):
            if n != top and row[column]:
                rows[n] = [a - row[column] * b for a, b in zip(row, rows[top], strict=True)]
        top += 1
    for row in rows:
        named = [n for n, value in enumerate(row) if value]
        if len(named) == 1:
            fixed.add(named[0])
    return fixed


def given_away(grid: Grid, cells: frozenset[Cell]) -> set[int]:
    unknown = [(0, cell) for cell in cells]
    return solved(equations(grid, unknown, 0), len(unknown))


def test_the_attack_of_these_tests_finds_what_is_hidden_alone() -> None:
    grid = add_totals([[3, 20], [10, 12]])
    assert given_away(grid, frozenset({(0, 0)})) == {0}
    assert given_away(grid, frozenset({(0, 0), (0, 1), (1, 0), (1, 1)})) == set()


@given(grids)
def test_every_small_count_is_hidden_and_none_can_be_worked_out(rows: list[list[int]]) -> None:
    grid = add_totals(rows)
    found = find_hidden_cells(grid)
    assert {(r, c) for r, row in enumerate(grid) for c, count in enumerate(row) if count in SMALL} <= found
    assert given_away(grid, found) == set()


@given(grids)
def test_where_nothing_is_small_nothing_is_hidden(rows: list[list[int]]) -> None:
    assert (
        find_hidden_cells(add_totals([[0 if count in SMALL else count for count in row] for row in rows]))
        == frozenset()
    )


@given(st.data())
@settings(max_examples=60)
def test_nor_from_two_tables_that_share_their_totals(data: st.DataObject) -> None:
    pairs = st.lists(st.tuples(counts, counts), min_size=1, max_size=5)
    # Of transfer notices: sent, received.
    reasons = data.draw(pairs)
    others = data.draw(st.lists(st.tuples(counts, counts), min_size=1, max_size=2))
    transfers = [sum(one[n] for one in reasons) for n in (0, 1)]
    kinds, by_reason = add_totals([transfers, *others]), add_totals(reasons)
    in_kinds = find_hidden_cells(kinds)
    last = len(by_reason) - 1
    shared = {(last, c): (0, c) in in_kinds for c in range(3)}
    in_reasons = find_hidden_cells(
        by_reason,
        given=[cell for cell, is_hidden in shared.items() if is_hidden],
        shown=[c for c in shared if not shared[c]],
    )
    assert {cell for cell in in_reasons if cell[0] == last} == {cell for cell, is_hidden in shared.items() if is_hidden}
    unknown = [("kinds", cell) for cell in in_kinds] + [("reasons", cell) for cell in in_reasons]
    order = {key: n for n, key in enumerate(sorted(unknown, key=repr))}
    known = equations(kinds, unknown, "kinds") + equations(by_reason, unknown, "reasons")
    for cell, is_hidden in shared.items():
        # The same number stands in both.
        if is_hidden:
            same = [Fraction(0)] * len(order)
            same[order[("kinds", (0, cell[1]))]], same[order[("reasons", cell)]] = Fraction(1), Fraction(-1)
            known.append(same)
    assert solved(known, len(order)) == set()


def test_a_nought_is_hidden_only_where_nothing_else_serves() -> None:
    assert find_hidden_cells(add_totals([[3, 0, 8], [40, 0, 9], [20, 30, 10]])).isdisjoint({(0, 1), (1, 1)})


def test_a_table_that_must_show_what_gives_it_away_is_refused() -> None:
    with pytest.raises(ValueError, match="gives a hidden count away"):
        find_hidden_cells([[3, 3], [3, 3]], shown=[(0, 1), (1, 0), (1, 1)])
