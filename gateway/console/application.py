"""The endpoints together: what every answer carries, and what is shown when something is refused or goes wrong."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

from aiohttp import web

from gateway.access.slow_checks import SlowChecks
from gateway.auditing.verify_job import VerifyRuns
from gateway.console import (
    account,
    account_email,
    audit_child,
    audit_log,
    audit_proofs,
    away,
    bulk_acts,
    case,
    case_actions,
    case_notes,
    case_print,
    case_systems,
    compose,
    drafts,
    figures,
    find,
    health,
    inbox,
    inbox_views,
    mail_replies,
    matches,
    partners,
    people,
    prefill,
    problems,
    reports,
    retention,
    safeguarding,
    search_calls,
    searches,
    sign_in,
    subject_access,
    unanswered,
    waiting_files,
    worklist,
)
from gateway.console.audit_proofs import CHECKS
from gateway.console.console_request import GATEWAY
from gateway.console.endpoints import add_endpoints
from gateway.console.sign_in import CHECKING
from gateway.context import Gateway
from gateway.errors import Busy, ConfigProblem, GatewayError, StoreUnavailable
from keys.errors import Refusal

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ENDPOINT_GROUPS = (
    sign_in.ENDPOINTS,
    account.ENDPOINTS,
    inbox.ENDPOINTS,
    bulk_acts.ENDPOINTS,
    inbox_views.ENDPOINTS,
    account_email.ENDPOINTS,
    away.ENDPOINTS,
    worklist.ENDPOINTS,
    find.ENDPOINTS,
    case.ENDPOINTS,
    case_actions.ENDPOINTS,
    case_notes.ENDPOINTS,
    case_print.ENDPOINTS,
    safeguarding.ENDPOINTS,
    mail_replies.ENDPOINTS,
    search_calls.ENDPOINTS,
    searches.ENDPOINTS,
    matches.ENDPOINTS,
    drafts.ENDPOINTS,
    waiting_files.ENDPOINTS,
    compose.ENDPOINTS,
    prefill.ENDPOINTS,
    people.ENDPOINTS,
    case_systems.ENDPOINTS,
    audit_log.ENDPOINTS,
    audit_child.ENDPOINTS,
    unanswered.ENDPOINTS,
    partners.ENDPOINTS,
    health.ENDPOINTS,
    audit_proofs.ENDPOINTS,
    reports.ENDPOINTS,
    retention.ENDPOINTS,
    subject_access.ENDPOINTS,
    figures.ENDPOINTS,
)
# The longest note is 4,000 characters.
MAX_FORM_BYTES = 65_536

# The one line of script in the page template.
TEMPLATE_SCRIPT = "sha256-GUQ5ad8JK5KmEWmROf3LZd9ge94daqNvd8xy9YS1iDw="
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src 'self' '{TEMPLATE_SCRIPT}'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # With no-referrer, browsers hide even from us where a form came from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
STRICT_TRANSPORT = "max-age=31536000"
STATIC = "/static/"


def build_application(gw: Gateway) -> web.Application:
    """Build the console of one authority."""
    app = web.Application(middlewares=[_guard_answers, _explain_errors], client_max_size=MAX_FORM_BYTES)
    app[GATEWAY], app[CHECKS] = gw, VerifyRuns()
    app[CHECKING] = SlowChecks(gw)
    app.on_cleanup.append(_end_checks)
    for endpoints in ENDPOINT_GROUPS:
        add_endpoints(app, endpoints)
    app.router.add_static(STATIC, Path(str(files("gateway.console") / "static")))
    return app


async def _end_checks(app: web.Application) -> None:
    app[CHECKING].close()


@web.middleware
async def _guard_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer our own hosts only; every answer with its headers; no answer but an asset is kept by anybody."""
    config = request.app[GATEWAY].config
    if request.host not in _list_hosts(config.console_url, config.console.host, config.console.port):
        answer: web.StreamResponse = web.Response(status=421, text="This gateway does not serve that host name.\n")
    else:
        answer = await handler(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers["Cache-Control"] = "max-age=3600" if request.path.startswith(STATIC) else "no-store"
    if config.console_url.startswith("https:"):
        answer.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
    return answer


def _list_hosts(url: str, host: str, port: int) -> set[str]:
    """List what browsers may call us: a page of somebody else whose name leads here is not answered (DNS rebinding)."""
    return {url.split("://")[1], f"{host}:{port}", f"localhost:{port}", f"127.0.0.1:{port}"}


@web.middleware
async def _explain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Show what a page raises, as a page that says what happened and what to do next."""
    try:
        return await handler(request)
    except web.HTTPException as why:
        if why.status < 400:
            raise
        return await problems.explain_http_error(request, why)
    except (StoreUnavailable, ConfigProblem) as why:
        return await problems.explain_fault(request, why)
    except Busy as why:
        return await problems.explain_busy(request, why)
    except (GatewayError, Refusal) as why:
        return await problems.explain_refusal(request, why)
    except Exception as why:  # noqa: BLE001 - the last line before a person
        return await problems.explain_fault(request, why)
