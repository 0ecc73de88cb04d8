"""What is shown when something is refused or goes wrong: what happened, what to do next, and the way on for who is signed in.

Whose page it is is looked up without any effect: the session is not marked as used, and nothing about a child is read. Where that
cannot be known either, because the database is what is wrong, the page is that of a stranger. What went wrong here, rather than in
what was asked, gets a reference which stands in the log too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex

from aiohttp import web

from gateway.access import sessions
from gateway.access.sessions import Session, Stage
from gateway.console.pages import for_a_page
from gateway.console.visit import HERE, SESSION_COOKIE, Visit, nothing_typed
from gateway.core.permissions import Reach
from gateway.errors import Busy, ConfigProblem, GatewayError, NotFound, StoreUnavailable
from gateway.logs import failed
from keys.errors import Refusal

REFERENCE_BYTES = 4  # enough to find one line in a log
RETRY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Problem:
    """What a person is told: the status, the code to look up, what happened, what to do next, and a reference of the log."""

    status: int
    code: str
    title: str
    next_steps: Sequence[str] = ()
    reference: str = ""


OF_HTTP: Mapping[int, Problem] = {
    problem.status: problem
    for problem in (
        Problem(
            404,
            "page.none",
            "Page not found",
            (
                "If you typed the web address, check that it is correct.",
                "If you pasted the web address, check that you copied all of it.",
            ),
        ),
        Problem(
            405,
            "page.form-only",
            "This page opens from a form only",
            ("Go back to the page with the form, and press its button again.",),
        ),
        Problem(
            413,
            "form.too-large",
            "What you sent is too large",
            ("Nothing of it was kept. Go back, shorten what you wrote, and send it again.",),
        ),
        Problem(
            429,
            "page.too-often",
            "You have asked too often",
            ("Wait a minute, and try again.",),
        ),
    )
}
UNREADABLE = Problem(
    400, "page.unreadable", "This request cannot be answered", ("Go back to the page where you were, and try again.",)
)
UNAVAILABLE = Problem(
    503,
    "store.busy",  # whichever it is is told of the error itself
    "Sorry, the service is unavailable",
    ("Nothing can be read or kept now. Try again in a minute: what was kept before is safe.",),
)
INTERNAL = Problem(
    500,
    "console.internal",
    "Sorry, there is a problem with the service",
    ("Try again later. Before you do something a second time, look whether it was done.",),
)


async def refused(request: web.Request, why: web.HTTPException) -> web.Response:
    """An address, a method or a body that no room takes."""
    if why.status >= 500:
        return await fault(request, why)
    return await page(request, OF_HTTP.get(why.status, replace(UNREADABLE, status=why.status)))


async def busy(request: web.Request, why: Busy) -> web.Response:
    """What is too much for now, in its own words."""
    answer = await page(request, Problem(503, why.code, why.sentence, (why.next_step,)))
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


async def said_no(request: web.Request, why: GatewayError | Refusal) -> web.Response:
    """What a flow does not do, in its own words."""
    status = 404 if isinstance(why, NotFound) else 403 if isinstance(why, GatewayError) else 409
    next_step = for_a_page(why.next_step)
    return await page(request, Problem(status, why.code, why.sentence, (next_step,) if next_step else ()))


async def fault(request: web.Request, why: Exception) -> web.Response:
    """Something went wrong here: it stands in the log, under the reference that the page names."""
    reference = token_hex(REFERENCE_BYTES)
    failed("page", why, reference=reference)
    return await page(request, replace(_of_fault(why), reference=reference))


def _of_fault(why: Exception) -> Problem:
    if isinstance(why, StoreUnavailable):
        return replace(UNAVAILABLE, code=why.code)
    if isinstance(why, ConfigProblem):
        return replace(INTERNAL, code=why.code, next_steps=(why.sentence,))
    return INTERNAL


async def page(request: web.Request, problem: Problem) -> web.Response:
    """The page of a problem."""
    session = await asyncio.to_thread(_whose, request)
    visit = Visit(request, request.app[HERE], session, "", Reach.NONE, nothing_typed())
    return visit.page("problem.html", status=problem.status, problem=problem)


def _whose(request: web.Request) -> Session | None:
    """Who is signed in, where it can be known."""
    secret = request.cookies.get(SESSION_COOKIE, "")
    try:
        session = sessions.glance(request.app[HERE], secret) if secret else None
    except Exception:  # noqa: BLE001 - a page about a problem must not fail of the same problem
        return None
    return session if session and session.stage is Stage.IN else None
