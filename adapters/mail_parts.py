"""Every part of a mail, however relays have packed it: in other mails, in a signature, in a winmail.dat, or encoded
against the rules.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from html import unescape

from adapters import cms, tnef

# Mails and parts within each other: ours have two, forwarded ones some five.
DEEPEST = 12
# Parts, however deep.
MOST = 1_000
# Characters of one part in which something is looked for.
LONGEST_TEXT = 100_000
SMIME = ("application/pkcs7-mime", "application/x-pkcs7-mime")
TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")
_ENCODED = ("base64", "quoted-printable", "x-uuencode", "uuencode")
_TAG = re.compile(r"(<[^<>]{1,2000}>)")
# A <wbr> breaks nothing.
_LINE_TAGS = re.compile(r"(?i)</?(?:br|p|div|tr|li|h[1-6])\b")
_HIDDEN = re.compile(r"(?i)<(style|script|head)\b")


def find_parts(mail: Message) -> list[Message]:
    """Give the mail and every part of it, containers too, in their order."""
    parts: list[Message] = []
    _add(mail, 0, parts)
    return parts


def _add(part: Message, depth: int, parts: list[Message]) -> None:
    if len(parts) >= MOST:
        return
    parts.append(part)
    if depth < DEEPEST:
        for inner in _within(part):
            _add(inner, depth + 1, parts)


def _within(part: Message) -> list[Message]:
    kind = part.get_content_type()
    if part.get_content_maintype() == "message" and "delivery-status" not in kind and _is_encoded(part):
        # RFC 2046, 5.2.1, allows that to nobody, and relays do it.
        return [parse_mail(read_content(part))]
    payload = part.get_payload()
    if isinstance(payload, list) and kind != "message/delivery-status":
        return [inner for inner in payload if isinstance(inner, Message)]
    if kind in TNEF or get_file_name(part).lower() == "winmail.dat":
        return [_as_part(content) for content in tnef.find_contents(read_content(part))]
    if kind in SMIME or get_file_name(part).lower() == "smime.p7m":
        signed = cms.read_signed_content(read_content(part))
        return [parse_mail(signed)] if signed else []
    if kind == "application/octet-stream" and get_file_name(part).lower().endswith(".eml"):
        return [parse_mail(read_content(part))]
    return []


def _is_encoded(part: Message) -> bool:
    return get_header(part, "Content-Transfer-Encoding").lower() in _ENCODED


def parse_mail(raw: bytes) -> EmailMessage:
    """Take a mail apart."""
    return message_from_bytes(raw, _class=EmailMessage, policy=policy.SMTP)


def _as_part(content: bytes) -> Message:
    part = Message(policy.compat32)
    part.set_payload(content.decode("latin-1"))
    part["Content-Type"] = "text/plain; charset=latin-1"
    part["Content-Transfer-Encoding"] = "8bit"
    return part


def get_header(part: Message, name: str) -> str:
    """Give a header as text; empty where there is none, or none that can be read."""
    try:
        values = [str(value) for value in part.get_all(name, ())]
    except Exception:  # noqa: BLE001 - Python's parser raises many kinds over what is no header
        values = [str(value) for key, value in part.raw_items() if key.lower() == name.lower()]
    return " ".join(" ".join(values).split())


def get_file_name(part: Message) -> str:
    """Give the name under which a part is attached; empty where there is none that can be read."""
    try:
        return part.get_filename() or ""
    except Exception:  # noqa: BLE001 - as above
        return ""


def read_content(part: Message) -> bytes:
    """Give what a part holds, decoded; of a part that Python has taken apart, its text again."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        content = part.get_payload(decode=True)
        return content if isinstance(content, bytes) else b""
    if part.is_multipart() and part.get_content_maintype() == "multipart":
        return b""
    whole = b"\n".join(inner.as_bytes(policy=policy.compat32) for inner in payload if isinstance(inner, Message))
    if not _is_encoded(part):
        return whole
    alone = Message(policy.compat32)
    alone["Content-Transfer-Encoding"] = get_header(part, "Content-Transfer-Encoding")
    alone.set_payload(whole.strip().decode("ascii", "replace"))
    content = alone.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def read_text(part: Message) -> str:
    """Give the text of a part that has one, without the marks of HTML; empty of whatever else."""
    kind = part.get_content_type()
    if part.get_content_maintype() not in ("text", "message") or kind in ("message/rfc822", "message/global"):
        return ""
    text = decode_text(read_content(part)[: 4 * LONGEST_TEXT], _get_charset(part))[:LONGEST_TEXT]
    return _without_marks(text) if kind == "text/html" else text


def _get_charset(part: Message) -> str | None:
    try:
        return part.get_content_charset()
    except Exception:  # noqa: BLE001 - as above
        return None


def decode_text(content: bytes, charset: str | None = None) -> str:
    """Read bytes as text: by their mark, by what is said of them, or else as what they may be."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        charset = "utf-16"
    for name in (charset, "utf-8-sig"):
        try:
            return content.decode(name or "ascii")
        except (UnicodeError, LookupError, ValueError):
            continue
    return content.decode("latin-1")


def _without_marks(html: str) -> str:
    shown: list[str] = []
    # Within which element, whose text nobody is shown.
    hidden = ""
    for piece in _TAG.split(html):
        if not piece.startswith("<"):
            shown.append("" if hidden else piece)
        elif hidden:
            hidden = "" if piece.lower().startswith(f"</{hidden}") else hidden
        elif match := _HIDDEN.match(piece):
            hidden = match[1].lower()
        elif _LINE_TAGS.match(piece):
            shown.append("\n")
    return unescape("".join(shown))


def find_leaves(parts: list[Message]) -> Iterator[tuple[Message, bytes]]:
    """Give each part that holds something, with what it holds; what is packed in a part is a part of its own."""
    for part in parts:
        if not isinstance(part.get_payload(), list) and not _within(part):
            yield part, read_content(part)
