"""What waits for us, what we sent, and where each person begins."""

import asyncio
from functools import partial

from aiohttp import web

from gateway.casework import case
from gateway.console.console_request import Visit, redirect_to
from gateway.console.endpoints import Door, get_session
from gateway.core.inbox_state import TASKS
from gateway.core.message_name import MessageName
from gateway.core.permissions import Permission, Reach
from gateway.reconciliation import reconcile
from gateway.store import assignments, inbox, mail_replies, outbox
from gateway.store.mail_replies import MailReply
from gateway.store.outbox import Delivery
from schemas.message import OPENS_A_CASE

SHOWN = 25
# Where somebody begins: the first that is open to them.
FIRST_PAGES = (
    (Permission.SEE_WORK, "/inbox"),
    (Permission.AUDIT, "/audit"),
    (Permission.SEE_HEALTH, "/health"),
    (Permission.MANAGE_PEOPLE, "/people"),
    (Permission.OWN_ACCOUNT, "/account"),
)


async def redirect_to_start(visit: Visit) -> web.StreamResponse:
    """Redirect to where this person begins."""
    return redirect_to(next(address for act, address in FIRST_PAGES if visit.may_do(act)))


async def show_inbox(visit: Visit) -> web.StreamResponse:
    """Show what waits for us, the oldest first; or all that came, the newest first."""
    return await asyncio.to_thread(_render_inbox, visit, "all" in visit.request.query)


def _render_inbox(visit: Visit, whole: bool) -> web.Response:
    gw, mine = visit.gw, _list_assigned(visit)
    last = (
        gw.store.look(lambda tx: inbox.get_message(tx, visit.request.query["after"])) if _is_later_page(visit) else None
    )
    beyond = (last.received_at, last.message_id) if last else None
    search = partial(
        inbox.search_inbox, now=gw.now(), states=() if whole else TASKS, unmatched=whole, oldest_first=not whole
    )
    if mine is None:
        messages = gw.store.look(partial(search, beyond=beyond, limit=SHOWN + 1))
    else:
        messages = [message for name in mine for message in gw.store.look(partial(search, conversation_id=name))]
        messages.sort(key=lambda message: (message.received_at, message.message_id), reverse=whole)
    items, more = messages[:SHOWN] if mine is None else messages, mine is None and len(messages) > SHOWN
    duties = {MessageName(duty.partner, duty.message_id): duty for duty in reconcile.list_owed_on_received(gw, items)}
    names = case.list_child_names(gw, items, visit.by)
    mails = () if whole or _is_later_page(visit) else _list_mail_replies(visit, mine)
    return visit.render_page("inbox.html", items=items, names=names, duties=duties, whole=whole, more=more, mails=mails)


def _list_mail_replies(visit: Visit, mine: frozenset[str] | None) -> list[tuple[MailReply, Delivery, str]]:
    """List the replies by mail nobody has read, oldest first, with the notice each is about and the child's name."""
    gw = visit.gw
    waiting = gw.store.look(lambda tx: mail_replies.list_waiting_replies(tx, SHOWN if mine is None else None))
    about = gw.store.look(lambda tx: outbox.list_deliveries_by_id(tx, [reply.message_id for reply in waiting]))
    notices = {delivery.message_id: delivery for delivery in about if mine is None or delivery.conversation_id in mine}
    pairs = [(reply, notices[reply.message_id]) for reply in waiting if reply.message_id in notices]
    names = case.list_child_names(visit.gw, [sent for _, sent in pairs], visit.by)
    return [(reply, sent, name) for (reply, sent), name in zip(pairs, names, strict=True)]


async def show_sent(visit: Visit) -> web.StreamResponse:
    """Show the notices that we sent, the newest first, and how each stands; with our answers if asked for."""
    return await asyncio.to_thread(_render_sent, visit, "all" in visit.request.query)


def _render_sent(visit: Visit, whole: bool) -> web.Response:
    gw, mine = visit.gw, _list_assigned(visit)
    last = (
        gw.store.look(lambda tx: outbox.get_delivery(tx, visit.request.query["after"]))
        if _is_later_page(visit)
        else None
    )
    kinds = () if whole else OPENS_A_CASE
    if mine is None:
        before = (last.queued_at, last.message_id) if last else None
        deliveries = gw.store.look(
            lambda tx: outbox.list_delivery_page(tx, kinds=kinds, before=before, limit=SHOWN + 1)
        )
    else:
        deliveries = [
            delivery for name in mine for delivery in gw.store.look(partial(outbox.search_outbox, conversation_id=name))
        ]
        deliveries = [delivery for delivery in deliveries if whole or delivery.kind in kinds]
        deliveries.sort(key=lambda delivery: (delivery.queued_at, delivery.message_id), reverse=True)
    items, more = deliveries[:SHOWN] if mine is None else deliveries, mine is None and len(deliveries) > SHOWN
    return visit.render_page(
        "sent.html", items=items, names=case.list_child_names(gw, items, visit.by), whole=whole, more=more
    )


def _is_later_page(visit: Visit) -> bool:
    return bool(visit.request.query.get("after"))


def _list_assigned(visit: Visit) -> frozenset[str] | None:
    """List the cases that they may see; None: all."""
    if visit.reach is Reach.ALL:
        return None
    name = get_session(visit).person.name
    return visit.gw.store.look(lambda tx: assignments.list_assigned_cases(tx, name))


DOORS = (
    Door("GET", "/", Permission.OWN_ACCOUNT, redirect_to_start),
    Door("GET", "/inbox", Permission.SEE_WORK, show_inbox, of_assigned=True),
    Door("GET", "/sent", Permission.SEE_WORK, show_sent, of_assigned=True),
)
