"""What our index of children says to a search that came."""

from enum import StrEnum


class MatchState(StrEnum):
    """What our index says to a search."""

    # It was not asked yet.
    NEW = "new"
    MATCHED = "matched"
    # Nothing that a machine may say: an officer looks.
    PERSON = "person"
    NONE = "none"
    # By machine.
    ANSWERED = "answered"
    # Answered by a person, or taken back by its sender.
    ENDED = "ended"


FOR_PEOPLE = (MatchState.MATCHED, MatchState.PERSON)
