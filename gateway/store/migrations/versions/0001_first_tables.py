"""The first tables, and the triggers that keep the audit log from being rewritten."""

import sqlalchemy as sa
from alembic import op

from gateway.store.migrations.append_only import refuse_changes
from gateway.store.tables import Instant

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("route", sa.String(length=20), nullable=False),
        sa.Column("ending", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index(op.f("ix_attempts_message_id"), "attempts", ["message_id"], unique=False)
    op.create_table(
        "audit_checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
        sa.UniqueConstraint("note"),
    )
    op.create_table(
        "audit_entries",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("about", sa.String(length=80), nullable=True),
        sa.Column("partner", sa.String(length=3), nullable=True),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("audit_entries_about", "audit_entries", ["about"], unique=False)
    op.create_index("audit_entries_at", "audit_entries", ["at"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "inbox",
        sa.Column("sender", sa.String(length=3), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("in_reply_to", sa.String(length=36), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("restriction", sa.String(length=20), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("shown_from", Instant(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "message_id"),
    )
    op.create_index("inbox_conversation", "inbox", ["conversation_id", "sequence"], unique=False)
    op.create_index("inbox_digest", "inbox", ["digest"], unique=False)
    op.create_index("inbox_message", "inbox", ["message_id"], unique=False)
    op.create_index("inbox_received", "inbox", ["received_at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("in_reply_to", sa.String(length=36), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.String(length=3), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("restriction", sa.String(length=20), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("queued_at", Instant(), nullable=False),
        sa.Column("queued_by", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("claimed_until", Instant(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_index("outbox_conversation", "outbox", ["conversation_id", "sequence"], unique=False)
    op.create_index("outbox_due", "outbox", ["state", "due_at"], unique=False)
    op.create_table(
        "partners",
        sa.Column("authority", sa.String(length=3), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=100), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("confirmed_at", Instant(), nullable=False),
        sa.Column("confirmed_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("authority"),
    )
    op.create_table(
        "receipts",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("issuer", sa.String(length=3), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=True),
        sa.Column("result", sa.String(length=10), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("receipts_digest", "receipts", ["digest"], unique=False)
    op.create_index("receipts_message", "receipts", ["message_id"], unique=False)
    op.get_bind().execute(sa.text("INSERT INTO audit_head (number, size, peaks) VALUES (1, 0, :none)"), {"none": b""})
    for table in ("audit_entries", "audit_checkpoints", "receipts", "attempts"):
        refuse_changes(table)
