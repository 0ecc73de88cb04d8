"""Evidence of one exchange, as one file that anybody can check: what was sent, who signed for it, what was answered.

The file is JSON (RFC 8259). `contents` names the notice and its replies by their digests, with the receipts that both
authorities signed, the entries of our audit log about them, and the newest checkpoint that we hold of the partner's
log. The SHA-256 of the contents, written in one way (`digest_contents`), stands in an entry of our log of its own, so
nothing can be taken out, put in or exchanged without a trace. `proofs` lead from each entry to the signed `checkpoint`.

By default nothing in it is about a child. The check is `gateway.auditing.check_evidence`.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from gateway import copies
from gateway.auditing import audit
from gateway.context import Gateway
from gateway.copies import View
from gateway.core.message_name import MessageName
from gateway.errors import NotAllowed, NotFound
from gateway.store import audit_log, inbox, outbox, partner_checkpoints
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.inbox import InboxItem
from gateway.store.outbox import Delivery
from schemas import xml
from schemas.message import MessageKind
from schemas.shapes import MessageId

FORMAT = "cme-evidence/1"
# About one message; more than a life of reading and reminding makes.
MOST_ENTRIES = 2_000
FOREVER = datetime.max.replace(tzinfo=UTC)
_canonical = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True, slots=True)
class ExchangedMessage:
    """A message that went from one authority to the other, and every receipt of it that is kept.

    `digest` is the SHA-256 of the sealed bytes, in hex. Of a message that went by email to a person there is no
    receipt.
    """

    message_id: MessageId
    kind: MessageKind
    sender: str
    recipient: str
    digest: str
    receipts: tuple[str, ...]


def digest_contents(contents: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the contents, in hex: of their JSON in ASCII, members in order, without spaces."""
    return sha256(_canonical.encode(contents).encode()).hexdigest()


async def export_evidence(gw: Gateway, name: str | MessageName, by: str, *, with_notice: bool = False) -> bytes:
    """Build the evidence of one message and the replies to it. That it was taken is an entry, and closes the file.

    Args:
        gw: the gateway.
        name: the message that was sent or received, or its id where one message has it.
        by: who takes it.
        with_notice: put what the notice says into it, which is another entry. Not for a restricted child.

    Raises:
        NotFound, Ambiguous: as `inbox.resolve_message_name` does.
        NotAllowed: the child is restricted (`evidence.restricted`).
        Destroyed: what the notice says was deleted (`at-rest.destroyed`).
    """
    named = await gw.store.read(lambda tx: inbox.resolve_message_name(tx, str(name)))
    notice = await _read_notice(gw, named, by) if with_notice else None

    def write_closing(tx: Tx) -> tuple[dict[str, Any], str]:
        contents, partner = _read_contents(tx, gw, named, notice), _name_partner(_get_message(tx, named))
        closing = AuditEntry("audit.evidence-exported", by, named.message_id, partner, digest_contents(contents))
        audit_log.append_entries(tx, gw.now(), [closing])
        signed = audit.sign_log_head(tx, gw)
        assert signed is not None  # noqa: S101 - the log has an entry at least
        return contents, signed

    contents, signed = await gw.store.write(write_closing)
    gw.checkpoint = signed
    # The log only grows, so the proofs are the same outside of the transaction that holds it.
    return await gw.store.read(lambda tx: _build_file(tx, contents, signed))


def find_exchange(gw: Gateway, about: str | None, partner: str | None) -> MessageName | None:
    """Return the message that an entry of the log is about; None where it is about none that was kept."""
    if about is None or partner is None:
        return None

    def find_message(tx: Tx) -> MessageName | None:
        for name in (MessageName(partner, MessageId(about)), MessageName("", MessageId(about))):
            with suppress(NotFound):
                if _name_partner(_get_message(tx, name)) == partner:
                    return name
        return None

    return gw.store.look(find_message)


async def _read_notice(gw: Gateway, name: MessageName, by: str) -> str:
    def take_copy(tx: Tx) -> copies.Copy:
        message = _get_message(tx, name)
        if message.restriction != "none":
            raise NotAllowed("evidence.restricted")
        view = View(AuditEntry("notice.read", by, name.message_id, _name_partner(message)))
        return copies.take_copy(tx, gw, name, view)

    return xml.write(copies.open_copy(gw, await gw.store.write(take_copy))).decode()


def _get_message(tx: Tx, name: MessageName) -> Delivery | InboxItem:
    return inbox.get_message(tx, name) if name.sender else outbox.get_delivery(tx, name.message_id)


def _name_partner(message: Delivery | InboxItem) -> str:
    return message.recipient if isinstance(message, Delivery) else message.sender


def _read_contents(tx: Tx, gw: Gateway, name: MessageName, notice: str | None) -> dict[str, Any]:
    stored = _get_message(tx, name)
    partner = _name_partner(stored)
    replies = _list_replies(tx, stored)
    messages = [_read_message(tx, gw, message) for message in (stored, *replies)]
    seen = partner_checkpoints.find_largest_checkpoint(tx, partner)
    return {
        "authority": gw.code,
        "case_id": stored.case_id,
        "messages": [asdict(message) | {"receipts": list(message.receipts)} for message in messages],
        "entries": _list_entries(tx, messages, partner),
        "partner_checkpoint": seen.note if seen else None,
        "notice": notice,
    }


def _list_replies(tx: Tx, message: Delivery | InboxItem) -> Sequence[Delivery | InboxItem]:
    """List the replies to a message that went between the two authorities, the oldest first: ours to what we had."""
    case_id, partner = message.case_id, _name_partner(message)
    replies: Sequence[Delivery | InboxItem]
    if isinstance(message, Delivery):
        query = inbox.InboxQuery(case_id=case_id, sender=partner, oldest_first=True)
        replies = inbox.search_inbox(tx, FOREVER, query, limit=None)
    else:
        sent = outbox.OutboxQuery(case_id=case_id, recipient=partner, oldest_first=True)
        replies = outbox.search_outbox(tx, sent, limit=None)
    return [reply for reply in replies if reply.in_reply_to == message.message_id]


def _read_message(tx: Tx, gw: Gateway, stored: Delivery | InboxItem) -> ExchangedMessage:
    sender = gw.code if isinstance(stored, Delivery) else stored.sender
    recipient = stored.recipient if isinstance(stored, Delivery) else gw.code
    receipts = inbox.list_receipts(tx, stored.message_id, issuer=recipient, digest=stored.digest)
    tokens = tuple(str(receipt["token"]) for receipt in receipts)
    return ExchangedMessage(stored.message_id, stored.kind, sender, recipient, stored.digest, tokens)


def _list_entries(tx: Tx, messages: Sequence[ExchangedMessage], partner: str) -> list[str]:
    """List the entries about these messages, in the order of the log."""
    texts = {
        entry.number: entry.entry
        for message in messages
        for entry in audit_log.list_newest_entries(tx, about=message.message_id, limit=MOST_ENTRIES)
        # Another authority may use the same id.
        if entry.partner in (None, partner)
    }
    return [texts[number] for number in sorted(texts)]


def _build_file(tx: Tx, contents: Mapping[str, Any], signed: str) -> bytes:
    size = int(signed.split("\n")[1])
    [closing] = audit_log.list_entries_from(tx, size - 1, 1)
    numbers = [json.loads(text)["number"] for text in (*contents["entries"], closing.entry)]
    proofs = [[b64encode(step).decode() for step in audit_log.prove_inclusion(tx, number, size)] for number in numbers]
    file = {
        "format": FORMAT,
        "contents": contents,
        "closing": closing.entry,
        "proofs": proofs,
        "checkpoint": signed,
    }
    return json.dumps(file, indent=1).encode()
