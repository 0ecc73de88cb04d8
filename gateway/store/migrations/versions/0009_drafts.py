"""Rows of extracts that wait for an officer."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "drafts",
        sa.Column("draft_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("child", sa.String(length=64), nullable=False),
        sa.Column("said", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("file", sa.String(length=64), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data_key", sa.LargeBinary()),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.String(length=80)),
        sa.Column("discarded_as", sa.String(length=40)),
        sa.Column("message_id", sa.String(length=36)),
        sa.PrimaryKeyConstraint("draft_id"),
    )
    op.create_index("drafts_digest", "drafts", ["digest"], unique=True)
    op.create_index("drafts_child", "drafts", ["child", "state"])
    op.create_index("drafts_turn", "drafts", ["state", "made_at", "draft_id"])
