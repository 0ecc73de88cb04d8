"""Letters to authorities that have no gateway."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "correspondents",
        sa.Column("authority", sa.String(length=3), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("protection", sa.String(length=20), nullable=False),
        sa.Column("certificate", sa.Text()),
        sa.Column("telephone", sa.String(length=40), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("authority"),
    )
    op.add_column("outbox", sa.Column("protection", sa.String(length=20), nullable=False, server_default="sealed"))
    op.add_column("attempts", sa.Column("ticket", sa.String(length=100)))
    given = sa.text("ticket IS NOT NULL")
    op.create_index("attempts_ticket", "attempts", ["ticket"], sqlite_where=given, postgresql_where=given)
