"""What waits for us, what we sent, and where each person begins."""

import asyncio

from aiohttp import web

from gateway import reconcile
from gateway.console.doors import Door, signed_in
from gateway.console.visit import Visit, goto
from gateway.core.permissions import Act, Reach
from gateway.core.standing import WAITING
from gateway.store import assignments, inbox, outbox

SHOWN = 50
FIRST_PAGES = (  # where somebody begins: the first that is open to them
    (Act.SEE_WORK, "/inbox"),
    (Act.AUDIT, "/audit"),
    (Act.SEE_HEALTH, "/health"),
    (Act.MANAGE_PEOPLE, "/people"),
    (Act.OWN_ACCOUNT, "/account"),
)


async def begin(visit: Visit) -> web.StreamResponse:
    """Where this person begins."""
    return goto(next(address for act, address in FIRST_PAGES if visit.may(act)))


async def came(visit: Visit) -> web.StreamResponse:
    """What came: that which waits for us first; or all of it."""
    whole = "all" in visit.request.query
    return await asyncio.to_thread(_came, visit, whole)


def _came(visit: Visit, whole: bool) -> web.Response:
    here = visit.here
    states = () if whole else WAITING
    found = here.store.look(lambda tx: inbox.search(tx, here.now(), states=states, unmatched=whole, limit=SHOWN + 1))
    mine = _assigned(visit)
    items = [one for one in found[:SHOWN] if mine is None or one.conversation_id in mine]
    duties = {one.message_id: one for one in reconcile.of_came(here, items)}
    return visit.page("inbox.html", items=items, duties=duties, whole=whole, more=len(found) > SHOWN)


async def sent(visit: Visit) -> web.StreamResponse:
    """What we sent, and how each notice stands."""
    return await asyncio.to_thread(_sent, visit)


def _sent(visit: Visit) -> web.Response:
    found = visit.here.store.look(lambda tx: outbox.search(tx, limit=SHOWN + 1))
    mine = _assigned(visit)
    items = [one for one in found[:SHOWN] if mine is None or one.conversation_id in mine]
    return visit.page("sent.html", items=items, more=len(found) > SHOWN)


def _assigned(visit: Visit) -> frozenset[str] | None:
    """The cases that they may see; None: all."""
    if visit.reach is Reach.ALL:
        return None
    name = signed_in(visit).person.name
    return visit.here.store.look(lambda tx: assignments.of_person(tx, name))


DOORS = (
    Door("GET", "/", Act.OWN_ACCOUNT, begin),
    Door("GET", "/inbox", Act.SEE_WORK, came, of_assigned=True),
    Door("GET", "/sent", Act.SEE_WORK, sent, of_assigned=True),
)
