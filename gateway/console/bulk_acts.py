"""Several messages of the inbox at once: selected there, shown on a page to check, done in one press, and told of each.

The page to check is asked for by its address, in which only references stand. What it shows is done by a form of it,
which carries how each message stood, as the form of one act does.
"""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from gateway.access import absences, people
from gateway.casework import bulk_acts
from gateway.casework.bulk_acts import SelectedMessage
from gateway.console.console_request import ConsoleRequest
from gateway.console.endpoints import Endpoint
from gateway.console.inbox import Selection, read_asked, render_inbox
from gateway.core.bulk_acts import MOST_AT_ONCE
from gateway.core.permissions import Permission

NONE_SELECTED = "Select the notices that you want to deal with"
TOO_MANY = f"Select {MOST_AT_ONCE} notices or fewer"
NO_PERSON = "Choose a person"


async def check_accepting(request: ConsoleRequest) -> web.StreamResponse:
    """Show what would be accepted, and what cannot be and why."""
    return await asyncio.to_thread(_render_check_to_accept, request)


def _render_check_to_accept(request: ConsoleRequest) -> web.Response:
    names = _list_selected(request)
    if wrong := _find_wrong_count(names):
        return _render_again(request, Selection(frozenset(names), wrong=wrong))
    return _render_check(request, bulk_acts.read_to_accept(request.gw, names, request.by))


async def accept_selected(request: ConsoleRequest) -> web.StreamResponse:
    """Accept what was shown, and say of each what became of it."""
    keys = _list_keys(request)
    done = await asyncio.to_thread(bulk_acts.accept_selected, request.gw, keys, request.by)
    return _render_messages(request, "bulk-done.html", done, person="")


async def check_assigning(request: ConsoleRequest) -> web.StreamResponse:
    """Show which cases would be assigned, to whom, and which cannot be and why."""
    return await asyncio.to_thread(_render_check_to_assign, request)


def _render_check_to_assign(request: ConsoleRequest) -> web.Response:
    names, person = _list_selected(request), request.web_request.query.get("person", "")
    if wrong := _find_wrong_count(names):
        return _render_again(request, Selection(frozenset(names), person, wrong=wrong))
    if person not in {worker.name for worker in people.list_case_workers(request.gw)}:
        return _render_again(request, Selection(frozenset(names), no_person=NO_PERSON))
    selected = bulk_acts.read_to_assign(request.gw, names, person, request.by)
    return _render_check(request, selected, person)


async def assign_selected(request: ConsoleRequest) -> web.StreamResponse:
    """Assign what was shown, and say of each what became of it."""
    keys, person = _list_keys(request), request.get_typed("person")
    done = await asyncio.to_thread(bulk_acts.assign_selected, request.gw, keys, person, request.by)
    called = await asyncio.to_thread(_describe_person, request, person)
    return _render_messages(request, "bulk-done.html", done, person=called)


def _render_again(request: ConsoleRequest, selection: Selection) -> web.Response:
    """Render the inbox from which it was selected, with what is wrong."""
    return render_inbox(request, read_asked(request, request.web_request.query), selection=selection)


def _list_selected(request: ConsoleRequest) -> list[str]:
    return list(dict.fromkeys(request.web_request.query.getall("notice", [])))


def _list_keys(request: ConsoleRequest) -> list[str]:
    return [str(key) for key in request.form.getall("notice", [])]


def _find_wrong_count(names: Sequence[str]) -> str:
    return NONE_SELECTED if not names else TOO_MANY if len(names) > MOST_AT_ONCE else ""


def _render_check(request: ConsoleRequest, selected: Sequence[SelectedMessage], person: str = "") -> web.Response:
    called = _describe_person(request, person) if person else ""
    return _render_messages(request, "bulk-check.html", selected, person=person, called=called)


def _render_messages(
    request: ConsoleRequest, template: str, some: Sequence[SelectedMessage], *, person: str, called: str = ""
) -> web.Response:
    """Render those with which it is done, and those with which it is not."""
    taken, left = [it for it in some if not it.why], [it for it in some if it.why]
    return request.render_page(template, taken=taken, left=left, person=person, called=called)


def _describe_person(request: ConsoleRequest, person: str) -> str:
    return absences.describe_team(request.gw).get(person, person)


ENDPOINTS = (
    Endpoint("GET", "/inbox/accept", Permission.ANSWER, check_accepting),
    Endpoint("POST", "/inbox/accept", Permission.ANSWER, accept_selected),
    Endpoint("GET", "/inbox/assign", Permission.ASSIGN, check_assigning),
    Endpoint("POST", "/inbox/assign", Permission.ASSIGN, assign_selected),
)
