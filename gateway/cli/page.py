"""A message and its history as text for a person: every value under its element's name, codes in words."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime

from rich.markup import escape

from gateway.store.log import Kept
from schemas import codes
from schemas.layout import Slot, is_ours, slots
from schemas.message import Message, TransferNotice
from schemas.shapes import CodeList

ACTS = {
    "notice.queued": "queued",
    "notice.read": "read",
    "notice.withdrawn": "taken back",
    "receipt.verified": "their signed receipt came",
    "notice.sent": "handed over",
    "notice.rejected": "refused by them",
    "notice.failed": "given up",
    "message.kept": "came, and was kept",
    "message.refused": "came, and was refused",
    "draft.made": "made of a row",
    "draft.renewed": "made anew, as the row came again otherwise",
    "draft.read": "read",
    "draft.sent": "became a notice",
    "draft.discarded": "discarded",
}
WORDS = {"NCyearActual": "NC year, actual", "SENprovision": "SEN provision", "BS7666Address": "BS 7666 address"}
WIDTH = 30
ENOUGH = 6  # of an id, to tell the few messages of a case apart


def page(message: Message, standing: Sequence[tuple[str, object]], history: Sequence[tuple[str, Kept]]) -> str:
    """The message with how it stands, and what was done in its case, oldest first, each with the kind of message."""
    head = message.header
    lines = [f"[bold]{words(message.kind)}[/bold] {head.message_id}"]
    lines += [_line(name, value, 1) for name, value in standing if value not in (None, "")]
    for title, value in (("What it says", message.body), ("Header", head)):
        lines += ["", f"[bold]{title}[/bold]", *_lines(value, 1)]
    lines += ["", "[bold]History[/bold]"]
    for kind, entry in history:
        done = f"{words(kind)} {ACTS.get(entry.act, entry.act)}"
        which = f"…{(entry.about or '')[-ENOUGH:]}"  # tells two messages of one kind apart
        lines.append(f"  {entry.at:%d %b %Y %H:%M:%S}  [dim]{which}[/dim] {escape(entry.actor)}: {done}")
    return "\n".join(lines)


def draft_page(
    draft_id: str, notice: TransferNotice, standing: Sequence[tuple[str, object]], history: Sequence[Kept]
) -> str:
    """A draft as the notice that it could become, with how it stands, and what was done to it, oldest first."""
    lines = [f"[bold]Draft[/bold] {draft_id}"]
    lines += [_line(name, value, 1) for name, value in standing if value not in (None, "")]
    lines += ["", "[bold]What it would say[/bold]", *_lines(notice, 1), "", "[bold]History[/bold]"]
    for entry in history:
        lines.append(f"  {entry.at:%d %b %Y %H:%M:%S}  {escape(entry.actor)}: {ACTS.get(entry.act, entry.act)}")
    return "\n".join(lines)


def words(element: str) -> str:
    """An element's name as a person writes it: DestinationAddress, destination address; DOB and UPN as they are."""
    if element in WORDS:
        return WORDS[element]
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[0-9]+", element)
    said = " ".join(part if part.isupper() and len(part) > 1 else part.lower() for part in parts)
    return said[:1].upper() + said[1:]


def _lines(value: object, depth: int) -> Iterator[str]:
    cls: type = type(value)
    for slot in slots(cls):
        inner = getattr(value, slot.field)
        for one in inner if slot.repeated else (() if inner is None else (inner,)):
            if is_ours(slot.kind):
                yield f"{'  ' * depth}{words(slot.element)}"
                yield from _lines(one, depth + 1)
            else:
                yield _line(words(slot.element), _said(slot, one), depth)


def _line(name: str, value: object, depth: int) -> str:
    before = "  " * depth
    return f"{before}{name:{WIDTH - len(before)}} {escape(str(value))}"


def _said(slot: Slot, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%d %b %Y %H:%M:%S} UTC"
    if isinstance(value, date):
        return f"{value:%d %b %Y}"
    if isinstance(slot.shape, CodeList):
        label = codes.labels(slot.shape.name).get(str(value), "")
        return f"{label} ({value})" if label and label != value else str(value)
    if slot.element == "Authority":
        return f"{codes.authority_name(str(value)) or 'unknown'} ({value})"
    return str(value)
