"""Invented children: the published samples, addressed anew."""

from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from secrets import token_bytes

from schemas import xml
from schemas.identifiers import build_uuid7
from schemas.message import Message, Party
from schemas.shapes import CaseId, MessageId


def sample(name: str) -> bytes:
    """The text of a valid sample."""
    return (files("schemas") / "samples" / "valid" / f"{name}.xml").read_bytes()


def notice(
    sender: str = "333",
    recipient: str = "885",
    *,
    name: str = "transfer-notice",
    message_id: MessageId | None = None,
    case_id: CaseId | None = None,
    sequence: int = 1,
    now: datetime | None = None,
) -> Message:
    """A sample with ids of its own, from one authority to another."""
    made = now or datetime.now(UTC)
    found = xml.read(sample(name))
    head = replace(
        found.header,
        message_id=message_id or MessageId(build_uuid7(made, token_bytes(10))),
        case_id=case_id or CaseId(build_uuid7(made, token_bytes(10))),
        sequence=sequence,
        sender=Party(authority=sender, role="cme_officer"),
        recipient=Party(authority=recipient, role="cme_officer"),
        created_at=made.replace(microsecond=made.microsecond // 1000 * 1000),
    )
    return Message(head, found.body)


def without_urgency(message: Message) -> Message:
    """The same, of a child whose safety is not at risk: no referral to a MASH, and no risk group."""
    needs = getattr(message.body, "needs", None)
    if needs is None:
        return message
    calm = replace(needs, mash_referral=None, risk_group=())
    return Message(message.header, replace(message.body, needs=calm))


def in_letters(number: int) -> str:
    """A number as a name may have it: one that holds a figure waits for an officer."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))
