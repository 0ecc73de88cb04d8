"""Commands on users: who can sign in to the console."""

from typing import Annotated

import typer
from rich.markup import escape

from gateway.access import people
from gateway.cli.output import DEFAULT_HOME, AsJson, By, Home, build_table, get_user_name, open_gateway, print_answer
from gateway.core import labels
from gateway.core.permissions import Role

Name = Annotated[str, typer.Argument(help="The email address they sign in with.")]
Roles = Annotated[list[Role], typer.Option("--role", help="A role. Can be repeated.")]

commands = typer.Typer(no_args_is_help=True, help="Who can sign in to the console, and their roles.")


@commands.command("list")
def people_list(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """List users."""
    with open_gateway(home) as gw:
        users = people.list_people(gw)
    value = [
        {"name": p.name, "called": p.called, "roles": sorted(p.roles), "active": p.active, "through": p.through}
        for p in users
    ]
    rows = [
        (
            p.name,
            p.called,
            ", ".join(map(labels.name_role, sorted(p.roles))),
            "Active" if p.active else "Deactivated",
            labels.name_account(p.through),
        )
        for p in users
    ]
    columns = ("User", "Name", "Roles", "Status", "Signs in with")
    print_answer(
        as_json,
        {"people": value},
        lambda: build_table("Users", columns, rows, empty="No users. To add one: cme-gateway users add"),
    )


@commands.command("add")
def people_add(
    name: Name,
    called: Annotated[str, typer.Argument(help="Their name, which other authorities see.")],
    role: Roles,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Add a user and show a one-time password, valid for 3 days."""
    with open_gateway(home) as gw:
        password = people.add_account(gw, name, called, role, by)
        address = gw.config.console_url
    _shown(as_json, name, password, address)


@commands.command("reset")
def people_reset(name: Name, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Give a user a one-time password. Removes their authenticator app."""
    with open_gateway(home) as gw:
        password = people.reset_password(gw, name, by)
        address = gw.config.console_url
    _shown(as_json, name, password, address)


def _shown(as_json: bool, name: str, password: str, address: str) -> None:
    text = (
        f"One-time password of {escape(name)}: [bold]{escape(password)}[/bold]\n"
        f"They sign in at {escape(address)} and choose a password of their own."
    )
    print_answer(as_json, {"name": name, "one_time_password": password}, lambda: text)


@commands.command("roles")
def people_roles(
    name: Name, role: Roles, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False
) -> None:
    """Change a user's roles. They must sign in again."""
    with open_gateway(home) as gw:
        people.set_roles(gw, name, role, by)
    print_answer(
        as_json,
        {"name": name, "roles": sorted(role)},
        lambda: f"Roles of {escape(name)} changed: {', '.join(map(labels.name_role, sorted(role)))}",
    )


@commands.command("deactivate")
@commands.command("end", hidden=True)
def people_end(
    name: Name,
    move_cases_to: Annotated[str, typer.Option(help="The user who gets their cases.")] = "",
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Deactivate a user and sign them out."""
    with open_gateway(home) as gw:
        people.set_active(gw, name, False, by, move_cases_to)
    print_answer(as_json, {"name": name, "active": False}, lambda: f"{escape(name)} deactivated and signed out.")


@commands.command("reactivate")
@commands.command("back", hidden=True)
def people_back(name: Name, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Reactivate a user."""
    with open_gateway(home) as gw:
        people.set_active(gw, name, True, by)
    print_answer(as_json, {"name": name, "active": True}, lambda: f"{escape(name)} reactivated.")
