"""What a database's own files still hold of something: the bytes that only it has, looked for where they may lie."""

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from sqlalchemy import LargeBinary, select

from gateway.context import Gateway
from gateway.store.database import Tx
from gateway.store.tables import marks as mark_table
from gateway.store.tables import metadata

# Bytes: no two that were drawn at random share so many.
SAMPLE = 24
# Of a value, beside its beginning: a database may cut it into pieces.
SAMPLES = 6
LEAST = 8


def list_secrets(tx: Tx) -> dict[str, set[bytes]]:
    """List of every column what is locked, wrapped or a digest in it: samples of each value, by table and column."""
    secrets: dict[str, set[bytes]] = {}
    for table in metadata.sorted_tables:
        for column in table.columns:
            whole = f"{table.name}.{column.name}"
            if whole not in KEPT and (isinstance(column.type, LargeBinary) or whole in DIGESTS):
                values = [value for value in tx.scalars(select(column)) if value is not None]
                secrets[whole] = {piece for value in values for piece in cut_samples(value)}
    numbers = [int(mark) for mark in tx.scalars(select(mark_table.c.mark).distinct())]
    secrets["marks.mark"] = {struct.pack(form, mark) for mark in numbers for form in (">q", "<q")}
    return {name: pieces for name, pieces in secrets.items() if pieces}


# Of a child, under our own keys; what is a digest of sealed bytes, or of a signed text, is proof, and stays.
DIGESTS = {
    *(f"intake.{name}" for name in ("digest", "child", "person", "said")),
    *(f"drafts.{name}" for name in ("digest", "child", "person", "said", "carried")),
}
# Nothing of a child: hashes of the audit log, and secrets of the gateway itself.
KEPT = {
    *("audit_entries.leaf", "audit_head.peaks", "audit_blocks.root", "witnessed.root"),
    *("people.code_key", "people.code_secret", "webhooks.data_key", "webhooks.secret"),
}


def cut_samples(value: bytes | str) -> Iterable[bytes]:
    """Pieces of a value, spread over it, each long enough to be nobody else's."""
    held = value.encode() if isinstance(value, str) else bytes(value)
    if len(held) <= SAMPLE:
        return [held] if len(held) >= LEAST else []
    step = max((len(held) - SAMPLE) // SAMPLES, SAMPLE)
    return [held[start : start + SAMPLE] for start in range(0, len(held) - SAMPLE + 1, step)]


def read_files(places: Iterable[Path]) -> dict[str, bytes]:
    """Read every file in these places, by its path."""
    files: dict[str, bytes] = {}
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                files[str(path)] = path.read_bytes()
    return files


def list_data_files(gw: Gateway) -> list[Path]:
    """Where a gateway's database lies: its file and write-ahead log, or PostgreSQL's heap and indexes."""
    if gw.store.engine.dialect.name == "sqlite":
        file = Path(gw.store.engine.url.database or "")
        return [path for path in (file, Path(f"{file}-wal"), Path(f"{file}-shm")) if path.exists()]

    def find_folder(tx: Tx) -> Path:
        folder = tx.exec_driver_sql("SHOW data_directory").scalar_one()
        number = tx.exec_driver_sql("SELECT oid FROM pg_database WHERE datname = current_database()").scalar_one()
        return Path(folder) / "base" / str(number)

    return [gw.store.look(find_folder)]


def write_back(gw: Gateway) -> None:
    """Let PostgreSQL take samples of its tables, and write what it has in memory to its files, as it does by itself."""
    if gw.store.engine.dialect.name == "postgresql":
        with gw.store.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("ANALYZE")
            connection.exec_driver_sql("CHECKPOINT")


def find_remains(files: Mapping[str, bytes], secrets: Mapping[str, set[bytes]]) -> dict[str, int]:
    """Count of each column how many of its samples these files hold."""
    counts = {name: sum(any(piece in held for held in files.values()) for piece in secrets[name]) for name in secrets}
    return {name: count for name, count in counts.items() if count}
