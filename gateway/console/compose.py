"""An officer writes a notice: a list of tasks, one thing on a page, "check your answers", and it is sent once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from gateway import compose
from gateway.compose import Checked, Writing
from gateway.console import sections, typed
from gateway.console.doors import Door
from gateway.console.drafts import DRAFT
from gateway.console.questions import Answers
from gateway.console.searches import choice
from gateway.console.sections import Section
from gateway.console.visit import Visit, goto
from gateway.core import writing
from gateway.core.permissions import Act
from gateway.core.writing import Said
from gateway.errors import GatewayError, NotAllowed, NotFound
from gateway.store import compositions
from keys.errors import Refusal
from schemas import codes
from schemas.findings import Finding
from schemas.message import OPENS_A_CASE

SHOWN = 50
COMPOSITION, SECTION, AT = "{composition:[0-9a-f-]{36}}", "{section:[a-z-]+}", "{at:new|[0-9]{1,2}}"
ONE = f"/compositions/{COMPOSITION}"
WHOM = "whom"
PLACES = {  # where a rule's sentence stands that is not about one field: the page, and the field
    "upn.no-reason": ("numbers", "upn"),
    "restriction.no-reason": ("restriction", "reason"),
    "care.no-authority": ("care", "care_authority"),
    "address.astray": (WHOM, "to"),
    "authority.same": (WHOM, "to"),
    "authority.unknown": (WHOM, "to"),
    "authority.ended": (WHOM, "to"),
}
NOBODY_ASKED = "Nothing about this child may go by machine, so nobody can be asked. Ring those who may know the child."


@dataclass(frozen=True, slots=True)
class Task:
    """A line of the list of tasks."""

    name: str
    title: str
    group: str
    status: str
    colour: str = ""
    hint: str = ""


async def begin(visit: Visit) -> web.StreamResponse:
    """What is being written, and what may be begun."""
    found = await visit.here.store.read(lambda tx: compositions.writing(tx, SHOWN))
    return visit.page("compositions.html", found=found, kinds=OPENS_A_CASE)


async def begun(visit: Visit) -> web.StreamResponse:
    """A new one."""
    if visit.typed("kind") not in OPENS_A_CASE:
        return goto("/compositions")
    return goto(f"/compositions/{await asyncio.to_thread(compose.begin, visit.here, visit.typed('kind'), visit.by)}")


async def from_draft(visit: Visit) -> web.StreamResponse:
    """What a row of an extract says is written on."""
    kind = visit.typed("kind") if visit.typed("kind") in OPENS_A_CASE else "TransferNotice"
    name = await asyncio.to_thread(compose.from_draft, visit.here, visit.part("draft"), kind, visit.by)
    return goto(f"/compositions/{name}")


async def _opened(visit: Visit) -> Writing:
    return await asyncio.to_thread(compose.look, visit.here, visit.part("composition"), visit.by)


async def look(visit: Visit) -> web.StreamResponse:
    """The list of tasks."""
    try:
        now = await _opened(visit)
    except NotAllowed:
        return goto(f"/compositions/{visit.part('composition')}/sent")
    checked = await asyncio.to_thread(compose.check, visit.here, now)
    tasks = _tasks(now, checked)
    ready = not checked.lacking and not any(one.level == "error" for one in checked.findings)
    return visit.page("compose.html", now=now, tasks=tasks, ready=ready)


def _asked(now: Writing) -> Sequence[Section]:
    return sections.asked(now.kept.kind, (now.body.get("restriction") or {}).get("level", ""))


def _tasks(now: Writing, checked: Checked) -> list[Task]:
    wrong = {_place(now, one)[0] for one in checked.findings if one.level == "error"}
    found = [] if now.kept.corrects else [_whom_task(now, checked, wrong)]
    for section in _asked(now):
        said = _said(now, section)
        lacking = any(path in checked.lacking for path in _paths(section)) or (
            section.name == "enquiries" and now.kept.kind == "WhereaboutsUnknownNotice" and not said
        )
        group = found[0].group if found and section is _asked(now)[0] else section.group
        found.append(
            Task(section.name, section.title, group, *_status(said, lacking=lacking, wrong=section.name in wrong))
        )
    return found


def _whom_task(now: Writing, checked: Checked, wrong: set[str]) -> Task:
    status, colour = _status(now.to, lacking="to" in checked.lacking, wrong=WHOM in wrong)
    return Task(
        WHOM, "To whom it goes" if not now.is_search else "Whom to ask", sections.SECTIONS[0].group, status, colour
    )


def _status(said: Any, *, lacking: bool, wrong: bool) -> tuple[str, str]:
    if (wrong or lacking) and writing.is_empty(said):
        return "To do", "blue"
    if wrong or lacking:
        return ("There is a problem", "red") if wrong else ("Incomplete", "blue")
    if isinstance(said, list) and said:
        return f"{len(said)} added", ""
    return ("Completed", "") if not writing.is_empty(said) else ("Optional", "")


def _paths(section: Section) -> list[str]:
    return [f"{section.place}.{name}".lstrip(".") for name in section.fields]


def _said(now: Writing, section: Section) -> Any:
    """What was typed on this page so far: fields, or for one with many, a list of them."""
    found: Any = now.body
    for step in filter(None, section.place.split(".")):
        found = (found or {}).get(step)
    if section.many:
        return found or []
    return {name: found[name] for name in section.fields if found and name in found}


def _with(now: Writing, section: Section, said: Any) -> Writing:
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


def _place(now: Writing, finding: Finding) -> tuple[str, str]:
    """The page and the field at which a finding stands."""
    if finding.code in PLACES:
        return PLACES[finding.code]
    for section in sections.sections(now.kept.kind):
        elements = sections.elements(now.kept.kind, section)
        for name, element in elements.items():
            if element == finding.element:
                return section.name, name
    for section in sections.sections(now.kept.kind):
        at = next(iter(sections.elements(now.kept.kind, section).values())).rsplit("/", 1)[0]
        about_enquiries = finding.code.startswith("unknown.") and section.name == "enquiries"
        if about_enquiries or (section.place and at == finding.element):
            return section.name, ""
    return "", ""


async def ask(visit: Visit) -> web.StreamResponse:
    """One page; of a part that may stand many times, what there is of it."""
    now, section = await _page(visit)
    if section.many:
        items = [typed.rows(now.kept.kind, section, one) for one in _said(now, section)]
        more = len(items) < sections.most(now.kept.kind, section)
        return visit.page("compose-many.html", now=now, section=section, items=items, more=more)
    return await _show(visit, now, section, typed.form_of(now.kept.kind, section, _said(now, section)), {})


async def _page(visit: Visit) -> tuple[Writing, Section]:
    now = await _opened(visit)
    section = sections.section(now.kept.kind, visit.part("section"))
    if section is None or section.name not in {one.name for one in _asked(now)}:
        raise NotFound("page.none", "There is no such page in this notice.", "Look at its list of tasks.")
    return now, section


async def _show(
    visit: Visit, now: Writing, section: Section, form: dict[str, Any], wrong: dict[str, str], at: str = ""
) -> web.Response:
    checked = await asyncio.to_thread(compose.check, visit.here, now)
    weigh = [one for one in checked.warnings if _place(now, one)[0] == section.name] if not at else []
    return visit.page(
        "compose-section.html",
        status=422 if wrong else 200,
        now=now,
        section=section,
        at=at,
        asked=sections.questions(now.kept.kind, section),
        answers=Answers({}, wrong),
        typed=form,
        weigh=weigh,
    )


async def answer(visit: Visit) -> web.StreamResponse:
    """What a page says is kept."""
    now, section = await _page(visit)
    if section.many:
        return goto(_address(now))
    said, wrong = typed.read(now.kept.kind, section, visit.form, whole=_must_be_said(section))
    new = _with(now, section, said)
    wrong = wrong or await _refused(visit, new, section)
    if not wrong:
        wrong = await _keep(visit, new)
    if wrong:
        return await _show(visit, now, section, typed.as_typed(now.kept.kind, section, visit.form), wrong)
    return goto(await _next(visit, new, section))


def _must_be_said(section: Section) -> bool:
    """An optional part that holds fields which must be said may be left out as a whole."""
    return section.place in ("", "child", "restriction", "ring")


async def _refused(visit: Visit, new: Writing, section: Section) -> dict[str, str]:
    """What the rules say against this page, by field."""
    if section.name == "restriction" and new.is_search and new.body["restriction"].get("level") == "phone-only":
        return {"level": NOBODY_ASKED}
    checked = await asyncio.to_thread(compose.check, visit.here, new)
    found = {}
    for one in checked.findings:
        name, field = _place(new, one)
        if one.level == "error" and name == section.name and not one.code.startswith("unknown."):
            found[field] = one.sentence
    return found


async def _keep(visit: Visit, new: Writing) -> dict[str, str]:
    was = int(visit.typed("was")) if visit.typed("was").isdecimal() and len(visit.typed("was")) < 9 else -1
    try:
        await asyncio.to_thread(compose.keep, visit.here, replace(new, kept=replace(new.kept, changes=was)), visit.by)
    except NotAllowed as why:
        return {"": f"{why.sentence} {why.next_step}"}
    return {}


def _address(now: Writing) -> str:
    return f"/compositions/{now.kept.composition_id}"


async def _next(visit: Visit, now: Writing, section: Section) -> str:
    """A warning that was not seen is shown first; then the next page of the group, if it is empty; then the list."""
    checked = await asyncio.to_thread(compose.check, visit.here, now)
    here = {one.code for one in checked.warnings if _place(now, one)[0] == section.name}
    if here - set(visit.typed("weighed").split()):
        return f"{_address(now)}/{section.name}"
    rest = [one for one in _asked(now) if one.group == section.group]
    names = [one.name for one in rest]
    following = rest[names.index(section.name) + 1 :] if section.name in names else []
    if following and section.group == sections.CHILD and writing.is_empty(_said(now, following[0])):
        return f"{_address(now)}/{following[0].name}"
    return _address(now)


async def ask_one(visit: Visit) -> web.StreamResponse:
    """One of a part that may stand many times: as it is, or a new one."""
    now, section, items, at = await _item(visit)
    form = typed.form_of(now.kept.kind, section, items[at] if at < len(items) else _fresh(visit, section))
    return await _show(visit, now, section, form, {}, at=visit.part("at"))


def _fresh(visit: Visit, section: Section) -> Said:
    return {"made_by": visit.here.called(visit.by)} if section.name == "enquiries" else {}


async def _item(visit: Visit) -> tuple[Writing, Section, list[Said], int]:
    now, section = await _page(visit)
    items = list(_said(now, section)) if section.many else []
    at = len(items) if visit.part("at") == "new" else int(visit.part("at"))
    if not section.many or at > len(items) or at >= sections.most(now.kept.kind, section):
        raise NotFound("page.none", "There is no such page in this notice.", "Look at its list of tasks.")
    return now, section, items, at


async def answer_one(visit: Visit) -> web.StreamResponse:
    """It is kept, in its place or at the end."""
    now, section, items, at = await _item(visit)
    said, wrong = typed.read(now.kept.kind, section, visit.form, whole=True)
    new = _with(now, section, [*items[:at], said, *items[at + 1 :]])
    wrong = wrong or await _refused(visit, new, section) or await _keep(visit, new)
    if wrong:
        form = typed.as_typed(now.kept.kind, section, visit.form)
        return await _show(visit, now, section, form, wrong, at=visit.part("at"))
    return goto(f"{_address(now)}/{section.name}")


async def remove_one(visit: Visit) -> web.StreamResponse:
    """It is taken out."""
    now, section, items, at = await _item(visit)
    if wrong := await _keep(visit, _with(now, section, [*items[:at], *items[at + 1 :]])):
        raise NotAllowed("composition.overtaken", wrong[""])
    return goto(f"{_address(now)}/{section.name}")


async def ask_whom(visit: Visit) -> web.StreamResponse:
    """To whom it goes; of a search, whom to ask."""
    return await _whom(visit, await _opened(visit), {})


async def _whom(visit: Visit, now: Writing, wrong: dict[str, str]) -> web.Response:
    suggested = await asyncio.to_thread(compose.suggested, visit.here, now)
    checked = await asyncio.to_thread(compose.check, visit.here, now)
    return visit.page(
        "compose-whom.html",
        status=422 if wrong else 200,
        now=now,
        suggested=suggested,
        choice=choice(visit.here.code),
        authorities=[one for one in sections.authorities() if one[0] != visit.here.code],
        roles=codes.labels("roles").items(),
        answers=Answers({}, wrong),
        weigh=[one for one in checked.warnings if _place(now, one)[0] == WHOM],
        chosen=_Chosen(now.to),
    )


class _Chosen(dict[str, Any]):
    """What was chosen, as a form would give it."""

    def getall(self, name: str, default: object) -> object:
        """Every value under this name."""
        return self.get(name) or default


async def whom(visit: Visit) -> web.StreamResponse:
    """It goes there."""
    now = await _opened(visit)
    if now.kept.corrects:
        return goto(_address(now))
    known = dict(sections.authorities())
    if now.is_search:
        to: Said = {name: [str(one) for one in visit.form.getall(name, [])] for name in ("to", "region")}
        to["everyone"] = "yes" if visit.typed("everyone") else ""
        fits = all(one in known for one in to["to"]) and all(one in codes.regions() for one in to["region"])
    else:
        to = {"to": visit.typed("to"), "role": visit.typed("role") or "cme_officer"}
        fits = to["to"] in known and to["to"] != visit.here.code and to["role"] in codes.labels("roles")
    if not fits or not any(to.get(name) for name in ("to", "region", "everyone")):
        return await _whom(visit, now, {"everyone" if now.is_search else "to": "Choose to whom it goes"})
    new = replace(now, to=to)
    if wrong := await _keep(visit, new):
        return await _whom(visit, now, wrong)
    checked = await asyncio.to_thread(compose.check, visit.here, new)
    unseen = {one.code for one in checked.warnings if _place(new, one)[0] == WHOM} - set(visit.typed("weighed").split())
    return goto(f"{_address(now)}/{WHOM}" if unseen else _address(now))


async def check(visit: Visit) -> web.StreamResponse:
    """Check your answers."""
    try:
        now = await _opened(visit)
    except NotAllowed:
        return goto(f"/compositions/{visit.part('composition')}/sent")
    return await _check(visit, now, [])


async def _check(visit: Visit, now: Writing, wrong: Sequence[tuple[str, str]]) -> web.Response:
    checked = await asyncio.to_thread(compose.check, visit.here, now)
    if checked.lacking:
        return goto(_address(now))
    kind = now.kept.kind
    answers = [
        (one, [typed.rows(kind, one, item) for item in (_said(now, one) if one.many else [_said(now, one)])])
        for one in _asked(now)
    ]
    errors = [(one.sentence, _page_of(now, one)) for one in checked.findings if one.level == "error"]
    return visit.page(
        "compose-check.html",
        status=422 if wrong else 200,
        now=now,
        answers=answers,
        to=_to_in_words(now),
        errors=errors,
        warnings=[(one.sentence, _page_of(now, one)) for one in checked.warnings],
        codes=" ".join(sorted({one.code for one in checked.warnings})),
        wrong=wrong,
    )


def _page_of(now: Writing, finding: Finding) -> str:
    return f"{_address(now)}/{_place(now, finding)[0]}".rstrip("/")


def _to_in_words(now: Writing) -> str:
    if isinstance(now.to.get("to"), str):
        return f"{codes.authority_name(now.to['to'])}, {codes.labels('roles')[now.to.get('role') or 'cme_officer']}"
    some = ["All authorities of England"] if now.to.get("everyone") else []
    some += [f"All of {region}" for region in now.to.get("region") or ()]
    return ", ".join([*some, *(codes.authority_name(code) or code for code in now.to.get("to") or ())])


async def send(visit: Visit) -> web.StreamResponse:
    """It is sent, once: whoever presses again sees what became of it."""
    name = visit.part("composition")
    weighed = visit.typed("codes").split() if visit.typed("weighed") else []
    try:
        await asyncio.to_thread(compose.send, visit.here, name, weighed, visit.by)
    except (GatewayError, Refusal) as why:
        if isinstance(why, NotFound) or why.code == "composition.ended":
            raise
        href = "#weighed" if why.code == "composition.unweighed" else ""
        return await _check(visit, await _opened(visit), [(why.sentence, href)])
    return goto(f"/compositions/{name}/sent")


async def sent(visit: Visit) -> web.StreamResponse:
    """What became of it."""
    told = await asyncio.to_thread(compose.told, visit.here, visit.part("composition"))
    return visit.page("compose-sent.html", told=told)


async def give_up(visit: Visit) -> web.StreamResponse:
    """Nothing is sent."""
    await asyncio.to_thread(compose.give_up, visit.here, visit.part("composition"), visit.by)
    return goto("/compositions")


DOORS = (
    Door("GET", "/compositions", Act.SEND, begin),
    Door("POST", "/compositions", Act.SEND, begun),
    Door("POST", f"/drafts/{DRAFT}/write", Act.SEND, from_draft),
    Door("GET", ONE, Act.SEND, look),
    Door("GET", f"{ONE}/{WHOM}", Act.SEND, ask_whom),
    Door("POST", f"{ONE}/{WHOM}", Act.SEND, whom),
    Door("GET", f"{ONE}/check", Act.SEND, check),
    Door("POST", f"{ONE}/send", Act.SEND, send),
    Door("GET", f"{ONE}/sent", Act.SEND, sent),
    Door("POST", f"{ONE}/give-up", Act.SEND, give_up),
    Door("GET", f"{ONE}/{SECTION}", Act.SEND, ask),
    Door("POST", f"{ONE}/{SECTION}", Act.SEND, answer),
    Door("GET", f"{ONE}/{SECTION}/{AT}", Act.SEND, ask_one),
    Door("POST", f"{ONE}/{SECTION}/{AT}", Act.SEND, answer_one),
    Door("POST", f"{ONE}/{SECTION}/{AT}/remove", Act.SEND, remove_one),
)
