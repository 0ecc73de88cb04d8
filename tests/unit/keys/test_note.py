"""Signed notes and checkpoints, with the vectors that others publish."""

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import example, given
from hypothesis import strategies as st

from keys import errors, note
from keys.errors import RefusalCode
from keys.note import Checkpoint
from keys.trust import Trust
from tests.refusals import expect_refusal
from tests.unit.keys.parties import NOW, Party, party, seed, trust_in, with_key

ROOT = seed("root")
WORCESTERSHIRE = party("885")
ORIGIN = "cme-gateway/885"
SIGNED = note.sign_checkpoint(origin=ORIGIN, size=18_273, root=ROOT, ring=WORCESTERSHIRE.ring)
OURS = trust_in(WORCESTERSHIRE)

GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = (
    GO_TEXT + "\n— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_note_of_the_go_package_is_made_again_byte_for_byte() -> None:
    """golang.org/x/mod/sumdb/note, the example of its documentation; after the type byte its key is the seed."""
    private = Ed25519PrivateKey.from_private_bytes(b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:])
    assert note.key_id("PeterNeumann", private.public_key()).hex() == "c74f20a3"
    assert note.sign(GO_TEXT, name="PeterNeumann", private=private) == GO_NOTE
    assert note.verify(GO_NOTE, name="PeterNeumann", public=private.public_key()) == GO_TEXT


def test_note_of_the_specification_verifies() -> None:
    """C2SP signed-note, "Verifier keys"."""
    public = Ed25519PublicKey.from_public_bytes(b64decode("AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")[1:])
    signed = (
        "This is an example message.\n\n— example.com/foo "
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
    )
    assert note.key_id("example.com/foo", public).hex() == "530d903a"
    assert note.verify(signed, name="example.com/foo", public=public) == "This is an example message.\n"


def test_checkpoint_is_verified_offline_with_one_key() -> None:
    read = note.verify_checkpoint_with_trust(SIGNED, authority="885", trust=OURS)
    assert read == Checkpoint(ORIGIN, 18_273, ROOT)


def test_checkpoint_of_an_empty_log() -> None:
    signed = note.sign_checkpoint(origin=ORIGIN, size=0, root=ROOT, ring=WORCESTERSHIRE.ring)
    assert note.verify_checkpoint_with_trust(signed, authority="885", trust=OURS).size == 0


@pytest.mark.parametrize(("origin", "size", "root"), [("a\nb", 1, ROOT), (ORIGIN, -1, ROOT), (ORIGIN, 1, b"short")])
def test_nothing_is_signed_that_would_be_refused(origin: str, size: int, root: bytes) -> None:
    with expect_refusal(RefusalCode.NOTE_MALFORMED):
        note.sign_checkpoint(origin=origin, size=size, root=root, ring=WORCESTERSHIRE.ring)


def test_checkpoint_signed_before_a_rotation_still_counts() -> None:
    rotated, old = with_key(WORCESTERSHIRE, seed("885 old"), "retired", NOW, NOW)
    signed = note.sign_checkpoint(origin=ORIGIN, size=5, root=ROOT, ring=old)
    assert note.verify_checkpoint_with_trust(signed, authority="885", trust=trust_in(rotated)).size == 5


def test_checkpoint_under_a_revoked_key_does_not_count() -> None:
    robbed, stolen = with_key(WORCESTERSHIRE, seed("885 stolen"), "revoked", NOW, NOW)
    signed = note.sign_checkpoint(origin=ORIGIN, size=5, root=ROOT, ring=stolen)
    with pytest.raises(errors.NoteSignature):
        note.verify_checkpoint_with_trust(signed, authority="885", trust=trust_in(robbed))


def test_witnesses_may_sign_below(birmingham: Party, trust: Trust) -> None:
    text = SIGNED.partition("\n\n")[0] + "\n"
    witness = note.sign(text, name="witness.example", private=birmingham.ring.signing.private).rpartition("\n\n")[2]
    assert note.verify_checkpoint_with_trust(SIGNED + witness, authority="885", trust=trust).size == 18_273
    alone = text + "\n" + witness
    with pytest.raises(errors.NoteSignature):
        note.verify_checkpoint_with_trust(alone, authority="885", trust=trust)


def test_another_authority_cannot_speak_for_this_log(birmingham: Party, trust: Trust) -> None:
    forged = note.sign_checkpoint(origin=ORIGIN, size=1, root=ROOT, ring=birmingham.ring)
    with pytest.raises(errors.NoteSignature):
        note.verify_checkpoint_with_trust(forged, authority="885", trust=trust)


@given(st.one_of(st.text(max_size=200), st.text("cme-gateway/885\n— 0=A", max_size=200)))
@example("\ud800\n1\nAAAA\n\n— a AAAA\n")
@example("a\n" + "9" * 5_000 + "\nAAAA\n\n— a AAAA\n")
@example("\n\n\n")
@example(SIGNED.replace("18273", "²"))
def test_arbitrary_text_is_refused(text: str) -> None:
    with pytest.raises(errors.Refusal):
        note.verify_checkpoint_with_trust(text, authority="885", trust=OURS)


@given(st.integers(0, len(SIGNED) - 1), st.characters(codec="utf-8"))
def test_no_character_can_be_changed(at: int, character: str) -> None:
    altered = SIGNED[:at] + character + SIGNED[at + 1 :]
    if altered != SIGNED:
        with pytest.raises(errors.Refusal):
            note.verify_checkpoint_with_trust(altered, authority="885", trust=OURS)
