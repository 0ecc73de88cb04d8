"""We hold mailboxes for authorities that let nobody in: sealed bundles, which we cannot open, until they are fetched.

What is kept, fetched and given up is in our audit log, by digest. A bundle is one batch of one sender.
"""

import re
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from hashlib import sha256

from gateway.auditing import bursts
from gateway.context import SYSTEM, Gateway
from gateway.errors import NotAllowed, NotFound, Unusable
from gateway.store import audit_log, mailboxes
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.mailboxes import Kind, MailboxBundle
from keys import card, envelope, receipt
from keys.errors import Refusal
from keys.receipt import Receipt

# Senders give up long before, and have told a person.
KEPT_FOR = timedelta(days=30)
# Bundles of one sender in a minute; more of them are one entry.
KEPT_SINGLY = 100
# Handed out at once, where they are small: who posts many tiny ones delays nobody for long.
BUNDLES = 32
# That one request may bring.
LARGEST_BUNDLE = 16 * envelope.MAX_SEALED_BYTES
# Bytes in one answer that holds more than one bundle: its reader parses it at one go.
MOST_HANDED_OUT = LARGEST_BUNDLE // 2
# No sender may fill more than one of so many parts of a mailbox, but for one large bundle.
SHARES = 10

FULL = "mailbox.full"
# The alphabet of what is sealed: in JSON no byte of it grows.
SEALED = re.compile(rb"[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+")
CARD = re.compile(rb"[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+")
# What is handed out in one answer.
Bundles = Sequence[MailboxBundle]


def is_hosted(gw: Gateway, owner: str) -> bool:
    """Tell whether we hold a mailbox for this authority."""
    return owner in gw.config.hosting.owners.split()


def check_messages(owner: str, sender: str, lines: Sequence[bytes]) -> None:
    """Check that each line looks like a sealed message by this sender to this owner, or a card of the sender.

    Raises Unusable.
    """
    for line in lines:
        # It proves itself, and its owner will judge it.
        if _find_card_authority(line) == sender:
            continue
        try:
            outside = envelope.peek(line)
        except Refusal:
            raise _not_sealed_error() from None
        if not SEALED.fullmatch(line):
            raise _not_sealed_error()
        if (outside.iss, outside.aud) != (sender, owner):
            raise Unusable("mailbox.not-theirs")


def _not_sealed_error() -> Unusable:
    return Unusable("mailbox.not-sealed")


def check_receipts(owner: str, lines: Sequence[bytes]) -> None:
    """Check that each line looks like a receipt by this owner. Raises Unusable."""
    for line in lines:
        claimed = _parse_claimed_receipt(line)
        if claimed is None:
            raise Unusable("mailbox.no-receipt")
        if claimed.issuer != owner:
            raise Unusable("mailbox.not-theirs", "receipt")


async def take_in_bundle(gw: Gateway, owner: str, sender: str, content: bytes) -> None:
    """Keep a bundle for its owner, once. Raises NotAllowed where the mailbox, or the sender's share, is full."""
    await gw.store.write(lambda tx: _add_bundle(tx, gw, owner, sender, content))


def _add_bundle(tx: Tx, gw: Gateway, owner: str, sender: str, content: bytes) -> None:
    room = gw.config.hosting.megabytes * 1_000_000
    if mailboxes.sum_mailbox_bytes(tx, owner) + len(content) > room:
        raise NotAllowed(FULL)
    if mailboxes.sum_mailbox_bytes(tx, owner, sender) + len(content) > max(room // SHARES, LARGEST_BUNDLE):
        raise NotAllowed(FULL, "share")
    digest = sha256(content).hexdigest()
    if mailboxes.add_bundle(tx, MailboxBundle(owner, "messages", f"{sender}-{digest}", sender, content, gw.now())):
        entry = AuditEntry("mailbox.kept", SYSTEM, None, sender, digest, {"owner": owner})
        audit_log.append_entries(tx, gw.now(), bursts.count_entry(gw, entry, singly=KEPT_SINGLY))


async def list_messages_to_fetch(gw: Gateway, owner: str, resting: Collection[str] = ()) -> Bundles:
    """List what has lain longest in this mailbox, does not rest, and fits into one answer. It stays until receipted."""
    return await gw.store.read(lambda tx: _list_fitting_bundles(tx, owner, "messages", resting))


async def finish_messages(gw: Gateway, owner: str, name: str, receipts: bytes) -> None:
    """Forget a bundle that the owner has, and keep the receipts for its sender. Raises NotFound where it is gone."""
    await gw.store.write(lambda tx: _replace_by_receipts(tx, gw, owner, name, receipts))


def _replace_by_receipts(tx: Tx, gw: Gateway, owner: str, name: str, receipts: bytes) -> None:
    held = mailboxes.find_bundle(tx, owner, "messages", name)
    if held is None:
        raise NotFound("mailbox.gone")
    mailboxes.delete_bundle(tx, owner, "messages", name)
    mailboxes.add_bundle(tx, MailboxBundle(owner, "receipts", name, held.sender, receipts, gw.now()))
    entry = AuditEntry("mailbox.fetched", SYSTEM, None, held.sender, name.partition("-")[2], {"owner": owner})
    audit_log.append_entries(tx, gw.now(), [entry])


async def list_receipts_to_fetch(gw: Gateway, owner: str, sender: str, resting: Collection[str] = ()) -> Bundles:
    """List the receipts that the owner left for this sender, and that do not rest."""
    return await gw.store.read(lambda tx: _list_fitting_bundles(tx, owner, "receipts", resting, sender))


def _list_fitting_bundles(
    tx: Tx, owner: str, kind: Kind, resting: Collection[str], sender: str | None = None
) -> list[MailboxBundle]:
    """List the first that does not rest, and as many more as are not too large together."""
    names = mailboxes.list_oldest_bundles(tx, owner, kind, BUNDLES + len(resting), sender)
    some: list[MailboxBundle] = []
    size = 0
    for name in [name for name in names if name not in resting][:BUNDLES]:
        bundle = mailboxes.find_bundle(tx, owner, kind, name)
        if bundle is not None:
            size += len(bundle.content)
            if some and size > MOST_HANDED_OUT:
                break
            some.append(bundle)
    return some


async def finish_receipts(gw: Gateway, owner: str, sender: str, name: str) -> None:
    """Forget the receipts that the sender has. Raises NotFound where they are gone, or not for this one."""
    await gw.store.write(lambda tx: _delete_receipts(tx, owner, sender, name))


def _delete_receipts(tx: Tx, owner: str, sender: str, name: str) -> None:
    held = mailboxes.find_bundle(tx, owner, "receipts", name)
    if held is None or held.sender != sender:
        raise NotFound("mailbox.gone", "receipts")
    mailboxes.delete_bundle(tx, owner, "receipts", name)


def expire_bundles(tx: Tx, gw: Gateway) -> Sequence[AuditEntry]:
    """Forget what nobody has fetched for a month, and note it."""
    return _note_expired(tx, gw, mailboxes.delete_expired_bundles(tx, gw.now() - KEPT_FOR))


def forget_unreadable(tx: Tx, gw: Gateway, owner: str) -> Sequence[AuditEntry]:
    """Forget what lies there from before it was checked on the way in, and that nobody could read; and note it."""
    gone = []
    for kind, is_good in READABLE:
        for name in mailboxes.list_bundle_names(tx, owner, kind):
            held = mailboxes.find_bundle(tx, owner, kind, name)
            if held and not all(is_good(line) for line in held.content.split(b"\n")):
                mailboxes.delete_bundle(tx, owner, kind, name)
                gone.append((owner, held.sender))
    return _note_expired(tx, gw, gone)


def _note_expired(tx: Tx, gw: Gateway, gone: Sequence[tuple[str, str]]) -> Sequence[AuditEntry]:
    entries = [AuditEntry("mailbox.expired", SYSTEM, partner=sender, detail={"owner": owner}) for owner, sender in gone]
    audit_log.append_entries(tx, gw.now(), entries)
    return entries


def _parse_claimed_receipt(line: bytes) -> Receipt | None:
    """Parse what a receipt says of itself; None where the line is none."""
    try:
        return receipt.read_claimed(line.decode("ascii"))
    except (Refusal, UnicodeDecodeError):
        return None


def _find_card_authority(line: bytes) -> str | None:
    """Return whose card the line says it is; None where it is none, or cannot be handed out."""
    return card.find_claimed_authority(line) if CARD.fullmatch(line) else None


READABLE: tuple[tuple[Kind, Callable[[bytes], object]], ...] = (
    ("messages", lambda line: SEALED.fullmatch(line) or _find_card_authority(line)),
    ("receipts", _parse_claimed_receipt),
)
