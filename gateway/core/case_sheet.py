"""What of a case fits on one printed page of A4: what decides is whole, and the rest as far as there is room. No I/O.

Lines are counted by the letters of each text, as if every letter were a wide one, so that a page is rather too empty
than too full. The measures are those of the style sheet for print. A test prints pages, and counts them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

# Letters of one line, beside its date or question.
LETTERS = 72
# Tenths of a millimetre: a line, the gap below a text, and the room for texts between the headings of the page.
LINE, GAP, ROOM = 44, 12, 2_050
# Of other notices, of which each has a row; what they leave is for the timeline.
MOST_NOTICES = 6
# Letters of what somebody wrote, in the timeline.
LONGEST_DETAIL = 150


@dataclass(frozen=True, slots=True)
class SheetPlan:
    """How many other notices of the case, and how many steps of its timeline, stand on the page."""

    notices: int
    steps: int


def plan_sheet(fixed: Sequence[str], notices: Sequence[str], steps: Sequence[str]) -> SheetPlan:
    """Plan the page: `fixed` stands on it in any case; of the notices and of the steps the first that fit."""
    room = ROOM - sum(map(measure_text, fixed))
    shown_notices = count_fitting(notices[:MOST_NOTICES], room // 2)
    room -= sum(map(measure_text, notices[:shown_notices]))
    return SheetPlan(shown_notices, count_fitting(steps, room))


def count_fitting(texts: Sequence[str], room: int) -> int:
    """Count how many of these, from the first on, fit into so much room."""
    for number, text in enumerate(texts):
        room -= measure_text(text)
        if room < 0:
            return number
    return len(texts)


def measure_text(text: str) -> int:
    """Measure how much room a text takes, with the gap below it."""
    return max(1, -(-len(text) // LETTERS)) * LINE + GAP


def shorten_detail(text: str) -> str:
    """Shorten what somebody wrote, at a space, to what the timeline of a page has of it; on one line."""
    line = " ".join(text.split())
    if len(line) <= LONGEST_DETAIL:
        return line
    return f"{line[:LONGEST_DETAIL].rpartition(' ')[0] or line[:LONGEST_DETAIL]} ..."
