"""Legal holds, runs of the purge, and the figures that reports keep of what was purged; indexes of what is still held."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0043"

# As `gateway.store.tables` wrote moments and numbers of rows when this was made.
# PostgreSQL keeps samples of a column's values to plan by, also after they were deleted: of these it needs none. What is
# looked up by an index that is not unique keeps its samples: `Store.overwrite_deleted` renews them.
UNSAMPLED = {
    "outbox_contents": ("sealed", "data_key", "content"),
    "inbox": ("data_key", "content"),
    "marked": ("marks",),
    "intake": ("digest", "person", "said"),
    "drafts": ("digest", "said", "person", "carried", "data_key", "content"),
    "compositions": ("data_key", "content"),
    "calls": ("data_key", "content"),
    "case_notes": ("data_key", "content"),
    "not_asked": ("data_key", "content"),
    "mail_replies": ("data_key", "content", "mark"),
    "matches": ("data_key", "content"),
    "children": ("data_key", "content"),
    "api_answers": ("said", "data_key", "content"),
    "holds": ("data_key", "content"),
}
TYPES = dict.fromkeys(("digest", "person", "said", "carried"), "varchar(64)") | {"mark": "bigint"}
MOMENT = sa.DateTime(timezone=True)
SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("case_id", sa.String(36), primary_key=True),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("data_key", sa.LargeBinary),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "purge_runs",
        sa.Column("number", SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("cases", sa.Integer, nullable=False),
        sa.Column("records", sa.Integer, nullable=False),
        sa.Column("files", sa.Integer, nullable=False),
        sa.Column("overwritten", sa.Integer, nullable=False),
        sa.Column("leavers_until", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("trouble", sa.Text),
    )
    op.create_table(
        "kept_figures",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("direction", sa.String(4), primary_key=True),
        sa.Column("topic", sa.String(20), primary_key=True),
        sa.Column("code", sa.String(80), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
    held = sa.text("data_key IS NOT NULL")
    for name, table, columns in (
        ("inbox_held", "inbox", ["state_at", "case_id"]),
        ("outbox_contents_held", "outbox_contents", ["message_id"]),
    ):
        op.create_index(name, table, columns, sqlite_where=held, postgresql_where=held)
    op.create_index("intake_message", "intake", ["message_id"])
    op.create_index("drafts_message", "drafts", ["message_id"])
    if op.get_bind().dialect.name == "postgresql":
        for table, unsampled in UNSAMPLED.items():
            for column in unsampled:
                # To say again of which type it is drops the samples that are there, and rewrites nothing.
                op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {TYPES.get(column, 'bytea')}")
                op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")
