"""A test of the connection between two gateways: sealed and signed as a message is, under a type of its own, so that
neither can ever be taken for the other.

    inside      compact JWS (RFC 7515): {"alg", "kid", "typ":"cme-test+jws", "cty":"application/json"}
    payload     {"v":1, "id", "sender", "recipient", "card", "holds", "answers", "asks_back", "back"}

It says nothing about a child, and is kept by nobody. A gateway of an older version has no such address (404).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from keys import envelope, jose, shape
from keys.envelope import Names
from keys.errors import RefusalCode, build_refusal
from keys.ring import Ring
from keys.trust import Trust

MAX_TEST_BYTES = 16_384
# Of one card.
MOST_ROUTES = 16

KIND = jose.Kind(
    "cme-test+jws",
    MAX_TEST_BYTES,
    RefusalCode.ENVELOPE_MALFORMED,
    RefusalCode.ENVELOPE_ALGORITHM,
    RefusalCode.ENVELOPE_TYPE,
    RefusalCode.ENVELOPE_SIGNATURE,
    cty="application/json",
)


@dataclass(frozen=True, slots=True)
class ConnectionTest:
    """A test, or the answer to one."""

    test_id: str
    sender: str
    recipient: str
    # The serial of the sender's card.
    card: int
    # The serial of the recipient's card that the sender holds.
    holds: int
    # The id of the test that it answers; empty: it is no answer.
    answers: str = ""
    # Whether the other side is to make a test of its own; never in one that was asked for.
    asks_back: bool = False
    # In an answer: how the test of the other side went, by kind of route: a code, or "ok".
    back: Mapping[str, str] = field(default_factory=dict)


def seal_test(test: ConnectionTest, *, ring: Ring, trust: Trust, now: datetime) -> bytes:
    """Sign a test as ourselves and encrypt it to its recipient; return the text of the wire, in ASCII.

    Args:
        test: what it says; we are its sender.
        ring: our keys. Its newest signing key signs.
        trust: the cards, on one of which the recipient's key is looked up.
        now: the time, in any zone.

    Raises:
        EnvelopeRefused: a name may not stand on the outside, or we are not the sender.
        CardRefused: of the recipient's card.
        KeyRefused: no key on it can be used now.
    """
    members = {
        "v": 1,
        "id": test.test_id,
        "sender": test.sender,
        "recipient": test.recipient,
        "card": test.card,
        "holds": test.holds,
        "answers": test.answers,
        "asks_back": test.asks_back,
        "back": dict(test.back),
    }
    names = Names(test.test_id, test.sender, test.recipient)
    return envelope.seal(json.dumps(members).encode(), names=names, ring=ring, trust=trust, now=now, kind=KIND)


def open_test(sealed: bytes, *, ring: Ring, trust: Trust, now: datetime) -> ConnectionTest:
    """Open a test, or refuse it as a message is refused.

    Args:
        sealed: the text of the wire, as it came.
        ring: our keys. A retired one still opens.
        trust: the cards that count.
        now: the time, in any zone.

    Raises:
        EnvelopeRefused: besides, `envelope.malformed` where it does not say what a test must, and
            `envelope.disagrees` where it names others than the outside does.
        CardRefused: of the sender's card.
        KeyRefused: of either side's key.
    """
    opened = envelope.unseal(sealed, ring=ring, trust=trust, now=now, kind=KIND)
    try:
        test = _read_test(jose.read_object(opened.payload))
    except jose.UnreadableToken:
        raise build_refusal(RefusalCode.ENVELOPE_MALFORMED) from None
    if opened.names != Names(test.test_id, test.sender, test.recipient):
        raise build_refusal(RefusalCode.ENVELOPE_DISAGREES)
    return test


def _read_test(claims: Mapping[str, object]) -> ConnectionTest:
    names = "v id sender recipient card holds answers asks_back back"
    members = shape.read_members(claims, names)
    back = members["back"]
    if shape.read_count(members["v"]) != 1 or not isinstance(back, dict) or len(back) > MOST_ROUTES:
        raise jose.UnreadableToken("test")
    return ConnectionTest(
        shape.read_name(members["id"]),
        shape.read_name(members["sender"]),
        shape.read_name(members["recipient"]),
        shape.read_count(members["card"]),
        shape.read_count(members["holds"]),
        shape.read_name(members["answers"]) if members["answers"] != "" else "",
        members["asks_back"] is True,
        {shape.read_name(kind): shape.read_name(code) for kind, code in back.items()},
    )
