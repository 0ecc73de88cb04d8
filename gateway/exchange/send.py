"""The one way out: whatever is sent is made ready (`prepare`), and queued here.

Everything that can refuse a message comes before the transaction, so of a refused message nothing is kept. When
`send_messages` returns, the messages are on the disk.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from gateway.context import Gateway
from gateway.core import labels
from gateway.core.safeguards import KnownFacts
from gateway.errors import NotAllowed
from gateway.exchange.case_review import begin_case_reviews
from gateway.exchange.delivery_queue import add_to_queue
from gateway.exchange.prepare import look_up_known_children, prepare_messages
from gateway.store import inbox, outbox
from gateway.store.database import Tx
from gateway.store.outbox import QueuedNotice
from schemas.message import OPENS_A_CASE, Message
from schemas.shapes import MessageId

# What belongs to another message has a command of its own, which moves that one on too.
INSTEAD = {
    "Acknowledgement": "accept",
    "Outcome": "send-outcome",
    "WhereaboutsResponse": "answer",
    "LocatedNotice": "end-search",
    "Withdrawal": "withdraw",
    "Reminder": "remind",
}
# What is written in the transaction that makes a message, of which it is told the id.
Also = Callable[[Tx, MessageId], None]
# Notices that go through each step together (some 14 ms): the code of one step stays in the processor's caches, which
# saves about a tenth.
TOGETHER = 32
# Passes these batches on, each as its turn comes; a progress bar does.
Watch = Callable[[Sequence[Sequence[Message]]], Iterable[Sequence[Message]]]
Result = TypeVar("Result")


def send_messages(
    gw: Gateway,
    messages: Sequence[Message],
    by: str,
    write: Callable[[Tx, Sequence[QueuedNotice]], Result],
    *,
    confirmed: Collection[str] = (),
    known: Mapping[MessageId, KnownFacts] | None = None,
) -> Result:
    """Make these messages ready, and do in one transaction what `write` does, which calls `queue_messages` for those
    that still go; return what it returns.

    Raises what `prepare_messages` and `write` raise; then nothing is kept.
    """
    ready = prepare_messages(gw, messages, by, confirmed=confirmed, known=known)
    return write_and_wake(gw, lambda tx: write(tx, ready))


def write_and_wake(gw: Gateway, write: Callable[[Tx], Result]) -> Result:
    """Do this in one transaction, and wake whoever delivers; return what it returns."""
    result = gw.store.run(write)
    gw.due.set()
    return result


def queue_messages(tx: Tx, gw: Gateway, notices: Sequence[QueuedNotice]) -> None:
    """Queue what is sealed, in the caller's transaction. A search begins its review."""
    add_to_queue(tx, gw.now(), notices)
    begin_case_reviews(tx, gw, notices)


def queue_notices(tx: Tx, gw: Gateway, notices: Sequence[QueuedNotice]) -> None:
    """Queue notices that stand by themselves. Raises NotAllowed for the id of a case that another authority opened.

    Its recipient would keep it as a case by itself, and both would look into different ones.
    """
    cases = {message.case_id for message in notices}
    ours = outbox.list_opened_cases(tx, cases)
    for message in inbox.list_case_messages(tx, cases):
        opens = message.case in cases and message.kind in OPENS_A_CASE
        if opens and (message.case not in ours or message.received_at < ours[message.case]):
            raise NotAllowed("notice.other-case", sender=labels.name_authority_in_full(message.sender))
    queue_messages(tx, gw, notices)


def send_notices(
    gw: Gateway,
    notices: Sequence[Message],
    by: str,
    *,
    confirmed: Collection[str] = (),
    also: Also | None = None,
    watch: Watch = iter,
) -> list[MessageId]:
    """Send notices that stand by themselves, all or none; return their ids once they are durable.

    `also` is written with each, or not at all. Raises NotAllowed for a reply or a correction, and what
    `prepare_messages` raises.
    """
    for notice in notices:
        instead = "correct" if notice.header.supersedes else INSTEAD.get(notice.kind)
        if instead:
            raise NotAllowed("notice.not-alone", instead=instead)
    known = look_up_known_children(gw, notices)
    ready: list[QueuedNotice] = []
    for batch in watch([notices[at : at + TOGETHER] for at in range(0, len(notices), TOGETHER)]):
        ready += prepare_messages(gw, batch, by, confirmed=confirmed, known=known)

    def write_notices(tx: Tx) -> None:
        queue_notices(tx, gw, ready)
        if also:
            for notice in ready:
                also(tx, notice.message_id)

    write_and_wake(gw, write_notices)
    return [notice.message_id for notice in ready]
