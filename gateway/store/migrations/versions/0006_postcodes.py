"""The index of postcodes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "postcodes",
        sa.Column("postcode", sa.String(length=7), nullable=False),
        sa.Column("authority", sa.String(length=3), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("postcode"),
        sqlite_with_rowid=False,
    )
    op.create_index("postcodes_release", "postcodes", ["release"])
