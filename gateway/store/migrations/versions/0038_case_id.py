"""What names a case is called case_id in every table, as it is everywhere else."""

from alembic import op

revision = "0038"
down_revision = "0037"

TABLES = ("outbox", "inbox", "not_asked", "reviews", "assignments", "case_notes")


def upgrade() -> None:
    for table in TABLES:
        # Both databases rewrite the indexes with it, and neither reads a row.
        op.execute(f"ALTER TABLE {table} RENAME COLUMN conversation_id TO case_id")
