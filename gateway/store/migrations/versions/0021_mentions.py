"""Of an entry that is about several notices, such as a list in which names were shown, each of them; and what waits, in its order."""

import sqlalchemy as sa
from alembic import op

from gateway.store.migrations.append_only import refuse_changes

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "audit_mentions",
        sa.Column("about", sa.String(length=80), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("about", "number"),
        sqlite_with_rowid=False,
    )
    refuse_changes("audit_mentions")
    op.create_index("inbox_standing", "inbox", ["state", "received_at", "message_id"])
