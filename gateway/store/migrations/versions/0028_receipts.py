"""Receipts that are asked for after an answer came."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("receipt_due", sa.DateTime(timezone=True)))
    asked = sa.text("receipt_due IS NOT NULL")
    op.create_index(
        "outbox_unreceipted", "outbox", ["recipient", "receipt_due"], sqlite_where=asked, postgresql_where=asked
    )
