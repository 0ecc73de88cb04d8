"""The sealed messages or receipts in a mail, found by what they are: relays rename, wrap, sign, forward and re-encode attachments.

What was found is ours where its digest is the one in a file's name or in a Message-ID; or, where a relay has taken both away, where
each line says itself what it is. Nothing here is believed: every line proves itself, or is refused, where it is opened.
"""

import json
import re
from base64 import b64decode, urlsafe_b64decode
from binascii import Error as NoBase64
from collections.abc import Iterator, Sequence
from email.message import Message
from hashlib import sha256
from typing import Any

from adapters.mail_names import FILE, HOLDS
from adapters.mail_parts import decode_text, find_leaves, get_file_name, get_header
from adapters.route import Bundle

MOST_LINES = 1_000  # of a bundle; ours hold a hundred
LINE = re.compile(rb"(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]+){1,2}")  # base64url of {" and so on
SUBJECTS = {
    "sealed": "OFFICIAL-SENSITIVE: CME exchange, sealed messages from {}",
    "receipts": "OFFICIAL: CME exchange, receipts from {}",
}
_SUBJECT = re.compile(r"CME exchange, (?:sealed messages|receipts) from ([0-9]{3})$")
# between two lines of which the second holds nothing but more of the first
_WRAPPED = re.compile(rb"(?m)(?<=[A-Za-z0-9_.-])[ \t]*=?\n[ \t>]*(?!eyJ)(?=[A-Za-z0-9_.-]+[ \t]*=?$)")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]{16,}")

Known = tuple[str, str, str]  # who has sent it, its digest or the beginning of that, and what it holds


def find_bundle(parts: Sequence[Message], name: str) -> Bundle | None:
    """Find what a gateway sealed, whatever became of the mail around it; None where nothing in it can be ours."""
    known = set(_find_names(parts))
    leaves = [content for _, content in find_leaves(list(parts)) if content]
    for content in leaves:
        for said in _forms(content):
            digest = sha256(said).hexdigest()
            for sender, expected, kind in known:
                if digest.startswith(expected) and said.count(b"\n") <= MOST_LINES:
                    return Bundle(name, HOLDS[kind], sender, tuple(said.split(b"\n")))
    if known:
        return None
    return next(filter(None, (_by_itself(content, name) for content in leaves)), None)


def claims_to_be_ours(parts: Sequence[Message]) -> str | None:
    """Say which gateway a mail says that it comes from; None where it says no such thing."""
    for sender, _, _ in _find_names(parts):
        return sender
    mail = parts[0]
    if get_header(mail, "In-Reply-To") or get_header(mail, "References"):
        return None
    subject = _SUBJECT.search(get_header(mail, "Subject"))
    return subject[1] if subject else None


def _find_names(parts: Sequence[Message]) -> Iterator[Known]:
    for part in parts:
        for text in (get_file_name(part), get_header(part, "Message-ID")):
            for match in FILE.finditer(text):
                yield match["sender"], match["digest"].lower(), match["kind"].lower()


def _forms(content: bytes) -> Iterator[bytes]:
    """Undo, one after the other, what relays do to a file."""
    yield content
    plain = content.replace(b"\r\n", b"\n")
    yield plain
    yield plain.strip()
    text = decode_text(content).encode("utf-8", "replace").replace(b"\r\n", b"\n").strip()
    yield text
    yield b"\n".join(LINE.findall(_WRAPPED.sub(b"", text)))
    yield b"\n".join(LINE.findall(text))
    if again := _decode_again(text):
        yield again
        yield again.replace(b"\r\n", b"\n").strip()


def _decode_again(text: bytes) -> bytes | None:
    """Decode what was encoded twice, or whose header was taken away."""
    if not _BASE64.fullmatch(text):
        return None
    try:
        return b64decode(b"".join(text.split()), validate=True)
    except (NoBase64, ValueError):
        return None


def _by_itself(content: bytes, name: str) -> Bundle | None:
    for said in reversed(list(_forms(content))[1:]):
        lines = LINE.findall(said)
        told = {one for line in lines[:MOST_LINES] if (one := _tell(line))}
        if len(told) == 1 and lines and len(lines) <= MOST_LINES:
            [(kind, sender)] = told
            return Bundle(name, HOLDS[kind], sender, tuple(line for line in lines if _tell(line)))
    return None


def _tell(line: bytes) -> tuple[str, str] | None:
    """Say what a line says of itself: a sealed message or a receipt, and of whom."""
    halves = line.split(b".")
    head = _members(halves[0])
    if len(halves) == 2 and {"suite", "kid", "iss", "aud", "jti"} <= head.keys():
        return _named("sealed", head["iss"])
    if len(halves) == 3 and head.get("typ") == "cme-receipt+jwt":
        return _named("receipts", _members(halves[1]).get("iss"))
    return None


def _named(kind: str, sender: object) -> tuple[str, str] | None:
    return (kind, sender) if isinstance(sender, str) and re.fullmatch("[0-9]{3}", sender, re.ASCII) else None


def _members(text: bytes) -> dict[str, Any]:
    try:
        said = json.loads(urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
