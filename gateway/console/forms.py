"""What a form asks, and what was answered: each question names its field, its kind and its words; a wrong answer gets a sentence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from gateway.core.calendar import LONDON
from gateway.core.days import read_day
from schemas.hidden_signs import find_hidden, say_hidden

MAX_LINE, MAX_NOTE = 200, 4_000  # characters, as the schema has them
Kind = Literal["radios", "select", "text", "day", "time", "note", "checkboxes", "lines"]
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
    sometimes: bool = False  # an answer above may make it needed: it is not called optional, and the hint says when
    missing: str = ""  # what is said where nothing was answered
    longest: int = MAX_NOTE  # of a note
    short: bool = False  # a text of a few characters


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered, and what is wrong with it, both by the name of the question. Typed text stands as it was typed."""

    values: Mapping[str, object]
    wrong: Mapping[str, str]

    def text(self, name: str) -> str:
        """A text, or a code; empty where there is none."""
        return str(self.values.get(name) or "")

    def line(self, name: str) -> str | None:
        """A text, or None."""
        return self.text(name) or None

    def day(self, name: str) -> date:
        """A day that was checked."""
        found = self.values[name]
        assert isinstance(found, date)  # noqa: S101 - `read` made it
        return found


def read(questions: Sequence[Question], typed: Mapping[str, str], today: date) -> Answers:
    """Check what was typed."""
    values: dict[str, object] = {}
    wrong: dict[str, str] = {}
    for question in questions:
        try:
            values[question.name] = _read(question, typed, today)
        except ValueError as why:
            wrong[question.name] = str(why)
    return Answers(values, wrong)


def _read(question: Question, typed: Mapping[str, str], today: date) -> object:
    if question.kind == "day":
        return _day(question, typed, today)
    said = " ".join(typed.get(question.name, "").split())
    if not said:
        if question.optional:
            return None
        raise ValueError(question.missing or f"Answer the question: {question.label}")
    most = MAX_NOTE if question.kind == "note" else MAX_LINE
    if len(said) > most:
        raise ValueError(f"At most {most} characters; this has {len(said)}")
    if sign := find_hidden(said):
        raise ValueError(say_hidden(sign))
    if question.options and said not in dict(question.options()):
        raise ValueError("Choose one of the list")
    if question.kind == "time":
        return _time(said)
    return said


def _day(question: Question, typed: Mapping[str, str], today: date) -> date | None:
    parts = [typed.get(f"{question.name}-{part}", "").strip() for part in ("day", "month", "year")]
    if not any(parts):
        if question.optional:
            return None
        raise ValueError(question.missing or f"{question.label}: day, month and year")
    found = read_day(parts)
    if not date(1990, 1, 1) <= found <= today:
        raise ValueError("A day that has been, not one to come")
    return found


def _time(said: str) -> str:
    try:
        return datetime.strptime(said.replace(".", ":"), "%H:%M").strftime("%H:%M")  # noqa: DTZ007 - a time alone
    except ValueError:
        raise ValueError("A time such as 14:30") from None


def moment(day: date, time: str) -> datetime:
    """The moment that a day and a time of ours name."""
    return datetime.combine(day, datetime.strptime(time, "%H:%M").time(), LONDON)  # noqa: DTZ007 - the zone follows
