"""Which process of the gateway each loop belongs to. The rows are of gateways that run, and are written anew by them."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    op.drop_table("loops")
    op.create_table(
        "loops",
        sa.Column("process", sa.String(80), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("late_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("process", "name"),
    )
