"""Indexes for what is asked with every message that comes, and for the newest first: nothing reads a whole table."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("outbox_queued", "outbox", ["queued_at", "message_id"])
    op.drop_index("inbox_received", "inbox")
    op.create_index("inbox_received", "inbox", ["received_at", "message_id"])
    for name, column in (("inbox_supersedes", "supersedes"), ("inbox_answers", "in_reply_to")):
        given = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "inbox", [column], sqlite_where=given, postgresql_where=given)
