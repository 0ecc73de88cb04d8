"""What comes back by mail, from people or from servers: a weaker word than a signed receipt, and noted as what it is.

A reply acknowledges a letter where it has its reference, which only whoever got the letter knows, and comes from the domain
that we wrote to. It moves nothing that a gateway answers for.
"""

from sqlalchemy import Connection

from adapters.route import Reply, Returned
from gateway.auditing import bursts
from gateway.authority import SYSTEM, Authority
from gateway.core.delivery import State, may_move
from gateway.store import log, outbox
from gateway.store.log import Entry
from gateway.store.outbox import Delivery, Settled
from keys import smime


def heard(tx: Connection, here: Authority, kind: str, said: Reply | Returned) -> None:
    """Move on what it is about, in the caller's transaction; what is about nothing of ours is noted, for a person to look."""
    found = outbox.handed_over(tx, said.ticket)
    known = (
        _answered(tx, here, kind, found, said) if isinstance(said, Reply) else _returned(tx, here, kind, found, said)
    )
    if not known:
        bursts.note_in(tx, here, Entry("reply.unknown", SYSTEM, detail={"route": kind}))


def _answered(tx: Connection, here: Authority, kind: str, found: list[Delivery], said: Reply) -> bool:
    known = False
    for one in found:
        why = _worth(here, one, said)
        known |= why is not None
        if why and may_move(one.state, State.ACKNOWLEDGED):
            outbox.settle(tx, here.now(), [Settled(one.message_id, State.ACKNOWLEDGED, kind, "answered", why)])
            entry = Entry("notice.answered", SYSTEM, one.message_id, one.recipient, one.digest, {"reason": why})
            log.append(tx, here.now(), [entry])
    return known


def _returned(tx: Connection, here: Authority, kind: str, found: list[Delivery], said: Returned) -> bool:
    why = f"returned: {said.reason}"
    for one in found:
        if may_move(one.state, State.FAILED):
            outbox.settle(tx, here.now(), [Settled(one.message_id, State.FAILED, kind, "returned", why)])
            entry = Entry("notice.failed", SYSTEM, one.message_id, one.recipient, one.digest, {"reason": why})
            log.append(tx, here.now(), [entry])
    return bool(found)


def _worth(here: Authority, one: Delivery, said: Reply) -> str | None:
    """How good an answer it is; None where it answers no letter, or comes from somewhere else."""
    to = here.correspondents.get(one.recipient)
    if one.protection == "sealed" or to is None or said.domain != to.domain:
        return None
    if said.signature and to.certificate and smime.is_signed_by(*said.signature, to.certificate.encode()):
        return f"a reply by mail from {said.domain}, signed with the certificate that we hold"
    return f"a reply by mail from {said.domain}, with our reference; not signed"
