"""When people are away, and who stands in for them; what officers wrote down about a case."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    op.create_table(
        "absences",
        sa.Column("person", sa.String(80), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("deputy", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("person"),
    )
    op.create_table(
        "case_notes",
        sa.Column("note_id", sa.String(36), nullable=False),
        sa.Column("conversation_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("data_key", sa.LargeBinary()),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("note_id"),
    )
    op.create_index("case_notes_case", "case_notes", ["conversation_id", "at", "note_id"])
