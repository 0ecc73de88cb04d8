"""Notices that officers write in the console."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "compositions",
        sa.Column("composition_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("draft_id", sa.String(length=36)),
        sa.Column("corrects", sa.String(length=36)),
        sa.Column("data_key", sa.LargeBinary()),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.Text()),
        sa.PrimaryKeyConstraint("composition_id"),
    )
    op.create_index("compositions_turn", "compositions", ["state", "changed_at"])
