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


async def ask_whom(request: ConsoleRequest) -> web.StreamResponse:
    """Ask to whom it goes; of a search, whom to ask."""
    return await _render_whom(request, await read_composition(request), {})


async def _render_whom(
    request: ConsoleRequest, now: OpenComposition, wrong: dict[str, str], typed: Said | None = None
) -> web.Response:
    suggested = await asyncio.to_thread(compose.suggest_authority, request.gw, now)
    checked = await asyncio.to_thread(compose.check_composition, request.gw, now)
    return request.render_page(
        "compose-whom.html",
        status=422 if wrong else 200,
        now=now,
        suggested=suggested,
        choice=list_regions(request.gw.code),
        authorities=[authority for authority in notice_questions.list_authorities() if authority[0] != request.gw.code],
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


async def save_whom(request: ConsoleRequest) -> web.StreamResponse:
    """Save to whom it goes."""
    now = await read_composition(request)
    if now.composition.corrects:
        return redirect_to(build_address(now))
    known = dict(notice_questions.list_authorities())
    if now.is_search:
        to: Said = {name: [str(code) for code in request.form.getall(name, [])] for name in ("to", "region")}
        to["everyone"] = "yes" if request.get_typed("everyone") else ""
        fits = all(code in known for code in to["to"]) and all(
            region in codes.list_regions() for region in to["region"]
        )
    else:
        to = {"to": request.get_typed("to"), "role": request.get_typed("role") or "cme_officer"}
        fits = to["to"] in known and to["to"] != request.gw.code and to["role"] in codes.get_labels("roles")
    if not fits or not any(to.get(name) for name in ("to", "region", "everyone")):
        return await _render_whom(
            request,
            now,
            {"everyone" if now.is_search else "to": "Select who to ask" if now.is_search else "Select an authority"},
            to,
        )
    new = replace(now, to=to)
    if wrong := await save_typed(request, new):
        return await _render_whom(request, now, wrong, to)
    checked = await asyncio.to_thread(compose.check_composition, request.gw, new)
    unseen = {warning.code for warning in checked.warnings if find_place(new, warning)[0] == WHOM} - set(
        request.get_typed("weighed").split()
    )
    return redirect_to(f"{build_address(now)}/{WHOM}" if unseen else build_address(now))
