"""What an outside witness's answer to a checkpoint means: C2SP tlog-witness, `add-checkpoint`."""

from dataclasses import dataclass
from enum import StrEnum

# Digits of a size, as a checkpoint may have them.
MAX_DIGITS = 15


class WitnessTrouble(StrEnum):
    """Why a witness did not cosign."""

    # No answer, or one by which nothing can be told: the next hour may do.
    NOT_REACHED = "not-reached"
    UNKNOWN_LOG = "unknown-log"
    UNKNOWN_KEY = "unknown-key"
    # It answered that all is right, but its signature does not hold.
    NOT_SIGNED = "not-signed"
    # It cosigned more entries than our log has: the log was cut, or a backup put back.
    AHEAD = "ahead"
    # What it cosigned is not the beginning of our log: entries were changed, or a backup put back.
    CONTRADICTS = "contradicts"


# Only a person can explain these.
ALARMS = (WitnessTrouble.AHEAD, WitnessTrouble.CONTRADICTS)


@dataclass(frozen=True, slots=True)
class Agreed:
    """The witness says that it cosigned."""


@dataclass(frozen=True, slots=True)
class Holds:
    """The witness holds a checkpoint over so many entries: the proof must begin there."""

    size: int


def judge_answer(status: int, body: str, *, old: int, size: int) -> Agreed | Holds | WitnessTrouble:
    """Judge the answer to a checkpoint over `size` entries, whose proof began at `old`.

    Args:
        status: of HTTP.
        body: of the answer.
        old: the size that we said the witness holds.
        size: of the checkpoint.
    """
    match status:
        case 200:
            return Agreed()
        case 403:
            return WitnessTrouble.UNKNOWN_KEY
        case 404:
            return WitnessTrouble.UNKNOWN_LOG
        case 422:
            return WitnessTrouble.CONTRADICTS
        case 409:
            return _judge_conflict(body, old, size)
        case _:
            return WitnessTrouble.NOT_REACHED


def _judge_conflict(body: str, old: int, size: int) -> Holds | WitnessTrouble:
    digits = body.removesuffix("\n")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= MAX_DIGITS):
        # Of one size, but with another root: such an answer needs no number.
        return WitnessTrouble.CONTRADICTS if old == size else WitnessTrouble.NOT_REACHED
    holds = int(digits)
    if holds == old:
        return WitnessTrouble.CONTRADICTS
    return Holds(holds)
