"""What has become of a draft: a leaver at whom an officer must look."""

from enum import StrEnum


class DraftState(StrEnum):
    """The state of a draft."""

    OPEN = "open"
    SENT = "sent"
    DISCARDED = "discarded"
