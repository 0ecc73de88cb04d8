"""To whom a notice goes that is being written; of a search, whom it asks."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from gateway.authorities.reach import AuthorityReach, find_reach, list_reaches
from gateway.casework import compose
from gateway.casework.compose import OpenComposition
from gateway.console import forms, notice_questions
from gateway.console.compose_pages import read_composition, save_typed
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.forms import Answers, Question
from gateway.console.tasks import WHOM, WHOM_PATH, build_address, find_place
from gateway.console.whom_choice import build_choice
from gateway.core import labels
from gateway.core.composition import Said
from gateway.errors import NotAllowed
from schemas import codes


async def ask_whom(request: ConsoleRequest) -> web.StreamResponse:
    """Ask to whom it goes; of a search, whom to ask."""
    now = await read_composition(request)
    return await _render_whom(request, now, {}, _ChosenRecipients(now.to))


class _ChosenRecipients(dict[str, Any]):
    """What was chosen, as a form would give it."""

    def getall(self, name: str, default: object) -> object:
        """Return every value under this name."""
        return self.get(name) or default


async def _render_whom(
    request: ConsoleRequest, now: OpenComposition, wrong: Mapping[str, str], chosen: _ChosenRecipients
) -> web.Response:
    suggested = await asyncio.to_thread(compose.suggest_authority, request.gw, now)
    checked = await asyncio.to_thread(compose.check_composition, request.gw, now)
    choice = await asyncio.to_thread(build_choice, request.gw, chosen.get("find", "")) if now.is_search else None
    if not now.is_search and not wrong:
        meant = chosen.get("to") or suggested
        chosen = _ChosenRecipients({**chosen, "to": labels.name_authority_in_full(meant) if meant else ""})
    return request.render_page(
        "compose-whom.html",
        status=422 if wrong else 200,
        now=now,
        suggested=suggested,
        choice=choice,
        question=await asyncio.to_thread(_build_question, request),
        roles=codes.get_labels("roles").items(),
        answers=Answers({}, wrong),
        weigh=[warning for warning in checked.warnings if find_place(now, warning)[0] == WHOM],
        filled=now.filled.has_any([WHOM_PATH]),
        chosen=chosen,
    )


def _build_question(request: ConsoleRequest) -> Question:
    """Ask for one authority, each shown with how it can be reached."""
    others = [code for code, _ in notice_questions.list_authorities() if code != request.gw.code]
    listed = [(code, reach.listed) for code, reach in list_reaches(request.gw, others).items()]
    return Question("to", "Authority", "authority", options=lambda: listed, missing="Enter an authority")


async def save_whom(request: ConsoleRequest) -> web.StreamResponse:
    """Save to whom it goes."""
    now = await read_composition(request)
    if now.composition.corrects:
        return redirect_to(build_address(now))
    typed = _ChosenRecipients({name: str(value) for name, value in request.form.items()})
    if now.is_search:
        typed |= {name: [str(code) for code in request.form.getall(name, [])] for name in ("to", "region")}
        if request.get_typed("act") == "find":
            return await _render_whom(request, now, {}, typed)
        to, wrong = await asyncio.to_thread(_read_search, request, typed)
    else:
        to, wrong = await asyncio.to_thread(_read_recipient, request, typed)
    new = replace(now, to=to, filled=now.filled.check_off([WHOM_PATH]))
    wrong = wrong or await save_typed(request, new)
    if wrong:
        return await _render_whom(request, now, wrong, typed)
    checked = await asyncio.to_thread(compose.check_composition, request.gw, new)
    unseen = {warning.code for warning in checked.warnings if find_place(new, warning)[0] == WHOM} - set(
        request.get_typed("weighed").split()
    )
    return redirect_to(f"{build_address(now)}/{WHOM}" if unseen else build_address(now))


def _read_recipient(request: ConsoleRequest, typed: Mapping[str, str]) -> tuple[Said, dict[str, str]]:
    """Read to which authority and role it goes, and what is wrong with that."""
    answers = forms.read_answers([_build_question(request)], typed, request.gw.now().date())
    role = typed.get("role") or "cme_officer"
    if answers.wrong:
        return {}, dict(answers.wrong)
    if role not in codes.get_labels("roles"):
        return {}, {"role": "Select a role"}
    reach = find_reach(request.gw, answers.get_text("to"))
    return {"to": reach.authority, "role": role}, {"to": reach.refusal} if reach.why else {}


def _read_search(request: ConsoleRequest, typed: _ChosenRecipients) -> tuple[Said, dict[str, str]]:
    """Read whom a search asks, and what is wrong with that."""
    to: Said = {name: typed[name] for name in ("to", "region")} | {"everyone": "yes" if typed.get("everyone") else ""}
    try:
        reaches = list_meant(request, to)
    except NotAllowed:
        return to, {"everyone": "Select who to ask"}
    if all(reach.why for reach in reaches):
        return to, {"everyone": " ".join(("Nobody can be asked.", *(reach.refusal for reach in reaches[:1])))}
    return to, {}


def list_meant(request: ConsoleRequest, to: Said) -> list[AuthorityReach]:
    """List to whom it goes, and how each can be reached. Raises NotAllowed where a search means nobody."""
    return list(list_reaches(request.gw, compose.list_recipients(request.gw, to)).values())
