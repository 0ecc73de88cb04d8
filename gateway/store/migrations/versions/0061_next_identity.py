"""A new identity key: which of ours each partner has confirmed, and a partner's own that waits to be confirmed."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0059"


def upgrade() -> None:
    op.add_column("partner_cards", sa.Column("held_identity", sa.String(64)))
    op.add_column("partner_cards", sa.Column("waiting_card", sa.Text))
