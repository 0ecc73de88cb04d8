"""Two authorities on this machine, as two real processes over TLS: the whole story, with children who do not exist.

Every step has a fixed id, kept in the folder, and is taken only if it has not been taken: so a demo that was killed goes
on where it was when it is started again, loses nothing and doubles nothing.
"""

import asyncio
import csv
import json
import os
import signal
import socket
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from secrets import token_bytes
from tempfile import TemporaryDirectory

from aiohttp import ClientError, ClientSession, ClientTimeout
from rich.console import Console
from rich.table import Table

from adapters.https import Https
from adapters.route import Parcel, Receipted
from gateway import audit, demo_mail, demo_one, demo_routes, imports, partners, respond, setup
from gateway.authority import Authority, wall_clock
from gateway.config import FILE
from gateway.core.delivery import State
from gateway.demo_one import Student
from gateway.demo_routes import Wire
from gateway.errors import NotAllowed, Unusable
from gateway.send import prepare, send
from gateway.store import inbox, outbox, transfer_files
from gateway.store.transfer_files import Stage
from keys import card, envelope, receipt
from keys.errors import CardOlder
from keys.ring import Ring
from keys.trust import Trust
from schemas import xml
from schemas.identifiers import uuid7
from schemas.message import Acknowledgement, Message, Officer, Outcome, Party
from schemas.reading import words

TELEPHONE = {"333": "01632 960101", "885": "01632 960202", "330": "01632 960303"}  # Ofcom's numbers for drama
ENQUIRY = "whereabouts-enquiry"  # it stays open
NAMES = {"333": "Sandwell", "885": "Worcestershire", "330": "Birmingham"}
HEADINGS = (
    "Surname,Forename,Date of Birth,Gender,NC Year,Date of Leaving,Restricted,Destination LA,New Address,New Postcode"
)
ROW = '{},{},14/05/2015,F,Year 6,23/10/2026,N,885,"5 Placeholder Row, Inventchester",WR1 9ZZ'
LEAVERS = {  # by the name of the extract
    "leavers": ("Invented-Leaver", "Lee"),
    "leavers-by-mailbox": ("Invented-Second", "Sol"),
    "leavers-by-sftp": ("Invented-Third", "Toni"),
    "leavers-by-email": ("Invented-Fourth", "Fay"),
}
PUPILS = (  # whom both authorities' ONE has already
    Student("Invented-Leaver", "Lee", "2015-05-14"),
    Student("Invented-Other", "Ada", "2016-03-31", upn="X333210123001"),
)
STEPS = (
    ("transfer-notice", "333", "a child who moved to Worcestershire"),
    ("transfer-notice-siblings", "333", "a child who moved with a brother and a sister"),
    ("transfer-notice-restricted", "333", "a child in a refuge: no address, no school"),
    ("transfer-notice-without-upn", "885", "a child newly arrived, without a UPN, with one name"),
    ("whereabouts-enquiry", "885", "do you know where this child is?"),
)
WHAT = {  # as the two views name them
    "transfer-notice": "Transfer notice",
    "transfer-notice-siblings": "Transfer notice, siblings",
    "transfer-notice-restricted": "Transfer notice",
    "transfer-notice-without-upn": "Transfer notice, no UPN",
    "whereabouts-enquiry": "Whereabouts enquiry",
    "leaver": "Transfer notice, from ONE",
}
REFUSALS = ("envelope.does-not-decrypt", "key.unknown", "envelope.not-for-us", "the same receipt, no effect")
PORTS = (*TELEPHONE, "885 wire", "330 wire", "sftp", "sftp wire", "smtp", "imap")
WAIT_SECONDS = 60
AFTER_RECEIPT = frozenset(State) - {State.QUEUED, State.SENT}


async def run_demo(folder: Path, *, keep: bool, email: bool, out: Console) -> dict[str, object]:
    """Tell the story, and give what came of it. Raises Unusable where a step does not end as it must."""
    plan = _plan(folder, email and demo_mail.wanting() is None)
    out.print("[bold]cme-gateway demo[/bold]: two authorities, and a third that holds a mailbox; a process each, TLS.")
    out.print("Every child is invented.\n")
    for code in ("330", "333", "885"):  # the holder of a mailbox before its owner
        _make(folder, code, plan)
    sandwell, worcestershire, birmingham = (setup.open_authority(folder / code) for code in ("333", "885", "330"))
    both, everybody = (sandwell, worcestershire), (sandwell, worcestershire, birmingham)
    try:
        _introduce(*both, out)
        for here in both:
            _exchange_cards(birmingham, here)
        if plan.mail is not None:
            demo_mail.stop(plan.mail)
        await _until(
            lambda: all(_port_is_free(port) for port in plan.ports.values()), "the ports of an earlier demo to be free"
        )
        async with _wired(folder, plan) as wires, _serving([here.config.home for here in everybody]) as processes:
            for here, process in zip(everybody, processes, strict=True):
                await _ready(here, process)
            refused = await _tell(both, plan.ids, out)
            by_route = await _cut(both, wires, out)
            if plan.mail is None:
                needs = demo_mail.wanting() or "to be asked for"
                out.print(f"  [dim]secure email is not shown here: it needs {needs}[/dim]")
            if keep:
                out.print("\nBoth gateways go on running. Stop them with Ctrl-C.")
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
        verdicts = _verify(both, out)
    finally:
        for here in everybody:
            here.store.close()
    _what_next(folder, out)
    notices = len(WHAT) + len(by_route)
    return {"folder": str(folder), "notices": notices, "refused": refused, "routes": by_route, "audit": verdicts}


def _what_next(folder: Path, out: Console) -> None:
    command = os.path.relpath(sys.argv[0]) if Path(sys.argv[0]).name == "cme-gateway" else "cme-gateway"
    out.print("\n[bold]Try next[/bold]")
    for does, command_line in (
        ("what Worcestershire has", f"inbox --home {folder}/885"),
        ("every act: who, when, about what", f"audit search --home {folder}/333"),
        ("what is wrong with a notice, and where", "validate schemas/samples/invalid/upn.check-letter.xml"),
        ("the demo again, and leave both running", f"demo --keep --folder {folder}"),
    ):
        out.print(f"  [dim]# {does}[/dim]\n  {command} {command_line}", soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is decided once and kept in the folder: the ports, an id for each step, and whether there are mail servers."""

    ports: dict[str, int]
    ids: dict[str, str]
    mail: Path | None  # where their files lie


def _plan(folder: Path, email: bool) -> Plan:
    path = folder / "demo.json"
    if (folder / FILE).exists():
        raise NotAllowed("demo.real", f"There is a real gateway in {folder}.", "Name another folder with --folder.")
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            ids = {name: uuid7(wall_clock(), token_bytes(10)) for name, _, _ in STEPS}
            made = {"ports": {name: _free_port() for name in PORTS}, "ids": ids, "mail": None}
            if email:
                made["mail"] = str(demo_mail.new_home())
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(made))
            temporary.rename(path)
        kept = json.loads(path.read_text())
    except OSError as why:
        raise Unusable(
            "demo.unwritable", f"The demo cannot use {folder} ({why.strerror}).", "Name another folder with --folder."
        ) from None
    if kept["ports"].keys() != set(PORTS):
        raise Unusable(
            "demo.older", f"{folder} is the folder of an older demo.", "Remove it, or name another with --folder."
        )
    return Plan(kept["ports"], kept["ids"], Path(kept["mail"]) if kept["mail"] else None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _make(folder: Path, code: str, plan: Plan) -> None:
    """A gateway under another name, then renamed: a demo that was killed half-way starts this step anew."""
    home, servers, ports = folder / code, folder / "sftp", plan.ports
    if (home / FILE).exists():
        return
    servers.mkdir(exist_ok=True)
    demo_routes.make_keys(servers)
    fresh = home.with_name(f"{home.name}.{os.getpid()}")
    setup.create(fresh, code=code, name=NAMES[code], port=ports[code], telephone=TELEPHONE[code])
    folders = {"folder": "one", "import_folder": "one-import", "answers_folder": "one-answers"}
    with (fresh / FILE).open("a") as settings:
        settings.write("\n[one]\n" + "".join(f'{setting} = "{name}"\n' for setting, name in folders.items()))
    for name in folders.values():
        (fresh / name).mkdir()
    more = demo_routes.settings(servers, ports["sftp wire"], its_own=code == "885")
    if plan.mail is not None:
        mails = demo_mail.Servers(plan.mail, ports["smtp"], ports["imap"])
        demo_mail.prepare(mails)
        more += mails.settings(f"gateway@{NAMES[code].lower()}.example")
    _set_routes(fresh, code, ports, more)
    fresh.rename(home)


def _set_routes(home: Path, code: str, ports: Mapping[str, int], more: str) -> None:
    """Partners reach Worcestershire, and its mailbox at Birmingham, by wires that can be cut."""
    text = (home / FILE).read_text()
    if wire := ports.get(f"{code} wire"):
        text = text.replace(f":{ports[code]}/exchange", f":{wire}/exchange")
    if code == "885":
        here, host = setup.open_authority(home), home.with_name("330")
        partners.add(here, (host / setup.CARD_FILE).read_text("ascii"), by="demo")
        here.store.close()
        text += '\n[mailbox]\nhost = "330"\n'
    (home / FILE).write_text(text + (more if code != "330" else '\n[hosting]\nowners = "885"\n'))
    setup.renew_card(home, by="demo")


@asynccontextmanager
async def _wired(folder: Path, plan: Plan) -> AsyncIterator[dict[str, Wire]]:
    """The servers, and the wires by which Worcestershire is reached, by the route that each carries."""
    ports = plan.ports
    wires = {
        "https": Wire(ports["885 wire"], ports["885"]),
        "mailbox": Wire(ports["330 wire"], ports["330"]),
        "sftp": Wire(ports["sftp wire"], ports["sftp"]),
    }
    async with demo_routes.sftp_server(folder / "sftp", ports["sftp"]), AsyncExitStack() as stack:
        if plan.mail is not None:
            await asyncio.to_thread(stack.enter_context, demo_mail.servers(plan.mail, ports["smtp"], ports["imap"]))
        for wire in wires.values():
            await wire.mend()
        try:
            yield wires
        finally:
            for wire in wires.values():
                await wire.cut()


def _exchange_cards(one: Authority, other: Authority) -> None:
    for here, there in ((one, other), (other, one)):
        with suppress(NotAllowed, CardOlder):  # it has the card already
            partners.add(here, (there.config.home / setup.CARD_FILE).read_text("ascii"), by="demo")


def _introduce(one: Authority, other: Authority, out: Console) -> None:
    _exchange_cards(one, other)
    for here, there in ((one, other), (other, one)):
        out.print(f"  {here.own_card.name} confirmed {there.own_card.name}'s card, whose fingerprint is")
        out.print(f"    [cyan]{card.fingerprint(there.own_card)}[/cyan]")


@asynccontextmanager
async def _serving(homes: Sequence[Path]) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """A gateway process for each home, for as long as inside."""
    processes = [await _start(home) for home in homes]
    try:
        yield processes
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(process.wait() for process in processes))


async def _start(home: Path) -> asyncio.subprocess.Process:
    with (home / "serve.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "serve", "--with-parent", "--home", str(home),
            stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log,
        )  # fmt: skip


async def _ready(here: Authority, process: asyncio.subprocess.Process) -> None:
    """Wait until the gateway says that it is ready. Raises Unusable where it has ended instead, or never does."""
    trusted = ssl.create_default_context(cafile=str(here.config.home / setup.TLS_CERTIFICATE))
    url = f"https://127.0.0.1:{here.config.listen.port}/readyz"
    async with ClientSession(timeout=ClientTimeout(total=2)) as session, _patience(f"{here.own_card.name}'s gateway"):
        while True:
            if process.returncode is not None:
                raise Unusable(
                    "demo.ended",
                    f"{here.own_card.name}'s gateway ended as soon as it was started.",
                    f"See {here.config.home / 'serve.log'}.",
                )
            with suppress(ClientError, TimeoutError):
                async with session.get(url, ssl=trusted) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)


async def _until(true: Callable[[], bool], what: str) -> None:
    async with _patience(what):
        while not true():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _patience(what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            yield
    except TimeoutError:
        raise Unusable(
            "demo.waited", f"The demo waited in vain for {what}.", "See serve.log in both folders."
        ) from None


async def _tell(both: tuple[Authority, Authority], ids: dict[str, str], out: Console) -> dict[str, str]:
    by_code = {here.code: here for here in both}
    out.print("\n[bold]1. Notices go out[/bold], signed and sealed so that only the addressee opens them")
    for name, sender, says in STEPS:
        here = by_code[sender]
        if not _queued(here, ids[name]):
            await send(here, [_message(name, ids[name], here.code, _other(sender), here)], by="olive (demo)")
        out.print(f"  {sender} -> {_other(sender)}  {says}")
    ids = ids | {"leaver": await _leaver(both[0], "leavers")}
    out.print("  333 -> 885  a child who left, as ONE's extract says: nobody retyped it")
    out.print("\n[bold]2. Each is received, acknowledged and concluded[/bold]; the enquiry stays open\n")
    for name, sender in (*((name, sender) for name, sender, _ in STEPS), ("leaver", "333")):
        here, there = by_code[sender], by_code[_other(sender)]
        await _until(_reached(here, ids[name], AFTER_RECEIPT), "a receipt")
        officer = Officer(name="Otto Invented", role="cme_officer", phone_no=TELEPHONE[there.code])
        with suppress(NotAllowed):  # it was done before the demo was killed
            respond.acknowledge(
                there, ids[name], Acknowledgement(decision="accepted", officer=officer), by="otto (demo)"
            )
        if name != ENQUIRY:
            outcome = Outcome(result="in-education", confirmed_on=there.now().date(), officer=officer)
            with suppress(NotAllowed):
                respond.conclude(there, ids[name], outcome, by="otto (demo)")
        wanted = State.ACKNOWLEDGED if name == ENQUIRY else State.CONCLUDED
        await _until(_reached(here, ids[name], {wanted}), f"{wanted}")
    for here in both:
        out.print(_view(here, {ids[name]: what for name, what in WHAT.items()}), "")
    for here in both:
        out.print(f"  {here.own_card.name}'s ONE took in what was accepted: {await _import(here)}")
    out.print()
    out.print("[bold]3. What is not let in[/bold], with the code of each signed refusal")
    refused = await _attack(both[0])
    for what, code in refused.items():
        out.print(f"  {what:40} [yellow]{code}[/yellow]", soft_wrap=True)
    if tuple(refused.values()) != REFUSALS:
        raise Unusable(
            "demo.let-in", "Something ended otherwise than it must.", "This must not happen; please tell us."
        )
    return refused


async def _cut(both: tuple[Authority, Authority], wires: Mapping[str, Wire], out: Console) -> dict[str, str]:
    """Send a leaver's notice by each route, the ones before it cut: by which each went."""
    sandwell, worcestershire = both
    went = {}
    out.print("\n[bold]4. Routes are cut, one after the other[/bold]; what one does not carry, the next does\n")
    by_mail = "email" in {route.kind for route in worcestershire.own_card.routes}
    for extract, cut in zip(LEAVERS if by_mail else list(LEAVERS)[:-1], (None, *wires), strict=False):
        if cut is not None:
            await wires[cut].cut()
        sent = await _leaver(sandwell, extract)
        await _until(_reached(sandwell, sent, AFTER_RECEIPT), "a receipt, by whatever route is left")
        went[extract] = _route_of(sandwell, sent)
        child = " ".join(reversed(LEAVERS[extract]))
        out.print(f"  {f'{cut} is cut' if cut else 'nothing is cut':16} {child:20} by [green]{went[extract]}[/green]")
        if _times_here(worcestershire, sent) != 1:
            raise Unusable("demo.let-in", "A notice did not come once.", "This must not happen; please tell us.")
    for wire in wires.values():
        await wire.mend()
    return went


def _route_of(here: Authority, message_id: str) -> str:
    return str(here.store.look(lambda tx: outbox.tries(tx, message_id))[-1]["route"])


def _times_here(here: Authority, message_id: str) -> int:
    came = here.store.look(lambda tx: inbox.search(tx, here.now()))
    return sum(one.message_id == message_id for one in came)


async def _leaver(sandwell: Authority, extract: str) -> str:
    """Put an extract into the folder that Sandwell's gateway watches, as ONE would: the notice that it made of it."""
    folder = sandwell.config.home / sandwell.config.one.folder
    report = folder / "done" / f"{extract}.csv.report.csv"
    if not report.exists() and not (folder / f"{extract}.csv").exists():
        fresh = folder / f".{extract}"
        fresh.write_text(f"{HEADINGS}\n{ROW.format(*LEAVERS[extract])}\n")
        os.utime(fresh, (0, 0))  # it has not grown for long
        fresh.rename(folder / f"{extract}.csv")
    await _until(report.exists, "what became of ONE's extract")
    [line] = csv.DictReader(report.read_text("utf-8-sig").splitlines())
    return line["MessageId"]


async def _import(here: Authority) -> str:
    """Be this authority's ONE, until it has answered every file that its gateway writes: what it said."""
    settings, home = here.config.one, here.config.home
    today = imports.on_the_wall(here.now()).date()

    def files(*states: Stage) -> list[transfer_files.TransferFile]:
        return here.store.look(lambda tx: transfer_files.search(tx, other_than=here.code, states=states))

    def answered() -> bool:
        demo_one.take(home / settings.import_folder, home / settings.answers_folder, PUPILS, today)
        return not files(Stage.WAITING, Stage.WRITTEN)

    await _until(answered, "what ONE made of the files")
    counts = Counter(getattr(here.config.one_answers, file.state.value) for file in files())
    return ", ".join(f"{count} {said}" for said, count in sorted(counts.items()))


def _message(name: str, message_id: str, sender: str, recipient: str, here: Authority) -> Message:
    found = xml.read((files("schemas") / "samples" / "valid" / f"{name}.xml").read_bytes())
    head = replace(
        found.header,
        message_id=message_id,
        conversation_id=message_id,
        sender=Party(authority=sender, role="cme_officer"),
        recipient=Party(authority=recipient, role="cme_officer"),
        created_at=here.now().replace(microsecond=0),
    )
    return Message(head, found.body)


def _other(code: str) -> str:
    return "885" if code == "333" else "333"


def _reached(here: Authority, message_id: str, states: Container[State]) -> Callable[[], bool]:
    return lambda: here.store.look(lambda tx: outbox.get(tx, message_id)).state in states


def _queued(here: Authority, message_id: str) -> bool:
    return here.store.look(lambda tx: outbox.exists(tx, message_id))


def _verdict(here: Authority) -> audit.Verdict:
    return here.store.look(lambda tx: audit.verify(tx, Trust({here.code: here.own_card}), here.code))


def _view(here: Authority, what: Mapping[str, str]) -> Table:
    table = Table(
        title=f"{here.own_card.name}'s view",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for column in ("", "To or from", "What", "State", "Restricted"):
        table.add_column(column)
    for sent in reversed(here.store.look(outbox.search)):
        if sent.in_reply_to is None:
            table.add_row(
                "sent",
                sent.recipient,
                what.get(sent.message_id, words(sent.kind)),
                f"[green]{sent.state.value}[/green]",
                _mark(sent.restriction),
            )
    for came in reversed(here.store.look(lambda tx: inbox.search(tx, here.now()))):
        if came.in_reply_to is None:
            table.add_row(
                "came",
                came.sender,
                what.get(came.message_id, words(came.kind)),
                f"[green]{came.state.value}[/green]",
                _mark(came.restriction),
            )
    return table


def _mark(restriction: str) -> str:
    return "" if restriction == "none" else f"[red]{restriction}[/red]"


async def _attack(sandwell: Authority) -> dict[str, str]:
    """Post what must be refused to Worcestershire's real port, and say by which code it was."""
    fresh = _message("transfer-notice", uuid7(wall_clock(), token_bytes(10)), "333", "885", sandwell)
    sealed = prepare(sandwell, [fresh], "demo")[0].sealed
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
    first = sandwell.store.look(outbox.search)[-1].message_id
    replayed = sandwell.store.look(lambda tx: outbox.sealed(tx, first))
    carrier = Https()
    try:
        answers = [await _post(carrier, sandwell, one) for one in (tampered, forged, astray, replayed)]
    finally:
        await carrier.close()
    names = (
        "one character changed on the way",
        "signed with a key that is not Sandwell's",
        "addressed to another authority",
        "sent a second time",
    )
    return dict(zip(names, answers, strict=True))


async def _post(carrier: Https, sandwell: Authority, sealed: bytes) -> str:
    route = sandwell.trust.card("885").routes[0]
    [answer] = await carrier.deliver(sandwell.address("885", route), [Parcel("", sealed)])
    if not isinstance(answer, Receipted):
        return getattr(answer, "reason", "not carried")
    found = receipt.verify(
        answer.receipt,
        issuer="885",
        audience="333",
        sha256=sha256(sealed).hexdigest(),
        trust=sandwell.trust,
        now=wall_clock(),
    )
    return ", ".join(found.codes) or REFUSALS[-1]


def _verify(both: tuple[Authority, Authority], out: Console) -> dict[str, int]:
    entries = {}
    out.print("\n[bold]5. Both audit logs[/bold], checked entry by entry against signed checkpoints")
    for here in both:
        verdict = _verdict(here)
        if verdict.faults:
            raise Unusable("demo.audit", " ".join(verdict.faults), "This must not happen; please tell us.")
        out.print(
            f"  {here.own_card.name:15} [green]whole[/green]: {verdict.size} entries, {verdict.checkpoints} checkpoints"
        )
        entries[here.code] = verdict.size
    return entries
