"""The command that collects everything held about one child."""

from typing import Annotated

import typer

from gateway.cli.output import DEFAULT_HOME, AsJson, By, Home, open_gateway
from gateway.cli.paper import Html, Pdf, WantedFile
from gateway.errors import NotAllowed
from gateway.retention import subject_access

commands = typer.Typer()


@commands.command("subject-access")
def subject_access_command(
    by: By,
    who: Annotated[
        list[str] | None,
        typer.Argument(
            help="A UPN, or a name and date of birth, or a whole case reference. Left out, you are asked for it."
        ),
    ] = None,
    html: Html = None,
    pdf: Pdf = None,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Write everything held about one child to a file. Each record is logged as viewed."""
    wanted = WantedFile(None, html, pdf, as_json=as_json)
    if not wanted.files:
        raise NotAllowed("report.to-a-file")
    # A name that is typed here stays in no history of commands.
    typed = " ".join(who) if who else typer.prompt("UPN, or name and date of birth, or case reference", err=True)
    with open_gateway(home) as gw:
        page = subject_access.collect_child(gw, typed, by)
    written = wanted.write(page)
    written.print_answer({"cases": len(page.tables[0].rows)} | written.describe_files(), lambda: "")
