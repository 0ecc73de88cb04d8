"""A request that may be repeated has one effect and one answer: the Idempotency-Key of a client of the API.

The first answer is kept for a day, locked, beside a digest of what was asked. It is written in the transaction of the
effect itself, so that after a crash there are both or neither; and a try that took so long that another took its place
is undone. What failed on our side is not kept: the same request is tried anew.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hmac import compare_digest
from secrets import token_hex

from gateway.context import Gateway
from gateway.core.copy_names import name_api_answer
from gateway.errors import NotAllowed
from gateway.store import idempotency
from gateway.store.database import Tx
from gateway.store.idempotency import RepeatableRequest
from keys import at_rest
from keys.at_rest import Locked
from keys.digests import Purpose
from schemas.shapes import MessageId

REMEMBERED = timedelta(hours=24)
# Longer than any request takes; a process that died gives its claims back after it.
UNDER_WAY = timedelta(minutes=2)


class OtherRequest(NotAllowed):
    """The key was used for another request."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a client is answered: JSON, and perhaps where to look further."""

    status: int
    body: bytes = field(repr=False)
    place: str | None = None


@dataclass(frozen=True, slots=True)
class RequestClaim:
    """One try of one request: no other is under way, and none was answered."""

    client: str
    key: str
    token: str


def begin_request(gw: Gateway, client: str, key: str, request_parts: tuple[bytes, ...]) -> RequestClaim | StoredAnswer:
    """Begin a request, or return what was answered to it. Raises NotAllowed where it is under way, OtherRequest."""
    digest = gw.ring.digests.compute_digest(Purpose.REQUEST, *request_parts).hex()
    claim = RequestClaim(client, key, token_hex(16))

    def write(tx: Tx) -> RepeatableRequest | None:
        now = gw.now()
        idempotency.delete_old_requests(tx, now - REMEMBERED)
        old = idempotency.find_request(tx, client, key)
        if old is None:
            if idempotency.add_request(tx, RepeatableRequest(client, key, digest, claim.token, now)):
                return None
            raise _build_under_way_error()
        if not compare_digest(old.said, digest):
            raise OtherRequest("once.other-request")
        if old.status is not None:
            return old
        if now - old.begun_at < UNDER_WAY or not idempotency.take_over_request(tx, old, claim.token, now):
            raise _build_under_way_error()
        return None

    answered = gw.store.run(write)
    return claim if answered is None else _unlock_answer(gw, answered)


def _build_under_way_error() -> NotAllowed:
    return NotAllowed("once.under-way")


def keep_answer(tx: Tx, gw: Gateway, claim: RequestClaim, answer: StoredAnswer) -> None:
    """Keep the answer, in the transaction of the effect. Raises NotAllowed where another try took this one's place."""
    locked = at_rest.lock(answer.body, about=name_api_answer(claim.client, claim.key), ring=gw.ring)
    ended = RepeatableRequest(claim.client, claim.key, "", claim.token, gw.now(), answer.status, answer.place)
    if not idempotency.set_request_answer(tx, replace(ended, data_key=locked.data_key, content=locked.content)):
        raise _build_under_way_error()


def settle_request(gw: Gateway, claim: RequestClaim, answer: StoredAnswer) -> None:
    """Keep afterwards what was refused too, and forget what failed on our side."""

    def write(tx: Tx) -> None:
        request = idempotency.find_request(tx, claim.client, claim.key)
        if request is None or request.status is not None or request.claim != claim.token:
            return
        if answer.status >= 500:
            idempotency.delete_claim(tx, claim.client, claim.key, claim.token)
        else:
            keep_answer(tx, gw, claim, answer)

    gw.store.run(write)


def build_answer_writer(
    gw: Gateway, claim: RequestClaim, build_answer: Callable[[MessageId], StoredAnswer]
) -> Callable[[Tx, MessageId], None]:
    """Build what a flow writes in its own transaction: the answer that tells of the message that it made."""
    return lambda tx, made: keep_answer(tx, gw, claim, build_answer(made))


def _unlock_answer(gw: Gateway, request: RepeatableRequest) -> StoredAnswer:
    assert request.content is not None  # noqa: S101 - it has its answer
    assert request.status is not None  # noqa: S101
    body = at_rest.unlock(
        Locked(request.data_key, request.content), about=name_api_answer(request.client, request.key), ring=gw.ring
    )
    return StoredAnswer(request.status, body, request.place)
