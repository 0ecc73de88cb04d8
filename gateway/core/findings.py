"""What is well and what is not, as values: a level, a sentence, and what to do next. Pure: whoever looks passes the time in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

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
    next_step: str = ""


def ok(name: str, sentence: str) -> Finding:
    """It holds."""
    return Finding(name, Level.OK, sentence)


def warn(name: str, sentence: str, next_step: str = "") -> Finding:
    """Somebody should look."""
    return Finding(name, Level.WARN, sentence, next_step)


def fail(name: str, sentence: str, next_step: str = "") -> Finding:
    """It does not hold."""
    return Finding(name, Level.FAIL, sentence, next_step)


def worst(findings: Iterable[Finding]) -> Level:
    """The level of the whole."""
    found = {one.level for one in findings}
    return next((level for level in (Level.FAIL, Level.WARN) if level in found), Level.OK)


def ends(name: str, end: datetime, now: datetime, renew: str) -> Finding:
    """What holds until a day: a warning sixty days before it, a louder one after thirty, and a failure for the last seven."""
    left = end - now
    if left <= timedelta(0):
        return fail(name, f"ended on {end:%d %b %Y}", renew)
    if left > EARLY:
        return ok(name, f"ends on {end:%d %b %Y}")
    says = f"ends on {end:%d %b %Y}, in {left.days} days"
    if left > LAST:
        return warn(name, f"{says}{': soon' if left <= SOON else ''}", renew)
    return fail(name, says, renew)


def lasted(age: timedelta) -> str:
    """A length of time in the largest unit that fits."""
    minutes = int(age.total_seconds() // 60)
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'s' * (count > 1)}"
    return "less than a minute"
