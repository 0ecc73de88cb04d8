"""Options for a page as a file: CSV, HTML, PDF, or a picture; and what is said when they are written."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from gateway.cli.output import print_answer
from gateway.errors import Unusable
from gateway.one import share
from gateway.paper import as_csv, as_html, as_pdf, bars
from gateway.paper.bars import Bars
from gateway.paper.page import ReportPage

OWNER_ONLY = 0o600
STDOUT = Path("-")

Csv = Annotated[Path | None, typer.Option("--csv", help="Write CSV to this file, or with - to the terminal.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write an HTML page to this file, ready to print.")]
Pdf = Annotated[Path | None, typer.Option("--pdf", help="Write PDF to this file.")]
Ageing = Annotated[
    Path | None,
    typer.Option("--ageing", help="Write a chart (SVG) of how long acknowledgements have been outstanding."),
]


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """Which files were written, and whether the standard output is taken."""

    files: tuple[str, ...]
    # The CSV went to the standard output.
    spoken: bool
    as_json: bool

    def describe_files(self) -> dict[str, object]:
        """Return what `--json` adds."""
        return {"written": self.files} if self.files else {}

    def print_answer(self, value: object, text: Callable[[], object]) -> None:
        """Say it as JSON, as the names of the files, or, where there is none, as text."""
        if self.spoken:
            return
        names = "\n".join(f"Written: {escape(name)}" for name in self.files)
        print_answer(self.as_json, value, (lambda: names) if names else text)


@dataclass(frozen=True, slots=True)
class WantedFile:
    """The files that were asked for."""

    csv: Path | None
    html: Path | None
    pdf: Path | None
    ageing: Path | None = None
    as_json: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        """Raises BadParameter where two things would go to the standard output, or one that is no text."""
        if self.csv == STDOUT and self.as_json:
            raise typer.BadParameter("Use either --json or --csv -, not both.", param_hint="--csv")
        if STDOUT in (self.html, self.pdf, self.ageing):
            raise typer.BadParameter(
                "Give the name of a file. Only CSV can be written to the terminal.", param_hint="-"
            )

    @property
    def files(self) -> tuple[Path, ...]:
        """Return every file that was asked for."""
        return tuple(file for file in (self.csv, self.html, self.pdf, self.ageing) if file and file != STDOUT)

    @property
    def speaks(self) -> bool:
        """Does the CSV go to the standard output?"""
        return self.csv == STDOUT

    def write(self, page: ReportPage, listing: ReportPage | None = None, *, picture: Bars | None = None) -> WrittenFile:
        """Write them; `listing` is the page for spreadsheets.

        All are made before the first is written. Raises Unusable.
        """
        made = list(self._made(page, listing or page, picture))
        for path, text in made:
            if path == STDOUT:
                sys.stdout.buffer.write(text)
                sys.stdout.flush()
            else:
                _put(path, text)
        return WrittenFile(tuple(map(str, self.files)), self.csv == STDOUT, self.as_json)

    def _made(self, page: ReportPage, listing: ReportPage, picture: Bars | None) -> Iterator[tuple[Path, bytes]]:
        if self.csv:
            yield self.csv, as_csv.write(listing)
        if self.html:
            yield self.html, as_html.write(page)
        if self.pdf:
            yield self.pdf, as_pdf.write(page)
        if self.ageing and picture:
            yield self.ageing, bars.draw_svg(picture).encode()


def _put(path: Path, text: bytes) -> None:
    """Write a file whole or not at all; one that lay there is replaced. Only its owner may read it."""
    try:
        with share.open_folder(path.parent) as folder:
            share.put_file(folder, path.name, text, OWNER_ONLY)
    except OSError as why:
        raise Unusable("report.unwritable", path=path, why=why.strerror) from None
