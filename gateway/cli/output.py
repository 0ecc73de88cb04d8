"""What the commands share: their usual options, the open gateway, and how an answer is shown.

stdout is what was asked for, stderr is talk. With `--json` the answer is one object.
"""

import getpass
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway import app
from gateway.authority import Authority
from gateway.errors import Unusable
from schemas import xml

out, err = Console(highlight=False), Console(stderr=True, highlight=False)

DEFAULT_HOME = Path.home() / ".cme-gateway"
Home = Annotated[Path, typer.Option("--home", envvar="CME_GATEWAY_HOME", help="The gateway's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")]
By = Annotated[str, typer.Option("--by", help="Who does this; it stands in the audit log.")]


def who() -> str:
    """The name under which this person is signed in here."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


@contextmanager
def opened(home: Path) -> Iterator[Authority]:
    """The gateway in this folder, for as long as a command takes."""
    here = app.open_authority(home)
    try:
        yield here
    finally:
        here.store.close()


def answer(as_json: bool, value: object, text: Callable[[], object]) -> None:
    """Print one JSON object, or what `text` makes for a person: with markup, so what others wrote must be escaped in it."""
    if as_json:
        print(json.dumps(value, default=str, ensure_ascii=False))
    else:
        out.print(text(), soft_wrap=True)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table | str:
    """Rows under their columns, or a word that there are none."""
    if not rows:
        return f"{title}: nothing."
    made = Table(
        title=escape(title), title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold"
    )
    for column in columns:
        made.add_column(column, no_wrap=column in ("Id", "When", "About"), overflow="fold")
    for row in rows:
        made.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    return made


def when(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def day(moment: datetime) -> str:
    """A moment in UTC in a list: short, so that a list fits on a screen of eighty columns."""
    return moment.strftime("%d %b %H:%M" if moment.year == datetime.now(UTC).year else "%d %b %Y")


def read_bytes(file: Path) -> bytes:
    """A file, up to what any message or card may hold. Raises Unusable."""
    try:
        with file.open("rb") as stream:
            return stream.read(xml.MAX_BYTES + 1)
    except OSError as why:
        raise Unusable(
            "file.unreadable", f"{file} cannot be read ({why.strerror}).", "Check the name and its rights."
        ) from None
