"""What was sent in a table of its own, an index in the order in which deliveries are claimed, and what a notice replaces.

A change of state used to write the sealed message and our copy of it to the disk again, and a long queue was sorted for
every batch.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "outbox_contents",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.execute(
        "INSERT INTO outbox_contents (message_id, sealed, data_key, content) "
        "SELECT message_id, sealed, data_key, content FROM outbox"
    )
    op.drop_index("outbox_due", "outbox")
    with op.batch_alter_table("outbox") as outbox:
        for name in ("sealed", "data_key", "content"):
            outbox.drop_column(name)
        outbox.create_index("outbox_turn", ["state", "recipient", "due_at", "queued_at", "sequence", "message_id"])
    op.add_column("inbox", sa.Column("supersedes", sa.String(length=36), nullable=True))
