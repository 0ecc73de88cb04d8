"""One case: what each notice says, what has happened, what is owed, and what may be done next."""

import asyncio

from aiohttp import web

from gateway.access import people
from gateway.casework import case
from gateway.console.acts import FORMS
from gateway.console.doors import CASE, Door
from gateway.console.visit import Visit, goto
from gateway.core.permissions import Act, Role
from gateway.store import people as kept
from schemas.message import SEARCHES


async def look(visit: Visit) -> web.StreamResponse:
    """The whole of it. That it was read is an entry of the audit log."""
    found = await asyncio.to_thread(case.look, visit.here, visit.part("case"), visit.by)
    others = await visit.here.store.read(kept.every) if visit.may(Act.ASSIGN) else []
    outreach = [one for one in others if Role.OUTREACH in one.roles and one.active]
    open_forms = {choice: form for choice, form in FORMS.items() if visit.may(form.act)}
    return visit.page("case.html", case=found, forms=open_forms, outreach=outreach, searched=SEARCHES)


async def assign(visit: Visit) -> web.StreamResponse:
    """The case is somebody's too, or no longer."""
    name, whole = visit.part("case"), visit.typed("person")
    act = people.unassign if visit.typed("away") else people.assign
    await asyncio.to_thread(act, visit.here, name, whole, visit.by)
    return goto(f"/cases/{name}")


DOORS = (
    Door("GET", f"/cases/{CASE}", Act.READ_CHILD, look),
    Door("POST", f"/cases/{CASE}/assign", Act.ASSIGN, assign),
)
