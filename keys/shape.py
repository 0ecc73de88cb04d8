"""The shapes that values of a token may have.

What has another raises `jose.UnreadableToken`, which never leaves `keys`: whoever reads the token refuses it.
"""

import re
from typing import Any

from keys.jose import UnreadableToken

_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._-]{0,79})", re.ASCII)


def read_members(value: object, names: str, *, optional: str = "") -> dict[str, Any]:
    """Return an object with these members, all of them, and no other.

    Args:
        value: as JSON gave it.
        names: of the members, with spaces between them.
        optional: of members that may be missing, with spaces between them.

    Raises:
        UnreadableToken: it is no object, or has others.
    """
    if not isinstance(value, dict) or value.keys() - set(optional.split()) != set(names.split()):
        raise UnreadableToken("members")
    return value


def read_name(value: object) -> str:
    """Return an id, a code or a digest: letters, digits, `.`, `_`, `-`; nothing that could be a path or a header.

    It begins with a letter or a digit, and has at most 80 characters.

    Raises:
        UnreadableToken: it is anything else.
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise UnreadableToken("name")
    return value


def read_line(value: object, *, at_most: int = 200, or_empty: bool = False) -> str:
    """Return one line that can be printed: no control characters, no direction marks, no half of a surrogate pair.

    Args:
        value: as JSON gave it.
        at_most: characters.
        or_empty: whether it may be empty.

    Raises:
        UnreadableToken: it is anything else.
    """
    if not isinstance(value, str) or len(value) > at_most or not value.isprintable() or not (value or or_empty):
        raise UnreadableToken("text")
    return value


def read_count(value: object) -> int:
    """Return a whole number from nought.

    Raises:
        UnreadableToken: it is anything else, also a number with a point, or a truth.
    """
    if type(value) is not int or value < 0:
        raise UnreadableToken("number")
    return value


def read_rows(value: object, at_most: int) -> list[Any]:
    """Return a list of at most so many rows, which are not looked at.

    Raises:
        UnreadableToken: it is no list, or too long.
    """
    if not isinstance(value, list) or len(value) > at_most:
        raise UnreadableToken("list")
    return value


def read_one_of(value: object, words: str) -> str:
    """Return one of a few words.

    Args:
        value: as JSON gave it.
        words: those that are allowed, with spaces between them.

    Raises:
        UnreadableToken: it is none of them.
    """
    if not isinstance(value, str) or value not in words.split():
        raise UnreadableToken("word")
    return value


def read_digest(value: object) -> str:
    """Return a SHA-256 in lower-case hex.

    Raises:
        UnreadableToken: it is anything else.
    """
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{64}", value, re.ASCII):
        raise UnreadableToken("digest")
    return value


def read_text(value: object, at_most: int) -> str:
    """Return lines that can be printed, of `at_most` characters together; the text may be empty.

    Raises:
        UnreadableToken: it is anything else.
    """
    if not isinstance(value, str) or len(value) > at_most or not all(row.isprintable() for row in value.split("\n")):
        raise UnreadableToken("text")
    return value
