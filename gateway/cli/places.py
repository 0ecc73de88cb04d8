"""Commands on postcodes: in which authority does an address lie?"""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import wrap_file

from gateway.authorities import postcodes
from gateway.cli.output import DEFAULT_HOME, AsJson, By, Home, err, get_user_name, open_gateway, print_answer
from gateway.errors import NotFound
from schemas import codes

commands = typer.Typer(no_args_is_help=True, help="Which authority a postcode is in (ONS Postcode Directory).")


@commands.command("import")
def postcodes_import(
    file: Annotated[Path, typer.Argument(help="The directory from ONS: the ZIP archive, or the CSV in it.")],
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Import the ONS Postcode Directory. This takes some minutes."""
    with (
        open_gateway(home) as gw,
        postcodes.open_directory(file) as (stream, size),
        wrap_file(stream, size, description="Reading", console=err, disable=not err.is_terminal) as watched,
    ):
        done = postcodes.import_directory(gw, watched, by)
    value = {
        "postcodes": done.postcodes,
        "elsewhere": done.elsewhere,
        "malformed": done.malformed,
        "gone": done.gone,
        "unknown": done.unknown,
    }
    named = ", ".join(f"{code} ({count:,})" for code, count in done.unknown.items())
    unknown = (
        f"\n[yellow]Area codes that this version does not know: {named}. An officer must check notices to these"
        " postcodes.[/yellow] A newer version of cme-gateway may know the codes."
    )
    print_answer(
        as_json,
        value,
        lambda: (
            f"[green]Postcodes imported for England and Wales: {done.postcodes:,} postcodes.[/green]\nElsewhere:"
            f" {done.elsewhere:,}. Rows without a postcode: {done.malformed:,}. No longer in use:"
            f" {done.gone:,}.{unknown if named else ''}"
        ),
    )


@commands.command("find")
def postcodes_find(postcode: str, home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Show which authority a postcode is in."""
    with open_gateway(home) as gw:
        code = postcodes.find_authority_of_postcode(gw, postcode)
    if code is None:
        raise NotFound("postcodes.not-found")
    name = codes.authority_name(code)
    print_answer(as_json, {"authority": code, "name": name}, lambda: f"{name} ({code})")
