"""What people are called, and by the audit log what they were called before."""

import json
from datetime import datetime

from sqlalchemy import Connection

from gateway.core.staff_names import StaffNames
from gateway.store import audit_log, people

# A person changes it once or twice in a life.
MOST = 10_000


def read_staff_names(tx: Connection) -> StaffNames:
    """Read what everybody is called, and was called before."""
    before: dict[str, list[tuple[datetime, str]]] = {}
    for entry in reversed(audit_log.list_newest_entries(tx, act="person.called", limit=MOST)):
        before.setdefault(entry.about or "", []).append((entry.at, json.loads(entry.entry)["detail"]["from"]))
    return StaffNames({person.name: person.called for person in people.list_people(tx)}, before)
