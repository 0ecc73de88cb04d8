"""What the log tells, held against what lies in the store: messages and our copies of them, receipts, accounts, whose it all is.

A destroyed data key is no fault: the digest of our copy stands in the entry, and holds without it. Entries of before these digests
tell less, and then a copy is opened, and a receipt read, instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from sqlalchemy import Connection

from gateway.core.delivery import State
from gateway.core.inbox_state import Standing
from gateway.core.log_replay import stands_came, stands_sent
from gateway.store import audit_log, owner, verify_queries
from gateway.store.verify_queries import ACCEPTED, HeldMessage, HeldReceipt, NotedEntry
from keys import at_rest, receipt
from keys.at_rest import Locked
from keys.errors import Refusal
from keys.receipt import Receipt
from keys.ring import Ring


@dataclass(slots=True)
class Ends:
    """The checkpoints in receipts that we gave: how long our log was, as partners know it. Filled while receipts are read."""

    given: dict[str, int] = field(default_factory=dict)  # each note, and the entry of the receipt that first bore it


def faults(tx: Connection, authority: str, ring: Ring | None, ends: Ends) -> Iterator[str]:
    """Every sentence on what does not fit the log. With the `ring`, every copy is opened too."""
    yield from _owner(tx, authority)
    for number, name, partner, ours in verify_queries.list_missing_messages(tx):
        lies = (
            f"was sent to {partner}, but it is not in the outbox"
            if ours
            else f"from {partner} was received, but it is not in the inbox"
        )
        yield f"Entry {number} says that message {name} {lies}."
    for messages in (verify_queries.list_received_messages(tx), verify_queries.list_sent_messages(tx)):
        for one in messages:
            yield from _message(one, ring)
    yield from _receipts(tx, authority, ends)
    yield from _accounts(tx)


def _owner(tx: Connection, authority: str) -> Iterator[str]:
    found = owner.find_owner(tx)
    if found is None or found.authority != authority:
        yield f"The database does not name {authority} as its owner."


def _message(one: HeldMessage, ring: Ring | None) -> Iterator[str]:
    act = "notice.queued" if one.sent else "message.kept"
    name = f"Message {one.message_id} {'to' if one.sent else 'from'} {one.partner}"
    made = next((entry for entry in reversed(one.noted) if entry.act == act), None)
    if made is None:
        yield f"{name} is in the {'outbox' if one.sent else 'inbox'}, but has no entry."
        return
    sealed = [made, *(entry for entry in one.noted if entry.act == "notice.sealed-anew")][-1]
    said = {"digest": one.digest == sealed.digest, "day": one.at == sealed.at, "sender": one.by in (None, made.actor)}
    said |= {
        "kind": one.kind == made.detail.get("kind", one.kind),
        "case": one.case == made.detail.get("case", one.case),
    }
    if wrong := [what for what, fits in said.items() if not fits]:
        yield (
            f"{name}: {' and '.join(wrong)} do not match entry {made.number}."
            if wrong[1:]
            else f"{name}: the {wrong[0]} does not match entry {made.number}."
        )
    if not _stands(one):
        yield f"{name} has the state {one.state}, which does not match its entries (the first is {made.number})."
    yield from _copy(one, sealed, name, ring)


def _stands(one: HeldMessage) -> bool:
    try:
        if one.sent:
            return stands_sent(State(one.state), one.state_at, one.at, one.told)
        return stands_came(one.kind, Standing(one.state), one.state_at, one.at, one.told)
    except ValueError:  # no state that there is
        return False


def _copy(one: HeldMessage, made: NotedEntry, name: str, ring: Ring | None) -> Iterator[str]:
    if made.detail.get("copy", (digest := sha256(one.content).hexdigest())) != digest:
        yield f"{name}: the stored copy was changed since entry {made.number}."
    elif ring and one.data_key is not None:
        try:
            at_rest.unlock(Locked(one.data_key, one.content), about=one.message_id, ring=ring)
        except Refusal:
            yield f"{name}: the stored copy, or its key, was changed since entry {made.number}."
    if one.sealed is not None and sha256(one.sealed).hexdigest() != one.digest:
        yield f"{name}: the encrypted message was changed since entry {made.number}."


def _receipts(tx: Connection, authority: str, ends: Ends) -> Iterator[str]:
    count = 0
    for entry, found in verify_queries.list_receipt_entries(tx, authority):
        if "count" in entry.detail:  # of many that were refused in one minute: no receipt of theirs is kept
            continue
        count += 1
        fits = [one for one in found if _is_of(one, entry)]
        whose = "that this gateway gave" if entry.act in verify_queries.GIVEN else f"from {entry.partner}"
        if not fits:
            gone = "was changed" if found else "is missing"
            yield f"Entry {entry.number}: the receipt {whose} for message {entry.about or entry.digest} {gone}."
        elif entry.act in verify_queries.GIVEN:
            note = receipt.claimed(fits[0].token).checkpoint
            if note:
                ends.given.setdefault(note, entry.number)
    if (lie := verify_queries.count_receipts(tx)) > count:
        yield f"There are {lie} receipts, but the log has entries for {count}."


def _is_of(one: HeldReceipt, entry: NotedEntry) -> bool:
    result = "accepted" if entry.act in ACCEPTED else "rejected"
    if (one.message_id, one.result, one.at) != (entry.about, result, entry.at):
        return False
    if (logged := entry.detail.get("receipt")) is not None:  # then it is the very text
        return logged == audit_log.digest_text(one.token)
    try:
        said = receipt.claimed(one.token)
    except Refusal:
        return False
    return _parts(said) == (one.issuer, one.message_id, one.digest, one.result)


def _parts(said: Receipt) -> tuple[str, str | None, str, str]:
    return said.issuer, said.message_id, said.sha256, said.result


def _accounts(tx: Connection) -> Iterator[str]:
    """Roles, scopes and whether an account counts: what the entries made of each."""
    known: dict[str, tuple[frozenset[str], bool, int]] = {}
    for one in verify_queries.list_account_entries(tx):
        name = f"{one.act.partition('.')[0]} {one.about}"
        before, _, _ = known.get(name, (frozenset[str](), True, 0))
        said = one.detail.get("to", one.detail.get("roles", one.detail.get("scopes")))
        may = before if said is None else frozenset(str(said).split())
        known[name] = may, not one.act.endswith(".ended"), one.number
    for name, may, active in verify_queries.list_accounts(tx):
        if name not in known:
            yield f"The account of {name} exists, but has no entry."
            continue
        told, counts, number = known.pop(name)
        if may != told:
            yield f"The account of {name} has {_list(may)}, but entry {number} says {_list(told)}."
        if active != counts:
            yield f"The account of {name} is {'active' if active else 'not active'}, but entry {number} says otherwise."
    for name, (_, _, number) in known.items():
        yield f"Entry {number} is about the account of {name}, but it does not exist."


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
