"""Bars as SVG: no script, no style sheet, no font of its own, and the same figures always give the same bytes.

What is late is told from what is not by hatching and by words, so that it also shows in grey, and to who sees no red.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

# Pixels.
WIDTH, ROW, LEFT, RIGHT, TOP = 680, 34, 150, 150, 34
BAR, GAP = 20, 5
BLUE, RED, INK, LINE = "#1d5b8f", "#b3261e", "#1a1a1a", "#c9ced3"
FONT = "font-family='DejaVu Sans, Verdana, Arial, sans-serif' font-size='13'"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of two parts: so many in time, so many overdue."""

    label: str
    in_time: int
    late: int


@dataclass(frozen=True, slots=True)
class Bars:
    """A picture: its title, what it shows in one sentence, and its bars from top to bottom."""

    title: str
    sentence: str
    bars: Sequence[Bar]


def draw_svg(picture: Bars) -> str:
    """Return the picture as one SVG element."""
    height = TOP + ROW * len(picture.bars) + 8
    parts = [*_head(picture, height), *_legend()]
    longest = max((bar.in_time + bar.late for bar in picture.bars), default=0) or 1
    for number, bar in enumerate(picture.bars):
        parts += _bar(bar, TOP + ROW * number, (WIDTH - LEFT - RIGHT) / longest)
    bottom = TOP + ROW * len(picture.bars)
    parts.append(f"<line x1='{LEFT}' y1='{TOP}' x2='{LEFT}' y2='{bottom}' stroke='{INK}'/>")
    return "".join([*parts, "</svg>"])


def _head(picture: Bars, height: int) -> Iterator[str]:
    yield (
        f"<svg xmlns='http://www.w3.org/2000/svg' role='img' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}'"
        f" height='{height}'>"
    )
    yield f"<title>{escape(picture.title)}</title><desc>{escape(picture.sentence)}</desc>"
    yield f"<rect width='{WIDTH}' height='{height}' fill='#ffffff'/>"


def _legend() -> Iterator[str]:
    yield f"<rect x='{LEFT}' y='7' width='14' height='14' fill='{BLUE}'/>"
    yield _text(LEFT + 20, 19, "on time")
    yield from _hatched(LEFT + 90, 7, 14, 14)
    yield _text(LEFT + 110, 19, "overdue")


def _bar(bar: Bar, top: int, unit: float) -> Iterator[str]:
    y = top + (ROW - BAR) // 2
    long, late = round(bar.in_time * unit), round(bar.late * unit)
    yield _text(LEFT - 10, y + 15, bar.label, "end")
    yield f"<line x1='{LEFT}' y1='{top + ROW}' x2='{WIDTH - RIGHT}' y2='{top + ROW}' stroke='{LINE}'/>"
    if bar.in_time:
        yield f"<rect x='{LEFT}' y='{y}' width='{long}' height='{BAR}' fill='{BLUE}'/>"
    if bar.late:
        yield from _hatched(LEFT + long, y, late, BAR)
    numbers = f"{bar.in_time + bar.late}" + (f", {bar.late} overdue" if bar.late else "")
    yield _text(LEFT + long + late + 8, y + 15, numbers)


def _hatched(x: int, y: int, width: int, height: int) -> Iterator[str]:
    """Slanting strokes, drawn one by one: not every printer's software knows patterns."""
    yield (
        f"<rect x='{x + 0.5}' y='{y + 0.5}' width='{max(width - 1, 1)}' height='{height - 1}' fill='#fbe9e7'"
        f" stroke='{RED}'/>"
    )
    for start in range(-height, width, GAP + 1):
        left, right = max(start, 0), min(start + height, width)
        if right > left:
            low, high = y + height - (left - start), y + height - (right - start)
            yield f"<line x1='{x + left}' y1='{low}' x2='{x + right}' y2='{high}' stroke='{RED}' stroke-width='1.5'/>"


def _text(x: int, y: int, text: str, anchor: str = "start") -> str:
    return f"<text x='{x}' y='{y}' fill='{INK}' text-anchor='{anchor}' {FONT}>{escape(text)}</text>"
