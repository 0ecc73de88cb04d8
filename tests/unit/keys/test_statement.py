"""A statement counts only as the answer of the partner that was asked, just now: one test for each refusal."""

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import bearer, errors, jose, statement
from keys.errors import RefusalCode
from keys.statement import Statement, StatementRow, Window
from tests.refusals import expect_refusal
from tests.unit.keys.parties import NOW, Party, party, trust_in

WORCESTERSHIRE = party("885")
TRUST = trust_in(WORCESTERSHIRE)
DAYS = Window(NOW - timedelta(days=8), NOW, 0)
ROW = StatementRow("m-1", "TransferNotice", "c-1", sha256(b"sealed").hexdigest(), "received", NOW)


def issued(by: Party = WORCESTERSHIRE, *, audience: str = "333", following: int | None = None) -> str:
    return statement.issue(
        audience=audience,
        window=DAYS,
        following=following,
        sent=[ROW],
        received=[],
        checkpoint=None,
        ring=by.ring,
        now=NOW,
    )


def verified(token: str, *, window: Window = DAYS, late: timedelta = timedelta(0)) -> Statement:
    return statement.verify(token, issuer="885", audience="333", window=window, trust=TRUST, now=NOW + late)


def with_header(**members: str) -> str:
    header = {"alg": "EdDSA", "kid": WORCESTERSHIRE.ring.signing.kid, "typ": "cme-statement+jwt"} | members
    _, body, tail = issued().split(".")
    return f"{jose.encode(jose.write_object(header))}.{body}.{tail}"


def with_another_signature() -> str:
    head, body, _ = issued().split(".")
    return f"{head}.{body}.{jose.encode(bytes(64))}"


REFUSED = {
    "statement.malformed": lambda: verified("nonsense"),
    "statement.algorithm": lambda: verified(with_header(alg="none")),
    "statement.type": lambda: verified(bearer.issue("333", ring=WORCESTERSHIRE.ring, now=NOW)),
    "statement.signature": lambda: verified(with_another_signature()),
    "statement.other-party": lambda: verified(issued(audience="330")),
    "statement.other-window": lambda: verified(issued(), window=replace(DAYS, page=1)),
    "statement.not-fresh": lambda: verified(issued(), late=timedelta(minutes=6)),
}


def test_what_was_signed_is_read() -> None:
    assert verified(issued(following=1)) == Statement("885", "333", NOW, DAYS, 1, (ROW,), (), None)


@pytest.mark.parametrize("code", REFUSED)
def test_each_way_of_being_wrong_is_refused_by_its_name(code: str) -> None:
    with pytest.raises(errors.Refusal) as refused:
        REFUSED[code]()
    assert refused.value.code == code


def test_every_refusal_is_shown_here() -> None:
    assert {code for code in RefusalCode if code.startswith("statement.")} == set(REFUSED)


def test_nothing_is_issued_that_a_partner_would_refuse() -> None:
    with expect_refusal(RefusalCode.STATEMENT_MALFORMED):
        issued(following=7)


@given(st.one_of(st.text(max_size=200), st.text("eyJ.hbGciOi_-", max_size=200)))
def test_arbitrary_text_is_refused(token: str) -> None:
    with pytest.raises(errors.Refusal):
        verified(token)
