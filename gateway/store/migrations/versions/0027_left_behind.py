"""What lies at a route and is not handled."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_table(
        "left_behind",
        sa.Column("route", sa.String(20), nullable=False),
        sa.Column("authority", sa.String(3), nullable=False),
        sa.Column("why", sa.String(300), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("route", "authority", "why"),
    )
