"""What the log tells, held against what lies in the store: messages and our copies of them, receipts, accounts, whose
it all is.

A destroyed data key is no fault: the digest of our copy stands in the entry, and holds without it. A copy that is gone
altogether is one, unless an entry says that its case was purged. Entries of before these digests tell less, and then a
copy is opened, and a receipt read, instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from gateway.core.delivery import DeliveryState
from gateway.core.inbox_state import InboxState
from gateway.core.log_replay import may_received_stand, may_sent_stand
from gateway.store import audit_log, owner, verify_queries
from gateway.store.database import Tx
from gateway.store.verify_queries import ACCEPTED, HeldMessage, HeldReceipt, NotedEntry
from keys import at_rest, receipt
from keys.at_rest import Locked
from keys.errors import Refusal
from keys.receipt import Receipt
from keys.ring import Ring

# Each replaced the sealed bytes; the first replaced our copy and the time too.
SEALED_AGAIN = ("notice.sealed-anew", "notice.signed-anew")


@dataclass(slots=True)
class GivenCheckpoints:
    """The checkpoints in receipts that we gave: how long our log was, as partners know it.

    Filled while receipts are read.
    """

    # Each note, and the entry of the receipt that first bore it.
    given: dict[str, int] = field(default_factory=dict)


def list_faults(tx: Tx, authority: str, ring: Ring | None, ends: GivenCheckpoints) -> Iterator[str]:
    """Yield every sentence on what does not fit the log. With the `ring`, every copy is opened too."""
    yield from _check_owner(tx, authority)
    for number, name, partner, ours in verify_queries.list_missing_messages(tx):
        lies = (
            f"was sent to {partner}, but it is not in the outbox"
            if ours
            else f"from {partner} was received, but it is not in the inbox"
        )
        yield f"Entry {number} says that message {name} {lies}."
    for messages in (verify_queries.list_received_messages(tx), verify_queries.list_sent_messages(tx)):
        for message in messages:
            yield from _check_message(message, ring)
    yield from _check_receipts(tx, authority, ends)
    yield from _check_accounts(tx)


def _check_owner(tx: Tx, authority: str) -> Iterator[str]:
    owner_named = owner.find_owner(tx)
    if owner_named is None or owner_named.authority != authority:
        yield f"The database does not name {authority} as its owner."


def _check_message(held_message: HeldMessage, ring: Ring | None) -> Iterator[str]:
    act = "notice.queued" if held_message.sent else "message.kept"
    name = f"Message {held_message.message_id} {'to' if held_message.sent else 'from'} {held_message.partner}"
    first_entry = next((entry for entry in reversed(held_message.noted) if entry.act == act), None)
    if first_entry is None:
        yield f"{name} is in the {'outbox' if held_message.sent else 'inbox'}, but has no entry."
        return
    sealed = [first_entry, *(entry for entry in held_message.noted if entry.act == "notice.sealed-anew")][-1]
    signed = [sealed, *(entry for entry in held_message.noted if entry.act in SEALED_AGAIN)][-1]
    fits_by_part = {
        "digest": held_message.digest == signed.digest,
        "day": held_message.at == sealed.at,
        "sender": held_message.by in (None, first_entry.actor),
    }
    fits_by_part |= {
        "kind": held_message.kind is not None
        and held_message.kind == first_entry.detail.get("kind", held_message.kind),
        "case": held_message.case == first_entry.detail.get("case", held_message.case),
    }
    if wrong := [what for what, fits in fits_by_part.items() if not fits]:
        yield (
            f"{name}: {' and '.join(wrong)} do not match entry {first_entry.number}."
            if wrong[1:]
            else f"{name}: the {wrong[0]} does not match entry {first_entry.number}."
        )
    if not _is_state_possible(held_message):
        yield (
            f"{name} has the state {held_message.state}, which does not match its entries (the first is"
            f" {first_entry.number})."
        )
    yield from _check_copy(held_message, sealed, name, ring)


def _is_state_possible(held_message: HeldMessage) -> bool:
    try:
        if held_message.sent:
            return may_sent_stand(
                DeliveryState(held_message.state), held_message.state_at, held_message.at, held_message.told
            )
        return may_received_stand(
            held_message.kind, InboxState(held_message.state), held_message.state_at, held_message.at, held_message.told
        )
    except ValueError:
        # No state that there is.
        return False


def _check_copy(held_message: HeldMessage, entry: NotedEntry, name: str, ring: Ring | None) -> Iterator[str]:
    is_empty = held_message.data_key is None and not held_message.content and not held_message.sealed
    if held_message.purged is not None:
        if not is_empty:
            yield f"{name}: entry {held_message.purged} says that it was deleted, but the stored copy is here."
        return
    if is_empty:
        yield f"{name}: the stored copy was deleted, but no entry says so."
        return
    if entry.detail.get("copy", (digest := sha256(held_message.content).hexdigest())) != digest:
        yield f"{name}: the stored copy was changed since entry {entry.number}."
    elif ring and held_message.data_key is not None:
        try:
            at_rest.unlock(
                Locked(held_message.data_key, held_message.content), about=held_message.message_id, ring=ring
            )
        except Refusal:
            yield f"{name}: the stored copy, or its key, was changed since entry {entry.number}."
    if held_message.sealed is not None and sha256(held_message.sealed).hexdigest() != held_message.digest:
        yield f"{name}: the encrypted message was changed since entry {entry.number}."


def _check_receipts(tx: Tx, authority: str, ends: GivenCheckpoints) -> Iterator[str]:
    count = 0
    for entry, held_receipts in verify_queries.list_receipt_entries(tx, authority):
        # Of many that were refused in one minute: no receipt of theirs is kept.
        if "count" in entry.detail:
            continue
        count += 1
        fits = [held_receipt for held_receipt in held_receipts if _is_receipt_of(held_receipt, entry)]
        whose = "that this gateway gave" if entry.act in verify_queries.GIVEN else f"from {entry.partner}"
        if not fits:
            gone = "was changed" if held_receipts else "is missing"
            yield f"Entry {entry.number}: the receipt {whose} for message {entry.about or entry.digest} {gone}."
        elif entry.act in verify_queries.GIVEN:
            note = receipt.read_claimed(fits[0].token).checkpoint
            if note:
                ends.given.setdefault(note, entry.number)
    if (lie := verify_queries.count_receipts(tx)) > count:
        yield f"There are {lie} receipts, but the log has entries for {count}."


def _is_receipt_of(held_receipt: HeldReceipt, entry: NotedEntry) -> bool:
    result = "accepted" if entry.act in ACCEPTED else "rejected"
    if (held_receipt.message_id, held_receipt.result, held_receipt.at) != (entry.about, result, entry.at):
        return False
    # Then it is the very text.
    if (logged := entry.detail.get("receipt")) is not None:
        return logged == audit_log.digest_text(held_receipt.token)
    try:
        claimed = receipt.read_claimed(held_receipt.token)
    except Refusal:
        return False
    return _receipt_parts(claimed) == (
        held_receipt.issuer,
        held_receipt.message_id,
        held_receipt.digest,
        held_receipt.result,
    )


def _receipt_parts(claimed: Receipt) -> tuple[str, str | None, str, str]:
    return claimed.issuer, claimed.message_id, claimed.sha256, claimed.result


def _check_accounts(tx: Tx) -> Iterator[str]:
    """Check roles, scopes and whether an account counts, against what the entries made of each."""
    known: dict[str, tuple[frozenset[str], bool, int]] = {}
    for entry in verify_queries.list_account_entries(tx):
        name = f"{entry.act.partition('.')[0]} {entry.about}"
        before, _, _ = known.get(name, (frozenset[str](), True, 0))
        names_given = entry.detail.get("to", entry.detail.get("roles", entry.detail.get("scopes")))
        may = before if names_given is None else frozenset(str(names_given).split())
        known[name] = may, not entry.act.endswith(".ended"), entry.number
    for name, may, active in verify_queries.list_accounts(tx):
        if name not in known:
            yield f"The account of {name} exists, but has no entry."
            continue
        logged_roles, counts, number = known.pop(name)
        if may != logged_roles:
            yield (
                f"The account of {name} has {_format_names(may)}, but entry {number} says"
                f" {_format_names(logged_roles)}."
            )
        if active != counts:
            yield f"The account of {name} is {'active' if active else 'not active'}, but entry {number} says otherwise."
    for name, (_, _, number) in known.items():
        yield f"Entry {number} is about the account of {name}, but it does not exist."


def _format_names(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
