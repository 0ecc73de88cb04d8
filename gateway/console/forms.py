"""What a form asks, and what was answered: each question names its field, its kind and its words; a wrong answer gets a
sentence.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from gateway.core.authority_search import find_authorities, find_exact_authority
from gateway.core.calendar import LONDON
from gateway.core.days import read_day
from schemas.hidden_signs import find_hidden, say_hidden

# Characters, as the schema has them.
MAX_LINE, MAX_NOTE = 200, 4_000
Kind = Literal["radios", "select", "text", "day", "time", "note", "checkboxes", "lines", "authority"]
# No case of a child of today is older.
EARLIEST = date(1990, 1, 1)
# How an answer is asked for, where the question has no sentence of its own.
_ASKS: Mapping[Kind, str] = {
    "radios": "Select an option",
    "select": "Select an option",
    "authority": "Enter an authority",
    "checkboxes": "Select an option",
    "text": "Enter an answer",
    "lines": "Enter an answer",
    "note": "Enter an answer",
    "time": "Enter a time",
    "day": "Enter a date",
}
Options = Callable[[], Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `options` are codes with their labels, for radios and lists."""

    name: str
    label: str
    kind: Kind = "text"
    hint: str = ""
    options: Options | None = None
    optional: bool = False
    # An answer above may make it needed: it is not called optional, and the hint says when.
    sometimes: bool = False
    # What is said where nothing was answered.
    missing: str = ""
    # What a wrong answer is called in a sentence: the label, where it is no question.
    noun: str = ""
    # Of a note.
    longest: int = MAX_NOTE
    # A text of a few characters.
    short: bool = False
    # A day that may lie ahead.
    ahead: bool = False

    @property
    def subject(self) -> str:
        """Return what a sentence about a wrong answer begins with."""
        return self.noun or self.label.rstrip("?")


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered, and what is wrong with it, both by the name of the question.

    Typed text stands as it was typed.
    """

    values: Mapping[str, object]
    wrong: Mapping[str, str]

    def get_text(self, name: str) -> str:
        """Return a text, or a code; empty where there is none."""
        return str(self.values.get(name) or "")

    def find_line(self, name: str) -> str | None:
        """Return a text, or None."""
        return self.get_text(name) or None

    def get_day(self, name: str) -> date:
        """Return a day that was checked."""
        value = self.values[name]
        assert isinstance(value, date)  # noqa: S101 - `read` made it
        return value


def read_answers(questions: Sequence[Question], typed: Mapping[str, str], today: date) -> Answers:
    """Check what was typed."""
    values: dict[str, object] = {}
    wrong: dict[str, str] = {}
    for question in questions:
        try:
            values[question.name] = _read_answer(question, typed, today)
        except ValueError as why:
            wrong[question.name] = str(why)
    return Answers(values, wrong)


def _read_answer(question: Question, typed: Mapping[str, str], today: date) -> object:
    if question.kind == "day":
        return _parse_day(question, typed, today)
    text = " ".join(typed.get(question.name, "").split())
    if not text:
        if question.optional:
            return None
        raise ValueError(question.missing or f"{_ASKS[question.kind]}: {question.label}")
    if question.kind == "authority":
        return read_authority(question, text, typed.get(f"{question.name}-picked", ""))
    most = MAX_NOTE if question.kind == "note" else MAX_LINE
    if len(text) > most:
        raise ValueError(f"{question.subject} must be {most:,} characters or fewer")
    if sign := find_hidden(text):
        raise ValueError(say_hidden(sign))
    if question.options and text not in dict(question.options()):
        raise ValueError("Select an option from the list")
    if question.kind == "time":
        return _parse_time(question, text)
    return text


def read_authority(question: Question, text: str, picked: str) -> str:
    """Return the code of the authority that is meant: exactly so named, or picked among those that may be meant."""
    among = [code for code, _ in question.options()] if question.options else []
    offered = [authority.code for authority in find_authorities(text, among)]
    if picked in offered:
        return picked
    if exact := find_exact_authority(text, among):
        return exact
    if offered:
        raise ValueError("Select the authority you mean")
    raise ValueError("No authority in this list has this name or code")


def _parse_day(question: Question, typed: Mapping[str, str], today: date) -> date | None:
    parts = [typed.get(f"{question.name}-{part}", "").strip() for part in ("day", "month", "year")]
    if not any(parts):
        if question.optional:
            return None
        raise ValueError(question.missing or f"Enter the date: {question.label}")
    try:
        parsed_day = read_day(parts)
    except ValueError:
        raise ValueError(f"{question.subject} must be a real date, for example 27 3 2026") from None
    if parsed_day > today and not question.ahead:
        raise ValueError(f"{question.subject} must be today or in the past")
    if parsed_day < EARLIEST:
        raise ValueError(f"{question.subject} must be after {EARLIEST.year - 1}")
    return parsed_day


def _parse_time(question: Question, text: str) -> str:
    """Return a time of day such as 14:30, 2.30pm or 2pm as 14:30."""
    plain = text.replace(".", ":").replace(" ", "").lower()
    for form in ("%H:%M", "%I:%M%p", "%I%p"):
        try:
            return datetime.strptime(plain, form).strftime("%H:%M")  # noqa: DTZ007 - a time alone
        except ValueError:
            continue
    raise ValueError(f"{question.subject} must be a time, for example 2:30pm or 14:30")


def build_moment(day: date, time: str) -> datetime:
    """Return the moment that a day and a time of ours name."""
    return datetime.combine(day, datetime.strptime(time, "%H:%M").time(), LONDON)  # noqa: DTZ007 - the zone follows
