"""Roots of complete blocks of the audit log, so that a proof need not read it all; of the entries that are there, too."""

import sqlalchemy as sa
from alembic import op

from gateway.core.merkle import root
from gateway.store.migrations.append_only import refuse_changes

revision = "0022"
down_revision = "0021"
BLOCK = 1024


def upgrade() -> None:
    blocks = op.create_table(
        "audit_blocks",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("block"),
    )
    here = op.get_bind()
    size = here.scalar(sa.text("SELECT size FROM audit_head"))
    between = sa.text("SELECT leaf FROM audit_entries WHERE number >= :start AND number < :stop ORDER BY number")
    for block in range((size or 0) // BLOCK):
        its = here.execute(between, {"start": block * BLOCK, "stop": (block + 1) * BLOCK})
        here.execute(blocks.insert(), {"block": block, "root": root(bytes(row.leaf) for row in its)})
    refuse_changes("audit_blocks")
