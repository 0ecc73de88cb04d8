"""Commands on connected systems, which can use the API."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.markup import escape

from gateway.case_systems import clients, webhooks
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Home,
    build_table,
    format_moment,
    get_user_name,
    open_gateway,
    print_answer,
)
from gateway.core import labels
from gateway.core.permissions import Scope

Name = Annotated[str, typer.Argument(help="The id of the system, such as one-sandwell.")]
Scopes = Annotated[list[Scope], typer.Option("--scope", help="A permission. Can be repeated.")]

commands = typer.Typer(no_args_is_help=True, help="Connected systems that can use the API.")


@commands.command("list")
def api_list(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """List connected systems and their permissions."""
    with open_gateway(home) as gw:
        systems = clients.list_clients(gw)
    value = [{"id": c.id, "name": c.name, "scopes": sorted(c.scopes), "active": c.active} for c in systems]
    rows = [(c.id, c.name, _name_scopes(c.scopes), "Active" if c.active else "Removed") for c in systems]
    print_answer(
        as_json,
        {"clients": value},
        lambda: build_table(
            "Connected systems", ("System", "Name", "Permissions", "Status"), rows, empty="No connected systems."
        ),
    )


def _name_scopes(scopes: Iterable[str]) -> str:
    """Name each permission, with the word that --scope takes."""
    return "\n".join(f"{labels.explain_scope(scope)[0]} ({scope})" for scope in sorted(scopes))


@commands.command("add")
def api_add(
    name: Name,
    called: Annotated[str, typer.Argument(help="The name that people see.")],
    scope: Scopes,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Add a connected system and show its secret once."""
    with open_gateway(home) as gw:
        secret = clients.add_client(gw, name, called, scope, by)
        address = clients.get_token_audience(gw)
    text = (
        f"System added. Token address: {escape(address)}/token\n"
        f"client_id [bold]{escape(name)}[/bold], client_secret [bold]{escape(secret)}[/bold]\n"
        "The secret is not shown again."
    )
    print_answer(as_json, {"client_id": name, "client_secret": secret, "token_url": f"{address}/token"}, lambda: text)


@commands.command("new-secret")
def api_new_secret(name: Name, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Replace a system's secret and show it once."""
    with open_gateway(home) as gw:
        secret = clients.renew_secret(gw, name, by)
    text = (
        f"Secret replaced. client_id [bold]{escape(name)}[/bold], client_secret [bold]{escape(secret)}[/bold]\n"
        "The old secret no longer works. The new one is not shown again."
    )
    print_answer(as_json, {"client_id": name, "client_secret": secret}, lambda: text)


@commands.command("remove")
@commands.command("end", hidden=True)
def api_end(name: Name, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Remove a connected system. It loses access immediately."""
    with open_gateway(home) as gw:
        clients.end_client(gw, name, by)
    print_answer(as_json, {"client_id": name, "active": False}, lambda: f"{escape(name)} removed. It has lost access.")


@commands.command("webhooks")
def api_webhooks(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """List notification addresses and any problems."""
    with open_gateway(home) as gw:
        hooks = webhooks.list_webhooks(gw)
    value = [
        {
            "id": h.id,
            "client": h.client,
            "events": h.events,
            "active": h.active,
            "failing_since": h.failing_since,
            "failed_as": h.failed_as,
        }
        for h in hooks
    ]
    rows = [
        (
            h.id,
            h.client,
            ", ".join(map(labels.name_event, h.events)),
            "Active" if h.active else "Stopped",
            h.failing_since and format_moment(h.failing_since),
            h.failed_as,
        )
        for h in hooks
    ]
    columns = ("Webhook", "System", "Events", "Status", "Failing since", "Problem")
    print_answer(
        as_json,
        {"webhooks": value},
        lambda: build_table("Notification addresses", columns, rows, empty="No notification addresses."),
    )


@commands.command("resume")
def api_resume(
    name: Annotated[str, typer.Argument(help="The id of the webhook, from api webhooks.")],
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Restart stopped notifications. Nothing is skipped."""
    with open_gateway(home) as gw:
        webhooks.resume_webhook(gw, name, by)
    print_answer(as_json, {"webhook": name, "active": True}, lambda: f"Notifications to {escape(name)} restarted.")
