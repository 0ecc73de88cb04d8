"""Small numbers are hidden in what leaves the team, because one child among few can be known.

Counts from 1 to 5 are hidden, and shown as `c`, as DfE does. As each row and each column is also added up, a single
hidden count could be worked out; so others are hidden with it, the smallest that serve, and nought only where nothing
else does.

Rows and columns (those of totals too) are the points of a graph, and each hidden cell is a line from its row to its
column. What the totals give away is known then: a hidden cell can be worked out exactly where no ring of hidden cells
goes through it, for along a ring one may be taken away here and added there without any total changing. So each gets
its ring.
"""

from collections.abc import Collection, Sequence
from heapq import heappop, heappush

SMALL = range(1, 6)
SIGN = "c"
# What hiding a nought costs: more than any count.
AVOIDED = 1_000_000_000

# A row, a column.
Cell = tuple[int, int]
Grid = Sequence[Sequence[int]]
# Is it a column? and its number.
Point = tuple[bool, int]


def add_totals(counts: Grid) -> list[list[int]]:
    """Return the counts, a column with the total of each row, and a row with the total of each column."""
    rows = [[*row, sum(row)] for row in counts]
    width = len(counts[0]) + 1 if counts else 0
    return [*rows, [sum(row[n] for row in rows) for n in range(width)]]


def find_hidden_cells(grid: Grid, *, given: Collection[Cell] = (), shown: Collection[Cell] = ()) -> frozenset[Cell]:
    """Find which cells of a grid with its totals are hidden.

    `given` are hidden elsewhere too, and `shown` are shown elsewhere: the totals that several tables share. They
    must be a whole row of totals as another grid shows it. Raises ValueError where that leaves no way.
    """
    cells = {(r, c) for r, row in enumerate(grid) for c, count in enumerate(row) if count in SMALL} | set(given)
    for cell in sorted(cells):
        cells |= _find_cheapest_ring(grid, cell, cells, shown)
    return frozenset(cells)


def _find_cheapest_ring(grid: Grid, cell: Cell, hidden_cells: Collection[Cell], shown: Collection[Cell]) -> set[Cell]:
    """Find the cheapest way from the cell's row to its column that avoids it (Dijkstra); what is hidden is free."""
    start, end = (False, cell[0]), (True, cell[1])
    cost, came_by = {start: 0}, dict[Point, Cell]()
    heap = [(0, start)]
    while heap:
        so_far, point = heappop(heap)
        if point == end:
            return _trace_way(came_by, start, end)
        for there, step in _list_steps(grid, point):
            if step == cell or step in shown:
                continue
            price = so_far + (0 if step in hidden_cells else grid[step[0]][step[1]] or AVOIDED)
            if price < cost.get(there, price + 1):
                cost[there], came_by[there] = price, step
                heappush(heap, (price, there))
    raise ValueError("what must be shown gives a hidden count away")


def _list_steps(grid: Grid, point: Point) -> list[tuple[Point, Cell]]:
    is_column, number = point
    if is_column:
        return [((False, row), (row, number)) for row in range(len(grid))]
    return [((True, column), (number, column)) for column in range(len(grid[number]))]


def _trace_way(came_by: dict[Point, Cell], start: Point, end: Point) -> set[Cell]:
    way, point = set[Cell](), end
    while point != start:
        cell = came_by[point]
        way.add(cell)
        point = (False, cell[0]) if point[0] else (True, cell[1])
    return way
