"""On PostgreSQL, reminders were noted and never queued: these notes go, so that what is still due is asked for."""

from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    op.execute(
        "DELETE FROM chased WHERE step = 'reminded' AND reminder_id IS NOT NULL"
        " AND reminder_id NOT IN (SELECT message_id FROM outbox)"
    )
