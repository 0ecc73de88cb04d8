"""The published vectors: what must open, opens; what must be refused, is refused with the code that is promised."""

import json
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from keys import bearer, card, envelope, jose, note, receipt
from keys.algorithms import DEFAULT_KEM, SIGNING
from keys.errors import Refusal, RefusalCode
from keys.key_file import AT_REST, OwnKey
from keys.ring import Ring
from keys.trust import Trust

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[3] / "schemas/vectors/vectors.json").read_bytes())
CARDS = {row["authority"]: card.read(row["card"]) for row in VECTORS["authorities"]}
TRUST = Trust(CARDS)
PAYLOAD: bytes = VECTORS["payload"].encode()


def ring_of(authority: str) -> Ring:
    """The ring of an authority, from the seeds in the file and nothing else."""
    row = next(row for row in VECTORS["authorities"] if row["authority"] == authority)
    kem = next(key.alg for key in CARDS[authority].keys if key.use == "enc")
    start = CARDS[authority].keys[0].not_before
    signing = OwnKey.create(authority, "sig", SIGNING, secret=bytes.fromhex(row["signing_seed_hex"]), now=start)
    sealing = OwnKey.create(authority, "enc", kem, secret=bytes.fromhex(row["sealing_seed_hex"]), now=start)
    return Ring(authority, (signing, sealing, OwnKey.create(authority, "rest", AT_REST, secret=bytes(32), now=start)))


def moment(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["now"])


@pytest.mark.parametrize("row", VECTORS["authorities"], ids=lambda row: row["authority"])
def test_card_is_read_and_follows_from_the_seeds(row: dict[str, Any]) -> None:
    read = CARDS[row["authority"]]
    assert card.compute_fingerprint(read) == row["fingerprint"]
    assert read.keys[:2] == ring_of(row["authority"]).public_keys()
    assert any(key.alg == DEFAULT_KEM for known in CARDS.values() for key in known.keys)


@pytest.mark.parametrize("row", VECTORS["messages"], ids=lambda row: row["name"])
def test_message_opens(row: dict[str, Any]) -> None:
    opened = envelope.unseal(row["sealed"].encode(), ring=ring_of(row["recipient"]), trust=TRUST, now=moment(row))
    header = row["header"]
    assert opened.payload == PAYLOAD
    assert opened.names == envelope.Names(header["jti"], header["iss"], header["aud"])
    assert opened.signed_by == row["signed_by"]
    assert jose.write_seconds(opened.issued_at) == header["iat"]
    assert sha256(row["sealed"].encode()).hexdigest() == row["sha256"]


def test_what_is_deterministic_is_made_again_byte_for_byte() -> None:
    row = VECTORS["messages"][0]
    ours = ring_of("333").signing
    assert jose.sign(envelope.KIND, PAYLOAD, kid=ours.kid, alg=ours.alg, key=ours.private) == row["jws"]


def test_tokens_verify() -> None:
    row = VECTORS["tokens"]
    us, digest, now = row["audience"], row["sha256"], moment(row)
    read = [
        receipt.verify(text, issuer="885", audience=us, sha256=digest, trust=TRUST, now=now) for text in row["receipts"]
    ]
    assert [(each.result, each.codes) for each in read] == [("accepted", ()), ("rejected", ("upn.check-letter",))]
    assert {(each.message_id, each.checkpoint) for each in read} == {(row["message_id"], row["checkpoint"])}
    assert bearer.verify(row["bearer"], audience=us, trust=TRUST, now=now) == "885"
    assert note.verify_checkpoint_with_trust(row["checkpoint"], authority="885", trust=TRUST).size == 18273


@pytest.mark.parametrize("row", VECTORS["replacements"], ids=lambda row: row["name"])
def test_card_replaces_or_not(row: dict[str, Any]) -> None:
    try:
        card.check_replacement(card.read(row["new"]), card.read(row["held"]), moment(row))
        code = None
    except Refusal as refusal:
        code = refusal.code
    assert code == row["code"], row["why"]


def present(row: dict[str, Any]) -> None:
    """Give the input of a vector to the function that it is for."""
    text = row["input_repeat"]["text"] * row["input_repeat"]["times"] if "input_repeat" in row else row["input"]
    now = moment(row)
    match row["kind"]:
        case "message":
            envelope.unseal(text.encode(), ring=ring_of(row["recipient"]), trust=TRUST, now=now)
        case "card":
            card.read(text)
        case "receipt":
            parties = {"issuer": row["issuer"], "audience": row["audience"]}
            receipt.verify(text, **parties, sha256=row["sha256"], trust=TRUST, now=now)
        case "bearer":
            bearer.verify(text, audience=row["audience"], trust=TRUST, now=now)
        case "checkpoint":
            note.verify_checkpoint_with_trust(text, authority=row["authority"], trust=TRUST)
        case kind:
            raise AssertionError(kind)


@pytest.mark.parametrize("row", VECTORS["refused"], ids=lambda row: row["name"])
def test_refused(row: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refusal:
        present(row)
    assert refusal.value.code == row["code"], row["why"]
    assert row["code"] in set(RefusalCode)


def test_every_refusal_of_an_input_has_a_vector() -> None:
    """Our own key files, copies, backups, letters and the API's tokens are nobody else's affair; `disagrees` needs the payload
    read, and `card.other-version` and `key.forbidden` are what a sender asks of a card that is right.

    Statements and directories have no vectors yet: test_statement.py and test_directory.py show each of their refusals;
    `card.suspended` and `card.too-old-version` are what we decide ourselves.
    """
    shown = {row["code"] for part in ("refused", "replacements") for row in VECTORS[part]}
    own = ("ring.", "at-rest.", "smime.", "statement.", "directory.", "id-token.", "api-token.", "backup.")
    ours = {code for code in RefusalCode if code.startswith(own)}
    assert set(RefusalCode) - shown - ours == {
        "envelope.disagrees",
        "card.route",
        "card.other-version",
        "key.forbidden",
        "card.suspended",
        "card.too-old-version",
    }
