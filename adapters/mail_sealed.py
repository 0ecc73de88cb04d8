"""The sealed messages or receipts in a mail, found by what they are: relays rename, wrap, sign, forward and re-encode
attachments.

What was found is ours where its digest is the one in a file's name or in a Message-ID; or, where a relay has taken both
away, where each line says itself what it is. Nothing here is believed: every line proves itself, or is refused, where
it is opened.
"""

import json
import re
from base64 import b64decode, urlsafe_b64decode
from binascii import Error as NoBase64
from binascii import a2b_uu
from collections.abc import Iterator, Sequence
from contextlib import suppress
from email.message import Message
from hashlib import sha256
from itertools import islice
from typing import Any

from adapters.mail_names import FILE, HOLDS
from adapters.mail_parts import decode_text, find_leaves, get_file_name, get_header
from adapters.route import Bundle

# Of a bundle; ours hold a hundred.
MOST_LINES = 1_000
# base64url of {" and so on.
LINE = re.compile(rb"(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]+){1,2}")
SUBJECTS = {
    "sealed": "OFFICIAL-SENSITIVE: CME exchange, sealed messages from {}",
    "receipts": "OFFICIAL: CME exchange, receipts from {}",
}
_SUBJECT = re.compile(r"CME exchange, (?:sealed messages|receipts) from ([0-9]{3})$")
# between two lines of which the second holds nothing but more of the first
_WRAPPED = re.compile(rb"(?m)(?<=[A-Za-z0-9_.-])[ \t]*=?\n[ \t>]*(?!eyJ)(?=[A-Za-z0-9_.-]+[ \t]*=?$)")
# Of base64 in one part: a mail that is shown as a text has one for each of its parts.
MOST_BLOCKS = 20
_BASE64 = re.compile(rb"(?m)^(?:[A-Za-z0-9+/]{40,100}\n)*[A-Za-z0-9+/]{16,100}={0,2}$")
_UUENCODED = re.compile(rb"(?m)^begin [0-7]{3,4} [^\n]{0,300}\n")

# Who has sent it, its digest or the beginning of that, and what it holds.
Known = tuple[str, str, str]


def find_bundle(parts: Sequence[Message], name: str) -> Bundle | None:
    """Find what a gateway sealed, whatever became of the mail around it; None where nothing in it can be ours."""
    known = set(_find_names(parts))
    leaves = [content for _, content in find_leaves(list(parts)) if content]
    for content in leaves:
        for form in _forms(content):
            digest = sha256(form).hexdigest()
            for sender, expected, kind in known:
                if digest.startswith(expected) and form.count(b"\n") <= MOST_LINES:
                    return Bundle(name, HOLDS[kind], sender, tuple(form.split(b"\n")))
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
    """Undo, one after the other, what relays do to a file; of what can be none of ours, little is tried."""
    yield content
    plain = content.replace(b"\r\n", b"\n")
    yield plain
    yield plain.strip()
    if b"eyJ" in content or b"e\0y\0J" in content:
        text = _as_utf_8(content)
        yield text
        yield b"\n".join(_find_lines(_WRAPPED.sub(b"", text)))
        yield b"\n".join(_find_lines(text))
    if b"ZXlK" in content or b"begin " in content:
        for again in _decode_again(plain):
            yield again
            yield _as_utf_8(again)


def _as_utf_8(content: bytes) -> bytes:
    return decode_text(content).encode("utf-8", "replace").replace(b"\r\n", b"\n").strip()


def _find_lines(text: bytes) -> list[bytes]:
    return [match[0] for match in islice(LINE.finditer(text), MOST_LINES + 1)]


def _decode_again(text: bytes) -> Iterator[bytes]:
    """Decode what was encoded twice, or stands encoded in a text: blocks of base64, and files of uuencode."""
    for match in islice(_BASE64.finditer(text), MOST_BLOCKS):
        with suppress(NoBase64, ValueError):
            yield b64decode(b"".join(match[0].split()), validate=True)
    begin = _UUENCODED.search(text)
    end = text.find(b"\nend", begin.end()) if begin else -1
    if begin and end > 0:
        with suppress(NoBase64, ValueError):
            yield b"".join(a2b_uu(line) for line in text[begin.end() : end].splitlines() if line.strip())


def _by_itself(content: bytes, name: str) -> Bundle | None:
    """Find lines that say what they are, where no digest says what there was."""
    for form in (content, *_decode_again(content.replace(b"\r\n", b"\n"))):
        lines = _find_lines(_WRAPPED.sub(b"", _as_utf_8(form)))
        told = {kind_and_sender for line in lines[:MOST_LINES] if (kind_and_sender := _tell(line))}
        if len(told) == 1 and len(lines) <= MOST_LINES:
            [(kind, sender)] = told
            return Bundle(name, HOLDS[kind], sender, tuple(line for line in lines if _tell(line)))
    return None


def _tell(line: bytes) -> tuple[str, str] | None:
    """Say what a line says of itself: a sealed message, a card or a receipt, and of whom."""
    halves = line.split(b".")
    head = _members(halves[0])
    if len(halves) == 2 and {"suite", "kid", "iss", "aud", "jti"} <= head.keys():
        return _named("sealed", head["iss"])
    if len(halves) == 3 and head.get("typ") == "cme-receipt+jwt":
        return _named("receipts", _members(halves[1]).get("iss"))
    # A card comes among messages.
    if len(halves) == 3 and head.get("typ") == "cme-card+jwt":
        return _named("sealed", _members(halves[1]).get("iss"))
    return None


def _named(kind: str, sender: object) -> tuple[str, str] | None:
    return (kind, sender) if isinstance(sender, str) and re.fullmatch("[0-9]{3}", sender, re.ASCII) else None


def _members(text: bytes) -> dict[str, Any]:
    try:
        members = json.loads(urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}
