"""Searches that came, beside those children of ours who may be the one; an officer says whether one is."""

import asyncio
from urllib.parse import urlencode

from aiohttp import web

from gateway.casework import case, message_status
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import CASE, NOTICE, Endpoint
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.inbox_state import MAY_BECOME, InboxState
from gateway.core.permissions import Permission
from gateway.errors import GatewayError, NotAllowed, NotFound
from gateway.exchange import respond
from gateway.searches import match_incoming
from schemas.message import SEARCHES, Child, WhereaboutsResponse
from schemas.reading import list_rows
from schemas.shapes import CaseId

SHOWN = 50
MOST_DIGITS = 9


async def show_matches(request: ConsoleRequest) -> web.StreamResponse:
    """Show the searches at which an officer must look, who has waited longest first. No child is described."""
    gw = request.gw
    worklist = match_incoming.get_match_worklist(gw, SHOWN + 1)
    return request.render_page(
        "matches.html",
        searches=worklist.searches[:SHOWN],
        more=len(worklist.searches) > SHOWN,
        cases=match_incoming.list_search_cases(gw, worklist.searches),
        strengths=worklist.strengths,
        strength=labels.name_strength,
        counts=worklist.counts,
        near_nobody=match_incoming.count_unmatched_searches(gw),
        indexed=worklist.index is not None,
        banner=_describe_replies_sent(request),
    )


def _describe_replies_sent(request: ConsoleRequest) -> str:
    """Return what is said of the replies that led here; nothing where none did."""
    answered, name = (request.web_request.query.get(parameter, "") for parameter in ("answered", "done"))
    if answered.isdecimal() and len(answered) <= MOST_DIGITS:
        return "1 reply is being sent." if answered == "1" else f"{answered} replies are being sent."
    if not name:
        return ""
    try:
        item = message_status.get_received_message(request.gw, name)
    except GatewayError:
        return ""
    return f"Your reply is being sent to {labels.name_authority(item.sender)}."


async def show_match(request: ConsoleRequest) -> web.StreamResponse:
    """Show one search beside our children. That they were read is an entry of the audit log."""
    _check_search(request)
    item, message, search, candidates = await asyncio.to_thread(
        match_incoming.read_matches, request.gw, request.get_part("notice"), request.by
    )
    return request.render_page(
        "match.html",
        item=item,
        about=case.CaseSubject(item.message_id[-case.TAIL :], getattr(message.body, "child", None)),
        body=message.body,
        search=search,
        candidates=candidates,
        rows=list_rows,
        pupil_fields=labels.list_pupil_fields(),
        strength=labels.name_strength,
        open=InboxState.CONCLUDED in MAY_BECOME[item.state],
        asks_names=item.restriction == "none" and not _has_other_surname(getattr(message.body, "child", None)),
    )


def _has_other_surname(child: Child | None) -> bool:
    return child is not None and bool(child.former_surname or child.preferred_surname)


def _check_search(request: ConsoleRequest) -> None:
    notice = case.get_case_notice(request.gw, CaseId(request.get_part("case")), request.get_part("notice"))
    if notice.direction != "came" or notice.kind not in SEARCHES:
        raise NotFound("page.none", "no-match")


async def none_of_these(request: ConsoleRequest) -> web.StreamResponse:
    """Answer the search "no trace": none of them is the child."""
    _check_search(request)
    try:
        await asyncio.to_thread(
            _answer_no_trace, request.gw, request.get_part("notice"), request.by, request.get_typed("was")
        )
    except NotAllowed as why:
        if why.code not in ("reply.overtaken", "reply.already"):
            raise
        return redirect_to(f"/cases/{request.get_part('case')}")
    return redirect_to(f"/matches?{urlencode({'done': request.get_part('notice')})}")


def _answer_no_trace(gw: Gateway, message_id: str, by: str, was: str) -> None:
    # Of a restricted child as little is said as can be.
    asks = (
        None
        if message_status.get_received_message(gw, message_id).restriction != "none"
        else labels.ask_for_other_names()
    )
    no_trace = WhereaboutsResponse(result="no-trace", answered_by="officer", ring=gw.build_officer(by), note=asks)
    respond.answer_search(gw, message_id, no_trace, by, was=was)


async def ask_all(request: ConsoleRequest) -> web.StreamResponse:
    """Ask whether all are to be answered to which nobody is near."""
    return request.render_page("matches-none.html", searches=match_incoming.count_unmatched_searches(request.gw))


async def answer_all(request: ConsoleRequest) -> web.StreamResponse:
    """Answer them, where they are as many as were shown."""
    if request.get_typed("was") != str(match_incoming.count_unmatched_searches(request.gw)):
        return await ask_all(request)
    answered = await asyncio.to_thread(match_incoming.answer_unmatched, request.gw, request.by)
    return redirect_to(f"/matches?answered={sum(answered.values())}")


ENDPOINTS = (
    Endpoint("GET", "/matches", Permission.ANSWER, show_matches),
    Endpoint("GET", f"/cases/{CASE}/notices/{NOTICE}/matches", Permission.ANSWER, show_match),
    Endpoint("POST", f"/cases/{CASE}/notices/{NOTICE}/none-of-these", Permission.ANSWER, none_of_these),
    Endpoint("GET", "/matches/none", Permission.ANSWER, ask_all),
    Endpoint("POST", "/matches/none", Permission.ANSWER, answer_all),
)
