"""A new identity key: which of ours each partner has confirmed, and a partner's own that waits to be confirmed.

And which process signs nothing, because its newest key was replaced elsewhere and has ended.
"""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0059"


def upgrade() -> None:
    op.add_column("partner_cards", sa.Column("held_identity", sa.String(64)))
    op.add_column("partner_cards", sa.Column("waiting_card", sa.Text))
    op.add_column("running_processes", sa.Column("signs", sa.Boolean, nullable=False, server_default=sa.true()))
