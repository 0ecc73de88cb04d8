"""The inbox: what waits for an officer, the most urgent first.

What is asked for stands in the address, so that it can be kept and sent on: filters, the order, and which page.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

from aiohttp import web

from gateway.access import absences, people
from gateway.casework import by_mail, failed_notices, inbox_list, listed_children, message_pages, saved_views
from gateway.casework.by_mail import AnsweredLetter
from gateway.casework.failed_notices import FailedNotice
from gateway.casework.listed_children import ListedChild
from gateway.console.console_request import ConsoleRequest
from gateway.console.endpoints import Endpoint
from gateway.console.navigation import add_other_counts, count_waiting
from gateway.console.paging import Paged, build_stretch_links, paginate_rows, read_cursor
from gateway.core import labels
from gateway.core.inbox_order import (
    NOBODY,
    DueWhen,
    InboxFilter,
    InboxSort,
    WaitingMessage,
    count_pressing,
    sort_waiting,
)
from gateway.core.permissions import Permission, Reach
from gateway.errors import NotAllowed
from schemas import codes
from schemas.message import KINDS, find_member
from schemas.shapes import CaseId

SHOWN = 25
# Rows that are about something that we sent.
AboutSent = TypeVar("AboutSent", AnsweredLetter, FailedNotice)
NO_EMAILS = paginate_rows(list[AnsweredLetter](), "", SHOWN)
NONE_FAILED = paginate_rows(list[FailedNotice](), "", SHOWN)


@dataclass(frozen=True, slots=True)
class AskedInbox:
    """Which messages of the inbox are asked for, and in which order, as the address says it."""

    wanted: InboxFilter = field(default_factory=InboxFilter)
    sort: InboxSort = InboxSort.URGENCY

    @property
    def is_narrowed(self) -> bool:
        """Tell whether less than all that waits is asked for."""
        return self.wanted != InboxFilter()

    @property
    def order(self) -> str:
        """Return in which order they are, for a person."""
        return labels.name_inbox_sort(self.sort)

    @property
    def parameters(self) -> Mapping[str, str]:
        """Return what the address says of them, by name; nothing of what is as ever."""
        sort = "" if self.sort is InboxSort.URGENCY else self.sort.value
        return {name: value for name, value in {**asdict(self.wanted), "sort": sort}.items() if value}

    @property
    def query(self) -> str:
        """Return the end of the address that asks for them."""
        return urlencode(self.parameters)

    def list_parameters(self, page: int = 1) -> dict[str, str]:
        """List what the address says of this page of them."""
        return {**self.parameters, **({"page": str(page)} if page > 1 else {})}

    def build_address(self, page: int = 1) -> str:
        """Return where this page of them lies."""
        query = urlencode(self.list_parameters(page))
        return f"/inbox?{query}" if query else "/inbox"

    def narrow_to(self, *, officer: str = "", due: str = "") -> str:
        """Return where those of all that wait lie of which only this is asked."""
        return AskedInbox(InboxFilter(officer=officer, due=due), self.sort).build_address()

    def sort_by(self, sort: str) -> str:
        """Return where the same lie in another order."""
        return replace(self, sort=InboxSort(sort)).build_address()


@dataclass(frozen=True, slots=True)
class Selection:
    """What somebody selected to deal with at once, and what is wrong with that."""

    names: frozenset[str] = frozenset()
    # To whom it is to be assigned.
    person: str = ""
    wrong: str = ""
    no_person: str = ""


NOTHING_SELECTED = Selection()


def read_asked(request: ConsoleRequest, values: Mapping[str, str]) -> AskedInbox:
    """Read which messages are asked for, off an address or a form."""
    sort, due = values.get("sort", ""), values.get("due", "")
    wanted = InboxFilter(
        kind=find_member(values.get("kind", ""), KINDS),
        authority=values.get("authority", ""),
        # Who sees assigned cases only sees their own.
        officer=values.get("officer", "") if request.reach is Reach.ALL else "",
        due=due if due in list(DueWhen) else "",
    )
    return AskedInbox(wanted, InboxSort(sort) if sort in list(InboxSort) else InboxSort.URGENCY)


async def show_inbox(request: ConsoleRequest) -> web.StreamResponse:
    """Show what waits for us, the most urgent first; or all that came, the newest first."""
    if "all" in request.web_request.query:
        return await asyncio.to_thread(_render_received, request)
    return await asyncio.to_thread(render_inbox, request, read_asked(request, request.web_request.query))


def select_waiting(asked: AskedInbox, waiting: Sequence[WaitingMessage], now: datetime) -> list[WaitingMessage]:
    """Select what is asked for of what waits, in the order that is asked for."""
    return sort_waiting((message for message in waiting if asked.wanted.has_message(message, now)), now, asked.sort)


def render_inbox(
    request: ConsoleRequest,
    asked: AskedInbox,
    *,
    wrong: NotAllowed | None = None,
    selection: Selection = NOTHING_SELECTED,
) -> web.Response:
    """Render what is asked for of what waits.

    `wrong`: why the view was not saved, where somebody tried; `selection`: what is selected, where that has to be
    corrected.
    """
    gw, now, mine = request.gw, request.gw.now(), list_assigned(request)
    waiting = inbox_list.list_waiting(gw, mine)
    rows = select_waiting(asked, waiting, now)
    page = paginate_rows(rows, request.web_request.query.get("page", ""), SHOWN)
    called = absences.describe_team(gw)
    # Emails have no kind and no deadline.
    counts = count_pressing(waiting, now, request.by)
    request = replace(request, counts=add_other_counts(gw, counts, request.reach))
    plain = not asked.is_narrowed and page.number == 1
    emails, answered = _page_mail_replies(request, mine) if plain else (NO_EMAILS, ())
    failed, undelivered = _page_failed_notices(request, mine) if plain else (NONE_FAILED, ())
    return request.render_page(
        "inbox.html",
        status=422 if wrong or selection.wrong or selection.no_person else 200,
        wrong=wrong,
        views=saved_views.list_views(gw, request.by),
        longest_name=saved_views.LONGEST_NAME,
        selection=selection,
        workers=people.list_case_workers(gw) if request.may_do(Permission.ASSIGN) else (),
        page=page,
        links=page.build_links(asked.build_address),
        rows=inbox_list.open_waiting(gw, page.rows, request.by),
        counts=counts,
        asked=asked,
        choices=_list_choices(waiting, called, asked.wanted),
        called=called,
        whole_team=mine is None,
        emails=emails,
        email_links=emails.build_links("/inbox?emails={}".format),
        answered=answered,
        failed=failed,
        undelivered=undelivered,
    )


def _list_choices(
    waiting: Sequence[WaitingMessage], called: Mapping[str, str], wanted: InboxFilter
) -> Mapping[str, Sequence[tuple[str, str]]]:
    """List what may be chosen in each filter: what there is, and what is asked for, by its name."""
    officers = {name for message in waiting for name in message.assigned | message.stand_ins}
    if wanted.officer in called:
        officers.add(wanted.officer)
    kinds = {message.kind for message in waiting} | ({wanted.kind} if wanted.kind else set())
    authorities = {message.name.sender for message in waiting}
    if codes.authority_name(wanted.authority):
        authorities.add(wanted.authority)
    return {
        "kind": _sort_choices((kind, labels.name_kind(kind)) for kind in kinds),
        "authority": _sort_choices((code, labels.name_authority(code)) for code in authorities),
        "officer": [
            (NOBODY, labels.name_unassigned()),
            *_sort_choices((name, called.get(name, name)) for name in officers),
        ],
        "due": [(when.value, labels.name_due_when(when)) for when in DueWhen],
        "sort": [(sort.value, labels.name_inbox_sort(sort)) for sort in InboxSort],
    }


def _sort_choices(choices: Iterable[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    return sorted(set(choices), key=lambda choice: choice[1])


def _page_mail_replies(
    request: ConsoleRequest, mine: frozenset[CaseId] | None
) -> tuple[Paged[AnsweredLetter], Sequence[ListedChild]]:
    """Return a page of the replies by mail nobody has read, oldest first, and the children they are about."""
    waiting = by_mail.list_waiting_replies(request.gw)
    letters = [letter for letter in waiting if mine is None or letter.sent.case_id in mine]
    return _page_about_sent(request, letters, "emails")


def _page_failed_notices(
    request: ConsoleRequest, mine: frozenset[CaseId] | None
) -> tuple[Paged[FailedNotice], Sequence[ListedChild]]:
    """Return a page of what was not delivered, oldest first, and the children it is about."""
    return _page_about_sent(request, failed_notices.list_failed_notices(request.gw, None, mine), "failed")


def _page_about_sent(
    request: ConsoleRequest, rows: Sequence[AboutSent], parameter: str
) -> tuple[Paged[AboutSent], Sequence[ListedChild]]:
    """Return the page of these that the address asks for, and the children of what we sent: one logged list."""
    page = paginate_rows(rows, request.web_request.query.get(parameter, ""), SHOWN)
    names = [row.sent.name for row in page.rows]
    return page, listed_children.list_children(request.gw, names, request.by) if names else ()


def _render_received(request: ConsoleRequest) -> web.Response:
    """Render all that came, the newest first: too long to be counted, or that of the assigned cases."""
    gw, mine, query = request.gw, list_assigned(request), request.web_request.query
    request = replace(request, counts=count_waiting(gw, request.by, request.reach))
    if mine is None:
        stretch = message_pages.list_received_page(gw, read_cursor(query), SHOWN)
        items, links = stretch.items, build_stretch_links(stretch, "/inbox?all&")
    else:
        page = paginate_rows(message_pages.list_received_of_cases(gw, mine), query.get("page", ""), SHOWN)
        items, links = page.rows, page.build_links("/inbox?all&page={}".format) if page.pages > 1 else {}
    return request.render_page(
        "received.html",
        rows=inbox_list.open_received(gw, items, request.by),
        links=links,
        whole_team=mine is None,
    )


def list_assigned(request: ConsoleRequest) -> frozenset[CaseId] | None:
    """List the cases that they may see; None: all."""
    return None if request.reach is Reach.ALL else people.list_assigned_cases(request.gw, request.by)


ENDPOINTS = (Endpoint("GET", "/inbox", Permission.SEE_WORK, show_inbox, of_assigned=True),)
