"""The blind index: what is locked is found by marks, which say nothing to whoever lacks our key.

A mark is 64 bits of HMAC-SHA256 (RFC 2104) of a term and its kind, so a surname has never the mark of a forename. 64,
because that is what a database keeps and compares as one number: a million messages have some three million marks, and
one that is asked for in vain is among them by chance once in 10^12 times. Sixteen bytes would double the index and
change nothing that is seen.

What marks do tell whoever has the database without the key: which messages have a term in common, and how many. The
commonest mark is likely the commonest surname. So they go when the message goes (`gateway/store/blind_index.py`), and
are in no message or export.
"""

from collections.abc import Iterable

from keys.digests import Purpose
from keys.ring import Ring


def compute_marks(terms: Iterable[tuple[str, str]], ring: Ring) -> tuple[int, ...]:
    """Return the marks of these terms, once each and in rising order.

    A database writes what is in order faster. A mark is a whole number of 64 bits with a sign.

    Args:
        terms: each a kind, as "surname", and a value. Only what is spelt the same has the same mark.
        ring: our keys. Its root makes the marks, so they do not change when keys rotate.
    """
    texts = (f"{kind}\0{value}" for kind, value in terms)
    return tuple(sorted(ring.digests.compute_numbers(Purpose.MARK, texts)))
