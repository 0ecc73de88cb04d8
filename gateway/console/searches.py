"""Searches of ours: who was asked, whom to ask more, and the review every fourteen days until the child is found."""

import asyncio
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from gateway.console import forms
from gateway.console.case_actions import FORMS, LOCATED, Wording, about, confirmed
from gateway.console.console_request import Visit, goto
from gateway.console.endpoints import CASE, Door
from gateway.console.forms import Answers
from gateway.console.pages import day
from gateway.core.open_actions import CaseAction
from gateway.core.permissions import Permission
from gateway.core.search_status import AnswerState
from gateway.errors import GatewayError, NotAllowed, NotFound, Unconfirmed
from gateway.exchange import amend, enquire
from gateway.searches import review, search
from gateway.searches.review import ReviewSummary
from keys.errors import Refusal
from schemas import codes
from schemas.findings import Finding
from schemas.message import LocatedNotice

OPEN = (
    AnswerState.HAS_IT,
    AnswerState.LETTER,
    AnswerState.BY_MAIL,
    AnswerState.UNDER_WAY,
    AnswerState.GIVEN_UP,
    AnswerState.RING,
)
_END = FORMS[CaseAction.LOCATED]
END_SEARCH = Wording(_END.title, _END.button, _END.lead, _END.done)  # they name no authority
ASKED_AGAIN = (("other-authority", "awaiting-reply"),)  # what is checked by asking again


async def look(visit: Visit) -> web.StreamResponse:
    """One search as a whole. That its answers were read is an entry of the audit log."""
    found = await asyncio.to_thread(search.open_search, visit.here, visit.part("case"), visit.by)
    plain = frozenset(codes.labels("whereabouts_results").values())
    return visit.page("search.html", search=found, open_ones=OPEN, plain=plain)


def choice(ours: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every region with its authorities by name, but for ourselves."""
    names = codes.labels("authorities_live") | codes.labels("authorities_wales")
    return [
        (region, sorted(((code, names[code]) for code in those if code != ours), key=lambda one: one[1]))
        for region, those in codes.regions().items()
    ]


async def ask(visit: Visit) -> web.StreamResponse:
    """Whom to ask more."""
    return await _ask(visit, "")


async def _ask(visit: Visit, wrong: str, doubts: Sequence[Finding] = ()) -> web.Response:
    status, some = 422 if wrong else 200, choice(visit.here.code)
    return visit.page("ask.html", status=status, choice=some, wrong=wrong, about=await about(visit), doubts=doubts)


async def ask_more(visit: Visit) -> web.StreamResponse:
    """Ask those who were not asked before."""
    to, regions = visit.form.getall("to", []), visit.form.getall("region", [])
    if not (to or regions or visit.typed("everyone")):
        return await _ask(visit, "Select who to ask")
    try:
        meant, not_asked = enquire.resolve_recipients(visit.here, to, regions, everyone=bool(visit.typed("everyone")))
        ask_them = partial(enquire.ask_more_authorities, visit.here, visit.part("case"), meant, not_asked, visit.by)
        done = await asyncio.to_thread(partial(ask_them, confirmed=confirmed(visit)))
    except (GatewayError, Refusal) as why:
        return await _ask(visit, why.sentence, _doubts(why))
    return visit.page("ask-done.html", done=done)


async def reviews(visit: Visit) -> web.StreamResponse:
    """Every child for whom we search: those whose review is due first."""
    found = await asyncio.to_thread(review.list_reviews, visit.here)
    due = sum(one.due for one in found)
    return visit.page("reviews.html", listed=found, due=due, checked=checked, banner=_banner(visit, found))


def _banner(visit: Visit, found: Sequence[ReviewSummary]) -> str:
    """Return what is said of the review that led here; nothing where none did."""
    done = next((one for one in found if one.case == visit.request.query.get("done")), None)
    if done is None:
        return ""
    some = f" {done.asked_again} {'authority' if done.asked_again == 1 else 'authorities'} asked again."
    return f"Review recorded.{some if done.asked_again else ''} Next review {day(done.review_on)}."


def _doubts(why: Exception) -> Sequence[Finding]:
    return why.findings if isinstance(why, Unconfirmed) else ()


def checked(one: ReviewSummary) -> list[str]:
    """What was checked last time, in words."""
    sources, results = codes.labels("enquiry_sources"), codes.labels("enquiry_results")
    pairs = [said.partition("=") for said in (one.checked or "").split()]
    return [f"{sources.get(source, source)}: {results.get(result, result).lower()}" for source, _, result in pairs]


async def ask_review(visit: Visit) -> web.StreamResponse:
    """What was checked?"""
    return await _review(visit, "")


async def _review(visit: Visit, wrong: str, doubts: Sequence[Finding] = ()) -> web.Response:
    found = await asyncio.to_thread(review.list_reviews, visit.here)
    stands = next((one for one in found if one.case == visit.part("case")), None)
    if stands is None:
        raise NotFound("review.not-open")
    sources, results = (list(codes.labels(name).items()) for name in ("enquiry_sources", "enquiry_results"))
    status = 422 if wrong else 200
    return visit.page(
        "review.html",
        status=status,
        wrong=wrong,
        one=stands,
        about=await about(visit),
        checked=checked,
        sources=sources,
        results=results,
        doubts=doubts,
    )


async def done(visit: Visit) -> web.StreamResponse:
    """A review was done."""
    said = [(source, visit.typed(source)) for source in codes.labels("enquiry_sources") if visit.typed(source)]
    if not said or any(result not in codes.labels("enquiry_results") for _, result in said):
        return await _review(visit, "Select a result for at least one check")
    try:
        await _done(visit, said, again=bool(visit.typed("again")))
    except (GatewayError, Refusal) as why:
        return await _review(visit, why.sentence, _doubts(why))
    return goto(f"/reviews?done={visit.part('case')}")


async def ask_again(visit: Visit) -> web.StreamResponse:
    """The review in one step: whoever found no trace, or did not answer, is asked again."""
    try:
        await _done(visit, ASKED_AGAIN, again=True)
    except Unconfirmed as why:
        return await _review(visit, why.sentence, why.findings)
    return goto(f"/reviews?done={visit.part('case')}")


async def _done(visit: Visit, said: Sequence[tuple[str, str]], *, again: bool) -> None:
    was = int(visit.typed("was")) if visit.typed("was").isdecimal() else -1
    write_down = partial(review.do_review, visit.here, visit.part("case"), said, visit.by, ask_again=again, was=was)
    await asyncio.to_thread(partial(write_down, confirmed=confirmed(visit)))


async def ask_stand_down(visit: Visit) -> web.StreamResponse:
    """How does the search end?"""
    return await _stand_down(visit, Answers({}, {}))


async def _stand_down(visit: Visit, answers: Answers) -> web.Response:
    status, whom = 422 if answers.wrong else 200, await about(visit)
    return visit.page("stand-down.html", status=status, words=END_SEARCH, about=whom, asked=LOCATED, answers=answers)


async def stand_down(visit: Visit) -> web.StreamResponse:
    """The search ends, and everybody who was asked is told."""
    typed = {name: str(value) for name, value in visit.form.items()}
    answers = forms.read(LOCATED, typed, visit.here.now().date())
    if answers.wrong:
        return await _stand_down(visit, answers)
    try:
        await asyncio.to_thread(_end, visit, answers)
    except NotAllowed as why:
        name = "decided_by" if why.code == "review.decided-by" else ""
        return await _stand_down(visit, Answers(answers.values, {name: why.sentence}))
    return goto(f"/cases/{visit.part('case')}?done=search-ended")


def _end(visit: Visit, said: Answers) -> None:
    body = LocatedNotice(located_on=said.day("on"), way=said.text("way"), ring=visit.here.officer(visit.by))
    amend.stand_down_search(visit.here, visit.part("case"), body, visit.by, decided_by=said.line("decided_by"))


DOORS = (
    Door("GET", f"/cases/{CASE}/search", Permission.READ_CHILD, look),
    Door("GET", f"/cases/{CASE}/ask", Permission.SEARCH, ask),
    Door("POST", f"/cases/{CASE}/ask", Permission.SEARCH, ask_more),
    Door("GET", "/reviews", Permission.SEARCH, reviews),
    Door("GET", f"/cases/{CASE}/review", Permission.SEARCH, ask_review),
    Door("POST", f"/cases/{CASE}/review", Permission.SEARCH, done),
    Door("POST", f"/cases/{CASE}/ask-again", Permission.SEARCH, ask_again),
    Door("GET", f"/cases/{CASE}/stand-down", Permission.SEARCH, ask_stand_down),
    Door("POST", f"/cases/{CASE}/stand-down", Permission.SEARCH, stand_down),
)
