"""How it last went with each partner, and when each loop last looked."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "reached",
        sa.Column("authority", sa.String(length=3), nullable=False),
        sa.Column("route", sa.String(length=20), nullable=False),
        sa.Column("succeeded_at", sa.DateTime(timezone=True)),
        sa.Column("failed_at", sa.DateTime(timezone=True)),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text()),
        sa.Column("clock_ahead", sa.Integer()),
        sa.PrimaryKeyConstraint("authority", "route"),
    )
    op.create_table(
        "loops",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("late_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
