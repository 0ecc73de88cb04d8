"""A signed statement: what its issuer sent to one partner in some days, and what it has from that partner.

A JWT (RFC 7519), in pages, so that any number of messages fits; `following` is the number of the next page. It names
messages by their ids and the SHA-256 of the sealed bytes, with their kind, case and state; nothing of what they say.
Like a receipt it carries the issuer's newest audit checkpoint.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keys import jose, shape
from keys.errors import RefusalCode, build_refusal
from keys.ring import Ring
from keys.trust import Trust

# Sent, and as many received, on one page.
ROWS = 500
# Such a page has some 400 KB.
MAX_STATEMENT_BYTES = 524_288
MAX_CHECKPOINT_CHARACTERS = 2_048

KIND = jose.Kind(
    "cme-statement+jwt",
    MAX_STATEMENT_BYTES,
    RefusalCode.STATEMENT_MALFORMED,
    RefusalCode.STATEMENT_ALGORITHM,
    RefusalCode.STATEMENT_TYPE,
    RefusalCode.STATEMENT_SIGNATURE,
)


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One message as it stands with the issuer: `at` is when it came into this state."""

    message_id: str
    kind: str
    case: str
    sha256: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """Which page of which days: from `since`, and before `until`."""

    since: datetime
    until: datetime
    page: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One page of what the issuer signed."""

    issuer: str
    audience: str
    issued_at: datetime
    window: Window
    following: int | None
    sent: tuple[StatementRow, ...]
    received: tuple[StatementRow, ...]
    checkpoint: str | None


def issue(
    *,
    audience: str,
    window: Window,
    following: int | None,
    sent: Sequence[StatementRow],
    received: Sequence[StatementRow],
    checkpoint: str | None,
    ring: Ring,
    now: datetime,
) -> str:
    """Sign one page of a statement, and return it.

    Args:
        audience: the DfE code of the authority that asked.
        window: the page and the days that it asked for.
        following: the number of the next page, one more than this one's; None where this is the last.
        sent: what we sent to it in these days, as it stands with us: at most 500.
        received: what it sent to us: at most 500.
        checkpoint: the newest of our audit log, as `note.sign_checkpoint` wrote it; None where there is none yet.
        ring: our keys. Its newest signing key signs.
        now: the time, in any zone.

    Raises:
        StatementRefused: a partner would refuse it (`statement.malformed`).
    """
    claims = {
        "iss": ring.authority,
        "aud": audience,
        "iat": jose.write_seconds(now),
        "since": jose.write_seconds(window.since),
        "until": jose.write_seconds(window.until),
        "page": window.page,
        "following": following,
        "sent": [_write_row(row) for row in sent],
        "received": [_write_row(row) for row in received],
        "checkpoint": checkpoint,
    }
    try:
        # A statement that a partner would refuse does not leave the house.
        _read_statement(claims)
    except jose.UnreadableToken:
        raise build_refusal(RefusalCode.STATEMENT_MALFORMED) from None
    ours = ring.signing
    return jose.sign(KIND, json.dumps(claims).encode(), kid=ours.kid, alg=ours.alg, key=ours.private)


def verify(token: str, *, issuer: str, audience: str, window: Window, trust: Trust, now: datetime) -> Statement:
    """Check that the partner signed this page for us, just now, and return it:

    1. the form of a statement, and its `typ`
    2. from the partner that was asked, and for us
    3. the days and the page that were asked for
    4. made now, give or take 5 minutes: an older one is no answer
    5. under a key on the partner's card that was valid when it signed
    6. the signature

    Args:
        token: as it came, unchecked.
        issuer: the DfE code of the partner that was asked.
        audience: our own DfE code.
        window: the days and the page that were asked for, in whole seconds.
        trust: the cards that count.
        now: the time, in any zone.

    Raises:
        StatementRefused: (1) `statement.malformed`, `statement.algorithm`, `statement.type`;
            (2) `statement.other-party`; (3) `statement.other-window`; (4) `statement.not-fresh`;
            (6) `statement.algorithm`, `statement.signature`.
        CardRefused: (5) `card.unknown-authority`.
        KeyRefused: (5) `key.unknown`, `key.revoked`, `key.not-yet`, `key.out-of-date`.
    """
    # (1).
    signed = jose.read(KIND, token)
    try:
        statement = _read_statement(jose.read_object(signed.payload))
    except jose.UnreadableToken:
        raise build_refusal(RefusalCode.STATEMENT_MALFORMED) from None
    # (2).
    if (statement.issuer, statement.audience) != (issuer, audience):
        raise build_refusal(RefusalCode.STATEMENT_OTHER_PARTY)
    # (3).
    if statement.window != window:
        raise build_refusal(RefusalCode.STATEMENT_OTHER_WINDOW)
    # (4).
    if abs(statement.issued_at - now) > jose.CLOCK_SKEW:
        raise build_refusal(RefusalCode.STATEMENT_NOT_FRESH)
    # (5).
    theirs = trust.signing_key(issuer, signed.kid, statement.issued_at)
    # (6).
    jose.verify(KIND, signed, alg=theirs.alg, key=theirs.public)
    return statement


def _write_row(row: StatementRow) -> list[str | int]:
    return [row.message_id, row.kind, row.case, row.sha256, row.state, jose.write_seconds(row.at)]


def _read_row(value: object) -> StatementRow:
    if not isinstance(value, list) or len(value) != 6:
        raise jose.UnreadableToken("row")
    message_id, kind, case, digest, state, at = value
    names = (shape.read_name(message_id), shape.read_name(kind), shape.read_name(case))
    return StatementRow(*names, shape.read_digest(digest), shape.read_name(state), jose.read_moment(at))


def _read_statement(claims: dict[str, Any]) -> Statement:
    shape.read_members(claims, "iss aud iat since until page following sent received checkpoint")
    page, following = shape.read_count(claims["page"]), claims["following"]
    if following is not None and shape.read_count(following) != page + 1:
        raise jose.UnreadableToken("following")
    return Statement(
        shape.read_name(claims["iss"]),
        shape.read_name(claims["aud"]),
        jose.read_moment(claims["iat"]),
        Window(jose.read_moment(claims["since"]), jose.read_moment(claims["until"]), page),
        following,
        tuple(_read_row(row) for row in shape.read_rows(claims["sent"], ROWS)),
        tuple(_read_row(row) for row in shape.read_rows(claims["received"], ROWS)),
        None if claims["checkpoint"] is None else shape.read_text(claims["checkpoint"], MAX_CHECKPOINT_CHARACTERS),
    )
