"""One value has one spelling."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import jose
from keys.jose import UnreadableToken


@given(st.binary(max_size=200))
def test_what_is_written_is_read(raw: bytes) -> None:
    assert jose.decode(jose.encode(raw)) == raw


@given(st.one_of(st.binary(max_size=40), st.text("ABab09-_=+/\n é", max_size=40).map(str.encode)))
def test_what_is_read_is_what_would_be_written(text: bytes) -> None:
    try:
        raw = jose.decode(text)
    except UnreadableToken:
        return
    assert base64.urlsafe_b64encode(raw).rstrip(b"=") == text


@pytest.mark.parametrize("text", ["AB", "AA==", "A", "AAA\n", "AA A", "++++", "é", "AAAA="])
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(UnreadableToken):
        jose.decode(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":' + b"9" * 5_000 + b"}",
        b"[" * 100_000,
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":"a"}',
        b'{"a":[{"b":"\\ude00\\ud83d"}]}',
        b"\xef\xbb\xbf{}",
        b"[]",
        b"null",
        b"",
    ],
    ids=range(16),
)
def test_json_that_two_readers_may_understand_in_two_ways_is_refused(text: bytes) -> None:
    with pytest.raises(UnreadableToken):
        jose.read_object(text)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_an_object_or_refused(text: bytes) -> None:
    with contextlib.suppress(UnreadableToken):
        assert isinstance(jose.read_object(text), dict)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -1, jose.MAX_SECONDS + 1])
def test_date_is_a_whole_number_of_seconds(value: object) -> None:
    with pytest.raises(UnreadableToken):
        jose.read_moment(value)


def test_the_last_date() -> None:
    assert jose.read_moment(jose.MAX_SECONDS).year == 9999
