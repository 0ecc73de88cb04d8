"""To whom a notice goes that is being written; of a search, whom it asks."""

import asyncio
from dataclasses import replace
from typing import Any

from aiohttp import web

from gateway.casework import compose
from gateway.casework.compose import OpenComposition
from gateway.console import notice_questions
from gateway.console.compose_pages import read_composition, save_typed
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.forms import Answers
from gateway.console.searches import list_regions
from gateway.console.tasks import WHOM, build_address, find_place
from gateway.core.composition import Said
from schemas import codes


async def ask_whom(visit: ConsoleRequest) -> web.StreamResponse:
    """Ask to whom it goes; of a search, whom to ask."""
    return await _render_whom(visit, await read_composition(visit), {})


async def _render_whom(
    visit: ConsoleRequest, now: OpenComposition, wrong: dict[str, str], typed: Said | None = None
) -> web.Response:
    suggested = await asyncio.to_thread(compose.suggest_authority, visit.gw, now)
    checked = await asyncio.to_thread(compose.check_composition, visit.gw, now)
    return visit.render_page(
        "compose-whom.html",
        status=422 if wrong else 200,
        now=now,
        suggested=suggested,
        choice=list_regions(visit.gw.code),
        authorities=[authority for authority in notice_questions.list_authorities() if authority[0] != visit.gw.code],
        roles=codes.get_labels("roles").items(),
        answers=Answers({}, wrong),
        weigh=[warning for warning in checked.warnings if find_place(now, warning)[0] == WHOM],
        chosen=_ChosenRecipients(now.to if typed is None else typed),
    )


class _ChosenRecipients(dict[str, Any]):
    """What was chosen, as a form would give it."""

    def getall(self, name: str, default: object) -> object:
        """Return every value under this name."""
        return self.get(name) or default


async def save_whom(visit: ConsoleRequest) -> web.StreamResponse:
    """Save to whom it goes."""
    now = await read_composition(visit)
    if now.composition.corrects:
        return redirect_to(build_address(now))
    known = dict(notice_questions.list_authorities())
    if now.is_search:
        to: Said = {name: [str(code) for code in visit.form.getall(name, [])] for name in ("to", "region")}
        to["everyone"] = "yes" if visit.get_typed("everyone") else ""
        fits = all(code in known for code in to["to"]) and all(
            region in codes.list_regions() for region in to["region"]
        )
    else:
        to = {"to": visit.get_typed("to"), "role": visit.get_typed("role") or "cme_officer"}
        fits = to["to"] in known and to["to"] != visit.gw.code and to["role"] in codes.get_labels("roles")
    if not fits or not any(to.get(name) for name in ("to", "region", "everyone")):
        return await _render_whom(
            visit,
            now,
            {"everyone" if now.is_search else "to": "Select who to ask" if now.is_search else "Select an authority"},
            to,
        )
    new = replace(now, to=to)
    if wrong := await save_typed(visit, new):
        return await _render_whom(visit, now, wrong, to)
    checked = await asyncio.to_thread(compose.check_composition, visit.gw, new)
    unseen = {warning.code for warning in checked.warnings if find_place(new, warning)[0] == WHOM} - set(
        visit.get_typed("weighed").split()
    )
    return redirect_to(f"{build_address(now)}/{WHOM}" if unseen else build_address(now))
