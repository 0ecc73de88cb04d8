"""Messages about the safety of a child stand first, and are announced once."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.add_column("inbox", sa.Column("urgent", sa.Boolean()))
    op.create_table(
        "alerts",
        sa.Column("sender", sa.String(3), primary_key=True),
        sa.Column("message_id", sa.String(36), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True)),
        sa.Column("waits", sa.Boolean(), nullable=False),
    )
    untold = sa.text("told_at IS NULL")
    op.create_index("alerts_untold", "alerts", ["at"], sqlite_where=untold, postgresql_where=untold)
    op.create_index(
        "alerts_waiting", "alerts", ["at"], sqlite_where=sa.text("waits = 1"), postgresql_where=sa.text("waits")
    )
