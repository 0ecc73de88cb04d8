"""What reports count of notices that were purged: numbers by day."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import Connection, select

from gateway.core.kept_figures import FigureTopic, KeptFigure
from gateway.store.rows import build_insert, get_values, list_columns
from gateway.store.tables import kept_figures


def add_figures(tx: Connection, figures: Iterable[KeptFigure]) -> None:
    """Add to what is counted."""
    for figure, count in sorted(Counter(figures).items(), key=lambda pair: repr(pair[0])):
        row = get_values(figure) | {"count": count * figure.count}
        new = build_insert(tx, kept_figures).values(row)
        more = {"count": kept_figures.c.count + new.excluded["count"]}
        keys = [column.name for column in kept_figures.primary_key]
        tx.execute(new.on_conflict_do_update(index_elements=keys, set_=more))


def list_figures(tx: Connection, first: date, last: date) -> Sequence[KeptFigure]:
    """List what is counted of the notices of these days, both among them."""
    at = kept_figures.c
    query = select(*list_columns(kept_figures, KeptFigure)).where(at.day >= first, at.day <= last)
    return [KeptFigure(**{**row._mapping, "topic": FigureTopic(row.topic)}) for row in tx.execute(query)]
