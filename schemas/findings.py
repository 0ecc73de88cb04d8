"""What was found wrong with a message, in words for an officer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. `sentence` never quotes what stands in the message, so it may be logged and sent back."""

    code: str
    # An error refuses the message; a warning is for an officer to weigh.
    level: Literal["error", "warning"]
    element: str
    sentence: str
    line: int | None = None


class Unreadable(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """The text is not a message of this schema."""

    def __init__(self, problems: Sequence[Finding]) -> None:
        """Take all problems, at least one, of which the first gives the code."""
        super().__init__(f"{problems[0].sentence} [{problems[0].code}]")
        self.problems = tuple(problems)
        self.code = problems[0].code
