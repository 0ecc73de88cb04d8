"""Two authorities with a past: what was sent, came, and was answered, each at its moment."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from gateway import home_folder
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.exchange import respond
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import queue_messages
from gateway.store import inbox, outbox
from gateway.store.outbox import SettledTry
from schemas.message import Acknowledgement, Message, Outcome, TransferNotice
from schemas.shapes import MessageId
from tests.children import notice
from tests.conftest import free_port, introduce

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def pair_of(folder: Path) -> tuple[Gateway, Gateway]:
    """Sandwell and Worcestershire, made in October, at nine on the 23rd of November."""
    made = datetime(2026, 10, 1, tzinfo=UTC)
    both = []
    for code, name in (("333", "Sandwell"), ("885", "Worcestershire")):
        home_folder.create_gateway(
            folder / code,
            home_folder.NewGateway(code=code, name=name, port=free_port(), telephone="01632 960101"),
            now=lambda: made,
        )
        both.append(home_folder.open_gateway(folder / code, now=lambda: MONDAY))
    introduce(*both)
    return both[0], both[1]


def at(moment: datetime, *everybody: Gateway) -> None:
    """It is this time for them."""
    for gw in everybody:
        gw.now = lambda: moment


def transfer(moment: datetime, **changes: object) -> Message:
    """The published sample, with these values of its body."""
    message = notice(now=moment)
    assert isinstance(message.body, TransferNotice)
    return replace(message, body=replace(message.body, **changes))  # type: ignore[arg-type]


async def exchange(gw: Gateway, there: Gateway, message: Message, confirmed: Sequence[str] = ()) -> MessageId:
    """Send it; it is there, and we have its receipt."""
    [ready] = prepare_messages(gw, [message], "olive", confirmed=confirmed)
    gw.store.run(lambda tx: queue_messages(tx, gw, [ready]))
    await receive_parcels(there, [ready.sealed], gw.code)
    [given] = there.store.look(lambda tx: inbox.list_receipts(tx, ready.message_id, issuer=there.code))
    kept = inbox.StoredReceipt(there.code, ready.digest, ready.message_id, "accepted", str(given["token"]))

    def settled(tx: Connection) -> None:
        outbox.settle_deliveries(
            tx, gw.now(), [SettledTry(ready.message_id, DeliveryState.RECEIVED, "https", "receipted")]
        )
        inbox.add_receipts(tx, gw.now(), [kept])

    gw.store.run(settled)
    return ready.message_id


async def hand_back(gw: Gateway, there: Gateway, reply_id: MessageId) -> None:
    """What `gw` replied is carried to `there`."""
    sealed = gw.store.look(lambda tx: outbox.get_sealed_notice(tx, reply_id))
    await receive_parcels(there, [sealed], gw.code)
    gw.store.run(
        lambda tx: outbox.settle_deliveries(
            tx, gw.now(), [SettledTry(reply_id, DeliveryState.RECEIVED, "https", "receipted")]
        )
    )


async def acknowledge(gw: Gateway, there: Gateway, message_id: MessageId) -> None:
    """An officer of `gw` has it, and `there` knows."""
    body = Acknowledgement(decision="accepted", officer=gw.build_officer("Otto Invented"))
    await hand_back(gw, there, respond.acknowledge_notice(gw, message_id, body, "otto"))


async def conclude(gw: Gateway, there: Gateway, message_id: MessageId, result: str = "in-education") -> None:
    """An officer of `gw` says what became of the child, and `there` knows."""
    body = Outcome(result=result, confirmed_on=gw.now().date(), officer=gw.build_officer("Otto Invented"))
    await hand_back(gw, there, respond.send_outcome(gw, message_id, body, "otto"))
