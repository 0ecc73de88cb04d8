"""Searches of ours: who was asked, whom to ask more, and the review every fourteen days until the child is found."""

import asyncio
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from gateway.casework import listed_children
from gateway.console import forms
from gateway.console.case_actions import LOCATED, list_confirmed, read_subject
from gateway.console.console_request import ConsoleRequest, redirect_to
from gateway.console.endpoints import CASE, Endpoint
from gateway.console.forms import Answers
from gateway.console.pages import format_day
from gateway.console.paging import paginate_rows
from gateway.console.whom_choice import build_choice
from gateway.core import labels
from gateway.core.message_name import MessageName
from gateway.core.open_actions import CaseAction
from gateway.core.permissions import Permission
from gateway.core.search_status import AnswerState
from gateway.errors import GatewayError, NotAllowed, NotFound, Unconfirmed
from gateway.exchange import enquire
from gateway.exchange.stand_down import stand_down_search
from gateway.searches import review, search
from gateway.searches.review import ReviewSummary
from keys.errors import Refusal
from schemas import codes
from schemas.findings import Finding
from schemas.message import LocatedNotice

# Reviews on one page, as in the inbox.
SHOWN = 25
OPEN = (
    AnswerState.HAS_IT,
    AnswerState.LETTER,
    AnswerState.BY_MAIL,
    AnswerState.UNDER_WAY,
    AnswerState.GIVEN_UP,
    AnswerState.RING,
)
# What is checked by asking again.
ASKED_AGAIN = (("other-authority", "awaiting-reply"),)


async def show_search(request: ConsoleRequest) -> web.StreamResponse:
    """Show one search as a whole. That its answers were read is an entry of the audit log."""
    opened_search = await asyncio.to_thread(search.open_search, request.gw, request.get_part("case"), request.by)
    plain = frozenset(codes.get_labels("whereabouts_results").values())
    return request.render_page("search.html", search=opened_search, open_ones=OPEN, plain=plain)


async def ask_whom_else(request: ConsoleRequest) -> web.StreamResponse:
    """Ask which other authorities to ask."""
    return await _render_whom_else(request, "")


async def _render_whom_else(request: ConsoleRequest, wrong: str, doubts: Sequence[Finding] = ()) -> web.Response:
    status, some = 422 if wrong else 200, await asyncio.to_thread(build_choice, request.gw, request.get_typed("find"))
    return request.render_page(
        "ask.html", status=status, choice=some, wrong=wrong, about=await read_subject(request), doubts=doubts
    )


async def ask_more(request: ConsoleRequest) -> web.StreamResponse:
    """Ask those who were not asked before."""
    if request.get_typed("act") == "find":
        return await _render_whom_else(request, "")
    to, regions = request.form.getall("to", []), request.form.getall("region", [])
    if not (to or regions or request.get_typed("everyone")):
        return await _render_whom_else(request, "Select who to ask")
    try:
        meant, not_asked = enquire.resolve_recipients(
            request.gw, to, regions, everyone=bool(request.get_typed("everyone"))
        )
        ask_them = partial(
            enquire.ask_more_authorities, request.gw, request.get_part("case"), meant, not_asked, request.by
        )
        result = await asyncio.to_thread(partial(ask_them, confirmed=list_confirmed(request)))
    except (GatewayError, Refusal) as why:
        return await _render_whom_else(request, why.sentence, _list_doubts(why))
    return request.render_page("ask-done.html", done=result)


async def show_reviews(request: ConsoleRequest) -> web.StreamResponse:
    """Show every child for whom we search: those whose review is due first. That their names were read is logged."""
    return await asyncio.to_thread(_render_reviews, request)


def _render_reviews(request: ConsoleRequest) -> web.Response:
    open_reviews = review.list_reviews(request.gw)
    page = paginate_rows(open_reviews, request.web_request.query.get("page", ""), SHOWN)
    # The first notice of a search is ours.
    names = [MessageName("", open_review.message_id) for open_review in page.rows]
    return request.render_page(
        "reviews.html",
        page=page,
        links=page.build_links("/reviews?page={}".format),
        listed=list(zip(page.rows, listed_children.list_children(request.gw, names, request.by), strict=True)),
        due=sum(open_review.due for open_review in open_reviews),
        checked=describe_checked,
        banner=_describe_review_done(request, open_reviews),
    )


def _describe_review_done(request: ConsoleRequest, open_reviews: Sequence[ReviewSummary]) -> str:
    """Return what is said of the review that led here; nothing where none did."""
    done_review = next(
        (open_review for open_review in open_reviews if open_review.case == request.web_request.query.get("done")), None
    )
    if done_review is None:
        return ""
    some = f" {done_review.asked_again} {'authority' if done_review.asked_again == 1 else 'authorities'} asked again."
    return f"Review recorded.{some if done_review.asked_again else ''} Next review {format_day(done_review.review_on)}."


def _list_doubts(why: Exception) -> Sequence[Finding]:
    return why.findings if isinstance(why, Unconfirmed) else ()


def describe_checked(open_review: ReviewSummary) -> list[str]:
    """Describe what was checked last time, in words."""
    sources, results = codes.get_labels("enquiry_sources"), codes.get_labels("enquiry_results")
    pairs = [pair.partition("=") for pair in (open_review.checked or "").split()]
    return [f"{sources.get(source, source)}: {results.get(result, result).lower()}" for source, _, result in pairs]


async def ask_review(request: ConsoleRequest) -> web.StreamResponse:
    """Ask what was checked."""
    return await _render_review(request, "")


async def _render_review(request: ConsoleRequest, wrong: str, doubts: Sequence[Finding] = ()) -> web.Response:
    open_reviews = await asyncio.to_thread(review.list_reviews, request.gw)
    current_review = next(
        (open_review for open_review in open_reviews if open_review.case == request.get_part("case")), None
    )
    if current_review is None:
        raise NotFound("review.not-open")
    sources, results = (list(codes.get_labels(name).items()) for name in ("enquiry_sources", "enquiry_results"))
    status = 422 if wrong else 200
    return request.render_page(
        "review.html",
        status=status,
        wrong=wrong,
        review=current_review,
        about=await read_subject(request),
        checked=describe_checked,
        sources=sources,
        results=results,
        doubts=doubts,
    )


async def record_review(request: ConsoleRequest) -> web.StreamResponse:
    """Record that a review was done."""
    checks = [
        (source, request.get_typed(source))
        for source in codes.get_labels("enquiry_sources")
        if request.get_typed(source)
    ]
    if not checks or any(result not in codes.get_labels("enquiry_results") for _, result in checks):
        return await _render_review(request, "Select a result for at least one check")
    try:
        await _record_review(request, checks, again=bool(request.get_typed("again")))
    except (GatewayError, Refusal) as why:
        return await _render_review(request, why.sentence, _list_doubts(why))
    return redirect_to(f"/reviews?done={request.get_part('case')}")


async def ask_again(request: ConsoleRequest) -> web.StreamResponse:
    """Record the review in one step: whoever found no trace, or did not answer, is asked again."""
    try:
        await _record_review(request, ASKED_AGAIN, again=True)
    except Unconfirmed as why:
        return await _render_review(request, why.sentence, why.findings)
    return redirect_to(f"/reviews?done={request.get_part('case')}")


async def _record_review(request: ConsoleRequest, checks: Sequence[tuple[str, str]], *, again: bool) -> None:
    was = int(request.get_typed("was")) if request.get_typed("was").isdecimal() else -1
    write_down = partial(
        review.do_review, request.gw, request.get_part("case"), checks, request.by, ask_again=again, was=was
    )
    await asyncio.to_thread(partial(write_down, confirmed=list_confirmed(request)))


async def ask_stand_down(request: ConsoleRequest) -> web.StreamResponse:
    """Ask how the search ends."""
    return await _render_stand_down(request, Answers({}, {}))


async def _render_stand_down(request: ConsoleRequest, answers: Answers) -> web.Response:
    status, whom = 422 if answers.wrong else 200, await read_subject(request)
    return request.render_page(
        "stand-down.html",
        status=status,
        words=labels.describe_action(CaseAction.LOCATED),
        about=whom,
        asked=LOCATED,
        answers=answers,
    )


async def stand_down(request: ConsoleRequest) -> web.StreamResponse:
    """End the search; everybody who was asked is told."""
    typed = {name: str(value) for name, value in request.form.items()}
    answers = forms.read_answers(LOCATED, typed, request.gw.now().date())
    if answers.wrong:
        return await _render_stand_down(request, answers)
    try:
        await asyncio.to_thread(_stand_search_down, request, answers)
    except NotAllowed as why:
        name = "decided_by" if why.code == "review.decided-by" else ""
        return await _render_stand_down(request, Answers(answers.values, {name: why.sentence}))
    return redirect_to(f"/cases/{request.get_part('case')}?done=search-ended")


def _stand_search_down(request: ConsoleRequest, answers: Answers) -> None:
    body = LocatedNotice(
        located_on=answers.get_day("on"), way=answers.get_text("way"), ring=request.gw.build_officer(request.by)
    )
    stand_down_search(
        request.gw, request.get_part("case"), body, request.by, decided_by=answers.find_line("decided_by")
    )


ENDPOINTS = (
    Endpoint("GET", f"/cases/{CASE}/search", Permission.READ_CHILD, show_search),
    Endpoint("GET", f"/cases/{CASE}/ask", Permission.SEARCH, ask_whom_else),
    Endpoint("POST", f"/cases/{CASE}/ask", Permission.SEARCH, ask_more),
    Endpoint("GET", "/reviews", Permission.SEARCH, show_reviews),
    Endpoint("GET", f"/cases/{CASE}/review", Permission.SEARCH, ask_review),
    Endpoint("POST", f"/cases/{CASE}/review", Permission.SEARCH, record_review),
    Endpoint("POST", f"/cases/{CASE}/ask-again", Permission.SEARCH, ask_again),
    Endpoint("GET", f"/cases/{CASE}/stand-down", Permission.SEARCH, ask_stand_down),
    Endpoint("POST", f"/cases/{CASE}/stand-down", Permission.SEARCH, stand_down),
)
