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


def _say(cls: type[Body], flow: Callable[..., MessageId | None], call: Call, *, doubted: bool = False) -> ApiResponse:
    """Read the body, and let the flow do it: what it refuses is refused here.

    `doubted`: doubts about it may be confirmed.
    """
    body: Any = json.read_body(cls, call.body)
    write_answer: Also = idempotency.build_answer_writer(call.gw, call.tried, build_taken_answer)
    more = {"confirmed": confirmed_in(call)} if doubted else {}
    made = flow(call.gw, call.parts["notice"], body, call.by, also=write_answer, **more)
    return build_stored_response(build_taken_answer(made or MessageId(call.parts["notice"])))


def _of(
    what: str,
    name: str,
    act: Permission,
    says: str,
    cls: type[Body],
    flow: Callable[..., MessageId | None],
    *,
    doubted: bool = False,
) -> Operation:
    answer, place = partial(_say, cls, flow, doubted=doubted), f"/notices/{{notice}}/{what}"
    return Operation("POST", place, name, act, says, answer, Taken, 202, cls, query=CONFIRMING if doubted else ())


OPERATIONS = (
    _of(
        "acknowledgement",
        "acknowledgeNotice",
        Permission.ANSWER,
        "Accept, reject or refer back a notice",
        Acknowledgement,
        # A system asks its own officer about the call: version 1 of the API takes it without a word of that.
        partial(respond.acknowledge_notice, without_call=True),
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
        doubted=True,
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
