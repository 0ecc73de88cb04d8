"""Calls that were written down, and what was chased."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("handed_over_at", sa.DateTime(timezone=True)))
    op.create_table(
        "calls",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", sa.String(length=40)),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.Column("data_key", sa.LargeBinary()),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_calls_message_id", "calls", ["message_id"])
    op.create_table(
        "chased",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("missing", sa.String(length=20), nullable=False),
        sa.Column("step", sa.String(length=10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reminder_id", sa.String(length=36)),
        sa.Column("told_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("message_id", "missing", "step"),
    )
