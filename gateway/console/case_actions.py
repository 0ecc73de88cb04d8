"""What officers do with one notice: each act is a form of a few questions, made of one table.

A form carries how the notice stood when it was shown. Where it stands otherwise by the time it is sent, somebody else was faster:
nothing is done, and the case is shown as it is now.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from aiohttp import web

from gateway.casework import by_hand, case, compose
from gateway.casework.by_hand import Call
from gateway.casework.case import Notice
from gateway.console import forms
from gateway.console.console_request import Visit, goto
from gateway.console.endpoints import CASE, NOTICE, Door
from gateway.console.forms import Answers, Question
from gateway.core.open_actions import Choice
from gateway.core.permissions import Act
from gateway.errors import GatewayError, NotAllowed, Unconfirmed
from gateway.exchange import amend, respond
from gateway.reconciliation import send_reminders
from keys.errors import Refusal
from schemas import codes
from schemas.findings import Finding
from schemas.message import Acknowledgement, LocatedNotice, Outcome, WhereaboutsResponse, Withdrawal

STALE = ("reply.overtaken", "reply.already", "amend.too-late", "send-on.not-now", "reply.fits")
CONFIRM = "Say that you have looked at it"
OTHERS = (Choice.PASS_ON, Choice.SEND_ON)  # acts that name the authority that should have it: neither we nor who has it
Do = Callable[[Visit, Notice, Answers], str | None]  # where to go then, if not to the case


@dataclass(frozen=True, slots=True)
class Form:
    """One act: what it is called, what it asks, and who does it."""

    act: Act
    title: str
    button: str
    lead: str
    questions: Callable[[Notice], Sequence[Question]]
    do: Do
    weighty: bool = False  # it takes something back, or says no


def _codes(name: str, *without: str) -> Callable[[], Sequence[tuple[str, str]]]:
    """The codes of a list, but for those that would need what may not be said."""
    return lambda: tuple(one for one in codes.labels(name).items() if one[0] not in without)


def _authorities() -> Sequence[tuple[str, str]]:
    live = codes.labels("authorities_live") | codes.labels("authorities_wales")
    return sorted(live.items(), key=lambda one: one[1])


_NOTE = Question(
    "note", "Note for the officer there", "note", "They read it; nothing of it is shown elsewhere.", optional=True
)
_NOTE_OF_REJECTION = replace(
    _NOTE, hint="You need to write one if you reject it for another reason. They read it.", sometimes=True
)
_NOTE_OF_CALL = Question("note", "What was said", "note", "Kept here, locked; not sent.", optional=True)
_SPOKEN = (
    Question("spoken_to", "With whom did you speak?", hint="Name and role", missing="Say with whom you spoke"),
    Question("on", "On which day?", "day"),
    Question("time", "At what time?", "time", "Such as 14:30"),
)

LOCATED = (
    Question("way", "How does the search end?", "radios", options=_codes("located_ways")),
    Question("on", "On which day?", "day"),
    Question(
        "decided_by",
        "Who decided it, if a manager did?",
        hint="You need to answer this if a manager decided.",
        optional=True,
        sometimes=True,
    ),
)


def _no_note_if_restricted(notice: Notice, *rest: Question) -> Sequence[Question]:
    return rest if notice.restriction != "none" else (*rest, _NOTE)


def _nothing(_: Notice) -> Sequence[Question]:
    return ()


def _call(visit: Visit, answers: Answers) -> Call:
    at = forms.moment(answers.day("on"), answers.text("time"))
    return Call(answers.text("spoken_to"), at, answers.line("note"))


def _acknowledge(decision: str, visit: Visit, notice: Notice, said: Answers) -> None:
    body = Acknowledgement(
        decision=decision,
        reason=said.line("reason"),
        passed_to=said.line("passed_to"),
        officer=visit.here.officer(visit.by),
        note=said.line("note"),
    )
    respond.acknowledge(visit.here, notice.name, body, visit.by, was=notice.state)


def _answer(visit: Visit, notice: Notice, said: Answers) -> None:
    ring = visit.here.officer(visit.by)
    body = WhereaboutsResponse(result=said.text("result"), answered_by="officer", ring=ring, note=said.line("note"))
    respond.answer(visit.here, notice.name, body, visit.by, was=notice.state, confirmed=confirmed(visit))


def _conclude(visit: Visit, notice: Notice, said: Answers) -> None:
    body = Outcome(
        result=said.text("result"),
        confirmed_on=said.day("on"),
        moved_to=said.line("moved_to"),
        officer=visit.here.officer(visit.by),
        note=said.line("note"),
    )
    respond.conclude(visit.here, notice.name, body, visit.by, was=notice.state)


def _hand_over(visit: Visit, notice: Notice, said: Answers) -> None:
    by_hand.hand_over(visit.here, notice.message_id, _call(visit, said), visit.by)


def _told(visit: Visit, notice: Notice, said: Answers) -> None:
    by_hand.outcome_told(visit.here, notice.message_id, said.text("result"), _call(visit, said), visit.by)


def _withdraw(visit: Visit, notice: Notice, said: Answers) -> None:
    body = Withdrawal(reason=said.text("reason"), officer=visit.here.officer(visit.by))
    amend.withdraw(visit.here, notice.message_id, body, visit.by)


def _correct(visit: Visit, notice: Notice, _: Answers) -> str:
    return f"/compositions/{compose.correction(visit.here, notice.message_id, visit.by)}"


def _located(visit: Visit, notice: Notice, said: Answers) -> None:
    body = LocatedNotice(located_on=said.day("on"), way=said.text("way"), ring=visit.here.officer(visit.by))
    amend.stand_down(visit.here, notice.message_id, body, visit.by, decided_by=said.line("decided_by"))


def _remind(visit: Visit, notice: Notice, _: Answers) -> None:
    send_reminders.remind(visit.here, notice.message_id, visit.by)


def _send_on(visit: Visit, notice: Notice, said: Answers) -> None:
    amend.send_on(visit.here, notice.message_id, said.text("to"), visit.by, confirmed=confirmed(visit))


FORMS: Mapping[Choice, Form] = {
    Choice.ACCEPT: Form(
        Act.ANSWER,
        "Accept the notice",
        "Accept",
        "You tell the other authority that an officer here has the case. The outcome comes later.",
        _no_note_if_restricted,
        partial(_acknowledge, "accepted"),
    ),
    Choice.ANSWER: Form(
        Act.ANSWER,
        "Answer the search",
        "Send the answer",
        "You tell the other authority whether we know this child. Where the child is goes by telephone only.",
        lambda notice: _no_note_if_restricted(
            notice,
            Question("result", "What do we know of the child?", "radios", options=_codes("whereabouts_results")),
        ),
        _answer,
    ),
    Choice.CONCLUDE: Form(
        Act.ANSWER,
        "Say what became of the child",
        "Send the outcome",
        "This ends the case for both authorities.",
        lambda notice: _no_note_if_restricted(
            notice,
            Question(
                "result",
                "What became of the child?",
                "radios",
                options=_codes("outcomes", *(("moved-on",) if notice.restriction == "phone-only" else ())),
            ),
            Question("on", "When was that confirmed?", "day"),
            *(
                (
                    Question(
                        "moved_to",
                        "To which authority, if the child moved on?",
                        "select",
                        "You need to answer this if the child moved on to another authority.",
                        options=_authorities,
                        optional=True,
                        sometimes=True,
                    ),
                )
                if notice.restriction != "phone-only"
                else ()
            ),
        ),
        _conclude,
    ),
    Choice.REJECT: Form(
        Act.ANSWER,
        "Reject the notice",
        "Reject",
        "The other authority keeps the case, and is told why.",
        lambda notice: (
            Question(
                "reason",
                "Why?",
                "radios",
                options=_codes("rejection_reasons", *(("other",) if notice.restriction != "none" else ())),
            ),
            *((_NOTE_OF_REJECTION,) if notice.restriction == "none" else ()),
        ),
        partial(_acknowledge, "rejected"),
        weighty=True,
    ),
    Choice.PASS_ON: Form(
        Act.ANSWER,
        "Say that another authority should have it",
        "Tell the sender",
        "The sender decides whether to send it there; nothing goes there by itself.",
        lambda notice: (
            ()
            if notice.restriction == "phone-only"
            else _no_note_if_restricted(
                notice, Question("passed_to", "Which authority?", "select", options=_authorities)
            )
        ),
        partial(_acknowledge, "passed-on"),
    ),
    Choice.HAND_OVER: Form(
        Act.WRITE_DOWN,
        "Write down that you handed it over by telephone",
        "Write it down",
        "Use this when their gateway or their officer does not answer. The sealed notice still goes there.",
        lambda notice: (*_SPOKEN, *((_NOTE_OF_CALL,) if notice.restriction != "phone-only" else ())),
        _hand_over,
    ),
    Choice.TOLD: Form(
        Act.WRITE_DOWN,
        "Write down what they told you",
        "Write it down, and end the case",
        "Use this when they told you by telephone what became of the child, or whether they know it.",
        lambda notice: (
            Question("result", "What did they say?", "radios", options=_codes(by_hand.TOLD[notice.kind])),
            *_SPOKEN,
            *((_NOTE_OF_CALL,) if notice.restriction != "phone-only" else ()),
        ),
        _told,
    ),
    Choice.CLOSE: Form(
        Act.WRITE_DOWN,
        "Close the case",
        "Close the case",
        "They accepted it, or you handed it over by telephone. You do not wait for the outcome.",
        _nothing,
        lambda visit, notice, _: by_hand.close(visit.here, notice.message_id, visit.by),
        weighty=True,
    ),
    Choice.REMIND: Form(
        Act.SEND,
        "Remind them",
        "Send the reminder",
        "Their gateway shows their officer that we wait. It is also sent by itself, once, when they are late.",
        _nothing,
        _remind,
    ),
    Choice.SEND_ON: Form(
        Act.SEND,
        "Send it to another authority",
        "Send it there",
        "The same notice goes to another authority, in the same case. This one is closed.",
        lambda _: (Question("to", "Which authority?", "select", options=_authorities),),
        _send_on,
    ),
    Choice.LOCATED: Form(
        Act.SEARCH,
        "Stand down: the child is found, or the search ends",
        "Stand down",
        "Everybody who was asked is told, at once. Where the child is, is not said.",
        lambda _: LOCATED,
        _located,
        weighty=True,
    ),
    Choice.CORRECT: Form(
        Act.SEND,
        "Correct the notice",
        "Write the correction",
        "You get the notice as it was sent, and change what is wrong. It takes the place of this one when you send it.",
        _nothing,
        _correct,
    ),
    Choice.PUT_ASIDE: Form(
        Act.ANSWER,
        "Put aside the reply that does not fit",
        "Put it aside",
        "You have read it, and rung whoever wrote it where that was needed. Nothing is sent.",
        _nothing,
        lambda visit, notice, _: respond.put_aside(visit.here, notice.name, visit.by, was=notice.state),
    ),
    Choice.WITHDRAW: Form(
        Act.SEND,
        "Take the notice back",
        "Take it back",
        "The other authority is told that it no longer counts, if it has left.",
        lambda _: (Question("reason", "Why?", "radios", options=_codes("withdrawal_reasons")),),
        _withdraw,
        weighty=True,
    ),
}


async def ask(choice: Choice, visit: Visit) -> web.StreamResponse:
    """The form."""
    notice = await asyncio.to_thread(case.notice, visit.here, visit.part("case"), visit.part("notice"))
    if choice not in notice.choices:
        return await _overtaken(visit, choice, notice)
    return await _form(visit, choice, notice, Answers({}, {}))


async def do(choice: Choice, visit: Visit) -> web.StreamResponse:
    """What the form says."""
    notice = await asyncio.to_thread(case.notice, visit.here, visit.part("case"), visit.part("notice"))
    if choice not in notice.choices or visit.typed("was") != notice.state:
        return await _overtaken(visit, choice, notice)
    form = FORMS[choice]
    typed = {name: str(value) for name, value in visit.form.items()}
    answers = forms.read(_asked(visit, choice, notice), typed, visit.here.now().date())
    if answers.wrong:
        return await _form(visit, choice, notice, answers)
    try:
        then = await asyncio.to_thread(form.do, visit, notice, answers)
    except Unconfirmed as why:
        return await _form(visit, choice, notice, Answers(answers.values, {"weighed": CONFIRM}), why.findings)
    except (GatewayError, Refusal) as why:
        if isinstance(why, NotAllowed) and why.code in STALE:
            now = await asyncio.to_thread(case.notice, visit.here, visit.part("case"), str(notice.name))
            return await _overtaken(visit, choice, now)
        return await _form(visit, choice, notice, Answers(answers.values, {"": why.sentence}))
    visit.here.due.set()
    return goto(then or f"/cases/{visit.part('case')}?done={choice}")


async def _form(
    visit: Visit, choice: Choice, notice: Notice, answers: Answers, doubts: Sequence[Finding] = ()
) -> web.Response:
    return visit.page(
        "act.html",
        status=422 if answers.wrong else 200,
        choice=choice,
        form=FORMS[choice],
        notice=notice,
        about=await about(visit, str(notice.name)),
        asked=_asked(visit, choice, notice),
        answers=answers,
        doubts=doubts,
    )


async def about(visit: Visit, name: str | None = None) -> case.About:
    """Whom the page is about on which one acts."""
    return await asyncio.to_thread(case.about, visit.here, visit.part("case"), visit.by, name)


async def _overtaken(visit: Visit, choice: Choice, notice: Notice) -> web.Response:
    return visit.page(
        "overtaken.html",
        status=409,
        notice=notice,
        case=visit.part("case"),
        about=await about(visit, str(notice.name)),
        typed=kept_text(visit, FORMS[choice].questions(replace(notice, restriction="none"))),
    )


def kept_text(visit: Visit, asked: Sequence[Question]) -> list[tuple[str, str]]:
    """What somebody wrote into a page that is refused, as it was typed, so that it is not lost: by question."""
    written = {one.name: one.label for one in asked if one.kind in ("text", "note", "lines")}
    return [(label, visit.typed(name)) for name, label in written.items() if visit.typed(name)]


def confirmed(visit: Visit) -> Sequence[str]:
    """The codes of the doubts that were shown on a page, where the officer said there that it is right as it stands."""
    return visit.typed("codes").split() if visit.typed("weighed") else ()


def _asked(visit: Visit, choice: Choice, notice: Notice) -> Sequence[Question]:
    """The questions; where an authority is asked for that should have it, without us, and without who has it already."""
    without = {visit.here.code, notice.partner} if choice in OTHERS else {visit.here.code}
    return [
        replace(one, options=_without(without)) if one.options is _authorities else one
        for one in FORMS[choice].questions(notice)
    ]


def _without(codes_: Collection[str]) -> Callable[[], Sequence[tuple[str, str]]]:
    return lambda: [one for one in _authorities() if one[0] not in codes_]


def _doors(choice: Choice, form: Form) -> tuple[Door, Door]:
    address = f"/cases/{CASE}/notices/{NOTICE}/{choice}"
    return Door("GET", address, form.act, partial(ask, choice)), Door("POST", address, form.act, partial(do, choice))


DOORS = tuple(door for choice, form in FORMS.items() for door in _doors(choice, form))
