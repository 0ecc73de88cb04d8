"""Under which storage key data keys are wrapped, and which processes hold it."""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    op.create_table(
        "storage_keys",
        sa.Column("kid", sa.String(80), primary_key=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_from", sa.DateTime(timezone=True)),
        sa.Column("rewrapped", sa.BigInteger, nullable=False),
        sa.Column("remaining", sa.BigInteger),
        sa.Column("unopened", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    )
    op.add_column("running_processes", sa.Column("storage_keys", sa.Text, nullable=False, server_default=""))
