"""What is well and what is not, as values: a level, a sentence, and what to do next.

Pure: whoever looks passes the time in.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from gateway.core import labels


class FindingLevel(StrEnum):
    """`fail`: the gateway cannot do its work, or will not in some days; `warn`: somebody should look."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """One thing that must hold."""

    name: str
    level: FindingLevel
    sentence: str
    next_on_page: str = ""
    next_in_terminal: str = ""

    @property
    def label(self) -> str:
        """Return what people read in the place of the name."""
        return labels.name_check(self.name)

    @property
    def authority(self) -> str:
        """Return the partner that it is about, by its code; empty where it is about none."""
        return labels.find_check_authority(self.name)


def pass_check(name: str, sentence: str) -> HealthFinding:
    """Return that it holds."""
    return HealthFinding(name, FindingLevel.OK, sentence)


def warn_check(name: str, sentence: str, on_page: str, in_terminal: str = "") -> HealthFinding:
    """Return that somebody should look. Without `in_terminal`, the next step is the same as on a page."""
    return HealthFinding(name, FindingLevel.WARN, sentence, on_page, in_terminal or on_page)


def fail_check(name: str, sentence: str, on_page: str, in_terminal: str = "") -> HealthFinding:
    """Return that it does not hold. Without `in_terminal`, the next step is the same as on a page."""
    return HealthFinding(name, FindingLevel.FAIL, sentence, on_page, in_terminal or on_page)


def find_worst_level(findings: Iterable[HealthFinding]) -> FindingLevel:
    """Return the level of the whole."""
    levels = {finding.level for finding in findings}
    return next((level for level in (FindingLevel.FAIL, FindingLevel.WARN) if level in levels), FindingLevel.OK)


def format_duration(age: timedelta) -> str:
    """Format a length of time in the largest unit that fits."""
    minutes = int(age.total_seconds() // 60)
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'s' * (count > 1)}"
    return "less than a minute"
