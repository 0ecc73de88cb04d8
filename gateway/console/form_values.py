"""Between a form and what is kept of it: a page's fields as text, read and checked one by one; and shown again in words."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from multidict import MultiDictProxy

from gateway.console import notice_questions
from gateway.console.forms import Question
from gateway.console.notice_pages import Section
from gateway.console.pages import day as in_words
from gateway.core import composition
from gateway.core.composition import Said
from gateway.core.days import read_day
from schemas.layout import Slot

MAX_ROUGH = 4_000  # characters of one field, before anything is looked at
PARTS = ("day", "month", "year")


def read(kind: str, section: Section, form: MultiDictProxy[str], *, whole: bool) -> tuple[Said, dict[str, str]]:
    """What was typed on a page, and what is wrong with it, by field. `whole`: nothing that must be said may be left open."""
    slots = notice_questions.fields_of(kind, section)
    found: Said = {}
    wrong: dict[str, str] = {}
    for question in notice_questions.questions(kind, section):
        try:
            found[question.name] = _read(question, slots[question.name], form)
        except ValueError as why:
            wrong[question.name] = str(why)
    if whole or not composition.is_empty(found):
        for question in notice_questions.questions(kind, section):
            if not question.optional and question.name not in wrong and not found[question.name]:
                wrong[question.name] = question.missing or f"Enter an answer: {question.label}"
    return found, wrong


def _read(question: Question, slot: Slot, form: MultiDictProxy[str]) -> Any:
    if question.kind == "day":
        return _day(question, [form.get(f"{question.name}-{part}", "").strip() for part in PARTS])
    if question.kind == "checkboxes":
        return [_checked(slot, one) for one in form.getall(question.name, [])[: slot.most]]
    if question.kind == "lines":
        lines = [notice_questions.normal(slot, line) for line in form.get(question.name, "")[:MAX_ROUGH].splitlines()]
        lines = [_checked(slot, line) for line in lines if line]
        if len(lines) > slot.most:
            raise ValueError(f"{question.subject} must be {slot.most} lines or fewer")
        return lines
    text = notice_questions.normal(slot, form.get(question.name, "")[:MAX_ROUGH])
    if slot.kind is bool and text not in ("", "yes", "no"):
        raise ValueError("Select an option from the list")
    if question.kind == "select" and text and text not in dict(question.options() if question.options else ()):
        raise ValueError("Select an option from the list")
    return _checked(slot, text) if text else ""


def _checked(slot: Slot, text: str) -> str:
    composition.parse_value(slot, text)
    return text


def _day(question: Question, parts: Sequence[str]) -> str:
    if not any(parts):
        return ""
    try:
        found = read_day(parts)
    except ValueError:
        raise ValueError(f"{question.subject} must be a real date, for example 27 3 2026") from None
    if found.year < 1000:
        raise ValueError(f"{question.subject} must include a year with 4 numbers")
    return found.isoformat()


def form_of(kind: str, section: Section, said: Said) -> dict[str, Any]:
    """What was kept of a page, as its form shows it again."""
    found: dict[str, Any] = {}
    for question in notice_questions.questions(kind, section):
        value = said.get(question.name) or ""
        if question.kind == "day" and value:
            numbers = reversed(str(value).split("-"))
            found |= {f"{question.name}-{part}": str(int(number)) for part, number in zip(PARTS, numbers, strict=True)}
        found[question.name] = "\n".join(value) if question.kind == "lines" else value
    return found


def as_typed(kind: str, section: Section, form: MultiDictProxy[str]) -> dict[str, Any]:
    """What was typed, as it was typed, for a page that is shown again."""
    several = {one.name for one in notice_questions.questions(kind, section) if one.kind == "checkboxes"}
    return {name: form.getall(name) if name in several else str(form[name]) for name in form}


def rows(kind: str, section: Section, said: Said) -> list[tuple[str, str]]:
    """What was kept of a page, in words: question and answer."""
    said_of = ((one.label, in_a_line(one, said.get(one.name))) for one in notice_questions.questions(kind, section))
    return [(label, answer) for label, answer in said_of if answer]


def in_a_line(question: Question, value: Any) -> str:
    """One answer in words."""
    if not value:
        return ""
    if question.kind == "day":
        return in_words(date.fromisoformat(value))
    labels: Mapping[str, str] = (
        dict(question.options()) if question.kind in ("radios", "select", "checkboxes") and question.options else {}
    )
    many = value if isinstance(value, list) else [value]
    return ", ".join(labels.get(one, one) for one in many)
