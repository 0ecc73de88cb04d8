"""By which version of the terms a message is found; those that are there have the first, and are renewed by a job."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    op.add_column("marked", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("marked_version", "marked", ["version", "number"])
