"""What officers write down about a case: a note, or a visit and what came of it. It is never sent."""

from enum import StrEnum


class CaseNoteKind(StrEnum):
    """What was written down."""

    NOTE = "note"
    VISIT = "visit"


class VisitResult(StrEnum):
    """What came of a visit."""

    CHILD_SEEN = "child-seen"
    FAMILY_SEEN = "family-seen"
    NO_ANSWER = "no-answer"
    MOVED = "moved"
    OTHER = "other"
