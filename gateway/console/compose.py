"""An officer writes a notice: a list of tasks, one thing on a page, "check your answers", and it is sent once."""

import asyncio
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from gateway.authorities.reach import ReachWay
from gateway.casework import compose, expire_compositions, prefill, pupil_search
from gateway.casework.compose import OpenComposition
from gateway.console.compose_pages import (
    read_composition,
    remove_item,
    save_item,
    save_section,
    show_item,
    show_section,
)
from gateway.console.compose_whom import ask_whom, list_meant, save_whom
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.drafts import DRAFT
from gateway.console.endpoints import Endpoint
from gateway.console.paging import paginate_rows
from gateway.console.tasks import (
    CONTRADICTED,
    INCOMPLETE,
    WHOM,
    build_address,
    describe_answers,
    find_place,
    list_asked,
    list_filled_in,
    list_tasks,
)
from gateway.core import composition
from gateway.core.delivery import PATIENCE
from gateway.core.permissions import Permission
from gateway.errors import GatewayError, NotAllowed, NotFound
from keys.errors import Refusal
from schemas import codes
from schemas.findings import Finding
from schemas.message import OPENS_A_CASE, find_member

SHOWN = 25
COMPOSITION, SECTION, AT = "{composition:[0-9a-f-]{36}}", "{section:[a-z-]+}", "{at:new|[0-9]{1,2}}"
ONE = f"/compositions/{COMPOSITION}"


async def show_compositions(request: ConsoleRequest) -> web.StreamResponse:
    """Show what is being written, and what may be begun."""
    return await _render_compositions(request, "")


async def _render_compositions(request: ConsoleRequest, wrong: str) -> web.Response:
    return await asyncio.to_thread(_render_unfinished, request, wrong)


def _render_unfinished(request: ConsoleRequest, wrong: str) -> web.Response:
    written = compose.list_unfinished_compositions(request.gw)
    page = paginate_rows(written, request.web_request.query.get("page", ""), SHOWN)
    started = request.web_request.query.get("started", "")
    return request.render_page(
        "compositions.html",
        status=422 if wrong else 200,
        has_index=pupil_search.find_index_date(request.gw) is not None,
        started=int(started) if started.isascii() and started.isdigit() and len(started) < 3 else None,
        page=page,
        links=page.build_links("/compositions?page={}".format),
        unfinished=list(zip(page.rows, compose.list_written_children(request.gw, page.rows, request.by), strict=True)),
        wrong=wrong,
        ends_on=expire_compositions.get_expiry_day,
    )


async def begin_composition(request: ConsoleRequest) -> web.StreamResponse:
    """Begin a new one."""
    kind = find_member(request.get_typed("kind"), OPENS_A_CASE)
    if kind is None:
        return await _render_compositions(request, "Select the type of notice")
    if request.get_typed("start"):
        return redirect_to(f"/compositions/pupils?kind={kind}")
    name = await asyncio.to_thread(compose.begin_composition, request.gw, kind, request.by)
    return redirect_to(f"/compositions/{name}")


async def begin_from_draft(request: ConsoleRequest) -> web.StreamResponse:
    """Begin a notice from what a row of an extract says."""
    kind = find_member(request.get_typed("kind"), OPENS_A_CASE) or "TransferNotice"
    draft, correcting = request.get_part("draft"), request.get_typed("correcting") == "yes"
    work = partial(compose.begin_from_draft, request.gw, draft, kind, request.by, correcting=correcting)
    name = await asyncio.to_thread(work)
    return redirect_to(f"/compositions/{name}")


async def show_composition(request: ConsoleRequest) -> web.StreamResponse:
    """Show the list of tasks."""
    try:
        now = await read_composition(request)
    except NotAllowed:
        return redirect_to(f"/compositions/{request.get_part('composition')}/sent")
    checked = await asyncio.to_thread(compose.check_composition, request.gw, now)
    ready = not checked.lacking and not any(finding.level == "error" for finding in checked.findings)
    level = composition.find_level(now.body)
    undecided = level not in (None, "none") and any(
        finding.code in (INCOMPLETE, CONTRADICTED) for finding in checked.findings
    )
    task_list = list_tasks(now, checked)
    return request.render_page(
        "compose.html",
        now=now,
        tasks=task_list,
        filled=list_filled_in(now),
        ready=ready,
        phone_only=level == "phone-only",
        undecided=undecided,
        ends_on=expire_compositions.get_expiry_day,
    )


async def show_answers(request: ConsoleRequest) -> web.StreamResponse:
    """Show the page "Check your answers"."""
    try:
        now = await read_composition(request)
    except NotAllowed:
        return redirect_to(f"/compositions/{request.get_part('composition')}/sent")
    return await _render_answers(request, now, [])


async def _render_answers(
    request: ConsoleRequest, now: OpenComposition, wrong: Sequence[tuple[str, str]]
) -> web.Response:
    checked = await asyncio.to_thread(compose.check_composition, request.gw, now)
    if checked.lacking:
        return redirect_to(build_address(now))
    kind, reaches = now.composition.kind, await asyncio.to_thread(list_meant, request, now.to)
    errors = [(finding.sentence, _find_page(now, finding)) for finding in checked.findings if finding.level == "error"]
    return request.render_page(
        "compose-check.html",
        status=422 if wrong else 200,
        now=now,
        answers=describe_answers(kind, now.body, list_asked(now)),
        to=_describe_recipients(now),
        filled=list_filled_in(now),
        out_of_reach=[reach for reach in reaches if reach.why],
        by_email=[reach for reach in reaches if reach.way is ReachWay.EMAIL],
        errors=errors,
        warnings=[(finding.sentence, _find_page(now, finding)) for finding in checked.warnings],
        codes=" ".join(sorted({finding.code for finding in checked.warnings})),
        wrong=wrong,
    )


def _find_page(now: OpenComposition, finding: Finding) -> str:
    return f"{build_address(now)}/{find_place(now, finding)[0]}".rstrip("/")


def _describe_recipients(now: OpenComposition) -> str:
    if isinstance(now.to.get("to"), str):
        return f"{codes.authority_name(now.to['to'])}, {codes.get_labels('roles')[now.to.get('role') or 'cme_officer']}"
    some = ["All authorities in England"] if now.to.get("everyone") else []
    some += [f"All authorities in {region}" for region in now.to.get("region") or ()]
    return ", ".join([*some, *(codes.authority_name(code) or code for code in now.to.get("to") or ())])


async def send_composition(request: ConsoleRequest) -> web.StreamResponse:
    """Send it, once: whoever presses again sees what became of it."""
    name = request.get_part("composition")
    weighed = request.get_typed("codes").split() if request.get_typed("weighed") else []
    was = (
        int(request.get_typed("was"))
        if request.get_typed("was").isdecimal() and len(request.get_typed("was")) < 9
        else -1
    )
    try:
        await asyncio.to_thread(compose.send_composition, request.gw, name, weighed, request.by, was=was)
    except (GatewayError, Refusal) as why:
        if isinstance(why, NotFound) or why.code == "composition.ended":
            raise
        href = "#weighed" if why.code in ("composition.unweighed", "notice.unconfirmed") else ""
        return await _render_answers(request, await read_composition(request), [(why.sentence, href)])
    return redirect_to(f"/compositions/{name}/sent")


async def show_sent_result(request: ConsoleRequest) -> web.StreamResponse:
    """Show what became of it."""
    result = await asyncio.to_thread(compose.find_sent_result, request.gw, request.get_part("composition"))
    named = await asyncio.to_thread(prefill.find_notice_with_siblings, request.gw, result.case) if result else None
    return request.render_page("compose-sent.html", told=result, siblings_in=named, patience=PATIENCE)


async def ask_give_up(request: ConsoleRequest) -> web.StreamResponse:
    """Ask whether it is to be deleted."""
    try:
        return request.render_page("compose-delete.html", now=await read_composition(request))
    except NotAllowed:
        return redirect_to(f"/compositions/{request.get_part('composition')}/sent")


async def give_up(request: ConsoleRequest) -> web.StreamResponse:
    """Delete what was written: nothing is sent."""
    await asyncio.to_thread(compose.give_up_composition, request.gw, request.get_part("composition"), request.by)
    return redirect_to("/compositions")


ENDPOINTS = (
    Endpoint("GET", "/compositions", Permission.SEND, show_compositions),
    Endpoint("POST", "/compositions", Permission.SEND, begin_composition),
    Endpoint("POST", f"/drafts/{DRAFT}/write", Permission.SEND, begin_from_draft),
    Endpoint("GET", ONE, Permission.SEND, show_composition),
    Endpoint("GET", f"{ONE}/{WHOM}", Permission.SEND, ask_whom),
    Endpoint("POST", f"{ONE}/{WHOM}", Permission.SEND, save_whom),
    Endpoint("GET", f"{ONE}/check", Permission.SEND, show_answers),
    Endpoint("POST", f"{ONE}/send", Permission.SEND, send_composition),
    Endpoint("GET", f"{ONE}/sent", Permission.SEND, show_sent_result),
    Endpoint("GET", f"{ONE}/give-up", Permission.SEND, ask_give_up),
    Endpoint("POST", f"{ONE}/give-up", Permission.SEND, give_up),
    Endpoint("GET", f"{ONE}/{SECTION}", Permission.SEND, show_section),
    Endpoint("POST", f"{ONE}/{SECTION}", Permission.SEND, save_section),
    Endpoint("GET", f"{ONE}/{SECTION}/{AT}", Permission.SEND, show_item),
    Endpoint("POST", f"{ONE}/{SECTION}/{AT}", Permission.SEND, save_item),
    Endpoint("POST", f"{ONE}/{SECTION}/{AT}/remove", Permission.SEND, remove_item),
)
