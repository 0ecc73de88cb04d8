"""What outside witnesses cosigned of the audit log, and how each answered last."""

import sqlalchemy as sa
from alembic import op

from gateway.store.migrations.append_only import refuse_changes

revision = "0059"
down_revision = "0056"


def upgrade() -> None:
    op.create_table(
        "cosignatures",
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("witness", sa.String(200), primary_key=True),
        sa.Column("cosigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("line", sa.Text, nullable=False),
    )
    refuse_changes("cosignatures")
    op.create_table(
        "outside_witnesses",
        sa.Column("witness", sa.String(200), primary_key=True),
        sa.Column("trouble", sa.String(20)),
        sa.Column("since", sa.DateTime(timezone=True)),
        sa.Column("holds", sa.BigInteger),
    )
