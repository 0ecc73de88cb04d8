"""Hostile and broken text: whatever comes in, a message or an Unreadable comes out."""

import re
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import xml
from schemas.identifiers import build_uuid7, is_upn, upn_check_letter
from tests.children import sample

NOTICE = sample("transfer-notice")


def refused(data: bytes) -> str:
    with pytest.raises(xml.Unreadable) as caught:
        xml.read(data)
    return caught.value.code


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_unreadable(data: bytes) -> None:
    assert refused(data).startswith("xml.")


@given(st.integers(0, len(NOTICE) - 1), st.integers(0, 255))
def test_one_changed_byte_gives_a_message_or_an_unreadable(at: int, byte: int) -> None:
    # And nothing else.
    with suppress(xml.Unreadable):
        assert xml.read(NOTICE[:at] + bytes([byte]) + NOTICE[at + 1 :]).kind == "TransferNotice"


def test_a_file_that_is_too_large_is_not_even_parsed() -> None:
    assert refused(b"<" * (xml.MAX_BYTES + 1)) == "xml.too-large"


def test_an_entity_is_not_expanded() -> None:
    bomb = b'<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    assert refused(bomb + b"<m>&b;</m>") in ("xml.dtd", "xml.malformed")


def test_an_external_entity_is_not_fetched() -> None:
    assert refused(b'<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]><m>&x;</m>') == "xml.dtd"


def test_a_declaration_that_lies_about_its_encoding_is_refused() -> None:
    assert refused(NOTICE.decode().encode("utf-16")) == "xml.encoding"
    assert refused(NOTICE.replace(b"Invented", b"Inv\xe9nted")) == "xml.encoding"


def test_every_fault_of_shape_is_named_with_its_line_and_element() -> None:
    broken = NOTICE.replace(b"2016-03-31", b"31/03/2016").replace(b"<Sex>F</Sex>", b"<Sex>girl</Sex>")
    with pytest.raises(xml.Unreadable) as caught:
        xml.read(broken)
    assert [(one.line, one.element.rsplit("/", 1)[1]) for one in caught.value.problems] == [(30, "DOB"), (32, "Sex")]


@pytest.mark.parametrize("upn", ["X333210123001", "L330345624117", "B885400119045", "W33321012301A", "X909200018042"])
def test_the_check_letter_of_a_upn(upn: str) -> None:
    assert upn_check_letter(upn[1:]) == upn[0]
    assert is_upn(upn)


@given(st.binary(min_size=10, max_size=10))
def test_a_message_id_is_a_uuid_of_version_7_that_sorts_by_time(entropy: bytes) -> None:
    earlier, later = (build_uuid7(datetime(2026, 11, 23, 9, 30, second, tzinfo=UTC), entropy) for second in (0, 1))
    assert earlier < later
    assert earlier[14] == "7"
    assert earlier[19] in "89ab"


def test_an_element_of_another_namespace_is_refused_and_is_no_fault_of_ours() -> None:
    foreign = b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="x"/><Surname>'
    assert refused(NOTICE.replace(b"<Surname>", foreign, 1)) == "xml.schema"


@pytest.mark.parametrize(
    ("text", "padded"),
    [
        ("<Level>phone-only</Level>", "<Level> phone-only </Level>"),
        ("<Role>cme_officer</Role>", "<Role>\ncme_officer</Role>"),
    ],
)
def test_a_code_with_white_space_around_it_is_no_code(text: str, padded: str) -> None:
    """It would pass the rules that ask for it, and a restricted child with it."""
    written = sample("transfer-notice-phone-only").decode()
    assert text in written
    with pytest.raises(xml.Unreadable):
        xml.read(written.replace(text, padded).encode())


def test_white_space_around_a_value_that_is_no_text_changes_nothing() -> None:
    written = sample("transfer-notice").decode()
    padded = re.sub(r"<(Test|DOB|MovedOn|CreatedAt|Sequence|LivesWithChild)>(.*?)</", r"<\1>\n \2\t</", written)
    padded = padded.replace("<Test>\n false\t<", "<Test>\n true\t<")
    found, plain = xml.read(padded.encode()), xml.read(written.encode())
    assert found.header.test
    assert found.body == plain.body
    assert found.header.created_at == plain.header.created_at
