"""The operator's commands: arguments to flow to text, or to one JSON object with `--json`.

stdout is what was asked for, stderr is talk. Exit codes: 0 done, 1 failed, 2 wrong usage, 4 not found, 5 refused,
75 try later, 78 a setting is wrong.
"""

import asyncio
import getpass
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from secrets import token_bytes
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from gateway import amend, app, audit, logs, partners, respond
from gateway.authority import Authority
from gateway.core.delivery import State
from gateway.demo import run_demo
from gateway.errors import GatewayError, Unusable
from gateway.send import prepare, queue
from gateway.store import inbox, log, outbox
from gateway.store import partners as kept_partners
from keys import card
from keys.card import Card
from keys.errors import Refusal
from keys.trust import Trust
from schemas import xml
from schemas.findings import Finding
from schemas.identifiers import uuid7
from schemas.message import Acknowledgement, Message, Officer, Outcome, Withdrawal

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Exchange Children Missing Education notices between local authorities.",
)
partner_cli = typer.Typer(no_args_is_help=True, help="The authorities that we exchange with.")
audit_cli = typer.Typer(no_args_is_help=True, help="The audit log: search it, export it, prove that it is whole.")
card_cli = typer.Typer(no_args_is_help=True, help="Our own card: what partners know of us.")
keys_cli = typer.Typer(no_args_is_help=True, help="Our signing and sealing keys.")
cli.add_typer(partner_cli, name="partner")
cli.add_typer(card_cli, name="card")
cli.add_typer(keys_cli, name="keys")
cli.add_typer(audit_cli, name="audit")
out, err = Console(highlight=False), Console(stderr=True, highlight=False)

DEFAULT_HOME = Path.home() / ".cme-gateway"
Home = Annotated[Path, typer.Option("--home", envvar="CME_GATEWAY_HOME", help="The gateway's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")]
By = Annotated[str, typer.Option("--by", help="Who does this; it stands in the audit log.")]
LONG = 20_000  # entries: a second or so
MAX_FILES = 10_000  # in one call of send


def main() -> None:
    """The entry point: every refusal is one sentence, its code, and what to do next."""
    logs.configure()
    try:
        cli()
    except GatewayError as why:
        _say(why.sentence, why.code, why.next_step, why.exit_code)
    except Refusal as why:
        _say(why.sentence, why.code, why.next_step, 5)
    except BrokenPipeError:
        os._exit(1)  # whoever read our output has gone
    except Exception as why:  # noqa: BLE001 - the last line before a person
        logs.failed("command", why)
        _say("Something went wrong that should not have.", "internal", "Please report it, with the line above.", 1)


def _say(sentence: str, code: str, next_step: str, exit_code: int) -> None:
    if "--json" in sys.argv:
        print(json.dumps({"error": {"code": code, "sentence": sentence, "next": next_step}}))
    err.print(f"[red]{sentence}[/red] [dim]({code})[/dim]\n{next_step}", soft_wrap=True)
    sys.exit(exit_code)


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


@contextmanager
def _opened(home: Path) -> Iterator[Authority]:
    here = app.open_authority(home)
    try:
        yield here
    finally:
        here.store.close()


def _show(as_json: bool, value: object, text: Callable[[], object]) -> None:
    if as_json:
        print(json.dumps(value, default=str, ensure_ascii=False))
    else:
        out.print(text(), soft_wrap=True)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table | str:
    if not rows:
        return f"{title}: nothing."
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column in ("Id", "When"))
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    return table


def _when(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


@cli.command()
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
    _show(
        as_json,
        value,
        lambda: (
            f"[green]The gateway of {config.authority.name} ({authority}) is in {home}.[/green]\n"
            f"Our card's fingerprint: [bold]{value['fingerprint']}[/bold]\n"
            f"Next: send {value['card']} to a partner, read the fingerprint to each other by telephone, then\n"
            "      cme-gateway partner add THEIR-CARD   and   cme-gateway serve"
        ),
    )


@cli.command()
def serve(
    home: Home = DEFAULT_HOME,
    with_parent: Annotated[bool, typer.Option(hidden=True, help="Stop when standard input ends.")] = False,
) -> None:
    """Run the gateway until it is told to stop."""
    with _opened(home) as here:
        asyncio.run(_serve(here, with_parent))


async def _serve(here: Authority, with_parent: bool) -> None:
    stop = asyncio.Event()
    if with_parent:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
    await app.serve(here, until=stop)


@cli.command()
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


@cli.command()
def doctor(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Check what must hold for the gateway to do its work."""
    with _opened(home) as here:
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
                (oldest and _when(oldest)) or "none",
            ),
            (
                "audit log",
                "fail" if verdict.faults else "ok",
                " ".join(verdict.faults) or f"{verdict.size} entries, whole",
            ),
        ]
    value = [{"check": name, "result": result, "detail": detail} for name, result, detail in checks]
    _show(as_json, {"checks": value}, lambda: _table("Doctor", ("Check", "Result", "Detail"), checks))
    if any(result == "fail" for _, result, _ in checks):
        raise typer.Exit(1)


@cli.command()
def validate(file: Path, as_json: AsJson = False) -> None:
    """Check a message file and list every problem with its line, element and a sentence."""
    message, findings = xml.inspect(_bytes(file), today=datetime.now(UTC).date())
    value = {"file": str(file), "kind": message and message.kind, "problems": [asdict(finding) for finding in findings]}
    _show(as_json, value, lambda: _problems(file, findings))
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


def _problems(file: Path, findings: Sequence[Finding]) -> Table | str:
    rows = [(f.line, f.level, f.element.removeprefix("Message/"), f.sentence, f.code) for f in findings]
    return (
        _table(str(file), ("Line", "Level", "Element", "What is wrong", "Code"), rows)
        if rows
        else f"[green]{file}: nothing is wrong.[/green]"
    )


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(xml.MAX_BYTES + 1)
    except OSError as why:
        raise Unusable(
            "file.unreadable", f"{file} cannot be read ({why.strerror}).", "Check the name and its rights."
        ) from None


def _message(file: Path) -> Message:
    try:
        return xml.read(_bytes(file))
    except xml.Unreadable as why:
        raise Unusable(
            why.code, f"{file}: {why.problems[0].sentence}", f"See every problem: cme-gateway validate {file}"
        ) from None


@cli.command()
def send(
    files: list[Path],
    home: Home = DEFAULT_HOME,
    new_id: Annotated[bool, typer.Option("--new-id", help="Give each a fresh MessageId and the time now.")] = False,
    by: By = _who(),
    as_json: AsJson = False,
) -> None:
    """Sign, seal and queue messages; `serve` delivers them."""
    with _opened(home) as here:
        ready = []
        for file in track(files[:MAX_FILES], "Sealing", console=err, disable=len(files) < 20 or not err.is_terminal):
            message = _message(file)
            if new_id:
                now = here.now()
                head = replace(message.header, message_id=uuid7(now, token_bytes(10)), created_at=now)
                message = replace(message, header=head)
            ready.append(prepare(here, message, by))
        here.store.run(lambda tx: queue(tx, here, ready))
    value = [
        {"message_id": one.message_id, "recipient": one.recipient, "kind": one.kind, "state": "queued"} for one in ready
    ]
    _show(
        as_json,
        {"queued": value},
        lambda: "\n".join(f"Queued {v['kind']} to {v['recipient']}: [bold]{v['message_id']}[/bold]" for v in value),
    )


@cli.command()
def correct(message_id: str, file: Path, home: Home = DEFAULT_HOME, by: By = _who(), as_json: AsJson = False) -> None:
    """Send a notice in the place of one of ours that was wrong. It gets its own id, in the same case."""
    with _opened(home) as here:
        new = amend.correct(here, message_id, _message(file), by)
    _show(
        as_json, {"message_id": new, "supersedes": message_id}, lambda: f"Queued: {new}, in the place of {message_id}"
    )


@cli.command()
def withdraw(
    message_id: str,
    reason: Annotated[str, typer.Argument(help="A code of the list withdrawal_reasons, such as sent-in-error.")],
    home: Home = DEFAULT_HOME,
    by: By = _who(),
    as_json: AsJson = False,
) -> None:
    """Take back a notice that we sent."""
    with _opened(home) as here:
        told = amend.withdraw(here, message_id, Withdrawal(reason=reason, officer=_officer(here, by)), by)
    _show(
        as_json,
        {"withdrawn": message_id, "message_id": told},
        lambda: f"Withdrawn; they are told by {told}" if told else "Withdrawn before it left; nobody was told of it.",
    )


@cli.command()
def retry(
    home: Home = DEFAULT_HOME,
    to: Annotated[str | None, typer.Option(help="Only those to this authority.")] = None,
    by: By = _who(),
    as_json: AsJson = False,
) -> None:
    """Try now what waits for a partner, and what was given up."""
    with _opened(home) as here:
        count = amend.release(here, to, by)
    _show(as_json, {"released": count}, lambda: f"{count} will be tried now, if the gateway is running.")


@cli.command("outbox")
def outbox_command(
    home: Home = DEFAULT_HOME,
    state: Annotated[list[State] | None, typer.Option(help="Only those in this state.")] = None,
    to: Annotated[str | None, typer.Option(help="Only those to this authority.")] = None,
    limit: int = 50,
    as_json: AsJson = False,
) -> None:
    """What we sent, and where each stands."""
    with _opened(home) as here:
        found = here.store.look(lambda tx: outbox.search(tx, states=state or (), recipient=to, limit=limit))
    rows = [(d.message_id, _when(d.queued_at), d.recipient, d.kind, d.state.value, d.attempts, d.reason) for d in found]
    columns = ("Id", "When", "To", "Kind", "State", "Tries", "Last reason")
    _show(as_json, {"outbox": [asdict(delivery) for delivery in found]}, lambda: _table("Outbox", columns, rows))


@cli.command("inbox")
def inbox_command(
    home: Home = DEFAULT_HOME,
    state: Annotated[list[inbox.Standing] | None, typer.Option(help="Only those in this state.")] = None,
    sender: Annotated[str | None, typer.Option("--from", help="Only those from this authority.")] = None,
    limit: int = 50,
    as_json: AsJson = False,
) -> None:
    """What came in, and what we made of it. Restricted children are marked, never described."""
    with _opened(home) as here:
        found = here.store.look(lambda tx: inbox.search(tx, here.now(), states=state or (), sender=sender, limit=limit))
        early = here.store.look(lambda tx: {item.message_id for item in found if inbox.missing_before(tx, item)})
    rows = [
        (i.message_id, _when(i.received_at), i.sender, i.kind, i.state.value, i.restriction if i.restriction != "none" else "",
         "an earlier message of this case has not come" if i.message_id in early else "")
        for i in found
    ]  # fmt: skip
    value = [asdict(item) | {"earlier_missing": item.message_id in early} for item in found]
    _show(
        as_json,
        {"inbox": value},
        lambda: _table("Inbox", ("Id", "When", "From", "Kind", "State", "Restricted", "Warning"), rows),
    )


@cli.command()
def show(message_id: str, home: Home = DEFAULT_HOME, by: By = _who(), as_json: AsJson = False) -> None:
    """One message in full, with its history. That it was read is written in the audit log."""
    with _opened(home) as here:
        if here.store.look(lambda tx: outbox.exists(tx, message_id)):
            message = respond.read_outgoing(here, message_id, by)
            stands: object = asdict(here.store.look(lambda tx: outbox.get(tx, message_id)))
        else:
            item, message = respond.read_incoming(here, message_id, by)
            stands = asdict(item)
        tries = here.store.look(lambda tx: outbox.tries(tx, message_id))
        signed = here.store.look(lambda tx: inbox.receipts_about(tx, message_id))
    value = {"standing": stands, "tries": tries, "receipts": signed, "xml": xml.write(message).decode()}
    _show(
        as_json,
        value,
        lambda: (
            json.dumps({"standing": stands, "tries": tries, "receipts": len(signed)}, indent=2, default=str)
            + "\n"
            + str(value["xml"])
        ),
    )


def _officer(here: Authority, by: str) -> Officer:
    telephone = here.config.authority.telephone
    if not telephone:
        raise Unusable(
            "config.telephone",
            "Our telephone number is not set, and every answer names whom to ring.",
            "Set [authority] telephone in gateway.toml.",
        )
    return Officer(name=by, role="cme_officer", phone_no=telephone, email=here.config.authority.email or None)


@cli.command()
def acknowledge(
    message_id: str,
    home: Home = DEFAULT_HOME,
    reject: Annotated[str | None, typer.Option(help="Reject it, with a code of the list rejection_reasons.")] = None,
    pass_to: Annotated[str | None, typer.Option(help="It was passed on to this authority.")] = None,
    note: str | None = None,
    by: By = _who(),
    as_json: AsJson = False,
) -> None:
    """Tell the sender that an officer has it: accepted, unless rejected or passed on."""
    decision = "rejected" if reject else "passed-on" if pass_to else "accepted"
    with _opened(home) as here:
        body = Acknowledgement(
            decision=decision, reason=reject, passed_to=pass_to, officer=_officer(here, by), note=note
        )
        reply = respond.acknowledge(here, message_id, body, by)
    _show(as_json, {"message_id": reply, "decision": decision}, lambda: f"Queued: {decision}, {reply}")


@cli.command("outcome")
def outcome_command(
    message_id: str,
    result: Annotated[str, typer.Argument(help="A code of the list outcomes, such as in-education.")],
    home: Home = DEFAULT_HOME,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day it was confirmed; today if not given.")
    ] = None,
    moved_to: str | None = None,
    note: str | None = None,
    by: By = _who(),
    as_json: AsJson = False,
) -> None:
    """Tell the sender what became of the child."""
    with _opened(home) as here:
        day: date = on.date() if on else here.now().date()
        body = Outcome(result=result, confirmed_on=day, moved_to=moved_to, officer=_officer(here, by), note=note)
        reply = respond.conclude(here, message_id, body, by)
    _show(as_json, {"message_id": reply, "result": result}, lambda: f"Queued: {result}, {reply}")


@partner_cli.command("add")
def partner_add(
    card_file: Path,
    home: Home = DEFAULT_HOME,
    fingerprint: Annotated[str | None, typer.Option(help="The fingerprint they read out; for scripts.")] = None,
    by: By = _who(),
    as_json: AsJson = False,
) -> None:
    """Take in a partner's card, once its fingerprint has been confirmed by telephone."""
    with _opened(home) as here:
        token = _bytes(card_file).decode("ascii", "replace")
        new = partners.examine(here, token)
        shown = card.fingerprint(new)
        if fingerprint is None and partners.is_known(here, new):
            err.print(f"{new.name} ({new.authority}): signed with the identity key that was confirmed before.")
        elif fingerprint is None:
            err.print(
                f"{new.name} ({new.authority})\nRing them on a number you know, and compare:\n\n    [bold]{shown}[/bold]\n"
            )
            typer.confirm("Did they read out exactly these digits?", abort=True, err=True)
        elif fingerprint.replace(" ", "") != shown.replace(" ", ""):
            raise Unusable(
                "partner.fingerprint",
                "The fingerprint is not that of this card.",
                "Ring the authority; do not use the card until it agrees.",
            )
        partners.add(here, token, by=by)
    _show(
        as_json,
        {"authority": new.authority, "fingerprint": shown},
        lambda: f"[green]{new.name} ({new.authority}) is now a partner.[/green]",
    )


@partner_cli.command("list")
def partner_list(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """The authorities whose cards we have confirmed."""
    with _opened(home) as here:
        found = [(p, card.read(p.card)) for p in here.store.look(kept_partners.every)]
    rows = [
        (c.authority, c.name, c.serial, f"{c.expires_at:%Y-%m-%d}", ", ".join(r.kind for r in c.routes), p.fingerprint)
        for p, c in found
    ]
    value = [
        {"authority": c.authority, "name": c.name, "serial": c.serial, "fingerprint": p.fingerprint} for p, c in found
    ]
    _show(
        as_json,
        {"partners": value},
        lambda: _table("Partners", ("Code", "Name", "Serial", "Until", "Routes", "Fingerprint"), rows),
    )


@partner_cli.command("show")
def partner_show(authority: str, home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """One partner's card."""
    with _opened(home) as here:
        kept = here.store.look(lambda tx: kept_partners.get(tx, authority))
    theirs = card.read(kept.card)
    lines = {"name": theirs.name, "authority": theirs.authority, "serial": theirs.serial, "fingerprint": kept.fingerprint,
             "expires": theirs.expires_at, "confirmed": f"{_when(kept.confirmed_at)} by {kept.confirmed_by}",
             "routes": [f"{r.kind} {r.url}" for r in theirs.routes], "contacts": [asdict(c) for c in theirs.contacts],
             "keys": [f"{k.use} {k.alg} {k.status} {k.kid}" for k in theirs.keys]}  # fmt: skip
    _show(as_json, lines, lambda: "\n".join(f"{name:12} {value}" for name, value in lines.items()))


@partner_cli.command("export")
def partner_export(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Our own card, to be sent to a partner."""
    with _opened(home) as here:
        text = (here.config.home / app.CARD_FILE).read_text("ascii")
        err.print(f"Our fingerprint: {card.fingerprint(here.own_card)}")
    print(json.dumps({"card": text}) if as_json else text)


@card_cli.command("renew")
def card_renew(home: Home = DEFAULT_HOME, by: By = _who(), as_json: AsJson = False) -> None:
    """Sign our card anew for a year, with the address and contacts of gateway.toml as it stands."""
    _show_card(app.renew_card(home, by=by), home, as_json)


@keys_cli.command("rotate")
def keys_rotate(
    home: Home = DEFAULT_HOME,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="After a theft: nothing that an older key signed counts any more.")
    ] = False,
    by: By = _who(),
    as_json: AsJson = False,
) -> None:
    """Make new keys and the card that says so. What was sealed to the old ones still opens."""
    _show_card(app.rotate_keys(home, by=by, revoke=revoke), home, as_json)


def _show_card(ours: Card, home: Path, as_json: bool) -> None:
    value = {"serial": ours.serial, "expires": ours.expires_at, "card": str(home / app.CARD_FILE)}
    _show(
        as_json,
        value,
        lambda: (
            f"[green]Our card number {ours.serial} holds until {ours.expires_at:%Y-%m-%d}.[/green]\n"
            f"Next: restart the gateway, and send {value['card']} to every partner."
        ),
    )


def _watched(doing: str) -> audit.Watch:
    """A progress bar, where a person looks on and there is something to wait for."""

    def watch(entries: Iterable[log.Kept], total: int) -> Iterable[log.Kept]:
        return track(entries, doing, total=total, console=err, disable=total < LONG or not err.is_terminal)

    return watch


@audit_cli.command("verify")
def audit_verify(
    home: Home = DEFAULT_HOME,
    export: Annotated[
        Path | None, typer.Option(help="Check an export instead; only --card is needed beside it.")
    ] = None,
    card_file: Annotated[Path | None, typer.Option("--card", help="The card of whose log it is.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check every entry and every signed checkpoint, and say which entry is wrong."""
    if export and card_file:
        whose = card.read(_bytes(card_file).decode("ascii", "replace").strip())
        verdict = audit.verify_export(export, Trust({whose.authority: whose}), whose.authority)
    else:
        with _opened(home) as here:
            trust = Trust({here.code: here.own_card})
            verdict = (
                audit.verify_export(export, trust, here.code)
                if export
                else here.store.look(lambda tx: audit.verify(tx, trust, here.code, watch=_watched("Checking")))
            )
    value = {
        "entries": verdict.size,
        "root": verdict.root.hex(),
        "checkpoints": verdict.checkpoints,
        "faults": verdict.faults,
    }
    whole = f"[green]The log is whole: {verdict.size} entries, {verdict.checkpoints} signed checkpoints.[/green]"
    _show(as_json, value, lambda: "[red]" + "\n".join(verdict.faults) + "[/red]" if verdict.faults else whole)
    if verdict.faults:
        raise typer.Exit(1)


@audit_cli.command("export")
def audit_export(folder: Path, home: Home = DEFAULT_HOME, by: By = _who(), as_json: AsJson = False) -> None:
    """Write the whole log into a folder, for somebody who trusts neither side."""
    with _opened(home) as here:
        verdict = asyncio.run(audit.export(here, folder, by, watch=_watched("Writing")))
    _show(
        as_json,
        {"folder": str(folder), "entries": verdict.size},
        lambda: (
            f"{verdict.size} entries are in {folder}.\nCheck them anywhere: cme-gateway audit verify --export {folder} --card CARD"
        ),
    )


@audit_cli.command("search")
def audit_search(
    home: Home = DEFAULT_HOME,
    about: Annotated[str | None, typer.Option(help="A MessageId or an authority.")] = None,
    act: Annotated[str | None, typer.Option(help="An act, or the beginning of one that ends in a dot.")] = None,
    actor: str | None = None,
    partner: str | None = None,
    limit: int = 50,
    as_json: AsJson = False,
) -> None:
    """The newest entries that meet every condition."""
    with _opened(home) as here:
        found = here.store.look(
            lambda tx: log.search(tx, about=about, act=act, actor=actor, partner=partner, limit=limit)
        )
    rows = [(e.number, _when(e.at), e.act, e.actor, e.partner, e.about) for e in found]
    value = {"entries": [json.loads(entry.entry) for entry in found]}
    _show(as_json, value, lambda: _table("Audit log", ("Number", "When", "Act", "By", "Partner", "About"), rows))
