"""The index of postcodes: in which authority each lies."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.tables import postcodes


def put(tx: Connection, release: int, placed: Mapping[str, str]) -> None:
    """Keep these postcodes, in the place of what was known of them."""
    if not placed:
        return
    on = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    new = on(postcodes)
    new = new.on_conflict_do_update(
        index_elements=[postcodes.c.postcode],
        set_={"authority": new.excluded.authority, "release": new.excluded.release},
    )
    tx.execute(new, [{"postcode": code, "authority": where, "release": release} for code, where in placed.items()])


def find(tx: Connection, postcode: str) -> str | None:
    """The authority in which it lies."""
    found: str | None = tx.scalar(select(postcodes.c.authority).where(postcodes.c.postcode == postcode))
    return found


def find_all(tx: Connection, wanted: Collection[str]) -> dict[str, str]:
    """The authority in which each of these lies, as far as they are known."""
    query = select(postcodes.c.postcode, postcodes.c.authority).where(postcodes.c.postcode.in_(wanted))
    return {row.postcode: row.authority for row in tx.execute(query)}


def newest_release(tx: Connection) -> int:
    """The number of the newest release; 0 where there is none."""
    return tx.scalar(select(func.max(postcodes.c.release))) or 0


def count(tx: Connection, *, before: int) -> int:
    """How many postcodes are of a release before this one."""
    return tx.scalar(select(func.count()).where(postcodes.c.release < before)) or 0


def find_before(tx: Connection, release: int) -> list[str]:
    """The postcodes that are of a release before this one."""
    return list(tx.scalars(select(postcodes.c.postcode).where(postcodes.c.release < release)))


def forget(tx: Connection, *, before: int) -> int:
    """Forget the postcodes of releases before this one: how many."""
    return tx.execute(delete(postcodes).where(postcodes.c.release < before)).rowcount
