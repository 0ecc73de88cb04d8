"""Ten years of three authorities in a minute: they exchange all the time, while every kind of key of each is replaced, one
is revoked, one authority is restored from before its keys were replaced, and one is merged into another.

All are processes of their own, two of each on PostgreSQL; all that people do is done by commands and by the API. Nothing
is lost, doubled or stuck, nothing is refused that should not be, and nothing is accepted that should not be.
"""

import asyncio
import json as text_of
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import permutations
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import select

from adapters.https import Https
from adapters.route import Attempt, Parcel, Receipted, RouteAddress, TryLater
from gateway.context import Gateway
from gateway.core import statement_diff
from gateway.core.own_keys import KeyState
from gateway.own_keys import revoke
from gateway.store import partner_cards, tables
from keys import bearer, card, envelope, receipt, tls
from keys.ring import Ring
from schemas import json, xml
from tests.authorities import RefusedError, RunningAuthority
from tests.children import notice
from tests.conftest import new_database

SANDWELL, WORCESTERSHIRE, DORSET, BOURNEMOUTH = "333", "885", "838", "839"
NAMES = {SANDWELL: "Sandwell", WORCESTERSHIRE: "Worcestershire", DORSET: "Dorset", BOURNEMOUTH: "Bournemouth"}
SCHEME = "region"
OFFICER = {"Name": "Olive Testofficer", "Role": "cme_officer", "PhoneNo": "01632 960101"}
SCOPES = ("notices:send", "notices:read", "notices:answer", "status:read")
OPENS = ("TransferNotice", "WhereaboutsEnquiry")
# Seconds between two rounds of an officer, and until something must have happened on a busy machine.
PAUSE, LONGEST = 0.6, 300
# With one of these a message is refused that comes again by itself, under the keys of now.
COMES_AGAIN = {"key.unknown", "key.revoked", "key.out-of-date"}


@dataclass
class Officer:
    """The officers of one authority before their case system: they write to others, and answer what comes."""

    at: RunningAuthority
    writes_to: set[str]
    # Of each message that their gateway took to send it, to whom it goes; and of each answer, to what.
    accepted: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    is_writing: bool = True
    is_answering: bool = True
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _rounds: int = 0

    async def work(self) -> None:
        """Write and answer, round after round."""
        while True:
            async with self.turn:
                if self.is_answering:
                    for it in await self.list_new():
                        await self.answer(it["id"], it["partner"], it["kind"])
                for to in sorted(self.writes_to) if self.is_writing else ():
                    await self.write(to)
            await asyncio.sleep(PAUSE)

    async def write(self, to: str) -> None:
        """Write a notice, or search for a child."""
        self._rounds += 1
        name = "whereabouts-enquiry" if self._rounds % 4 == 0 else "transfer-notice"
        try:
            sent = await self.at.post("/notices", json.write(notice(self.at.code, to, name=name)))
        except RefusedError as why:
            self.refusals.append(str(why))
            self.writes_to.discard(to)
        else:
            self.accepted[sent] = to

    async def list_new(self) -> list[dict[str, str]]:
        """List what nobody has answered."""
        return list((await self.at.get("/notices?direction=came&state=new&limit=100"))["notices"])

    async def answer(self, message_id: str, sender: str, kind: str) -> None:
        """Accept a notice, and of every other child say what became of it; answer a search."""
        today = datetime.now(UTC).date().isoformat()
        said: dict[str, dict[str, object]] = {
            "acknowledgement": {"Decision": "accepted", "Officer": OFFICER},
            "outcome": {"Result": "in-education", "ConfirmedOn": today, "Officer": OFFICER},
        }
        if kind == "WhereaboutsEnquiry":
            said = {"answer": {"Result": "no-trace", "AnsweredBy": "officer", "Ring": OFFICER}}
        elif int(message_id[-1], 16) % 2:
            del said["outcome"]
        for name, body in said.items():
            made = await self.at.post(f"/notices/{sender}-{message_id}/{name}", text_of.dumps(body).encode())
            self.accepted[made], self.answers[made] = sender, message_id

    async def pause(self) -> None:
        """Write and answer nothing more; what was begun is done when this returns."""
        self.is_writing = self.is_answering = False
        async with self.turn:
            pass

    def go_on(self) -> None:
        """Write and answer again."""
        self.is_writing = self.is_answering = True


async def until(true: Callable[[], bool], what: str) -> None:
    """Wait for it to become true; that it does not is a failure."""
    ends = monotonic() + LONGEST
    while not await asyncio.to_thread(true):
        assert monotonic() < ends, what
        await asyncio.sleep(0.3)


@dataclass
class Region:
    """The authorities of a scheme, whose keeper is Sandwell, and their officers."""

    folder: Path
    processes: int
    # A database with every table, or an empty one.
    new_store_url: Callable[[bool], str]
    authorities: dict[str, RunningAuthority] = field(default_factory=dict)
    officers: dict[str, Officer] = field(default_factory=dict)
    working: list[asyncio.Task[None]] = field(default_factory=list)

    def __getitem__(self, code: str) -> RunningAuthority:
        """Return one of them."""
        return self.authorities[code]

    @property
    def passphrase_file(self) -> Path:
        """Return where the recovery passphrase lies."""
        file = self.folder / "recovery"
        file.write_text("an invented recovery passphrase")
        return file

    async def set_up(self, code: str, writes_to: Iterable[str]) -> None:
        """Set up an authority with its case system, and add it to the directory if there is one."""
        url = self.new_store_url(True)
        made = self.authorities[code] = RunningAuthority(code, NAMES[code], self.folder, url, self.processes)
        scopes = [word for scope in SCOPES for word in ("--scope", scope)]
        made.secret = (await made.run("api", "add", "cases", "An invented case system", *scopes))["client_secret"]
        self.officers[code] = Officer(made, set(writes_to))
        if code != SANDWELL:
            file = self.folder / f"{code}.card"
            file.write_text((await made.run("card", "export"))["card"])
            told = card.compute_fingerprint(card.read(file.read_text()))
            await self[SANDWELL].run("directory", "add", str(file), "--fingerprint", told)

    async def publish(self) -> None:
        """Publish the next number of the directory."""
        for step in ("build", "sign", "publish"):
            await self[SANDWELL].run("directory", step)
        self[SANDWELL].copy_to_other_homes()

    async def join(self, code: str) -> None:
        """Join the directory, after a call with its keeper."""
        kept = (await self[SANDWELL].run("directory", "status"))["kept"]
        await self[code].run("directory", "join", kept["url"], "--fingerprint", kept["fingerprint"])

    def begin_work(self, code: str) -> None:
        """Let officers begin."""
        self.working.append(asyncio.create_task(self.officers[code].work()))

    async def reach_each_other(self, codes: Iterable[str]) -> None:
        """Wait until every process of these knows the others."""
        for code, other in permutations(codes, 2):
            for _ in range(self.processes):
                while not await self._is_reached(code, other):
                    await asyncio.sleep(0.2)

    async def _is_reached(self, code: str, other: str) -> bool:
        listed = (await self[code].get("/authorities"))["authorities"]
        return any(it["code"] == other and it["reached"] == "sealed" for it in listed)

    def holds_card(self, code: str, whose: str) -> bool:
        """Tell whether an authority holds the newest card of another."""
        newest = self[whose].read_card().serial
        return bool(self.look(code, lambda gw: gw.trust.get_card(whose).serial) >= newest)

    async def know_newest_cards(self, codes: Iterable[str]) -> None:
        """Wait until all of these hold each other's newest cards."""
        pairs = list(permutations(codes, 2))
        await until(lambda: all(self.holds_card(*pair) for pair in pairs), "newest cards are held")

    def look(self, code: str, read: Callable[[Gateway], Any]) -> Any:
        """Look into the gateway of an authority, as a command would."""
        gw = self[code].open()
        with closing(gw.store):
            return read(gw)

    async def send_all(self, code: str) -> None:
        """Wait until an authority has nothing under way."""
        try:
            await until(lambda: not list_under_way(self.look(code, list_sent)), "")
        except AssertionError:
            sent = self.look(code, list_sent)
            raise AssertionError([code, *map(sent.get, list_under_way(sent))]) from None

    async def end(self) -> None:
        """Stop officers and processes."""
        for task in self.working:
            task.cancel()
        for authority in self.authorities.values():
            await authority.stop()


@dataclass(frozen=True)
class Sent:
    """A message as its sender has it."""

    recipient: str
    kind: str
    state: str
    reason: str | None


def list_sent(gw: Gateway) -> dict[str, Sent]:
    """Return all that was sent, by id."""
    at = tables.outbox.c
    query = select(at.message_id, at.recipient, at.kind, at.state, at.reason)
    return {row[0]: Sent(*row[1:]) for row in gw.store.look(lambda tx: tx.execute(query).all())}


def list_under_way(sent: dict[str, Sent]) -> set[str]:
    """Return the ids of what has not arrived, as far as is known."""
    return {message_id for message_id, it in sent.items() if it.state in ("queued", "sent")}


def count_held(gw: Gateway) -> Counter[tuple[str, str]]:
    """Count what was received, by sender and id."""
    at = tables.inbox.c
    query = select(at.sender, at.message_id)
    return Counter((row[0], row[1]) for row in gw.store.look(lambda tx: tx.execute(query).all()))


def list_details(gw: Gateway, act: str) -> list[tuple[str | None, dict[str, Any]]]:
    """Return what was done, from the audit log: about what, and how."""
    at = tables.audit_entries.c
    query = select(at.entry).where(at.act == act)
    entries = [text_of.loads(it) for it in gw.store.look(lambda tx: list(tx.scalars(query)))]
    return [(it.get("about"), it.get("detail", {})) for it in entries]


def count_acts(gw: Gateway, act: str) -> int:
    """Count how often it was done."""
    return len(list_details(gw, act))


def list_receipted(gw: Gateway) -> set[str]:
    """Return the ids of all that were received elsewhere by a receipt that counts by the issuer's newest card."""
    query = select(tables.receipts).where(tables.receipts.c.issuer != gw.code, tables.receipts.c.result == "accepted")
    keys = {code: gw.trust.get_card(code).keys for code in gw.trust.list_authorities()}
    rows = gw.store.look(lambda tx: tx.execute(query).all())
    return {row.message_id for row in rows if receipt.has_valid_key(row.token, keys[row.issuer])}


@pytest.fixture(params=["sqlite", "postgresql"])
async def region(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Region]:
    """Sandwell, Worcestershire and Dorset, who joined one directory and are at work."""
    is_shared = request.param == "postgresql"
    server = request.getfixturevalue("postgres") if is_shared else ""
    region = Region(
        tmp_path, 2 if is_shared else 1, lambda migrated: new_database(server, migrated=migrated) if server else ""
    )
    three = (SANDWELL, WORCESTERSHIRE, DORSET)
    try:
        for code in three:
            if code == WORCESTERSHIRE:
                await region[SANDWELL].run("directory", "create", SCHEME, "A region")
            await region.set_up(code, set(three) - {code})
        await region.publish()
        for code in three:
            await region[code].start()
        for code in three[1:]:
            await region.join(code)
        await region.reach_each_other(three)
        for code in three:
            region.begin_work(code)
        yield region
    finally:
        await region.end()


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_nothing_is_lost_doubled_or_stuck_whatever_happens_to_keys(region: Region) -> None:
    thief = region.look(SANDWELL, lambda gw: gw.ring)
    old_card = (region[SANDWELL].homes[0] / "card.jwt").read_text()
    old_directory = (region[SANDWELL].homes[0] / "directory" / "directory.jwt").read_text()
    await asyncio.sleep(2)
    backup = await back_up(region, WORCESTERSHIRE)

    await replace_every_key(region)
    await revoke_old_keys(region, SANDWELL, thief)
    await restore_from_before_the_change(region, WORCESTERSHIRE, backup)
    await merge(region, DORSET, BOURNEMOUTH)
    await finish_work(region)

    check_that_all_arrived_once(region)
    check_that_nothing_was_refused(region)
    await check_that_records_agree(region)
    for code in region.authorities:
        assert (await region[code].run("audit", "verify"))["faults"] == []
    await check_that_what_a_revoked_key_signs_is_refused(region, thief)
    await check_that_old_cards_and_directories_are_refused(region, old_card, old_directory)
    await check_that_the_authority_that_ended_is_refused(region)


async def back_up(region: Region, code: str) -> Path:
    """Back up an authority while it exchanges."""
    file = region.folder / f"{code}.cme-backup"
    await region[code].run("backup", "create", str(file), "--passphrase-file", str(region.passphrase_file))
    await asyncio.sleep(1)
    return file


async def replace_every_key(region: Region) -> None:
    """Replace the keys to sign, to encrypt and to store, and the server certificate, of each; and the scheme's key."""
    codes = list(region.authorities)
    before = {code: region.look(code, lambda gw: gw.ring) for code in codes}
    certificates = {code: region[code].read_card().routes[0].certificate for code in codes}
    for code in codes:
        await region[code].run("keys", "rotate")
    # A moment in which only the first process of each has them.
    await asyncio.sleep(1)
    for code in codes:
        region[code].copy_to_other_homes()
    await region[SANDWELL].run("directory", "rotate-key")
    await region.publish()
    await region.know_newest_cards(codes)
    for code in codes:
        new = region[code].read_card().routes[-1].certificate
        assert new != certificates[code]
        await until(lambda code=code, new=new: all_show(region[code], new), f"{code} shows its certificate")  # type: ignore[misc]
        await until(
            lambda code=code: region.look(code, lambda gw: count_acts(gw, "keys.storage-rewrapped")) == 1,  # type: ignore[misc]
            f"what {code} stores is encrypted again",
        )
        ring = region.look(code, lambda gw: gw.ring)
        assert not {key.kid for key in before[code].public_keys() if key.status == "active"} & {
            key.kid for key in ring.public_keys() if key.status == "active"
        }
        assert ring.storage_key.kid != before[code].storage_key.kid


def all_show(authority: RunningAuthority, certificate: str | None) -> bool:
    """Tell whether every process of an authority shows this certificate. What another took before is copied there."""
    authority.copy_to_other_homes()
    ports = authority.balancer.backends
    shown = {tls.der_base64(ssl.get_server_certificate(("127.0.0.1", port)).encode()) for port in ports}
    return shown == {certificate}


async def revoke_old_keys(region: Region, code: str, before: Ring) -> None:
    """Revoke the signing key that was replaced, and destroy the storage key that was."""
    with pytest.MonkeyPatch.context() as patch:
        # Else it takes a day.
        patch.setattr(revoke, "KEPT_AT_LEAST", timedelta(0))
        for kid in (before.signing.kid, before.storage_key.kid):
            await region[code].run("keys", "revoke", kid)
    region[code].copy_to_other_homes()
    states = {it["id"]: it["state"] for it in (await region[code].run("keys", "list"))["keys"]}
    assert states[before.signing.kid] == KeyState.REVOKED
    assert before.storage_key.kid not in states
    await region.know_newest_cards(region.authorities)


async def restore_from_before_the_change(region: Region, code: str, backup: Path) -> None:
    """The machines are lost; the backup has the keys of before, and partners know later ones."""
    officer, others = region.officers[code], [it for it in region.authorities if it != code]
    await officer.pause()
    await region.send_all(code)
    await region[code].kill()
    await asyncio.sleep(1)
    await region[code].restore(backup, region.passphrase_file, region.new_store_url(False))
    forgotten = officer.accepted.keys() - region.look(code, list_sent).keys()
    assert forgotten
    await region[code].start()
    # It is told, and Health says what to do.
    await until(lambda: region.look(code, lambda gw: is_told_of_newer_card(gw, others)), "it is told of its newer card")
    await region[code].run("card", "renew")
    region[code].copy_to_other_homes()
    await region.know_newest_cards(region.authorities)
    named = set()
    for other in others:
        for it in await compare(region[code], other):
            named |= {it["message_id"]} if it["difference"] == "forgotten-here" else set()
    # What it sent since, its partners have, and a person is told of each. The keys are replaced again.
    assert named == forgotten
    await region[code].run("keys", "rotate")
    region[code].copy_to_other_homes()
    officer.go_on()
    await asyncio.sleep(2)


def is_told_of_newer_card(gw: Gateway, partners: Iterable[str]) -> bool:
    """Tell whether each of these partners has said that it holds a later card of ours than we have."""
    told = gw.store.look(partner_cards.list_card_exchanges)
    return all(code in told and (told[code].held or 0) > gw.own_card.serial for code in partners)


async def compare(authority: RunningAuthority, other: str) -> list[dict[str, str]]:
    """Compare records with a partner; what differs and is to be looked at by a person is no failure here."""
    with pytest.MonkeyPatch.context() as patch:
        # Else nothing of the last hour is compared.
        patch.setattr(statement_diff, "RECEIPT_WAIT", timedelta(0))
        return list((await authority.run("compare", other, fails_with=None))["differences"])


async def merge(region: Region, code: str, successor: str) -> None:
    """One authority ends, while others still write to it; its officers go on at a new one."""
    others = [it for it in region.authorities if it != code]
    await region.officers[code].pause()
    await region.send_all(code)
    # What it holds of receipts by the revoked key it has signed anew while it can.
    for other in others:
        await compare(region[code], other)
    await region.send_all(code)
    await until(lambda: all_receipted(region, code), "its receipts count")
    for other in others:
        await wait_for_answers(region, other, code)
    await region.set_up(successor, others)
    await region[successor].start()
    await region[SANDWELL].run("directory", "end", code, "--successor", successor)
    await region.publish()
    await region.join(successor)
    for other in others:
        if other != SANDWELL:
            taken = await region[other].run("directory", "fetch", SCHEME)
            assert (taken["suspended"], taken["added"]) == ([code], [successor])
    await region.reach_each_other([*others, successor])
    region.begin_work(successor)
    for other in others:
        region.officers[other].writes_to.add(successor)
    await asyncio.sleep(3)


async def wait_for_answers(region: Region, code: str, to: str) -> None:
    """Wait until an authority has answered all that another sent, and the answers are there."""
    officer, ends = region.officers[code], monotonic() + LONGEST
    while True:
        waits = any(it["partner"] == to for it in await officer.list_new())
        async with officer.turn:
            answers = {it for it in officer.answers if officer.accepted[it] == to}
        under_way = answers & list_under_way(await asyncio.to_thread(region.look, code, list_sent))
        if not waits and not under_way:
            return
        assert monotonic() < ends, f"{code} has answered {to}"
        await asyncio.sleep(0.3)


def all_receipted(region: Region, code: str) -> bool:
    """Tell whether an authority holds a receipt that counts for all that it sent, and nobody took its place."""
    sent, receipted = region.look(code, list_sent), region.look(code, list_receipted)
    return all(message_id in receipted for message_id, it in sent.items() if it.state != "closed")


async def finish_work(region: Region) -> None:
    """Nobody writes any more; all is answered, and everything arrives."""
    living = [code for code in region.authorities if code != DORSET]
    for code in living:
        region.officers[code].is_writing = False
    # As each does once a day; who holds a receipt of the revoked key has it signed anew.
    for code, other in permutations(living, 2):
        await compare(region[code], other)
    for code in living:
        await region.send_all(code)
        await until(lambda code=code: all_receipted(region, code), f"receipts of {code} count")  # type: ignore[misc]
    ends = monotonic() + LONGEST
    while any([await region.officers[code].list_new() for code in living]):
        assert monotonic() < ends, "all is answered"
        await asyncio.sleep(0.5)
    for code in living:
        await region.officers[code].pause()
    for code in living:
        await region.send_all(code)


def check_that_all_arrived_once(region: Region) -> None:
    """Each message that a gateway took is held once where it goes, and its sender holds a receipt that counts."""
    held = {code: region.look(code, count_held) for code in region.authorities}
    for code, officer in region.officers.items():
        sent, receipted = region.look(code, list_sent), region.look(code, list_receipted)
        followed = dict(region.look(code, lambda gw: list_details(gw, "notice.sent-on")))
        for message_id, recipient in officer.accepted.items():
            there = held[recipient][code, message_id]
            if message_id not in sent:
                # It was forgotten in the restore.
                assert (code, there) == (WORCESTERSHIRE, 1)
            elif message_id in followed:
                assert (recipient, sent[message_id].state, there <= 1) == (DORSET, "closed", True)
                assert held[BOURNEMOUTH][code, followed[message_id]["as"]] == 1
            else:
                assert there == 1
                assert message_id in receipted
        assert len(followed) == sum(it.recipient == BOURNEMOUTH and m not in officer.accepted for m, it in sent.items())
        for it in sent.values():
            assert it.state in (("acknowledged", "concluded", "closed") if is_answered(it) else ("received",)), it
        for acts in ("message.kept", "notice.queued"):
            told = Counter(about for about, _ in region.look(code, partial(list_details, act=acts)))
            assert set(told.values()) <= {1}
    # There was something to follow, from the keeper and from another.
    assert all(region.look(code, lambda gw: count_acts(gw, "notice.sent-on")) for code in (SANDWELL, WORCESTERSHIRE))


def is_answered(sent: Sent) -> bool:
    """Tell whether officers answer it. A search that is open with an authority that ended goes on by its reviews."""
    goes_on = ("WhereaboutsEnquiry", DORSET, "received")
    return sent.kind in OPENS and (sent.kind, sent.recipient, sent.state) != goes_on


def check_that_nothing_was_refused(region: Region) -> None:
    """Only for keys, and then it came again; only an older card, which the restored authority showed."""
    for code in region.authorities:
        told = region.look(code, lambda gw: list_details(gw, "message.refused"))
        assert {why for _, it in told for why in str(it["codes"]).split()} <= COMES_AGAIN
        refused = region.look(code, lambda gw: list_details(gw, "card.refused"))
        assert {it["code"] for _, it in refused} <= {"card.older"}
        for act in ("notice.rejected", "notice.failed", "directory.refused", "directory.fork"):
            assert region.look(code, partial(count_acts, act=act)) == 0


async def check_that_records_agree(region: Region) -> None:
    """Those that exchange have nothing to tell each other but what the restore took."""
    for code, other in permutations((SANDWELL, WORCESTERSHIRE, BOURNEMOUTH), 2):
        found = {it["difference"] for it in await compare(region[code], other)}
        assert found <= ({"forgotten-here"} if code == WORCESTERSHIRE else set()), (code, other)


async def check_that_what_a_revoked_key_signs_is_refused(region: Region, thief: Ring) -> None:
    """Whoever has it is not let in; and who is let in with another key has nothing taken that it signed."""
    gw = region[SANDWELL].open()
    with closing(gw.store):
        route = next(it for it in gw.trust.get_card(WORCESTERSHIRE).routes if it.kind == "https")
        address = gw.build_address(WORCESTERSHIRE, route)
        stolen = replace(address, bearer=lambda: bearer.issue(WORCESTERSHIRE, ring=thief, now=gw.now()))
        message = notice(SANDWELL, WORCESTERSHIRE)
        names = envelope.Names(message.header.message_id, SANDWELL, WORCESTERSHIRE)
        sealed = envelope.seal(xml.write(message), names=names, ring=thief, trust=gw.trust, now=gw.now())
        parcel = Parcel(message.header.message_id, sealed)
        attempt = await deliver(stolen, parcel)
        assert isinstance(attempt, TryLater)
        assert "401" in attempt.reason
        attempt = await deliver(address, parcel)
        assert isinstance(attempt, Receipted)
        assert receipt.read_claimed(attempt.receipt).codes == ("key.revoked",)
    assert region.look(WORCESTERSHIRE, count_held)[SANDWELL, message.header.message_id] == 0


async def deliver(address: RouteAddress, parcel: Parcel) -> Attempt:
    """Carry one parcel by HTTPS."""
    carrier = Https()
    [attempt] = await carrier.deliver(address, [parcel])
    await carrier.close()
    return attempt


async def check_that_old_cards_and_directories_are_refused(region: Region, old_card: str, old_directory: str) -> None:
    """Played back by whoever has them."""
    gw = region[SANDWELL].open()
    with closing(gw.store):
        [route, *_] = gw.trust.get_card(WORCESTERSHIRE).routes
        carrier = Https()
        answer = await carrier.post_card(gw.build_address(WORCESTERSHIRE, route), old_card, 4096)
        await carrier.close()
    newest = region[SANDWELL].read_card().serial
    assert text_of.loads(answer.body) == {"held": newest, "refused": "card.older"}
    # It is of the scheme's key that was replaced, too.
    file = region.folder / "old.jwt"
    file.write_text(old_directory)
    with pytest.raises(RefusedError, match=r"directory\.other-key"):
        await region[WORCESTERSHIRE].run("directory", "fetch", SCHEME, "--file", str(file))


async def check_that_the_authority_that_ended_is_refused(region: Region) -> None:
    """Its processes still run: nothing of it is taken, and nothing is sent to it."""
    for other in (SANDWELL, WORCESTERSHIRE):
        late = await region[DORSET].post("/notices", json.write(notice(DORSET, other)))
        await until(
            lambda late=late: "401" in (region.look(DORSET, list_sent)[late].reason or ""),  # type: ignore[misc]
            "it is refused",
        )
        assert region.look(other, count_held)[DORSET, late] == 0
        with pytest.raises(RefusedError, match=r"card\.suspended"):
            await region[other].post("/notices", json.write(notice(other, DORSET)))
        assert all("card.suspended" in why for why in region.officers[other].refusals)
