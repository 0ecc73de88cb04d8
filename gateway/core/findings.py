"""What is well and what is not, as values: a level, a sentence, and what to do next. Pure: whoever looks passes the time in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.core.check_labels import find_label

EARLY = timedelta(days=60)  # before an end: partners need the new card before it
SOON = timedelta(days=30)
LAST = timedelta(days=7)


class Level(StrEnum):
    """`fail`: the gateway cannot do its work, or will not in some days; `warn`: somebody should look."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must hold."""

    name: str
    level: Level
    sentence: str
    next_on_page: str = ""
    next_in_terminal: str = ""

    @property
    def label(self) -> str:
        """Return what people read in the place of the name."""
        return find_label(self.name)


def ok(name: str, sentence: str) -> Finding:
    """It holds."""
    return Finding(name, Level.OK, sentence)


def warn(name: str, sentence: str, on_page: str, in_terminal: str = "") -> Finding:
    """Somebody should look. Without `in_terminal`, the next step is the same as on a page."""
    return Finding(name, Level.WARN, sentence, on_page, in_terminal or on_page)


def fail(name: str, sentence: str, on_page: str, in_terminal: str = "") -> Finding:
    """It does not hold. Without `in_terminal`, the next step is the same as on a page."""
    return Finding(name, Level.FAIL, sentence, on_page, in_terminal or on_page)


def worst(findings: Iterable[Finding]) -> Level:
    """The level of the whole."""
    found = {one.level for one in findings}
    return next((level for level in (Level.FAIL, Level.WARN) if level in found), Level.OK)


def ends(name: str, end: datetime, now: datetime, on_page: str, in_terminal: str = "") -> Finding:
    """Warn sixty days before something expires, more loudly after thirty, and fail for the last seven."""
    left = end - now
    if left <= timedelta(0):
        return fail(name, f"Expired on {end:%d %b %Y}.", on_page, in_terminal)
    if left > EARLY:
        return ok(name, f"Expires on {end:%d %b %Y}")
    says = f"Expires{' soon,' if left <= SOON else ''} on {end:%d %b %Y}, in {left.days} days."
    return (warn if left > LAST else fail)(name, says, on_page, in_terminal)


def lasted(age: timedelta) -> str:
    """A length of time in the largest unit that fits."""
    minutes = int(age.total_seconds() // 60)
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'s' * (count > 1)}"
    return "less than a minute"
