"""The acts that the audit log tells of, in a few words as a case shows them; `telling` has a sentence for each."""

READINGS = (
    "notice.read",
    "notice.read-in-full",
    "list.read",
    "match.read",
    "draft.read",
    "search.read",
    "composition.read",
    "reply.read",
)  # somebody saw what is said of a child

WORDS = {  # of what was done to a notice, a draft, a case
    "notice.queued": "queued",
    "notice.read": "read",
    "notice.read-in-full": "read in full, after the restriction was checked with the sender",
    "notice.withdrawn": "taken back",
    "receipt.verified": "their signed receipt came",
    "notice.sent": "handed over",
    "notice.rejected": "refused by them",
    "notice.failed": "given up",
    "notice.retried": "tried again",
    "notice.sealed-anew": "sealed again, with the true time",
    "notice.mail-came": "a mail came in answer",
    "notice.accepted-by-mail": "accepted by mail, as an officer of ours read; not signed for",
    "notice.not-accepted": "not accepted, as an officer of ours read in a mail",
    "notice.not-from-a-person": "a mail in answer was not from a person",
    "notice.came-back": "came back, after it was accepted by mail without a signature",
    "notice.answered": "answered by mail",
    "notice.handed-over": "handed over by telephone",
    "notice.outcome-told": "outcome told, and written down",
    "notice.sent-on": "sent on to another authority",
    "notice.escalated": "was for the service manager",
    "case.closed": "closed",
    "case.assigned": "assigned to somebody",
    "case.unassigned": "taken away from somebody",
    "case.stood-down": "stood down, with its whole search",
    "statement.difference": "differs from the partner's statement",
    "message.kept": "came, and was kept",
    "message.refused": "came, and was refused",
    "reply.without-effect": "does not fit, so it has no effect",
    "reply.read": "a reply by mail was read",
    "reply.judged": "a reply by mail was judged, to no effect",
    "reply.put-aside": "does not fit; it was looked at",
    "one.written": "written as a Common Transfer File",
    "one.answered": "answered by ONE",
    "draft.made": "made of a row",
    "draft.renewed": "made anew, as the row came again otherwise",
    "draft.read": "read",
    "draft.sent": "became a notice",
    "draft.discarded": "discarded",
    "search.matched": "matched against our children",
    "match.read": "its possible matches were read",
}


def in_words(act: str) -> str:
    """What was done; an act that has no words here is shown as it is called."""
    return WORDS.get(act, act)
