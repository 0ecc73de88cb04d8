"""Check evidence of one exchange with Python's standard library and the package `cryptography`, and nothing else:

    python check_evidence.py evidence.json THEIR-CARD.jwt OUR-CARD.jwt

It shares no code with cme-gateway. What each part is: evidence.md.
"""

import json
import sys
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def read_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; a member that is there twice is refused."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a member stands there twice")
    return dict(pairs)


def decode_url(text: str) -> bytes:
    """Decode base64url (RFC 4648, 5)."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def is_signed(key: bytes, signature: bytes, signed: bytes) -> bool:
    """Tell whether this key signed (RFC 8032)."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def is_signed_with_p256(key: bytes, signature: bytes, signed: bytes) -> bool:
    """Tell whether this key of P-256 signed; the signature is in DER."""
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), key).verify(signature, signed, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def is_token_signed(key: dict[str, Any], alg: str, signature: bytes, signed: bytes) -> bool:
    """Tell whether this key of a card signed a token with this algorithm (RFC 7518, 3.4 has the form of ES256)."""
    public = decode_url(key["public"])
    if key["alg"] != alg:
        return False
    if alg == "EdDSA":
        return is_signed(public, signature, signed)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    return len(signature) == 64 and is_signed_with_p256(public, encode_dss_signature(r, s), signed)


def is_note_signed(key: dict[str, Any], name: str, stamp: bytes, signed: bytes) -> bool:
    """Tell whether this key of a card signed a note: its id is before the signature (C2SP signed-note)."""
    public = decode_url(key["public"])
    if key["alg"] == "EdDSA":
        key_id = sha256(name.encode() + b"\n\x01" + public).digest()[:4]
        return stamp[:4] == key_id and is_signed(public, stamp[4:], signed)
    point = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public)
    key_id = sha256(point.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()[:4]
    return stamp[:4] == key_id and is_signed_with_p256(public, stamp[4:], signed)


def read_token(token: str, kind: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Read a signed token (RFC 7515): its header, claims, signature and what is signed."""
    header, claims, signature = token.strip().split(".")
    head = json.loads(decode_url(header), object_pairs_hook=read_once)
    if head["typ"] != kind or head["alg"] not in ("EdDSA", "ES256"):
        raise ValueError(f"not a {kind}")
    payload = json.loads(decode_url(claims), object_pairs_hook=read_once)
    return head, payload, decode_url(signature), f"{header}.{claims}".encode()


def read_card(token: str) -> tuple[dict[str, Any], str]:
    """Read a card: it is signed by the identity key that it names. Its fingerprint says whose it is."""
    head, card, signature, signed = read_token(token, "cme-card+jwt")
    identity = decode_url(card["identity"]["x"])
    if head["alg"] != "EdDSA" or not is_signed(identity, signature, signed):
        raise ValueError("the card is not signed by its identity key")
    digits = str(int.from_bytes(sha256(identity).digest(), "big") % 10**40).zfill(40)
    return card, " ".join(digits[at : at + 5] for at in range(0, 40, 5))


def list_keys(card: dict[str, Any]) -> list[dict[str, Any]]:
    """List the keys with which the authority signs, but those that it has revoked."""
    return [key for key in card["keys"] if key["use"] == "sig" and key["status"] != "revoked"]


def read_checkpoint(text: str, card: dict[str, Any]) -> tuple[int, bytes]:
    """Return the size and the root that a checkpoint signs (C2SP signed-note and tlog-checkpoint)."""
    name = f"cme-gateway/{card['iss']}"
    body, _, signatures = text.rpartition("\n\n")
    body += "\n"
    origin, size, root, end = body.split("\n")
    for line in signatures.splitlines():
        _, signer, stamp = line.split(" ")
        raw = b64decode(stamp, validate=True)
        for key in list_keys(card):
            if (signer, origin, end) == (name, name, "") and is_note_signed(key, name, raw, body.encode()):
                return int(size), b64decode(root, validate=True)
    raise ValueError(f"the checkpoint is not signed by {card['iss']}")


def is_included(leaf: bytes, number: int, size: int, path: list[bytes], root: bytes) -> bool:
    """Follow the path from a leaf to the root (RFC 9162, 2.1.3.2)."""
    node, at, last = leaf, number, size - 1
    if not 0 <= number < size:
        return False
    for step in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = sha256(b"\x01" + step + node).digest()
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = sha256(b"\x01" + node + step).digest()
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def check_evidence(file: dict[str, Any], cards: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield what is wrong, as sentences. `cards` are the cards that you hold, by authority."""
    contents, messages = file["contents"], file["contents"]["messages"]
    notice, own = messages[0], contents["authority"]
    partner = notice["recipient"] if notice["sender"] == own else notice["sender"]
    size, root = read_checkpoint(file["checkpoint"], cards[own])
    entries = [json.loads(text, object_pairs_hook=read_once) for text in (*contents["entries"], file["closing"])]
    texts = (*contents["entries"], file["closing"])
    if file["format"] != "cme-evidence/1" or len(texts) != len(file["proofs"]):
        yield "the file has another format"
        return
    for text, entry, proof in zip(texts, entries, file["proofs"], strict=True):
        path = [b64decode(step, validate=True) for step in proof]
        if not is_included(sha256(b"\x00" + text.encode()).digest(), entry["number"], size, path, root):
            yield f"entry {entry['number']} is not in the signed log"
        if entry["about"] not in [message["message_id"] for message in messages]:
            yield f"entry {entry['number']} is about another message"
        if entry.get("partner", partner) != partner:
            yield f"entry {entry['number']} is about another authority"
    one_way = json.dumps(contents, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    closing = entries.pop()
    if (closing["act"], closing["about"]) != ("audit.evidence-exported", notice["message_id"]):
        yield "the last entry does not close this evidence"
    if closing["digest"] != sha256(one_way.encode()).hexdigest():
        yield "the contents are not those that the log names"
    begun = [(entry["act"], entry["about"], entry.get("digest")) for entry in entries]
    named = [entry.get("detail", {}).get("receipt") for entry in entries]
    # Entries of older versions say that there was a receipt, and not which.
    unnamed = [
        (entry["about"], entry.get("digest"))
        for entry in entries
        if entry["act"] in ("receipt.verified", "notice.rejected", "message.kept", "message.refused")
        and "receipt" not in entry.get("detail", {})
    ]
    for message in messages:
        if {message["sender"], message["recipient"]} != {own, partner}:
            yield "a message went between other authorities"
        act = "notice.queued" if message["sender"] == own else "message.kept"
        if (act, message["message_id"], message["digest"]) not in begun:
            yield "a message was not sent or received with this digest"
        for token in message["receipts"]:
            yield from check_receipt(token, message, cards[message["recipient"]])
            listed = (
                sha256(token.encode()).hexdigest() in named or (message["message_id"], message["digest"]) in unnamed
            )
            if not listed:
                yield "a receipt is not named by any entry"
    if contents["partner_checkpoint"] is not None:
        read_checkpoint(contents["partner_checkpoint"], cards[partner])


def check_receipt(token: str, message: dict[str, Any], card: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a receipt, by the card of the recipient."""
    head, claims, signature, signed = read_token(token, "cme-receipt+jwt")
    keys = [key for key in list_keys(card) if key["kid"] == head["kid"] and key["nbf"] <= claims["iat"] < key["exp"]]
    if not (keys and is_token_signed(keys[0], head["alg"], signature, signed)):
        yield "a receipt is not signed by the recipient"
    if (claims["iss"], claims["aud"]) != (message["recipient"], message["sender"]):
        yield "a receipt is between other authorities"
    if claims["sha256"] != message["digest"] or claims["sub"] not in (None, message["message_id"]):
        yield "a receipt is for another message"
    if claims["checkpoint"] is not None:
        read_checkpoint(claims["checkpoint"], card)


def main(evidence: str, *card_files: str) -> int:
    """Print what is wrong, or what was proved. The exit code is 1 if anything is wrong."""
    cards: dict[str, dict[str, Any]] = {}
    for name in card_files:
        with open(name, encoding="ascii") as stream:
            card, fingerprint = read_card(stream.read())
        cards[card["iss"]] = card
        print(f"Card of {card['name']} ({card['iss']}), fingerprint {fingerprint}")
    try:
        with open(evidence, encoding="utf-8") as stream:
            file = json.load(stream, object_pairs_hook=read_once)
        wrong = list(check_evidence(file, cards))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as why:
        wrong = [f"the file cannot be read, or a card is missing: {why}"]
    for sentence in wrong:
        print(f"Wrong: {sentence}.")
    if not wrong:
        for message in file["contents"]["messages"]:
            print(f"{message['kind']} {message['message_id']} from {message['sender']} to {message['recipient']}:")
            print(f"  SHA-256 {message['digest']}, receipts: {len(message['receipts'])}")
        print("No problems found. Confirm the fingerprints by phone.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
