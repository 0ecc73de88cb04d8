"""The index of postcodes: in which authority each lies."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, delete, func, select

from gateway.store.rows import build_insert
from gateway.store.tables import postcodes


def replace_postcodes(tx: Connection, release: int, placed: Mapping[str, str]) -> None:
    """Keep these postcodes, in the place of what was known of them."""
    if not placed:
        return
    new = build_insert(tx, postcodes)
    new = new.on_conflict_do_update(
        index_elements=[postcodes.c.postcode],
        set_={"authority": new.excluded.authority, "release": new.excluded.release},
    )
    tx.execute(new, [{"postcode": code, "authority": where, "release": release} for code, where in placed.items()])


def find_postcode_authority(tx: Connection, postcode: str) -> str | None:
    """Return the authority in which it lies; None where it is not known."""
    authority: str | None = tx.scalar(select(postcodes.c.authority).where(postcodes.c.postcode == postcode))
    return authority


def find_postcode_authorities(tx: Connection, wanted: Collection[str]) -> dict[str, str]:
    """Return the authority in which each of these lies, as far as they are known."""
    query = select(postcodes.c.postcode, postcodes.c.authority).where(postcodes.c.postcode.in_(wanted))
    return {row.postcode: row.authority for row in tx.execute(query)}


def get_newest_release(tx: Connection) -> int:
    """Return the number of the newest release; 0 where there is none."""
    return tx.scalar(select(func.max(postcodes.c.release))) or 0


def count_old_postcodes(tx: Connection, *, before: int) -> int:
    """Count the postcodes that are of a release before this one."""
    return tx.scalar(select(func.count()).where(postcodes.c.release < before)) or 0


def list_old_postcodes(tx: Connection, release: int) -> list[str]:
    """List the postcodes that are of a release before this one."""
    return list(tx.scalars(select(postcodes.c.postcode).where(postcodes.c.release < release)))


def delete_old_postcodes(tx: Connection, *, before: int) -> int:
    """Delete the postcodes of releases before this one; return how many."""
    return tx.execute(delete(postcodes).where(postcodes.c.release < before)).rowcount
