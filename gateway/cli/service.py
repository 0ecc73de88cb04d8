"""Commands that set up a gateway, run it, and check it."""

import asyncio
import json
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console
from rich.markup import escape

from gateway import app, home_folder
from gateway.cli.output import DEFAULT_HOME, AsJson, By, Home, count_of, get_user_name, open_gateway, print_answer
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.findings import FindingLevel
from gateway.demo.story import run_demo
from gateway.monitoring import doctor
from gateway.monitoring.doctor import Check
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
    """Return a check that a word has the shape that a message or a card asks of it."""
    text = next(mark for mark in get_args(shape) if isinstance(mark, Text))

    def check(word: str) -> str:
        whole = re.fullmatch(text.pattern or ".+", word)
        if word and not (whole and len(word) <= text.longest and is_line(word)):
            raise typer.BadParameter(f"Give {text.says or what}.")
        return word

    return check


def _live(code: str) -> str:
    if not codes.is_live(code):
        raise typer.BadParameter("Give the DfE code of a local authority of England or Wales, such as 333.")
    return code


def _host(host: str) -> str:
    if not HOST.fullmatch(host):
        try:
            ip_address(host)
        except ValueError:
            raise typer.BadParameter("Give a host name or an IP address, such as gateway.sandwell.example.") from None
    return host


def _store(url: str) -> str:
    if url and not STORE_URL.match(url):
        raise typer.BadParameter("Give an address that begins with postgresql+psycopg:// or sqlite:///.")
    return url


@commands.command("init")
def init_command(
    authority: Annotated[str, typer.Option(callback=_live, help="The DfE code of your authority, such as 333.")],
    name: Annotated[
        str,
        typer.Option(
            callback=_fits(Line, "a name on one line"),
            help="The name of your authority. Default: its name in the DfE list.",
        ),
    ] = "",
    home: Home = DEFAULT_HOME,
    host: Annotated[
        str, typer.Option(callback=_host, help="The host name or address that partners connect to.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port that partners connect to.")] = 8443,
    telephone: Annotated[
        str,
        typer.Option(
            callback=_fits(Telephone, ""), help="The telephone number that partners call. Every answer needs it."
        ),
    ] = "",
    email: Annotated[
        str, typer.Option(callback=_fits(Email, ""), help="The email address on the card and in answers.")
    ] = "",
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="The file with the passphrase of the keys. Default: a new one in the home folder."),
    ] = None,
    store_url: Annotated[
        str,
        typer.Option(
            callback=_store,
            help=(
                "The database, such as postgresql+psycopg://gateway@store/gateway. Default: SQLite in the home folder."
            ),
        ),
    ] = "",
    console_port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="The port of the console, for browsers on this machine. 0 for no console."),
    ] = 8480,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Set up a new gateway: settings, keys, certificate, card and database."""
    config = home_folder.create_gateway(
        home,
        home_folder.NewGateway(
            code=authority,
            name=name or codes.authority_name(authority) or "",
            host=host,
            port=port,
            telephone=telephone,
            email=email,
            passphrase_file=passphrase_file,
            store_url=store_url,
            console_port=console_port,
        ),
        by=by,
    )
    ours = card.read((home / home_folder.CARD_FILE).read_text("ascii"))
    value = {
        "home": str(home),
        "authority": authority,
        "name": config.authority.name,
        "fingerprint": card.compute_fingerprint(ours),
        "card": str(home / home_folder.CARD_FILE),
    }
    print_answer(
        as_json,
        value,
        lambda: (
            f"[green]Gateway of {escape(config.authority.name)} ({authority}) set up in {escape(str(home))}.[/green]\n"
            f"Fingerprint of its card: [bold]{value['fingerprint']}[/bold]\n"
            f"Next: 1. Send {escape(value['card'])} to a partner.\n"
            "      2. Call them, and read your fingerprints to each other.\n"
            "      3. Add their card: cme-gateway partner add THEIR-CARD\n"
            "      4. Run the gateway: cme-gateway serve"
        ),
    )


@commands.command("serve")
def serve_command(
    home: Home = DEFAULT_HOME,
    with_parent: Annotated[bool, typer.Option(hidden=True, help="Stop when standard input ends.")] = False,
) -> None:
    """Run the gateway."""
    with open_gateway(home) as gw:
        asyncio.run(_serve(gw, with_parent))


async def _serve(gw: Gateway, with_parent: bool) -> None:
    stop = asyncio.Event()
    if with_parent:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
    await app.serve_until_stopped(gw, until=stop)


@commands.command("demo")
def demo_command(
    folder: Annotated[Path, typer.Option(help="The folder for both authorities.")] = Path("demo-data"),
    keep: Annotated[bool, typer.Option("--keep", help="Keep both gateways running until you press Ctrl-C.")] = False,
    email: Annotated[
        bool, typer.Option("--email/--no-email", help="Show secure email too, if Exim and Dovecot are installed.")
    ] = True,
    picture: Annotated[Path | None, typer.Option(help="Save what is shown as an SVG picture.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a demonstration with two authorities and invented children."""
    width = 90 if picture else None
    shown = Console(
        quiet=as_json, highlight=False, record=bool(picture), width=width, force_terminal=True if picture else None
    )
    try:
        told = asyncio.run(run_demo(folder, keep=keep, email=email, out=shown))
    except asyncio.CancelledError:
        raise typer.Exit(128 + signal.SIGTERM) from None
    if picture:
        drawn = shown.export_svg(title="make demo")
        # Nothing is fetched from elsewhere.
        picture.write_text(re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL))
    if as_json:
        print(json.dumps({"demo": "done"} | told))


@commands.command("doctor")
def doctor_command(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Check that the gateway is set up and working."""
    with open_gateway(home) as gw:
        checks = doctor.run_checks(gw)
    print_answer(
        as_json,
        {"checks": [{"check": check.name, "result": check.result, "detail": check.detail} for check in checks]},
        lambda: _list_checks(checks),
    )
    if any(check.result == "fail" for check in checks):
        raise typer.Exit(1)


def _list_checks(checks: Sequence[Check]) -> str:
    """Return the total, and each check with how it went."""
    counts = Counter(check.result for check in checks)
    failed, warned = count_of(counts[FindingLevel.FAIL], "problem"), count_of(counts[FindingLevel.WARN], "warning")
    rows = [
        f"{escape(check.label):32} [{COLOURS[check.result]}]{labels.name_level(check.result):8}[/]"
        f" {escape(check.detail)}"
        for check in checks
    ]
    return "\n".join(
        [f"[bold]{failed}, {warned}, {count_of(counts[FindingLevel.OK], 'check')} passed[/bold]", "", *rows]
    )
