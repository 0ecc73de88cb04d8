"""The acts of the audit log by which somebody saw what is said of a child; `labels` has words for the timeline,
`audit_sentences` sentences.
"""

# Somebody saw what is said of a child.
READINGS = (
    "notice.read",
    "notice.read-in-full",
    "list.read",
    "children.read",
    "list.exported",
    "match.read",
    "draft.read",
    "search.read",
    "composition.read",
    "reply.read",
    "subject-access.made",
)
