"""Browsers from which people signed in before, which wrong tries of others do not hold up."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "devices",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("person", sa.String(80), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("digest", "person"),
    )
    op.create_index("ix_devices_person", "devices", ["person"])
    op.create_index("ix_devices_seen_at", "devices", ["seen_at"])
