"""Every problem of a file at once, for a person who has it before them. An authority that receives asks `xml.read`.

Where a value does not fit its element, the rules are still asked: valid values take its place, one after the other, and
only what the rules say of all of them is told. So nothing is said that comes of what we put there; and nothing of the
elements at, above or below the faulty one, which are judged when it is mended. Where an element is missing or
misplaced, no value mends that, and the rules wait.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from lxml import etree

from schemas import codes, rules, xml
from schemas.findings import Finding, Unreadable
from schemas.hidden_signs import check_message
from schemas.layout import NAMESPACE, Slot
from schemas.message import Message
from schemas.shapes import CodeList, Number, Text
from schemas.wording import PLACES, get_path

TEXTS = (
    "A", "G", "O", "R", "7", "11", "Specimen", "Example", "333", "885", "2101", "4000", "1000000001", "1000000002",
    "X333210123001", "B885400119045", "01632 960101", "01632 960202",
    "cme@sandwell.example", "cme@worcestershire.example",
    "019aaf00-0000-7000-8000-00000000000a", "019aaf00-0000-7000-8000-00000000000b",
)  # fmt: skip
KINDS: dict[type, tuple[str, ...]] = {
    bool: ("true", "false"),
    # Before, amid and after all others.
    date: ("1800-01-01", "2012-01-01", "2016-01-01", "2020-01-01", "2200-01-01"),
    datetime: ("1800-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z", "2200-01-01T00:00:00.000Z"),
}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found in a file."""

    # The name of the body; None where no message can be made of it.
    kind: str | None
    problems: tuple[Finding, ...]
    # False where some of the rules could not be asked.
    complete: bool

    def count_problems(self, level: Literal["error", "warning"]) -> int:
        """Count the problems of this level."""
        return sum(problem.level == level for problem in self.problems)


def inspect_file(data: bytes, *, today: date) -> Inspection:
    """Find every problem in a file, of shape and of meaning, in the order of the lines.

    Nothing is raised, whatever the bytes are.

    Args:
        data: the whole file.
        today: the date of whoever asks, for rules about dates.
    """
    try:
        root = xml.parse_root(data)
    except Unreadable as why:
        return Inspection(None, why.problems, complete=False)
    faults = xml.list_faults(root)
    shape = [finding for _, finding in faults]
    try:
        tried = _with_values(root, [element for element, _ in faults]) if faults else [xml.read(data)]
    except Unreadable as why:
        return Inspection(None, tuple(shape) or why.problems, complete=False)
    findings = [[*rules.check(message, today=today), *check_message(message)] for message in tried]
    meaning = [
        replace(finding, line=_line(root, finding.element))
        for finding in findings[0]
        if all(finding in others for others in findings)
        and not any(_touch(finding.element, bad.element) for bad in shape)
    ]
    return Inspection(tried[0].kind, tuple(sorted((*shape, *meaning), key=_at)), complete=not shape)


def list_values(slot: Slot) -> tuple[str, ...]:
    """List some values that this element may have, as they stand in XML; of a code list, all."""
    match slot.shape:
        case CodeList(name):
            return tuple(codes.get_labels(name))
        case Number(least, most):
            return str(least), str(most)
        case Text(longest, pattern):
            return tuple(text for text in TEXTS if len(text) <= longest and re.fullmatch(pattern or ".*", text))
    return KINDS.get(slot.kind, ())


def _with_values(root: etree._Element, faulty: Sequence[etree._Element]) -> list[Message]:
    """The message with one valid value after the other in the faulty elements.

    Raises Unreadable where that mends nothing.
    """
    choices = [(element, list_values(PLACES[get_path(element)])) for element in faulty if get_path(element) in PLACES]
    choices = [(element, fitting) for element, fitting in choices if fitting]
    tried = []
    for turn in range(max((len(fitting) for _, fitting in choices), default=1)):
        for at, (element, fitting) in enumerate(choices):
            # Two elements of a kind are not given the same.
            element.text = fitting[(turn + at) % len(fitting)]
        tried.append(xml.read(etree.tostring(root, encoding="UTF-8")))
    return tried


def _at(problem: Finding) -> int:
    return problem.line or 0


def _touch(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")


def _line(root: etree._Element, path: str) -> int | None:
    steps = path.split("/")[1:]
    while steps:
        element = root.find("/".join(f"{{{NAMESPACE}}}{step}" for step in steps))
        if element is not None:
            return element.sourceline
        steps.pop()
    return root.sourceline
