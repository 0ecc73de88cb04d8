"""The audit log, for auditors and managers: every entry in words, what was looked for, one entry with its proof.

What is looked for comes by a form and is checked before it stands in an address: ids, and names of people who work
here.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from urllib.parse import urlencode

from aiohttp import web

from gateway.access import people
from gateway.auditing import browse, evidence
from gateway.auditing.browse import AuditLine, AuditQuestion
from gateway.auditing.who_viewed import MOST_IN_FILE
from gateway.console import files, forms
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import Endpoint
from gateway.console.forms import Answers, Question
from gateway.core import audit_sentences
from gateway.core.audit_acts import READINGS
from gateway.core.calendar import LONDON, Span
from gateway.core.periods import get_moments, get_month_before
from gateway.core.permissions import Permission
from gateway.errors import NotFound
from gateway.paper import as_csv
from gateway.paper.page import Column, ReportPage, ReportTable
from schemas import codes

NUMBER = "{number:[0-9]{1,15}}"
REFERENCE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{12}")
TEXTS, DAYS = ("kind", "person", "partner", "reference"), ("since", "until")


def _list_questions(request: ConsoleRequest) -> Sequence[Question]:
    known = {
        *request.gw.trust.list_authorities(),
        *request.gw.correspondents,
        request.web_request.query.get("partner", ""),
    }
    named = [(code, name) for code in sorted(known) if (name := codes.authority_name(code))]
    return (
        Question("kind", "Activity", "select", options=audit_sentences.list_options, optional=True),
        Question("person", "User", optional=True),
        Question("partner", "Authority", "select", options=lambda: named, optional=True),
        Question("reference", "Reference (notice, leaver or case)", optional=True),
        Question("since", "From", "day", optional=True, noun="The start date"),
        Question("until", "To", "day", optional=True, noun="The end date"),
    )


async def show_audit_log(request: ConsoleRequest) -> web.StreamResponse:
    """Show the newest entries that meet what the address asks for."""
    typed = _read_address(request.web_request.query)
    answers = _read_answers(request, typed)
    before = request.web_request.query.get("before", "")
    number = int(before) if before.isascii() and before.isdecimal() and len(before) <= 15 else None
    if not answers.wrong:
        try:
            search = _build_search(answers)
            entries = await asyncio.to_thread(browse.list_audit_page, request.gw, search, number, request.by)
            return await _render_audit_log(request, answers, typed, audit_page=entries, asked=search, number=number)
        except NotFound as why:
            answers = _add_not_found(answers, why)
    return await _render_audit_log(request, answers, typed)


async def search_audit_log(request: ConsoleRequest) -> web.StreamResponse:
    """Turn what was typed into an address, once it is known to name people and references of ours."""
    typed = {name: str(value) for name, value in request.form.items()}
    answers = _read_answers(request, typed)
    if not answers.wrong:
        try:
            await asyncio.to_thread(browse.check_question, request.gw, _build_search(answers))
            return redirect_to(_build_address(answers))
        except NotFound as why:
            answers = _add_not_found(answers, why)
    return await _render_audit_log(request, answers, typed)


def _read_address(query: Mapping[str, str]) -> dict[str, str]:
    """Read the address, as the form would have it."""
    typed = {name: query.get(name, "") for name in TEXTS}
    for name in DAYS:
        parts = query.get(name, "").split("-")
        typed |= {f"{name}-{part}": value for part, value in zip(("year", "month", "day"), parts, strict=False)}
    return typed


def _read_answers(request: ConsoleRequest, typed: Mapping[str, str]) -> Answers:
    answers = forms.read_answers(_list_questions(request), typed, request.gw.now().astimezone(LONDON).date())
    wrong, reference = dict(answers.wrong), answers.get_text("reference").lower()
    if reference and not REFERENCE.fullmatch(reference):
        wrong["reference"] = "Enter a full reference or its last 12 characters, for example 4c1f09a2b3d4"
    first, last = answers.values.get("since"), answers.values.get("until")
    if isinstance(first, date) and isinstance(last, date) and last < first:
        wrong["until"] = "The end date must be the same as or after the start date"
    return Answers({**answers.values, "reference": reference}, wrong)


def _add_not_found(answers: Answers, why: NotFound) -> Answers:
    return Answers(answers.values, {"person" if why.code == "audit.no-person" else "reference": why.sentence})


def _build_search(answers: Answers) -> AuditQuestion:
    first, last = answers.values.get("since"), answers.values.get("until")
    since: datetime | None = get_moments(Span(first, first))[0] if isinstance(first, date) else None
    until: datetime | None = get_moments(Span(last, last))[1] if isinstance(last, date) else None
    kind, person, partner, reference = (answers.get_text(name) for name in TEXTS)
    return AuditQuestion(kind, person, partner, reference, since, until)


def _build_address(answers: Answers, **more: str | int) -> str:
    parameters: dict[str, object] = {name: answers.get_text(name) for name in TEXTS}
    parameters |= {name: answers.values.get(name) for name in DAYS}
    query = urlencode({name: str(value) for name, value in (parameters | more).items() if value})
    return f"/audit?{query}" if query else "/audit"


async def download_entries(request: ConsoleRequest) -> web.StreamResponse:
    """Give the entries that were looked for as a spreadsheet; that they were taken is an entry too."""
    typed = {name: str(value) for name, value in request.form.items()}
    answers = _read_answers(request, typed)
    if not answers.wrong:
        try:
            work = partial(browse.list_for_file, request.gw, _build_search(answers), request.by, MOST_IN_FILE)
            return build_lines_file(request, await asyncio.to_thread(work))
        except NotFound as why:
            answers = _add_not_found(answers, why)
    return await _render_audit_log(request, answers, typed)


def build_lines_file(request: ConsoleRequest, lines: Sequence[AuditLine]) -> web.Response:
    """Build a spreadsheet of entries, the newest first."""
    rows = [
        (
            line.number,
            line.at.astimezone(LONDON).isoformat(timespec="seconds"),
            line.actor,
            line.sentence,
            line.about or "",
            line.partner or "",
            "; ".join(f"{name}: {value}" for name, value in line.more.items()),
        )
        for line in lines
    ]
    headings = ("Entry", "Date and time", "User", "Activity", "Reference", "Authority", "Details")
    table = ReportTable("Audit log", [Column(heading) for heading in headings], rows)
    page = ReportPage("Audit log", request.gw.config.authority.name, "", (), (table,))
    return files.build_csv_file(as_csv.write(page), f"audit-entries-{request.gw.code}-{request.gw.now():%Y-%m-%d}")


def list_presets(request: ConsoleRequest) -> dict[str, Span]:
    """Return this month and the last one, by what they are called."""
    today = request.gw.now().astimezone(LONDON).date()
    return {"this month": Span(today.replace(day=1), today), "last month": get_month_before(today)}


def _link_presets(request: ConsoleRequest, answers: Answers) -> Sequence[tuple[str, str]]:
    """Return the months that are offered, with the address of each; whatever else was chosen stays."""
    links = [
        (text, _build_address(Answers({**answers.values, "since": days.first, "until": days.last}, {})))
        for text, days in list_presets(request).items()
    ]
    return [*links, ("any time", _build_address(Answers({**answers.values, "since": None, "until": None}, {})))]


async def _render_audit_log(
    request: ConsoleRequest,
    answers: Answers,
    typed: Mapping[str, str],
    *,
    audit_page: browse.AuditPage | None = None,
    asked: AuditQuestion | None = None,
    number: int | None = None,
) -> web.Response:
    staff = await asyncio.to_thread(people.list_people, request.gw)
    older = _build_address(answers, before=audit_page.below) if audit_page and audit_page.below is not None else ""
    return request.render_page(
        "audit.html",
        status=422 if answers.wrong else 200,
        audit_page=audit_page,
        asked=asked,
        about=await _describe_search(request, answers) if asked else (),
        readings=bool(asked and set(audit_sentences.list_acts(asked.kind)) == set(READINGS)),
        older=older,
        newest=_build_address(answers) if number is not None else "",
        questions={question.name: question for question in _list_questions(request)},
        asked_questions=_list_questions(request),
        answers=answers,
        typed=typed,
        staff=staff,
        presets=_link_presets(request, answers),
    )


async def _describe_search(request: ConsoleRequest, answers: Answers) -> Sequence[tuple[str, str]]:
    """Describe what is looked for, in words."""
    descriptions = []
    for question in _list_questions(request):
        value = answers.values.get(question.name)
        if isinstance(value, date):
            descriptions.append((question.label, f"{value.day} {value:%B %Y}"))
        elif value:
            descriptions.append(
                (
                    question.label,
                    dict(question.options()).get(str(value), str(value)) if question.options else str(value),
                )
            )
    return descriptions


async def show_entry(request: ConsoleRequest) -> web.StreamResponse:
    """Show one entry as it stands in the log."""
    placed = await asyncio.to_thread(browse.read_entry, request.gw, int(request.get_part("number")), request.by)
    line = placed.line
    exchange = await asyncio.to_thread(evidence.find_exchange, request.gw, line.about, line.partner)
    return request.render_page("audit-entry.html", placed=placed, is_exchange=exchange is not None)


async def save_evidence(request: ConsoleRequest) -> web.StreamResponse:
    """Give the evidence of the exchange that an entry is about; that it was saved is an entry too."""
    placed = await asyncio.to_thread(browse.read_entry, request.gw, int(request.get_part("number")), request.by)
    line = placed.line
    exchange = await asyncio.to_thread(evidence.find_exchange, request.gw, line.about, line.partner)
    if exchange is None:
        raise NotFound("inbox.not-found")
    raw = await evidence.export_evidence(request.gw, exchange, request.by)
    name = f"evidence-{exchange.message_id}.json"
    return web.Response(body=raw, headers=files.build_file_headers(name, "application/json"))


async def show_proof(request: ConsoleRequest) -> web.StreamResponse:
    """Show its place in the signed log."""
    entry_proof = await asyncio.to_thread(browse.prove_entry, request.gw, int(request.get_part("number")))
    return request.render_page("audit-proof.html", proof=entry_proof)


ENDPOINTS = (
    Endpoint("GET", "/audit", Permission.AUDIT, show_audit_log),
    Endpoint("POST", "/audit", Permission.AUDIT, search_audit_log),
    Endpoint("POST", "/audit/file", Permission.AUDIT, download_entries),
    Endpoint("GET", f"/audit/entries/{NUMBER}", Permission.AUDIT, show_entry),
    Endpoint("GET", f"/audit/entries/{NUMBER}/proof", Permission.AUDIT, show_proof),
    Endpoint("POST", f"/audit/entries/{NUMBER}/evidence", Permission.AUDIT, save_evidence),
)
