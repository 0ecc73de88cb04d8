"""The blind index by which notices are found; those that are there already are to be put into it."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "marked",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("lies", sa.String(length=4), nullable=False),
        sa.Column("partner", sa.String(length=3), nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("marked_message", "marked", ["message_id", "lies", "partner"], unique=True)
    op.create_table(
        "marks",
        sa.Column("mark", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("mark", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "unmarked",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("lies", sa.String(length=4), nullable=False),
        sa.Column("partner", sa.String(length=3), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_with_rowid=False,
    )
    op.create_index("unmarked_message", "unmarked", ["message_id"])
    op.execute(  # numbered below whatever comes, the newest first
        "INSERT INTO unmarked (number, message_id, lies, partner)"
        " SELECT -ROW_NUMBER() OVER (ORDER BY at DESC, message_id DESC), message_id, lies, partner FROM ("
        "SELECT message_id, 'sent' AS lies, recipient AS partner, queued_at AS at FROM outbox"
        " UNION ALL SELECT message_id, 'came', sender, received_at FROM inbox) AS before_the_index"
    )
