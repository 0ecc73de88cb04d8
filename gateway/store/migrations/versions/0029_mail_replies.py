"""What comes by mail in answer to letters is kept, and what was accepted by mail is called so."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.create_table(
        "mail_replies",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("message_id", sa.String(36), nullable=False),
        sa.Column("came_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(10), nullable=False),
        sa.Column("domain", sa.String(253), nullable=False),
        sa.Column("from_there", sa.Boolean(), nullable=False),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.Column("by_machine", sa.Boolean(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.String(10), nullable=False),
        sa.Column("judgement", sa.String(20)),
        sa.Column("judged_at", sa.DateTime(timezone=True)),
        sa.Column("judged_by", sa.String(80)),
        sa.Column("data_key", sa.LargeBinary()),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("mail_replies_about", "mail_replies", ["message_id", "mark"], unique=True)
    op.create_index("mail_replies_waiting", "mail_replies", ["stage", "number"])
    # nobody signed these, and a machine may have written them: they close nothing, as before, and are called what they are
    op.execute("UPDATE outbox SET state = 'accepted-by-mail' WHERE state = 'acknowledged' AND protection <> 'sealed'")
