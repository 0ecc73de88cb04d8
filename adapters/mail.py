"""What our mails look like, and what a mail that came is: text in, values out, no server.

    Subject: OFFICIAL-SENSITIVE: CME exchange, sealed messages from 333
    Message-ID: <333-<sha256>.sealed@sandwell.example>
    attachment 333-<half of it>.sealed, or .receipts: one a line

No name here is made of anything that a message says. A mail from others is hostile: whatever its parser stumbles over
makes it a stranger, which is left alone. Before a mail is called a machine's, or a person's, every part of it was
searched for what a gateway sealed.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from email import policy
from email.message import EmailMessage, Message
from email.utils import format_datetime, getaddresses
from hashlib import sha256
from itertools import chain
from typing import Literal

from adapters import mail_machines, mail_sealed
from adapters.mail_machines import one_line
from adapters.mail_names import HOLDS, find_tickets
from adapters.mail_parts import find_parts, get_file_name, get_header, parse_mail, read_text
from adapters.mail_sealed import SUBJECTS
from adapters.route import Bundle, Changed, EmailReply, Letter, MailText, Returned

__all__ = ["HOLDS", "Mail", "build_entity", "build_letter", "build_sealed_mail", "one_line", "read"]

# Of 64 characters in a file's name, so that it fits a line, and no relay need put it together again.
FILE_DIGEST = 32
FOR_PEOPLE = (
    "This email was sent automatically to a CME gateway. You cannot open the attachment, and do not need to do"
    " anything.\n\nPlease tell your IT team it reached the wrong mailbox. Do not forward it.\n"
)
# What every relay passes on as it is.
PLAIN = policy.SMTP.clone(cte_type="7bit")
# Characters of a mail of people's that are kept.
LONGEST_TEXT = 20_000
# Characters of its subject, and of whom it is from.
LONGEST_HEADER = 500
# Names of files that are kept.
MOST_ATTACHED = 20
# Lines that may begin a part: ours have three, people's some dozens.
MOST_PARTS = 1_000
# Lines at the beginning that are measured.
MOST_HEADERS = 2_000
# Of them; a mail's lines have 998 characters at most (RFC 5322, 2.1.1).
LONGEST_LINE = 65_536
# RFC 1035, 2.3.4.
LONGEST_DOMAIN = 253
# Of what a person signed.
LONGEST_SIGNED = 1_048_576

Mail = Bundle | Changed | EmailReply | Returned | Literal["automatic", "strange"]


def build_sealed_mail(us: str, kind: str, content: bytes, *, sender: str, to: str, now: datetime) -> tuple[str, bytes]:
    """Return a mail with sealed messages or receipts attached, and its ticket. The same content has the same ticket."""
    ticket = f"{us}-{sha256(content).hexdigest()}.{kind}"
    mail = EmailMessage(policy.SMTP)
    mail["Subject"] = SUBJECTS[kind].format(us)
    _address(mail, ticket, sender, to, now)
    mail.set_content(FOR_PEOPLE)
    mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=_file_name(ticket))
    return ticket, mail.as_bytes()


def _file_name(ticket: str) -> str:
    name, _, kind = ticket.partition(".")
    return f"{name[: len('333-') + FILE_DIGEST]}.{kind}"


def build_letter(what: Letter, *, sender: str, to: str, now: datetime) -> bytes:
    """Return a mail that a person reads: our headers before those of the entity."""
    mail = EmailMessage(policy.SMTP)
    mail["Subject"] = what.subject
    _address(mail, what.reference, sender, to, now)
    return mail.as_bytes().removesuffix(b"\r\n") + what.entity


def build_entity(text: str, attached: tuple[str, bytes] | None) -> bytes:
    """Return a text, and an XML file with its name, as a MIME entity without the headers of a mail."""
    mail = EmailMessage(PLAIN)
    mail.set_content(text)
    if attached:
        name, content = attached
        mail.add_attachment(content, maintype="application", subtype="xml", filename=name)
    return mail.as_bytes()


def read(raw: bytes, name: str) -> Mail:
    """What a mail is to us.

    `name` is the carrier's own word for it. May take long over what is hostile (`mail_process`).
    """
    if raw.count(b"\n--") > MOST_PARTS or max(map(len, raw.split(b"\n", MOST_HEADERS)[:-1]), default=0) > LONGEST_LINE:
        return "strange"
    try:
        return _read(parse_mail(raw), name, raw)
    except Exception:  # noqa: BLE001 - Python's parser raises many kinds over what is no mail
        return "strange"


def _read(mail: EmailMessage, name: str, raw: bytes) -> Mail:
    """A server's word that ours did not arrive comes first, for it may have ours within; then whatever was sealed to
    us.
    """
    parts: list[Message] = find_parts(mail)
    ticket = next(_tickets(parts), None)
    failure = mail_machines.find_failure(parts)
    if ticket and failure:
        return Returned(name, ticket, failure, _text(parts))
    if bundle := mail_sealed.find_bundle(parts, name):
        return bundle
    if sender := mail_sealed.claims_to_be_ours(parts):
        return Changed(name, sender)
    if ticket:
        return _reply(mail, parts, name, ticket, raw)
    return "automatic" if mail_machines.is_marked(mail) else "strange"


def _address(mail: EmailMessage, ticket: str, sender: str, to: str, now: datetime) -> None:
    mail["From"], mail["To"] = sender, to
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{ticket}@{sender.rpartition('@')[2]}>"
    # RFC 3834, 5: nobody's absence is to be answered to a machine.
    mail["Auto-Submitted"] = "auto-generated"
    # The same, as Exchange wants it.
    mail["X-Auto-Response-Suppress"] = "OOF, AutoReply"


def _tickets(parts: Sequence[Message]) -> Iterator[str]:
    """Find what a mail is about: what it answers first, then what it says of itself, then what stands in any part of
    it.

    Relays put ids of their own in the place of ours, so one place is not enough.
    """
    mail, within = parts[0], parts[1:]
    places = chain(
        [get_header(mail, "In-Reply-To")],
        (get_header(part, "Message-ID") for part in within),
        [get_header(mail, "Subject")],
        (get_header(part, "Subject") for part in within),
        [" ".join(reversed(get_header(mail, "References").split()))],
        (get_header(part, name) for part in within for name in ("In-Reply-To", "References")),
        (read_text(part) for part in parts),
        (get_file_name(part) for part in within),
    )
    for place in places:
        yield from find_tickets(place)


def _reply(mail: EmailMessage, parts: Sequence[Message], name: str, ticket: str, raw: bytes) -> EmailReply:
    """Return what a person wrote, perhaps: whatever names a mail of ours, and is no report that it did not arrive."""
    addresses = [address for _, address in getaddresses([get_header(mail, "From")]) if address]
    domain = addresses[0].rpartition("@")[2].lower() if len(addresses) == 1 else ""
    signature = _signature(mail, raw)
    if signature and len(signature[0] or b"") + len(signature[1]) > LONGEST_SIGNED:
        signature = None
    return EmailReply(
        name,
        ticket,
        one_line(domain) if len(domain) <= LONGEST_DOMAIN else "",
        signature,
        _text(parts),
        by_machine=mail_machines.is_from_machine(mail),
        is_task=not mail_machines.is_surely_automatic(parts),
    )


def _text(parts: Sequence[Message]) -> MailText:
    """Return what an officer is shown of a mail: its plain text, or that of its HTML, and the names of files."""
    mail = parts[0]
    texts = [(part.get_content_type(), read_text(part)) for part in parts if not get_file_name(part)]
    plain = [text for kind, text in texts if kind != "text/html" and text.strip()]
    shown = "\n\n".join(plain or [text for kind, text in texts if kind == "text/html" and text.strip()])
    names = [name for part in parts if (name := get_file_name(part))]
    return MailText(
        sender=one_line(get_header(mail, "From"))[:LONGEST_HEADER],
        subject=_printable(get_header(mail, "Subject"))[:LONGEST_HEADER],
        sent=one_line(get_header(mail, "Date")),
        body="\n".join(map(_printable, shown[:LONGEST_TEXT].splitlines())).strip(),
        is_cut=len(shown) > LONGEST_TEXT,
        attached=tuple(one_line(name) for name in names[:MOST_ATTACHED]),
    )


def _printable(line: str) -> str:
    return "".join(letter for letter in line.replace("\t", "    ") if letter.isprintable())


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
