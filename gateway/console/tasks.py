"""A notice that is being written as a list of tasks: which pages there are, what was typed on each, and where a finding stands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.casework.compose import CheckedComposition, OpenComposition
from gateway.console import form_values, notice_pages, notice_questions
from gateway.console.notice_pages import RESTRICTION, Section
from gateway.core import composition
from gateway.core.composition import Said
from schemas.findings import Finding

WHOM = "whom"
INCOMPLETE, CONTRADICTED = "restriction.no-reason", "restriction.contradicted"
PLACES = {  # where a rule's sentence stands that is not about one field: the page, and the field
    "upn.no-reason": ("numbers", "upn"),
    "restriction.no-reason": ("restriction", "reason"),
    "care.no-authority": ("care", "care_authority"),
    "address.astray": (WHOM, "to"),
    "authority.same": (WHOM, "to"),
    "authority.unknown": (WHOM, "to"),
    "authority.ended": (WHOM, "to"),
}


@dataclass(frozen=True, slots=True)
class Task:
    """A line of the list of tasks."""

    name: str
    title: str
    group: str
    status: str
    colour: str = ""
    hint: str = ""


def address(now: OpenComposition) -> str:
    """Where its list of tasks lies."""
    return f"/compositions/{now.kept.composition_id}"


def asked(now: OpenComposition) -> Sequence[Section]:
    """The pages that are asked."""
    return notice_questions.asked(now.kept.kind, composition.find_level(now.body))


def tasks(now: OpenComposition, checked: CheckedComposition) -> list[Task]:
    """The list of tasks, and how each stands."""
    wrong = {place(now, one)[0] for one in checked.findings if one.level == "error" and one.code != INCOMPLETE}
    incomplete = any(one.code == INCOMPLETE for one in checked.findings)
    found = [] if now.kept.corrects else [_whom_task(now, checked, wrong)]
    for section in asked(now):
        said = said_on(now, section)
        lacking = any(path in checked.lacking for path in _paths(section)) or (
            section.name == "enquiries" and now.kept.kind == "WhereaboutsUnknownNotice" and not said
        )
        if section.name == RESTRICTION.name and section.name not in wrong and (lacking or incomplete):
            said = {}  # however much of it is answered: until it is complete it is still to do
            lacking = True
        group = found[0].group if found and section is asked(now)[0] else section.group
        found.append(
            Task(section.name, section.title, group, *_status(said, lacking=lacking, wrong=section.name in wrong))
        )
    return found


def _whom_task(now: OpenComposition, checked: CheckedComposition, wrong: set[str]) -> Task:
    status, colour = _status(now.to, lacking="to" in checked.lacking, wrong=WHOM in wrong)
    return Task(
        WHOM, "Who to send it to" if not now.is_search else "Who to ask", notice_pages.SECTIONS[0].group, status, colour
    )


def _status(said: Any, *, lacking: bool, wrong: bool) -> tuple[str, str]:
    if (wrong or lacking) and composition.is_empty(said):
        return "Not yet started", "blue"
    if wrong or lacking:
        return ("There is a problem", "red") if wrong else ("In progress", "blue")
    if isinstance(said, list) and said:
        return f"{len(said)} added", ""
    return ("Completed", "") if not composition.is_empty(said) else ("Optional", "")


def _paths(section: Section) -> list[str]:
    return [f"{section.place}.{name}".lstrip(".") for name in section.fields]


def said_on(now: OpenComposition, section: Section) -> Any:
    """What was typed on this page so far: fields, or for one with many, a list of them."""
    return said_in(now.body, section)


def answers(kind: str, body: Said, pages: Sequence[Section]) -> list[tuple[Section, list[list[tuple[str, str]]]]]:
    """What was answered on these pages, in words; of a page that stands many times, each time."""
    found = []
    for one in pages:
        said = said_in(body, one)
        found.append((one, [form_values.rows(kind, one, item) for item in (said if one.many else [said])]))
    return found


def said_in(body: Said, section: Section) -> Any:
    """What stands in the place of this page."""
    found: Any = body
    for step in filter(None, section.place.split(".")):
        found = (found or {}).get(step)
    if section.many:
        return found or []
    return {name: found[name] for name in section.fields if found and name in found}


def with_said(now: OpenComposition, section: Section, said: Any) -> OpenComposition:
    """The same, but that this page says so. What lies at its place and is not asked on it stays."""
    steps = [step for step in section.place.split(".") if step]
    return replace(now, body=_put(now.body, steps, said, whole=section.many))


def _put(body: Said, steps: Sequence[str], said: Any, *, whole: bool) -> Said:
    if not steps:
        return {**body, **said}
    first, *rest = steps
    if whole and not rest:
        return {**body, first: said}
    return {**body, first: _put(body.get(first) or {}, rest, said, whole=whole)}


def place(now: OpenComposition, finding: Finding) -> tuple[str, str]:
    """The page and the field at which a finding stands."""
    if finding.code in PLACES:
        return PLACES[finding.code]
    for section in notice_questions.sections(now.kept.kind):
        elements = notice_questions.elements(now.kept.kind, section)
        for name, element in elements.items():
            if element == finding.element:
                return section.name, name
    for section in notice_questions.sections(now.kept.kind):
        at = next(iter(notice_questions.elements(now.kept.kind, section).values())).rsplit("/", 1)[0]
        about_enquiries = finding.code.startswith("unknown.") and section.name == "enquiries"
        if about_enquiries or (section.place and at == finding.element):
            return section.name, ""
    return "", ""
