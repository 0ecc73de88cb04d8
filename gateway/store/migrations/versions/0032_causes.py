"""Why a message stands in its state, so that a page can say what really happened; of before, as far as the reason tells."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"

TOLD = "told to an officer of ours: "
SENT_ON = "sent on to "
AUTHORITY = 3  # digits
# A condition on a message of ours, and the cause that it had.
BEFORE = (
    (f"state = 'closed' AND reason LIKE '{TOLD}%'", f"'told:' || substr(reason, {len(TOLD) + 1})"),
    (
        f"state = 'closed' AND reason LIKE '{SENT_ON}%'",
        f"'redirected:' || substr(reason, {len(SENT_ON) + 1}, {AUTHORITY})",
    ),
    ("state = 'closed' AND reason = 'closed: accepted'", "'accepted'"),
    ("state = 'closed' AND reason = 'closed: handed over by telephone'", "'phone'"),
    ("state = 'concluded' AND reason IS NOT NULL", "'ended'"),
    ("state = 'rejected' AND reason IS NULL", "'officer'"),
    ("state = 'rejected' AND reason LIKE 'not accepted, by mail%'", "'email'"),
    ("state = 'rejected' AND reason LIKE 'refused there: %'", "'gateway'"),
    ("state = 'withdrawn' AND (reason LIKE 'corrected by %' OR reason LIKE 'asked again by %')", "'replaced'"),
    (
        "state = 'withdrawn' AND (reason = 'the child is located' OR reason LIKE 'the search has ended: %')",
        "'ended'",
    ),
)


def upgrade() -> None:
    for table in ("outbox", "inbox"):
        op.add_column(table, sa.Column("cause", sa.String(60)))
    for condition, cause in BEFORE:
        op.execute(f"UPDATE outbox SET cause = {cause} WHERE {condition}")
