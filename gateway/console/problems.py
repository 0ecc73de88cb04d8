"""What is shown when something is refused or goes wrong: what happened, what to do next, and the way on for who is
signed in.

Whose page it is is looked up without any effect: the session is not marked as used, and nothing about a child is read.
Where that cannot be known either, because the database is what is wrong, the page is that of a stranger. What went
wrong here, rather than in what was asked, gets a reference which stands in the log too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex

from aiohttp import web

from gateway.access import sessions
from gateway.access.sessions import Session, SignInStage
from gateway.console.console_request import GATEWAY, SESSION_COOKIE, Visit, build_empty_form
from gateway.console.endpoints import own_origin
from gateway.core.permissions import Reach
from gateway.errors import Ambiguous, Busy, ConfigProblem, GatewayError, NotFound, StoreUnavailable
from gateway.logs import log_failure
from keys.errors import Refusal

# Enough to find one line in a log.
REFERENCE_BYTES = 4
RETRY_SECONDS = 30
# Characters: shorter ones are typed again in a moment.
LONG_TEXT = 15


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """What a person is told: the status, the code to look up, what happened, what to do next, and a reference of the
    log.
    """

    status: int
    code: str
    title: str
    next_steps: Sequence[str] = ()
    reference: str = ""


# The first that fits.
STATUSES: Mapping[type[Exception], int] = {NotFound: 404, Ambiguous: 409, GatewayError: 403}
OF_HTTP: Mapping[int, ProblemPage] = {
    problem.status: problem
    for problem in (
        ProblemPage(
            404,
            "page.none",
            "Page not found",
            (
                "If you typed the web address, check that it is correct.",
                "If you pasted the web address, check that you copied all of it.",
            ),
        ),
        ProblemPage(
            405,
            "page.form-only",
            "This page cannot be opened directly",
            ("Go back to the page with the form, then select its button again.",),
        ),
        ProblemPage(
            413,
            "form.too-large",
            "Your text or file is too large",
            ("Nothing was saved. Go back, shorten it, then send it again.",),
        ),
        ProblemPage(
            429,
            "page.too-often",
            "Too many requests",
            ("Wait one minute, then try again.",),
        ),
    )
}
UNREADABLE = ProblemPage(
    400, "page.unreadable", "This page is not available", ("Go back to the page that you came from, and try again.",)
)
UNAVAILABLE = ProblemPage(
    503,
    # Whichever it is is told of the error itself.
    "store.busy",
    "Sorry, the service is unavailable",
    ("Nothing can be viewed or saved at the moment. Try again in one minute. What you saved before is safe.",),
)
INTERNAL = ProblemPage(
    500,
    "console.internal",
    "Sorry, there is a problem with the service",
    ("Try again later. Before you repeat what you did, check if it was saved.",),
)


async def explain_http_error(request: web.Request, why: web.HTTPException) -> web.Response:
    """Explain an address, a method or a body that no room takes."""
    if why.status >= 500:
        return await explain_fault(request, why)
    return await render_problem(request, OF_HTTP.get(why.status, replace(UNREADABLE, status=why.status)))


async def explain_busy(request: web.Request, why: Busy) -> web.Response:
    """Explain what is too much for now, in its own words."""
    answer = await render_problem(request, ProblemPage(503, why.code, why.sentence, (why.next_on_page,)))
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


async def explain_refusal(request: web.Request, why: GatewayError | Refusal) -> web.Response:
    """Explain what a flow does not do, in its own words."""
    status = next((status for kind, status in STATUSES.items() if isinstance(why, kind)), 409)
    written = await _list_written(request) if why.code == "form.not-ours" else ()
    return await render_problem(request, ProblemPage(status, why.code, why.sentence, (why.next_on_page,)), written)


async def _list_written(request: web.Request) -> Sequence[tuple[str, str]]:
    """List the long texts of a form about a child from a session of before; of no other form: it may hold a secret."""
    if not request.path.startswith(("/cases/", "/compositions/")) or request.headers.get("Origin") != own_origin(
        request
    ):
        # Another site's text is shown to nobody.
        return ()
    form = await request.post()
    texts = [str(value).strip() for name, value in form.items() if name != "form_token"]
    return [("What you entered", text) for text in texts if len(text) >= LONG_TEXT]


async def explain_fault(request: web.Request, why: Exception) -> web.Response:
    """Explain that something went wrong here: it stands in the log, under the reference that the page names."""
    reference = token_hex(REFERENCE_BYTES)
    log_failure("page", why, reference=reference)
    return await render_problem(request, replace(_choose_problem(why), reference=reference))


def _choose_problem(why: Exception) -> ProblemPage:
    if isinstance(why, StoreUnavailable):
        return replace(UNAVAILABLE, code=why.code)
    if isinstance(why, ConfigProblem):
        return replace(INTERNAL, code=why.code, next_steps=(why.sentence,))
    return INTERNAL


async def render_problem(
    request: web.Request, problem: ProblemPage, written: Sequence[tuple[str, str]] = ()
) -> web.Response:
    """Render the page of a problem. `written`: what somebody typed, to be copied."""
    session = await asyncio.to_thread(_find_session, request)
    visit = Visit(request, request.app[GATEWAY], session, "", Reach.NONE, build_empty_form())
    return visit.render_page("problem.html", status=problem.status, problem=problem, written=written)


def _find_session(request: web.Request) -> Session | None:
    """Return who is signed in, where it can be known."""
    secret = request.cookies.get(SESSION_COOKIE, "")
    try:
        session = sessions.peek_session(request.app[GATEWAY], secret) if secret else None
    except Exception:  # noqa: BLE001 - a page about a problem must not fail of the same problem
        return None
    return session if session and session.stage is SignInStage.IN else None
