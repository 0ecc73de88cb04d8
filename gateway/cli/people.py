"""Commands on who may sign in at the console."""

from typing import Annotated

import typer
from rich.markup import escape

from gateway.access import people
from gateway.cli.output import DEFAULT_HOME, AsJson, By, Home, answer, opened, table, who
from gateway.core.permissions import Role
from gateway.store import people as kept

Name = Annotated[str, typer.Argument(help="With which they sign in: their mail address.")]
Roles = Annotated[list[Role], typer.Option("--role", help="What they may do; may be repeated.")]

commands = typer.Typer(no_args_is_help=True, help="Who may sign in at the console, and as what.")


@commands.command("list")
def people_list(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Everybody who may sign in."""
    with opened(home) as here:
        found = here.store.look(kept.every)
    value = [
        {"name": p.name, "called": p.called, "roles": sorted(p.roles), "active": p.active, "through": p.through}
        for p in found
    ]
    rows = [(p.name, p.called, ", ".join(sorted(p.roles)), "active" if p.active else "ended", p.through) for p in found]
    columns = ("Name", "Called", "Roles", "State", "Through")
    answer(as_json, {"people": value}, lambda: table("People", columns, rows))


@commands.command("add")
def people_add(
    name: Name,
    called: Annotated[str, typer.Argument(help="Their name; other authorities see it.")],
    role: Roles,
    home: Home = DEFAULT_HOME,
    by: By = who(),
    as_json: AsJson = False,
) -> None:
    """Make an account, and show its one-time password, which counts for three days."""
    with opened(home) as here:
        password = people.make(here, name, called, role, by)
        address = here.config.console_url
    _shown(as_json, name, password, address)


@commands.command("reset")
def people_reset(name: Name, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """Give somebody who is locked out a new one-time password; a second factor is taken away."""
    with opened(home) as here:
        password = people.reset(here, name, by)
        address = here.config.console_url
    _shown(as_json, name, password, address)


def _shown(as_json: bool, name: str, password: str, address: str) -> None:
    said = (
        f"{escape(name)} signs in once at {escape(address)} with [bold]{escape(password)}[/bold], and chooses another."
    )
    answer(as_json, {"name": name, "one_time_password": password}, lambda: said)


@commands.command("roles")
def people_roles(name: Name, role: Roles, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """Give somebody other roles. Whoever is signed in signs in again."""
    with opened(home) as here:
        people.set_roles(here, name, role, by)
    answer(as_json, {"name": name, "roles": sorted(role)}, lambda: f"{escape(name)} is now: {', '.join(sorted(role))}")


@commands.command("end")
def people_end(name: Name, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """Somebody leaves: they cannot sign in any more, and are signed out now."""
    with opened(home) as here:
        people.set_active(here, name, False, by)
    answer(as_json, {"name": name, "active": False}, lambda: f"{escape(name)} cannot sign in any more.")


@commands.command("back")
def people_back(name: Name, home: Home = DEFAULT_HOME, by: By = who(), as_json: AsJson = False) -> None:
    """Somebody is back."""
    with opened(home) as here:
        people.set_active(here, name, True, by)
    answer(as_json, {"name": name, "active": True}, lambda: f"{escape(name)} may sign in again.")
