"""Signs that nobody sees, and that change what is read: in a name, a terminal, a page, a mail, a table, a PDF.

Control characters, which a terminal obeys; marks that turn the direction of what follows (Unicode UAX 9); and what has
no width, so that two names look like one (UTS 39, 5). Refused where our own people write them, shown as [U+202E] where
others did.

Some are letters' own: joiners in Persian or Malayalam (RFC 5892, A.1 and A.2), variants of Chinese signs, the vowels of
Mongolian. Those pass where they stand as their script has them, and nowhere else.
"""

import re
from collections.abc import Callable, Iterator

from schemas.findings import Finding
from schemas.layout import is_ours, list_slots
from schemas.message import Message

CODE = "text.hidden-sign"
# Without tab, line feed and carriage return, which what is shown in lines may hold.
_NEVER = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_JOINERS, _VARIANTS, _MONGOLIAN_VARIANTS = "\u200c\u200d", "\ufe00-\ufe0f\U000e0100-\U000e01ef", "\u180b-\u180f"
_PICTURES = "\u2190-\u27ff\u2900-\u2bff\u3030\u303d\u3297\u3299\ufe0f\U0001f000-\U0001faff"
_MONGOLIAN = "\u1800-\u18af"
_IDEOGRAPHS = "\u2e80-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Scripts whose letters are joined, or have a sign that silences a vowel: Arabic and its kin, those of India, Myanmar,
# Khmer.
_JOINING = f"\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff{_MONGOLIAN}\ufb50-\ufdff\ufe70-\ufefc{_PICTURES}"
# Signs that silence a vowel (of combining class 9): after them a joiner is seen, also at the end of a word.
_SILENCING = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u1039\u103a\u17d2"
# Asked first: a search for one of many signs is some twenty times as fast as one that looks around each.
_MAYBE = re.compile(f"[{_NEVER}{_JOINERS}{_VARIANTS}{_MONGOLIAN_VARIANTS}]")
_HIDDEN = re.compile(
    f"[{_NEVER}]|(?<![{_SILENCING}])(?:(?<![{_JOINING}])[{_JOINERS}]|[{_JOINERS}](?![{_JOINING}]))"
    f"|(?<![{_IDEOGRAPHS}{_PICTURES}{_MONGOLIAN}\u1000-\u109f\ua840-\ua877])[{_VARIANTS}]"
    f"|(?<![{_MONGOLIAN}])[{_MONGOLIAN_VARIANTS}]"
)
# After which every sign that may be hidden is taken for one: no name needs a second.
PASSES = 4
# One that was shown, and is typed again.
SHOWN = re.compile(r"\[U\+[0-9A-F]{4,6}\]")


def find_hidden(text: str) -> str | None:
    """Find the first sign in a text that nobody sees, as U+202E; None where there is none."""
    match = _HIDDEN.search(text) if _MAYBE.search(text) else SHOWN.search(text)
    return (f"U+{ord(match[0]):04X}" if len(match[0]) == 1 else match[0].strip("[]")) if match else None


def replace_hidden(text: str, by: Callable[[str], str]) -> str:
    """Put something in the place of each such sign, and of those that nobody sees any more without it.

    Args:
        text: of any script.
        by: what to put for a sign, which it is given.
    """
    for _ in range(PASSES):
        if not _MAYBE.search(text) or (replaced := _HIDDEN.sub(lambda match: by(match[0]), text)) == text:
            return text
        text = replaced
    return _MAYBE.sub(lambda match: by(match[0]), text)


def show_hidden(text: str) -> str:
    """Write a text so that everything in it is seen: each hidden sign as its code in brackets."""
    return replace_hidden(text, name_hidden)


def name_hidden(sign: str) -> str:
    """Write the code of a sign in its place, as [U+202E]."""
    return f"[U+{ord(sign):04X}]"


def is_line(text: str) -> bool:
    """Is a text seen whole, and does it stand on one line?"""
    return find_hidden(text) is None and not any(sign in text for sign in "\t\n\r")


def say_hidden(sign: str) -> str:
    """Say what is to be done about such a sign, without quoting what it stands in, and without a full stop.

    Args:
        sign: its code, as `find_hidden` returns it.
    """
    return (
        f"There is a character that cannot be seen ({sign}), often copied from another document. Delete it, or type"
        " this again"
    )


def check_message(message: Message) -> list[Finding]:
    """List a finding for every element of a message that holds such a sign.

    It is asked of what we send; who receives such a sign shows it.
    """
    path = f"Message/{message.kind}"
    signs = [*_check(message.header, "Message/Header"), *_check(message.body, path)]
    return [Finding(CODE, "error", element, f"{say_hidden(sign)}.") for element, sign in signs]


def _check(value: object, path: str) -> Iterator[tuple[str, str]]:
    cls: type = type(value)
    for slot in list_slots(cls):
        inner = getattr(value, slot.field)
        for part in inner if slot.repeated else (() if inner is None else (inner,)):
            if is_ours(slot.kind):
                yield from _check(part, f"{path}/{slot.element}")
            elif isinstance(part, str) and (sign := find_hidden(part)):
                yield f"{path}/{slot.element}", sign
