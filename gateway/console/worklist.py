"""What waits for us, what we sent, and where each person begins."""

import asyncio

from aiohttp import web

from gateway.access import people
from gateway.casework import by_mail, case, failed_notices, message_pages
from gateway.casework.by_mail import AnsweredLetter
from gateway.casework.failed_notices import FailedNotice
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint, get_session
from gateway.core.message_name import MessageName
from gateway.core.permissions import Permission, Reach
from gateway.reconciliation import reconcile
from schemas.shapes import CaseId, MessageId

SHOWN = 25
# Where somebody begins: the first that is open to them.
FIRST_PAGES = (
    (Permission.SEE_WORK, "/inbox"),
    (Permission.AUDIT, "/audit"),
    (Permission.SEE_HEALTH, "/health"),
    (Permission.MANAGE_PEOPLE, "/people"),
    (Permission.OWN_ACCOUNT, "/account"),
)


async def redirect_to_start(request: ConsoleRequest) -> web.StreamResponse:
    """Redirect to where this person begins."""
    return redirect_to(next(address for act, address in FIRST_PAGES if request.may_do(act)))


async def show_inbox(request: ConsoleRequest) -> web.StreamResponse:
    """Show what waits for us, the oldest first; or all that came, the newest first."""
    return await asyncio.to_thread(_render_inbox, request, "all" in request.web_request.query)


def _render_inbox(request: ConsoleRequest, whole: bool) -> web.Response:
    gw, mine, after = request.gw, _list_assigned(request), request.web_request.query.get("after", "")
    if mine is None:
        items = message_pages.list_inbox_page(gw, whole=whole, cursor=after, limit=SHOWN + 1)
    else:
        items = message_pages.list_inbox_of_cases(gw, mine, whole=whole)
    more = mine is None and len(items) > SHOWN
    items = items[:SHOWN] if mine is None else items
    duties = {MessageName(duty.partner, duty.message_id): duty for duty in reconcile.list_owed_on_received(gw, items)}
    names = case.list_child_names(gw, items, request.by)
    mails = () if whole or after else _list_mail_replies(request, mine)
    failed = () if whole or after else list_failed_with_names(request, mine)
    return request.render_page(
        "inbox.html", items=items, names=names, duties=duties, whole=whole, more=more, mails=mails, failed=failed
    )


def list_failed_with_names(request: ConsoleRequest, mine: frozenset[CaseId] | None) -> list[tuple[FailedNotice, str]]:
    """List what was not delivered, the oldest first, each with the child's name: one logged list."""
    failed = failed_notices.list_failed_notices(request.gw, SHOWN if mine is None else None, mine)
    names = case.list_child_names(request.gw, [notice.sent for notice in failed], request.by)
    return list(zip(failed, names, strict=True))


def _list_mail_replies(request: ConsoleRequest, mine: frozenset[str] | None) -> list[tuple[AnsweredLetter, str]]:
    """List the replies by mail nobody has read, oldest first, with the notice each is about and the child's name."""
    waiting = by_mail.list_waiting_replies(request.gw, SHOWN if mine is None else None)
    letters = [letter for letter in waiting if mine is None or letter.sent.conversation_id in mine]
    names = case.list_child_names(request.gw, [letter.sent for letter in letters], request.by)
    return list(zip(letters, names, strict=True))


async def show_sent(request: ConsoleRequest) -> web.StreamResponse:
    """Show the notices that we sent, the newest first, and how each stands; with our answers if asked for."""
    return await asyncio.to_thread(_render_sent, request, "all" in request.web_request.query)


def _render_sent(request: ConsoleRequest, whole: bool) -> web.Response:
    gw, mine = request.gw, _list_assigned(request)
    if mine is None:
        after = MessageId(request.web_request.query.get("after", ""))
        deliveries = message_pages.list_sent_page(gw, whole=whole, cursor=after, limit=SHOWN + 1)
    else:
        deliveries = message_pages.list_sent_of_cases(gw, mine, whole=whole)
    more = mine is None and len(deliveries) > SHOWN
    items = deliveries[:SHOWN] if mine is None else deliveries
    return request.render_page(
        "sent.html", items=items, names=case.list_child_names(gw, items, request.by), whole=whole, more=more
    )


def _list_assigned(request: ConsoleRequest) -> frozenset[CaseId] | None:
    """List the cases that they may see; None: all."""
    if request.reach is Reach.ALL:
        return None
    return people.list_assigned_cases(request.gw, get_session(request).person.name)


ENDPOINTS = (
    Endpoint("GET", "/", Permission.OWN_ACCOUNT, redirect_to_start),
    Endpoint("GET", "/inbox", Permission.SEE_WORK, show_inbox, of_assigned=True),
    Endpoint("GET", "/sent", Permission.SEE_WORK, show_sent, of_assigned=True),
)
