"""Any message that the classes allow: written, it is valid; read back, it is the same.

Made from the annotations alone.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import codes, xml
from schemas.layout import Slot, list_slots
from schemas.message import BODIES, Header, Message, TransferNotice
from schemas.shapes import CodeList, Number, Text
from tests.children import notice

LINE = st.characters(
    codec="utf-8",
    exclude_categories=("Cc", "Cs", "Zl", "Zp"),
    exclude_characters="\ufffe\uffff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
)


def text(shape: Text) -> st.SearchStrategy[str]:
    if shape.pattern:
        return st.from_regex(shape.pattern, fullmatch=True, alphabet=LINE).filter(
            lambda value: len(value) <= shape.longest
        )
    words = st.text(LINE, min_size=1, max_size=min(shape.longest, 20))
    return words.map(lambda value: " ".join(value.split()) or "Invented")


def one(slot: Slot) -> st.SearchStrategy[Any]:
    match slot.shape:
        case CodeList(name):
            return st.sampled_from(sorted(codes.get_labels(name)))
        case Number(least, most):
            return st.integers(least, most)
        case Text():
            return text(slot.shape)
    if slot.kind is bool:
        return st.booleans()
    if slot.kind is date:
        return st.dates(date(1900, 1, 1), date(2100, 1, 1))
    if slot.kind is datetime:
        # From the year 2000 to 2100.
        milliseconds = st.integers(946_684_800_000, 4_102_444_800_000)
        return milliseconds.map(lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
    return whole(slot.kind)


def whole(cls: type) -> st.SearchStrategy[Any]:
    def field(slot: Slot) -> st.SearchStrategy[Any]:
        if slot.repeated:
            return st.lists(one(slot), max_size=min(slot.most, 2)).map(tuple)
        return st.none() | one(slot) if slot.optional else one(slot)

    def when_needed(slot: Slot) -> st.SearchStrategy[Any]:
        return st.deferred(lambda: field(slot))

    return st.builds(cls, **{slot.field: when_needed(slot) for slot in list_slots(cls)})


@pytest.mark.parametrize("body", BODIES, ids=lambda cls: cls.__name__)
def test_what_is_written_reads_back_as_the_same_message(body: type) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(whole(Header), whole(body))
    def holds(header: Header, said: Any) -> None:
        message = Message(header, said)
        text = xml.write(message)
        assert xml.read(text) == message
        assert xml.write(xml.read(text)) == text

    holds()


@pytest.mark.parametrize("bad", ["\x85", "\u2028", "\u202e", "\u2067"])
def test_text_that_would_be_read_otherwise_than_it_was_written_is_refused(bad: str) -> None:
    message = notice()
    assert isinstance(message.body, TransferNotice)
    with pytest.raises(xml.Unreadable):
        xml.write(Message(message.header, replace(message.body, note=f"An invented{bad}note")))


@pytest.mark.parametrize("bad", ["\x00", "\x1b", "\ufffe", "\ud800"])
def test_a_character_that_xml_cannot_carry_is_named_with_its_element(bad: str) -> None:
    message = notice()
    assert isinstance(message.body, TransferNotice)
    assert message.body.child
    child = replace(message.body.child, surname=f"Test{bad}child")
    broken = Message(message.header, replace(message.body, child=child))
    with pytest.raises(xml.Unreadable) as caught:
        xml.write(broken)
    assert caught.value.problems[0].sentence == "Surname holds a character that XML cannot carry."
