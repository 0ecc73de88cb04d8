"""Of files that held another authority's private key beside its certificate, the certificate alone is kept."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

CERTIFICATE = re.compile(r"-----BEGIN ([A-Z0-9 ]*CERTIFICATE)-----.*?-----END \1-----\n?", re.DOTALL)
correspondents = sa.table("correspondents", sa.column("authority", sa.Text), sa.column("certificate", sa.Text))


def upgrade() -> None:
    connection = op.get_bind()
    exposed = sa.select(correspondents).where(correspondents.c.certificate.contains("PRIVATE KEY"))
    for authority, file in connection.execute(exposed).all():
        alone = "".join(found[0] for found in CERTIFICATE.finditer(file))
        mine = correspondents.c.authority == authority
        connection.execute(sa.update(correspondents).where(mine).values(certificate=alone))
