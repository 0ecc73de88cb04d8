"""Directories of schemes that we joined, their members, what was found out of keepers; by what a partner is trusted."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"

AUTHORITY = sa.String(3)
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for column in (
        sa.Column("trusted_by", sa.String(80)),
        sa.Column("suspended_at", MOMENT),
        sa.Column("suspended_by", sa.String(80)),
        sa.Column("switched_off_at", MOMENT),
    ):
        op.add_column("partners", column)
    op.create_table(
        "directories",
        sa.Column("scheme", sa.String(80), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("url", sa.Text()),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("history", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("joined_at", MOMENT, nullable=False),
        sa.Column("joined_by", sa.String(80), nullable=False),
        sa.Column("taken_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT),
        sa.Column("asked_at", MOMENT),
        sa.Column("trouble", sa.Text()),
        sa.Column("refused", sa.String(60)),
        sa.Column("refused_at", MOMENT),
    )
    op.create_table(
        "directory_members",
        sa.Column("scheme", sa.String(80), primary_key=True),
        sa.Column("authority", AUTHORITY, primary_key=True),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("successor", AUTHORITY),
        sa.Column("fingerprint", sa.String(100), nullable=False),
        sa.Column("conflict", sa.String(20)),
        sa.Column("left_out_at", MOMENT),
    )
    op.create_table(
        "directory_forks",
        sa.Column("scheme", sa.String(80), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("source", AUTHORITY),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.Column("ours", sa.Text(), nullable=False),
        sa.Column("theirs", sa.Text(), nullable=False),
    )
    op.create_table(
        "directory_words",
        sa.Column("scheme", sa.String(80), primary_key=True),
        sa.Column("authority", AUTHORITY, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("said_at", MOMENT, nullable=False),
        sa.Column("differs", sa.Boolean(), nullable=False),
    )
