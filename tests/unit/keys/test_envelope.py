"""Sandwell seals; only Worcestershire opens, and knows that it was Sandwell. The refusals are in test_vectors.py."""

from datetime import datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keys import envelope, errors, jose
from keys.envelope import CLOCK_SKEW, MAX_AGE, MAX_SEALED_BYTES, Names
from keys.errors import KeyRefused, RefusalCode
from keys.ring import Ring
from keys.trust import Trust
from tests.refusals import expect_refusal
from tests.unit.keys.parties import NOW, Party, party, trust_in

NAMES = Names("01936a7e-5c00-7abc-8def-0123456789ab", "333", "885")
SANDWELL, WORCESTERSHIRE = party("333"), party("885")
TRUST = trust_in(SANDWELL, WORCESTERSHIRE)
SEALED = envelope.seal(b"<Message/>", names=NAMES, ring=SANDWELL.ring, trust=TRUST, now=NOW)


def test_worcestershire_opens_what_sandwell_sealed(sandwell: Party, worcestershire: Party, trust: Trust) -> None:
    sealed = envelope.seal(b"<Message/>", names=NAMES, ring=sandwell.ring, trust=trust, now=NOW)
    opened = envelope.unseal(sealed, ring=worcestershire.ring, trust=trust, now=NOW)
    assert opened == envelope.Opened(b"<Message/>", NAMES, NOW, sandwell.ring.signing.kid)


def test_nobody_else_opens_it_not_even_the_sender(sandwell: Party, birmingham: Party, trust: Trust) -> None:
    for ring in (sandwell.ring, birmingham.ring):
        with expect_refusal(RefusalCode.ENVELOPE_NOT_FOR_US):
            envelope.unseal(SEALED, ring=ring, trust=trust, now=NOW)


def test_outside_can_be_read_by_anybody_and_holds_no_more_than_names() -> None:
    header = envelope.peek(SEALED)
    assert (header.names, header.iat) == (NAMES, NOW)
    assert header.kid == WORCESTERSHIRE.ring.public_keys()[1].kid
    assert b"Message" not in SEALED


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=5_000), st.sampled_from(["MLKEM768_X25519", "X25519"]))
def test_every_payload_comes_out_as_it_went_in(payload: bytes, kem: str) -> None:
    reader = party("334", kem=kem)
    trust = trust_in(SANDWELL, reader)
    names = Names("m", "333", "334")
    sealed = envelope.seal(payload, names=names, ring=SANDWELL.ring, trust=trust, now=NOW)
    assert envelope.unseal(sealed, ring=reader.ring, trust=trust, now=NOW).payload == payload


def test_same_payload_is_never_sealed_alike() -> None:
    assert envelope.seal(b"<Message/>", names=NAMES, ring=SANDWELL.ring, trust=TRUST, now=NOW) != SEALED


@pytest.mark.parametrize("now", [NOW - CLOCK_SKEW, NOW, NOW + MAX_AGE])
def test_it_opens_within_its_time(now: datetime) -> None:
    assert envelope.unseal(SEALED, ring=WORCESTERSHIRE.ring, trust=TRUST, now=now).issued_at == NOW


def test_it_does_not_open_outside_its_time() -> None:
    for now, refusal in (
        (NOW - CLOCK_SKEW - timedelta(seconds=1), RefusalCode.ENVELOPE_FROM_THE_FUTURE),
        (NOW + MAX_AGE + timedelta(seconds=1), RefusalCode.ENVELOPE_TOO_OLD),
    ):
        with expect_refusal(refusal):
            envelope.unseal(SEALED, ring=WORCESTERSHIRE.ring, trust=TRUST, now=now)


def test_a_moment_without_zone_is_a_mistake_of_ours() -> None:
    with pytest.raises((TypeError, ValueError), match=r"offset|zone"):
        envelope.seal(b"", names=NAMES, ring=SANDWELL.ring, trust=TRUST, now=NOW.replace(tzinfo=None))


def test_we_seal_only_in_our_own_name() -> None:
    with expect_refusal(RefusalCode.ENVELOPE_DISAGREES):
        envelope.seal(b"", names=Names("m", "885", "333"), ring=SANDWELL.ring, trust=TRUST, now=NOW)


def test_we_seal_only_to_somebody_known() -> None:
    with expect_refusal(RefusalCode.CARD_UNKNOWN_AUTHORITY):
        envelope.seal(b"", names=Names("m", "333", "999"), ring=SANDWELL.ring, trust=TRUST, now=NOW)


@pytest.mark.parametrize("message_id", ["", "../../x", "a b", "m\n", "m" * 81, "é", "-m"])
def test_we_give_no_id_that_a_partner_would_refuse(message_id: str) -> None:
    with expect_refusal(RefusalCode.ENVELOPE_MALFORMED):
        envelope.seal(b"", names=Names(message_id, "333", "885"), ring=SANDWELL.ring, trust=TRUST, now=NOW)


def test_we_seal_nothing_that_is_too_large_to_be_taken() -> None:
    with expect_refusal(RefusalCode.ENVELOPE_TOO_LARGE):
        envelope.seal(bytes(MAX_SEALED_BYTES * 6 // 10), names=NAMES, ring=SANDWELL.ring, trust=TRUST, now=NOW)
    assert envelope.seal(bytes(585_000), names=NAMES, ring=SANDWELL.ring, trust=TRUST, now=NOW)


def test_a_payload_forwarded_to_somebody_else_opens_there_under_other_names(birmingham: Party) -> None:
    """Surreptitious forwarding: why the caller must compare `names` with what the payload itself says."""
    trust = trust_in(SANDWELL, WORCESTERSHIRE, birmingham)
    ours = WORCESTERSHIRE.ring.get_sealing_key(envelope.peek(SEALED).kid)
    head, body = envelope._split_halves(SEALED)
    signed = envelope._open_body(ours, head, body)
    key = trust.sealing_key("330", NOW)
    other = jose.encode(_header_for("330", key.kid, key.kem.suite_name)).encode()
    closed = key.kem.suite.encrypt(signed, key.public, envelope._build_info(other))
    sealed = other + b"." + jose.encode(closed).encode()
    opened = envelope.unseal(sealed, ring=birmingham.ring, trust=trust, now=NOW)
    assert opened.payload == b"<Message/>"
    assert opened.names.recipient == "330"


def _header_for(recipient: str, kid: str, suite: str) -> bytes:
    seconds = int(NOW.timestamp())
    rest = f'"iss":"333","aud":"{recipient}","jti":"{NAMES.message_id}","iat":{seconds}'
    return f'{{"v":1,"suite":"{suite}","kid":"{kid}",{rest}}}'.encode()


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text("eyJ2.IjoxfQ-_=", max_size=300).map(str.encode)))
@example(b".")
@example(b"e30.")
@example(b"\xff.\xff")
def test_arbitrary_bytes_are_refused(sealed: bytes) -> None:
    with pytest.raises(errors.Refusal):
        envelope.unseal(sealed, ring=WORCESTERSHIRE.ring, trust=TRUST, now=NOW)
    with pytest.raises(errors.Refusal):
        envelope.peek(sealed)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(SEALED) - 1), st.integers(0, 255))
def test_no_byte_can_be_changed(at: int, value: int) -> None:
    altered = SEALED[:at] + bytes([value]) + SEALED[at + 1 :]
    if altered != SEALED:
        with pytest.raises(errors.Refusal):
            envelope.unseal(altered, ring=WORCESTERSHIRE.ring, trust=TRUST, now=NOW)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_sealed_to_us_are_refused(inside: bytes) -> None:
    """Anybody can seal to us; what lies within is as little trusted as what lies without."""
    key = TRUST.sealing_key("885", NOW)
    head, _ = envelope._split_halves(SEALED)
    sealed = head + b"." + jose.encode(key.kem.suite.encrypt(inside, key.public, envelope._build_info(head))).encode()
    with pytest.raises(errors.Refusal):
        envelope.unseal(sealed, ring=WORCESTERSHIRE.ring, trust=TRUST, now=NOW)


def test_message_under_way_while_the_sender_rotates(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Old keys open, new keys sign; a card that came too late is a reason to wait, not to refuse for good."""
    folder = tmp_path_factory.mktemp("rotating") / "keys"
    Ring.create(folder, authority="333", passphrase=b"x", now=NOW - timedelta(days=9))
    fresh = Ring.rotate(folder, passphrase=b"x", now=NOW)
    with pytest.raises(KeyRefused) as refusal:
        envelope.unseal(
            envelope.seal(b"x", names=NAMES, ring=fresh, trust=TRUST, now=NOW),
            ring=WORCESTERSHIRE.ring,
            trust=TRUST,
            now=NOW,
        )
    assert (refusal.value.code, refusal.value.lasting) == ("key.unknown", False)
