"""What the checkpoints of a partner's audit log say together: may this one stand beside those that we saw?

A note bears no date, but the receipt that brings it is signed over both, and dated. Provable, by the two notes alone,
is a fork: one size with two roots. That a log got shorter is shown by two dated receipts: of a later one, the
checkpoint may be a little older (the partner may have several processes, each with the newest that it knows), but not
by more than GRACE. Receipts also arrive out of order, so one that was *made* earlier may always be smaller. That a
longer log continues a shorter one is shown by a consistency proof only, which has to be asked for.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# A gateway signs every ten seconds; what is older than this is no slow process.
GRACE = timedelta(minutes=10)


class LogContradiction(StrEnum):
    """In what way a partner's log is not the one that we saw."""

    FORK = "fork"
    ROLLBACK = "rollback"
    NO_PROOF = "no-proof"


@dataclass(frozen=True, slots=True)
class SeenCheckpoint:
    """A checkpoint whose signature holds, and when the receipt that brought it was made."""

    size: int
    root: bytes
    note: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class BroughtCheckpoint:
    """A checkpoint as a partner's signed word brought it: the note, not verified yet, and when that word was signed."""

    note: str
    made_at: datetime


def find_contradiction(
    new: SeenCheckpoint, *, same_size: SeenCheckpoint | None, largest: SeenCheckpoint | None
) -> LogContradiction | None:
    """Return how it contradicts the one of its size, or the largest that we saw. None proves no more than that."""
    if same_size is not None and same_size.root != new.root:
        return LogContradiction.FORK
    if largest is not None and new.size < largest.size and new.made_at > largest.made_at + GRACE:
        return LogContradiction.ROLLBACK
    return None
