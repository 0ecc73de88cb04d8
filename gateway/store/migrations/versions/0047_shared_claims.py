"""Which process tries a delivery, and wrong secrets by address: what several processes have to know of each other."""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0045"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("claimed_by", sa.String(80)))
    op.create_table(
        "wrong_tries",
        sa.Column("entrance", sa.String(20), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("entrance", "address"),
    )
