"""How far a Common Transfer File has come that we write."""

from enum import StrEnum


class TransferStage(StrEnum):
    """How far a file has come."""

    WAITING = "waiting"
    WRITTEN = "written"
    # The case system knew the child.
    MATCHED = "matched"
    # It knew the child, and holds something else of it: an officer decides there.
    CONFLICTS = "conflicts"
    # It did not know the child.
    UNMATCHED = "unmatched"
    # The notice was taken back, corrected or rejected before the file was written.
    DROPPED = "dropped"


ANSWERS = (TransferStage.MATCHED, TransferStage.CONFLICTS, TransferStage.UNMATCHED)
