"""What our mails look like, and what a mail that came is: text in, values out, no server.

    Subject: OFFICIAL-SENSITIVE: CME exchange, sealed messages from 333
    Message-ID: <333-<sha256>.sealed@sandwell.example>
    attachment 333-<sha256>.sealed, or .receipts: one a line

No name here is made of anything that a message says. A mail from others is hostile: whatever its parser stumbles over makes
it a stranger, which is left alone.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import format_datetime, getaddresses
from hashlib import sha256
from typing import Literal

from adapters.route import Bundle, Letter, Reply, Returned

FILE = re.compile(r"(?P<sender>[0-9]{3})-(?P<digest>[0-9a-f]{64})\.(?P<kind>sealed|receipts)")
REFERENCE = re.compile(r"CME(?:-[A-Z2-7]{4}){4}")  # of a letter: eighty bits that nobody guesses
TICKET = re.compile(rf"{REFERENCE.pattern}|{FILE.pattern}")
HOLDS: dict[str, Literal["messages", "receipts"]] = {"sealed": "messages", "receipts": "receipts"}
SUBJECTS = {
    "sealed": "OFFICIAL-SENSITIVE: CME exchange, sealed messages from {}",
    "receipts": "OFFICIAL: CME exchange, receipts from {}",
}
FOR_PEOPLE = (
    "This mail is for a gateway, which alone can open what is attached.\n\n"
    "If a person reads this: nothing is to be done, and nothing should be forwarded. Mails like it should go to the mailbox\n"
    "of your authority's cme-gateway; please tell those who run it.\n"
)
AUTOMATIC = re.compile(
    r"(?i)\s*(automatic reply|auto(matic)?[- ]?reply|out of (the )?office|autoreply|undeliverable)\b"
)
PLAIN = policy.SMTP.clone(cte_type="7bit")  # what every relay passes on as it is
LONGEST_TEXT = 100_000  # of a reply in which its reference is looked for
LONGEST_REASON = 200
MOST_PARTS = 1_000  # lines that may begin a part: ours have three, people's some dozens
MOST_HEADERS = 2_000  # lines at the beginning that are measured
LONGEST_LINE = 65_536  # of them; a mail's lines have 998 characters at most (RFC 5322, 2.1.1)
MOST_LINES = 1_000  # of a bundle, ours hold a hundred
LONGEST_DOMAIN = 253  # RFC 1035, 2.3.4
LONGEST_SIGNED = 1_048_576  # of what a person signed

Mail = Bundle | Reply | Returned | Literal["automatic", "strange"]


def sealed(us: str, kind: str, content: bytes, *, sender: str, to: str, now: datetime) -> tuple[str, bytes]:
    """A mail with sealed messages or receipts attached, and its ticket. The same content has the same ticket."""
    ticket = f"{us}-{sha256(content).hexdigest()}.{kind}"
    mail = EmailMessage(policy.SMTP)
    mail["Subject"] = SUBJECTS[kind].format(us)
    _address(mail, ticket, sender, to, now)
    mail.set_content(FOR_PEOPLE)
    mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=ticket)
    return ticket, mail.as_bytes()


def letter(what: Letter, *, sender: str, to: str, now: datetime) -> bytes:
    """A mail that a person reads: our headers before those of the entity."""
    mail = EmailMessage(policy.SMTP)
    mail["Subject"] = what.subject
    _address(mail, what.reference, sender, to, now)
    return mail.as_bytes().removesuffix(b"\r\n") + what.entity


def entity(text: str, attached: tuple[str, bytes] | None) -> bytes:
    """A text, and an XML file with its name, as a MIME entity without the headers of a mail."""
    mail = EmailMessage(PLAIN)
    mail.set_content(text)
    if attached:
        name, content = attached
        mail.add_attachment(content, maintype="application", subtype="xml", filename=name)
    return mail.as_bytes()


def read(raw: bytes, name: str) -> Mail:
    """What a mail is to us. `name` is the carrier's own word for it. May take long over what is hostile (`mail_apart`)."""
    if raw.count(b"\n--") > MOST_PARTS or max(map(len, raw.split(b"\n", MOST_HEADERS)[:-1]), default=0) > LONGEST_LINE:
        return "strange"
    try:
        mail = message_from_bytes(raw, _class=EmailMessage, policy=policy.SMTP)
        return _bundle(mail, name) or _report(mail, name) or _from_people(mail, name, raw)
    except Exception:  # noqa: BLE001 - Python's parser raises many kinds over what is no mail
        return "strange"


def one_line(said: str) -> str:
    """What a server said, as it may stand in our own records."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(said.split()))[:LONGEST_REASON]


def _address(mail: EmailMessage, ticket: str, sender: str, to: str, now: datetime) -> None:
    mail["From"], mail["To"] = sender, to
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{ticket}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5: nobody's absence is to be answered to a machine
    mail["X-Auto-Response-Suppress"] = "OOF, AutoReply"  # the same, as Exchange wants it


def _bundle(mail: EmailMessage, name: str) -> Bundle | None:
    for part in mail.iter_attachments() if mail.is_multipart() else ():
        match = FILE.fullmatch(part.get_filename() or "")
        content = part.get_payload(decode=True) if match else None
        if match and isinstance(content, bytes):
            if sha256(content).hexdigest() != match["digest"]:
                raise ValueError("altered on its way")
            if content.count(b"\n") > MOST_LINES:
                raise ValueError("no bundle of ours")
            return Bundle(name, HOLDS[match["kind"]], match["sender"], tuple(content.split(b"\n")))
    return None


def _report(mail: EmailMessage, name: str) -> Mail | None:
    """What servers say of a mail of ours (RFC 3464), or programs that read it (RFC 8098)."""
    if mail.get_content_type() != "multipart/report":
        return None
    said = [part for part in mail.walk() if part.get_content_type() == "message/delivery-status"]
    failed = [fields for part in said for fields in _fields(part) if _field(fields, "Action").lower() == "failed"]
    ticket = next(_tickets(_original(mail)), None)
    if not failed or not ticket:
        return "automatic"
    reason = _field(failed[0], "Diagnostic-Code") or _field(failed[0], "Status") or "no reason given"
    return Returned(name, ticket, one_line(reason.partition(";")[2] or reason))


def _fields(part: Message) -> list[Message]:
    blocks = part.get_payload()
    return [block for block in blocks if isinstance(block, Message)] if isinstance(blocks, list) else []


def _field(fields: Message, name: str) -> str:
    return str(fields.get(name, "")).strip()


def _original(report: EmailMessage) -> str:
    """The Message-ID of the mail that a report is about."""
    for part in report.walk():
        if part.get_content_type() == "text/rfc822-headers":
            return bytes(part.get_payload(decode=True) or b"").decode("ascii", "replace")
        if part is not report and part.get_content_type() == "message/rfc822":
            for inner in _fields(part):
                return str(inner.get("Message-ID", ""))
    return ""


def _from_people(mail: EmailMessage, name: str, raw: bytes) -> Mail:
    headers = " ".join(
        str(value) for key in ("In-Reply-To", "References", "Subject") for value in mail.get_all(key, ())
    )
    ticket = next(_tickets(headers), None) or next(_tickets(_text(mail)), None)
    if _is_automatic(mail):
        bounced = str(mail.get("Return-Path", "")).strip() == "<>" and ticket  # by a server that knows no reports
        return Returned(name, ticket, "it was returned without a reason") if bounced and ticket else "automatic"
    addresses = getaddresses([str(value) for value in mail.get_all("From", ())])
    if not ticket or len(addresses) != 1:
        return "strange"
    domain = addresses[0][1].rpartition("@")[2].lower()
    signature = _signature(mail, raw)
    if signature and len(signature[0] or b"") + len(signature[1]) > LONGEST_SIGNED:
        signature = None
    return Reply(name, ticket, domain, signature) if len(domain) <= LONGEST_DOMAIN else "strange"


def _signature(mail: EmailMessage, raw: bytes) -> tuple[bytes | None, bytes] | None:
    """What a signed mail signs, byte for byte as it came, and its signature (RFC 8551, 3.5); None where it has none."""
    if mail.get_content_type() in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        within = mail.get_payload(decode=True)
        return (None, within) if isinstance(within, bytes) else None
    boundary = mail.get_boundary()
    if mail.get_content_type() != "multipart/signed" or not boundary:
        return None
    parts = re.split(rb"\r\n--" + re.escape(boundary.encode()) + rb"(?:--)?[ \t]*(?=\r\n|\Z)", raw)
    signature = mail.get_payload(1)
    der = signature.get_payload(decode=True) if isinstance(signature, Message) else None
    return (parts[1].removeprefix(b"\r\n"), der) if len(parts) > 2 and isinstance(der, bytes) else None


def _is_automatic(mail: EmailMessage) -> bool:
    submitted = str(mail.get("Auto-Submitted", "no")).strip().lower()
    return (
        not submitted.startswith("no")
        or str(mail.get("Return-Path", "")).strip() == "<>"
        or str(mail.get("Precedence", "")).strip().lower() in ("auto_reply", "bulk", "junk")
        or any(mail.get(header) for header in ("X-Autoreply", "X-Autorespond"))
        or AUTOMATIC.match(str(mail.get("Subject", ""))) is not None
    )


def _tickets(text: str) -> Iterator[str]:
    return (match[0] for match in TICKET.finditer(text))


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain", "html"))
    return str(body.get_content())[:LONGEST_TEXT] if body else ""
