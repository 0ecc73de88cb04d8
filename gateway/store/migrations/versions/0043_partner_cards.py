"""How partners' cards travel: when each was last asked for its card, what refused it, and which of ours it holds."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    op.create_table(
        "partner_cards",
        sa.Column("authority", sa.String(3), primary_key=True),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("asked_at", sa.DateTime(timezone=True)),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("trouble", sa.Text()),
        sa.Column("taken_at", sa.DateTime(timezone=True)),
        sa.Column("taken_by", sa.String(20)),
        sa.Column("refused", sa.String(60)),
        sa.Column("refused_at", sa.DateTime(timezone=True)),
        sa.Column("offered_at", sa.DateTime(timezone=True)),
        sa.Column("offered", sa.Integer()),
        sa.Column("held", sa.Integer()),
    )
