"""A receipt is proof for exactly one message, from exactly one authority. More refusals are in test_vectors.py."""

from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keys import errors, receipt
from keys.errors import RefusalCode
from keys.receipt import Receipt
from keys.trust import Trust
from tests.refusals import expect_refusal
from tests.unit.keys.parties import NOW, Party, party, trust_in

DIGEST = sha256(b"sealed").hexdigest()
WORCESTERSHIRE = party("885")
TRUST = trust_in(WORCESTERSHIRE)


def issued(by: Party = WORCESTERSHIRE, codes: tuple[str, ...] = (), message_id: str | None = "m-1") -> str:
    return receipt.issue(
        audience="333", message_id=message_id, sha256=DIGEST, codes=codes, checkpoint=None, ring=by.ring, now=NOW
    )


def verified(token: str, trust: Trust = TRUST, digest: str = DIGEST) -> Receipt:
    return receipt.verify(token, issuer="885", audience="333", sha256=digest, trust=trust, now=NOW)


def test_accepted() -> None:
    assert verified(issued()) == Receipt("885", "333", "m-1", DIGEST, NOW, "accepted", (), None)


def test_rejected_says_why() -> None:
    read = verified(issued(codes=("envelope.malformed",), message_id=None))
    assert (read.result, read.codes, read.message_id) == ("rejected", ("envelope.malformed",), None)


def test_a_message_with_very_many_faults_is_told_of_the_first() -> None:
    codes = tuple(f"rule-{number}" for number in range(100))
    assert verified(issued(codes=codes)).codes == codes[: receipt.MAX_CODES]


def test_nothing_is_issued_that_a_partner_would_refuse() -> None:
    with expect_refusal(RefusalCode.RECEIPT_MALFORMED):
        issued(codes=("a code with spaces",))


def test_receipt_still_proves_after_the_card_has_expired() -> None:
    years = timedelta(days=3_650)
    read = receipt.verify(issued(), issuer="885", audience="333", sha256=DIGEST, trust=TRUST, now=NOW + years)
    assert read.result == "accepted"


def test_digest_is_compared_whole() -> None:
    for digest in ("", DIGEST[:-1], DIGEST.upper(), "é"):
        with expect_refusal(RefusalCode.RECEIPT_OTHER_MESSAGE):
            verified(issued(), digest=digest)


def test_only_a_known_authority_signs(birmingham: Party) -> None:
    with expect_refusal(RefusalCode.CARD_UNKNOWN_AUTHORITY):
        verified(issued(), trust=trust_in(birmingham))


@given(st.one_of(st.text(max_size=200), st.text("eyJ.hbGciOi_-", max_size=200)))
@example("\ud800")
@example("é" * 20_000)
def test_arbitrary_text_is_refused(token: str) -> None:
    with pytest.raises(errors.Refusal):
        verified(token)


WHOLE = issued()


@given(st.integers(0, len(WHOLE) - 1), st.characters(min_codepoint=33, max_codepoint=126))
def test_no_character_can_be_changed(at: int, character: str) -> None:
    altered = WHOLE[:at] + character + WHOLE[at + 1 :]
    if altered != WHOLE:
        with pytest.raises(errors.Refusal):
            verified(altered)
