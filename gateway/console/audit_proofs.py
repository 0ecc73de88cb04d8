"""The audit log as evidence: checked where it stands, taken out for somebody who trusts nobody here; and what partners'
logs show.
"""

import asyncio
from tempfile import TemporaryFile

from aiohttp import web

from gateway.auditing import audit, browse, witness
from gateway.auditing.browse import AuditQuestion
from gateway.auditing.verify_job import VerifyRuns
from gateway.console import files
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint
from gateway.core.permissions import Permission
from gateway.errors import NotAllowed

CHECKS = web.AppKey("checks", VerifyRuns)
# One change may have many consequences; the first tells most.
SHOWN_FAULTS = 5


async def show_check(request: ConsoleRequest) -> web.StreamResponse:
    """Show the check that runs, or how the last one ended."""
    return request.render_page(
        "audit-check.html", check=request.web_request.app[CHECKS].last, shown_faults=SHOWN_FAULTS
    )


async def begin_check(request: ConsoleRequest) -> web.StreamResponse:
    """Check the log, in a thread; who waits for it looks at the page again. Where a check runs, there is no second."""
    checks = request.web_request.app[CHECKS]
    try:
        checks.begin(request.gw, request.by)
    except NotAllowed:
        return redirect_to("/audit/check")
    asyncio.get_running_loop().run_in_executor(None, checks.run, request.gw)
    return redirect_to("/audit/check")


async def ask_export(request: ConsoleRequest) -> web.StreamResponse:
    """Show what is in the archive, and how it is checked."""
    return request.render_page("audit-export.html")


async def export_log(request: ConsoleRequest) -> web.StreamResponse:
    """Send the archive. It is written beside first, so a long log takes no memory, and then sent piece by piece."""
    await audit.sign_export(request.gw, request.by)
    file = TemporaryFile()  # noqa: SIM115 - it is closed once it was sent
    await asyncio.to_thread(audit.export_zip, request.gw, file)
    file.seek(0)
    name = f"audit-log-{request.gw.code}-{request.gw.now():%Y-%m-%d}.zip"
    return web.Response(body=file, headers=files.build_file_headers(name, "application/zip"))


async def show_partner_logs(request: ConsoleRequest) -> web.StreamResponse:
    """Show how far partners' logs are known, what alarms stand, and where their statements differ from our account."""
    partner_logs, alarms = await asyncio.to_thread(witness.list_witnessed, request.gw)
    differ = await asyncio.to_thread(
        browse.list_audit_page, request.gw, AuditQuestion(kind="statement.difference"), None, request.by
    )
    return request.render_page("audit-partners.html", partner_logs=partner_logs, alarms=alarms, differ=differ)


ENDPOINTS = (
    Endpoint("GET", "/audit/check", Permission.AUDIT, show_check),
    Endpoint("POST", "/audit/check", Permission.AUDIT, begin_check),
    Endpoint("GET", "/audit/export", Permission.AUDIT, ask_export),
    Endpoint("POST", "/audit/export", Permission.AUDIT, export_log),
    Endpoint("GET", "/audit/partners", Permission.AUDIT, show_partner_logs),
)
