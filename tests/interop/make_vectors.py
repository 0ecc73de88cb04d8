"""Writes schemas/vectors/vectors.json: `python -m tests.interop.make_vectors`.

Run it only when the format changes: sealing is random, so the sealed texts differ each time, and partners keep the
file. What must be refused is built here by hand from parts, not by `keys`, which would not write such things.
"""

import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keys import bearer, card, envelope, jose, note, receipt
from keys.algorithms import KEMS
from keys.hsm import SigningPrivateKey
from keys.ring import Ring
from keys.trust import Trust
from tests.unit.keys.parties import NOW, Party, party, seed, trust_in, with_key

FILE = Path(__file__).parents[2] / "schemas" / "vectors" / "vectors.json"
MESSAGE_ID = "01936a7e-5c00-7abc-8def-0123456789ab"
PAYLOAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<Message xmlns="urn:cme-exchange:message:1"><Header><MessageId>{MESSAGE_ID}</MessageId>\
<Sender>333</Sender><Recipient>885</Recipient><Test>true</Test></Header>\
<Note>Not a real notice: these vectors are about envelopes, which carry any bytes. Zoë Ó Briain, 李.</Note></Message>
""".encode()
SIGNED_HEADER = {"typ": "cme-message+jws", "cty": "application/xml"}

Row = dict[str, Any]


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return jose.encode(raw)


def compact(value: object) -> bytes:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def flip(text: str, at: int) -> str:
    """The text with one base64url character replaced by its neighbour."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    index = at % len(text)
    other = alphabet[alphabet.index(text[index]) ^ 1]
    return text[:index] + other + text[index + 1 :]


def handmade(header: Row, payload: bytes, private: SigningPrivateKey | None, hmac_key: bytes | None = None) -> str:
    """A compact JWS with any header; unsigned, HMAC-signed, or Ed25519-signed."""
    text = f"{b64(compact(header))}.{b64(payload)}"
    if private:
        return f"{text}.{b64(private.sign(text.encode()))}"
    return f"{text}.{b64(hmac.digest(hmac_key, text.encode(), 'sha256') if hmac_key else b'')}"


class World:
    """The parties of the vectors: 333 sends, 885 receives, 330 has keys of every age, 334 has a classical key."""

    def __init__(self) -> None:
        day = timedelta(days=1)
        self.sender, self.recipient = party("333"), party("885")
        self.classical = party("334", kem="X25519")
        other = party("330")
        other, self.retired = with_key(other, seed("330 old"), "retired", NOW - 400 * day, NOW - 3 * day)
        other, self.revoked = with_key(other, seed("330 stolen"), "revoked", NOW - 100 * day, NOW + 100 * day)
        other, self.future = with_key(other, seed("330 next"), "active", NOW + 10 * day, NOW + 400 * day)
        self.other: Party = other
        self.all = (self.sender, self.recipient, self.classical, self.other)
        self.trust: Trust = trust_in(*self.all)

    def seal(self, ring: Ring, recipient: str, at: datetime = NOW) -> str:
        """An honest message."""
        names = envelope.Names(MESSAGE_ID, ring.authority, recipient)
        return envelope.seal(PAYLOAD, names=names, ring=ring, trust=self.trust, now=at).decode()

    def wrap(self, inside: str, header_text: str | None = None, **changes: Any) -> str:
        """Anything, sealed to 885 under a header with changes."""
        key = self.trust.sealing_key("885", NOW)
        header = {"v": 1, "suite": key.kem.suite_name, "kid": key.kid, "iss": "333", "aud": "885"}
        header |= {"jti": MESSAGE_ID, "iat": jose.write_seconds(NOW)} | changes
        head = b64(header_text.encode() if header_text else compact(header))
        closed = key.kem.suite.encrypt(inside.encode(), key.public, b"cme-exchange/1\x00" + head.encode())
        return f"{head}.{b64(closed)}"

    def jws(self, ring: Ring | None = None, private: Ed25519PrivateKey | None = None, **changes: Any) -> str:
        """The signed payload with a changed header, or another's signature."""
        ours = (ring or self.sender.ring).signing
        header: Row = {"alg": "EdDSA", "kid": ours.kid} | SIGNED_HEADER | changes
        header = {name: value for name, value in header.items() if value is not None}
        return handmade(header, PAYLOAD, private or ours.private)


def opened_messages(world: World) -> Iterator[Row]:
    """Messages that open."""
    cases = [
        ("post-quantum hybrid, the default", world.sender.ring, world.recipient, NOW),
        ("classical X25519, for a partner without ML-KEM", world.sender.ring, world.classical, NOW),
        ("signed with a key that was retired since", world.retired, world.recipient, NOW - timedelta(days=4)),
    ]
    for name, ring, recipient, at in cases:
        sealed = world.seal(ring, recipient.card.authority, at)
        head, _, _ = sealed.partition(".")
        yield {
            "name": name,
            "now": NOW.isoformat(),
            "recipient": recipient.card.authority,
            "sealed": sealed,
            "header": json.loads(jose.decode(head)),
            "info_hex": (b"cme-exchange/1\x00" + head.encode()).hex(),
            "jws": jose.sign(envelope.KIND, PAYLOAD, kid=ring.signing.kid, alg="EdDSA", key=ring.signing.private),
            "sha256": sha256(sealed.encode()).hexdigest(),
            "signed_by": ring.signing.kid,
        }


def refused_outside(world: World) -> Iterator[tuple[str, str, str, str]]:
    """Name, code, why, input: what is wrong can be seen without a key."""
    good = world.seal(world.sender.ring, "885")
    head, body = good.split(".")
    member = json.loads(jose.decode(head))
    text = jose.decode(head).decode()
    malformed = "envelope.malformed"
    one_spelling = "A value has one spelling; accepting a second lets one message pass for two."
    yield "empty", malformed, "There is nothing.", ""
    yield "one part", malformed, "There must be exactly two parts.", head
    yield "three parts", malformed, "There must be exactly two parts.", good + ".AAAA"
    yield "padding in the header", malformed, one_spelling, f"{head}=.{body}"
    yield "padding in the body", malformed, one_spelling, good + "="
    yield "line break at the end", malformed, one_spelling, good + "\n"
    yield "plain base64 alphabet", malformed, one_spelling, f"{head}.{body[:-4]}+/+/"
    yield "letter beyond ASCII", malformed, one_spelling, f"{head}.{body[:-1]}é"
    yield "stray bits", malformed, one_spelling, f"{head}.AB"
    yield "header too long", malformed, "A header longer than 1,024 characters is not read.", "A" * 1025 + "." + body
    yield "header is no JSON", malformed, "The header must be a JSON object.", f"{b64(b'nonsense')}.{body}"
    yield "header is a list", malformed, "The header must be a JSON object.", f"{b64(b'[]')}.{body}"
    yield "header nested too deep", malformed, "The header must be a flat object.", f"{b64(b'[' * 700)}.{body}"
    twice = world.wrap("x", header_text=text[:-1] + ',"aud":"885"}')
    yield "member twice", malformed, "Two readers may each believe another of the two (RFC 8259, 4).", twice
    yield "unknown member", malformed, "Exactly the members of version 1, no other.", world.wrap("x", extra=1)
    fewer = {name: value for name, value in member.items() if name != "jti"}
    yield "missing member", malformed, "Exactly the members of version 1.", f"{b64(compact(fewer))}.{body}"
    for name, value in {
        "iat is a fraction": 1.5,
        "iat is text": "1763890200",
        "iat is true": True,
        "iat is negative": -1,
        "iat is beyond any date": 10**11 * 9,
    }.items():
        yield name, malformed, "A date is a whole number of seconds.", world.wrap("x", iat=value)
    huge = text.replace(str(member["iat"]), "9" * 500)
    yield "iat has 500 digits", malformed, "Huge numbers are refused unread.", world.wrap("x", header_text=huge)
    nan = text.replace(str(member["iat"]), "NaN")
    yield "iat is NaN", malformed, "NaN is not JSON.", world.wrap("x", header_text=nan)
    yield "version 2", malformed, "This is a reader of version 1.", world.wrap("x", v=2)
    yield "message id is a path", malformed, "An id may become a file name.", world.wrap("x", jti="../../etc/passwd")
    yield "sender is an object", malformed, "Members have their types.", world.wrap("x", iss={"$ne": None})
    yield "other recipient", "envelope.not-for-us", "885 was handed what is for 333.", world.wrap("x", aud="333")
    yield "sealing key unknown", "key.unknown", "885 has no such key.", world.wrap("x", kid="885-enc-0000000000000000")
    yield "sealing key is a path", "key.unknown", "A key id is only looked up.", world.wrap("x", kid="../../id_rsa")
    classical = KEMS["X25519"].suite_name
    yield "suite of another key", "envelope.algorithm", "The key decides the suite.", world.wrap("x", suite=classical)
    yield "sender unknown", "card.unknown-authority", "Nobody confirmed a card of 999.", world.wrap("x", iss="999")
    old, soon = NOW - timedelta(days=14, seconds=1), NOW + timedelta(minutes=5, seconds=1)
    yield "too old", "envelope.too-old", "Sealed more than 14 days ago.", world.seal(world.sender.ring, "885", old)
    future = world.seal(world.sender.ring, "885", soon)
    yield "from the future", "envelope.from-the-future", "Sealed more than 5 minutes from now.", future


def refused_cipher(world: World) -> Iterator[tuple[str, str, str, str]]:
    """Name, code, why, input: it does not decrypt."""
    code = "envelope.does-not-decrypt"
    good = world.seal(world.sender.ring, "885")
    head, body = good.split(".")
    text = jose.decode(head).decode()
    renamed = b64(text.replace(MESSAGE_ID, MESSAGE_ID[:-1] + "c").encode())
    later = b64(text.replace(str(jose.write_seconds(NOW)), str(jose.write_seconds(NOW) + 1)).encode())
    spaced = b64(text.replace(":", ": ").encode())
    moved = b64(text.replace('"333"', '"330"').encode())
    yield "message id changed", code, "The header is bound to the ciphertext.", f"{renamed}.{body}"
    yield "date changed", code, "The header is bound to the ciphertext.", f"{later}.{body}"
    yield "header respelled", code, "The very characters of the header are bound.", f"{spaced}.{body}"
    yield "sender changed", code, "The header is bound.", f"{moved}.{body}"
    yield "bit of ML-KEM part flipped", code, "A changed encapsulation gives another key.", f"{head}.{flip(body, 10)}"
    yield "bit of X25519 part flipped", code, "A changed encapsulation gives another key.", f"{head}.{flip(body, 1470)}"
    yield "bit of ciphertext flipped", code, "AES-GCM sees it.", f"{head}.{flip(body, 1600)}"
    yield "bit of tag flipped", code, "AES-GCM sees it.", f"{head}.{flip(body, -8)}"
    yield "truncated", code, "AES-GCM sees it.", f"{head}.{body[: len(body) // 8 * 4]}"
    yield "ciphertext empty", code, "There is nothing to open.", f"{head}."


def refused_inside(world: World) -> Iterator[tuple[str, str, str, str]]:
    """Name, code, why, input: it opens, but what lies within is not the sender's message."""
    yield (
        "signed by nobody",
        "envelope.algorithm",
        "alg none (RFC 8725, 3.1).",
        world.wrap(handmade({"alg": "none", "kid": world.sender.ring.signing.kid} | SIGNED_HEADER, PAYLOAD, None)),
    )
    yield (
        "HS256 with the public key",
        "envelope.algorithm",
        "The key decides the algorithm.",
        world.wrap(
            handmade(
                {"alg": "HS256", "kid": world.sender.ring.signing.kid} | SIGNED_HEADER,
                PAYLOAD,
                None,
                world.sender.ring.signing.public,
            )
        ),
    )
    yield (
        "receipt as a message",
        "envelope.type",
        "Explicit types (RFC 8725, 3.11).",
        world.wrap(world.jws(typ="cme-receipt+jwt")),
    )
    yield "no type", "envelope.type", "Explicit types (RFC 8725, 3.11).", world.wrap(world.jws(typ=None))
    yield "other content type", "envelope.type", "Only application/xml.", world.wrap(world.jws(cty="text/html"))
    extra: dict[str, Any] = {"crit": ["exp"], "b64": True, "jwk": {}, "jku": "https://evil.example", "x5c": []}
    for name, value in extra.items():
        yield (
            f"header has {name}",
            "envelope.malformed",
            "Unknown members are refused.",
            world.wrap(world.jws(**{name: value})),
        )
    yield "not a JWS", "envelope.malformed", "What is sealed must be signed.", world.wrap(PAYLOAD.decode())
    stranger = Ed25519PrivateKey.from_private_bytes(seed("stranger"))
    yield (
        "forged signer",
        "envelope.signature",
        "Signed by a stranger under the sender's key id.",
        world.wrap(world.jws(private=stranger)),
    )
    yield (
        "signer of another authority",
        "key.unknown",
        "330 signed; the outside says 333.",
        world.wrap(world.jws(ring=world.other.ring)),
    )
    yield "signing key is a path", "key.unknown", "A key id is only looked up.", world.wrap(world.jws(kid="../../x"))
    sealing = world.sender.ring.public_keys()[1].kid
    yield "signed with a sealing key", "key.unknown", "A key has one use.", world.wrap(world.jws(kid=sealing))
    good = world.jws()
    yield "signature flipped", "envelope.signature", "Ed25519 sees it.", world.wrap(flip(good, -20))
    yield "signature empty", "envelope.signature", "It must be there.", world.wrap(good.rpartition(".")[0] + ".")
    yield "payload flipped", "envelope.signature", "Ed25519 sees it.", world.wrap(flip(good, len(good) // 2))
    for name, code, ring, why in (
        ("signing key revoked", "key.revoked", world.revoked, "What a revoked key signed never counts."),
        ("signing key out of date", "key.out-of-date", world.retired, "Sealed after the key's last day."),
        ("signing key not valid yet", "key.not-yet", world.future, "Sealed before the key's first day."),
    ):
        yield name, code, why, world.wrap(world.jws(ring=ring), iss="330")


def refused_tokens(world: World) -> Iterator[Row]:
    """Receipts, callers' tokens, cards, checkpoints that must be refused."""
    us, them = world.sender, world.recipient
    digest = sha256(b"sent").hexdigest()
    at = jose.write_seconds(NOW)
    good: Row = {"iss": "885", "aud": "333", "sub": MESSAGE_ID, "sha256": digest, "iat": at, "result": "accepted"}
    good |= {"codes": [], "checkpoint": None}
    caller: Row = {"iss": "885", "aud": "333", "iat": at, "exp": at + 300, "jti": "j1"}
    claims = json.loads(jose.decode(them.token().split(".")[1]))
    card_key = jose.read(card.KIND, them.token()).kid
    receipts = {"kind": "receipt", "issuer": "885", "audience": "333", "sha256": digest}
    callers = {"kind": "bearer", "audience": "333"}
    for kind, typ, row, body, kid, key in (
        ("receipt", "cme-receipt+jwt", receipts, good, them.ring.signing.kid, them.ring.signing.private),
        ("bearer", "cme-bearer+jwt", callers, caller, them.ring.signing.kid, them.ring.signing.private),
        ("card", "cme-card+jwt", {"kind": "card"}, claims, card_key, them.identity),
    ):
        header = {"alg": "EdDSA", "kid": kid, "typ": typ}
        none, hs = header | {"alg": "none"}, header | {"alg": "HS256"}
        whole = handmade(header, compact(body), key)
        verifies = key.public_key()
        assert isinstance(verifies, Ed25519PublicKey)
        public = verifies.public_bytes_raw()
        stranger = handmade(header, compact(body), us.identity)
        more = handmade(header, compact(body | {"admin": True}), key)
        for name, code, why, token in (
            ("alg none", "algorithm", "An unsigned token.", handmade(none, compact(body), None)),
            ("HS256", "algorithm", "The public key is no secret.", handmade(hs, compact(body), None, public)),
            ("type", "type", "Explicit types.", handmade(header | {"typ": "JWT"}, compact(body), key)),
            ("crit", "malformed", "Unknown members.", handmade(header | {"crit": ["x"]}, compact(body), key)),
            ("stranger", "signature", "Signed by another key.", stranger),
            ("signature flipped", "signature", "Ed25519 sees it.", flip(whole, -20)),
            ("extra member", "malformed", "Exactly its members.", more),
            ("truncated", "malformed", "A part is missing.", whole.rpartition(".")[0]),
            ("padding", "malformed", "One spelling.", whole + "=="),
            ("not JSON", "malformed", "The claims are an object.", handmade(header, b"x", key)),
            ("letter beyond ASCII", "malformed", "One spelling.", "é" + whole),
        ):
            yield row | {"name": f"{kind}: {name}", "code": f"{kind}.{code}", "why": why, "input": token}
    yield from _changed("receipt", receipts, good, them, RECEIPT_CHANGES)
    yield from _changed("bearer", callers, caller, them, BEARER_CHANGES)
    yield from _bad_cards(claims, card_key, them)
    yield from _bad_checkpoints(them)


_AT = jose.write_seconds(NOW)
RECEIPT_CHANGES: list[tuple[str, str, str, Row]] = [
    ("other issuer", "receipt.other-party", "330 cannot sign for 885.", {"iss": "330"}),
    ("other audience", "receipt.other-party", "It was signed for 330.", {"aud": "330"}),
    ("other bytes", "receipt.other-message", "It is for another message.", {"sha256": "0" * 64}),
    ("from the future", "receipt.from-the-future", "More than 5 minutes.", {"iat": _AT + 301}),
    ("accepted with codes", "receipt.malformed", "It contradicts itself.", {"codes": ["upn.check-letter"]}),
    ("rejected without codes", "receipt.malformed", "It contradicts itself.", {"result": "rejected"}),
    ("digest in capitals", "receipt.malformed", "One spelling.", {"sha256": "A" * 64}),
]
BEARER_CHANGES: list[tuple[str, str, str, Row]] = [
    ("other audience", "bearer.other-audience", "Made for 330.", {"aud": "330"}),
    ("unknown caller", "card.unknown-authority", "Nobody confirmed a card of 999.", {"iss": "999"}),
    ("other caller", "key.unknown", "885's key cannot speak for 330.", {"iss": "330"}),
    ("expired", "bearer.expired", "Five minutes, and five for clocks.", {"iat": _AT - 600, "exp": _AT - 300}),
    ("long life", "bearer.expired", "No token lives longer than five minutes.", {"iat": _AT - 601, "exp": _AT + 9999}),
    ("from the future", "bearer.from-the-future", "More than 5 minutes.", {"iat": _AT + 301, "exp": _AT + 601}),
]


def _changed(
    kind: str, row: Row, claims: Row, signer: Party, changes: list[tuple[str, str, str, Row]]
) -> Iterator[Row]:
    ours = signer.ring.signing
    header = {"alg": "EdDSA", "kid": ours.kid, "typ": f"cme-{kind}+jwt"}
    for name, code, why, change in changes:
        token = handmade(header, compact(claims | change), ours.private)
        yield row | {"name": f"{kind}: {name}", "code": code, "why": why, "input": token}


def _bad_cards(claims: Row, kid: str, owner: Party) -> Iterator[Row]:
    signing, sealing = claims["keys"]
    header = {"alg": "EdDSA", "kid": kid, "typ": "cme-card+jwt"}
    weak = sealing | {"alg": "X25519", "public": b64(bytes(32))}
    for name, why, change in (
        ("two keys with one id", "Which would count?", {"keys": [signing, signing]}),
        ("sealing key of low order", "Whatever is sealed to it is open (RFC 7748, 6.1).", {"keys": [signing, weak]}),
        ("signing key too short", "It must load.", {"keys": [signing | {"public": "AAAA"}, sealing]}),
        ("unknown signature algorithm", "EdDSA only.", {"keys": [signing | {"alg": "RS256"}, sealing]}),
        ("identity with a private part", "Exactly kty, crv, x.", {"identity": claims["identity"] | {"d": "AAAA"}}),
        ("name with a line break", "A name is one line.", {"name": "San\ndwell"}),
        ("name that turns direction", "Nothing invisible.", {"name": "Sandwell\u202e"}),
        ("serial below nought", "It only rises, from nought.", {"serial": -1}),
        ("33 routes", "At most 32.", {"routes": claims["routes"] * 33}),
    ):
        token = handmade(header, compact(claims | change), owner.identity)
        yield {"kind": "card", "name": f"card: {name}", "code": "card.malformed", "why": why, "input": token}


def _bad_checkpoints(owner: Party) -> Iterator[Row]:
    origin = note.origin_of("885")
    text = note.sign_checkpoint(origin=origin, size=18273, root=seed("root"), ring=owner.ring)
    private = owner.ring.signing.private
    nought = note.sign(text.partition("\n\n")[0].replace("18273", "018273") + "\n", name=origin, private=private)
    elsewhere = note.sign_checkpoint(origin="cme-gateway/330", size=1, root=seed("root"), ring=owner.ring)
    for name, code, why, value in (
        ("size changed", "note.signature", "It was signed for another size.", text.replace("18273", "18272")),
        ("size with a leading nought", "note.malformed", "One spelling.", nought),
        ("unsigned", "note.malformed", "There is no signature line.", text.partition("\n— ")[0] + "\n"),
        ("other log", "note.other-origin", "It is the log of 330.", elsewhere),
        ("line break missing", "note.malformed", "The last line ends too.", text[:-1]),
    ):
        row = {"kind": "checkpoint", "name": f"checkpoint: {name}", "code": code, "why": why}
        yield row | {"authority": "885", "input": value}


def described(world: World) -> Iterator[Row]:
    """What needs another setting, or is too large to store."""
    message = {"kind": "message", "recipient": "885"}
    yield message | {
        "name": "too large",
        "code": "envelope.too-large",
        "why": "One byte more than 1 MiB; refused unread.",
        "input_repeat": {"text": "A", "times": envelope.MAX_SEALED_BYTES + 1},
    }
    expired = world.other.card.expires_at
    yield message | {
        "name": "sender's card expired",
        "code": "card.expired",
        "why": "A card that nobody renewed says nothing about today.",
        "now": expired.isoformat(),
        "input": world.wrap(world.jws(ring=world.other.ring), iss="330", iat=jose.write_seconds(expired)),
    }


def replacements(world: World) -> Iterator[Row]:
    """Which card may take the place of the one that is held."""
    held = world.recipient
    newer = replace(held.card, serial=8, issued_at=NOW)
    usurper = world.other.identity
    stolen = replace(newer, identity=usurper.public_key().public_bytes_raw())
    late, early = replace(newer, expires_at=NOW), replace(newer, issued_at=NOW + timedelta(minutes=6))
    for name, code, why, new in (
        ("newer", None, "Same identity, higher serial.", card.write(newer, held.identity)),
        ("same again", "card.older", "The serial must rise.", held.token()),
        ("older", "card.older", "The serial only rises.", card.write(replace(newer, serial=6), held.identity)),
        (
            "same serial, other content",
            "card.serial-reused",
            "A serial stands for one card.",
            card.write(replace(newer, serial=7), held.identity),
        ),
        (
            "newer, with something that nobody knows yet",
            None,
            "What stands in `extensions` is ignored where it is not known.",
            card.write(replace(newer, extensions={"to-come": {"any": [1, None]}}), held.identity),
        ),
        ("other identity", "card.other-identity", "Telephone first.", card.write(stolen, usurper)),
        ("other authority", "card.other-authority", "330's card is not 885's.", world.other.token()),
        ("expired", "card.expired", "Its time has passed.", card.write(late, held.identity)),
        ("from the future", "card.from-the-future", "Its time has not come.", card.write(early, held.identity)),
    ):
        yield {"name": name, "code": code, "why": why, "now": NOW.isoformat(), "held": held.token(), "new": new}


def authorities(world: World) -> Iterator[Row]:
    """The parties with their keys. Everything here follows from the seeds."""
    for owner in world.all:
        code = owner.card.authority
        yield {
            "authority": code,
            "identity_seed_hex": seed(f"{code} id").hex(),
            "signing_seed_hex": seed(f"{code} sig").hex(),
            "sealing_seed_hex": seed(f"{code} enc").hex(),
            "fingerprint": card.compute_fingerprint(owner.card),
            "card": owner.token(),
        }


def accepted_tokens(world: World) -> Row:
    """A receipt, a caller's token and a checkpoint that verify."""
    them = world.recipient.ring
    checkpoint = note.sign_checkpoint(origin=note.origin_of("885"), size=18273, root=seed("root"), ring=them)
    digest = sha256(b"sent").hexdigest()
    both: Row = {"audience": "333", "message_id": MESSAGE_ID, "sha256": digest, "checkpoint": checkpoint}
    tokens = (receipt.issue(codes=codes, ring=them, now=NOW, **both) for codes in ((), ("upn.check-letter",)))
    return {
        "now": NOW.isoformat(),
        "issuer": "885",
        **both,
        "receipts": list(tokens),
        "bearer": bearer.issue("333", ring=them, now=NOW),
    }


def build() -> Row:
    """The whole file."""
    world = World()
    message = {"kind": "message", "recipient": "885"}
    inputs = [*refused_outside(world), *refused_cipher(world), *refused_inside(world)]
    rows = [message | {"name": n, "code": code, "why": why, "input": text} for n, code, why, text in inputs]
    refused = [*rows, *described(world), *refused_tokens(world)]
    return {
        "about": "TEST ONLY. Every key in this file is public. Read README.md beside it.",
        "version": 1,
        "payload": PAYLOAD.decode(),
        "authorities": list(authorities(world)),
        "messages": list(opened_messages(world)),
        "tokens": accepted_tokens(world),
        "replacements": list(replacements(world)),
        "refused": [{"now": NOW.isoformat()} | row for row in refused],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(build(), ensure_ascii=True, indent=1) + "\n", "ascii")
