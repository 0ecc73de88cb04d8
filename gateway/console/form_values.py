"""Between a form and what is kept of it: a page's fields as text, read and checked one by one; and shown again in
words.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from multidict import MultiDictProxy

from gateway.console import notice_questions
from gateway.console.forms import Question, read_authority
from gateway.console.notice_pages import NoticeSection
from gateway.console.pages import format_day as in_words
from gateway.core import composition, labels
from gateway.core.composition import Said
from gateway.core.days import read_day
from schemas.layout import Slot
from schemas.message import MessageKind

# Characters of one field, before anything is looked at.
MAX_ROUGH = 4_000
PARTS = ("day", "month", "year")
# Kinds of questions whose answers are codes.
CHOSEN = ("radios", "select", "checkboxes", "authority")


def read_section(
    kind: MessageKind, section: NoticeSection, form: MultiDictProxy[str], *, whole: bool
) -> tuple[Said, dict[str, str]]:
    """Return what was typed on a page, and what is wrong with it, by field. `whole`: nothing needed may be open."""
    slots = notice_questions.fields_of(kind, section)
    values: Said = {}
    wrong: dict[str, str] = {}
    for question in notice_questions.list_questions(kind, section):
        try:
            values[question.name] = _read_value(question, slots[question.name], form)
        except ValueError as why:
            wrong[question.name] = str(why)
    if whole or not composition.is_empty(values):
        for question in notice_questions.list_questions(kind, section):
            if not question.optional and question.name not in wrong and not values[question.name]:
                wrong[question.name] = question.missing or f"Enter an answer: {question.label}"
    return values, wrong


def _read_value(question: Question, slot: Slot, form: MultiDictProxy[str]) -> Any:
    if question.kind == "day":
        return _parse_day(question, [form.get(f"{question.name}-{part}", "").strip() for part in PARTS])
    if question.kind == "checkboxes":
        return [_check_value(slot, choice) for choice in form.getall(question.name, [])[: slot.most]]
    if question.kind == "lines":
        lines = [
            notice_questions.normalise_text(slot, line) for line in form.get(question.name, "")[:MAX_ROUGH].splitlines()
        ]
        lines = [_check_value(slot, line) for line in lines if line]
        if len(lines) > slot.most:
            raise ValueError(f"{question.subject} must be {slot.most} lines or fewer")
        return lines
    text = notice_questions.normalise_text(slot, form.get(question.name, "")[:MAX_ROUGH])
    if question.kind == "authority" and text:
        return _check_value(slot, read_authority(question, text, form.get(f"{question.name}-picked", "")))
    if slot.kind is bool and text not in ("", "yes", "no"):
        raise ValueError("Select an option from the list")
    if question.kind == "select" and text and text not in dict(question.options() if question.options else ()):
        raise ValueError("Select an option from the list")
    return _check_value(slot, text) if text else ""


def _check_value(slot: Slot, text: str) -> str:
    composition.parse_value(slot, text)
    return text


def _parse_day(question: Question, parts: Sequence[str]) -> str:
    if not any(parts):
        return ""
    try:
        parsed_day = read_day(parts)
    except ValueError:
        raise ValueError(f"{question.subject} must be a real date, for example 27 3 2026") from None
    if parsed_day.year < 1000:
        raise ValueError(f"{question.subject} must include a year with 4 numbers")
    return parsed_day.isoformat()


def form_of(kind: MessageKind, section: NoticeSection, values: Said) -> dict[str, Any]:
    """Return what was kept of a page, as its form shows it again."""
    fields: dict[str, Any] = {}
    for question in notice_questions.list_questions(kind, section):
        value = values.get(question.name) or ""
        if question.kind == "day" and value:
            numbers = reversed(str(value).split("-"))
            fields |= {f"{question.name}-{part}": str(int(number)) for part, number in zip(PARTS, numbers, strict=True)}
        if question.kind == "authority" and value:
            value = labels.name_authority_in_full(value)
        fields[question.name] = "\n".join(value) if question.kind == "lines" else value
    return fields


def as_typed(kind: MessageKind, section: NoticeSection, form: MultiDictProxy[str]) -> dict[str, Any]:
    """Return what was typed, as it was typed, for a page that is shown again."""
    several = {
        question.name for question in notice_questions.list_questions(kind, section) if question.kind == "checkboxes"
    }
    return {name: form.getall(name) if name in several else str(form[name]) for name in form}


def describe_section(kind: MessageKind, section: NoticeSection, values: Said) -> list[tuple[str, str]]:
    """Describe what was kept of a page, in words: question and answer."""
    described = (
        (question.label, describe_answer(question, values.get(question.name)))
        for question in notice_questions.list_questions(kind, section)
    )
    return [(label, answer) for label, answer in described if answer]


def describe_answer(question: Question, value: Any) -> str:
    """Describe one answer in words."""
    if not value:
        return ""
    if question.kind == "day":
        return in_words(date.fromisoformat(value))
    texts: Mapping[str, str] = dict(question.options()) if question.kind in CHOSEN and question.options else {}
    many = value if isinstance(value, list) else [value]
    return ", ".join(texts.get(item, item) for item in many)
