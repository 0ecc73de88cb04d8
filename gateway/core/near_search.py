"""What is nearly what a person typed, and why a notice was found. Reasons are codes, which `labels` names.

The blind index says that a notice has the marks that were asked for. Once the notice is open, what was typed is held
against what it says, part by part. No I/O.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from gateway.core.blocking import swap_day_and_month
from gateway.core.near_spellings import NearNames, judge_names, list_near_names
from gateway.core.search_terms import TAIL, NameKind, Term, list_name_parts, list_terms
from gateway.core.typed_search import NoticeQuery, QueryPart
from schemas.message import Child, Message
from schemas.shapes import CaseId, MessageId

# How far a date or a UPN with a slip is, beside a name (`near_spellings.judge_name`); and a part that nothing meets.
SWAPPED, SLIP, LEFT_OUT = 0.5, 1.0, 5.0
DIGITS, UPN_LETTERS = "0123456789", "ABCDEFGHJKLMNPQRTUVWXYZ"


@dataclass(frozen=True, slots=True)
class HitReasons:
    """Why a notice was found, and how far it is from what was typed."""

    codes: tuple[str, ...]
    distance: float


def list_near_terms(part: QueryPart, *, alone: bool) -> tuple[frozenset[Term], frozenset[Term]]:
    """List by which terms something nearly like this part is found: what is close, and what may be far.

    `alone`: nothing else was typed, so that a date with another digit would find strangers only.
    """
    if part.kind == "name":
        close = {
            term for kind in part.of for word in part.written for term in _close_names(kind, list_near_names(word))
        }
        far = {
            Term(f"{kind}-sound", sound)
            for kind in part.of
            for word in part.written
            for sound in list_near_names(word).far_sounds
        }
        return part.terms | close, frozenset(far)
    if part.kind == "dob":
        [born] = (date.fromisoformat(term.value) for term in part.terms)
        days = set() if alone else set(_list_days_with_a_slip(born))
        days.add(swap_day_and_month(born) or born)
        return part.terms | {Term("dob", day.isoformat()) for day in days}, frozenset()
    if part.kind == "upn":
        return part.terms | {Term("upn", upn) for term in part.terms for upn in _change_signs(term.value)}, frozenset()
    return part.terms, frozenset()


def _close_names(kind: NameKind, near: NearNames) -> Iterator[Term]:
    others = near.other_names if kind == "forename" else frozenset()
    sounds = near.close_sounds if kind == "forename" else {near.sound}
    yield from (Term(kind, name) for name in near.edits | near.respellings | others)
    yield from (Term(f"{kind}-sound", sound) for sound in sounds)


def _list_days_with_a_slip(born: date) -> Iterator[date]:
    """Yield the days of which one digit is another, or two stand in the wrong order."""
    written = f"{born:%d%m}{born.year:04}"
    for changed in _change_signs(written):
        with suppress(ValueError):
            yield date(int(changed[4:]), int(changed[2:4]), int(changed[:2]))


def _change_signs(written: str) -> Iterator[str]:
    """Yield what it is with another digit or letter at one place, or with two in the wrong order."""
    for at, sign in enumerate(written):
        before, after = written[:at], written[at + 1 :]
        yield from (before + other + after for other in (DIGITS if sign.isdigit() else UPN_LETTERS))
        yield before + after[:1] + sign + after[1:]


def explain_hit(query: NoticeQuery, message: Message, *, near: bool) -> HitReasons | None:
    """Explain why a notice meets what was typed, exactly or nearly; None where a part is not even nearly met."""
    held: dict[str, set[str]] = {}
    for term in list_terms(message):
        held.setdefault(term.kind, set()).add(term.value)
    judged = [
        _explain_exactly(part, message, held) or (_judge_part(part, held) if near else None) for part in query.parts
    ]
    known = [reason for reason in judged if reason]
    if len(known) < len(judged):
        return None
    return HitReasons(tuple(dict.fromkeys(code for code, _ in known)), sum(far for _, far in known))


def explain_reference(query: NoticeQuery, message_id: MessageId, case: CaseId) -> HitReasons:
    """Explain why a message is found that is not opened: by its reference, or we do not say."""
    tails = {term.value for part in query.parts if part.kind == "reference" for term in part.terms}
    if len(query.parts) > sum(part.kind == "reference" for part in query.parts):
        return HitReasons((), 0)
    codes = {"reference": message_id[-TAIL:], "reference-case": case[-TAIL:]}
    return HitReasons(tuple(code for code, tail in codes.items() if tail in tails), 0)


def _explain_exactly(part: QueryPart, message: Message, held: Mapping[str, set[str]]) -> tuple[str, float] | None:
    met = [term for term in part.terms if term.value in held.get(term.kind, ())]
    if not met:
        return None
    child = next(iter(message.list_all(Child)), None)
    if part.kind == "name" and child:
        return _explain_name(met, child), 0
    if part.kind == "upn" and child:
        [upn] = (term.value for term in met)
        return ("upn" if upn == child.upn else "upn-former" if upn in child.former_upn else "upn-sibling"), 0
    if part.kind == "reference":
        [tail] = (term.value for term in met)
        return ("reference" if message.header.message_id.endswith(tail) else "reference-case"), 0
    return {"year": "dob-year", "day": "dob-day"}.get(part.kind, part.kind), 0


def _explain_name(met: list[Term], child: Child) -> str:
    own = {"surname": set(list_name_parts((child.surname,))), "forename": set(list_name_parts((child.forename,)))}
    if of_own := sorted(kind for kind, value in met if value in own[kind]):
        return of_own[-1]
    return f"{max(kind for kind, _ in met)}-other"


def _judge_part(part: QueryPart, held: Mapping[str, set[str]]) -> tuple[str, float] | None:
    """Judge how a part is nearly met."""
    if part.kind == "name":
        judged = [
            (f"{kind}-{code}", far)
            for kind in part.of
            if (nearest := judge_names(part.written, held.get(kind, ()), is_forename=kind == "forename"))
            for code, far in (nearest,)
        ]
        return min(judged, key=lambda reason: reason[1], default=None)
    [typed] = (term.value for term in part.terms) if len(part.terms) == 1 else ("",)
    if part.kind == "dob":
        return _judge_day(date.fromisoformat(typed), {date.fromisoformat(born) for born in held.get("dob", ())})
    if part.kind == "upn" and held.get("upn", set()) & set(_change_signs(typed)):
        return "upn-slip", SLIP
    return None


def _judge_day(typed: date, born: set[date]) -> tuple[str, float] | None:
    if swap_day_and_month(typed) in born:
        return "dob-swapped", SWAPPED
    return ("dob-digit", SLIP) if born & set(_list_days_with_a_slip(typed)) else None
