"""Commands on the directory of a scheme: of a member, who joins and fetches it, and of its keeper."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.markup import escape

from adapters.route import NotReached
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Home,
    build_table,
    count_authorities,
    err,
    format_moment,
    get_user_name,
    open_gateway,
    print_answer,
    read_bytes,
    run_with_carriers,
)
from gateway.context import Gateway
from gateway.core import labels
from gateway.directories import join, keeper, overview, rounds, succession, take
from gateway.directories.join import OfferedDirectory
from gateway.directories.take import DirectoryChanges
from gateway.errors import NotFound, Unusable
from keys.certificate_files import decode_text
from keys.directory import MAX_DIRECTORY_BYTES, MemberStatus

T = TypeVar("T")

directory_commands = typer.Typer(no_args_is_help=True, help="The directory of a region or the nation.")

Scheme = Annotated[str, typer.Argument(help="The name of the scheme, such as west-midlands.")]
OfMember = Annotated[str, typer.Argument(help="The DfE code of the member.")]


@directory_commands.command("join")
def directory_join(
    url: Annotated[str | None, typer.Argument(help="The address of the directory, from its keeper.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="The directory as a file.")] = None,
    fingerprint: Annotated[
        str | None, typer.Option(help="For scripts: the fingerprint that the keeper read out.")
    ] = None,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="The keeper lost the old key: confirm the new fingerprint by phone.")
    ] = False,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Join a scheme after you confirm its fingerprint with the keeper by phone. All its members become partners."""
    if url is None and file is None:
        raise typer.BadParameter("Give the address of the directory, or name a file with --file.")
    with open_gateway(home) as gw:
        if file:
            text = _read_directory_file(file)
        else:
            text = _run_over_https(gw, lambda: rounds.fetch_text(gw, url or ""), url or "")
        offered = join.read_offered_directory(gw, text, new_key=new_key)
        told = fingerprint if fingerprint is not None else _ask_fingerprint(offered)
        changes = join.join_directory(gw, offered, told, url, by=by)
    _show_directory_changes(changes, offered.directory.scheme, as_json)


def _ask_fingerprint(offered: OfferedDirectory) -> str:
    """Have the digits typed that the keeper reads out: they are not shown before, so that nobody only says yes."""
    whose = f"{escape(offered.directory.name)} ({offered.directory.scheme})"
    err.print(f"{whose}, number {offered.directory.version}: {count_authorities(len(offered.directory.members))}.")
    err.print("Call the keeper on a number you know. Ask them to read out the fingerprint.")
    return _ask_digits()


def _ask_digits() -> str:
    """Have the digits typed that somebody reads out; none where whoever is asked gives up."""
    try:
        return str(typer.prompt("Fingerprint", default="", show_default=False, err=True))
    except typer.Abort:
        return ""


@directory_commands.command("fetch")
def directory_fetch(
    scheme: Scheme,
    file: Annotated[Path | None, typer.Option("--file", help="The directory as a file.")] = None,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Fetch the newest directory of a scheme now. The gateway also does this by itself."""
    with open_gateway(home) as gw:
        if file:
            changes = succession.take_and_follow(gw, _read_directory_file(file), scheme)
        else:
            changes = _run_over_https(gw, lambda: rounds.fetch_directory(gw, scheme), scheme)
    _show_directory_changes(changes, scheme, as_json)


@directory_commands.command("leave")
def directory_leave(
    scheme: Scheme, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False
) -> None:
    """Leave a scheme. The partners that you have by its directory stay, and it changes them no more."""
    with open_gateway(home) as gw:
        count = join.leave_directory(gw, scheme, by=by)
    done = f"You have left {scheme}. Partners by its directory that stay: {count}."
    if count:
        done += (
            "\nConfirm each by phone with `cme-gateway partner add`, or remove it with `cme-gateway partner remove`."
        )
    print_answer(as_json, {"left": scheme, "partners": count}, lambda: done)


@directory_commands.command("verify")
def directory_verify(
    file: Annotated[Path, typer.Argument(help="A directory as a file.")],
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Check a directory without taking it: its signatures, its dates, and that it continues the one held here."""
    with open_gateway(home) as gw:
        checked = take.check_directory(gw, _read_directory_file(file))
    there = checked.directory
    value = {
        "scheme": there.scheme,
        "version": there.version,
        "digest": checked.digest,
        "fingerprint": checked.fingerprint,
        "expires": there.expires_at,
        "members": len(there.members),
        "joined": checked.is_joined,
    }
    joined = "It continues the one that is held here." if checked.is_joined else "This scheme was not joined."
    print_answer(
        as_json,
        value,
        lambda: (
            f"[green]Number {there.version} of {escape(there.name)} ({there.scheme}) is whole.[/green] {joined}\n"
            f"Members:     {len(there.members)}\nExpires:     {format_moment(there.expires_at)}\n"
            f"Fingerprint: {checked.fingerprint}\nSHA-256:     {checked.digest}"
        ),
    )


@directory_commands.command("status")
def directory_status(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Show the directories that this gateway joined, and the one that it keeps."""
    with open_gateway(home) as gw:
        joined = overview.list_directory_statuses(gw)
        try:
            own = keeper.describe_kept(gw)
        except NotFound:
            own = None
    value = {
        "joined": [
            asdict(it.joined)
            | {"history": it.joined.history.split("\n"), "fingerprint": it.fingerprint}
            | {"members": [asdict(member) for member in it.members], "forks": [asdict(fork) for fork in it.forks]}
            for it in joined
        ],
        "kept": own
        and {"scheme": own.draft.scheme, "fingerprint": own.fingerprint, "url": own.url}
        | {"members": [{"authority": it.authority, "status": it.status} for it in own.draft.members]},
    }
    rows = [
        (
            it.joined.scheme,
            f"{it.joined.name}\n  {it.fingerprint}",
            str(it.joined.version),
            f"{it.joined.expires_at:%d %b %Y}",
            str(len(it.members)),
            "\n".join(
                [it.joined.trouble or "", it.joined.refused or "", *(["The keeper signed two."] if it.forks else [])]
            ).strip(),
        )
        for it in joined
    ]
    print_answer(
        as_json,
        value,
        lambda: build_table(
            "Directories",
            ("Scheme", "Name and fingerprint", "Number", "Expires", "Members", "Trouble"),
            rows,
            empty="No directory was joined. To join one: cme-gateway directory join",
        ),
    )
    if own and not as_json:
        shown = f"Kept here: {own.draft.scheme}. Fingerprint to read out: {own.fingerprint}"
        err.print(escape(f"{shown}\nAddress for members: {own.url}"), soft_wrap=True)


@directory_commands.command("create")
def directory_create(
    scheme: Scheme,
    name: Annotated[str, typer.Argument(help="The name for people, such as West Midlands.")],
    days: Annotated[int, typer.Option(help="For how many days each version is valid.")] = 90,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Keeper: set up the directory of a scheme, with its key."""
    with open_gateway(home) as gw:
        made = keeper.create_kept_directory(gw, scheme, name, days, by=by)
    value = {"scheme": scheme, "fingerprint": made.fingerprint, "url": made.url}
    print_answer(
        as_json,
        value,
        lambda: (
            f"[green]You keep the directory of {scheme}.[/green]\nFingerprint: {made.fingerprint}\n"
            f"Address:     {escape(made.url)}\nBack up the home folder now: it has the key of the scheme."
        ),
    )


@directory_commands.command("add")
def directory_add(
    card_file: Annotated[Path, typer.Argument(help="The card file from the authority.")],
    fingerprint: Annotated[str | None, typer.Option(help="For scripts: the fingerprint that they read out.")] = None,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Keeper: add a member, or a member's new card, after you confirm its fingerprint by phone."""
    with open_gateway(home) as gw:
        offered = keeper.read_offered_member(gw, decode_text(read_bytes(card_file)))
        whose = f"{escape(offered.card.name)} ({offered.card.authority})"
        told = fingerprint or ""
        if fingerprint is None and not offered.is_confirmed:
            err.print(f"{whose}\nCall them on a number you know. Ask them to read out the fingerprint of their card.")
            told = _ask_digits()
        keeper.add_kept_member(gw, offered, told, by=by)
    done = f"[green]{whose} is in the directory from the next number on.[/green]"
    print_answer(as_json, {"authority": offered.card.authority, "serial": offered.card.serial}, lambda: done)


@directory_commands.command("suspend")
def directory_suspend(
    authority: OfMember, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False
) -> None:
    """Keeper: suspend a member. Its partners stop exchange with it when they take the next number."""
    with open_gateway(home) as gw:
        keeper.set_status(gw, authority, "suspended", by=by)
    _show_status(authority, "suspended", as_json)


@directory_commands.command("resume")
def directory_resume(
    authority: OfMember, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False
) -> None:
    """Keeper: end a member's suspension."""
    with open_gateway(home) as gw:
        keeper.set_status(gw, authority, "active", by=by)
    _show_status(authority, "active", as_json)


@directory_commands.command("end")
def directory_end(
    authority: OfMember,
    successor: Annotated[str | None, typer.Option(help="The DfE code of the authority that follows it.")] = None,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Keeper: record that an authority no longer exists, and which one follows it."""
    with open_gateway(home) as gw:
        keeper.set_status(gw, authority, "ended", successor, by=by)
    _show_status(authority, "ended", as_json, successor)


def _show_status(authority: str, status: MemberStatus, as_json: bool, successor: str | None = None) -> None:
    value = {"authority": authority, "status": status, "successor": successor}
    whom = labels.name_authority_in_full(authority)
    print_answer(as_json, value, lambda: f"[green]{whom}: {status}, from the next number on.[/green]")


@directory_commands.command("build")
def directory_build(home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Keeper: build the next number, with each member's newest card, and show what changes."""
    with open_gateway(home) as gw:
        version, changed = keeper.build_directory(gw, by=by)
    lines = "\n".join(f"  {line}" for line in changed) or "  Nothing but its dates."
    print_answer(
        as_json,
        {"version": version, "changes": changed},
        lambda: f"Number {version} is built:\n{escape(lines)}\nTo sign it: cme-gateway directory sign",
    )


@directory_commands.command("sign")
def directory_sign(home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Keeper: sign what was built."""
    with open_gateway(home) as gw:
        version, digest = keeper.sign_directory(gw, by=by)
    done = (
        f"[green]Number {version} is signed.[/green]\nSHA-256: {digest}\nTo publish it: cme-gateway directory publish"
    )
    print_answer(as_json, {"version": version, "digest": digest}, lambda: done)


@directory_commands.command("publish")
def directory_publish(
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Also write it into this folder of a web server.")
    ] = None,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Keeper: publish what was signed. Members fetch it by themselves."""
    with open_gateway(home) as gw:
        version, digest = keeper.publish_directory(gw, folder, by=by)
        url = keeper.describe_kept(gw).url
    value = {"version": version, "digest": digest, "url": url}
    print_answer(as_json, value, lambda: f"[green]Number {version} is published.[/green]\n{escape(url)}")


@directory_commands.command("rotate-key")
def directory_rotate_key(home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Keeper: replace the key of the scheme. Members need no call: the old key vouches for the new one."""
    with open_gateway(home) as gw:
        shown = keeper.rotate_directory_key(gw, by=by)
    done = (
        f"[green]The scheme has a new key.[/green]\nFingerprint: {shown}\n"
        "Build, sign and publish the directory now. Back up the home folder."
    )
    print_answer(as_json, {"fingerprint": shown}, lambda: done)


def _read_directory_file(file: Path) -> str:
    return decode_text(read_bytes(file, MAX_DIRECTORY_BYTES))


def _run_over_https(gw: Gateway, work: Callable[[], Awaitable[T]], scheme: str) -> T:
    """Do something over HTTPS. Raises Unusable where nothing came."""
    try:
        return run_with_carriers(gw, work)
    except NotReached as why:
        raise Unusable("directory.not-fetched", scheme=scheme, why=why) from None


def _show_directory_changes(changes: DirectoryChanges, scheme: str, as_json: bool) -> None:
    rows = [
        f"{title}: {', '.join(map(labels.name_authority_in_full, codes))}"
        for title, codes in (
            ("Not as the directory has it", list(changes.conflicts)),
            ("Suspended", changes.suspended),
            ("No longer suspended", changes.resumed),
        )
        if codes
    ]
    head = f"[green]Number {changes.version} of {scheme}: {count_authorities(len(changes.added))} added.[/green]"
    same = f"You already have the newest directory of {scheme}: number {changes.version}."
    see = ["See `cme-gateway doctor` for what to do."] if changes.conflicts else []
    text = "\n".join([head, *map(escape, rows), *see]) if changes.is_taken else same
    print_answer(as_json, asdict(changes) | {"scheme": scheme}, lambda: text)
