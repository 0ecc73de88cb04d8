"""Anybody can check all of it: checkpoints, export, and verification that needs neither us nor our database.

An export is a folder of two files: `entries.jsonl`, one entry a line, each line a leaf of the tree byte for byte; and
`checkpoints.txt`, the signed notes, parted by lines of three hyphens. With the authority's card that is all it takes.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

from gateway.auditing import hold_against_store
from gateway.auditing.hold_against_store import GivenCheckpoints
from gateway.context import Gateway
from gateway.core import merkle
from gateway.core.merkle import Frontier, hash_leaf
from gateway.errors import Unusable
from gateway.settings.witness_policy import WitnessPolicy
from gateway.store import audit_log, cosignatures, inbox, outbox
from gateway.store.audit_log import AuditEntry, LoggedEntry
from gateway.store.database import Tx
from keys import note
from keys.cosignature import find_cosignature
from keys.errors import NoteSignature, Refusal
from keys.ring import Ring
from keys.trust import Trust
from schemas.message import MessageKind
from schemas.shapes import CaseId

ENTRIES, CHECKPOINTS, PARTING = "entries.jsonl", "checkpoints.txt", "---\n"
# Ours, as `setup` writes it.
CARD = "card.jwt"
# Members of an entry that stand in columns too.
COLUMNS = ("number", "at", "act", "actor", "about", "partner")
NONE_SEEN: Mapping[str, str] = {}
# Of rows: whoever has more knows enough.
MOST_FAULTS = 1000
# Checkpoints beyond the end: the longest tell most.
MOST_CUT = 3
NO_MORE: tuple[float, set[str]] = (float("inf"), set())
# Of zip's levels: hashes do not get much shorter with another.
FAST = 1
HOW_TO_CHECK = f"""{ENTRIES} holds every entry of the audit log, one a line; each line is a leaf of a Merkle
tree (RFC 9162).
{CHECKPOINTS} holds the signed checkpoints, parted by lines of three hyphens. {CARD} is the card of the authority.

Anybody can check it, on any machine on which cme-gateway is installed, without this authority's help:

    cme-gateway audit verify --export . --card {CARD}

The card in this archive proves nothing by itself: take the one that you hold, or have its fingerprint read out.
"""


# What was done in a case, the oldest first, each with the kind of the message that it was done to.
CaseHistory = Sequence[tuple[MessageKind, LoggedEntry]]
# Passes the entries on; is told how many will come.
Watch = Callable[[Iterable[LoggedEntry], int], Iterable[LoggedEntry]]


def _watch_nothing(entries: Iterable[LoggedEntry], _: int) -> Iterable[LoggedEntry]:
    return entries


@dataclass(frozen=True, slots=True)
class LogVerdict:
    """What a check of a log found. `faults` are sentences; none: the log is whole.

    The newest checkpoint lies over the first `covered` entries; the next one will lie over all. `revoked` checkpoints
    agree with the entries, but were signed with a key that counts no more, so only a newer one proves what they did.
    Enough outside witnesses cosigned the first `witnessed` entries; None where nobody said which are believed.
    """

    size: int
    root: bytes
    checkpoints: int
    revoked: int
    covered: int
    faults: tuple[str, ...]
    witnessed: int | None = None


async def sign_checkpoint(gw: Gateway, *entries: AuditEntry) -> str | None:
    """Sign how our log stands, with these entries added, if it has grown since; return the newest checkpoint."""

    def append_and_sign(tx: Tx) -> str | None:
        audit_log.append_entries(tx, gw.now(), entries)
        return sign_log_head(tx, gw)

    gw.checkpoint = await gw.store.write(append_and_sign)
    return gw.checkpoint


def sign_log_head(tx: Tx, gw: Gateway) -> str | None:
    """Sign how our log stands, in the caller's transaction. Of processes that sign at once, one does."""
    audit_log.lock_log(tx)
    tree, newest = audit_log.get_tree_head(tx), audit_log.find_newest_checkpoint(tx)
    if tree.size == 0 or (newest and newest.split("\n", 2)[1] == str(tree.size)):
        return newest
    signed = note.sign_checkpoint(origin=note.origin_of(gw.code), size=tree.size, root=tree.root(), ring=gw.ring)
    audit_log.add_checkpoint(tx, gw.now(), tree.size, signed)
    return signed


def list_case_acts(tx: Tx, case_id: CaseId) -> list[tuple[MessageKind, LoggedEntry]]:
    """List what was done in a case, oldest first, each with the kind of the message that it was done to."""
    sent = outbox.search_outbox(tx, outbox.OutboxQuery(case_id=case_id), limit=None)
    came = inbox.search_inbox(tx, datetime.max.replace(tzinfo=UTC), inbox.InboxQuery(case_id=case_id), limit=None)
    kinds = {(message.message_id, message.recipient): message.kind for message in sent}
    kinds |= {(message.message_id, message.sender): message.kind for message in came}
    acts = [
        (kind, entry)
        for (about, partner), kind in kinds.items()
        for entry in audit_log.list_newest_entries(tx, about=about, limit=1000)
        # Another authority may use the same id; what was done to its message is no history of this one.
        if entry.partner in (None, partner)
    ]
    return sorted(acts, key=lambda act: act[1].number)


async def count_entries(gw: Gateway) -> int:
    """Count the entries of the log. Raises StoreUnavailable where the database does not answer."""
    return (await gw.store.read(audit_log.get_tree_head)).size


async def prove_growth(gw: Gateway, old: int, new: int) -> Sequence[bytes]:
    """Prove that the first `new` entries of the log continue its first `old` (RFC 9162, 2.1.4)."""
    return await gw.store.read(lambda tx: audit_log.prove_consistency(tx, old, new))


def verify_own_log(gw: Gateway, *, seen: Mapping[str, str] = NONE_SEEN, watch: Watch = _watch_nothing) -> LogVerdict:
    """Verify our own log, and hold it against our database; `seen` is what partners saw of it."""
    # Our card may have no room any more for the oldest key that signed a part of it.
    trust = Trust({gw.code: replace(gw.own_card, keys=gw.ring.public_keys())})
    policy = gw.config.read_witness_policy()
    return gw.store.look(lambda tx: verify_log(tx, trust, gw.code, ring=gw.ring, seen=seen, watch=watch, policy=policy))


def verify_log(
    tx: Tx,
    trust: Trust,
    authority: str,
    *,
    ring: Ring | None = None,
    seen: Mapping[str, str] = NONE_SEEN,
    watch: Watch = _watch_nothing,
    policy: WitnessPolicy | None = None,
) -> LogVerdict:
    """Check the log in the database, and all that it tells of: entries, head, checkpoints, messages, receipts,
    accounts.

    With the `ring`, every copy is opened too. `seen` are checkpoints of ours that partners hold, each with whose
    word that is. `policy`: the outside witnesses that are believed.
    """
    faults: list[str] = []
    blocks = audit_log.list_block_roots(tx)
    leaves: list[bytes] = []

    def check_lines() -> Iterator[str]:
        entries = watch(audit_log.list_entries(tx), audit_log.get_tree_head(tx).size)
        for logged, mentioned in _join_mentions(entries, audit_log.list_mentions(tx), faults):
            fields = json.loads(logged.entry)
            columns = (
                logged.number,
                audit_log.format_entry_time(logged.at),
                logged.act,
                logged.actor,
                logged.about,
                logged.partner,
            )
            if columns != tuple(fields.get(name) for name in COLUMNS):
                faults.append(f"Entry {logged.number}: its columns do not match its text.")
            if mentioned != set(fields.get("mentions", ())):
                faults.append(f"Entry {logged.number}: it cannot be found by the notices that its text mentions.")
            if logged.leaf != hash_leaf(logged.entry.encode()):
                faults.append(f"Entry {logged.number}: its text was changed after it was written.")
            leaves.append(logged.leaf)
            if len(leaves) == audit_log.BLOCK:
                if next(blocks, None) != (logged.number // audit_log.BLOCK, merkle.root(leaves)):
                    faults.append(f"Entry {logged.number}: the stored root of the block that ends with it is wrong.")
                leaves.clear()
            yield logged.entry

    ends = GivenCheckpoints()
    held = list(islice(hold_against_store.list_faults(tx, authority, ring, ends), MOST_FAULTS))
    elsewhere = _find_elsewhere(tx, ends, seen)
    verdict = check_entries(check_lines(), audit_log.list_checkpoints(tx), trust, authority, elsewhere)
    if policy:
        verdict = _add_witnessed(verdict, cosignatures.list_cosigned_checkpoints(tx), policy)
    if next(blocks, None) is not None:
        faults.append("A root is stored for a block, but some of its entries are missing.")
    head = audit_log.get_tree_head(tx)
    if head.size != verdict.size:
        faults.append(f"The head says {head.size} entries, but the log has {verdict.size}.")
    elif head.root() != verdict.root:
        faults.append(
            f"The head says {head.size} entries, which is right, but its root does not match them. An entry was"
            " changed, or the head was."
        )
    return replace(verdict, faults=(*faults, *verdict.faults, *held))


def _find_elsewhere(tx: Tx, ends: GivenCheckpoints, seen: Mapping[str, str]) -> dict[str, str]:
    """Return checkpoints that others hold and that do not stand in our own table, each with who has it."""
    notes_held = {note: f"the receipt that this gateway gave, in entry {number}" for note, number in ends.given.items()}
    notes_held |= seen
    ours = set(audit_log.list_checkpoints(tx)) if notes_held else set()
    return {note: who for note, who in notes_held.items() if note not in ours}


def _join_mentions(
    entries: Iterable[LoggedEntry], mentions: Iterator[tuple[int, set[str]]], faults: list[str]
) -> Iterator[tuple[LoggedEntry, set[str]]]:
    """Yield each entry with the notices by which it is found; both come in the order of their numbers."""
    number, mentioned = next(mentions, NO_MORE)
    for logged in entries:
        while number < logged.number:
            faults.append(f"Notices can be found by entry {number:.0f}, which is missing.")
            number, mentioned = next(mentions, NO_MORE)
        yield logged, mentioned if number == logged.number else set()
        if number == logged.number:
            number, mentioned = next(mentions, NO_MORE)
    if number != NO_MORE[0]:
        faults.append(f"Notices can be found by entry {number:.0f}, which is missing.")


def verify_export(
    folder: Path,
    trust: Trust,
    authority: str,
    *,
    seen: Mapping[str, str] = NONE_SEEN,
    policy: WitnessPolicy | None = None,
) -> LogVerdict:
    """Check an export, from its two files and the authority's card alone; by what partners saw; and by which outside
    witnesses cosigned, if a policy says who is believed.

    Raises Unusable where one cannot be read.
    """
    try:
        with (folder / ENTRIES).open(encoding="utf-8") as file:
            notes = (folder / CHECKPOINTS).read_text("utf-8").split(PARTING)
            signed = [note_text for note_text in notes if note_text.strip()]
            ours = {_drop_cosignatures(note_text) for note_text in signed}
            beyond = {note: who for note, who in seen.items() if note not in ours}
            lines = (line.rstrip("\n") for line in file)
            verdict = check_entries(lines, signed, trust, authority, beyond)
            return _add_witnessed(verdict, signed, policy) if policy else verdict
    except (OSError, UnicodeDecodeError):
        raise Unusable("audit.not-an-export", folder=folder, entries=ENTRIES, checkpoints=CHECKPOINTS) from None


def check_entries(
    entries: Iterable[str],
    notes: Iterable[str],
    trust: Trust,
    authority: str,
    elsewhere: Mapping[str, str] = NONE_SEEN,
) -> LogVerdict:
    """Rebuild the tree from the entries and hold every signed checkpoint against it; also those that lie `elsewhere`,
    each with who has it.
    """
    faults: list[str] = []
    signed: dict[int, bytes] = {}
    revoked: dict[int, bytes] = {}
    for number, text in enumerate(notes, 1):
        try:
            stamped, counts = _read_stamped(text, trust, authority)
        except Refusal as why:
            faults.append(f"Checkpoint {number}: {why.sentence} [{why.code}]")
        else:
            (signed if counts else revoked)[stamped.size] = stamped.root
    roots = revoked | signed
    others = _read_elsewhere(elsewhere, trust, authority, faults)
    tree, expected, agreed, later = Frontier(), 0, 0, -1
    for text in entries:
        number_written = _entry_number(text)
        if number_written != expected:
            faults.append(f"Entry {expected}: an entry is missing, repeated or out of order here.")
        expected = (expected if number_written is None else number_written) + 1
        tree = tree.append([hash_leaf(text.encode())])
        faults += [
            f"The first {tree.size} entries do not match the checkpoint in {who}."
            for seen, who in others.get(tree.size, ())
            if seen != tree.root()
        ]
        if tree.size not in roots:
            continue
        if roots[tree.size] == tree.root():
            agreed = tree.size
            continue
        later += 1
        if later == 0:
            at = f"Entries {agreed} to {tree.size - 1}"
            faults.append(f"{at}: one of them does not match what was signed at checkpoint {tree.size}.")
    if later > 0:
        faults.append(f"{later} later checkpoints do not match either, because of the first.")
    if beyond := [size for size in roots if size > tree.size]:
        faults.append(f"A checkpoint was signed for {max(beyond)} entries, but there are only {tree.size}.")
    faults += [
        f"A checkpoint for {size} entries is in {who}, but there are only {tree.size}. The end of the log was removed."
        for size in sorted(others, reverse=True)[:MOST_CUT]
        for _, who in others[size][:1]
        if size > tree.size
    ]
    if lost := [size for size in others if size <= tree.size and size not in roots]:
        faults.append(
            f"The checkpoint for {max(lost)} entries, which is in {others[max(lost)][0][1]}, is missing from this log."
            " It was removed."
        )
    covered = max((size for size in signed if size <= tree.size), default=0)
    if not signed:
        faults.append("No checkpoint is signed with a valid key, so it cannot be shown that the log is complete.")
    return LogVerdict(tree.size, tree.root(), len(signed), len(revoked), covered, tuple(faults))


def _add_witnessed(verdict: LogVerdict, notes: Iterable[str], policy: WitnessPolicy) -> LogVerdict:
    """Add how far enough outside witnesses cosigned; the checkpoints themselves have been checked."""
    witnessed = 0
    for text in notes:
        with suppress(Refusal):
            if policy.is_met_by([each.key for each in policy.witnesses if find_cosignature(text, each.key)]):
                witnessed = max(witnessed, note.read_size(text))
    if witnessed:
        return replace(verdict, witnessed=witnessed)
    missing = "No checkpoint is cosigned by as many outside witnesses as the policy asks for."
    return replace(verdict, faults=(*verdict.faults, missing), witnessed=0)


def _drop_cosignatures(signed: str) -> str:
    """Return a checkpoint as its log signed it: with the first signature only."""
    text, gap, stamps = signed.partition("\n\n")
    return text + gap + stamps.split("\n", 1)[0] + "\n"


def _read_elsewhere(
    elsewhere: Mapping[str, str], trust: Trust, authority: str, faults: list[str]
) -> dict[int, list[tuple[bytes, str]]]:
    roots_by_size: dict[int, list[tuple[bytes, str]]] = {}
    for text, who in elsewhere.items():
        try:
            stamped, _ = _read_stamped(text, trust, authority)
        except Refusal as why:
            faults.append(f"The checkpoint in {who}: {why.sentence} [{why.code}]")
        else:
            roots_by_size.setdefault(stamped.size, []).append((stamped.root, who))
    return roots_by_size


def _read_stamped(text: str, trust: Trust, authority: str) -> tuple[note.Checkpoint, bool]:
    """Return a checkpoint, and whether the key that signed it still counts."""
    try:
        return note.verify_checkpoint_with_trust(text, authority=authority, trust=trust), True
    except NoteSignature:
        return note.verify_checkpoint_with_trust(text, authority=authority, trust=trust, revoked=True), False


def _entry_number(text: str) -> int | None:
    try:
        number = json.loads(text).get("number")
    except (ValueError, AttributeError):
        return None
    return number if isinstance(number, int) else None


async def sign_export(gw: Gateway, by: str) -> None:
    """Write that the log is exported, and sign the checkpoint at which the export ends."""
    await sign_checkpoint(gw, AuditEntry("audit.exported", by))


async def export_log(gw: Gateway, folder: Path, by: str, *, watch: Watch = _watch_nothing) -> LogVerdict:
    """Write the whole log with a fresh checkpoint into a folder; that it was exported is itself an entry.

    Raises Unusable.
    """
    if (folder / ENTRIES).exists():
        raise Unusable("audit.export-exists", folder=folder)
    await sign_export(gw, by)

    def write_export(tx: Tx) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / ENTRIES).open("w", encoding="utf-8") as file:
                file.writelines(
                    logged.entry + "\n"
                    for logged in watch(audit_log.list_entries(tx), audit_log.get_tree_head(tx).size)
                )
            (folder / CHECKPOINTS).write_text(PARTING.join(cosignatures.list_cosigned_checkpoints(tx)), "utf-8")
        except OSError as why:
            raise Unusable("audit.not-written", "folder", folder=folder, why=why.strerror) from None

    await gw.store.read(write_export)
    return verify_export(folder, Trust({gw.code: gw.own_card}), gw.code)


def export_zip(gw: Gateway, file: IO[bytes]) -> None:
    """Write the same two files, our card and how to check them, as one archive. `sign_export` came before."""

    def write_archive(tx: Tx) -> None:
        with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=FAST) as archive:
            with archive.open(ENTRIES, "w", force_zip64=True) as entries:
                for logged in audit_log.list_entries(tx):
                    entries.write(logged.entry.encode() + b"\n")
            archive.writestr(CHECKPOINTS, PARTING.join(cosignatures.list_cosigned_checkpoints(tx)))
            archive.writestr(CARD, (gw.config.home / CARD).read_bytes())
            archive.writestr("README.txt", HOW_TO_CHECK)

    try:
        gw.store.look(write_archive)
    except OSError as why:
        raise Unusable("audit.not-written", why=why.strerror) from None
