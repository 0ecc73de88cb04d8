"""The index of our own children, the searches that came, and who may be the child."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "child_loads",
        sa.Column("load", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("children", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("load"),
    )
    op.create_table(
        "children",
        sa.Column("load", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("load", "number"),
    )
    op.create_table(
        "child_keys",
        sa.Column("load", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("load", "key", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "searches",
        sa.Column("sender", sa.String(length=3), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("came_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("state_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("load", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "message_id"),
    )
    op.create_index("searches_turn", "searches", ["load", "came_at", "message_id"])
    op.create_index("searches_state", "searches", ["state", "came_at", "message_id"])
    op.create_table(
        "matches",
        sa.Column("sender", sa.String(length=3), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("rank", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("strength", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "message_id", "rank"),
    )
    op.execute(  # those that came before, and wait
        "INSERT INTO searches (sender, message_id, kind, came_at, state, state_at, load)"
        " SELECT sender, message_id, kind, received_at, 'new', received_at, 0 FROM inbox"
        " WHERE kind IN ('WhereaboutsEnquiry', 'WhereaboutsUnknownNotice') AND state IN ('new', 'acknowledged') AND NOT test"
    )
