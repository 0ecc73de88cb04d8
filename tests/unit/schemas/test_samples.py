"""The samples that we publish: each valid one reads, each invalid one breaks exactly the rule that names it."""

import re
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from schemas import codes, rules, xml
from schemas.inspection import inspect_file
from schemas.layout import is_ours, list_slots
from schemas.message import BODIES, Address, Header, RestrictionLevel, TransferNotice
from schemas.samples import make
from schemas.shapes import CodeList
from schemas.xsd import build_schema

SCHEMAS = Path(str(files("schemas")))
VALID = sorted((SCHEMAS / "samples" / "valid").glob("*.xml"))
INVALID = sorted((SCHEMAS / "samples" / "invalid").glob("*.xml"))
TODAY = date(2026, 11, 23)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_sample_comes_back_byte_for_byte_and_breaks_no_rule(path: Path) -> None:
    text = path.read_bytes()
    message = xml.read(text)
    assert xml.write(message) == text
    assert rules.check(message, today=TODAY) == []


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_sample_breaks_the_rule_that_names_it_and_no_other(path: Path) -> None:
    problems = inspect_file(path.read_bytes(), today=TODAY).problems
    assert {problem.code for problem in problems} == {path.stem}
    assert all(problem.sentence.endswith(".") for problem in problems)


def test_the_invalid_samples_are_what_their_maker_writes() -> None:
    assert {path.stem: path.read_text("utf-8") for path in INVALID} == make.build_samples()


def test_every_way_of_not_being_readable_stands_in_the_table_and_has_a_sample() -> None:
    used = {code for path in SCHEMAS.glob("*.py") for code in re.findall(r'"(xml\.[a-z-]+)"', path.read_text("utf-8"))}
    table = re.findall(r"^\| `(xml\.[a-z-]+)` \|", (SCHEMAS / "README.md").read_text("utf-8"), re.MULTILINE)
    assert len(used) > 5
    assert sorted(table) == sorted(used)
    # That one would be a quarter of a mebibyte.
    assert used - {path.stem for path in INVALID} == {"xml.too-large"}


def test_every_rule_has_a_sample_that_breaks_it_and_stands_in_the_table() -> None:
    named = {path.stem for path in INVALID}
    table = (SCHEMAS / "README.md").read_text("utf-8")
    for rule in rules.RULES:
        assert rule.code in named
        assert f"| `{rule.code}` | {rule.level} | {rule.sentence} |" in table


def test_every_body_has_a_valid_sample() -> None:
    assert {xml.read(path.read_bytes()).kind for path in VALID} == {cls.__name__ for cls in BODIES}


def test_the_xsd_is_what_the_classes_and_the_code_lists_make() -> None:
    assert (SCHEMAS / "message-1.xsd").read_text("utf-8") == build_schema()


def test_every_code_list_of_a_message_has_its_source_and_codes() -> None:
    todo: list[type] = [Header, *BODIES]
    lists = set()
    while todo:
        cls: type = todo.pop()
        for slot in list_slots(cls):
            if isinstance(slot.shape, CodeList):
                lists.add(slot.shape.name)
            if is_ours(slot.kind):
                todo.append(slot.kind)
    for name in lists:
        assert codes.get_labels(name)
        assert (SCHEMAS / "codes" / f"{name}.csv").read_text("utf-8").startswith("# Source: ")


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_what_is_said_never_quotes_the_child(path: Path) -> None:
    for finding in inspect_file(path.read_bytes(), today=TODAY).problems:
        assert not any(word in finding.sentence for word in ("Testchild", "Ada", "X333210123001", "Specimen"))


@pytest.mark.parametrize("level", ["address-withheld", "phone-only"])
def test_an_address_is_refused_in_the_name_of_the_restriction_that_the_notice_has(level: RestrictionLevel) -> None:
    [path] = [path for path in VALID if path.stem == "transfer-notice-phone-only"]
    notice = xml.read(path.read_bytes())
    assert isinstance(notice.body, TransferNotice)
    assert notice.body.restriction is not None
    address = Address(address_line=("1 Placeholder Road",))
    body = replace(notice.body, destination_address=address, restriction=replace(notice.body.restriction, level=level))
    found = rules.check(replace(notice, body=body), today=TODAY)
    [sentence] = [finding.sentence for finding in found if finding.code == "restriction.address"]
    assert sentence.partition(":")[0] == codes.get_labels("restriction_levels")[level].partition(":")[0]
