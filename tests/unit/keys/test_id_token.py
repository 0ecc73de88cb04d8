"""What an identity provider says of a person: believed only whole, from it, for us, now, and for this sign-in."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hmac import digest
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import example, given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from keys import id_token, jose
from keys.errors import IdTokenRefused, RefusalCode
from keys.id_token import Expected
from tests.refusals import expect_refusal

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ISSUER, CLIENT, NONCE = "https://login.sandwell.example/v2.0", "cme-gateway-333", "nonce-of-this-sign-in"
EXPECTED = Expected(ISSUER, CLIENT, NONCE)
RSA, OTHER_RSA = (rsa.generate_private_key(65537, 2048) for _ in range(2))
EC = ec.generate_private_key(ec.SECP256R1())
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "sub": "officer-1",
    "nonce": NONCE,
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 3600,
    "name": "Ottoline Testperson",
}


def jwk(key: PrivateKeyTypes, kid: str, **more: object) -> dict[str, Any]:
    """The public half, as a provider publishes it; Entra names no `alg`."""
    public: Any = key.public_key()
    made = RSAAlgorithm.to_jwk(public, True) if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm.to_jwk(public, True)
    return {name: value for name, value in made.items() if name != "key_ops"} | {"kid": kid, "use": "sig"} | more


KEYS = [jwk(RSA, "rsa-1"), jwk(EC, "ec-1")]


def token(claims: dict[str, Any] = CLAIMS, key: Any = RSA, alg: str = "RS256", kid: str | None = "rsa-1") -> str:
    return jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm=alg, headers={"kid": kid} if kid else {})


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CLAIMS.items() if key != name}


def verify(made: str, keys: Any = KEYS, now: datetime = NOW) -> dict[str, Any]:
    return id_token.verify(made, keys, expected=EXPECTED, now=now)


@pytest.mark.parametrize(
    ("key", "alg", "kid"), [(RSA, "RS256", "rsa-1"), (RSA, "PS256", "rsa-1"), (EC, "ES256", "ec-1")]
)
def test_what_the_provider_signed_is_believed(key: object, alg: str, kid: str) -> None:
    assert verify(token(key=key, alg=alg, kid=kid)) == CLAIMS
    assert id_token.key_id(token(key=key, alg=alg, kid=kid)) == kid


REFUSED: dict[str, tuple[RefusalCode, dict[str, Any]]] = {
    "from another issuer": (RefusalCode.ID_TOKEN_OTHER_ISSUER, CLAIMS | {"iss": f"{ISSUER}/"}),
    "from nobody": (RefusalCode.ID_TOKEN_OTHER_ISSUER, without("iss")),
    "for another client": (RefusalCode.ID_TOKEN_OTHER_AUDIENCE, CLAIMS | {"aud": "another"}),
    "for nobody": (RefusalCode.ID_TOKEN_OTHER_AUDIENCE, without("aud")),
    "for us as a part of a name": (RefusalCode.ID_TOKEN_OTHER_AUDIENCE, CLAIMS | {"aud": f"{CLIENT}-test"}),
    "for several, and not said to whom": (RefusalCode.ID_TOKEN_OTHER_AUDIENCE, CLAIMS | {"aud": [CLIENT, "another"]}),
    "given to another": (RefusalCode.ID_TOKEN_OTHER_AUDIENCE, CLAIMS | {"aud": [CLIENT, "another"], "azp": "another"}),
    "for us, but given to another": (RefusalCode.ID_TOKEN_OTHER_AUDIENCE, CLAIMS | {"azp": "another"}),
    "of another sign-in": (RefusalCode.ID_TOKEN_OTHER_SIGN_IN, CLAIMS | {"nonce": "nonce-of-another-sign-in"}),
    "of no sign-in": (RefusalCode.ID_TOKEN_OTHER_SIGN_IN, without("nonce")),
    "with a nonce that is no text": (RefusalCode.ID_TOKEN_OTHER_SIGN_IN, CLAIMS | {"nonce": [NONCE]}),
    "of nobody": (RefusalCode.ID_TOKEN_MALFORMED, without("sub")),
    "of somebody without a name": (RefusalCode.ID_TOKEN_MALFORMED, CLAIMS | {"sub": ""}),
    "of a subject in two lines": (RefusalCode.ID_TOKEN_MALFORMED, CLAIMS | {"sub": "officer\n1"}),
    "of a subject that is too long": (RefusalCode.ID_TOKEN_MALFORMED, CLAIMS | {"sub": "s" * 256}),
    "without an end": (RefusalCode.ID_TOKEN_MALFORMED, without("exp")),
    "without a beginning": (RefusalCode.ID_TOKEN_MALFORMED, without("iat")),
    "ended": (RefusalCode.ID_TOKEN_EXPIRED, CLAIMS | {"exp": CLAIMS["iat"] - 60}),
    "issued later": (RefusalCode.ID_TOKEN_FROM_THE_FUTURE, CLAIMS | {"iat": CLAIMS["iat"] + 61}),
    "not to be used yet": (RefusalCode.ID_TOKEN_FROM_THE_FUTURE, CLAIMS | {"nbf": CLAIMS["iat"] + 61}),
    "ending never": (RefusalCode.ID_TOKEN_MALFORMED, CLAIMS | {"exp": 10**20}),
}


@pytest.mark.parametrize(("refusal", "claims"), REFUSED.values(), ids=REFUSED)
def test_refused(refusal: RefusalCode, claims: dict[str, Any]) -> None:
    with expect_refusal(refusal):
        verify(token(claims))


def test_several_audiences_are_allowed_where_it_was_given_to_us() -> None:
    claims = CLAIMS | {"aud": ["another", CLIENT], "azp": CLIENT}
    assert verify(token(claims)) == claims


def test_a_minute_is_allowed_to_the_clocks() -> None:
    last = NOW + timedelta(seconds=3659)
    assert verify(token(), now=last) == CLAIMS
    assert verify(token(), now=NOW - timedelta(seconds=60)) == CLAIMS
    with expect_refusal(RefusalCode.ID_TOKEN_EXPIRED):
        verify(token(), now=last + timedelta(seconds=1))


def test_a_token_that_nobody_signed_is_refused() -> None:
    with expect_refusal(RefusalCode.ID_TOKEN_ALGORITHM):
        verify(token(key=None, alg="none"))
    head, body, _ = token().split(".")
    with expect_refusal(RefusalCode.ID_TOKEN_SIGNATURE):
        verify(f"{head}.{body}.")


@pytest.mark.parametrize("secret", ["pem", "jwk"])
def test_the_public_key_is_no_shared_secret(secret: str) -> None:
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key = pem if secret == "pem" else json.dumps(KEYS[0]).encode()
    text = ".".join(jose.encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": "rsa-1"}, CLAIMS))
    with expect_refusal(RefusalCode.ID_TOKEN_ALGORITHM):
        verify(f"{text}.{jose.encode(digest(key, text.encode(), 'sha256'))}")


def test_a_shared_secret_among_the_keys_is_not_used() -> None:
    secret = {"kty": "oct", "k": jose.encode(b"s" * 32), "kid": "oct-1"}
    for alg, refusal in (("HS256", RefusalCode.ID_TOKEN_ALGORITHM), ("RS256", RefusalCode.ID_TOKEN_UNKNOWN_KEY)):
        text = ".".join(jose.encode(json.dumps(part).encode()) for part in ({"alg": alg, "kid": "oct-1"}, CLAIMS))
        with expect_refusal(refusal):
            verify(f"{text}.{jose.encode(digest(b's' * 32, text.encode(), 'sha256'))}", [*KEYS, secret])


def test_key_and_algorithm_belong_together() -> None:
    with expect_refusal(RefusalCode.ID_TOKEN_ALGORITHM):
        verify(token(key=EC, alg="ES256", kid="rsa-1"))
    with expect_refusal(RefusalCode.ID_TOKEN_ALGORITHM):
        verify(token(kid="ec-1"))
    with expect_refusal(RefusalCode.ID_TOKEN_ALGORITHM):
        verify(token(alg="PS256"), [jwk(RSA, "rsa-1", alg="RS256")])
    with expect_refusal(RefusalCode.ID_TOKEN_ALGORITHM):
        verify(token(alg="RS512"))


def test_only_the_key_that_is_named_counts() -> None:
    both = [jwk(OTHER_RSA, "rsa-2"), *KEYS]
    assert verify(token(), both) == CLAIMS
    with expect_refusal(RefusalCode.ID_TOKEN_SIGNATURE):
        verify(token(kid="rsa-2"), both)
    with expect_refusal(RefusalCode.ID_TOKEN_UNKNOWN_KEY):
        verify(token(kid="rsa-3"), both)
    with expect_refusal(RefusalCode.ID_TOKEN_MALFORMED):
        verify(token(kid=None), both)


def test_a_key_that_the_token_brings_along_is_not_used() -> None:
    made = jwt.encode(CLAIMS, OTHER_RSA, algorithm="RS256", headers={"kid": "rsa-1", "jwk": jwk(OTHER_RSA, "rsa-1")})
    with expect_refusal(RefusalCode.ID_TOKEN_SIGNATURE):
        verify(made)


def test_keys_that_are_weak_broken_or_for_encryption_are_not_used() -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is what is shown
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        made = token(key=weak)
    unusable: list[Callable[[], tuple[str, object]]] = [
        lambda: (made, jwk(weak, "rsa-1")),
        lambda: (token(), jwk(RSA, "rsa-1", use="enc")),
        lambda: (token(), jwk(RSA, "rsa-1", n=7)),
        lambda: (token(), {"kty": "RSA", "kid": "rsa-1"}),
        lambda: (token(), "rsa-1"),
        lambda: (token(key=EC, alg="ES256"), jwk(ec.generate_private_key(ec.SECP384R1()), "rsa-1")),
    ]
    for case in unusable:
        signed, key = case()
        with expect_refusal(RefusalCode.ID_TOKEN_UNKNOWN_KEY):
            verify(signed, [key])


def test_what_it_calls_critical_and_is_unknown_to_us_is_refused() -> None:
    for extension in ({"crit": ["x"], "x": 1}, {"b64": True}):
        head = jose.encode(json.dumps({"alg": "RS256", "kid": "rsa-1"} | extension).encode())
        with expect_refusal(RefusalCode.ID_TOKEN_MALFORMED):
            verify(f"{head}.{token().partition('.')[2]}")


def test_a_token_that_is_too_large_is_not_read() -> None:
    with expect_refusal(RefusalCode.ID_TOKEN_MALFORMED, match="too large"):
        verify(token(CLAIMS | {"groups": ["g" * 36] * 2000}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.one_of(st.text(max_size=200), st.text("eyJ.hbGciOi_-", max_size=200)))
@example("\ud800")
@example("")
@example(jose.encode(b'{"alg":' + b"[" * 40_000) + "..")
def test_arbitrary_text_is_refused(made: str) -> None:
    with pytest.raises(IdTokenRefused):
        verify(made)


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "b64", "crit", "jwk"]), json_values), json_values)
def test_arbitrary_members_are_refused(header: dict[str, Any], claims: object) -> None:
    head, body = (
        jose.encode(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "rsa-1"} | header, claims)
    )
    with pytest.raises(IdTokenRefused):
        verify(f"{head}.{body}.{'A' * 342}")


@given(st.dictionaries(st.sampled_from([*sorted(CLAIMS), "azp", "nbf"]), json_values, min_size=1))
@example({"iat": True})
def test_a_signed_token_with_any_other_values_is_refused_or_was_right(other: dict[str, Any]) -> None:
    try:
        claims = verify(token(CLAIMS | other))
    except IdTokenRefused:
        return
    assert (claims["iss"], claims["nonce"]) == (ISSUER, NONCE)
    assert claims["aud"] == CLIENT or claims["azp"] == CLIENT


@given(st.lists(st.dictionaries(st.sampled_from(["kty", "kid", "n", "e", "use", "alg"]), json_values), max_size=3))
@example([{"kty": "RSA", "kid": "rsa-1", "n": "AQAB", "e": "AA"}])
@example([{"kty": "EC", "kid": "rsa-1", "crv": "P-256", "x": "AQAB", "y": "AQAB"}])
@example([{"kty": ["RSA"], "kid": "rsa-1"}])
@example([{"kty": "RSA", "kid": "rsa-1", "n": None, "e": {}}])
def test_arbitrary_keys_verify_nothing(keys: list[dict[str, Any]]) -> None:
    for signed in (token(), token(key=EC, alg="ES256", kid="rsa-1")):
        with pytest.raises(IdTokenRefused):
            verify(signed, [{"kty": "RSA", "kid": "rsa-1"} | key for key in keys])
