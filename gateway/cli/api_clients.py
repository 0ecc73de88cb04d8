"""Commands on case systems that may call the API."""

from typing import Annotated

import typer
from rich.markup import escape

from gateway.case_systems import clients, webhooks
from gateway.cli.output import DEFAULT_HOME, AsJson, By, Home, answer, opened, table, when, who
from gateway.core.permissions import Scope
from gateway.store import clients as kept
from gateway.store import webhooks as kept_webhooks

Name = Annotated[str, typer.Argument(help="Its id, such as one-sandwell.")]
Scopes = Annotated[list[Scope], typer.Option("--scope", help="What it may do; may be repeated.")]

commands = typer.Typer(no_args_is_help=True, help="Connected systems that can use the API.")


@commands.command("list")
def api_list(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """List connected systems and their permissions."""
    with opened(home) as here:
        found = here.store.look(kept.every)
    value = [{"id": c.id, "name": c.name, "scopes": sorted(c.scopes), "active": c.active} for c in found]
    rows = [(c.id, c.name, ", ".join(sorted(c.scopes)), "active" if c.active else "ended") for c in found]
    answer(as_json, {"clients": value}, lambda: table("Clients", ("Client", "Called", "Scopes", "State"), rows))


@commands.command("add")
def api_add(
    name: Name,
    called: Annotated[str, typer.Argument(help="What it is called; people read it.")],
    scope: Scopes,
    home: Home = DEFAULT_HOME,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Add a connected system and show its secret once."""
    with opened(home) as here:
        secret = clients.make(here, name, called, scope, by)
        address = clients.audience(here)
    said = f"At {escape(address)}/token: client_id [bold]{escape(name)}[/bold], client_secret [bold]{escape(secret)}[/bold]"
    answer(as_json, {"client_id": name, "client_secret": secret, "token_url": f"{address}/token"}, lambda: said)


@commands.command("new-secret")
def api_new_secret(name: Name, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """Replace a system's secret and show it once."""
    with opened(home) as here:
        secret = clients.renew(here, name, by)
    said = f"client_id [bold]{escape(name)}[/bold], client_secret [bold]{escape(secret)}[/bold]"
    answer(as_json, {"client_id": name, "client_secret": secret}, lambda: said)


@commands.command("remove")
@commands.command("end", hidden=True)
def api_end(name: Name, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """Remove a connected system. It loses access immediately."""
    with opened(home) as here:
        clients.end(here, name, by)
    answer(as_json, {"client_id": name, "active": False}, lambda: f"{escape(name)} is let in no more.")


@commands.command("webhooks")
def api_webhooks(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """List notification addresses and any problems."""
    with opened(home) as here:
        found = here.store.look(kept_webhooks.every)
    value = [
        {
            "id": h.id,
            "client": h.client,
            "events": h.events,
            "active": h.active,
            "failing_since": h.failing_since,
            "failed_as": h.failed_as,
        }
        for h in found
    ]
    rows = [
        (
            h.id,
            h.client,
            ", ".join(h.events),
            "active" if h.active else "given up",
            h.failing_since and when(h.failing_since),
            h.failed_as,
        )
        for h in found
    ]
    columns = ("Webhook", "Client", "Events", "State", "Failing since", "As")
    answer(as_json, {"webhooks": value}, lambda: table("Webhooks", columns, rows))


@commands.command("resume")
def api_resume(
    name: Annotated[str, typer.Argument(help="As `api webhooks` shows it.")],
    home: Home = DEFAULT_HOME,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Restart stopped notifications. Nothing is skipped."""
    with opened(home) as here:
        webhooks.resume(here, name, by)
    answer(as_json, {"webhook": name, "active": True}, lambda: f"{escape(name)} goes on.")
