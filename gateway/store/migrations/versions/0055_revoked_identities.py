"""Identity keys of partners that people have revoked, and who on both sides."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"


def upgrade() -> None:
    op.create_table(
        "revoked_identities",
        sa.Column("authority", sa.String(3), primary_key=True),
        sa.Column("fingerprint", sa.String(80), primary_key=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_by", sa.String(80), nullable=False),
        sa.Column("told_by", sa.String(80), nullable=False),
    )
