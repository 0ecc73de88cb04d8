"""Two authorities on this machine, as two real processes over TLS: the whole story, with children who do not exist.

Every step has a fixed id, kept in the folder, and is taken only if it has not been taken: so a demo that was killed
goes on where it was when it is started again, loses nothing and doubles nothing.
"""

import asyncio
import csv
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from secrets import token_bytes
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from adapters.https import Https
from adapters.route import Parcel, Receipted
from gateway import home_folder
from gateway.access import people
from gateway.auditing import audit
from gateway.context import Gateway, wall_clock
from gateway.core import labels
from gateway.core.delivery import DeliveryState
from gateway.core.permissions import Role
from gateway.core.transfer_stage import TransferStage
from gateway.demo import mail
from gateway.demo.one import Student, answer_files
from gateway.demo.routes import Wire
from gateway.demo.stage import (
    TELEPHONE,
    exchange_cards,
    make_gateway,
    make_plan,
    open_wires,
    port_is_free,
    serve_homes,
    wait_until,
    wait_until_ready,
)
from gateway.errors import NotAllowed, Unusable
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import send_notices
from gateway.one import imports
from gateway.one.watched_folder import REPORT_ENDING
from gateway.store import inbox, outbox, transfer_files
from gateway.store import people as store_people
from keys import card, envelope, receipt
from keys.ring import Ring
from keys.trust import Trust
from schemas import xml
from schemas.identifiers import build_uuid7
from schemas.message import Acknowledgement, Message, Officer, Outcome, Party, RestrictionLevel
from schemas.shapes import CaseId, MessageId

# It stays open.
ENQUIRY = "whereabouts-enquiry"
HEADINGS = (
    "Surname,Forename,Date of Birth,Gender,NC Year,Date of Leaving,Restricted,Destination LA,New Address,New Postcode"
)
ROW = '{},{},14/05/2015,F,Year 6,23/10/2026,N,885,"5 Placeholder Row, Inventchester",WR1 9ZZ'
# By the name of the extract.
LEAVERS = {
    "leavers": ("Invented-Leaver", "Lee"),
    "leavers-by-mailbox": ("Invented-Second", "Sol"),
    "leavers-by-sftp": ("Invented-Third", "Toni"),
    "leavers-by-email": ("Invented-Fourth", "Fay"),
}
# Whom both authorities' ONE has already.
PUPILS = (
    Student("Invented-Leaver", "Lee", "2015-05-14"),
    Student("Invented-Other", "Ada", "2016-03-31", upn="X333210123001"),
)
STEPS = (
    ("transfer-notice", "333", "a child who moved to Worcestershire"),
    ("transfer-notice-siblings", "333", "a child who moved with a brother and a sister"),
    ("transfer-notice-restricted", "333", "a child in a refuge, without address or school"),
    ("transfer-notice-without-upn", "885", "a newly arrived child without a UPN and with one name"),
    ("whereabouts-enquiry", "885", "an enquiry about where a child is"),
)
# As the two lists name them.
TRANSFER = labels.name_kind("TransferNotice")
WHAT = {
    "transfer-notice": TRANSFER,
    "transfer-notice-siblings": f"{TRANSFER}, siblings",
    "transfer-notice-restricted": TRANSFER,
    "transfer-notice-without-upn": f"{TRANSFER}, no UPN",
    ENQUIRY: labels.name_kind("WhereaboutsEnquiry"),
    "leaver": f"{TRANSFER}, from ONE",
}
REFUSALS = ("envelope.does-not-decrypt", "key.unknown", "envelope.not-for-us", "same receipt, no effect")
AFTER_RECEIPT = frozenset(DeliveryState) - {DeliveryState.QUEUED, DeliveryState.SENT}


async def run_demo(folder: Path, *, keep: bool, email: bool, out: Console) -> dict[str, object]:
    """Tell the story, and give what came of it. Raises Unusable where a step does not end as it must.

    TERM and HUP, a terminal that was closed, end it as Ctrl-C does: whatever it started is stopped first.
    """
    with _cancel_on(signal.SIGTERM), _cancel_on(signal.SIGHUP):
        return await _tell_story(folder, keep=keep, email=email, out=out)


@contextmanager
def _cancel_on(number: signal.Signals) -> Iterator[None]:
    """Cancel the task that runs this when the signal comes; a second one does not disturb what is being stopped."""
    if threading.current_thread() is not threading.main_thread():
        # Signals come to the main thread alone.
        yield
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def cancel_once() -> None:
        if task is not None and not task.cancelling():
            task.cancel()

    loop.add_signal_handler(number, cancel_once)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)


async def _tell_story(folder: Path, *, keep: bool, email: bool, out: Console) -> dict[str, object]:
    plan = make_plan(folder, (name for name, _, _ in STEPS), email=email and mail.find_missing() is None)
    out.print(
        "[bold]cme-gateway demo[/bold]: 2 authorities, and a third that hosts a mailbox. Each is a process of its own,"
        " over TLS."
    )
    out.print("All children are invented.\n")
    # The holder of a mailbox before its owner.
    for code in ("330", "333", "885"):
        make_gateway(folder, code, plan)
    sandwell, worcestershire, birmingham = (home_folder.open_gateway(folder / code) for code in ("333", "885", "330"))
    both, everybody = (sandwell, worcestershire), (sandwell, worcestershire, birmingham)
    try:
        _introduce(*both, out)
        for gw in both:
            exchange_cards(birmingham, gw)
        if plan.mail is not None:
            mail.stop_servers(plan.mail)
        await wait_until(
            lambda: all(port_is_free(port) for port in plan.ports.values()), "the ports of an earlier demo to be free"
        )
        async with open_wires(folder, plan) as wires, serve_homes([gw.config.home for gw in everybody]) as processes:
            for gw, process in zip(everybody, processes, strict=True):
                await wait_until_ready(gw, process)
            refused = await _tell(both, plan.ids, out)
            by_route = await _cut(both, wires, out)
            if plan.mail is None:
                needs = mail.find_missing() or "the option --email"
                out.print(f"  [dim]Secure email is not shown here. It needs {needs}.[/dim]")
            if keep:
                _open_consoles(both, out)
                out.print("\nBoth gateways keep running. To stop them, press Ctrl-C.")
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
        verdicts = _verify(both, out)
    finally:
        for gw in everybody:
            gw.store.close()
    _what_next(folder, out)
    notices = len(WHAT) + len(by_route)
    return {"folder": str(folder), "notices": notices, "refused": refused, "routes": by_route, "audit": verdicts}


def _open_consoles(both: tuple[Gateway, Gateway], out: Console) -> None:
    """Add a user with every role on either side, or reset the password of the one from an earlier demo."""
    out.print("\n[bold]The consoles[/bold]: sign in with the one-time password and choose your own\n")
    for gw in both:
        name = f"olive@{gw.own_card.name.lower()}.example"
        if gw.store.look(lambda tx, name=name: store_people.find_person(tx, name)):  # type: ignore[misc]
            password = people.reset_password(gw, name, "demo")
        else:
            password = people.add_account(gw, name, "Olive Invented", Role, "demo")
        out.print(f"  {gw.config.console_url}  {name}  [green]{password}[/green]", soft_wrap=True)


def _what_next(folder: Path, out: Console) -> None:
    command = os.path.relpath(sys.argv[0]) if Path(sys.argv[0]).name == "cme-gateway" else "cme-gateway"
    out.print("\n[bold]Try next[/bold]")
    for does, command_line in (
        ("list what Worcestershire received", f"inbox --home {folder}/885"),
        ("search the audit log", f"audit search --home {folder}/333"),
        ("check a message file with an error", "validate schemas/samples/invalid/upn.check-letter.xml"),
        ("run the demo again, and open both consoles in a browser", f"demo --keep --folder {folder}"),
    ):
        out.print(f"  [dim]# {does}[/dim]\n  {command} {command_line}", soft_wrap=True)


def _introduce(first: Gateway, second: Gateway, out: Console) -> None:
    exchange_cards(first, second)
    for gw, there in ((first, second), (second, first)):
        out.print(f"  {gw.own_card.name} confirmed the card of {there.own_card.name}. Its fingerprint:")
        out.print(f"    [cyan]{card.compute_fingerprint(there.own_card)}[/cyan]")


async def _tell(both: tuple[Gateway, Gateway], ids: dict[str, MessageId], out: Console) -> dict[str, str]:
    by_code = {gw.code: gw for gw in both}
    out.print("\n[bold]1. Notices are sent[/bold], signed and encrypted: only the other authority can open them")
    for name, sender, says in STEPS:
        gw = by_code[sender]
        if not _queued(gw, ids[name]):
            send_notices(gw, [_message(name, ids[name], gw.code, _other(sender), gw)], by="olive (demo)")
        out.print(f"  {labels.name_authority(sender)} to {labels.name_authority(_other(sender))}: {says}")
    ids = ids | {"leaver": await _leaver(both[0], "leavers")}
    out.print("  Sandwell to Worcestershire: a leaver from an extract of ONE, without typing it again")
    out.print("\n[bold]2. Each is delivered and accepted, and the outcome is sent[/bold]. The enquiry stays open\n")
    for name, sender in (*((name, sender) for name, sender, _ in STEPS), ("leaver", "333")):
        gw, there = by_code[sender], by_code[_other(sender)]
        await wait_until(_reached(gw, ids[name], AFTER_RECEIPT), "a receipt")
        officer = Officer(name="Otto Invented", role="cme_officer", phone_no=TELEPHONE[there.code])
        # It was done before the demo was killed.
        with suppress(NotAllowed):
            respond.acknowledge_notice(
                there, ids[name], Acknowledgement(decision="accepted", officer=officer), by="otto (demo)"
            )
        if name != ENQUIRY:
            outcome = Outcome(result="in-education", confirmed_on=there.now().date(), officer=officer)
            with suppress(NotAllowed):
                respond.send_outcome(there, ids[name], outcome, by="otto (demo)")
        wanted = DeliveryState.ACKNOWLEDGED if name == ENQUIRY else DeliveryState.CONCLUDED
        await wait_until(_reached(gw, ids[name], {wanted}), f"{wanted}")
    for gw in both:
        out.print(_view(gw, {ids[name]: what for name, what in WHAT.items()}), "")
    for gw in both:
        out.print(f"  Import results of ONE at {gw.own_card.name}: {await _import(gw)}")
    out.print()
    out.print("[bold]3. Attacks are refused[/bold], with the code of each signed refusal")
    refused = await _attack(both[0])
    for what, code in refused.items():
        out.print(f"  {what:40} [yellow]{code}[/yellow]", soft_wrap=True)
    if tuple(refused.values()) != REFUSALS:
        raise Unusable("demo.let-in")
    return refused


async def _cut(both: tuple[Gateway, Gateway], wires: Mapping[str, Wire], out: Console) -> dict[str, str]:
    """Send a leaver's notice by each route, the ones before it cut: by which each went."""
    sandwell, worcestershire = both
    went = {}
    out.print("\n[bold]4. Routes are cut, one after the other[/bold]. The next route delivers the notice\n")
    by_mail = "email" in {route.kind for route in worcestershire.own_card.routes}
    for extract, cut in zip(LEAVERS if by_mail else list(LEAVERS)[:-1], (None, *wires), strict=False):
        if cut is not None:
            await wires[cut].break_off()
        sent = await _leaver(sandwell, extract)
        await wait_until(_reached(sandwell, sent, AFTER_RECEIPT), "a delivery receipt by one of the routes left")
        went[extract] = _route_of(sandwell, sent)
        child = " ".join(reversed(LEAVERS[extract]))
        out.print(
            f"  {f'{labels.name_route(cut)} is cut' if cut else 'no route is cut':16} {child:20} delivered by"
            f" [green]{labels.name_route(went[extract])}[/green]"
        )
        if _times_here(worcestershire, sent) != 1:
            raise Unusable("demo.let-in", "repeated")
    for wire in wires.values():
        await wire.let_through()
    return went


def _route_of(gw: Gateway, message_id: MessageId) -> str:
    return str(gw.store.look(lambda tx: outbox.list_tries(tx, message_id))[-1]["route"])


def _times_here(gw: Gateway, message_id: MessageId) -> int:
    came = gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now()))
    return sum(item.message_id == message_id for item in came)


async def _leaver(sandwell: Gateway, extract: str) -> MessageId:
    """Put an extract into the folder that Sandwell's gateway watches, as ONE would: the notice that it made of it."""
    folder = sandwell.config.home / sandwell.config.one.folder

    def reports() -> list[dict[str, str]]:
        """Return what became of it, in the report that lies beside it by now."""
        texts = [file.read_text("utf-8-sig") for file in folder.glob(f"*{REPORT_ENDING}")]
        return [row for text in texts for row in csv.DictReader(text.splitlines()) if row["File"] == f"{extract}.csv"]

    if not reports() and not (folder / f"{extract}.csv").exists():
        fresh = folder / f".{extract}"
        fresh.write_text(f"{HEADINGS}\n{ROW.format(*LEAVERS[extract])}\n")
        # It has not grown for long.
        os.utime(fresh, (0, 0))
        fresh.rename(folder / f"{extract}.csv")
    await wait_until(lambda: bool(reports()), "the report about ONE's extract")
    return MessageId(reports()[0]["MessageId"])


async def _import(gw: Gateway) -> str:
    """Be this authority's ONE, until it has answered every file that its gateway writes: what it said."""
    settings, home = gw.config.one, gw.config.home
    today = imports.on_the_wall(gw.now()).date()

    def files(*states: TransferStage) -> list[transfer_files.TransferFile]:
        return gw.store.look(lambda tx: transfer_files.list_transfer_files(tx, other_than=gw.code, states=states))

    def answered() -> bool:
        answer_files(home / settings.import_folder, home / settings.answers_folder, PUPILS, today)
        return not files(TransferStage.WAITING, TransferStage.WRITTEN)

    await wait_until(answered, "the results from ONE")
    counts = Counter(getattr(gw.config.one_answers, file.state.value) for file in files())
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))


def _message(name: str, message_id: MessageId, sender: str, recipient: str, gw: Gateway) -> Message:
    sample = xml.read((files("schemas") / "samples" / "valid" / f"{name}.xml").read_bytes())
    head = replace(
        sample.header,
        message_id=message_id,
        case_id=CaseId(message_id),
        sender=Party(authority=sender, role="cme_officer"),
        recipient=Party(authority=recipient, role="cme_officer"),
        created_at=gw.now().replace(microsecond=0),
    )
    return Message(head, sample.body)


def _other(code: str) -> str:
    return "885" if code == "333" else "333"


def _reached(gw: Gateway, message_id: MessageId, states: Container[DeliveryState]) -> Callable[[], bool]:
    return lambda: gw.store.look(lambda tx: outbox.get_delivery(tx, message_id)).state in states


def _queued(gw: Gateway, message_id: MessageId) -> bool:
    return gw.store.look(lambda tx: outbox.is_queued(tx, message_id))


def _verdict(gw: Gateway) -> audit.LogVerdict:
    return audit.verify_own_log(gw)


def _view(gw: Gateway, what: Mapping[str, str]) -> Table:
    table = Table(
        title=f"Notices at {gw.own_card.name}",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for column in ("", "To or from", "Notice", "Status", "Restricted"):
        table.add_column(column)
    for sent in reversed(gw.store.look(outbox.search_outbox)):
        if sent.in_reply_to is None:
            table.add_row(
                "sent",
                labels.name_authority_in_full(sent.recipient),
                what.get(sent.message_id, labels.name_kind(sent.kind)),
                f"[green]{sent.summary.status.tag}[/green]",
                _mark(sent.restriction),
            )
    for came in reversed(gw.store.look(lambda tx: inbox.search_inbox(tx, gw.now()))):
        if came.in_reply_to is None:
            table.add_row(
                "received",
                labels.name_authority_in_full(came.sender),
                what.get(came.message_id, labels.name_kind(came.kind)),
                f"[green]{came.summary.status.tag}[/green]",
                _mark(came.restriction),
            )
    return table


def _mark(restriction: RestrictionLevel) -> str:
    return "" if restriction == "none" else f"[red]{labels.name_restriction(restriction)}[/red]"


async def _attack(sandwell: Gateway) -> dict[str, str]:
    """Post what must be refused to Worcestershire's real port, and say by which code it was."""
    fresh = _message("transfer-notice", MessageId(build_uuid7(wall_clock(), token_bytes(10))), "333", "885", sandwell)
    sealed = prepare_messages(sandwell, [fresh], "demo")[0].sealed
    middle = len(sealed) // 2
    tampered = sealed[:middle] + (b"A" if sealed[middle : middle + 1] != b"A" else b"B") + sealed[middle + 1 :]
    with TemporaryDirectory() as folder:
        stranger = Ring.create(Path(folder) / "keys", authority="333", passphrase=b"demo", now=wall_clock())
    forged = envelope.seal(
        xml.write(fresh),
        names=envelope.Names(fresh.header.message_id, "333", "885"),
        ring=stranger,
        trust=sandwell.trust,
        now=wall_clock(),
    )
    ours = Trust({"333": sandwell.own_card})
    astray = envelope.seal(
        xml.write(fresh),
        names=envelope.Names(fresh.header.message_id, "333", "333"),
        ring=sandwell.ring,
        trust=ours,
        now=wall_clock(),
    )
    first = sandwell.store.look(outbox.search_outbox)[-1].message_id
    replayed = sandwell.store.look(lambda tx: outbox.get_sealed_notice(tx, first))
    carrier = Https()
    try:
        answers = [await _post(carrier, sandwell, sealed_text) for sealed_text in (tampered, forged, astray, replayed)]
    finally:
        await carrier.close()
    names = (
        "one character changed on the way",
        "signed with a key that is not Sandwell's",
        "addressed to another authority",
        "sent a second time",
    )
    return dict(zip(names, answers, strict=True))


async def _post(carrier: Https, sandwell: Gateway, sealed: bytes) -> str:
    route = sandwell.trust.get_card("885").routes[0]
    [answer] = await carrier.deliver(sandwell.build_address("885", route), [Parcel("", sealed)])
    if not isinstance(answer, Receipted):
        return getattr(answer, "reason", "not carried")
    verified = receipt.verify(
        answer.receipt,
        issuer="885",
        audience="333",
        sha256=sha256(sealed).hexdigest(),
        trust=sandwell.trust,
        now=wall_clock(),
    )
    return ", ".join(verified.codes) or REFUSALS[-1]


def _verify(both: tuple[Gateway, Gateway], out: Console) -> dict[str, int]:
    entries = {}
    out.print("\n[bold]5. Both audit logs are checked[/bold], entry by entry, against signed checkpoints")
    for gw in both:
        verdict = _verdict(gw)
        if verdict.faults:
            raise Unusable("demo.audit", faults=" ".join(verdict.faults))
        out.print(
            f"  {gw.own_card.name:15} [green]no problems found[/green]: {verdict.size} entries, {verdict.checkpoints}"
            " checkpoints"
        )
        entries[gw.code] = verdict.size
    return entries
