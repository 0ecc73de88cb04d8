"""Replies that came in are filed: they have had their effect, and do not wait for an officer."""

from alembic import op

revision = "0004"
down_revision = "0003"

REPLIES = "'Acknowledgement', 'Outcome', 'WhereaboutsResponse', 'LocatedNotice', 'Withdrawal'"


def upgrade() -> None:
    op.execute(f"UPDATE inbox SET state = 'filed' WHERE state = 'new' AND kind IN ({REPLIES})")
