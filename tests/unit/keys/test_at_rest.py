"""Our own copies: each under its own key, and gone when that key is gone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import at_rest, errors
from keys.errors import RefusalCode
from tests.refusals import expect_refusal
from tests.unit.keys.parties import Party, party

SANDWELL = party("333")
LOCKED = at_rest.lock(b"a notice", about="m-1", ring=SANDWELL.ring)


@given(st.binary(max_size=2_000))
def test_what_was_locked_is_unlocked(payload: bytes) -> None:
    locked = at_rest.lock(payload, about="m-1", ring=SANDWELL.ring)
    assert at_rest.unlock(locked, about="m-1", ring=SANDWELL.ring) == payload


def test_every_copy_has_its_own_key() -> None:
    again = at_rest.lock(b"a notice", about="m-1", ring=SANDWELL.ring)
    with expect_refusal(RefusalCode.AT_REST_ALTERED):
        at_rest.unlock(replace(LOCKED, data_key=again.data_key), about="m-1", ring=SANDWELL.ring)


def test_destroyed_is_not_the_same_as_damaged() -> None:
    with pytest.raises(errors.Destroyed):
        at_rest.unlock(replace(LOCKED, data_key=None), about="m-1", ring=SANDWELL.ring)


def test_a_copy_cannot_pass_for_another_message() -> None:
    with expect_refusal(RefusalCode.AT_REST_ALTERED):
        at_rest.unlock(LOCKED, about="m-2", ring=SANDWELL.ring)


def test_another_ring_does_not_open_it_and_lacks_the_key(birmingham: Party) -> None:
    with expect_refusal(RefusalCode.AT_REST_UNKNOWN_KEY):
        at_rest.unlock(LOCKED, about="m-1", ring=birmingham.ring)


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_arbitrary_bytes_are_refused(data_key: bytes, content: bytes) -> None:
    with expect_refusal(RefusalCode.AT_REST_ALTERED, RefusalCode.AT_REST_UNKNOWN_KEY):
        at_rest.unlock(at_rest.Locked(data_key, content), about="m-1", ring=SANDWELL.ring)


def test_each_bit_of_the_wrapped_key_counts() -> None:
    assert LOCKED.data_key is not None
    for at in range(len(LOCKED.data_key)):
        bad = bytearray(LOCKED.data_key)
        bad[at] ^= 1
        with expect_refusal(RefusalCode.AT_REST_ALTERED, RefusalCode.AT_REST_UNKNOWN_KEY):
            at_rest.unlock(replace(LOCKED, data_key=bytes(bad)), about="m-1", ring=SANDWELL.ring)


def test_nothing_of_it_is_shown() -> None:
    assert repr(LOCKED) == "Locked()"
