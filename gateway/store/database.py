"""Connect, migrate, and run a piece of work in one transaction: the only file, beside `database_copy`, that
knows SQLite from PostgreSQL.

A piece of work is a plain function of a connection. It runs in a thread of its own, so it can await nothing: no
transaction is ever open across a network call. Writers take turns in one thread per process; SQLite would make them
wait for each other anyhow, and PostgreSQL shares the work between processes, not threads.
"""

import asyncio
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TypeAlias, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    String,
    any_,
    create_engine,
    event,
    exc,
    func,
    inspect,
    literal,
    select,
)
from sqlalchemy import table as from_table
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from gateway.errors import ConfigProblem, StoreUnavailable

T = TypeVar("T")

# How long one process waits for another that brings the database to its new shape.
MIGRATE_SECONDS = 600
# The number of PostgreSQL's lock around it, the same for every version.
MIGRATING = 0x636D65
# How long a writer waits for another process's writer before it says so.
BUSY_SECONDS = 20
# How long a table is waited for that is to be written anew: others wait behind who waits, and a backup takes hours.
LOCK_SECONDS = 3
READERS = 2
PRIVATE = 0o600
MIGRATIONS = files("gateway.store") / "migrations"
REVISION_DIGITS = 4
# By the beginning of SQLite's own name for it; the first that fits.
SQLITE_CODES = {
    "SQLITE_FULL": "store.full",
    # On a full disk SQLite cannot even make the index of its write-ahead log.
    "SQLITE_IOERR_SHMSIZE": "store.full",
    "SQLITE_READONLY": "store.read-only",
    "SQLITE_IOERR": "store.disk",
    "SQLITE_CANTOPEN": "store.missing",
    "SQLITE_CORRUPT": "store.damaged",
    "SQLITE_NOTADB": "store.damaged",
}
# What PostgreSQL and its driver say, in English, where one cannot connect; the first that fits.
CONNECTING = {
    "store.no-database": r'database "[^\n]*" does not exist',
    "store.not-let-in": (
        r'authentication failed|no password supplied|no pg_hba\.conf entry|role "[^\n]*" (?:does not exist|is not'
        r" permitted)"
        r"|permission denied for database|password is empty|server requested|rejects connection"
    ),
    "store.no-such-host": r"(?:failed to resolve|could not translate) host(?! .*emporary failure)",
}
COLUMNS = (
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
    " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
)
# Of one SQLite connection: a batch of notices is changed in memory, not spilled page by page.
CACHE_KIB = 16_384


# A transaction, as a flow passes it on: what it is made of is known in here only.
Tx: TypeAlias = Connection


class Store:
    """One database. `write` and `read` are for the loop; `run` and `look` are for commands, which have no loop."""

    def __init__(self, url: str) -> None:
        """Open the database at a SQLAlchemy URL (sqlite:///... or postgresql+psycopg://...). Nothing is created."""
        self.engine = _create_engine(url)
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._readers = ThreadPoolExecutor(READERS, "store-reader")

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run the work in one durable transaction: when this returns, it is on the disk.

        Raises StoreUnavailable where the disk is full, the database is read-only, or it cannot be reached; then nothing
        of the work has happened.
        """
        return await asyncio.get_running_loop().run_in_executor(self._writer, self.run, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run the work in a transaction that is rolled back: for looking only."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.look, work)

    def run(self, work: Callable[[Connection], T]) -> T:
        """Run the work as `write` does, in this thread; after a deadlock or a lock again, whole, for BUSY_SECONDS."""
        for attempt in Retrying(
            retry=retry_if_exception(_is_temporary),
            stop=stop_after_delay(BUSY_SECONDS),
            wait=wait_random_exponential(multiplier=0.01, max=0.5),
            reraise=True,
        ):
            with attempt, self._translate_errors(), self.engine.begin() as connection:
                return work(connection)
        raise AssertionError("tenacity either returns or raises")

    def look(self, work: Callable[[Connection], T]) -> T:
        """Run the work as `read` does, in this thread."""
        with self._translate_errors(), self.engine.connect() as connection:
            return work(connection.execution_options(looking=True))

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            unavailable = _translate_error(error)
            if isinstance(unavailable, StoreUnavailable) and unavailable.code == "store.missing":
                unavailable = self._why_not_opened()
            raise unavailable from error

    def _why_not_opened(self) -> StoreUnavailable:
        """Tell why SQLite could not open the file: it is not there, or beside it nothing can be written or read."""
        file = Path(self.engine.url.database or "")
        if not file.exists():
            return StoreUnavailable("store.missing")
        if not os.access(file.parent, os.W_OK) or not os.access(file, os.W_OK):
            return StoreUnavailable("store.read-only")
        return StoreUnavailable("store.missing")

    @property
    def is_shared(self) -> bool:
        """Return whether several processes may serve one gateway with this database."""
        return self.engine.dialect.name == "postgresql"

    @property
    def folder(self) -> Path | None:
        """Return the folder in which the database's file lies; None where it is a server's."""
        file = self.engine.url.database if self.engine.dialect.name == "sqlite" else None
        return Path(file).resolve().parent if file else None

    def measure_size(self, tx: Connection) -> int:
        """Return how many bytes the database takes."""
        if self.engine.dialect.name == "sqlite":
            sizes = [tx.exec_driver_sql(f"PRAGMA {what}").scalar_one() for what in ("page_count", "page_size")]
            return int(sizes[0] * sizes[1])
        return int(tx.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())

    def overwrite_deleted(self, tables: Sequence[str]) -> None:
        """Make the database's files hold no more what was deleted from these tables. Other work waits meanwhile.

        SQLite overwrites what is deleted (see `_prepare_sqlite`), but its write-ahead log still holds pages of before,
        so it is written back and cut. PostgreSQL leaves deleted rows in their pages, and a plain VACUUM leaves their
        bytes there too, so each table is written anew (VACUUM FULL), and with it the samples that it keeps of columns.
        For how long its own write-ahead log holds them, see docs/retention.md.

        Raises StoreUnavailable where others held the database for too long: nothing is lost, and it can be done again.
        """
        if self.engine.dialect.name == "sqlite":
            self._cut_sqlite_log()
        else:
            with self._translate_errors():
                self._write_anew(tables)

    def _cut_sqlite_log(self) -> None:
        for attempt in Retrying(
            retry=retry_if_exception(_is_temporary),
            stop=stop_after_delay(BUSY_SECONDS),
            wait=wait_random_exponential(multiplier=0.01, max=0.5),
            reraise=True,
        ):
            with attempt, self._translate_errors(), closing(self.engine.raw_connection()) as connection:
                cursor = connection.cursor()
                busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                cursor.close()
                if busy:
                    raise StoreUnavailable("store.busy", passes=True)

    def _write_anew(self, tables: Sequence[str]) -> None:
        outside = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        with outside.connect() as connection:
            connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_SECONDS}s'")
            try:
                for table in tables:
                    connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {table}")
                    self._drop_old_samples(connection, table)
                # Samples of columns are kept there; who does not own the database is only warned.
                connection.exec_driver_sql("VACUUM FULL pg_statistic")
            finally:
                connection.exec_driver_sql("RESET lock_timeout")

    def _drop_old_samples(self, connection: Connection, table: str) -> None:
        """Drop the samples of the values of an empty table, which no ANALYZE renews: to say again of which type a
        column is drops those of it.
        """
        if connection.execute(select(literal(1)).select_from(from_table(table)).limit(1)).first():
            return
        for column, kind in connection.exec_driver_sql(COLUMNS, (table,)).all():
            connection.exec_driver_sql(f'ALTER TABLE {table} ALTER COLUMN "{column}" TYPE {kind}')

    def is_current(self, tx: Connection) -> bool:
        """Tell whether the database has the shape that this version of the gateway needs."""
        return _read_revisions(tx) == {get_newest_revision()}

    def migrate(self, *, create: bool = False) -> None:
        """Bring the database to the newest shape; of several processes one does, and the others wait for it.

        Raises StoreUnavailable where there is none and it is not to be made, and where a newer version has been here.
        """
        is_made = self.is_made()
        if not create and not is_made:
            raise StoreUnavailable("store.missing")
        if is_made and self.look(self._is_ready):
            # The usual case, which needs no lock.
            return
        for attempt in Retrying(
            retry=retry_if_exception(_is_temporary),
            stop=stop_after_delay(MIGRATE_SECONDS),
            wait=wait_random_exponential(multiplier=0.01, max=0.5),
            reraise=True,
        ):
            with attempt, self._translate_errors(), self.engine.begin() as connection:
                self._upgrade_tables(connection)

    def _is_ready(self, tx: Connection) -> bool:
        """Tell whether nothing is left to be done. Raises StoreUnavailable where a newer version has been here."""
        if _read_revisions(tx) - list_known_revisions():
            raise StoreUnavailable("store.newer")
        return self.is_current(tx)

    def _upgrade_tables(self, tx: Connection) -> None:
        """Look again behind the lock, for whoever had it may have done it. SQLite's is the transaction itself."""
        if tx.dialect.name == "postgresql":
            tx.exec_driver_sql(f"SET LOCAL lock_timeout = '{MIGRATE_SECONDS}s'")
            tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATING})")
        if self._is_ready(tx):
            return
        # Only here, for every command opens a database and few bring one to a new shape: it is a tenth of a second.
        from alembic import command
        from alembic.config import Config as AlembicConfig

        with as_file(MIGRATIONS) as scripts:
            settings = AlembicConfig()
            settings.set_main_option("script_location", str(scripts).replace("%", "%%"))
            settings.attributes["connection"] = tx
            command.upgrade(settings, "head")

    def is_made(self) -> bool:
        """Tell whether there is a database with a gateway's tables. Nothing is created by asking."""
        file = self.engine.url.database if self.engine.dialect.name == "sqlite" else None
        # To connect would make an empty one.
        if file and not Path(file).exists():
            return False
        return self.look(lambda tx: inspect(tx).has_table("audit_head"))

    def close(self) -> None:
        """Finish what is running and let go of the database."""
        self._writer.shutdown()
        self._readers.shutdown()
        self.engine.dispose()


def get_newest_revision() -> str:
    """Return the revision that this version of the gateway needs."""
    return max(list_known_revisions())


@cache
def list_known_revisions() -> frozenset[str]:
    """Return every revision that this version of the gateway knows."""
    return frozenset(name[:REVISION_DIGITS] for name in _migration_names())


def _migration_names() -> Iterator[str]:
    for file in (MIGRATIONS / "versions").iterdir():
        if file.name.endswith(".py") and file.name[:REVISION_DIGITS].isdigit():
            yield file.name


def _read_revisions(tx: Connection) -> set[str]:
    """Return the revisions that Alembic noted in this database: one, or none where it never ran."""
    if not inspect(tx).has_table("alembic_version"):
        return set()
    return set(tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalars())


def _create_engine(url: str) -> Engine:
    try:
        kind = make_url(url).get_backend_name()
    except (exc.ArgumentError, ValueError):
        raise ConfigProblem("config.setting", "store-url") from None
    if kind != "sqlite":
        return create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "do_connect", _keep_private)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _keep_private(_: Dialect, __: ConnectionPoolEntry, words: list[str], ___: object) -> None:
    """Let only our user read the database, whatever the umask. SQLite gives its other files the rights of this one.

    A file that is there is never opened here: to close it would take SQLite's locks from it
    (sqlite.org/howtocorrupt.html, 2.2).
    """
    if not (file := words[0]) or file == ":memory:":
        return
    # SQLite will say what is wrong.
    with suppress(OSError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
    for path in (file, f"{file}-wal", f"{file}-shm"):
        with suppress(OSError):
            if os.stat(path).st_mode & 0o077:
                os.chmod(path, PRIVATE)


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver would begin transactions late; we begin them ourselves.
    connection.isolation_level = None
    cursor = connection.cursor()
    # A sealed notice fills pages of 4 KiB badly; counts for a new file only.
    cursor.execute("PRAGMA page_size=8192")
    cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    # Readers do not wait for the writer.
    cursor.execute("PRAGMA journal_mode=WAL")
    # A commit is on the disk when it returns: receipts depend on it.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    # A destroyed data key is overwritten, not only unlinked.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    looking = connection.get_execution_options().get("looking")
    connection.exec_driver_sql("BEGIN" if looking else "BEGIN IMMEDIATE")


def _is_temporary(error: BaseException) -> bool:
    return isinstance(error, StoreUnavailable) and error.passes


def _translate_error(error: exc.DBAPIError) -> Exception:
    """Return the store's own error for what a driver said; an error of ours in the SQL stays what it is."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        name = getattr(cause, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return StoreUnavailable("store.busy", passes=True)
        for prefix, code in SQLITE_CODES.items():
            if name.startswith(prefix):
                return StoreUnavailable(code)
        return error
    state = getattr(cause, "sqlstate", None) or ""
    # Serialization failure, deadlock, lock not available.
    if state in {"40001", "40P01", "55P03"}:
        return StoreUnavailable("store.busy", passes=True)
    if state.startswith("53"):
        return StoreUnavailable("store.full")
    if state == "25006":
        return StoreUnavailable("store.read-only")
    return StoreUnavailable(_find_connection_fault(str(cause))) if isinstance(error, exc.OperationalError) else error


def _find_connection_fault(says: str) -> str:
    """Return why there is no connection, by the words of the driver or the server: there is no SQLSTATE for it."""
    return next((code for code, words in CONNECTING.items() if re.search(words, says)), "store.unreachable")


def is_among(tx: Connection, column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    """Build the condition that a column holds one of these, as one parameter: thousands take long to write and read."""
    if tx.dialect.name == "sqlite":
        return column.in_(select(func.json_each(json.dumps(values)).table_valued("value").c.value))
    return column == any_(literal(list(values), ARRAY(String)))


def has_table(tx: Connection, name: str) -> bool:
    """Tell whether the database has a table of this name; one that was made by an older version may not."""
    return inspect(tx).has_table(name)
