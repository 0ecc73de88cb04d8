"""Letters to an authority that has no gateway, and what comes back by mail, without a mail server."""

from adapters import mail
from adapters.route import EmailReply, HandedOver, Returned
from gateway.context import Authority
from gateway.exchange import hear_mail
from gateway.exchange.deliver import write_endings
from gateway.exchange.delivery_result import settle_try
from gateway.exchange.letters import build_reference
from gateway.exchange.send import send_notices
from gateway.store import correspondents, outbox
from gateway.store.correspondents import Correspondent
from tests.children import notice

THEIRS = "cme@birmingham.example"


def enter(here: Authority) -> None:
    """Write to Birmingham from now on."""
    to = Correspondent("330", THEIRS, "notify-only", None, "0121 496 0303", here.now(), "test")
    here.store.run(lambda tx: correspondents.replace_correspondent(tx, to))
    here.refresh_trust()


async def letter(here: Authority) -> tuple[str, str]:
    """A letter that our mail server took: the notice, and its reference."""
    [sent] = await send_notices(here, [notice(here.code, "330")], by="test")
    hand_over(here)
    return sent, build_reference(sent, here.ring)


def hand_over(here: Authority) -> None:
    """Our mail server takes what is due to Birmingham."""
    for one in here.store.run(lambda tx: outbox.claim_deliveries(tx, here.now(), "330", 9)):
        attempt = HandedOver("in the mail", build_reference(one.message_id, here.ring))
        ending = settle_try(here, one, attempt, route="email", jitter=0)
        here.store.run(lambda tx: write_endings(tx, here, "330", [ending]))  # noqa: B023 - called at once


def come(here: Authority, raw: bytes) -> None:
    """This mail comes."""
    found = mail.read(raw, "1")
    if isinstance(found, EmailReply | Returned):
        here.store.run(lambda tx: hear_mail.receive_mail(tx, here, "email", found))


def reply(called: str, text: str = "We have this child, thank you.") -> bytes:
    """What a person there answers."""
    return f"From: Bea Example <{THEIRS}>\r\nSubject: RE: CME notice, {called}\r\n\r\n{text}\r\n".encode()
