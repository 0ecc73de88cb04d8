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
from contextlib import asynccontextmanager, suppress
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
from gateway import audit, demo_one, imports, partners, respond, setup
from gateway.authority import Authority, wall_clock
from gateway.config import FILE
from gateway.core.delivery import State
from gateway.demo_one import Student
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

TELEPHONE = {"333": "01632 960101", "885": "01632 960202"}  # Ofcom's numbers for drama
ENQUIRY = "whereabouts-enquiry"  # it stays open
LEAVER = """\
Surname,Forename,Date of Birth,Gender,NC Year,Date of Leaving,Restricted,Destination LA,New Address,New Postcode
Invented-Leaver,Lee,14/05/2015,F,Year 6,23/10/2026,N,885,"5 Placeholder Row, Inventchester",WR1 9ZZ
"""
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
WAIT_SECONDS = 60
AFTER_RECEIPT = frozenset(State) - {State.QUEUED, State.SENT}


async def run_demo(folder: Path, *, keep: bool, out: Console) -> dict[str, object]:
    """Tell the story, and give what came of it. Raises Unusable where a step does not end as it must."""
    plan = _plan(folder)
    out.print("[bold]cme-gateway demo[/bold]: two authorities, two processes, TLS. Every child is invented.\n")
    for code, name in (("333", "Sandwell"), ("885", "Worcestershire")):
        _make(folder / code, code, name, plan.ports[code])
    sandwell, worcestershire = (setup.open_authority(folder / code) for code in ("333", "885"))
    both = (sandwell, worcestershire)
    try:
        _introduce(*both, out)
        await _until(
            lambda: all(_port_is_free(port) for port in plan.ports.values()), "the ports of an earlier demo to be free"
        )
        async with _serving([here.config.home for here in both]) as processes:
            for here, process in zip(both, processes, strict=True):
                await _ready(here, process)
            refused = await _tell(both, plan.ids, out)
            if keep:
                out.print("\nBoth gateways go on running. Stop them with Ctrl-C.")
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
        verdicts = _verify(both, out)
    finally:
        for here in both:
            here.store.close()
    _what_next(folder, out)
    return {"folder": str(folder), "notices": len(WHAT), "refused": refused, "audit": verdicts}


def _what_next(folder: Path, out: Console) -> None:
    command = os.path.relpath(sys.argv[0]) if Path(sys.argv[0]).name == "cme-gateway" else "cme-gateway"
    out.print("\n[bold]Try next[/bold]")
    for does, words in (
        ("what Worcestershire has", f"inbox --home {folder}/885"),
        ("every act: who, when, about what", f"audit search --home {folder}/333"),
        ("what is wrong with a notice, and where", "validate schemas/samples/invalid/upn.check-letter.xml"),
        ("the demo again, and leave both running", f"demo --keep --folder {folder}"),
    ):
        out.print(f"  [dim]# {does}[/dim]\n  {command} {words}", soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is decided once and kept in the folder: the ports, and an id for each step."""

    ports: dict[str, int]
    ids: dict[str, str]


def _plan(folder: Path) -> Plan:
    path = folder / "demo.json"
    if (folder / FILE).exists():
        raise NotAllowed("demo.real", f"There is a real gateway in {folder}.", "Name another folder with --folder.")
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            ids = {name: uuid7(wall_clock(), token_bytes(10)) for name, _, _ in STEPS}
            made = {"ports": {code: _free_port() for code in TELEPHONE}, "ids": ids}
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(made))
            temporary.rename(path)
        kept = json.loads(path.read_text())
    except OSError as why:
        raise Unusable(
            "demo.unwritable", f"The demo cannot use {folder} ({why.strerror}).", "Name another folder with --folder."
        ) from None
    return Plan(kept["ports"], kept["ids"])


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


def _make(home: Path, code: str, name: str, port: int) -> None:
    """A gateway under another name, then renamed: a demo that was killed half-way starts this step anew."""
    if (home / FILE).exists():
        return
    fresh = home.with_name(f"{home.name}.{os.getpid()}")
    setup.create(fresh, code=code, name=name, port=port, telephone=TELEPHONE[code])
    folders = {"folder": "one", "import_folder": "one-import", "answers_folder": "one-answers"}
    with (fresh / FILE).open("a") as settings:
        settings.write("\n[one]\n" + "".join(f'{setting} = "{name}"\n' for setting, name in folders.items()))
    for name in folders.values():
        (fresh / name).mkdir()
    fresh.rename(home)


def _introduce(one: Authority, other: Authority, out: Console) -> None:
    for here, there in ((one, other), (other, one)):
        with suppress(NotAllowed, CardOlder):  # it has the card already
            partners.add(here, (there.config.home / setup.CARD_FILE).read_text("ascii"), by="demo")
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
    ids = ids | {"leaver": await _leaver(both[0])}
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
        out.print(f"  {here.own_card.name}'s ONE took in what its officer accepted: {await _import(here)}")
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


async def _leaver(sandwell: Authority) -> str:
    """Put an extract into the folder that Sandwell's gateway watches, as ONE would: the notice that it made of it."""
    folder = sandwell.config.home / sandwell.config.one.folder
    report = folder / "done" / "leavers.csv.report.csv"
    if not report.exists() and not (folder / "leavers.csv").exists():
        fresh = folder / ".leavers"
        fresh.write_text(LEAVER)
        os.utime(fresh, (0, 0))  # it has not grown for long
        fresh.rename(folder / "leavers.csv")
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
                what.get(sent.message_id, sent.kind),
                f"[green]{sent.state.value}[/green]",
                _mark(sent.restriction),
            )
    for came in reversed(here.store.look(lambda tx: inbox.search(tx, here.now()))):
        if came.in_reply_to is None:
            table.add_row(
                "came",
                came.sender,
                what.get(came.message_id, came.kind),
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
    out.print("\n[bold]4. Both audit logs[/bold], checked entry by entry against signed checkpoints")
    for here in both:
        verdict = _verdict(here)
        if verdict.faults:
            raise Unusable("demo.audit", " ".join(verdict.faults), "This must not happen; please tell us.")
        out.print(
            f"  {here.own_card.name:15} [green]whole[/green]: {verdict.size} entries, {verdict.checkpoints} checkpoints"
        )
        entries[here.code] = verdict.size
    return entries
