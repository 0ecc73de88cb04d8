"""We hold mailboxes for authorities that let nobody in: sealed bundles, which we cannot open, until they are fetched.

What is kept, fetched and given up is in our audit log, by digest. A bundle is one batch of one sender.
"""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import Connection

from gateway.auditing import bursts
from gateway.authority import SYSTEM, Authority
from gateway.errors import NotAllowed, NotFound
from gateway.store import log, mailboxes
from gateway.store.log import Entry
from gateway.store.mailboxes import Held

KEPT_FOR = timedelta(days=30)  # senders give up long before, and have told a person
KEPT_SINGLY = 100  # bundles of one sender in a minute; more of them are one entry
BUNDLES = 4  # handed out at once

FULL = "mailbox.full"


def is_hosted(here: Authority, owner: str) -> bool:
    """Do we hold a mailbox for this authority?"""
    return owner in here.config.hosting.owners.split()


def take_in(tx: Connection, here: Authority, owner: str, sender: str, content: bytes) -> None:
    """Keep a bundle for its owner; the same again is kept once. Raises NotAllowed where the mailbox is full."""
    if mailboxes.size(tx, owner) + len(content) > here.config.hosting.megabytes * 1_000_000:
        raise NotAllowed(FULL, "The mailbox is full.", "Its owner must fetch what lies there.")
    digest = sha256(content).hexdigest()
    if mailboxes.put(tx, Held(owner, "messages", f"{sender}-{digest}", sender, content, here.now())):
        entry = Entry("mailbox.kept", SYSTEM, None, sender, digest, {"owner": owner})
        log.append(tx, here.now(), bursts.counted(here, entry, singly=KEPT_SINGLY))


def hand_out(tx: Connection, owner: str) -> list[Held]:
    """What has lain longest in this mailbox. It stays until its receipts have come."""
    return mailboxes.oldest(tx, owner, "messages", BUNDLES)


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
    return mailboxes.oldest(tx, owner, "receipts", BUNDLES, sender)


def received(tx: Connection, owner: str, sender: str, name: str) -> None:
    """The sender has these receipts. Raises NotFound where they are gone, or not for this one."""
    held = mailboxes.get(tx, owner, "receipts", name)
    if held is None or held.sender != sender:
        raise NotFound("mailbox.gone", "There are no such receipts in the mailbox.")
    mailboxes.remove(tx, owner, "receipts", name)


def expire(tx: Connection, here: Authority) -> Sequence[Entry]:
    """Forget what nobody has fetched for a month, and note it."""
    entries = [
        Entry("mailbox.expired", SYSTEM, partner=sender, detail={"owner": owner})
        for owner, sender in mailboxes.expire(tx, here.now() - KEPT_FOR)
    ]
    log.append(tx, here.now(), entries)
    return entries
