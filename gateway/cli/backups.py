"""Commands that make, check and restore backups."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from gateway.backups.archive import read_passphrase
from gateway.backups.make import Backup, check_backup, make_backup
from gateway.backups.restore import RestoreTarget, restore_backup
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Home,
    count_of,
    err,
    format_moment,
    get_user_name,
    open_gateway,
    print_answer,
)
from gateway.core import labels
from gateway.retention import purge
from gateway.settings.rules import STORE_URL

PassphraseFile = Annotated[
    Path, typer.Option("--passphrase-file", help="The file with the recovery passphrase. Keep it apart from backups.")
]

commands = typer.Typer()
backup_commands = typer.Typer(no_args_is_help=True, help="Make and check backups.")


def _store(url: str) -> str:
    if url and not STORE_URL.match(url):
        raise typer.BadParameter("Give an address that begins with postgresql+psycopg:// or sqlite:///.")
    return url


@backup_commands.command("create")
def backup_create(
    to: Annotated[Path, typer.Argument(help="A new file, or a folder for backups.")],
    passphrase_file: PassphraseFile,
    keep: Annotated[
        int, typer.Option(min=0, help="How many backups to keep in the folder. Older ones are deleted. 0 keeps all.")
    ] = 0,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Back up the home folder and the database into one encrypted file. The gateway may be running."""
    if keep and not to.is_dir():
        raise typer.BadParameter("Give a folder with --keep.", param_hint="--keep")
    with open_gateway(home) as gw:
        made = make_backup(gw, to, read_passphrase(passphrase_file), by=by, keep=keep)
    if made.left_out:
        err.print(
            f"[yellow]Not in the backup, because they are links: {escape(', '.join(made.left_out))}.[/yellow]",
            soft_wrap=True,
        )
    value = _describe_backup(made.backup) | {
        "deleted": [str(path) for path in made.deleted],
        "left_out": list(made.left_out),
    }
    deleted = f"\nDeleted: {count_of(len(made.deleted), 'older backup')}." if made.deleted else ""
    print_answer(
        as_json,
        value,
        lambda: f"[green]Backup made and checked: {escape(str(made.backup.file))}[/green]{escape(deleted)}",
    )


@backup_commands.command("verify")
def backup_verify(file: Path, passphrase_file: PassphraseFile, as_json: AsJson = False) -> None:
    """Check every byte of a backup. Nothing is written, and no gateway is needed."""
    checked = check_backup(file, read_passphrase(passphrase_file))
    print_answer(
        as_json,
        _describe_backup(checked),
        lambda: f"[green]The backup is whole.[/green] {_say_whose(checked)}",
    )


@commands.command("restore")
def restore_command(
    file: Annotated[Path, typer.Argument(help="The backup.")],
    passphrase_file: PassphraseFile,
    home: Home = DEFAULT_HOME,
    store_url: Annotated[
        str,
        typer.Option(callback=_store, help="An empty database to restore into. Default: the one in the settings."),
    ] = "",
    authority: Annotated[
        str, typer.Option(help="Your DfE code. A backup of any other authority is then refused.")
    ] = "",
    purges: Annotated[
        bool,
        typer.Option(
            "--purge/--no-purge",
            help="Delete again what was due. Not where a legal hold was made since the backup: make it again first.",
        ),
    ] = True,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Restore a backup into a new home folder and an empty database, and delete again what was due."""
    target = RestoreTarget(home, store_url, authority)
    restored = restore_backup(file, read_passphrase(passphrase_file), target, by=by)
    purged = 0
    if purges:
        with open_gateway(home) as gw:
            purged = purge.run_purge(gw, by).cases
    print_answer(
        as_json,
        _describe_backup(restored) | {"home": str(home), "purged": purged},
        lambda: (
            f"[green]Restored into {escape(str(home))}.[/green] {_say_whose(restored)}\n"
            f"Deleted again, because it was due: {count_of(purged, 'case')}.\n"
            "Next: 1. Run the gateway: cme-gateway serve\n"
            f"      2. For each partner: cme-gateway compare CODE --since {restored.header.made_at:%Y-%m-%d}\n"
            "      3. Tell your partners, and the suppliers of connected systems, the day of the backup."
        ),
    )


def _say_whose(backup: Backup) -> str:
    header = backup.header
    return (
        f"Made by {labels.name_authority_in_full(header.authority)} on {format_moment(header.made_at)},"
        f" {count_of(backup.files, 'file')} and the database."
    )


def _describe_backup(backup: Backup) -> dict[str, object]:
    header = backup.header
    return {
        "file": str(backup.file),
        "authority": header.authority,
        "made_at": header.made_at,
        "database": header.database,
        "revision": header.revision,
        "files": backup.files,
        "sha256": backup.sha256,
    }
