"""Commands that make a gateway, run it, and look whether it is well."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from gateway import app, audit
from gateway.authority import Authority
from gateway.cli.output import DEFAULT_HOME, AsJson, Home, answer, opened, table, when
from gateway.demo import run_demo
from gateway.store import outbox
from gateway.store import partners as kept_partners
from keys import card
from keys.trust import Trust

commands = typer.Typer()


@commands.command()
def init(
    authority: Annotated[str, typer.Option(help="Our DfE code, such as 333.")],
    name: Annotated[str, typer.Option(help="Our name, such as Sandwell.")],
    home: Home = DEFAULT_HOME,
    host: Annotated[str, typer.Option(help="The address or name under which partners reach us.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8443,
    telephone: str = "",
    email: str = "",
    passphrase_file: Annotated[
        Path | None, typer.Option(help="A secret file; without it one is made in the home folder.")
    ] = None,
    store_url: Annotated[
        str,
        typer.Option(help="Such as postgresql+psycopg://gateway@store/gateway; SQLite in the home folder without it."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Make a gateway: settings, keys, certificate, card and database."""
    config = app.create(
        home,
        code=authority,
        name=name,
        host=host,
        port=port,
        telephone=telephone,
        email=email,
        passphrase_file=passphrase_file,
        store_url=store_url,
    )
    ours = card.read((home / app.CARD_FILE).read_text("ascii"))
    value = {
        "home": str(home),
        "authority": authority,
        "fingerprint": card.fingerprint(ours),
        "card": str(home / app.CARD_FILE),
    }
    answer(
        as_json,
        value,
        lambda: (
            f"[green]The gateway of {escape(config.authority.name)} ({authority}) is in {escape(str(home))}.[/green]\n"
            f"Our card's fingerprint: [bold]{value['fingerprint']}[/bold]\n"
            f"Next: send {value['card']} to a partner, read the fingerprint to each other by telephone, then\n"
            "      cme-gateway partner add THEIR-CARD   and   cme-gateway serve"
        ),
    )


@commands.command()
def serve(
    home: Home = DEFAULT_HOME,
    with_parent: Annotated[bool, typer.Option(hidden=True, help="Stop when standard input ends.")] = False,
) -> None:
    """Run the gateway until it is told to stop."""
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
    picture: Annotated[Path | None, typer.Option(help="Draw what was shown into this SVG file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Two authorities exchange notices about invented children, before your eyes."""
    width = 90 if picture else None
    shown = Console(
        quiet=as_json, highlight=False, record=bool(picture), width=width, force_terminal=True if picture else None
    )
    asyncio.run(run_demo(folder, keep=keep, out=shown))
    if picture:
        drawn = shown.export_svg(title="make demo")
        picture.write_text(
            re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
        )  # nothing is fetched from elsewhere
    if as_json:
        print(json.dumps({"demo": "done", "folder": str(folder)}))


@commands.command()
def doctor(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Check what must hold for the gateway to do its work."""
    with opened(home) as here:
        now = here.now()
        card_days = (here.own_card.expires_at - now).days
        verdict = here.store.look(lambda tx: audit.verify(tx, Trust({here.code: here.own_card}), here.code))
        oldest = here.store.look(outbox.oldest_open)
        checks = [
            ("settings, keys and database", "ok", "they open"),
            ("our card", "ok" if card_days > 30 else "warn", f"expires in {card_days} days"),
            (
                "card and keys",
                "ok" if here.card_has_our_keys() else "fail",
                "they agree" if here.card_has_our_keys() else "the card lacks our newest keys: cme-gateway card renew",
            ),
            (
                "partners",
                "ok" if here.store.look(kept_partners.serials) else "warn",
                f"{len(here.store.look(kept_partners.serials))} confirmed",
            ),
            (
                "oldest undelivered notice",
                "ok" if oldest is None or (now - oldest).total_seconds() < 3600 else "warn",
                (oldest and when(oldest)) or "none",
            ),
            (
                "audit log",
                "fail" if verdict.faults else "ok",
                " ".join(verdict.faults) or f"{verdict.size} entries, whole",
            ),
        ]
    value = [{"check": name, "result": result, "detail": detail} for name, result, detail in checks]
    answer(as_json, {"checks": value}, lambda: table("Doctor", ("Check", "Result", "Detail"), checks))
    if any(result == "fail" for _, result, _ in checks):
        raise typer.Exit(1)
