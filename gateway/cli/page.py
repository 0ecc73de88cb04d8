"""A message and its history on a page of the terminal."""

from collections.abc import Sequence

from rich.markup import escape

from gateway.store.log import Kept
from schemas.message import Message, TransferNotice
from schemas.reading import rows, words

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
    "one.written": "written as a Common Transfer File",
    "one.answered": "answered by ONE",
    "draft.made": "made of a row",
    "draft.renewed": "made anew, as the row came again otherwise",
    "draft.read": "read",
    "draft.sent": "became a notice",
    "draft.discarded": "discarded",
}
WIDTH = 30
ENOUGH = 6  # of an id, to tell the few messages of a case apart


def page(message: Message, standing: Sequence[tuple[str, object]], history: Sequence[tuple[str, Kept]]) -> str:
    """The message with how it stands, and what was done in its case, oldest first, each with the kind of message."""
    head = message.header
    lines = [f"[bold]{words(message.kind)}[/bold] {head.message_id}"]
    lines += [_line(name, value, 1) for name, value in standing if value not in (None, "")]
    for title, value in (("What it says", message.body), ("Header", head)):
        lines += ["", f"[bold]{title}[/bold]"]
        lines += [_line(row.name, row.value or "", row.depth + 1) for row in rows(value)]
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
    lines += ["", "[bold]What it would say[/bold]"]
    lines += [_line(row.name, row.value or "", row.depth + 1) for row in rows(notice)]
    lines += ["", "[bold]History[/bold]"]
    for entry in history:
        lines.append(f"  {entry.at:%d %b %Y %H:%M:%S}  {escape(entry.actor)}: {ACTS.get(entry.act, entry.act)}")
    return "\n".join(lines)


def _line(name: str, value: object, depth: int) -> str:
    before = "  " * depth
    return f"{before}{name:{WIDTH - len(before)}} {escape(str(value))}".rstrip()
