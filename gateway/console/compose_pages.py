"""The pages of a notice that is being written: each is asked, checked, and kept as soon as it is answered."""

import asyncio
from dataclasses import replace
from typing import Any

from aiohttp import web

from gateway.casework import compose
from gateway.casework.compose import OpenComposition
from gateway.console import form_values, notice_pages, notice_questions
from gateway.console.case_actions import list_typed_text
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.forms import Answers
from gateway.console.notice_pages import RESTRICTION, NoticeSection
from gateway.console.tasks import (
    INCOMPLETE,
    build_address,
    check_off,
    find_place,
    get_values_on,
    is_filled_in,
    list_asked,
    replace_values,
)
from gateway.core import composition
from gateway.core.composition import Said
from gateway.errors import NotAllowed, NotFound

# Where there is a restriction.
NEEDED = ("reason", "decided_by", "review_on")
NOBODY_ASKED = (
    "No details about this child may be sent, so no authority can be asked. Call any that may know the child."
)


async def read_composition(request: ConsoleRequest) -> OpenComposition:
    """Return what was written so far."""
    return await asyncio.to_thread(compose.open_composition, request.gw, request.get_part("composition"), request.by)


async def save_typed(request: ConsoleRequest, new: OpenComposition) -> dict[str, str]:
    """Save it as it was typed; return what stands against it, by field."""
    was = (
        int(request.get_typed("was"))
        if request.get_typed("was").isdecimal() and len(request.get_typed("was")) < 9
        else -1
    )
    try:
        await asyncio.to_thread(
            compose.save_composition,
            request.gw,
            replace(new, composition=replace(new.composition, changes=was)),
            request.by,
        )
    except NotAllowed as why:
        return {"": f"{why.sentence} {why.next_on_page}"}
    return {}


async def show_section(request: ConsoleRequest) -> web.StreamResponse:
    """Show one page; of a part that may stand many times, what there is of it."""
    now, section = await _get_section(request)
    if section.many:
        items = [
            form_values.describe_section(now.composition.kind, section, item) for item in get_values_on(now, section)
        ]
        more = len(items) < notice_questions.get_list_limit(now.composition.kind, section)
        filled = is_filled_in(now, section)
        return request.render_page("compose-many.html", now=now, section=section, items=items, more=more, filled=filled)
    return await _render_section(
        request, now, section, form_values.form_of(now.composition.kind, section, get_values_on(now, section)), {}
    )


async def _get_section(request: ConsoleRequest) -> tuple[OpenComposition, NoticeSection]:
    now = await read_composition(request)
    section = notice_questions.find_section(now.composition.kind, request.get_part("section"))
    if section is None or section.name not in {page.name for page in list_asked(now)}:
        raise NotFound("page.none")
    return now, section


async def _render_section(
    request: ConsoleRequest,
    now: OpenComposition,
    section: NoticeSection,
    form: dict[str, Any],
    wrong: dict[str, str],
    at: str = "",
) -> web.Response:
    checked = await asyncio.to_thread(compose.check_composition, request.gw, now)
    weigh = [finding for finding in checked.warnings if find_place(now, finding)[0] == section.name] if not at else []
    return request.render_page(
        "compose-section.html",
        status=422 if wrong else 200,
        now=now,
        section=section,
        at=at,
        asked=notice_questions.list_questions(now.composition.kind, section),
        answers=Answers({}, wrong),
        typed=form,
        weigh=weigh,
        filled=is_filled_in(now, section),
        grounds=notice_questions.list_grounds(section),
    )


async def save_section(request: ConsoleRequest) -> web.StreamResponse:
    """Save what a page says."""
    try:
        now, section = await _get_section(request)
    except (NotAllowed, NotFound) as why:
        return await _render_stale(request, why)
    if section.many:
        return await _finish_list(request, now, section)
    values, wrong = form_values.read_section(now.composition.kind, section, request.form, whole=_must_be_said(section))
    new = replace_values(now, section, values)
    wrong = wrong or await _list_refusals(request, new, section)
    if not wrong:
        wrong = await save_typed(request, new)
    elif _is_safer(section, new, now):
        now, wrong = await _keep_stricter(request, new, wrong)
    if wrong:
        return await _render_section(
            request, now, section, form_values.as_typed(now.composition.kind, section, request.form), wrong
        )
    return redirect_to(await _find_next_page(request, new, section))


async def _finish_list(request: ConsoleRequest, now: OpenComposition, section: NoticeSection) -> web.StreamResponse:
    """Go on from a list at which somebody has looked: what of it was filled in is checked now."""
    if is_filled_in(now, section) and await save_typed(request, check_off(now, section)):
        raise NotAllowed("composition.overtaken")
    return redirect_to(build_address(now))


async def _keep_stricter(
    request: ConsoleRequest, new: OpenComposition, wrong: dict[str, str]
) -> tuple[OpenComposition, dict[str, str]]:
    """Save a stricter answer that is not complete all the same, or the looser one of before would stand."""
    if stale := await save_typed(request, new):
        return new, stale
    return replace(new, composition=replace(new.composition, changes=new.composition.changes + 1)), wrong


async def _render_stale(request: ConsoleRequest, why: NotAllowed | NotFound) -> web.Response:
    """Show what was typed once more, to be copied: the notice has ended, or asks this no more."""
    composition_row = await asyncio.to_thread(compose.get_composition, request.gw, request.get_part("composition"))
    section = notice_questions.find_section(composition_row.kind, request.get_part("section"))
    written = (
        list_typed_text(request, notice_questions.list_questions(composition_row.kind, section)) if section else []
    )
    return request.render_page(
        "stale.html", status=409, sentence=why.sentence, next_step=why.next_on_page, typed=written
    )


def _is_safer(section: NoticeSection, new: OpenComposition, now: OpenComposition) -> bool:
    """Return whether what was typed, though it is refused, tells more of a danger to the child than what stands."""
    if section.name == RESTRICTION.name:
        return composition.is_as_strict(new.body, now.body)
    if section.place == "needs.looked_after":
        return bool(get_values_on(new, section).get("in_care") == "yes")
    if section.place == "needs":
        risks, before = (set(get_values_on(version, section).get("risk_group") or ()) for version in (new, now))
        return risks > before
    return False


def _must_be_said(section: NoticeSection) -> bool:
    """Return whether fields of this part must be said; an optional part may be left out as a whole."""
    return section.place in ("", "child", "restriction", "ring")


async def _list_refusals(request: ConsoleRequest, new: OpenComposition, section: NoticeSection) -> dict[str, str]:
    """Return what the rules say against this page, by field."""
    if section.name == "restriction" and new.is_search and composition.find_level(new.body) == "phone-only":
        return {"level": NOBODY_ASKED}
    checked = await asyncio.to_thread(compose.check_composition, request.gw, new)
    refusals: dict[str, str] = {}
    for finding in checked.findings:
        name, field = find_place(new, finding)
        if finding.code == INCOMPLETE and name == section.name:
            refusals |= _not_answered(new, section, finding.sentence)
        elif finding.level == "error" and name == section.name and not finding.code.startswith("unknown."):
            refusals[field] = finding.sentence
    return refusals


def _not_answered(new: OpenComposition, section: NoticeSection, sentence: str) -> dict[str, str]:
    """Return what a restriction needs and does not say, each at its field; the rule's sentence at the first."""
    values = get_values_on(new, section)
    asked_here = {
        question.name: question for question in notice_questions.list_questions(new.composition.kind, section)
    }
    missing = [name for name in NEEDED if not values.get(name)]
    return {name: asked_here[name].missing for name in missing} | {missing[0]: sentence}


async def _find_next_page(request: ConsoleRequest, now: OpenComposition, section: NoticeSection) -> str:
    """Return the address of a warning not yet seen; else the next page of the group, if it is empty; else the list."""
    checked = await asyncio.to_thread(compose.check_composition, request.gw, now)
    raised = {warning.code for warning in checked.warnings if find_place(now, warning)[0] == section.name}
    if raised - set(request.get_typed("weighed").split()):
        return f"{build_address(now)}/{section.name}"
    rest = [asked for asked in list_asked(now) if asked.group == section.group]
    names = [section.name for section in rest]
    following = rest[names.index(section.name) + 1 :] if section.name in names else []
    if following and section.group == notice_pages.CHILD and composition.is_empty(get_values_on(now, following[0])):
        return f"{build_address(now)}/{following[0].name}"
    return build_address(now)


async def show_item(request: ConsoleRequest) -> web.StreamResponse:
    """Show one of a part that may stand many times: as it is, or a new one."""
    now, section, items, at = await _get_item(request)
    form = form_values.form_of(
        now.composition.kind, section, items[at] if at < len(items) else _build_new_item(request, section)
    )
    return await _render_section(request, now, section, form, {}, at=request.get_part("at"))


def _build_new_item(request: ConsoleRequest, section: NoticeSection) -> Said:
    return {"made_by": request.gw.name_person(request.by)} if section.name == "enquiries" else {}


async def _get_item(request: ConsoleRequest) -> tuple[OpenComposition, NoticeSection, list[Said], int]:
    now, section = await _get_section(request)
    items = list(get_values_on(now, section)) if section.many else []
    at = len(items) if request.get_part("at") == "new" else int(request.get_part("at"))
    if not section.many or at > len(items) or at >= notice_questions.get_list_limit(now.composition.kind, section):
        raise NotFound("page.none")
    return now, section, items, at


async def save_item(request: ConsoleRequest) -> web.StreamResponse:
    """Save it, in its place or at the end."""
    try:
        now, section, items, at = await _get_item(request)
    except (NotAllowed, NotFound) as why:
        return await _render_stale(request, why)
    values, wrong = form_values.read_section(now.composition.kind, section, request.form, whole=True)
    new = replace_values(now, section, [*items[:at], values, *items[at + 1 :]])
    wrong = wrong or await _list_refusals(request, new, section) or await save_typed(request, new)
    if wrong:
        form = form_values.as_typed(now.composition.kind, section, request.form)
        return await _render_section(request, now, section, form, wrong, at=request.get_part("at"))
    return redirect_to(f"{build_address(now)}/{section.name}")


async def remove_item(request: ConsoleRequest) -> web.StreamResponse:
    """Remove it from its part."""
    now, section, items, at = await _get_item(request)
    if await save_typed(request, replace_values(now, section, [*items[:at], *items[at + 1 :]])):
        raise NotAllowed("composition.overtaken")
    return redirect_to(f"{build_address(now)}/{section.name}")
