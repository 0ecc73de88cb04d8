"""Signatures of P-256 (ES256), as an HSM without Ed25519 makes them: verified like those of Ed25519, one spelling each."""

from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keys import card, note, receipt
from keys.algorithms import key_id
from keys.card import CardKey
from keys.errors import HsmTrouble, RefusalCode
from keys.hsm import Hsm, HsmSigner
from keys.ring import SigningKey
from keys.signatures import ES256, load_verifying_key
from tests.frozen import card_reader_0_2
from tests.refusals import expect_refusal
from tests.unit.keys.parties import NOW, Party, party, seed, trust_in

SECRET = derive_private_key(int.from_bytes(seed("P-256")), SECP256R1())
POINT = SECRET.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


class InMemory(Hsm):
    """Signs as a token does, without one."""

    def __init__(self) -> None:
        """It needs nothing."""

    def sign_text(self, handle: bytes, text: bytes, alg: str = ES256) -> bytes:
        r, s = decode_dss_signature(SECRET.sign(text, ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    def _outage(self, trouble: HsmTrouble) -> Exception:
        return RuntimeError(trouble)


def sandwell_with_p256() -> Party:
    """Sandwell, which signs with a key of P-256 besides."""
    owner = party("333")
    kid = key_id("333", "sig", ES256, POINT)
    ends = NOW.replace(year=NOW.year + 2)
    listed = CardKey(kid, "sig", ES256, POINT, NOW, ends, "active")
    owner.ring.signing = SigningKey(kid, ES256, HsmSigner(InMemory(), b"", POINT, ES256), POINT)
    return replace(owner, card=replace(owner.card, keys=(listed, *owner.card.keys)))


def issue_receipt(owner: Party) -> str:
    digest = sha256(b"sealed").hexdigest()
    return receipt.issue(
        audience="885", message_id=None, sha256=digest, codes=(), checkpoint=None, ring=owner.ring, now=NOW
    )


def verify_receipt(owner: Party, token: str) -> receipt.Receipt:
    digest = sha256(b"sealed").hexdigest()
    return receipt.verify(token, issuer="333", audience="885", sha256=digest, trust=trust_in(owner), now=NOW)


def test_a_card_with_such_a_key_is_read_and_verifies_tokens_and_checkpoints() -> None:
    owner = sandwell_with_p256()
    assert card.read(owner.token()) == owner.card
    assert verify_receipt(owner, issue_receipt(owner)).issuer == "333"
    signed = note.sign_checkpoint(origin=note.origin_of("333"), size=7, root=bytes(32), ring=owner.ring)
    assert note.verify_checkpoint_with_trust(signed, authority="333", trust=trust_in(owner)).size == 7


def test_the_reader_of_version_0_2_refuses_the_card_so_it_is_made_only_for_those_who_read_it() -> None:
    with pytest.raises(card_reader_0_2.Refused):
        card_reader_0_2.read_card(sandwell_with_p256().token())


@pytest.mark.parametrize(
    "wrong", [POINT[:-1], POINT[1:], b"\2" + POINT[1:33], b"\4" + bytes(64), POINT + b"\0", b"", bytes(65)]
)
def test_a_point_has_one_spelling_and_lies_on_the_curve(wrong: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_verifying_key(ES256, wrong)


def test_an_altered_token_and_one_of_the_other_algorithm_are_refused() -> None:
    owner = sandwell_with_p256()
    head, body, tail = issue_receipt(owner).split(".")
    for altered in ("A" * len(tail), tail[:-4], "", "A" + tail[1:] if tail[0] != "A" else "B" + tail[1:]):
        with expect_refusal(RefusalCode.RECEIPT_SIGNATURE, RefusalCode.RECEIPT_MALFORMED):
            verify_receipt(owner, f"{head}.{body}.{altered}")
    # A card that calls the key one of Ed25519 does not load; one that names another of its keys does not verify.
    other = replace(owner, card=replace(owner.card, keys=tuple(k for k in owner.card.keys if k.alg != ES256)))
    with expect_refusal(RefusalCode.KEY_UNKNOWN):
        verify_receipt(other, f"{head}.{body}.{tail}")
    with pytest.raises(ValueError, match=r"."):
        load_verifying_key("EdDSA", POINT)


def test_a_checkpoint_that_was_altered_is_not_signed() -> None:
    owner = sandwell_with_p256()
    signed = note.sign_checkpoint(origin=note.origin_of("333"), size=7, root=bytes(32), ring=owner.ring)
    with expect_refusal(RefusalCode.NOTE_SIGNATURE):
        note.verify_checkpoint_with_trust(signed.replace("\n7\n", "\n8\n"), authority="333", trust=trust_in(owner))


def test_what_a_card_says_of_signatures_is_read_leniently() -> None:
    ours = party("333").card
    for claims, read in (
        (None, {"EdDSA"}),
        ("ES256", {"EdDSA"}),
        ([1, None, "ES256"], {"EdDSA", "ES256"}),
        (["ES512"], {"EdDSA", "ES512"}),
    ):
        assert card.list_signatures_read(replace(ours, extensions={card.SIGNATURES_READ: claims})) == read
    assert card.list_signatures_read(ours) == {"EdDSA"}
