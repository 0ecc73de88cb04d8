"""Backup codes: each stands once in the place of a code of the authenticator app, for whoever has no phone at hand.

Twelve digits, so that they fit into the same field as the app's six. They are stored as digests under a key that is not
in the database: whoever has the database alone cannot try them out.
"""

from secrets import randbelow

CODES, DIGITS = 10, 12


def new_codes() -> list[str]:
    """Return ten new codes, none of them twice."""
    codes = set[str]()
    while len(codes) < CODES:
        codes.add(f"{randbelow(10**DIGITS):0{DIGITS}}")
    return sorted(codes)


def format_code(code: str) -> str:
    """Return a code as it is printed: in groups of four."""
    return " ".join(code[at : at + 4] for at in range(0, len(code), 4))


def read_code(typed: str) -> str | None:
    """Return the code that was typed, with spaces and hyphens or without; None where it has not the form of one."""
    digits = typed.replace(" ", "").replace("-", "")
    return digits if len(digits) == DIGITS and digits.isascii() and digits.isdecimal() else None
