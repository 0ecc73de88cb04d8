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
from gateway.console.console_request import GATEWAY, SESSION_COOKIE, ConsoleRequest, build_empty_form
from gateway.console.endpoints import own_origin
from gateway.core.permissions import Reach
from gateway.errors import Busy, ConfigProblem, GatewayError, StoreUnavailable
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


# What aiohttp itself refuses, by its status: code and variant in `gateway/errors.csv`.
OF_HTTP: Mapping[int, tuple[str, str]] = {
    404: ("page.none", "address"),
    405: ("page.form-only", ""),
    413: ("form.too-large", ""),
    429: ("page.too-often", ""),
}


async def explain_http_error(request: web.Request, why: web.HTTPException) -> web.Response:
    """Explain an address, a method or a body that no page takes."""
    if why.status >= 500:
        return await explain_fault(request, why)
    if why.status in OF_HTTP:
        return await render_problem(request, _build_own_page(*OF_HTTP[why.status]))
    return await render_problem(request, replace(_build_own_page("page.unreadable"), status=why.status))


async def explain_busy(request: web.Request, why: Busy) -> web.Response:
    """Explain what is too much for now, in its own words."""
    answer = await render_problem(request, _build_page(why))
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


async def explain_refusal(request: web.Request, why: GatewayError | Refusal) -> web.Response:
    """Explain what a flow does not do, in its own words."""
    written = await _list_written(request) if why.code == "form.not-ours" else ()
    return await render_problem(request, _build_page(why), written)


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
        # Whichever it is is told of the error itself.
        return replace(_build_own_page("console.unavailable"), code=why.code)
    fault = _build_own_page("console.internal")
    if isinstance(why, ConfigProblem):
        return replace(fault, code=why.code, next_steps=(why.sentence, why.next_on_page))
    return fault


def _build_page(why: GatewayError | Refusal) -> ProblemPage:
    return ProblemPage(why.status, why.code, why.sentence, (why.next_on_page,))


def _build_own_page(code: str, variant: str = "") -> ProblemPage:
    """Build the page of what no flow raised: its title has no stop."""
    page = _build_page(GatewayError(code, variant))
    return replace(page, title=page.title.removesuffix("."))


async def render_problem(
    request: web.Request, problem: ProblemPage, written: Sequence[tuple[str, str]] = ()
) -> web.Response:
    """Render the page of a problem. `written`: what somebody typed, to be copied."""
    session = await asyncio.to_thread(_find_session, request)
    shown = ConsoleRequest(request, request.app[GATEWAY], session, "", Reach.NONE, build_empty_form())
    return shown.render_page("problem.html", status=problem.status, problem=problem, written=written)


def _find_session(request: web.Request) -> Session | None:
    """Return who is signed in, where it can be known."""
    secret = request.cookies.get(SESSION_COOKIE, "")
    try:
        session = sessions.peek_session(request.app[GATEWAY], secret) if secret else None
    except Exception:  # noqa: BLE001 - a page about a problem must not fail of the same problem
        return None
    return session if session and session.stage is SignInStage.IN else None
