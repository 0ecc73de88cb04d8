"""A message and its history on a page of the terminal."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.markup import escape

from gateway.auditing.audit import CaseHistory
from gateway.core import labels
from gateway.core.match_state import MatchState
from gateway.one.drafts import DraftHistory
from gateway.searches.match_incoming import MatchCandidate
from schemas.message import Child, Message, TransferNotice, WhereaboutsEnquiry, WhereaboutsUnknownNotice
from schemas.reading import list_rows

WIDTH = 30
# Of an id, to tell the few messages of a case apart.
ENOUGH = 6


def message_page(message: Message, standing: Sequence[tuple[str, object]], history: CaseHistory) -> str:
    """The message with how it stands, and what was done in its case, oldest first, each with the kind of message."""
    head = message.header
    lines = [f"[bold]{labels.name_kind(message.kind)}[/bold] {head.message_id}"]
    lines += [_line(name, value, 1) for name, value in standing if value not in (None, "")]
    for title, value in (("Details", message.body), ("Header", head)):
        lines += ["", f"[bold]{title}[/bold]"]
        lines += [_line(row.name, row.value or "", row.depth + 1) for row in list_rows(value)]
    lines += ["", "[bold]History[/bold]"]
    for kind, entry in history:
        done = labels.describe_act(entry.act, kind, entry.partner or "")
        # Tells two messages of one kind apart.
        which = f"…{(entry.about or '')[-ENOUGH:]}"
        lines.append(f"  {entry.at:%d %b %Y %H:%M:%S}  [dim]{which}[/dim] {escape(entry.actor)}: {done}")
    return "\n".join(lines)


def draft_page(
    draft_id: str, notice: TransferNotice, standing: Sequence[tuple[str, object]], history: DraftHistory
) -> str:
    """Return a draft as the notice that it could become, with how it stands, and what was done to it, oldest first."""
    lines = [f"[bold]Leaver[/bold] {draft_id}"]
    lines += [_line(name, value, 1) for name, value in standing if value not in (None, "")]
    lines += ["", "[bold]What the notice would say[/bold]"]
    lines += [_line(row.name, row.value or "", row.depth + 1) for row in list_rows(notice)]
    lines += ["", "[bold]History[/bold]"]
    for entry in history:
        lines.append(f"  {entry.at:%d %b %Y %H:%M:%S}  {escape(entry.actor)}: {labels.describe_act(entry.act)}")
    return "\n".join(lines)


def _line(name: str, value: object, depth: int) -> str:
    before = "  " * depth
    return f"{before}{name:{WIDTH - len(before)}} {escape(str(value))}".rstrip()


# What a search says of what a column of our extract says.
THEIRS: Mapping[str, Callable[[Child], str]] = {
    "upn": lambda child: child.upn or "",
    "former_upn": lambda child: " ".join(child.former_upn),
    "surname": lambda child: child.surname,
    "forename": lambda child: child.forename or "",
    "middle_names": lambda child: child.middle_names or "",
    "preferred_surname": lambda child: child.preferred_surname or "",
    "preferred_forename": lambda child: child.preferred_forename or "",
    "former_surname": lambda child: child.former_surname or "",
    "dob": lambda child: f"{child.dob:%d/%m/%Y}" + (" (estimated)" if child.dob_estimated else ""),
    "sex": lambda child: child.sex,
    "nc_year": lambda child: child.nc_year_actual or "",
}


def matches_page(message: Message, state: MatchState, candidates: Sequence[MatchCandidate]) -> str:
    """Return a search beside each of our children who may be the one, element by element, with the reasons."""
    head = message.header
    lines = [
        f"[bold]{labels.name_kind(message.kind)}[/bold] {head.message_id}",
        _line("From", labels.name_authority_in_full(head.sender.authority), 1),
    ]
    if not candidates:
        lines.append(f"  {labels.explain_no_matches(state)}")
    for number, candidate in enumerate(candidates, 1):
        lines += ["", f"[bold]Possible match {number}: score {candidate.strength} of 100[/bold]"]
        lines += [f"  {labels.name_match_reason(reason)}" for reason in candidate.reasons]
        lines += [_beside("", "Their notice", "Your records"), *_elements(message, candidate)]
    lines += ["", "If this is the child, answer the enquiry: cme-gateway answer"]
    return "\n".join(lines)


def _elements(message: Message, candidate: MatchCandidate) -> Iterator[str]:
    body = message.body
    assert isinstance(body, WhereaboutsEnquiry | WhereaboutsUnknownNotice)  # noqa: S101 - no other has matches
    address = body.previous_address
    for column, name in labels.list_pupil_fields().items():
        in_notice = ((address and address.post_code) or "") if column == "postcode" else THEIRS[column](body.child)
        if in_notice or column in candidate.said:
            yield _beside(name, in_notice, candidate.said.get(column, ""))


def _beside(name: str, theirs: str, ours: str) -> str:
    return f"    {name:20}{escape(theirs):32} {escape(ours)}".rstrip()
