"""Who is calling. More refusals are in test_vectors.py."""

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keys import bearer, errors
from keys.errors import RefusalCode
from keys.trust import Trust
from tests.refusals import expect_refusal
from tests.unit.keys.parties import NOW, Party, party, trust_in

WORCESTERSHIRE = party("885")
TRUST = trust_in(WORCESTERSHIRE)


def test_caller_is_named() -> None:
    token = bearer.issue("333", ring=WORCESTERSHIRE.ring, now=NOW)
    assert bearer.verify(token, audience="333", trust=TRUST, now=NOW) == "885"


def test_no_two_tokens_are_alike() -> None:
    assert len({bearer.issue("333", ring=WORCESTERSHIRE.ring, now=NOW) for _ in range(20)}) == 20


def test_it_lives_for_minutes() -> None:
    token = bearer.issue("333", ring=WORCESTERSHIRE.ring, now=NOW)
    # Five to live, five for the clocks.
    last = NOW + timedelta(minutes=10) - timedelta(seconds=1)
    assert bearer.verify(token, audience="333", trust=TRUST, now=last) == "885"
    with expect_refusal(RefusalCode.BEARER_EXPIRED):
        bearer.verify(token, audience="333", trust=TRUST, now=last + timedelta(seconds=1))


def test_expired_card_lets_nobody_in() -> None:
    at = WORCESTERSHIRE.card.expires_at
    token = bearer.issue("333", ring=WORCESTERSHIRE.ring, now=at)
    with expect_refusal(RefusalCode.CARD_EXPIRED):
        bearer.verify(token, audience="333", trust=TRUST, now=at)


def test_another_authority_cannot_call_in_its_name(birmingham: Party, trust: Trust) -> None:
    token = bearer.issue("333", ring=birmingham.ring, now=NOW)
    assert bearer.verify(token, audience="333", trust=trust, now=NOW) == "330"
    with expect_refusal(RefusalCode.CARD_UNKNOWN_AUTHORITY):
        bearer.verify(token, audience="333", trust=TRUST, now=NOW)


@given(st.one_of(st.text(max_size=200), st.text("eyJ.hbGciOi_-", max_size=200)))
@example("\ud800")
@example("")
def test_arbitrary_text_is_refused(token: str) -> None:
    with pytest.raises(errors.Refusal):
        bearer.verify(token, audience="333", trust=TRUST, now=NOW)
