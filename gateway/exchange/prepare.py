"""What goes out, made ready from top to bottom: header, check, signature, seal.

All that can refuse a message is here, and nothing here is kept: of a refused message there is no trace.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from secrets import token_bytes

from gateway.context import Gateway
from gateway.core import labels, safeguards
from gateway.core.message_protection import Protection
from gateway.core.safeguards import NOTHING_KNOWN, KnownFacts
from gateway.core.search_terms import list_terms
from gateway.errors import NotAllowed, Unconfirmed, Unfit
from gateway.exchange import known_children, letters
from gateway.store import outbox
from gateway.store.outbox import QueuedNotice
from keys import at_rest, blind, envelope
from schemas import layout, rules, xml
from schemas.hidden_signs import check_message
from schemas.identifiers import build_uuid7
from schemas.message import OPENS_A_CASE, Acknowledgement, Header, Message, Party
from schemas.shapes import CaseId, MessageId

# How a hidden sign is shown (`schemas/hidden_signs.py`): in ASCII there is no other.
SHOWN = b"[U+"


def prepare_messages(
    gw: Gateway,
    notices: Sequence[Message],
    by: str,
    *,
    confirmed: Collection[str] = (),
    known: Mapping[MessageId, KnownFacts] | None = None,
) -> list[QueuedNotice]:
    """Check, sign and seal notices. Raises Unfit, Unconfirmed, NotAllowed, or a Refusal for the first that cannot go.

    `confirmed`: the codes of the doubts of which an officer says that it is right as it stands. `known`: what is known
    beside them, by MessageId, for who has asked already (`known_children`); it is asked here otherwise.

    They go step by step, not one by one: see `send.TOGETHER`.
    """
    if known is None:
        known = look_up_known_children(gw, notices)
    doubts = [
        _check_notice(gw, notice, confirmed, known.get(notice.header.message_id, NOTHING_KNOWN)) for notice in notices
    ]
    texts = [xml.write(notice) for notice in notices]
    _check_hidden_signs(notices, texts)
    ready = [_seal_notice(gw, notice, text, by) for notice, text in zip(notices, texts, strict=True)]
    return [
        replace(queued, confirmed=" ".join(codes)) if codes else queued
        for queued, codes in zip(ready, doubts, strict=True)
    ]


def look_up_known_children(
    gw: Gateway,
    notices: Sequence[Message],
    withheld: Mapping[str, Collection[str]] | None = None,
    *,
    of_rows: bool = False,
) -> Mapping[MessageId, KnownFacts]:
    """Look up what is known beside these notices, in this thread, as `known_children` has it; nothing is asked about
    replies.
    """
    if not any(notice.kind in OPENS_A_CASE for notice in notices):
        return {}
    return gw.store.look(lambda tx: known_children.look_up_known(tx, gw, notices, withheld, of_rows=of_rows))


def _check_notice(gw: Gateway, notice: Message, confirmed: Collection[str], known: KnownFacts) -> list[str]:
    """Check a notice, and return the codes of the doubts that it has, all of which are confirmed."""
    if notice.header.sender.authority != gw.code:
        raise NotAllowed(
            "notice.not-ours",
            sender=labels.name_authority_in_full(notice.header.sender.authority),
            ours=labels.name_authority_in_full(gw.code),
        )
    today = gw.now().date()
    slips = safeguards.find_slips(notice, today=today, known=known)
    if refusals := rules.list_errors([*rules.check(notice, today=today), *slips]):
        raise Unfit(refusals)
    if doubts := safeguards.list_unconfirmed(slips, confirmed):
        raise Unconfirmed(doubts)
    return sorted({slip.code for slip in slips})


def _check_hidden_signs(notices: Sequence[Message], texts: Sequence[bytes]) -> None:
    """Check that nothing is sent that nobody sees. A partner's message is taken with it, and shown as it is."""
    for notice, text in zip(notices, texts, strict=True):
        if not (text.isascii() and SHOWN not in text) and (signs := check_message(notice)):
            raise Unfit(signs)


def _seal_notice(gw: Gateway, notice: Message, text: bytes, by: str) -> QueuedNotice:
    head = notice.header
    to = gw.letters_go_to(head.recipient.authority)
    how: Protection
    if to is None:
        gw.trust.check_reads(head.recipient.authority, layout.VERSION, gw.now())
        names = envelope.Names(head.message_id, head.sender.authority, head.recipient.authority)
        sealed, how = envelope.seal(text, names=names, ring=gw.ring, trust=gw.trust, now=gw.now()), "sealed"
    else:
        # It is written when it leaves, for nothing that can be read lies here.
        sealed, how = b"", letters.choose_protection(to, notice.restriction)
    copy = at_rest.lock(text, about=head.message_id, ring=gw.ring)
    assert copy.data_key is not None  # noqa: S101 - `lock` always makes one
    return QueuedNotice(
        message_id=head.message_id,
        case_id=head.case_id,
        in_reply_to=head.in_reply_to,
        sequence=head.sequence,
        recipient=head.recipient.authority,
        kind=notice.kind,
        restriction=notice.restriction,
        test=head.test,
        digest=sha256(sealed or text).hexdigest(),
        sealed=sealed,
        data_key=copy.data_key,
        content=copy.content,
        queued_by=by,
        protection=how,
        marks=blind.compute_marks(list_terms(notice), gw.ring),
        decision=notice.body.decision if isinstance(notice.body, Acknowledgement) else None,
    )


def build_next_header(
    gw: Gateway,
    case_id: CaseId,
    recipient: str,
    *,
    in_reply_to: MessageId | None = None,
    supersedes: MessageId | None = None,
    test: bool = False,
) -> Header:
    """Build the header of our next message to that authority in a case."""
    sequence = gw.store.look(lambda tx: outbox.get_next_sequence(tx, case_id, recipient))
    first = build_first_header(gw, case_id, recipient)
    return replace(first, sequence=sequence, in_reply_to=in_reply_to, supersedes=supersedes, test=test)


def build_first_header(gw: Gateway, case_id: CaseId, recipient: str) -> Header:
    """Build the header of our first message to that authority in a new case."""
    now = gw.now()
    return Header(
        message_id=MessageId(build_uuid7(now, token_bytes(10))),
        case_id=case_id,
        sequence=1,
        sender=Party(authority=gw.code, role="cme_officer"),
        recipient=Party(authority=recipient, role="cme_officer"),
        created_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
        legal_basis="ea1996-436a",
    )


def new_case_id(gw: Gateway) -> CaseId:
    """Return the ConversationId of a case that begins now."""
    return CaseId(build_uuid7(gw.now(), token_bytes(10)))
