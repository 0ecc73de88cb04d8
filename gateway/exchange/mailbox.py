"""We hold mailboxes for authorities that let nobody in: sealed bundles, which we cannot open, until they are fetched.

What is kept, fetched and given up is in our audit log, by digest. A bundle is one batch of one sender.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import Connection

from gateway.auditing import bursts
from gateway.authority import SYSTEM, Authority
from gateway.errors import NotAllowed, NotFound, Unusable
from gateway.store import log, mailboxes
from gateway.store.log import Entry
from gateway.store.mailboxes import Held
from keys import envelope, receipt
from keys.errors import Refusal

KEPT_FOR = timedelta(days=30)  # senders give up long before, and have told a person
KEPT_SINGLY = 100  # bundles of one sender in a minute; more of them are one entry
BUNDLES = 4  # handed out at once
LARGEST_BUNDLE = 16 * envelope.MAX_SEALED_BYTES  # that one request may bring
MOST_HANDED_OUT = 2 * LARGEST_BUNDLE  # bytes in one answer; who fetches reads twice as many
SHARES = 10  # no sender may fill more than one of so many parts of a mailbox, but for one large bundle

FULL = "mailbox.full"
SEALED = re.compile(rb"[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+")  # the alphabet of what is sealed: in JSON no byte of it grows


def is_hosted(here: Authority, owner: str) -> bool:
    """Do we hold a mailbox for this authority?"""
    return owner in here.config.hosting.owners.split()


def check_messages(owner: str, sender: str, lines: Sequence[bytes]) -> None:
    """See that each line looks like a sealed message by this sender to this owner: what its owner cannot read would lie there.

    Raises Unusable.
    """
    for line in lines:
        try:
            outside = envelope.peek(line)
        except Refusal:
            raise _not_sealed() from None
        if not SEALED.fullmatch(line):
            raise _not_sealed()
        if (outside.iss, outside.aud) != (sender, owner):
            raise Unusable(
                "mailbox.not-theirs",
                "A message is not from its sender to the mailbox's owner.",
                "Send it to its addressee.",
            )


def _not_sealed() -> Unusable:
    return Unusable("mailbox.not-sealed", "A line is no sealed message.", "Send sealed messages only.")


def check_receipts(owner: str, lines: Sequence[bytes]) -> None:
    """See that each line looks like a receipt by this owner. Raises Unusable."""
    for line in lines:
        try:
            said = receipt.claimed(line.decode("ascii"))
        except (Refusal, UnicodeDecodeError):
            raise Unusable("mailbox.no-receipt", "A line is no receipt.", "Send receipts only.") from None
        if said.issuer != owner:
            raise Unusable(
                "mailbox.not-theirs", "A receipt is not by the mailbox's owner.", "Leave receipts of your own."
            )


def take_in(tx: Connection, here: Authority, owner: str, sender: str, content: bytes) -> None:
    """Keep a bundle for its owner; the same again is kept once. Raises NotAllowed where the mailbox, or the sender's share, is full."""
    room = here.config.hosting.megabytes * 1_000_000
    if mailboxes.size(tx, owner) + len(content) > room:
        raise NotAllowed(FULL, "The mailbox is full.", "Its owner must fetch what lies there.")
    if mailboxes.size(tx, owner, sender) + len(content) > max(room // SHARES, LARGEST_BUNDLE):
        raise NotAllowed(FULL, "Your share of the mailbox is full.", "Its owner must fetch what lies there.")
    digest = sha256(content).hexdigest()
    if mailboxes.put(tx, Held(owner, "messages", f"{sender}-{digest}", sender, content, here.now())):
        entry = Entry("mailbox.kept", SYSTEM, None, sender, digest, {"owner": owner})
        log.append(tx, here.now(), bursts.counted(here, entry, singly=KEPT_SINGLY))


def hand_out(tx: Connection, owner: str) -> list[Held]:
    """What has lain longest in this mailbox, and fits into one answer. It stays until its receipts have come."""
    return _bounded(mailboxes.oldest(tx, owner, "messages", BUNDLES))


def answered(tx: Connection, here: Authority, owner: str, name: str, receipts: bytes) -> None:
    """The owner has it: forget the bundle, and keep the receipts for its sender. Raises NotFound where it is gone."""
    held = mailboxes.get(tx, owner, "messages", name)
    if held is None:
        raise NotFound("mailbox.gone", "There is no such bundle in the mailbox.")
    mailboxes.remove(tx, owner, "messages", name)
    mailboxes.put(tx, Held(owner, "receipts", name, held.sender, receipts, here.now()))
    entry = Entry("mailbox.fetched", SYSTEM, None, held.sender, name.partition("-")[2], {"owner": owner})
    log.append(tx, here.now(), [entry])


def receipts_for(tx: Connection, owner: str, sender: str) -> list[Held]:
    """The receipts that the owner left for this sender."""
    return _bounded(mailboxes.oldest(tx, owner, "receipts", BUNDLES, sender))


def _bounded(found: Sequence[Held]) -> list[Held]:
    """The first, and as many more as are not too large together. A line of ours is as long in JSON as it is here."""
    some, size = list(found[:1]), sum(len(one.content) for one in found[:1])
    for one in found[1:]:
        size += len(one.content)
        if size > MOST_HANDED_OUT:
            break
        some.append(one)
    return some


def received(tx: Connection, owner: str, sender: str, name: str) -> None:
    """The sender has these receipts. Raises NotFound where they are gone, or not for this one."""
    held = mailboxes.get(tx, owner, "receipts", name)
    if held is None or held.sender != sender:
        raise NotFound("mailbox.gone", "There are no such receipts in the mailbox.")
    mailboxes.remove(tx, owner, "receipts", name)


def expire(tx: Connection, here: Authority) -> Sequence[Entry]:
    """Forget what nobody has fetched for a month, and what is no sealed message, from before that was checked; and note it."""
    gone = [*mailboxes.expire(tx, here.now() - KEPT_FOR), *_forget_unsealed(tx, here)]
    entries = [Entry("mailbox.expired", SYSTEM, partner=sender, detail={"owner": owner}) for owner, sender in gone]
    log.append(tx, here.now(), entries)
    return entries


def _forget_unsealed(tx: Connection, here: Authority) -> list[tuple[str, str]]:
    """Such a bundle would jam the mailbox: in JSON a control character is six bytes."""
    gone = []
    for owner in here.config.hosting.owners.split():
        for name in mailboxes.names(tx, owner, "messages"):
            held = mailboxes.get(tx, owner, "messages", name)
            if held and not all(SEALED.fullmatch(line) for line in held.content.split(b"\n")):
                mailboxes.remove(tx, owner, "messages", name)
                gone.append((owner, held.sender))
    return gone
