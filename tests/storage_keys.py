"""A storage key that is replaced: the steps that the processes of a running gateway take, one after the other."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Integer, LargeBinary, insert, text
from sqlalchemy.types import BigInteger, Boolean, SmallInteger, String, Text

from gateway import home_folder
from gateway.context import Gateway
from gateway.core import storage_rotation
from gateway.own_keys import storage
from gateway.store import storage_keys, wrapped_keys
from gateway.store.tables import Instant
from gateway.store.wrapped_keys import COLUMNS, WrappedColumn
from keys import at_rest


@contextmanager
def at_once() -> Iterator[None]:
    """Let nothing settle, as if what others had begun was stored by now."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (storage_rotation, storage):
            patch.setattr(module, "SETTLE", timedelta(0))
        yield


def replace_storage_key(gw: Gateway) -> str:
    """Rotate the storage key of a gateway that does not run, to the end; return the new one's id."""
    kid = storage.rotate_storage_key(gw, by="ines")
    finish_rotation(gw)
    assert gw.ring.storage_key.kid == kid
    return kid


def finish_rotation(gw: Gateway) -> None:
    """Take up the keys on the disk and go on until nothing lies under an older one."""

    async def go_on() -> None:
        rotation = storage.StorageRotation(gw, asyncio.Event())
        home_folder.take_up_own(gw)
        for _ in range(3):
            storage.follow_storage_key(gw)
            await rotation.go_on()

    # A test may have a loop of its own.
    with at_once(), ThreadPoolExecutor(1) as alone:
        alone.submit(asyncio.run, go_on()).result()
    assert not storage_rotation.is_rotation_under_way(gw.store.look(storage_keys.list_storage_keys))


def count_under(gw: Gateway, kid: str) -> int:
    """Count what lies under this key."""
    return gw.store.look(lambda tx: wrapped_keys.count_under(tx, kid))


def add_locked_rows(gw: Gateway, how_many: int) -> dict[str, list[str]]:
    """Add so many rows to each table that has locked copies, each with a data key of its own; return their names."""
    names: dict[str, list[str]] = {}

    def write(tx: Connection) -> None:
        off = "PRAGMA defer_foreign_keys = ON" if not gw.store.is_shared else "SET session_replication_role = replica"
        tx.execute(text(off))
        for column in COLUMNS:
            names[column.table.name] = [_add_row(tx, gw, column, number) for number in range(how_many)]

    gw.store.run(write)
    return names


def _add_row(tx: Connection, gw: Gateway, column: WrappedColumn, number: int) -> str:
    needed = {it.name: _invent_value(it, number, gw.now()) for it in column.table.columns if _is_needed(it, column)}
    name = column.build_name(*(needed[part] for part in column.named_by))
    locked = at_rest.lock(b"invented", about=name, ring=gw.ring)
    tx.execute(insert(column.table).values(needed | {column.column: locked.data_key}))
    return name


def _is_needed(it: "Column[Any]", column: WrappedColumn) -> bool:
    return it.name in column.named_by or (not it.nullable and it.autoincrement is not True)


def _invent_value(column: "Column[Any]", number: int, now: datetime) -> Any:
    kind = column.type
    if isinstance(kind, Instant):
        return now
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, (Integer, BigInteger, SmallInteger)):
        return 1_000 + number
    if isinstance(kind, LargeBinary):
        return b"locked"
    if isinstance(kind, (String, Text)):
        return f"{number:0>3}{column.name}"[: getattr(kind, "length", None) or 20]
    return str(number)
