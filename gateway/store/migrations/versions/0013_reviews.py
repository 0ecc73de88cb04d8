"""The fourteen-day review of children whose whereabouts are unknown. Searches that stand are under it from their first day."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

BEGAN = """
INSERT INTO reviews (conversation_id, at, kind, "by", asked_again)
SELECT conversation_id, MIN(queued_at), 'began', 'cme-gateway', 0 FROM outbox
WHERE kind IN ('WhereaboutsEnquiry', 'WhereaboutsUnknownNotice') AND state <> 'withdrawn' AND NOT test
GROUP BY conversation_id
"""
ENDED = """
INSERT INTO reviews (conversation_id, at, kind, "by", asked_again)
SELECT outbox.conversation_id, MAX(audit_entries.at), 'ended', MAX(audit_entries.actor), 0
FROM audit_entries JOIN outbox ON outbox.message_id = audit_entries.about
WHERE audit_entries.act = 'case.stood-down' GROUP BY outbox.conversation_id
"""


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("checked", sa.Text()),
        sa.Column("asked_again", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=40)),
        sa.Column("decided_by", sa.String(length=80)),
    )
    op.create_index("reviews_case", "reviews", ["conversation_id", "number"])
    op.execute(BEGAN)
    op.execute(ENDED)
