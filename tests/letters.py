"""Letters to an authority that has no gateway, and what comes back by mail, without a mail server."""

from adapters import mail
from adapters.route import EmailReply, HandedOver, Returned
from gateway.context import Gateway
from gateway.exchange import hear_mail
from gateway.exchange.deliver import write_endings
from gateway.exchange.delivery_result import settle_try
from gateway.exchange.letters import build_reference
from gateway.exchange.send import send_notices
from gateway.store import correspondents, outbox
from gateway.store.correspondents import Correspondent
from schemas.shapes import MessageId
from tests.children import notice

THEIRS = "cme@birmingham.example"


def enter(gw: Gateway) -> None:
    """Write to Birmingham from now on."""
    to = Correspondent("330", THEIRS, "notify-only", None, "0121 496 0303", gw.now(), "test")
    gw.store.run(lambda tx: correspondents.replace_correspondent(tx, to))
    gw.refresh_trust()


async def letter(gw: Gateway) -> tuple[MessageId, str]:
    """A letter that our mail server took: the notice, and its reference."""
    [sent] = send_notices(gw, [notice(gw.code, "330")], by="test")
    hand_over(gw)
    return sent, build_reference(sent, gw.ring)


def hand_over(gw: Gateway) -> None:
    """Our mail server takes what is due to Birmingham."""
    for one in gw.store.run(lambda tx: outbox.claim_deliveries(tx, gw.now(), "330", 9)):
        attempt = HandedOver("sent by email", build_reference(one.message_id, gw.ring))
        ending = settle_try(gw, one, attempt, route="email", jitter=0)
        gw.store.run(lambda tx: write_endings(tx, gw, "330", [ending]))  # noqa: B023 - called at once


def come(gw: Gateway, raw: bytes) -> None:
    """This mail comes."""
    found = mail.read(raw, "1")
    if isinstance(found, EmailReply | Returned):
        gw.store.run(lambda tx: hear_mail.receive_mail(tx, gw, "email", found))


def reply(called: str, text: str = "We have this child, thank you.") -> bytes:
    """What a person there answers."""
    return f"From: Bea Example <{THEIRS}>\r\nSubject: RE: CME notice, {called}\r\n\r\n{text}\r\n".encode()
