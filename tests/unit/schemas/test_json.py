"""A message in JSON is the message in XML, whatever it says; and hostile JSON is an Unreadable that quotes nothing."""

import json as text_of
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import json, xml
from schemas.json_schema import build_definitions
from schemas.message import BODIES, Header, Message, Withdrawal
from tests.children import notice, sample
from tests.unit.schemas.test_generated import whole

NOTICE = json.write(xml.read(sample("transfer-notice")))
SCHEMA = {"$ref": "#/components/schemas/Message", "components": {"schemas": build_definitions()}}


def problems(data: bytes) -> list[tuple[str, str]]:
    with pytest.raises(json.Unreadable) as caught:
        json.read(data)
    return [(one.element, one.sentence) for one in caught.value.problems]


def changed(**members: object) -> bytes:
    """The sample, its child changed."""
    said = text_of.loads(NOTICE)
    said["TransferNotice"]["Child"] |= members
    return text_of.dumps(said).encode()


@pytest.mark.parametrize("body", BODIES, ids=lambda cls: cls.__name__)
def test_xml_to_json_to_xml_is_the_same_text_and_the_published_schema_takes_it(body: type) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(whole(Header), whole(body))
    def holds(header: Header, said: Any) -> None:
        as_xml = xml.write(Message(header, said))
        as_json = json.write(xml.read(as_xml))
        assert xml.write(json.read(as_json)) == as_xml
        validator.validate(text_of.loads(as_json))

    holds()


def test_a_fault_is_named_with_its_place_and_not_quoted() -> None:
    found = problems(changed(DOB="31/03/2016", Sex="girl", FormerUPN=["X333210123001", "oops"]))
    assert [element for element, _ in found] == [
        "Message/TransferNotice/Child/FormerUPN/1",
        "Message/TransferNotice/Child/DOB",
        "Message/TransferNotice/Child/Sex",
    ]
    assert "girl" not in str(found)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"Surname": None}, "Surname must be text of 1 to 150 characters on one line."),
        ({"Surname": "Test\x00child"}, "Surname holds a character that XML cannot carry."),
        ({"Nickname": "Testy"}, "Child has a member that is not in the schema."),
        ({"DOB": "2016-02-30"}, "DOB must be a date written as 2015-03-31."),
        ({"DOBEstimated": 1}, "DOBEstimated must be true or false."),
        ({"FormerUPN": "X333210123001"}, "FormerUPN must be an array of at most 4."),
    ],
)
def test_a_value_that_does_not_fit_is_refused(members: dict[str, object], sentence: str) -> None:
    assert [said for _, said in problems(changed(**members))] == [sentence]


def test_what_must_be_there_is_named() -> None:
    said = text_of.loads(NOTICE)
    del said["TransferNotice"]["Child"]["DOB"]
    assert problems(text_of.dumps(said).encode()) == [("Message/TransferNotice/Child", "Child has no DOB.")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b'{"Header":{},"Header":{}}',
        b'{"a":NaN}',
        b"\xff",
        b"[" * 100_000,
        b'{"a":' + b"9" * 9_000 + b"}",
    ],
)
def test_what_is_no_object_of_json_is_refused(data: bytes) -> None:
    assert problems(data)[0][0] == "Message"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.dictionaries(st.sampled_from(["Header", "Withdrawal", "MessageId", "Sender", "Officer"]), inner)
            | st.lists(inner)
        ),
    )
)
def test_arbitrary_json_is_refused(said: Any) -> None:
    assert problems(text_of.dumps(said).encode())


def test_what_is_too_large_is_not_even_read() -> None:
    assert problems(b" " * (json.MAX_BYTES + 1)) == [("Message", "The text is larger than 256 KiB.")]


def test_a_body_alone_is_read_as_its_class() -> None:
    body = xml.read(sample("withdrawal")).body
    assert json.read_body(Withdrawal, text_of.dumps(json.build_plain(body)).encode()) == body
    assert notice().body == json.read_body(type(notice().body), text_of.dumps(json.build_plain(notice().body)).encode())


@pytest.mark.parametrize("text", [rb'{"a":"\ud800"}', rb'{"\udfff":1}', rb'{"a":{"b":["\ude00\ud83d"]}}'])
def test_half_of_a_surrogate_pair_is_no_text(text: bytes) -> None:
    [(_, sentence)] = problems(text)
    assert "not JSON in UTF-8" in sentence
    assert json.load_object(rb'{"a":"\ud83d\ude00 \\ud800"}') == {"a": "\N{GRINNING FACE} \\ud800"}
