"""Commands that make a gateway, run it, and look whether it is well."""

import asyncio
import json
import re
import sys
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console
from rich.markup import escape

from gateway import app, home_folder
from gateway.cli.output import DEFAULT_HOME, AsJson, By, Home, answer, opened, who
from gateway.context import Authority
from gateway.demo.story import run_demo
from gateway.monitoring import doctor
from gateway.settings.rules import STORE_URL
from keys import card
from schemas import codes
from schemas.hidden_signs import is_line
from schemas.shapes import Email, Line, Telephone, Text

HOST = re.compile(
    r"(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}

commands = typer.Typer()


def _fits(shape: object, what: str) -> Callable[[str], str]:
    """A check that a word has the shape that a message or a card asks of it."""
    text = next(mark for mark in get_args(shape) if isinstance(mark, Text))

    def check(word: str) -> str:
        whole = re.fullmatch(text.pattern or ".+", word)
        if word and not (whole and len(word) <= text.longest and is_line(word)):
            raise typer.BadParameter(f"it must be {text.says or what}")
        return word

    return check


def _live(code: str) -> str:
    if not codes.is_live(code):
        raise typer.BadParameter("it must be the DfE code of a local authority of England or Wales, such as 333")
    return code


def _host(host: str) -> str:
    if not HOST.fullmatch(host):
        try:
            ip_address(host)
        except ValueError:
            raise typer.BadParameter(
                "it must be a host name or an IP address, such as gateway.sandwell.example"
            ) from None
    return host


def _store(url: str) -> str:
    if url and not STORE_URL.match(url):
        raise typer.BadParameter("it must begin with postgresql+psycopg:// or sqlite:///")
    return url


@commands.command()
def init(
    authority: Annotated[str, typer.Option(callback=_live, help="Our DfE code, such as 333.")],
    name: Annotated[
        str, typer.Option(callback=_fits(Line, "a name on one line"), help="Our name; DfE's without it.")
    ] = "",
    home: Home = DEFAULT_HOME,
    host: Annotated[
        str, typer.Option(callback=_host, help="The address or name under which partners reach us.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on which they reach us.")] = 8443,
    telephone: Annotated[
        str, typer.Option(callback=_fits(Telephone, ""), help="Whom partners ring; every answer needs it.")
    ] = "",
    email: Annotated[str, typer.Option(callback=_fits(Email, ""), help="Stands on our card and in answers.")] = "",
    passphrase_file: Annotated[
        Path | None, typer.Option(help="A secret file; without it one is made in the home folder.")
    ] = None,
    store_url: Annotated[
        str,
        typer.Option(
            callback=_store,
            help="Such as postgresql+psycopg://gateway@store/gateway; SQLite in the home folder without it.",
        ),
    ] = "",
    console_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port of the console, for browsers on this machine; 0: none.")
    ] = 8480,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Set up a new gateway: settings, keys, certificate, card and database."""
    config = home_folder.create(
        home,
        code=authority,
        name=name or codes.authority_name(authority) or "",
        host=host,
        port=port,
        telephone=telephone,
        email=email,
        passphrase_file=passphrase_file,
        store_url=store_url,
        console_port=console_port,
        by=by,
    )
    ours = card.read((home / home_folder.CARD_FILE).read_text("ascii"))
    value = {
        "home": str(home),
        "authority": authority,
        "name": config.authority.name,
        "fingerprint": card.fingerprint(ours),
        "card": str(home / home_folder.CARD_FILE),
    }
    answer(
        as_json,
        value,
        lambda: (
            f"[green]The gateway of {escape(config.authority.name)} ({authority}) is in {escape(str(home))}.[/green]\n"
            f"Our card's fingerprint: [bold]{value['fingerprint']}[/bold]\n"
            f"Next: send {escape(value['card'])} to a partner, read the fingerprint to each other by telephone, then\n"
            "      cme-gateway partner add THEIR-CARD   and   cme-gateway serve"
        ),
    )


@commands.command()
def serve(
    home: Home = DEFAULT_HOME,
    with_parent: Annotated[bool, typer.Option(hidden=True, help="Stop when standard input ends.")] = False,
) -> None:
    """Run the gateway."""
    with opened(home) as here:
        asyncio.run(_serve(here, with_parent))


async def _serve(here: Authority, with_parent: bool) -> None:
    stop = asyncio.Event()
    if with_parent:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
    await app.serve(here, until=stop)


@commands.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where both authorities live.")] = Path("demo-data"),
    keep: Annotated[bool, typer.Option("--keep", help="Leave both gateways running until Ctrl-C.")] = False,
    email: Annotated[
        bool, typer.Option("--email/--no-email", help="Show secure email too, where Exim and Dovecot are installed.")
    ] = True,
    picture: Annotated[Path | None, typer.Option(help="Draw what was shown into this SVG file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a demonstration with two authorities and invented children."""
    width = 90 if picture else None
    shown = Console(
        quiet=as_json, highlight=False, record=bool(picture), width=width, force_terminal=True if picture else None
    )
    told = asyncio.run(run_demo(folder, keep=keep, email=email, out=shown))
    if picture:
        drawn = shown.export_svg(title="make demo")
        picture.write_text(
            re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
        )  # nothing is fetched from elsewhere
    if as_json:
        print(json.dumps({"demo": "done"} | told))


@commands.command("doctor")
def doctor_command(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Check that the gateway is set up and working."""
    with opened(home) as here:
        checks = doctor.examine(here)
    rows = [(one.label, f"[{COLOURS[one.result]}]{one.result}[/]", escape(one.detail)) for one in checks]
    answer(
        as_json,
        {"checks": [{"check": one.name, "result": one.result, "detail": one.detail} for one in checks]},
        lambda: "\n".join(f"{escape(name):28} {result:<20} {detail}" for name, result, detail in rows),
    )
    if any(one.result == "fail" for one in checks):
        raise typer.Exit(1)
