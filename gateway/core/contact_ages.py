"""How old the check of a contact is, and when it is due again. Pure: whoever looks passes the time in."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from gateway.core.findings import format_duration

# Half a year: people move on, and the number of a MASH is wanted on the worst day.
CHECK_EVERY = timedelta(days=180)


def list_due_roles(
    roles: Iterable[str], checked: Mapping[str, datetime], *, since: datetime, now: datetime
) -> list[str]:
    """List the roles whose contact is to be checked again.

    `checked`: when each was checked as it is now. `since`: from when on one that never was counts.
    """
    return [role for role in roles if now - checked.get(role, since) >= CHECK_EVERY]


def describe_check(checked_at: datetime | None, now: datetime) -> str:
    """Say how old the check of a contact is."""
    if checked_at is None:
        return "Not known when it was last checked"
    return f"Last checked on {checked_at:%d %b %Y}, {format_duration(now - checked_at)} ago"
