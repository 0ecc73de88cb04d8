"""An officer writes a notice: a list of tasks, one thing on a page, "check your answers", and it is sent once."""

import asyncio
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from gateway.casework import compose, expire_compositions
from gateway.casework.compose import OpenComposition
from gateway.console.compose_pages import answer, answer_one, ask, ask_one, opened, remove_one
from gateway.console.compose_whom import ask_whom, whom
from gateway.console.console_request import Visit, goto
from gateway.console.drafts import DRAFT
from gateway.console.endpoints import Door
from gateway.console.tasks import CONTRADICTED, INCOMPLETE, WHOM, address, answers, asked, place, tasks
from gateway.core import composition
from gateway.core.delivery import PATIENCE
from gateway.core.permissions import Permission
from gateway.errors import GatewayError, NotAllowed, NotFound
from gateway.store import compositions
from keys.errors import Refusal
from schemas import codes
from schemas.findings import Finding
from schemas.message import OPENS_A_CASE

SHOWN = 50
COMPOSITION, SECTION, AT = "{composition:[0-9a-f-]{36}}", "{section:[a-z-]+}", "{at:new|[0-9]{1,2}}"
ONE = f"/compositions/{COMPOSITION}"


async def begin(visit: Visit) -> web.StreamResponse:
    """What is being written, and what may be begun."""
    return await _begin(visit, "")


async def _begin(visit: Visit, wrong: str) -> web.Response:
    found = await visit.here.store.read(lambda tx: compositions.list_unfinished(tx, SHOWN))
    status, ends_on = 422 if wrong else 200, expire_compositions.get_expiry_day
    return visit.page("compositions.html", status=status, found=found, wrong=wrong, ends_on=ends_on)


async def begun(visit: Visit) -> web.StreamResponse:
    """A new one."""
    if visit.typed("kind") not in OPENS_A_CASE:
        return await _begin(visit, "Select the type of notice")
    return goto(
        f"/compositions/{await asyncio.to_thread(compose.begin_composition, visit.here, visit.typed('kind'), visit.by)}"
    )


async def from_draft(visit: Visit) -> web.StreamResponse:
    """What a row of an extract says is written on."""
    kind = visit.typed("kind") if visit.typed("kind") in OPENS_A_CASE else "TransferNotice"
    draft, correcting = visit.part("draft"), visit.typed("correcting") == "yes"
    begin = partial(compose.begin_from_draft, visit.here, draft, kind, visit.by, correcting=correcting)
    name = await asyncio.to_thread(begin)
    return goto(f"/compositions/{name}")


async def look(visit: Visit) -> web.StreamResponse:
    """The list of tasks."""
    try:
        now = await opened(visit)
    except NotAllowed:
        return goto(f"/compositions/{visit.part('composition')}/sent")
    checked = await asyncio.to_thread(compose.check_composition, visit.here, now)
    ready = not checked.lacking and not any(one.level == "error" for one in checked.findings)
    level = composition.find_level(now.body)
    undecided = level not in ("", "none") and any(one.code in (INCOMPLETE, CONTRADICTED) for one in checked.findings)
    listed = tasks(now, checked)
    return visit.page(
        "compose.html",
        now=now,
        tasks=listed,
        ready=ready,
        level=level,
        undecided=undecided,
        ends_on=expire_compositions.get_expiry_day,
    )


async def check(visit: Visit) -> web.StreamResponse:
    """Check your answers."""
    try:
        now = await opened(visit)
    except NotAllowed:
        return goto(f"/compositions/{visit.part('composition')}/sent")
    return await _check(visit, now, [])


async def _check(visit: Visit, now: OpenComposition, wrong: Sequence[tuple[str, str]]) -> web.Response:
    checked = await asyncio.to_thread(compose.check_composition, visit.here, now)
    if checked.lacking:
        return goto(address(now))
    kind = now.kept.kind
    errors = [(one.sentence, _page_of(now, one)) for one in checked.findings if one.level == "error"]
    return visit.page(
        "compose-check.html",
        status=422 if wrong else 200,
        now=now,
        answers=answers(kind, now.body, asked(now)),
        to=_to_in_words(now),
        errors=errors,
        warnings=[(one.sentence, _page_of(now, one)) for one in checked.warnings],
        codes=" ".join(sorted({one.code for one in checked.warnings})),
        wrong=wrong,
    )


def _page_of(now: OpenComposition, finding: Finding) -> str:
    return f"{address(now)}/{place(now, finding)[0]}".rstrip("/")


def _to_in_words(now: OpenComposition) -> str:
    if isinstance(now.to.get("to"), str):
        return f"{codes.authority_name(now.to['to'])}, {codes.labels('roles')[now.to.get('role') or 'cme_officer']}"
    some = ["All authorities in England"] if now.to.get("everyone") else []
    some += [f"All authorities in {region}" for region in now.to.get("region") or ()]
    return ", ".join([*some, *(codes.authority_name(code) or code for code in now.to.get("to") or ())])


async def send(visit: Visit) -> web.StreamResponse:
    """It is sent, once: whoever presses again sees what became of it."""
    name = visit.part("composition")
    weighed = visit.typed("codes").split() if visit.typed("weighed") else []
    was = int(visit.typed("was")) if visit.typed("was").isdecimal() and len(visit.typed("was")) < 9 else -1
    try:
        await asyncio.to_thread(compose.send_composition, visit.here, name, weighed, visit.by, was=was)
    except (GatewayError, Refusal) as why:
        if isinstance(why, NotFound) or why.code == "composition.ended":
            raise
        href = "#weighed" if why.code in ("composition.unweighed", "notice.unconfirmed") else ""
        return await _check(visit, await opened(visit), [(why.sentence, href)])
    return goto(f"/compositions/{name}/sent")


async def sent(visit: Visit) -> web.StreamResponse:
    """What became of it."""
    told = await asyncio.to_thread(compose.find_sent_result, visit.here, visit.part("composition"))
    return visit.page("compose-sent.html", told=told, patience=PATIENCE)


async def ask_give_up(visit: Visit) -> web.StreamResponse:
    """Is it to be deleted?"""
    try:
        return visit.page("compose-delete.html", now=await opened(visit))
    except NotAllowed:
        return goto(f"/compositions/{visit.part('composition')}/sent")


async def give_up(visit: Visit) -> web.StreamResponse:
    """Nothing is sent."""
    await asyncio.to_thread(compose.give_up_composition, visit.here, visit.part("composition"), visit.by)
    return goto("/compositions")


DOORS = (
    Door("GET", "/compositions", Permission.SEND, begin),
    Door("POST", "/compositions", Permission.SEND, begun),
    Door("POST", f"/drafts/{DRAFT}/write", Permission.SEND, from_draft),
    Door("GET", ONE, Permission.SEND, look),
    Door("GET", f"{ONE}/{WHOM}", Permission.SEND, ask_whom),
    Door("POST", f"{ONE}/{WHOM}", Permission.SEND, whom),
    Door("GET", f"{ONE}/check", Permission.SEND, check),
    Door("POST", f"{ONE}/send", Permission.SEND, send),
    Door("GET", f"{ONE}/sent", Permission.SEND, sent),
    Door("GET", f"{ONE}/give-up", Permission.SEND, ask_give_up),
    Door("POST", f"{ONE}/give-up", Permission.SEND, give_up),
    Door("GET", f"{ONE}/{SECTION}", Permission.SEND, ask),
    Door("POST", f"{ONE}/{SECTION}", Permission.SEND, answer),
    Door("GET", f"{ONE}/{SECTION}/{AT}", Permission.SEND, ask_one),
    Door("POST", f"{ONE}/{SECTION}/{AT}", Permission.SEND, answer_one),
    Door("POST", f"{ONE}/{SECTION}/{AT}/remove", Permission.SEND, remove_one),
)
