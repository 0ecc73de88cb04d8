"""One case: what each notice says, what has happened, what is owed, and what may be done next."""

import asyncio

from aiohttp import web

from gateway.access import absences, people
from gateway.authorities import identities
from gateway.casework import case, safeguarding
from gateway.casework.failed_notices import list_failed_of_case
from gateway.casework.inbox_list import NextTask, find_next_task
from gateway.console.case_actions import FORMS, describe_form, read_subject
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import CASE, NOTICE, Endpoint
from gateway.core import labels
from gateway.core.permissions import Permission, Reach
from gateway.errors import NotAllowed
from gateway.exchange import respond
from gateway.exchange.release import release_notice
from gateway.retention import legal_holds
from gateway.searches.call_list import count_to_call
from schemas.message import SEARCHES
from schemas.shapes import CaseId, MessageId


async def show_case(request: ConsoleRequest) -> web.StreamResponse:
    """Show the whole of a case. That it was read is an entry of the audit log."""
    return await _render_case(request, "")


async def _render_case(request: ConsoleRequest, unassigned: str) -> web.Response:
    """Render the case; `unassigned`: why it was assigned to nobody, where somebody tried."""
    opened_case = await asyncio.to_thread(
        case.open_case,
        request.gw,
        CaseId(request.get_part("case")),
        request.by,
        answers=request.may_do(Permission.ANSWER),
    )
    everybody = await asyncio.to_thread(people.list_people, request.gw)
    workers = await asyncio.to_thread(people.list_case_workers, request.gw)
    open_forms = {choice: form for choice, form in FORMS.items() if request.may_do(form.act)}
    banner = _describe_last_act(request, opened_case)
    return request.render_page(
        "case.html",
        status=422 if unassigned else 200,
        case=opened_case,
        alerts=await asyncio.to_thread(safeguarding.list_case_alerts, request.gw, opened_case),
        summary=opened_case.list_summary(request.gw.now().date()),
        forms=open_forms,
        words=describe_form,
        unassigned=unassigned,
        workers=workers,
        working={person.name for person in workers},
        called={person.name: person.called for person in everybody},
        described=await asyncio.to_thread(absences.describe_team, request.gw),
        searched=SEARCHES,
        failed=await asyncio.to_thread(list_failed_of_case, request.gw, opened_case.case),
        retention=await asyncio.to_thread(legal_holds.judge_one_case, request.gw, opened_case.case),
        hold=await asyncio.to_thread(legal_holds.find_hold, request.gw, opened_case.case),
        revoked=await asyncio.to_thread(identities.find_revocations, request.gw),
        to_call=await asyncio.to_thread(count_to_call, request.gw, opened_case.case),
        banner=banner,
        next_task=await asyncio.to_thread(_find_next_task, request) if banner else None,
        warning=labels.explain_restriction(opened_case.head.restriction) if opened_case.head else None,
    )


def _describe_last_act(request: ConsoleRequest, opened_case: case.Case) -> str:
    """Return what is said of the act that led here; nothing where none did."""
    done, name = request.web_request.query.get("done", ""), request.web_request.query.get("notice", "")
    if banner := labels.describe_done(done):
        return banner
    notice = next((case_notice for case_notice in opened_case.notices if str(case_notice.name) == name), None)
    return describe_form(done, notice).done if notice and done in FORMS else ""


def _find_next_task(request: ConsoleRequest) -> NextTask | None:
    """Find what presses most in another case that this person may see."""
    mine = None if request.reach is Reach.ALL else people.list_assigned_cases(request.gw, request.by)
    return find_next_task(request.gw, besides=CaseId(request.get_part("case")), cases=mine)


async def change_assignment(request: ConsoleRequest) -> web.StreamResponse:
    """Assign the case to a person too, or take it away from them."""
    name, person = CaseId(request.get_part("case")), request.get_typed("person")
    act = people.unassign_case if request.get_typed("away") else people.assign_case
    if not person:
        return await _render_case(request, "Choose a person")
    try:
        await asyncio.to_thread(act, request.gw, name, person, request.by)
    except NotAllowed as why:
        return await _render_case(request, why.sentence)
    return redirect_to(f"/cases/{name}#assigned")


async def ask_in_full(request: ConsoleRequest) -> web.StreamResponse:
    """Ask whether the restriction was checked with the sender."""
    opened_case = await asyncio.to_thread(case.open_case, request.gw, CaseId(request.get_part("case")), request.by)
    notice = next(
        (case_notice for case_notice in opened_case.notices if str(case_notice.name) == request.get_part("notice")),
        None,
    )
    if notice is None or not notice.must_be_checked:
        return redirect_to(f"/cases/{request.get_part('case')}")
    whom = await read_subject(request, request.get_part("notice"))
    ring = notice.ring or notice.partner_name
    return request.render_page("in-full.html", notice=notice, about=whom, ring=ring, body=None)


async def show_in_full(request: ConsoleRequest) -> web.StreamResponse:
    """Show all that a notice says which contradicts itself. That it was read so is an entry of the audit log."""
    name = request.get_part("notice")
    if not await asyncio.to_thread(respond.needs_restriction_check, request.gw, name):
        return redirect_to(f"/cases/{request.get_part('case')}")
    whom = await read_subject(request, name)
    _, message = await asyncio.to_thread(respond.read_incoming, request.gw, name, request.by, in_full=True)
    return request.render_page("in-full.html", about=whom, body=message.body)


async def try_again(request: ConsoleRequest) -> web.StreamResponse:
    """Try again what was not delivered."""
    await asyncio.to_thread(release_notice, request.gw, MessageId(request.get_part("notice")), request.by)
    return redirect_to(f"/cases/{request.get_part('case')}?done=try-again")


ENDPOINTS = (
    Endpoint("POST", f"/cases/{CASE}/notices/{NOTICE}/try-again", Permission.SEND, try_again),
    Endpoint("GET", f"/cases/{CASE}/notices/{NOTICE}/in-full", Permission.ANSWER, ask_in_full),
    Endpoint("POST", f"/cases/{CASE}/notices/{NOTICE}/in-full", Permission.ANSWER, show_in_full),
    Endpoint("GET", f"/cases/{CASE}", Permission.READ_CHILD, show_case),
    Endpoint("POST", f"/cases/{CASE}/assign", Permission.ASSIGN, change_assignment),
)
