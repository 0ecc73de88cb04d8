"""What an officer is told of a file: everything that is wrong, nothing that is not, and no word of
what stands in it.
"""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from schemas import xml
from schemas.inspection import Inspection, inspect_file, list_values
from schemas.layout import is_ours
from schemas.samples import make
from schemas.wording import PLACES
from tests.children import sample

TODAY = date(2026, 11, 23)
NOTICE = sample("transfer-notice")
ADA = b"<Forename>Ada</Forename>"
READABLE = [text.encode() for code, text in make.build_samples().items() if not code.startswith("xml.")]
MARK = "Zyxmark"
MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def told(data: bytes) -> Inspection:
    return inspect_file(data, today=TODAY)


def sentences(*changes: tuple[bytes, bytes]) -> list[str]:
    data = NOTICE
    for old, new in changes:
        assert old in data
        data = data.replace(old, new, 1)
    return [problem.sentence for problem in told(data).problems]


def test_faulty_values_and_broken_rules_are_told_together() -> None:
    data = NOTICE.replace(b"2016-03-31", b"31/03/2016").replace(b">885<", b">999<").replace(b"WR1 9ZZ", b"WORCS")
    found = told(data)
    assert [(one.line, one.code) for one in found.problems] == [
        (12, "authority.unknown"),
        (30, "xml.schema"),
        (42, "address.postcode"),
    ]
    assert (found.kind, found.count_problems("error"), found.count_problems("warning")) == ("TransferNotice", 2, 1)
    assert not found.complete


def test_the_rules_wait_where_an_element_is_missing() -> None:
    found = told(NOTICE.replace(b"<Surname>Testchild-Example</Surname>", b"").replace(b">885<", b">999<"))
    assert {one.code for one in found.problems} == {"xml.schema"}
    assert not found.complete


@MANY
@given(st.sampled_from(READABLE), st.data())
def test_no_rule_is_said_to_be_broken_that_holds_without_the_fault(data: bytes, draw: st.DataObject) -> None:
    """Some values of a message are spoilt: what the rules then say, they said of the message before."""
    root = xml.parse_root(data)
    leaves = [element for element in root.iter() if len(element) == 0 and element.text]
    for element in draw.draw(st.lists(st.sampled_from(leaves), min_size=1, max_size=4, unique=True)):
        # No element may have it.
        element.text = "\x85"
    spoilt = told(etree.tostring(root, encoding="UTF-8"))
    assert not spoilt.complete
    before = {(one.code, one.element) for one in told(data).problems}
    assert {(one.code, one.element) for one in spoilt.problems if one.code != "xml.schema"} <= before


@MANY
@given(st.integers(0, len(NOTICE)), st.sampled_from([MARK, f"<{MARK}/>", f"<{MARK}>", f' {MARK}="1"', f"&{MARK};"]))
def test_nothing_that_stands_in_a_file_is_quoted(at: int, what: str) -> None:
    for problem in told(NOTICE[:at] + what.encode() + NOTICE[at:]).problems:
        assert MARK not in problem.sentence + problem.element


def test_every_value_has_others_to_take_its_place_and_a_sentence_of_bearable_length() -> None:
    for path, slot in PLACES.items():
        if not is_ours(slot.kind):
            assert len(list_values(slot)) > 1, path
    # The longest list.
    assert max(len(one) for one in sentences((b">believed-other-authority<", b">x<"))) < 500


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b"<Sex>F<", b"<Sex>girl<", "Sex must be F (Female), M (Male) or U (Not known)."),
        (b"<Level>none<", b"<Level>no<", "Level must be none, address-withheld or phone-only."),
        (b"<Sequence>1<", b"<Sequence>0<", "Sequence must be a whole number from 1 to 1000000."),
        (b">Ada<", b"><", "Forename is empty. Leave it out if there is nothing to enter."),
        (b"<Sex>F</Sex>", b"", "Child has no Sex. It must come before NCyearActual."),
        (b"<Test>false</Test>", b"", "Header has no Test. It must come after LegalBasis."),
        (b"<Sex>F</Sex>", b"<Gender>F</Gender>", "This line has an element that is not allowed in Child, and Sex is missing."),
        (b"<Sex>F</Sex>", b"<Sex>F</Sex><Sex>F</Sex>", "Child has Sex more than once."),
        (b"<Sex>F</Sex>", b"<Sex>F</Sex>" + ADA, "Child has Forename more than once."),
        (b"<Sex>F</Sex>", b"<Sex>F</Sex><FormerSurname>X</FormerSurname>", "FormerSurname must come before DOB in Child."),
        (b"<Sex>F</Sex>", b'<Sex a="b">F</Sex>', "Sex has an attribute, which is not allowed in a message."),
        (b"<Sex>F</Sex>", b"<Sex><b/>F</Sex>", "Sex contains elements, but must contain only a value."),
        (b"<Certainty>", b"x<Certainty>", "TransferNotice contains text between its elements."),
    ],
)  # fmt: skip
def test_a_fault_of_shape_says_what_must_be(old: bytes, new: bytes, sentence: str) -> None:
    assert sentences((old, new)) == [sentence]


def test_an_element_that_stands_too_early_is_told_after_which_it_must_stand() -> None:
    moved = sentences((b"<Sex>F</Sex>", b""), (b"<Surname>", b"<Sex>F</Sex><Surname>"))
    assert moved == ["Sex must come after DOBEstimated in Child."]


@pytest.mark.parametrize("body", [b"", b"<Header/>", b"<Elsewhere/>", b"<h:Header xmlns:h='urn:x'/>"])
def test_what_a_message_consists_of_is_said_where_it_is_something_else(body: bytes) -> None:
    found = told(b'<Message xmlns="urn:cme-exchange:message:1">' + body + b"</Message>")
    assert "A Message has a Header, then one of these: TransferNotice" in found.problems[-1].sentence


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"", "xml.not-xml", "empty"),
        (b"\xef\xbb\xbf \r\n", "xml.not-xml", "empty"),
        (b"PK\x03\x04\x14\x00\xff", "xml.not-xml", "Excel"),
        (b"%PDF-1.7\n\xff", "xml.not-xml", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "xml.not-xml", "older Word"),
        (b"<!DOCTYPE html><p>a<br>", "xml.not-xml", "web page"),
        (b"UPN,Surname\n", "xml.not-xml", "CSV"),
        (b"\x89PNG\r\n\x00", "xml.not-xml", "picture"),
        (NOTICE.decode().encode("utf-16"), "xml.encoding", "UTF-16 text. Save it as UTF-8"),
        (NOTICE.decode().encode("utf-16-be"), "xml.encoding", "UTF-16 text. Save it as UTF-8"),
        (NOTICE.replace(b"Specimen", b"Sp\xe9cimen"), "xml.encoding", "Save it as UTF-8"),
        (NOTICE[:1500], "xml.malformed", "a tag is not finished"),
        (NOTICE.replace(b"</Surname>", b"</Surnam>", 1), "xml.malformed", "closed by a different tag"),
        (NOTICE.replace(b">Ada<", b">Ada & Bea<"), "xml.malformed", "&amp;"),
        (NOTICE.replace(b"T09:30", b"T24:00"), "xml.schema", "does not exist"),
    ],
)  # fmt: skip
def test_a_file_that_is_something_else_is_told_what_it_is(data: bytes, code: str, says: str) -> None:
    found = told(data)
    assert [one.code for one in found.problems] == [code]
    assert says in found.problems[0].sentence
    assert (found.kind, found.complete) == (None, False)
