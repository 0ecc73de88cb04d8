"""What a notice of a leaver said, whom another draft is of, and which headings are read."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    for column in ("child", "person", "said"):
        op.add_column("intake", sa.Column(column, sa.String(64)))
    op.create_index("intake_child", "intake", ["child"])
    op.add_column("drafts", sa.Column("person", sa.String(64)))
    op.add_column("drafts", sa.Column("carried", sa.String(64)))
    op.add_column("drafts", sa.Column("corrects", sa.String(36)))
    op.create_table(
        "accepted_headings",
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("headings", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_by", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("kind", "digest"),
    )
