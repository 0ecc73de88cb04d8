"""The pages of a notice that is being written: each is asked, checked, and kept as soon as it is answered."""

import asyncio
from dataclasses import replace
from typing import Any

from aiohttp import web

from gateway.casework import compose
from gateway.casework.compose import OpenComposition
from gateway.console import form_values, notice_pages, notice_questions
from gateway.console.case_actions import kept_text
from gateway.console.console_request import Visit, goto
from gateway.console.forms import Answers
from gateway.console.notice_pages import RESTRICTION, Section
from gateway.console.tasks import INCOMPLETE, address, asked, place, said_on, with_said
from gateway.core import composition
from gateway.core.composition import Said
from gateway.errors import NotAllowed, NotFound
from gateway.store import compositions

NEEDED = ("reason", "decided_by", "review_on")  # where there is a restriction
NOBODY_ASKED = (
    "No details about this child may be sent, so no authority can be asked. Call any that may know the child."
)


async def opened(visit: Visit) -> OpenComposition:
    """What was written so far."""
    return await asyncio.to_thread(compose.open_composition, visit.here, visit.part("composition"), visit.by)


async def keep(visit: Visit, new: OpenComposition) -> dict[str, str]:
    """Keep it as it was typed; what stands against it, by field."""
    was = int(visit.typed("was")) if visit.typed("was").isdecimal() and len(visit.typed("was")) < 9 else -1
    try:
        await asyncio.to_thread(
            compose.save_composition, visit.here, replace(new, kept=replace(new.kept, changes=was)), visit.by
        )
    except NotAllowed as why:
        return {"": f"{why.sentence} {why.next_on_page}"}
    return {}


async def ask(visit: Visit) -> web.StreamResponse:
    """One page; of a part that may stand many times, what there is of it."""
    now, section = await _page(visit)
    if section.many:
        items = [form_values.rows(now.kept.kind, section, one) for one in said_on(now, section)]
        more = len(items) < notice_questions.most(now.kept.kind, section)
        return visit.page("compose-many.html", now=now, section=section, items=items, more=more)
    return await _show(visit, now, section, form_values.form_of(now.kept.kind, section, said_on(now, section)), {})


async def _page(visit: Visit) -> tuple[OpenComposition, Section]:
    now = await opened(visit)
    section = notice_questions.section(now.kept.kind, visit.part("section"))
    if section is None or section.name not in {one.name for one in asked(now)}:
        raise NotFound("page.none")
    return now, section


async def _show(
    visit: Visit, now: OpenComposition, section: Section, form: dict[str, Any], wrong: dict[str, str], at: str = ""
) -> web.Response:
    checked = await asyncio.to_thread(compose.check_composition, visit.here, now)
    weigh = [one for one in checked.warnings if place(now, one)[0] == section.name] if not at else []
    return visit.page(
        "compose-section.html",
        status=422 if wrong else 200,
        now=now,
        section=section,
        at=at,
        asked=notice_questions.questions(now.kept.kind, section),
        answers=Answers({}, wrong),
        typed=form,
        weigh=weigh,
    )


async def answer(visit: Visit) -> web.StreamResponse:
    """What a page says is kept."""
    try:
        now, section = await _page(visit)
    except (NotAllowed, NotFound) as why:
        return await _stale(visit, why)
    if section.many:
        return goto(address(now))
    said, wrong = form_values.read(now.kept.kind, section, visit.form, whole=_must_be_said(section))
    new = with_said(now, section, said)
    wrong = wrong or await _refused(visit, new, section)
    if not wrong:
        wrong = await keep(visit, new)
    elif _is_safer(section, new, now):
        now, wrong = await _keep_stricter(visit, new, wrong)
    if wrong:
        return await _show(visit, now, section, form_values.as_typed(now.kept.kind, section, visit.form), wrong)
    return goto(await _next(visit, new, section))


async def _keep_stricter(
    visit: Visit, new: OpenComposition, wrong: dict[str, str]
) -> tuple[OpenComposition, dict[str, str]]:
    """A stricter answer that is not complete counts all the same, or the looser one of before would stand."""
    if stale := await keep(visit, new):
        return new, stale
    return replace(new, kept=replace(new.kept, changes=new.kept.changes + 1)), wrong


async def _stale(visit: Visit, why: NotAllowed | NotFound) -> web.Response:
    """The notice has ended, or asks this no more: what was typed is shown once more, to be copied."""
    kept = await visit.here.store.read(lambda tx: compositions.get_composition(tx, visit.part("composition")))
    section = notice_questions.section(kept.kind, visit.part("section"))
    written = kept_text(visit, notice_questions.questions(kept.kind, section)) if section else []
    return visit.page("stale.html", status=409, sentence=why.sentence, next_step=why.next_on_page, typed=written)


def _is_safer(section: Section, new: OpenComposition, now: OpenComposition) -> bool:
    """Does what was typed, though it is refused, tell more of a danger to the child than what stands?"""
    if section.name == RESTRICTION.name:
        return composition.is_as_strict(new.body, now.body)
    if section.place == "needs.looked_after":
        return bool(said_on(new, section).get("in_care") == "yes")
    if section.place == "needs":
        risks, before = (set(said_on(one, section).get("risk_group") or ()) for one in (new, now))
        return risks > before
    return False


def _must_be_said(section: Section) -> bool:
    """An optional part that holds fields which must be said may be left out as a whole."""
    return section.place in ("", "child", "restriction", "ring")


async def _refused(visit: Visit, new: OpenComposition, section: Section) -> dict[str, str]:
    """What the rules say against this page, by field."""
    if section.name == "restriction" and new.is_search and new.body["restriction"].get("level") == "phone-only":
        return {"level": NOBODY_ASKED}
    checked = await asyncio.to_thread(compose.check_composition, visit.here, new)
    found: dict[str, str] = {}
    for one in checked.findings:
        name, field = place(new, one)
        if one.code == INCOMPLETE and name == section.name:
            found |= _not_answered(new, section, one.sentence)
        elif one.level == "error" and name == section.name and not one.code.startswith("unknown."):
            found[field] = one.sentence
    return found


def _not_answered(new: OpenComposition, section: Section, sentence: str) -> dict[str, str]:
    """What a restriction needs and does not say, each at its field; the rule's sentence at the first of them."""
    said = said_on(new, section)
    asked_here = {one.name: one for one in notice_questions.questions(new.kept.kind, section)}
    missing = [name for name in NEEDED if not said.get(name)]
    return {name: asked_here[name].missing for name in missing} | {missing[0]: sentence}


async def _next(visit: Visit, now: OpenComposition, section: Section) -> str:
    """A warning that was not seen is shown first; then the next page of the group, if it is empty; then the list."""
    checked = await asyncio.to_thread(compose.check_composition, visit.here, now)
    here = {one.code for one in checked.warnings if place(now, one)[0] == section.name}
    if here - set(visit.typed("weighed").split()):
        return f"{address(now)}/{section.name}"
    rest = [one for one in asked(now) if one.group == section.group]
    names = [one.name for one in rest]
    following = rest[names.index(section.name) + 1 :] if section.name in names else []
    if following and section.group == notice_pages.CHILD and composition.is_empty(said_on(now, following[0])):
        return f"{address(now)}/{following[0].name}"
    return address(now)


async def ask_one(visit: Visit) -> web.StreamResponse:
    """One of a part that may stand many times: as it is, or a new one."""
    now, section, items, at = await _item(visit)
    form = form_values.form_of(now.kept.kind, section, items[at] if at < len(items) else _fresh(visit, section))
    return await _show(visit, now, section, form, {}, at=visit.part("at"))


def _fresh(visit: Visit, section: Section) -> Said:
    return {"made_by": visit.here.called(visit.by)} if section.name == "enquiries" else {}


async def _item(visit: Visit) -> tuple[OpenComposition, Section, list[Said], int]:
    now, section = await _page(visit)
    items = list(said_on(now, section)) if section.many else []
    at = len(items) if visit.part("at") == "new" else int(visit.part("at"))
    if not section.many or at > len(items) or at >= notice_questions.most(now.kept.kind, section):
        raise NotFound("page.none")
    return now, section, items, at


async def answer_one(visit: Visit) -> web.StreamResponse:
    """It is kept, in its place or at the end."""
    try:
        now, section, items, at = await _item(visit)
    except (NotAllowed, NotFound) as why:
        return await _stale(visit, why)
    said, wrong = form_values.read(now.kept.kind, section, visit.form, whole=True)
    new = with_said(now, section, [*items[:at], said, *items[at + 1 :]])
    wrong = wrong or await _refused(visit, new, section) or await keep(visit, new)
    if wrong:
        form = form_values.as_typed(now.kept.kind, section, visit.form)
        return await _show(visit, now, section, form, wrong, at=visit.part("at"))
    return goto(f"{address(now)}/{section.name}")


async def remove_one(visit: Visit) -> web.StreamResponse:
    """It is taken out."""
    now, section, items, at = await _item(visit)
    if await keep(visit, with_said(now, section, [*items[:at], *items[at + 1 :]])):
        raise NotAllowed("composition.overtaken")
    return goto(f"{address(now)}/{section.name}")
