"""The audit log is reviewed by act, person, partner and reference, page by page: each way has an index that ends in the number."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.drop_index("audit_entries_about", "audit_entries")
    op.create_index("audit_entries_about", "audit_entries", ["about", "number"])
    op.create_index("audit_entries_tail", "audit_entries", [sa.text("substr(about, 25)")])
    op.create_index("audit_entries_act", "audit_entries", ["act", "number"])
    op.create_index("audit_entries_actor", "audit_entries", ["actor", "number"])
    op.create_index("audit_entries_partner", "audit_entries", ["partner", "number"])
