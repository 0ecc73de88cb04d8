"""A group of commands whose modules are imported when one of their commands is run, so that help comes at once.

What `--help` and the completion of a shell show stands in a table. A test holds it against the commands themselves.
"""

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer._click.core import Command as ClickCommand
from typer._click.core import Context
from typer._click.exceptions import UsageError
from typer._click.formatting import HelpFormatter
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class CommandRow:
    """One command, or one group of commands, of the top level."""

    name: str
    # The module of `gateway.cli` that has it; after a colon which Typer application there, where it is not `commands`.
    place: str
    summary: str
    panel: str
    is_group: bool = False
    # Names of version 0.1: they still work, and are not listed.
    old_names: tuple[str, ...] = ()
    is_hidden: bool = False


class ListedGroup(TyperGroup):
    """Suggests listed names only for a command that does not exist: hidden ones are for scripts that have them."""

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, ClickCommand | None, list[str]]:
        """Find which command is meant. Raises UsageError, with the listed names that are like it."""
        self.suggest_commands = False
        try:
            return super().resolve_command(ctx, args)
        except UsageError as why:
            listed = [name for name, command in self.commands.items() if not command.hidden]
            if alike := get_close_matches(args[0], listed):
                why.message += f" Did you mean {', '.join(map(repr, alike))}?"
            raise


class LazyGroup(ListedGroup):
    """Lists the commands of `rows` without importing them. A subclass sets `rows`."""

    rows: ClassVar[Sequence[CommandRow]] = ()

    def __init__(self, **settings: Any) -> None:
        """Take what Typer passes to any group."""
        super().__init__(**settings)
        for row in self.rows:
            for name in (row.name, *row.old_names):
                hidden = row.is_hidden or name != row.name
                self.commands[name] = TyperCommand(name, help=row.summary, rich_help_panel=row.panel, hidden=hidden)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """List the commands under the heading of their panel."""
        panels = dict.fromkeys(row.panel for row in self.rows if not row.is_hidden)
        width = max(len(row.name) for row in self.rows)
        for panel in panels:
            with formatter.section(panel):
                rows = [row for row in self.rows if row.panel == panel and not row.is_hidden]
                formatter.write_dl([(row.name.ljust(width), row.summary) for row in rows])

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, ClickCommand | None, list[str]]:
        """Find which command is meant, and import it."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if name and listed else listed, rest

    def load(self, name: str) -> ClickCommand:
        """Import a command or a group by a name that it has, or had. Raises KeyError where there is none."""
        row = {known: row for row in self.rows for known in (row.name, *row.old_names)}[name]
        module, _, attribute = row.place.partition(":")
        # Of what is loaded nothing is garbage, and looking for it takes a tenth of the time.
        gc.disable()
        application: typer.Typer = getattr(import_module(f"gateway.cli.{module}"), attribute or "commands")
        gc.enable()
        application.info.cls = ListedGroup
        group = typer.main.get_group(application)
        group.rich_markup_mode = None
        for command in group.commands.values():
            assert isinstance(command, TyperCommand)  # noqa: S101 - Typer makes no others of functions
            command.rich_markup_mode = None
        if row.is_group:
            group.name = name
            return group
        return group.commands[name]
