"""Checkpoints of partners' audit logs, and statements of theirs that are evidence."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "witnessed",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("authority", sa.String(length=3), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True)),
        sa.Column("alarm", sa.String(length=20)),
        sa.Column("against", sa.Text()),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
    op.create_index("witnessed_size", "witnessed", ["authority", "size", "number"])
    alarms = sa.text("alarm IS NOT NULL")
    op.create_index(
        "witnessed_alarms", "witnessed", ["authority", "number"], sqlite_where=alarms, postgresql_where=alarms
    )
    op.create_table(
        "statements",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("issuer", sa.String(length=3), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
    )
