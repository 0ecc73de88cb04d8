"""What a partner's last answer was, where it held no receipt."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.add_column("reached", sa.Column("code", sa.String(20)))
