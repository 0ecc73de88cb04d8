"""What outside witnesses cosigned of our audit log, and how each answered last."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from gateway.store.rows import build_insert, build_record, get_values
from gateway.store.tables import audit_checkpoints, cosignatures, outside_witnesses


@dataclass(frozen=True, slots=True)
class KeptCosignature:
    """A cosignature: how many entries its checkpoint covers, the name under which the witness signs, and the line."""

    size: int
    witness: str
    cosigned_at: datetime
    line: str


@dataclass(frozen=True, slots=True)
class WitnessStanding:
    """How a witness answered last: without trouble, or with which, and since when."""

    witness: str
    # A value of `WitnessTrouble`.
    trouble: str | None
    since: datetime | None
    # What the witness holds, where it holds more than we do.
    holds: int | None


def add_cosignature(tx: Connection, cosignature: KeptCosignature) -> None:
    """Keep a cosignature; one of this witness that is there for this size stands."""
    tx.execute(build_insert(tx, cosignatures).values(get_values(cosignature)).on_conflict_do_nothing())


def find_last_cosignature(tx: Connection, witness: str) -> KeptCosignature | None:
    """Return this witness's cosignature of the largest checkpoint; None where it has given none."""
    at = cosignatures.c
    row = tx.execute(select(cosignatures).where(at.witness == witness).order_by(at.size.desc()).limit(1)).first()
    return build_record(KeptCosignature, row) if row else None


def list_cosigned_checkpoints(tx: Connection) -> Iterator[str]:
    """Yield every signed checkpoint, oldest first, each with the cosignatures under it."""
    at = audit_checkpoints.c
    joined = audit_checkpoints.outerjoin(cosignatures, cosignatures.c.size == at.size)
    rows = select(at.note, cosignatures.c.line).select_from(joined).order_by(at.size, cosignatures.c.witness)
    note = ""
    lines: list[str] = []
    for row in tx.execute(rows):
        if row.note != note and note:
            yield note + "".join(f"{line}\n" for line in lines)
            lines.clear()
        note = row.note
        if row.line is not None:
            lines.append(row.line)
    if note:
        yield note + "".join(f"{line}\n" for line in lines)


def list_newest_cosigned(tx: Connection, limit: int) -> list[list[KeptCosignature]]:
    """List the newest cosigned checkpoints, the newest first, each with all its cosignatures."""
    at = cosignatures.c
    sizes = tx.scalars(select(at.size).distinct().order_by(at.size.desc()).limit(limit)).all()
    of_size: dict[int, list[KeptCosignature]] = {size: [] for size in sizes}
    for row in tx.execute(select(cosignatures).where(at.size.in_(sizes)).order_by(at.witness)):
        of_size[row.size].append(build_record(KeptCosignature, row))
    return list(of_size.values())


def replace_standing(tx: Connection, standing: WitnessStanding) -> None:
    """Keep how a witness answered, in the place of how it did before."""
    values = get_values(standing)
    keep = build_insert(tx, outside_witnesses).values(values)
    tx.execute(keep.on_conflict_do_update(index_elements=["witness"], set_=values))


def list_standings(tx: Connection) -> dict[str, WitnessStanding]:
    """Return how each witness answered last, by its name."""
    rows = tx.execute(select(outside_witnesses))
    return {row.witness: build_record(WitnessStanding, row) for row in rows}
