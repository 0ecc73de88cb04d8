"""What an officer says of a notice, from the case system in which they work: each act is the body of a message."""

from collections.abc import Callable
from functools import partial
from typing import Any

from gateway.api.call import ApiResponse, Call, build_stored_response
from gateway.api.guard import Operation
from gateway.api.notices import CONFIRMING, build_taken_answer, confirmed_in
from gateway.api.shapes import Taken
from gateway.case_systems import idempotency
from gateway.core.permissions import Permission
from gateway.exchange import respond
from gateway.exchange.send import Also
from gateway.exchange.withdraw import withdraw_notice
from schemas import json
from schemas.message import Acknowledgement, Body, Outcome, WhereaboutsResponse, Withdrawal
from schemas.shapes import MessageId

# What an officer confirmed beside the body, for the flow.
Confirms = Callable[[Call], dict[str, Any]]


def _confirm_nothing(_: Call) -> dict[str, Any]:
    return {}


def _confirm_doubts(call: Call) -> dict[str, Any]:
    return {"confirmed": confirmed_in(call)}


def _confirm_no_call(_: Call) -> dict[str, Any]:
    # The system asks its own officer: version 1 of the API takes it without a word about calls, and goes on so.
    return {"without_call": True}


def _say(cls: type[Body], flow: Callable[..., MessageId | None], confirms: Confirms, call: Call) -> ApiResponse:
    """Read the body, and let the flow do it: what it refuses is refused here."""
    body: Any = json.read_body(cls, call.body)
    write_answer: Also = idempotency.build_answer_writer(call.gw, call.tried, build_taken_answer)
    made = flow(call.gw, call.parts["notice"], body, call.by, also=write_answer, **confirms(call))
    return build_stored_response(build_taken_answer(made or MessageId(call.parts["notice"])))


def _of(
    what: str,
    name: str,
    act: Permission,
    says: str,
    cls: type[Body],
    flow: Callable[..., MessageId | None],
    *,
    query: tuple[Parameter, ...] = (),
    confirms: Confirms = _confirm_nothing,
) -> Operation:
    answer, place = partial(_say, cls, flow, confirms), f"/notices/{{notice}}/{what}"
    return Operation("POST", place, name, act, says, answer, Taken, 202, cls, query=query)


OPERATIONS = (
    _of(
        "acknowledgement",
        "acknowledgeNotice",
        Permission.ANSWER,
        "Accept, reject or refer back a notice",
        Acknowledgement,
        respond.acknowledge_notice,
        confirms=_confirm_no_call,
    ),
    _of(
        "outcome",
        "concludeNotice",
        Permission.ANSWER,
        "Send the outcome",
        Outcome,
        respond.send_outcome,
    ),
    _of(
        "answer",
        "answerEnquiry",
        Permission.ANSWER,
        "Answer an enquiry",
        WhereaboutsResponse,
        respond.answer_search,
        query=CONFIRMING,
        confirms=_confirm_doubts,
    ),
    _of(
        "withdrawal",
        "withdrawNotice",
        Permission.SEND,
        "Withdraw a notice",
        Withdrawal,
        withdraw_notice,
    ),
)
