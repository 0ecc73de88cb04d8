"""We hold mailboxes for authorities that let nobody in: sealed bundles, which we cannot open, until they are fetched.

What is kept, fetched and given up is in our audit log, by digest. A bundle is one batch of one sender.
"""

import re
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import Connection

from gateway.auditing import bursts
from gateway.context import SYSTEM, Authority
from gateway.errors import NotAllowed, NotFound, Unusable
from gateway.store import audit_log, mailboxes
from gateway.store.audit_log import Entry
from gateway.store.mailboxes import Held, Kind
from keys import envelope, receipt
from keys.errors import Refusal
from keys.receipt import Receipt

KEPT_FOR = timedelta(days=30)  # senders give up long before, and have told a person
KEPT_SINGLY = 100  # bundles of one sender in a minute; more of them are one entry
BUNDLES = 32  # handed out at once, where they are small: who posts many tiny ones delays nobody for long
LARGEST_BUNDLE = 16 * envelope.MAX_SEALED_BYTES  # that one request may bring
MOST_HANDED_OUT = (
    LARGEST_BUNDLE // 2
)  # bytes in one answer that holds more than one bundle: its reader parses it at one go
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
            raise Unusable("mailbox.not-theirs")


def _not_sealed() -> Unusable:
    return Unusable("mailbox.not-sealed")


def check_receipts(owner: str, lines: Sequence[bytes]) -> None:
    """See that each line looks like a receipt by this owner. Raises Unusable."""
    for line in lines:
        said = _claimed(line)
        if said is None:
            raise Unusable("mailbox.no-receipt")
        if said.issuer != owner:
            raise Unusable("mailbox.not-theirs", "receipt")


def take_in(tx: Connection, here: Authority, owner: str, sender: str, content: bytes) -> None:
    """Keep a bundle for its owner; the same again is kept once. Raises NotAllowed where the mailbox, or the sender's share, is full."""
    room = here.config.hosting.megabytes * 1_000_000
    if mailboxes.size(tx, owner) + len(content) > room:
        raise NotAllowed(FULL)
    if mailboxes.size(tx, owner, sender) + len(content) > max(room // SHARES, LARGEST_BUNDLE):
        raise NotAllowed(FULL, "share")
    digest = sha256(content).hexdigest()
    if mailboxes.put(tx, Held(owner, "messages", f"{sender}-{digest}", sender, content, here.now())):
        entry = Entry("mailbox.kept", SYSTEM, None, sender, digest, {"owner": owner})
        audit_log.append(tx, here.now(), bursts.counted(here, entry, singly=KEPT_SINGLY))


def hand_out(tx: Connection, owner: str, resting: Collection[str] = ()) -> list[Held]:
    """What has lain longest in this mailbox, does not rest, and fits into one answer. It stays until its receipts have come."""
    return _first_of(tx, owner, "messages", resting)


def answered(tx: Connection, here: Authority, owner: str, name: str, receipts: bytes) -> None:
    """The owner has it: forget the bundle, and keep the receipts for its sender. Raises NotFound where it is gone."""
    held = mailboxes.get(tx, owner, "messages", name)
    if held is None:
        raise NotFound("mailbox.gone")
    mailboxes.remove(tx, owner, "messages", name)
    mailboxes.put(tx, Held(owner, "receipts", name, held.sender, receipts, here.now()))
    entry = Entry("mailbox.fetched", SYSTEM, None, held.sender, name.partition("-")[2], {"owner": owner})
    audit_log.append(tx, here.now(), [entry])


def receipts_for(tx: Connection, owner: str, sender: str, resting: Collection[str] = ()) -> list[Held]:
    """The receipts that the owner left for this sender, and that do not rest."""
    return _first_of(tx, owner, "receipts", resting, sender)


def _first_of(
    tx: Connection, owner: str, kind: Kind, resting: Collection[str], sender: str | None = None
) -> list[Held]:
    """The first that does not rest, and as many more as are not too large together. A line is as long in JSON as it is here."""
    names = mailboxes.oldest(tx, owner, kind, BUNDLES + len(resting), sender)
    some: list[Held] = []
    size = 0
    for name in [name for name in names if name not in resting][:BUNDLES]:
        one = mailboxes.get(tx, owner, kind, name)
        if one is not None:
            size += len(one.content)
            if some and size > MOST_HANDED_OUT:
                break
            some.append(one)
    return some


def received(tx: Connection, owner: str, sender: str, name: str) -> None:
    """The sender has these receipts. Raises NotFound where they are gone, or not for this one."""
    held = mailboxes.get(tx, owner, "receipts", name)
    if held is None or held.sender != sender:
        raise NotFound("mailbox.gone", "receipts")
    mailboxes.remove(tx, owner, "receipts", name)


def expire(tx: Connection, here: Authority) -> Sequence[Entry]:
    """Forget what nobody has fetched for a month, and note it."""
    return _note_expired(tx, here, mailboxes.expire(tx, here.now() - KEPT_FOR))


def forget_unreadable(tx: Connection, here: Authority, owner: str) -> Sequence[Entry]:
    """Forget what lies there from before it was checked on the way in, and that nobody could read; and note it."""
    gone = []
    for kind, is_good in READABLE:
        for name in mailboxes.names(tx, owner, kind):
            held = mailboxes.get(tx, owner, kind, name)
            if held and not all(is_good(line) for line in held.content.split(b"\n")):
                mailboxes.remove(tx, owner, kind, name)
                gone.append((owner, held.sender))
    return _note_expired(tx, here, gone)


def _note_expired(tx: Connection, here: Authority, gone: Sequence[tuple[str, str]]) -> Sequence[Entry]:
    entries = [Entry("mailbox.expired", SYSTEM, partner=sender, detail={"owner": owner}) for owner, sender in gone]
    audit_log.append(tx, here.now(), entries)
    return entries


def _claimed(line: bytes) -> Receipt | None:
    """What a receipt says of itself; None where the line is none."""
    try:
        return receipt.claimed(line.decode("ascii"))
    except (Refusal, UnicodeDecodeError):
        return None


READABLE: tuple[tuple[Kind, Callable[[bytes], object]], ...] = (
    ("messages", SEALED.fullmatch),
    ("receipts", _claimed),
)
