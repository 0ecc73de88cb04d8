"""What people get, where an authority has no gateway: a letter, as readable as the protection of their mailbox allows.

    person-smime   the whole notice and its XML, signed by us and encrypted to their certificate
    person-tls     the same, readable to every server on its way, so only where TLS is demanded on the whole of it
    notify-only    nothing about the child: a reference, and whom to ring

A restricted child is in no letter that can be read on its way. Subject and file name are made of the reference alone.
"""

from base64 import b32encode
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import fill
from typing import assert_never

from adapters import mail
from adapters.route import Attempt, Letter, Post, Refused, TryLater
from gateway import copies
from gateway.context import Gateway
from gateway.copies import Machine
from gateway.core import labels
from gateway.core.message_protection import LetterProtection
from gateway.errors import ConfigProblem
from gateway.store.correspondents import Correspondent
from gateway.store.outbox import ClaimedDelivery
from keys import smime
from keys.card import Route
from keys.digests import Purpose
from keys.errors import Refusal
from keys.ring import Ring
from schemas import xml
from schemas.hidden_signs import show_hidden
from schemas.message import Message, Officer, RestrictionLevel
from schemas.reading import list_rows
from schemas.shapes import MessageId

# Eighty bits: nobody guesses what would count as an answer.
REFERENCE_BYTES = 10
WIDTH, LABEL = 76, 32
REPLY = (
    "Please reply to confirm you have this email, keeping the reference. A reply alone does not mean that you accept "
    "the case. To accept it, or to tell us about the child, call us. Do not include details about the child in your "
    "reply."
)


@dataclass(frozen=True, slots=True)
class LetterWords:
    """A letter before it is made a mail."""

    subject: str
    text: str
    # A file's name, and XML.
    attached: tuple[str, bytes] | None


def build_reference(message_id: MessageId, ring: Ring) -> str:
    """Build what a letter about this message is called by: always the same, and known to nobody who was not told."""
    digest = ring.digests.compute_digest(Purpose.LETTER, message_id)
    text = b32encode(digest[:REFERENCE_BYTES]).decode()
    return "-".join(("CME", *(text[at : at + 4] for at in range(0, len(text), 4))))


def choose_protection(to: Correspondent, restriction: RestrictionLevel) -> LetterProtection:
    """Choose how a letter about a child so restricted is protected: it says no more than their mailbox allows."""
    if restriction == "phone-only" or (restriction != "none" and to.protection == "person-tls"):
        return "notify-only"
    return to.protection


def compose_letter(
    message: Message,
    how: LetterProtection,
    *,
    us: str,
    name: str,
    called: str,
    belongs_to: str | None,
    ring: Officer,
) -> LetterWords:
    """Compose the words of a letter. `called` is its reference, `belongs_to` that of the letter which it answers."""
    head = message.header
    test = "TEST, no real child: " if head.test else ""
    readable = _may_name_child(how)
    opening = f"From {name} ({us}). {_choose_opening(message, ring, readable=readable)}"
    lines: list[str] = [head.marking, "", fill(f"{test}{opening}", WIDTH), ""]
    if belongs_to:
        lines.append(f"{'About our earlier email':{LABEL}} {belongs_to}")
    lines += [
        f"{'Your reference for replies':{LABEL}} {called}",
        f"{'Call':{LABEL}} {ring.name}, {name}, {ring.phone_no}",
        "",
        fill(REPLY, WIDTH),
    ]
    attached = None
    if readable:
        lines += ["", "Details", "", *_format_rows(message), ""]
        lines.append(fill("The attached XML file has the same details, for your case management system.", WIDTH))
        attached = f"{called}.xml", xml.write(message)
    what = f"{labels.name_kind(message.kind)} from {name}" if readable else f"Please call {name}"
    subject = f"{head.marking}: {test}{what} CME team, reference {called}"
    return LetterWords(show_hidden(subject), show_hidden("\n".join(lines)) + "\n", attached)


def _may_name_child(how: LetterProtection) -> bool:
    """Tell whether a letter so protected has the notice in it. What is no protection that we know sends nothing."""
    match how:
        case "person-smime" | "person-tls":
            return True
        case "notify-only":
            return False
        case _:
            assert_never(how)


def _choose_opening(message: Message, ring: Officer, *, readable: bool) -> str:
    if readable:
        return labels.explain_letter(message.kind)
    return (
        "We need to speak to you about a child. We cannot send details by email. "
        f"Please call {ring.name} on {ring.phone_no} and quote this reference."
    )


def _format_rows(message: Message) -> Iterator[str]:
    for row in list_rows(message.body):
        label = f"{'  ' * row.depth}{row.name}"
        yield f"{label:{LABEL}} {row.value}" if row.value is not None else label


async def post_letter(gw: Gateway, claimed: ClaimedDelivery) -> Attempt:
    """Write the letter for a message that is due, and hand it to our mail server."""
    to, carrier = gw.correspondents.get(claimed.recipient), gw.carriers.get("email")
    if to is None:
        return Refused("letter.nobody", "their email address was removed")
    if carrier is None or not isinstance(carrier, Post):
        return TryLater("this gateway has no email account")
    copy = await gw.store.read(lambda tx: copies.take_sent(tx, gw, claimed.message_id, Machine.DELIVER))
    try:
        message = copies.open_copy(gw, copy)
        letter = _build_letter(gw, to, claimed, message)
    except (Refusal, ConfigProblem) as why:
        return TryLater(f"{why.sentence} [{why.code}]")
    return await carrier.post(
        gw.build_address(to.authority, Route("email", f"mailto:{to.address}", to.protection)), letter
    )


def _build_letter(gw: Gateway, to: Correspondent, claimed: ClaimedDelivery, message: Message) -> Letter:
    ours, called = gw.config.authority, build_reference(claimed.message_id, gw.ring)
    how = _get_letter_protection(claimed)
    before = message.header.in_reply_to or message.header.supersedes
    words = compose_letter(
        message,
        how,
        us=gw.code,
        name=ours.name,
        called=called,
        belongs_to=build_reference(before, gw.ring) if before else None,
        ring=getattr(message.body, "ring", None)
        or getattr(message.body, "officer", None)
        or gw.build_officer(ours.officer),
    )
    entity = mail.build_entity(words.text, words.attached)
    match how:
        case "person-smime":
            return Letter(called, words.subject, _seal_letter(gw, to, entity), demand_tls=False)
        case "person-tls":
            return Letter(called, words.subject, entity, demand_tls=True)
        case "notify-only":
            return Letter(called, words.subject, entity, demand_tls=False)
        case _:
            assert_never(how)


def _get_letter_protection(claimed: ClaimedDelivery) -> LetterProtection:
    """Return how this letter is protected. Raises ValueError for a notice that goes to a gateway, sealed."""
    if claimed.protection == "sealed":
        raise ValueError("a sealed notice is no letter")
    return claimed.protection


def _seal_letter(gw: Gateway, to: Correspondent, entity: bytes) -> bytes:
    return smime.seal(
        entity,
        ours=get_signer(gw),
        certificate_pem=(to.certificate or "").encode(),
        address=to.address,
        now=gw.now(),
    )


def get_signer(gw: Gateway) -> smime.Signer:
    """Return with what our letters are signed. Raises ConfigProblem, or SmimeRefused where it does not serve."""
    files = gw.config.smime_files()
    if files is None:
        raise ConfigProblem("config.smime")
    return smime.read_signer(
        *files, passphrase=gw.config.read_passphrase(), address=gw.config.email.address, now=gw.now()
    )
