"""What a message says of its case and its time, and why a reply has no effect."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("inbox", sa.Column("said_case", sa.String(36)))
    op.add_column("inbox", sa.Column("created_at", sa.DateTime(timezone=True)))
    op.add_column("inbox", sa.Column("misfit", sa.String(10)))
    op.add_column("outbox", sa.Column("said_case", sa.String(36)))
    known = sa.text("said_case IS NOT NULL")
    op.create_index("inbox_said_case", "inbox", ["said_case"], sqlite_where=known, postgresql_where=known)
