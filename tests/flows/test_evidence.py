"""Evidence of one exchange: one file that anybody checks, in which nothing can be altered, removed or exchanged."""

import copy
import json
import os
import runpy
import stat
import subprocess
import sys
from base64 import b64decode, b64encode, urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway import app
from gateway.auditing import check_evidence, evidence
from gateway.context import Gateway
from gateway.core import merkle
from gateway.core.delivery import DeliveryState
from gateway.core.permissions import Role
from gateway.errors import NotAllowed, Unusable
from gateway.exchange import respond
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import send_notices
from gateway.store import audit_log
from keys import note, receipt
from keys.trust import Trust
from schemas.message import Acknowledgement
from schemas.shapes import MessageId
from tests.children import notice
from tests.command import run_command
from tests.flows.test_console_oversight import Visitor
from tests.flows.test_exchange import OFFICER, seal, state, until
from tests.proofs import build_inclusion_proof

# Its SQL is held by the first test; the rest is about a file.
ON_SQLITE = pytest.mark.parametrize("pair", ["sqlite"], indirect=True)
SCRIPT = Path(__file__).parents[2] / "docs" / "check_evidence.py"
# What is said of a child in the notices of these tests.
OF_THE_CHILD = ("Testchild", "Surname", "DOB", "UPN")


@dataclass(frozen=True)
class Exchange:
    """Two exchanges between the same two authorities, acknowledged, and the evidence of each; of the first, the
    recipient's too.
    """

    sandwell: Gateway
    worcestershire: Gateway
    first: MessageId
    file: dict[str, Any]
    other: dict[str, Any]
    theirs: dict[str, Any]

    @property
    def trust(self) -> Trust:
        return Trust({gw.code: gw.own_card for gw in (self.sandwell, self.worcestershire)})

    def codes(self, file: dict[str, Any]) -> set[str]:
        raw = json.dumps(file).encode()
        faults = check_evidence.verify_evidence(raw, self.trust, self.sandwell.now()).faults
        return {fault.code for fault in faults}

    def run_script(self, folder: Path, file: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        path = folder / "evidence.json"
        path.write_text(json.dumps(file))
        cards = [str(gw.config.home / "card.jwt") for gw in (self.worcestershire, self.sandwell)]
        # -I: nothing of this project is found.
        words = [sys.executable, "-I", str(SCRIPT), str(path), *cards]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def claims_of(token: str) -> dict[str, Any]:
    """What a receipt says, in clear."""
    claims = token.split(".")[1]
    read: dict[str, Any] = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return read


async def take(gw: Gateway, message_id: MessageId, **more: bool) -> dict[str, Any]:
    taken: dict[str, Any] = json.loads(await evidence.export_evidence(gw, message_id, "ada", **more))
    return taken


@pytest.fixture
async def exchange(pair: tuple[Gateway, Gateway]) -> Exchange:
    sandwell, worcestershire = pair
    accepted = Acknowledgement(decision="accepted", officer=OFFICER)
    async with app.run_gateway(sandwell), app.run_gateway(worcestershire):
        both = send_notices(sandwell, [notice(), notice()], by="olive", confirmed=["notice.same-child"])
        for sent in both:
            await until(lambda sent=sent: state(sandwell, sent) is DeliveryState.RECEIVED)  # type: ignore[misc]
            respond.acknowledge_notice(worcestershire, sent, accepted, by="otto")
            await until(lambda sent=sent: state(sandwell, sent) is DeliveryState.ACKNOWLEDGED)  # type: ignore[misc]
        replies = [json.loads(await evidence.export_evidence(worcestershire, sent, "ada")) for sent in both]
        reply_id = replies[0]["contents"]["messages"][1]["message_id"]
        await until(lambda: state(worcestershire, reply_id) is DeliveryState.RECEIVED)
        file, other = [await take(sandwell, sent) for sent in both]
        theirs = await take(worcestershire, both[0])
    return Exchange(sandwell, worcestershire, both[0], file, other, theirs)


def test_both_authorities_show_the_exchange_and_each_other_s_signature(exchange: Exchange, tmp_path: Path) -> None:
    for file, gw in ((exchange.file, exchange.sandwell), (exchange.theirs, exchange.worcestershire)):
        raw = json.dumps(file).encode()
        verdict = check_evidence.verify_evidence(raw, exchange.trust, gw.now())
        assert verdict.faults == []
        assert verdict.authority == gw.code
        assert [message.kind for message in verdict.messages] == ["TransferNotice", "Acknowledgement"]
        assert [(signed.issuer, signed.result) for signed in verdict.receipts] == [
            ("885", "accepted"),
            ("333", "accepted"),
        ]
        assert verdict.messages[0].message_id == exchange.first
        claims = [json.dumps(claims_of(token)) for message in verdict.messages for token in message.receipts]
        assert not [word for word in OF_THE_CHILD if word in raw.decode() + "".join(claims)]
        ran = exchange.run_script(tmp_path, file)
        assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
        assert "No problems found" in ran.stdout


@ON_SQLITE
def test_the_command_saves_it_once_and_checks_it_where_there_is_no_gateway(exchange: Exchange, tmp_path: Path) -> None:
    home, out = str(exchange.sandwell.config.home), str(tmp_path / "evidence.json")
    words = ("audit", "evidence", exchange.first, "--out", out, "--by", "ada", "--home", home)
    assert run_command(*words).returncode == 0
    assert "evidence.not-written" in run_command(*words).stderr
    assert stat.S_IMODE(os.stat(out).st_mode) == 0o600
    unknown = run_command("audit", "evidence", "0" * 36, "--out", str(tmp_path / "none.json"), "--home", home)
    assert (unknown.returncode, (tmp_path / "none.json").exists()) == (4, False)
    cards = [str(gw.config.home / "card.jwt") for gw in (exchange.worcestershire, exchange.sandwell)]
    both = [word for card in cards for word in ("--card", card)]
    ran = run_command("audit", "verify-evidence", out, *both, CME_GATEWAY_HOME=str(tmp_path / "none"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "No problems found" in ran.stdout
    alone = run_command("audit", "verify-evidence", out, *both[2:])
    assert (alone.returncode, "card.unknown-authority" in alone.stdout) == (1, True)
    saved = exchange.sandwell.store.look(
        lambda tx: audit_log.list_newest_entries(tx, about=exchange.first, act="audit.evidence-exported")
    )
    assert [entry.actor for entry in saved] == ["ada", "ada"]


def flip(text: str) -> str:
    """Another text of the same shape: one character in its middle is another."""
    at = len(text) // 2
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def flip_signature(token: str) -> str:
    said, _, signature = token.rpartition(".")
    return f"{said}.{flip(signature)}"


def flip_hash(text: str) -> str:
    raw = bytearray(b64decode(text))
    raw[7] ^= 1
    return b64encode(raw).decode()


def run_in_process(folder: Path, exchange: Exchange, file: dict[str, Any]) -> int:
    path = folder / "evidence.json"
    path.write_text(json.dumps(file))
    cards = [str(gw.config.home / "card.jwt") for gw in (exchange.worcestershire, exchange.sandwell)]
    code: int = runpy.run_path(str(SCRIPT))["main"](str(path), *cards)
    return code


Change = Callable[[dict[str, Any], dict[str, Any]], object]


def put(*path: str | int, by: Callable[[Any], Any]) -> Change:
    """Change the value at this place."""

    def change(file: dict[str, Any], _: dict[str, Any]) -> None:
        *way, last = path
        place: Any = file
        for step in way:
            place = place[step]
        place[last] = by(place[last])

    return change


def take_over(*path: str | int) -> Change:
    """Take this part over of the other exchange."""

    def change(file: dict[str, Any], other: dict[str, Any]) -> None:
        *way, last = path
        place, there = file, other
        for step in way:
            place, there = place[step], there[step]  # type: ignore[index]
        place[last] = there[last]  # type: ignore[index]

    return change


def remove(*path: str | int) -> Change:
    def change(file: dict[str, Any], _: dict[str, Any]) -> None:
        *way, last = path
        place: Any = file
        for step in way:
            place = place[step]
        del place[last]

    return change


def remove_entry(file: dict[str, Any], _: dict[str, Any]) -> None:
    """An entry and its proof."""
    del file["contents"]["entries"][1], file["proofs"][1]


def add_entry(file: dict[str, Any], other: dict[str, Any]) -> None:
    """An entry of the other exchange, which stands in the same log, with its proof."""
    file["contents"]["entries"].append(other["contents"]["entries"][0])
    file["proofs"].insert(-1, other["proofs"][0])


def swap_receipts(file: dict[str, Any], _: dict[str, Any]) -> None:
    first, second = file["contents"]["messages"]
    first["receipts"], second["receipts"] = second["receipts"], first["receipts"]


CONTENTS, MESSAGES, ENTRIES = ("contents",), ("contents", "messages"), ("contents", "entries")
RECEIPTS = (*MESSAGES, 0, "receipts")
# What is done to the file, and a reason that it is refused for; each part altered, removed, and of another exchange.
TABLE: dict[str, tuple[Change, str]] = {
    "format": (put("format", by=flip), "evidence.malformed"),
    "no format": (remove("format"), "evidence.malformed"),
    "a member more": (put("contents", by=lambda held: held | {"more": 1}), "evidence.malformed"),
    "authority": (put(*CONTENTS, "authority", by=lambda _: "885"), "note.other-origin"),
    "case": (put(*CONTENTS, "case_id", by=flip), "evidence.changed"),
    "case of another": (take_over(*CONTENTS, "case_id"), "evidence.changed"),
    "message id": (put(*MESSAGES, 0, "message_id", by=flip), "evidence.other-entry"),
    "kind": (put(*MESSAGES, 0, "kind", by=lambda _: "Outcome"), "evidence.changed"),
    "no kind": (put(*MESSAGES, 0, "kind", by=flip), "evidence.malformed"),
    "sender": (put(*MESSAGES, 0, "sender", by=lambda _: "330"), "evidence.other-message"),
    "recipient": (put(*MESSAGES, 0, "recipient", by=lambda _: "330"), "receipt.other-party"),
    "digest": (put(*MESSAGES, 0, "digest", by=flip), "evidence.no-beginning"),
    "digest of another": (take_over(*MESSAGES, 0, "digest"), "receipt.other-message"),
    "notice of another": (take_over(*MESSAGES, 0), "evidence.no-beginning"),
    "no notice": (remove(*MESSAGES, 0), "evidence.not-closed"),
    "receipt": (put(*RECEIPTS, 0, by=flip_signature), "receipt.signature"),
    "no receipt": (remove(*RECEIPTS, 0), "evidence.changed"),
    "receipt of another": (take_over(*RECEIPTS, 0), "receipt.other-message"),
    "receipts swapped": (swap_receipts, "receipt.other-party"),
    "receipt twice": (put(*RECEIPTS, by=lambda held: held * 2), "evidence.changed"),
    "reply": (put(*MESSAGES, 1, "digest", by=flip), "evidence.no-beginning"),
    "no reply": (remove(*MESSAGES, 1), "evidence.other-entry"),
    "reply of another": (take_over(*MESSAGES, 1), "evidence.no-beginning"),
    "entry": (put(*ENTRIES, 0, by=lambda text: text.replace("olive", "percy")), "evidence.not-in-log"),
    "no entry": (remove_entry, "evidence.changed"),
    "no proof of it": (remove(*ENTRIES, 0), "evidence.malformed"),
    "entry of another": (add_entry, "evidence.other-entry"),
    "proof": (put("proofs", 0, 0, by=flip_hash), "evidence.not-in-log"),
    "no proof": (remove("proofs", 0), "evidence.malformed"),
    "proof of another": (take_over("proofs", 0), "evidence.not-in-log"),
    "closing": (put("closing", by=lambda text: text.replace("ada", "eve")), "evidence.not-in-log"),
    "closing of another": (take_over("closing"), "evidence.not-closed"),
    "checkpoint": (put("checkpoint", by=lambda text: text.replace("\n—", "A\n—", 1)), "note.malformed"),
    "size in the checkpoint": (
        put("checkpoint", by=lambda text: "\n".join(["cme-gateway/333", "99999", *text.split("\n")[2:]])),
        "note.signature",
    ),
    "checkpoint of another": (take_over("checkpoint"), "evidence.not-in-log"),
    "their checkpoint": (
        put(*CONTENTS, "partner_checkpoint", by=lambda text: text.replace("\n", "\n9", 1)),
        "note.signature",
    ),
    "our checkpoint as theirs": (
        lambda file, _: file["contents"].update(partner_checkpoint=file["checkpoint"]),
        "note.other-origin",
    ),
    "no checkpoint of theirs": (put(*CONTENTS, "partner_checkpoint", by=lambda _: None), "evidence.changed"),
    "a notice that was not in it": (put(*CONTENTS, "notice", by=lambda _: "<Message/>"), "evidence.changed"),
}


@ON_SQLITE
def test_each_part_that_is_altered_removed_or_of_another_exchange_is_refused_for_a_reason_that_is_told(
    exchange: Exchange, tmp_path: Path
) -> None:
    unlike = {}
    for name, (change, reason) in TABLE.items():
        file = copy.deepcopy(exchange.file)
        change(file, exchange.other)
        assert file != exchange.file, name
        try:
            codes = exchange.codes(file)
        except Unusable as why:
            codes = {why.code}
        if reason not in codes:
            unlike[name] = codes
        if run_in_process(tmp_path, exchange, file) != 1:
            unlike[name] = {"the script takes it"}
    assert unlike == {}


@ON_SQLITE
def test_what_cannot_be_read_as_evidence_is_refused_and_nothing_else_comes_out(exchange: Exchange) -> None:
    whole = json.dumps(exchange.file)
    texts = [
        "",
        "[]",
        "{}",
        "null",
        "[" * 100_000,
        "\udcff",
        whole[:-1],
        whole.replace('"format"', '"format": 1, "format"', 1),
    ]
    texts += [whole.replace(str(exchange.first), "\\ud800"), '{"format": ' + "1" * 5000 + "}"]
    for text in texts:
        with pytest.raises(Unusable, match=r"evidence\.malformed"):
            check_evidence.verify_evidence(
                text.encode("utf-8", "surrogateescape"), exchange.trust, exchange.sandwell.now()
            )
    long = b" " * check_evidence.MAX_EVIDENCE_BYTES + whole.encode()
    with pytest.raises(Unusable, match=r"evidence\.malformed"):
        check_evidence.verify_evidence(long, exchange.trust, exchange.sandwell.now())


@ON_SQLITE
def test_an_entry_of_another_form_is_refused(exchange: Exchange) -> None:
    for wrong in ("{}", "7", '{"number": true}', '{"number": 1, "about": []}', '{"number": 1, "detail": 2}'):
        exchange.file["contents"]["entries"][0] = wrong
        with pytest.raises(Unusable, match=r"evidence\.malformed"):
            exchange.codes(exchange.file)


async def test_the_notice_is_in_it_on_demand_only_which_is_an_entry_and_never_of_a_restricted_child(
    exchange: Exchange, tmp_path: Path
) -> None:
    gw = exchange.sandwell
    file = await take(gw, exchange.first, with_notice=True)
    assert "Testchild" in file["contents"]["notice"]
    assert exchange.codes(file) == set()
    assert run_in_process(tmp_path, exchange, file) == 0
    acts = [json.loads(text) for text in file["contents"]["entries"]]
    assert ("notice.read", "ada") in [(entry["act"], entry["actor"]) for entry in acts]
    [restricted] = send_notices(gw, [notice(name="transfer-notice-phone-only")], by="olive")
    with pytest.raises(NotAllowed, match=r"evidence\.restricted"):
        await take(gw, restricted, with_notice=True)
    assert (await take(gw, restricted))["contents"]["notice"] is None


async def test_an_auditor_saves_it_from_an_entry_about_a_notice_and_only_there(visitor: Visitor) -> None:
    gw, there = visitor.gw, visitor.there
    sent = notice(sender="885", recipient="333")
    await receive_parcels(gw, [seal(there, sent)], "885")
    entries = gw.store.look(lambda tx: audit_log.list_entries_from(tx, 0, 1000))
    about = next(entry.number for entry in entries if entry.act == "message.kept")
    for role in (Role.AUDITOR, Role.SERVICE_MANAGER):
        assert "Save evidence of this exchange" in await visitor.get(role, f"/audit/entries/{about}")
    raw = await visitor.post(Role.AUDITOR, f"/audit/entries/{about}/evidence")
    verdict = check_evidence.verify_evidence(raw, Trust({one.code: one.own_card for one in (gw, there)}), gw.now())
    assert (verdict.faults, verdict.messages[0].message_id) == ([], sent.header.message_id)
    assert "Save evidence" not in await visitor.get(Role.AUDITOR, "/audit/entries/0")
    await visitor.post(Role.AUDITOR, "/audit/entries/0/evidence", status=404)
    await visitor.post(Role.CME_OFFICER, f"/audit/entries/{about}/evidence", status=403)


def sign_again(exchange: Exchange, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Evidence of a log of Sandwell's that has these entries and no other, properly signed: it lies, or is older."""
    file = copy.deepcopy(exchange.file)
    contents = file["contents"]
    contents["entries"] = [write_entry(entry | {"number": number}) for number, entry in enumerate(entries)]
    closing = json.loads(file["closing"]) | {"number": len(entries), "digest": evidence.digest_contents(contents)}
    file["closing"] = write_entry(closing)
    leaves = [merkle.hash_leaf(text.encode()) for text in (*contents["entries"], file["closing"])]
    proofs = [build_inclusion_proof(leaves, number) for number in range(len(leaves))]
    file["proofs"] = [[b64encode(step).decode() for step in path] for path in proofs]
    origin, root = note.origin_of("333"), merkle.root(leaves)
    file["checkpoint"] = note.sign_checkpoint(origin=origin, size=len(leaves), root=root, ring=exchange.sandwell.ring)
    return file


def write_entry(entry: dict[str, Any]) -> str:
    return json.dumps(entry, separators=(",", ":"), sort_keys=True)


@ON_SQLITE
def test_what_an_authority_signs_and_its_own_entries_do_not_say_is_refused_but_for_what_older_versions_left_out(
    exchange: Exchange, tmp_path: Path
) -> None:
    entries = [json.loads(text) for text in exchange.file["contents"]["entries"]]
    older = [
        entry | {"detail": {k: v for k, v in entry.get("detail", {}).items() if k != "receipt"}} for entry in entries
    ]
    logs: dict[str, tuple[list[dict[str, Any]], set[str]]] = {
        "as it was": (entries, set()),
        "of an older version": (older, set()),
        "no receipt": ([entry for entry in entries if entry["act"] != "receipt.verified"], {"evidence.no-entry"}),
        "never sent": ([entry for entry in entries if entry["act"] != "notice.queued"], {"evidence.no-beginning"}),
        "with another": ([*entries, entries[0] | {"partner": "330"}], {"evidence.other-entry"}),
    }
    for name, (some, codes) in logs.items():
        file = sign_again(exchange, some)
        assert exchange.codes(file) == codes, name
        assert run_in_process(tmp_path, exchange, file) == bool(codes), name


@ON_SQLITE
def test_a_receipt_for_the_same_bytes_under_another_id_is_refused(exchange: Exchange, tmp_path: Path) -> None:
    theirs, message = exchange.worcestershire, exchange.file["contents"]["messages"][0]
    now = theirs.now()
    token = receipt.issue(
        audience="333", message_id="m-1", sha256=message["digest"], codes=(), checkpoint=None, ring=theirs.ring, now=now
    )
    message["receipts"] = [token]
    entries = [json.loads(text) for text in exchange.file["contents"]["entries"]]
    for entry in entries:
        if entry["act"] == "receipt.verified":
            entry["detail"]["receipt"] = audit_log.digest_text(token)
    file = sign_again(exchange, entries)
    assert exchange.codes(file) == {"evidence.other-receipt"}
    assert run_in_process(tmp_path, exchange, file) == 1
