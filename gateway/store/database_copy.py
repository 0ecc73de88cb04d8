"""Copy a whole database into one file while it is used, and fill an empty one from such a file.

SQLite by its online backup API (sqlite.org/backup.html), PostgreSQL by pg_dump and pg_restore in custom format, which
are programs of the server's own packages: each copy is one consistent state.
"""

import os
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL

from gateway.errors import Unusable
from gateway.store.database import PRIVATE, Store

# Of one run of a program; a day's work for any database that a gateway has.
PROGRAM_SECONDS = 24 * 3600
# Of what a program says, in its first line: what follows may quote rows.
MOST_SAID = 300


def copy_database(store: Store, file: Path) -> None:
    """Copy the database as it is at one moment into a new file, for its owner alone.

    Raises Unusable: `backup.program` where pg_dump is not installed or fails, `backup.database` where SQLite fails.
    """
    url = store.engine.url
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
    if store.is_shared:
        _run_program(["pg_dump", "--format=custom", "--no-password", f"--file={file}", _write_address(url)], url)
        return
    try:
        with closing(sqlite3.connect(url.database or "")) as source, closing(sqlite3.connect(file)) as copy:
            source.backup(copy)
    except sqlite3.Error as why:
        raise Unusable("backup.database", why=getattr(why, "sqlite_errorname", type(why).__name__)) from None


def fill_database(store: Store, file: Path) -> None:
    """Fill an empty PostgreSQL database from a copy, completely or not at all. Raises Unusable: `backup.program`."""
    words = ["pg_restore", "--no-password", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
    url = store.engine.url
    _run_program([*words, f"--dbname={_write_address(url)}", str(file)], url)


def _write_address(url: URL) -> str:
    """Write the address as libpq has it, without the password, which every user of the machine could see."""
    return URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query).render_as_string(
        hide_password=False
    )


def _run_program(words: Sequence[str], url: URL) -> None:
    password = {"PGPASSWORD": str(url.password)} if url.password else {}
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the words are ours and the operator's settings
            words,
            env=os.environ | password | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=PROGRAM_SECONDS,
        )
    except FileNotFoundError:
        raise Unusable("backup.program", program=words[0], why="it is not installed") from None
    except subprocess.TimeoutExpired:
        raise Unusable("backup.program", program=words[0], why="it took too long") from None
    if done.returncode:
        first_line = done.stderr.decode("utf-8", "replace").partition("\n")[0]
        raise Unusable("backup.program", program=words[0], why=first_line[:MOST_SAID] or "it gave no reason")
