"""By what we know our own mails again, in whatever a relay, a mail program or a person has made of them.

A letter has a reference, which people wrap, quote, and write small. A bundle is a file, whose name relays cut, renew,
or write large.
"""

import re
from collections.abc import Iterator
from typing import Literal

FILE = re.compile(
    r"(?<![0-9])(?P<sender>[0-9]{3})-(?P<digest>[0-9a-f]{32,64})\.(?P<kind>sealed|receipts)", re.IGNORECASE
)
# A line that was wrapped, and quoted.
_BREAK = r"[\s>|]*"
# As mail programs write it.
_HYPHEN = r"[-\u2010-\u2015\u2212\ufe58\ufe63\uff0d]"
REFERENCE = re.compile(rf"CME(?:{_BREAK}{_HYPHEN}{_BREAK}[A-Z2-7]{{4}}){{4}}(?![A-Z2-7])", re.IGNORECASE)
TICKET = re.compile(rf"{REFERENCE.pattern}|{FILE.pattern}", re.IGNORECASE)
# Signs without width, wherever they stand.
UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
HOLDS: dict[str, Literal["messages", "receipts"]] = {"sealed": "messages", "receipts": "receipts"}


def find_tickets(text: str) -> Iterator[str]:
    """Find every reference and bundle that a text names, as we write them, in its order."""
    for match in TICKET.finditer(UNSEEN.sub("", text)):
        if match["digest"]:
            yield match[0].lower()
        else:
            letters = re.sub(r"[^A-Z2-7]", "", match[0].upper().removeprefix("CME"))
            yield "-".join(("CME", *(letters[at : at + 4] for at in range(0, 16, 4))))
