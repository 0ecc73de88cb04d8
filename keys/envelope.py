"""The sealed message: what the sender signed, closed so that only the addressed authority can open it.

    wire text   BASE64URL(header) "." BASE64URL(HPKE output)   (ASCII, no line break)
    header      {"v":1, "suite", "kid" (recipient's), "iss", "aud", "jti", "iat"}   (in the clear)
    HPKE        RFC 9180 base mode, single shot (6.1); info = "cme-exchange/1" 0x00 ASCII(BASE64URL(header))
    inside      compact JWS (RFC 7515): {"alg", "kid" (sender's), "typ":"cme-message+jws", "cty":"application/xml"}

Because `info` holds the header's own text, a changed header does not open (RFC 9180, 8.1). HPKE alone says nothing
about who sealed: that is the signature's part, and what is signed is the payload, not the header. So a dishonest
recipient can seal the sender's signed payload again to a third authority, under another header ("surreptitious
forwarding"). The payload names its sender, recipient and id under the signature; the caller of `unseal` must compare
these with `Opened.names` and refuse with `envelope.disagrees`. It is done there because here a payload is only bytes.
For the same reason `issued_at` is what the header says; the payload's own time is the signed one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag

from keys import jose, shape
from keys.errors import RefusalCode, build_refusal
from keys.ring import Ring, SealingPrivate
from keys.trust import Trust, VerifyKey

# A notice is some kilobytes; this leaves room for its papers, and fits any mail server.
MAX_SEALED_BYTES = 1_048_576
# Base64url; ours are near 300.
MAX_HEADER_BYTES = 1_024
# Longer than any route keeps trying, shorter than any partner keeps ids to tell repeats.
MAX_AGE = timedelta(days=14)
CLOCK_SKEW = jose.CLOCK_SKEW

KIND = jose.Kind(
    "cme-message+jws",
    MAX_SEALED_BYTES,
    RefusalCode.ENVELOPE_MALFORMED,
    RefusalCode.ENVELOPE_ALGORITHM,
    RefusalCode.ENVELOPE_TYPE,
    RefusalCode.ENVELOPE_SIGNATURE,
    cty="application/xml",
)


@dataclass(frozen=True, slots=True)
class Names:
    """Which message, from whom, to whom."""

    message_id: str
    sender: str
    recipient: str


@dataclass(frozen=True, slots=True)
class EnvelopeHeader:
    """What stands outside on a sealed message. Nobody has vouched for it."""

    suite: str
    kid: str
    iss: str
    aud: str
    jti: str
    iat: datetime

    @property
    def names(self) -> Names:
        """Return the three names among them."""
        return Names(self.jti, self.iss, self.aud)


@dataclass(frozen=True, slots=True)
class Opened:
    """A payload that the sender signed, and the names on the outside, which are still to be compared with it."""

    payload: bytes
    names: Names
    issued_at: datetime
    # Key id.
    signed_by: str


def seal(payload: bytes, *, names: Names, ring: Ring, trust: Trust, now: datetime, kind: jose.Kind = KIND) -> bytes:
    """Sign `payload` as ourselves and encrypt it to the recipient (HPKE, RFC 9180, in single-shot base mode).

    Args:
        payload: the XML of the message, as it is to be signed.
        names: message id, our own DfE code and the recipient's.
        ring: our keys. Its newest signing key signs.
        trust: the cards, on one of which the recipient's key is looked up.
        now: the time, in any zone. It stands on the outside, in whole seconds.
        kind: what is signed: a message, or a test of the connection.

    Returns:
        The wire text, in ASCII.

    Raises:
        EnvelopeRefused: `envelope.disagrees` where we are not the sender, `envelope.malformed` where a name may not
            stand on the outside, `envelope.too-large`.
        CardRefused: `card.unknown-authority`, `card.expired`, `card.from-the-future`: of the recipient's card.
        KeyRefused: `key.unknown`, `key.revoked`, `key.not-yet`, `key.out-of-date`: no key on it can be used now.
    """
    if names.sender != ring.authority:
        raise build_refusal(RefusalCode.ENVELOPE_DISAGREES)
    # An id that a partner would refuse does not leave the house.
    _check_names(names)
    ours, theirs = ring.signing, trust.sealing_key(names.recipient, now)
    signed = jose.sign(kind, payload, kid=ours.kid, alg=ours.alg, key=ours.private)
    header = {
        "v": 1,
        "suite": theirs.kem.suite_name,
        "kid": theirs.kid,
        "iss": names.sender,
        "aud": names.recipient,
        "jti": names.message_id,
        "iat": jose.write_seconds(now),
    }
    head = jose.encode(jose.write_object(header)).encode()
    closed = theirs.kem.suite.encrypt(signed.encode(), theirs.public, _build_info(head))
    sealed = head + b"." + jose.encode(closed).encode()
    if len(sealed) > MAX_SEALED_BYTES:
        raise build_refusal(RefusalCode.ENVELOPE_TOO_LARGE)
    return sealed


def peek(sealed: bytes) -> EnvelopeHeader:
    """Read the outside of a sealed message. It proves nothing.

    Raises:
        EnvelopeRefused: it cannot be read: `envelope.too-large`, `envelope.malformed`.
    """
    return _read_header(_split_halves(sealed)[0])


def unseal(sealed: bytes, *, ring: Ring, trust: Trust, now: datetime, kind: jose.Kind = KIND) -> Opened:
    """Open a sealed message, or refuse it.

    Cheap checks come first, and nothing is believed before (9):

     1. not larger than any message may be
     2. two parts, and a header with exactly its members, each in its one spelling
     3. addressed to us
     4. sealed to a key that we hold, with that key's suite
     5. from an authority whose card we hold, and the card has not expired
     6. not older than 14 days, not from the future beyond the skew of clocks
     7. it decrypts, header and all (RFC 9180, 5.2 and 8.1)
     8. inside is a JWS with our `typ` and `cty`, no other member, none critical (RFC 7515, 4.1.11; RFC 8725, 3.11);
        its key stands on the sender's own card, was valid when the message was sealed, and is not revoked
     9. the signature verifies, with the algorithm on the card (RFC 8725, 3.1)

    Left to the caller: that the payload, once read, agrees with `Opened.names`; and that this message is not a repeat.

    Args:
        sealed: the wire text, as it came.
        ring: our keys. A retired one still opens.
        trust: the cards that count.
        now: the time, in any zone.
        kind: what must be signed inside.

    Raises:
        EnvelopeRefused: (1) `envelope.too-large`; (2) `envelope.malformed`; (3) `envelope.not-for-us`;
            (4) `envelope.algorithm`; (6) `envelope.too-old`, `envelope.from-the-future`; (7) `envelope.malformed`,
            `envelope.does-not-decrypt`; (8) `envelope.malformed`, `envelope.algorithm`, `envelope.type`;
            (9) `envelope.algorithm`, `envelope.signature`.
        CardRefused: (5) `card.unknown-authority`, `card.expired`, `card.from-the-future`.
        KeyRefused: (4) `key.unknown`; (8) `key.unknown`, `key.revoked`, `key.not-yet`, `key.out-of-date`.
    """
    # (1).
    head, body = _split_halves(sealed)
    # (2).
    header = _read_header(head)
    # (3).
    if header.aud != ring.authority:
        raise build_refusal(RefusalCode.ENVELOPE_NOT_FOR_US)
    # (4).
    ours = ring.get_sealing_key(header.kid)
    if header.suite != ours.kem.suite_name:
        raise build_refusal(RefusalCode.ENVELOPE_ALGORITHM)
    # (5).
    trust.current_card(header.iss, now)
    # (6).
    _check_age(header.iat, now)
    # (7).
    inside = _open_body(ours, head, body)
    # (8).
    signed = jose.read(kind, inside)
    theirs: VerifyKey = trust.signing_key(header.iss, signed.kid, header.iat)
    # (9).
    jose.verify(kind, signed, alg=theirs.alg, key=theirs.public)
    return Opened(signed.payload, header.names, header.iat, signed.kid)


def _split_halves(sealed: bytes) -> tuple[bytes, bytes]:
    if len(sealed) > MAX_SEALED_BYTES:
        raise build_refusal(RefusalCode.ENVELOPE_TOO_LARGE)
    head, dot, body = sealed.partition(b".")
    if not dot or len(head) > MAX_HEADER_BYTES:
        raise build_refusal(RefusalCode.ENVELOPE_MALFORMED)
    return head, body


def _read_header(head: bytes) -> EnvelopeHeader:
    try:
        claims = shape.read_members(jose.read_object(jose.decode(head)), "v suite kid iss aud jti iat")
        if shape.read_count(claims["v"]) != 1:
            raise jose.UnreadableToken("version")
        return EnvelopeHeader(
            shape.read_line(claims["suite"]),
            shape.read_line(claims["kid"]),
            shape.read_name(claims["iss"]),
            shape.read_name(claims["aud"]),
            shape.read_name(claims["jti"]),
            jose.read_moment(claims["iat"]),
        )
    except jose.UnreadableToken:
        raise build_refusal(RefusalCode.ENVELOPE_MALFORMED) from None


def _check_names(names: Names) -> None:
    try:
        for name in (names.message_id, names.sender, names.recipient):
            shape.read_name(name)
    except jose.UnreadableToken:
        raise build_refusal(RefusalCode.ENVELOPE_MALFORMED) from None


def _check_age(issued_at: datetime, now: datetime) -> None:
    if issued_at > now + CLOCK_SKEW:
        raise build_refusal(RefusalCode.ENVELOPE_FROM_THE_FUTURE)
    if issued_at < now - MAX_AGE:
        raise build_refusal(RefusalCode.ENVELOPE_TOO_OLD)


def _open_body(ours: SealingPrivate, head: bytes, body: bytes) -> bytes:
    try:
        return ours.kem.suite.decrypt(jose.decode(body), ours.private, _build_info(head))
    except jose.UnreadableToken:
        raise build_refusal(RefusalCode.ENVELOPE_MALFORMED) from None
    except (InvalidTag, ValueError):
        raise build_refusal(RefusalCode.ENVELOPE_DOES_NOT_DECRYPT) from None


def _build_info(head: bytes) -> bytes:
    return b"cme-exchange/1\x00" + head
