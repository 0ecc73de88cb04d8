"""The token of a case system: made and believed by one gateway alone."""

import json
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keys import api_token, bearer, errors, jose
from keys.errors import RefusalCode
from tests.refusals import expect_refusal
from tests.unit.keys.parties import NOW, party

OURS, OTHERS = party("885"), party("333")
AUDIENCE = "https://cme.example/api/v1"
SCOPES = ("notices:read", "status:read")
TOKEN = api_token.issue("one-test", SCOPES, audience=AUDIENCE, ring=OURS.ring, now=NOW)


def verify(token: str, at: timedelta = timedelta(0)) -> api_token.Granted:
    return api_token.verify(token, audience=AUDIENCE, ring=OURS.ring, now=NOW + at)


def test_it_says_which_client_and_which_scopes() -> None:
    assert verify(TOKEN) == api_token.Granted("one-test", SCOPES)


def test_it_is_an_access_token_as_rfc_9068_has_it() -> None:
    header, claims = (jose.read_object(jose.decode(part)) for part in TOKEN.split(".")[:2])
    assert (header["typ"], header["alg"]) == ("at+jwt", "EdDSA")
    assert claims.keys() == {"iss", "aud", "sub", "client_id", "scope", "iat", "exp", "jti"}
    assert claims["exp"] - claims["iat"] == 600


def test_it_lives_for_ten_minutes_to_the_second() -> None:
    assert verify(TOKEN, timedelta(minutes=10, seconds=-1)).client == "one-test"
    with expect_refusal(RefusalCode.API_TOKEN_EXPIRED):
        verify(TOKEN, timedelta(minutes=10))
    with expect_refusal(RefusalCode.API_TOKEN_FROM_THE_FUTURE):
        verify(TOKEN, -timedelta(minutes=6))


def test_another_gateways_token_does_not_count_here() -> None:
    with expect_refusal(RefusalCode.API_TOKEN_KEY):
        verify(api_token.issue("one-test", SCOPES, audience=AUDIENCE, ring=OTHERS.ring, now=NOW))
    with expect_refusal(RefusalCode.API_TOKEN_OTHER_AUDIENCE):
        verify(api_token.issue("one-test", SCOPES, audience="https://other.example/api/v1", ring=OURS.ring, now=NOW))


def test_a_token_for_partners_is_none_for_the_api_and_the_other_way_round() -> None:
    with expect_refusal(RefusalCode.API_TOKEN_TYPE):
        verify(bearer.issue(AUDIENCE, ring=OURS.ring, now=NOW))
    with expect_refusal(RefusalCode.BEARER_TYPE):
        jose.read(bearer.KIND, TOKEN)


@pytest.mark.parametrize("part", [1, 2])
def test_what_was_changed_does_not_count(part: int) -> None:
    parts = TOKEN.split(".")
    parts[part] = (
        jose.encode(jose.decode(parts[part])[:-1] + b"}")
        if part == 2
        else jose.encode(jose.decode(parts[part]).replace(b"one-test", b"one-evil"))
    )
    with expect_refusal(RefusalCode.API_TOKEN_SIGNATURE):
        verify(".".join(parts))


@pytest.mark.parametrize("kid", ["\ud800", "\u0000", "é", "", "x" * 5_000])
def test_whatever_key_a_stranger_names_is_refused(kid: str) -> None:
    head = json.dumps({"alg": "EdDSA", "typ": "at+jwt", "kid": kid}).encode()
    with pytest.raises(errors.ApiTokenRefused):
        verify(".".join([jose.encode(head), *TOKEN.split(".")[1:]]))


@given(st.one_of(st.text(max_size=200), st.text("eyJ.hbGciOi_-", max_size=200)))
@example("\ud800")
@example("")
def test_arbitrary_text_is_refused(token: str) -> None:
    with pytest.raises(errors.ApiTokenRefused):
        verify(token)


def test_a_secret_is_known_by_its_digest_alone() -> None:
    secret = api_token.new_secret()
    assert api_token.is_right_secret(secret, api_token.digest_secret(secret))
    assert not api_token.is_right_secret(secret + "x", api_token.digest_secret(secret))
    assert not api_token.is_right_secret("", None)
    assert not api_token.is_right_secret("\ud800", api_token.digest_secret(secret))
