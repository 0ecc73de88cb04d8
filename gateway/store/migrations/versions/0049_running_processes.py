"""With which card, keys and settings each process of a gateway runs."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0047"


def upgrade() -> None:
    op.create_table(
        "running_processes",
        sa.Column("process", sa.String(80), primary_key=True),
        sa.Column("card_serial", sa.BigInteger, nullable=False),
        sa.Column("signing_key", sa.String(80), nullable=False),
        sa.Column("settings", sa.String(64), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
    )
