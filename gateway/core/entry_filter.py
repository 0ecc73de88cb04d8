"""Which entries of the audit log are asked for, where a few of the newest are enough."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Those of which all that is given holds."""

    about: str | None = None
    # One act, or with a dot at the end all of a kind.
    act: str | None = None
    actor: str | None = None
    partner: str | None = None
    since: datetime | None = None
