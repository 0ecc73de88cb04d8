"""Common Transfer Files that are to be written, or were."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "transfer_files",
        sa.Column("sender", sa.String(length=3), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("file", sa.String(length=40), nullable=True),
        sa.Column("shortened", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "message_id"),
    )
    op.create_index("transfer_files_due", "transfer_files", ["state", "due_at", "message_id"])
    op.create_index("transfer_files_number", "transfer_files", ["sender", "number"], unique=True)
    op.create_index("transfer_files_file", "transfer_files", ["file", "number"])
    op.create_index("transfer_files_newest", "transfer_files", ["due_at", "message_id"])
