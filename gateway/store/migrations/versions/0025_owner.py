"""The database names the gateway whose records it holds; the first opening after this writes it down."""

import sqlalchemy as sa
from alembic import op

from gateway.store.migrations.append_only import refuse_changes

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "owner",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("authority", sa.String(3), nullable=False),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    refuse_changes("owner")
