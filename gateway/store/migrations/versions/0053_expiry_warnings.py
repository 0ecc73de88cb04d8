"""Of which end which warning was given last."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0050"


def upgrade() -> None:
    op.create_table(
        "expiry_warnings",
        sa.Column("authority", sa.String(3), primary_key=True),
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("days", sa.Integer, nullable=False),
    )
