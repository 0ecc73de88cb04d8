"""A notice that is being written as a list of tasks: which pages there are, what was typed on each, and where a finding
stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.casework.compose import CheckedComposition, OpenComposition
from gateway.console import form_values, notice_pages, notice_questions
from gateway.console.notice_pages import RESTRICTION, NoticeSection
from gateway.core import composition, labels
from gateway.core.composition import Said
from schemas.findings import Finding
from schemas.message import MessageKind

WHOM = "whom"
# Of what is filled in (`prefill.FilledIn`).
WHOM_PATH = "to"
INCOMPLETE, CONTRADICTED = "restriction.no-reason", "restriction.contradicted"
# Where a rule's sentence stands that is not about one field: the page, and the field.
PLACES = {
    "upn.no-reason": ("numbers", "upn"),
    "restriction.no-reason": ("restriction", "reason"),
    "care.no-authority": ("care", "care_authority"),
    "address.astray": (WHOM, "to"),
    "recipient.out-of-reach": (WHOM, "to"),
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


def build_address(now: OpenComposition) -> str:
    """Return where its list of tasks lies."""
    return f"/compositions/{now.composition.composition_id}"


def list_asked(now: OpenComposition) -> Sequence[NoticeSection]:
    """List the pages that are asked."""
    return notice_questions.list_asked_sections(now.composition.kind, composition.find_level(now.body))


def list_tasks(now: OpenComposition, checked: CheckedComposition) -> list[Task]:
    """List the tasks, and how each stands."""
    wrong = {
        find_place(now, finding)[0]
        for finding in checked.findings
        if finding.level == "error" and finding.code != INCOMPLETE
    }
    incomplete = any(finding.code == INCOMPLETE for finding in checked.findings)
    task_list = [] if now.composition.corrects else [_whom_task(now, checked, wrong)]
    for section in list_asked(now):
        values = get_values_on(now, section)
        lacking = any(path in checked.lacking for path in _list_paths(section)) or (
            section.name == "enquiries" and now.composition.kind == "WhereaboutsUnknownNotice" and not values
        )
        if section.name == RESTRICTION.name and section.name not in wrong and (lacking or incomplete):
            # However much of it is answered: until it is complete it is still to do.
            values = {}
            lacking = True
        group = task_list[0].group if task_list and section is list_asked(now)[0] else section.group
        task_list.append(
            Task(
                section.name,
                section.title,
                group,
                *_describe_status(
                    values, lacking=lacking, wrong=section.name in wrong, filled=is_filled_in(now, section)
                ),
            )
        )
    return task_list


def _whom_task(now: OpenComposition, checked: CheckedComposition, wrong: set[str]) -> Task:
    filled = now.filled.has_any([WHOM_PATH])
    status, colour = _describe_status(now.to, lacking="to" in checked.lacking, wrong=WHOM in wrong, filled=filled)
    return Task(
        WHOM, "Who to send it to" if not now.is_search else "Who to ask", notice_pages.SECTIONS[0].group, status, colour
    )


def _describe_status(values: Any, *, lacking: bool, wrong: bool, filled: bool) -> tuple[str, str]:
    if (wrong or lacking) and composition.is_empty(values):
        return "Not yet started", "blue"
    if wrong or lacking:
        return ("There is a problem", "red") if wrong else ("In progress", "blue")
    if filled:
        return labels.name_filled_in(), "yellow"
    if isinstance(values, list) and values:
        return f"{len(values)} added", ""
    return ("Completed", "") if not composition.is_empty(values) else ("Optional", "")


def _list_paths(section: NoticeSection) -> list[str]:
    return [f"{section.place}.{name}".lstrip(".") for name in section.fields]


def is_filled_in(now: OpenComposition, section: NoticeSection) -> bool:
    """Return whether something of this page was filled in, and nobody has looked at it."""
    return now.filled.has_any([section.place] if section.many else _list_paths(section))


def list_filled_in(now: OpenComposition) -> list[str]:
    """List the pages of which something was filled in, and at which nobody has looked."""
    whom = [WHOM] if now.filled.has_any([WHOM_PATH]) else []
    return [*whom, *(section.name for section in list_asked(now) if is_filled_in(now, section))]


def check_off(now: OpenComposition, section: NoticeSection) -> OpenComposition:
    """Return the same, but that somebody has looked at this page."""
    return replace(now, filled=now.filled.check_off([section.place] if section.many else _list_paths(section)))


def get_values_on(now: OpenComposition, section: NoticeSection) -> Any:
    """Return what was typed on this page so far: fields, or for one with many, a list of them."""
    return get_values_in(now.body, section)


def describe_answers(
    kind: MessageKind, body: Said, pages: Sequence[NoticeSection]
) -> list[tuple[NoticeSection, list[list[tuple[str, str]]]]]:
    """Describe what was answered on these pages, in words; of a page that stands many times, each time."""
    described = []
    for page in pages:
        values = get_values_in(body, page)
        described.append(
            (page, [form_values.describe_section(kind, page, item) for item in (values if page.many else [values])])
        )
    return described


def get_values_in(body: Said, section: NoticeSection) -> Any:
    """Return what stands in the place of this page."""
    values: Any = body
    for step in filter(None, section.place.split(".")):
        values = (values or {}).get(step)
    if section.many:
        return values or []
    return {name: values[name] for name in section.fields if values and name in values}


def replace_values(now: OpenComposition, section: NoticeSection, values: Any) -> OpenComposition:
    """Return the same, but that this page says so. What lies at its place and is not asked on it stays."""
    steps = [step for step in section.place.split(".") if step]
    return replace(check_off(now, section), body=_put_values(now.body, steps, values, whole=section.many))


def _put_values(body: Said, steps: Sequence[str], values: Any, *, whole: bool) -> Said:
    if not steps:
        return {**body, **values}
    first, *rest = steps
    if whole and not rest:
        return {**body, first: values}
    return {**body, first: _put_values(body.get(first) or {}, rest, values, whole=whole)}


def find_place(now: OpenComposition, finding: Finding) -> tuple[str, str]:
    """Return the page and the field at which a finding stands."""
    if finding.code in PLACES:
        return PLACES[finding.code]
    for section in notice_questions.list_sections(now.composition.kind):
        elements = notice_questions.get_element_paths(now.composition.kind, section)
        for name, element in elements.items():
            if element == finding.element:
                return section.name, name
    for section in notice_questions.list_sections(now.composition.kind):
        at = next(iter(notice_questions.get_element_paths(now.composition.kind, section).values())).rsplit("/", 1)[0]
        about_enquiries = finding.code.startswith("unknown.") and section.name == "enquiries"
        if about_enquiries or (section.place and at == finding.element):
            return section.name, ""
    return "", ""
