"""Authorities that a search could not ask are kept as a list to call; officers may be told of new work by email."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    op.create_table(
        "not_asked",
        sa.Column("conversation_id", sa.String(36), nullable=False),
        sa.Column("authority", sa.String(3), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_by", sa.String(80), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True)),
        sa.Column("result", sa.String(40)),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("recorded_by", sa.String(80)),
        sa.Column("data_key", sa.LargeBinary()),
        sa.Column("content", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("conversation_id", "authority"),
    )
    op.create_table(
        "officer_mails",
        sa.Column("person", sa.String(80), nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("choice", sa.String(10), nullable=False),
        sa.Column("daily_at", sa.String(5), nullable=False),
        sa.Column("told_entry", sa.BigInteger(), nullable=False),
        sa.Column("begun_entry", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True)),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("failed_as", sa.String(200)),
        sa.PrimaryKeyConstraint("person"),
    )
