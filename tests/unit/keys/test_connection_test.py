"""A test of the connection: what is written is what is read, and nothing else is taken for one."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys import envelope
from keys.connection_test import KIND, ConnectionTest, open_test, seal_test
from keys.envelope import Names
from keys.errors import RefusalCode
from tests.refusals import expect_refusal
from tests.unit.keys.parties import NOW, party, trust_in

SANDWELL, WORCESTERSHIRE = party("333"), party("885")
TRUST = trust_in(SANDWELL, WORCESTERSHIRE)
NAME = st.from_regex(r"[0-9A-Za-z][0-9A-Za-z._-]{0,20}", fullmatch=True)
TESTS = st.builds(
    ConnectionTest,
    test_id=NAME,
    sender=st.just("333"),
    recipient=st.just("885"),
    card=st.integers(0, 2**40),
    holds=st.integers(0, 2**40),
    answers=st.just("") | NAME,
    asks_back=st.booleans(),
    back=st.dictionaries(NAME, NAME, max_size=16),
)
MEMBERS: dict[str, Any] = {
    "v": 1,
    "id": "a-test",
    "sender": "333",
    "recipient": "885",
    "card": 1,
    "holds": 1,
    "answers": "",
    "asks_back": True,
    "back": {},
}


def open_there(sealed: bytes) -> ConnectionTest:
    return open_test(sealed, ring=WORCESTERSHIRE.ring, trust=TRUST, now=NOW)


def seal_payload(payload: bytes) -> bytes:
    names = Names("a-test", "333", "885")
    return envelope.seal(payload, names=names, ring=SANDWELL.ring, trust=TRUST, now=NOW, kind=KIND)


@settings(deadline=None, max_examples=30)
@given(TESTS)
def test_what_is_written_is_what_is_read(test: ConnectionTest) -> None:
    assert open_there(seal_test(test, ring=SANDWELL.ring, trust=TRUST, now=NOW)) == test


def test_a_message_is_no_test() -> None:
    names = Names("a-test", "333", "885")
    sealed = envelope.seal(json.dumps(MEMBERS).encode(), names=names, ring=SANDWELL.ring, trust=TRUST, now=NOW)
    with expect_refusal(RefusalCode.ENVELOPE_TYPE):
        open_there(sealed)


@pytest.mark.parametrize(
    "changed",
    [
        {"v": 2},
        {"card": -1},
        {"card": "1"},
        {"holds": True},
        {"answers": "two words"},
        {"id": "../x"},
        {"back": []},
        {"back": {"https": "a sentence that might say anything"}},
        {"back": {f"r{number}": "ok" for number in range(17)}},
        {"more": "than there is"},
    ],
    ids=str,
)
def test_what_says_something_else_is_refused(changed: dict[str, object]) -> None:
    with expect_refusal(RefusalCode.ENVELOPE_MALFORMED):
        open_there(seal_payload(json.dumps(MEMBERS | changed).encode()))


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"<Message/>", b"\xff"])
def test_what_is_no_object_is_refused(payload: bytes) -> None:
    with expect_refusal(RefusalCode.ENVELOPE_MALFORMED):
        open_there(seal_payload(payload))


def test_one_that_names_others_than_its_outside_is_refused() -> None:
    with expect_refusal(RefusalCode.ENVELOPE_DISAGREES):
        open_there(seal_payload(json.dumps(MEMBERS | {"recipient": "330"}).encode()))
