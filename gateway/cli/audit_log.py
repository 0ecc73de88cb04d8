"""Commands on the audit log."""

import asyncio
import json
import os
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.markup import escape
from rich.progress import track

from gateway.auditing import audit, browse, check_evidence, evidence, outside_witnesses, partners_view, witness
from gateway.auditing.check_evidence import EvidenceVerdict
from gateway.cli.output import (
    DEFAULT_HOME,
    AsJson,
    By,
    Home,
    Limit,
    OfPartner,
    build_table,
    count_of,
    err,
    format_for_list,
    format_moment,
    get_user_name,
    join_lines,
    open_gateway,
    print_answer,
    read_bytes,
    run_with_carriers,
)
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.entry_filter import EntryFilter
from gateway.errors import ConfigProblem, Unusable
from gateway.settings.witness_policy import parse_policy
from keys import card
from keys.card import Card
from keys.trust import Trust

# Entries: a second or so.
LONG = 20_000
# One change may have many consequences; the first tells most.
SHOWN_FAULTS = 5

commands = typer.Typer(no_args_is_help=True, help="Search, export and check the audit log.")


_Entry = TypeVar("_Entry")


def _watched(doing: str) -> audit.Watch:
    """Return a progress bar, where a person looks on and there is something to wait for."""

    def watch(entries: Iterable[_Entry], total: int) -> Iterable[_Entry]:
        return track(entries, doing, total=total, console=err, disable=total < LONG or not err.is_terminal)

    return watch


@commands.command("verify")
def audit_verify(
    home: Home = DEFAULT_HOME,
    export: Annotated[
        Path | None,
        typer.Option(help="Check the export in this folder instead. Give the card of its authority with --card."),
    ] = None,
    card_file: Annotated[
        Path | None,
        typer.Option("--card", help="With --export: the newest card of its authority. Default: this authority's."),
    ] = None,
    seen_file: Annotated[
        Path | None,
        typer.Option("--seen", help="Compare with what a partner saw: the output of its audit partners --json."),
    ] = None,
    witness_file: Annotated[
        Path | None,
        typer.Option(
            "--witnesses", help="With --export: which outside witnesses must have cosigned (C2SP tlog-policy)."
        ),
    ] = None,
    ask: Annotated[
        bool,
        typer.Option("--ask", help="Ask each partner's gateway for the newest checkpoint of this log that it holds."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check every audit entry and checkpoint."""
    if ask and export:
        raise typer.BadParameter(
            "Leave it out with --export. Partners answer only about the log of this gateway.", param_hint="--ask"
        )
    if card_file and not export:
        raise typer.BadParameter(
            "Use it with --export only. The log of this gateway is checked with its own card.", param_hint="--card"
        )
    if witness_file and not export:
        raise typer.BadParameter(
            "Use it with --export only. For this log it is set in gateway.toml.", param_hint="--witnesses"
        )
    if export:
        whose = _whose(card_file, home)
        saw = partners_view.read_seen_file(seen_file, whose.authority) if seen_file else {}
        policy = (
            parse_policy(read_bytes(witness_file).decode("utf-8", "replace"), str(witness_file))
            if witness_file
            else None
        )
        verdict = audit.verify_export(export, Trust({whose.authority: whose}), whose.authority, seen=saw, policy=policy)
    else:
        with open_gateway(home) as gw:
            verdict = _verified(gw, seen_file, ask)
    value = asdict(verdict) | {"root": verdict.root.hex()}
    print_answer(as_json, value, lambda: describe_verdict(verdict))
    if verdict.faults:
        raise typer.Exit(1)


def _verified(gw: Gateway, seen_file: Path | None, ask: bool) -> audit.LogVerdict:
    saw = partners_view.read_seen_file(seen_file, gw.code) if seen_file else {}
    if ask:
        asked, silent = run_with_carriers(gw, lambda: partners_view.ask_seen_by_partners(gw))
        saw |= asked
        for partner, why in silent.items():
            err.print(f"{labels.name_authority_in_full(partner)} was not asked: {escape(why)}.")
    return audit.verify_own_log(gw, seen=saw, watch=_watched("Checking"))


def _whose(card_file: Path | None, home: Path) -> Card:
    if card_file:
        return card.read(read_bytes(card_file).decode("ascii", "replace").strip())
    try:
        with open_gateway(home) as gw:
            return gw.own_card
    except ConfigProblem as why:
        if why.code != "config.missing":
            raise
        raise Unusable("audit.no-card") from None


def describe_verdict(verdict: audit.LogVerdict) -> str:
    """Return a verdict for a person: the first faults, or that the log is whole and how far that is signed."""
    if verdict.faults:
        first, more = "\n".join(verdict.faults[:SHOWN_FAULTS]), len(verdict.faults) - SHOWN_FAULTS
        return f"[red]{escape(first)}[/red]" + (f"\n... and {more} more. To show all: --json" if more > 0 else "")
    lines = [
        f"[green]No problems found: {verdict.size:,} entries and {verdict.checkpoints:,} signed checkpoints.[/green]",
        f"The newest checkpoint covers {verdict.covered:,} entries. Root of all: {b64encode(verdict.root).decode()}",
    ]
    if verdict.witnessed:
        lines.append(f"Enough outside witnesses have cosigned the first {verdict.witnessed:,} entries.")
    if verdict.size > verdict.covered:
        lines.append(f"The next checkpoint covers the last {verdict.size - verdict.covered:,}. `serve` signs it.")
    if verdict.revoked:
        lines.append(
            f"Signed with a key that has been revoked since: {verdict.revoked:,} older checkpoints. They match the"
            " entries too."
        )
    return "\n".join(lines)


@commands.command("export")
def audit_export(folder: Path, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Export the audit log to a folder."""
    with open_gateway(home) as gw:
        verdict = asyncio.run(audit.export_log(gw, folder, by, watch=_watched("Writing")))
    print_answer(
        as_json,
        {"folder": str(folder), "entries": verdict.size},
        lambda: (
            f"Audit log exported to {escape(str(folder))}: {verdict.size:,} entries.\nTo check it anywhere: cme-gateway"
            f" audit verify --export {escape(str(folder))} --card CARD"
        ),
    )


@commands.command("evidence")
def audit_evidence(
    message: Annotated[str, typer.Argument(help="The id of the notice that was sent or received.")],
    file: Annotated[Path, typer.Option("--out", help="The file to write, such as evidence.json.")],
    with_notice: Annotated[
        bool, typer.Option("--with-notice", help="Include what the notice says about the child. This is recorded.")
    ] = False,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Save evidence of one exchange: receipts, replies and audit entries, with proofs."""
    try:
        # First, so that nothing is recorded as saved that is not.
        new = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as why:
        raise Unusable("evidence.not-written", file=file, why=why.strerror) from None
    try:
        with new, open_gateway(home) as gw:
            raw = asyncio.run(evidence.export_evidence(gw, message, by, with_notice=with_notice))
            new.write(raw)
    except OSError as why:
        file.unlink()
        raise Unusable("evidence.not-written", file=file, why=why.strerror) from None
    except BaseException:
        file.unlink()
        raise
    print_answer(
        as_json,
        {"file": str(file), "bytes": len(raw)},
        lambda: (
            f"Evidence saved in {escape(str(file))}.\nTo check it anywhere: cme-gateway audit verify-evidence"
            f" {escape(str(file))} --card THEIRS --card OURS"
        ),
    )


@commands.command("verify-evidence")
def audit_verify_evidence(
    file: Annotated[Path, typer.Argument(help="The file, as audit evidence wrote it.")],
    card_files: Annotated[
        list[Path], typer.Option("--card", help="The newest card of each of the two authorities. Give it twice.")
    ],
    as_json: AsJson = False,
) -> None:
    """Check evidence of one exchange, without any gateway."""
    cards = [card.read(read_bytes(path).decode("ascii", "replace").strip()) for path in card_files]
    trust = Trust({each.authority: each for each in cards})
    raw = read_bytes(file, check_evidence.MAX_EVIDENCE_BYTES)
    verdict = check_evidence.verify_evidence(raw, trust, datetime.now(UTC))
    fingerprints = {each.authority: card.compute_fingerprint(each) for each in cards}
    print_answer(
        as_json, asdict(verdict) | {"fingerprints": fingerprints}, lambda: describe_evidence(verdict, fingerprints)
    )
    if verdict.faults:
        raise typer.Exit(1)


def describe_evidence(verdict: EvidenceVerdict, fingerprints: Mapping[str, str]) -> str:
    """Return the verdict on evidence for a person: every fault, or what was proved of which exchange."""
    if verdict.faults:
        return "\n".join(f"[red]{escape(f'{fault.sentence} [{fault.code}]')}[/red]" for fault in verdict.faults)
    lines = [
        f"[green]No problems found.[/green] Evidence of {_name_escaped(verdict.authority)}, case {verdict.case_id}:",
        *(
            f"{labels.name_kind(sent.kind)} {escape(sent.message_id)} from {_name_escaped(sent.sender)}"
            f" to {_name_escaped(sent.recipient)}"
            for sent in verdict.messages
        ),
        *(
            f"{_name_escaped(signed.issuer)} signed a delivery receipt ({signed.result}) on"
            f" {format_moment(signed.issued_at)} UTC, for {escape(signed.message_id)}"
            for signed in verdict.receipts
        ),
        f"{count_of(verdict.entries, 'entry')} of the audit log, which has {verdict.size:,} and is signed.",
        "Fingerprints of the cards, to be confirmed by phone:",
        *(f"{_name_escaped(code)}: {fingerprint}" for code, fingerprint in fingerprints.items()),
    ]
    return "\n".join(lines)


def _name_escaped(authority: str) -> str:
    return escape(labels.name_authority_in_full(authority))


@commands.command("search")
def audit_search(
    home: Home = DEFAULT_HOME,
    about: Annotated[str | None, typer.Option(help="Show only entries about this MessageId, leaver or case.")] = None,
    act: Annotated[
        str | None,
        typer.Option(
            help="Show only this activity, such as notice.read, or all that begin with a word, such as notice."
        ),
    ] = None,
    actor: Annotated[
        str | None, typer.Option(help="Show only what this user did. For automatic activity: cme-gateway.")
    ] = None,
    partner: Annotated[str | None, typer.Option(help="Show only entries about this partner (DfE code).")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Search the audit log."""
    wanted = EntryFilter(about=about, act=act, actor=actor, partner=partner)
    with open_gateway(home) as gw:
        entries = browse.list_filtered_entries(gw, wanted, limit)
    rows = [
        # With the words that --act, --actor and --partner take.
        (e.number, format_for_list(e.at), join_lines(e.sentence, f"{e.act}, by {e.actor}"), e.partner, e.about)
        for _, e in entries
    ]
    value = {"entries": [json.loads(entry.entry) for entry, _ in entries]}
    print_answer(
        as_json,
        value,
        lambda: build_table(
            "Audit log", ("Number", "Date", "Activity", "Partner", "Reference"), rows, empty="No entries found."
        ),
    )


@commands.command("log-keys")
def audit_log_keys(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Show the keys that an outside witness needs to know this audit log."""
    with open_gateway(home) as gw:
        lines = outside_witnesses.list_log_keys(gw)
    print_answer(as_json, {"keys": lines}, lambda: escape("\n".join(lines)))


@commands.command("outside-witnesses")
def audit_outside_witnesses(
    home: Home = DEFAULT_HOME,
    ask: Annotated[bool, typer.Option("--ask", help="Ask each for a cosignature first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show who, outside, cosigns this audit log, and how far."""
    with open_gateway(home) as gw:
        if ask:
            asyncio.run(outside_witnesses.ask_witnesses(gw))
        witnesses = outside_witnesses.list_witnesses(gw)
    rows = [
        (
            each.name,
            each.cosigned or None,
            format_for_list(each.cosigned_at) if each.cosigned_at else None,
            labels.explain_witness_trouble(each.trouble) if each.trouble else None,
        )
        for each in witnesses
    ]
    print_answer(
        as_json,
        {"witnesses": [asdict(each) for each in witnesses]},
        lambda: build_table(
            "Outside witnesses", ("Name", "Entries", "Cosigned", "Warning"), rows, empty="No outside witness is set."
        ),
    )
    if any(each.trouble for each in witnesses):
        raise typer.Exit(1)


@commands.command("partners")
@commands.command("witness", hidden=True)
def audit_witness(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Show checks of partners' audit logs, and any warnings."""
    with open_gateway(home) as gw:
        checkpoints, alarms = witness.list_witnessed(gw)
    rows = [
        (
            labels.name_authority_in_full(o.authority),
            o.size,
            format_for_list(o.seen_at),
            o.checked,
            labels.explain_contradiction(o.alarm) if o.alarm else None,
        )
        for o in checkpoints
    ]
    value = {
        "partners": [asdict(checkpoint) for checkpoint in checkpoints],
        "alarms": [asdict(alarm) for alarm in alarms],
    }
    columns = ("Partner", "Entries", "Date", "Checked up to", "Warning")
    print_answer(
        as_json,
        value,
        lambda: build_table("Partners' audit logs", columns, rows, empty="No audit logs of partners seen yet."),
    )
    if alarms:
        raise typer.Exit(1)


@commands.command("clear-warning")
@commands.command("accept", hidden=True)
def audit_accept(
    authority: OfPartner,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Clear a warning after you have called the partner and know the cause."""
    with open_gateway(home) as gw:
        witness.accept_new_log(gw, authority, by=by)
    text = (
        f"Warning about {escape(labels.name_authority_in_full(authority))} cleared. "
        "Earlier copies of its log are kept. Checks start again from its next checkpoint."
    )
    print_answer(as_json, {"accepted": authority}, lambda: text)
