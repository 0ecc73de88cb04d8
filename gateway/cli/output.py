"""What the commands share: their usual options, the open gateway, and how an answer is shown.

stdout is what was asked for, stderr is talk. With `--json` the answer is one object.
"""

import getpass
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.text import Text

from gateway.errors import NotFound, Unusable
from schemas import codes, hidden_signs
from schemas.hidden_signs import find_hidden, is_line

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.table import Table

    from gateway.context import Gateway

T = TypeVar("T")

# What a terminal would act on or show in another order, and what is not seen on it. A tab and a carriage return move
# what follows.
MOVES = re.compile("[\t\r]")


class _Terminal(Console):
    """Shows what others wrote as text only: no character of it is obeyed, and none is hidden."""

    def render_str(self, text: str, **styles: Any) -> Text:
        """Take a text with the code of each such character, before rich drops some; to its markup it is no tag."""
        return super().render_str(show_whole(text), **styles)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Render as rich does, with the code of each character that would not be seen."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=show_whole(segment.text))


def describe_stored(message: "DataclassInstance") -> dict[str, Any]:
    """Return a stored message by the names of its JSON, where the case id is `conversation_id`."""
    return {"conversation_id" if name == "case_id" else name: value for name, value in asdict(message).items()}


def in_ascii(text: str) -> str:
    """Write such characters in JSON as the escapes that stand for them (RFC 8259, 7)."""
    return hidden_signs.replace_hidden(text, lambda sign: json.dumps(sign)[1:-1])


def show_whole(text: str) -> str:
    """Write a text so that a terminal obeys nothing of it, and hides nothing."""
    return MOVES.sub(lambda match: hidden_signs.name_hidden(match[0]), hidden_signs.show_hidden(text))


out, err = _Terminal(highlight=False), _Terminal(stderr=True, highlight=False)

# No message and no card is larger (`schemas.xml.MAX_BYTES`, which a test holds against this).
MAX_FILE_BYTES = 262_144
# As the audit log keeps it.
MAX_NAME = 80
DEFAULT_HOME = Path.home() / ".cme-gateway"
Home = Annotated[Path, typer.Option("--home", envvar="CME_GATEWAY_HOME", help="The folder of the gateway.")]
AsJson = Annotated[bool, typer.Option("--json", help="Show one JSON object, for scripts.")]
OfPartner = Annotated[str, typer.Argument(help="The DfE code of the partner.")]
OnDay = Annotated[
    datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="The day, such as 2026-11-25. Default: today.")
]
NoteFile = Annotated[
    Path | None,
    typer.Option(
        allow_dash=True,
        help=(
            "A text file with a note to the other authority, or - to type it. Only people who can open the case will"
            " see it."
        ),
    ),
]


def _name(typed: str | None) -> str | None:
    if typed is None:
        return None
    name = typed.strip()
    if not (0 < len(name) <= MAX_NAME and is_line(name)):
        raise typer.BadParameter(f"Give a name of 1 to {MAX_NAME} characters on one line.")
    return name


def _doubts(given: list[str] | None) -> list[str]:
    """Return each is the code of a doubt, so that a slip of the pen is told at once."""
    from gateway.core.safeguards import SAFEGUARDS

    known = [safeguard.code for safeguard in SAFEGUARDS if safeguard.level == "warning"]
    if wrong := [code for code in given or () if code not in known]:
        raise typer.BadParameter(f"There is no warning called {wrong[0]}. Use one of: {', '.join(known)}.")
    return list(given or ())


Confirmed = Annotated[
    list[str] | None,
    typer.Option(
        "--confirm",
        callback=_doubts,
        help="The code of a warning that you have checked. Can be repeated.",
    ),
]
By = Annotated[str, typer.Option("--by", callback=_name, help="Your name, for the audit log.")]
DecidedBy = Annotated[
    str | None, typer.Option(callback=_name, help="With manager-decision: the name of the manager who decided.")
]
Limit = Annotated[int, typer.Option(min=1, help="The most to show, newest first.")]


def get_user_name() -> str:
    """Return the name under which this person is signed in here."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


@contextmanager
def open_gateway(home: Path) -> "Iterator[Gateway]":
    """Yield the gateway in this folder, for as long as a command takes."""
    # Only here, so that help, and what needs no gateway, comes at once.
    from gateway import home_folder, logs

    logs.configure_logging()
    gw = home_folder.open_gateway(home)
    try:
        yield gw
    finally:
        gw.store.close()


def run_with_carriers(gw: "Gateway", work: Callable[[], Awaitable[T]]) -> T:
    """Do something that asks other gateways, and close what was opened for it. Raises what it raises."""

    # Only here, as above.
    import asyncio

    async def run_and_close() -> T:
        try:
            return await work()
        finally:
            for carrier in gw.carriers.values():
                await carrier.close()

    return asyncio.run(run_and_close())


def print_answer(as_json: bool, value: object, text: Callable[[], object]) -> None:
    """Print one JSON object, or what `text` makes for a person: with markup, so what others wrote must be escaped in
    it.

    Raises Unusable where the output cannot be written, as to a full disk.
    """
    try:
        if as_json:
            print(in_ascii(json.dumps(value, default=_plain, ensure_ascii=False)), flush=True)
        else:
            out.print(text(), soft_wrap=True)
            out.file.flush()
    except BrokenPipeError:
        raise
    except OSError as why:
        # Or Python would try, and fail, again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Unusable("output.unwritable", why=why.strerror) from None


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


# Columns whose lines are never broken.
WHOLE = ("Reference", "Date", "About", "Number", "Key")


def build_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> "Table | str":
    """Return rows under their columns, or `empty`, a sentence that says what there is none of."""
    if not rows:
        return empty
    from rich.table import Table

    made = Table(
        title=escape(title), title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold"
    )
    for column in columns:
        made.add_column(column, no_wrap=column in WHOLE, overflow="fold")
    for row in rows:
        made.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    return made


def on_day(gw: "Gateway", on: datetime | None) -> date:
    """Return the day that was named, or today."""
    return on.date() if on else gw.now().date()


def join_lines(*texts: str | None) -> str:
    """One cell of a table, a line for each thing that there is to say."""
    first, *rest = (line for line in texts if line)
    return "\n  ".join((first, *rest))


PLURALS = {"enquiry": "enquiries", "entry": "entries", "copy": "copies"}


def count_of(number: int, thing: str) -> str:
    """Write how many there are of a thing: `1 notice`, `2 notices`."""
    return f"{number:,} {thing if number == 1 else PLURALS.get(thing, f'{thing}s')}"


def count_authorities(number: int) -> str:
    """Write a number of authorities: `1 authority`, `2 authorities`."""
    return f"{number} {'authority' if number == 1 else 'authorities'}"


def format_moment(moment: datetime) -> str:
    """Return a moment in UTC, to the second: "25 Nov 2026 04:12:31"."""
    return moment.strftime("%d %b %Y %H:%M:%S")


def format_for_list(moment: datetime) -> str:
    """Return a moment in UTC for a list: its time below its day, so that a list fits on a screen of 80 columns."""
    return moment.strftime("%d %b %Y\n%H:%M:%S")


def note_text(file: Path | None) -> str | None:
    """The note in this file, or as it is typed where the file is `-`: never on the command line, which
    others may see.
    """
    if file is None:
        return None
    raw = sys.stdin.buffer.read(MAX_FILE_BYTES) if str(file) == "-" else read_bytes(file)
    try:
        # A value of a message stands on one line.
        note = " ".join(raw.decode("utf-8-sig").split())
    except UnicodeDecodeError:
        raise Unusable("file.not-text", file=file) from None
    if sign := find_hidden(note):
        raise Unusable("text.hidden-sign", sign=sign)
    return note or None


def read_bytes(file: Path, most: int = MAX_FILE_BYTES) -> bytes:
    """Return a file, up to what any message or card may hold, or `most` bytes. Raises Unusable."""
    try:
        with file.open("rb") as stream:
            return stream.read(most + 1)
    except FileNotFoundError:
        raise NotFound("file.not-found", file=file) from None
    except OSError as why:
        raise Unusable("file.unreadable", file=file, why=why.strerror) from None


def _one_of(name: str) -> Callable[[str | None], str | None]:
    """Return a check that a word is a code of this list."""

    def check(code: str | None) -> str | None:
        if code is not None and code not in codes.get_labels(name):
            raise typer.BadParameter(f"{code} is not in the list. Use one of: {', '.join(codes.get_labels(name))}.")
        return code

    return check


def build_code_parameter(kind: Callable[..., object], name: str, what: str) -> object:
    """Return an argument or an option that is a code of this list."""
    return kind(callback=_one_of(name), help=f"{what} One of: {', '.join(codes.get_labels(name))}.")
