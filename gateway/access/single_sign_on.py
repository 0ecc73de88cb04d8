"""Officers sign in where all the council's people do: at its identity provider (OpenID Connect Core 1.0, 3.1).

    begin    where their browser is sent, and what we must remember meanwhile
    finish   what their browser brought back, to who they are and which roles they have

The authorization code flow with PKCE (RFC 7636). What the browser carries proves nothing: `state` shows that the answer
belongs to this browser's sign-in, `iss` (RFC 9207) that it comes from our provider, the code is redeemed by ourselves,
and what the ID token says is believed once its signature and its nonce are right. No token is kept.

A pending sign-in is kept by the caller, on the server, bound to the browser, and is dropped when it is taken up: an
answer counts once. Nothing here opens a session.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from secrets import token_urlsafe
from typing import Any, Literal
from urllib.parse import urlencode

from adapters.openid import CodeRefused, IdentityProvider, NotAsAgreed
from adapters.route import NotReached
from gateway.context import Gateway
from gateway.core.permissions import Role
from gateway.errors import NotAllowed, Unusable
from keys import id_token
from schemas.hidden_signs import replace_hidden

# With a second factor on a telephone that must be found first.
PENDING = timedelta(minutes=10)
SCOPE = "openid profile email"
# Characters of one value; Entra's codes are a thousand and more.
MAX_ANSWER = 8_192
# Characters of what a person is called; what is longer is cut.
MAX_NAME = 200
GROUPS = "groups"
# An error's, RFC 6749, 4.1.2.1.
WORD = re.compile(r"[a-z_]{1,64}")
# And of no use to try again.
OURS_TO_MEND = ("invalid_client", "unauthorized_client")


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """A sign-in that has begun: what must come back, and what must not leave the server."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class DirectoryPerson:
    """Who signed in. `subject` is theirs for ever; name and email are for people to read, and prove nothing."""

    subject: str
    name: str
    email: str
    roles: frozenset[Role]
    through: Literal["oidc"] = "oidc"


async def begin_directory_sign_in(gw: Gateway, redirect_uri: str) -> tuple[PendingSignIn, str]:
    """Begin a sign-in, and return it with the address to which the browser is sent. Raises NotAllowed, Unusable."""
    provider = _get_provider(gw)
    pending = PendingSignIn(token_urlsafe(32), token_urlsafe(32), token_urlsafe(48), gw.now())
    try:
        address = (await provider.get_endpoints()).authorization
    except (NotReached, NotAsAgreed) as why:
        raise _build_unusable(why) from None
    query = {
        "response_type": "code",
        "client_id": provider.registration.client_id,
        "redirect_uri": redirect_uri,
        "scope": SCOPE,
        "state": pending.state,
        "nonce": pending.nonce,
        "code_challenge": _compute_challenge(pending.verifier),
        "code_challenge_method": "S256",
    }
    return pending, f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


async def finish_directory_sign_in(
    gw: Gateway, pending: PendingSignIn, answer: Mapping[str, str], redirect_uri: str
) -> DirectoryPerson:
    """Return who came back with this answer, the query of `redirect_uri`.

    Raises NotAllowed, Unusable, IdTokenRefused.
    """
    provider = _get_provider(gw)
    _check_answer(answer, pending, gw.now())
    try:
        names_itself = (await provider.get_endpoints()).names_itself
        code = _get_code(answer, provider.registration.issuer, names_itself)
        token = await provider.redeem_code(code, verifier=pending.verifier, redirect_uri=redirect_uri)
        keys = await provider.get_keys(id_token.key_id(token))
    except (NotReached, NotAsAgreed) as why:
        raise _build_unusable(why) from None
    except CodeRefused as why:
        raise _build_refusal(str(why)) from None
    expected = id_token.Expected(provider.registration.issuer, provider.registration.client_id, pending.nonce)
    return _read_person(gw, id_token.verify(token, keys, expected=expected, now=gw.now()))


def _get_provider(gw: Gateway) -> IdentityProvider:
    if gw.identity_provider is None:
        raise NotAllowed("sign-in.not-set")
    return gw.identity_provider


def _compute_challenge(verifier: str) -> str:
    """Compute the code challenge (RFC 7636, 4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _check_answer(answer: Mapping[str, str], pending: PendingSignIn, now: datetime) -> None:
    """Check that it is the answer to this sign-in, and in time. Raises NotAllowed."""
    if now >= pending.begun_at + PENDING:
        raise NotAllowed("sign-in.too-late", minutes=PENDING // timedelta(minutes=1))
    if not _is_same_secret(answer.get("state", ""), pending.state):
        raise NotAllowed("sign-in.other-state")


def _get_code(answer: Mapping[str, str], issuer: str, names_itself: bool) -> str:
    """Return the code, in an answer from our provider."""
    # RFC 9207, 2.4: also of an error.
    named = answer.get("iss", "" if names_itself else issuer)
    if not _is_same_secret(named, issuer):
        raise NotAllowed("sign-in.other-issuer")
    if "error" in answer:
        raise _build_refusal(answer["error"])
    code = answer.get("code", "")
    if not (0 < len(code) <= MAX_ANSWER and code.isascii() and code.isprintable()):
        raise NotAllowed("sign-in.malformed")
    return code


def _is_same_secret(given: str, expected: str) -> bool:
    return compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def _build_refusal(word: str) -> NotAllowed | Unusable:
    """Build what the provider's word for its refusal means to a person. Words that are none are not repeated."""
    if word == "access_denied":
        return NotAllowed("sign-in.denied")
    if word == "invalid_grant":
        return NotAllowed("sign-in.code")
    if word in OURS_TO_MEND:
        return Unusable("sign-in.client")
    reason = word if WORD.fullmatch(word) else "in no word that is known"
    return NotAllowed("sign-in.failed", reason=reason)


def _build_unusable(why: Exception) -> Unusable:
    if isinstance(why, NotReached):
        return Unusable("sign-in.not-reached", reason=why)
    return Unusable("sign-in.not-as-agreed", reason=why)


def _read_person(gw: Gateway, claims: Mapping[str, Any]) -> DirectoryPerson:
    roles = _read_roles(gw, claims)
    email = _read_claim_text(claims, "email") or _read_claim_text(claims, "preferred_username")
    name = _read_claim_text(claims, "name") or email or claims["sub"]
    return DirectoryPerson(claims["sub"], name, email, roles)


def _read_roles(gw: Gateway, claims: Mapping[str, Any]) -> frozenset[Role]:
    """Return the roles by app roles; by groups where they give none. Nobody gets in without any."""
    settings, known = gw.config.sign_in, gw.config.sign_in_roles
    for claim in (settings.roles_claim, GROUPS):
        if roles := frozenset(known[value] for value in _list_claim_values(claims, claim) if value in known):
            return roles
    if _has_too_many_groups(claims):
        raise NotAllowed("sign-in.too-many-groups", whom_to_ask=settings.whom_to_ask)
    raise NotAllowed("sign-in.no-role", whom_to_ask=settings.whom_to_ask)


def _has_too_many_groups(claims: Mapping[str, Any]) -> bool:
    """Tell whether groups were left out for their number; Entra then says where they could be asked for."""
    elsewhere = claims.get("_claim_names")
    return bool(claims.get("hasgroups")) or (isinstance(elsewhere, Mapping) and GROUPS in elsewhere)


def _list_claim_values(claims: Mapping[str, Any], claim: str) -> list[str]:
    """List the values of a claim. One value may stand alone, as ADFS writes it."""
    claimed = claims.get(claim)
    values = claimed if isinstance(claimed, list) else [claimed]
    return [value for value in values if isinstance(value, str)]


def _read_claim_text(claims: Mapping[str, Any], claim: str) -> str:
    """Return the claim as one line, whatever is in it."""
    claimed = claims.get(claim)
    line = replace_hidden(claimed, lambda _: " ") if isinstance(claimed, str) else ""
    return " ".join(line.split())[:MAX_NAME]
