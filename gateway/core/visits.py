"""What officers write down about a case: a note, a visit and what came of it, a decision. It is never sent."""

from enum import StrEnum


class CaseNoteKind(StrEnum):
    """What was written down."""

    NOTE = "note"
    VISIT = "visit"
    # Sharing would harm the child more than not sharing: Children Act 2004, section 16LA.
    NOT_SHARED = "not-shared"


class VisitResult(StrEnum):
    """What came of a visit."""

    CHILD_SEEN = "child-seen"
    FAMILY_SEEN = "family-seen"
    NO_ANSWER = "no-answer"
    MOVED = "moved"
    OTHER = "other"
