"""What people here are called, and what they were called before: what somebody did stays under the name of that day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StaffNames:
    """What everybody is called, by the name under which they sign in."""

    now: Mapping[str, str]
    # What they were called before, and until when; the oldest first.
    before: Mapping[str, Sequence[tuple[datetime, str]]] = field(default_factory=dict)

    def list_at(self, at: datetime) -> Mapping[str, str]:
        """Return what everybody was called at that moment."""
        if not self.before:
            return self.now
        earlier = {
            name: next((called for until, called in names if at <= until), None) for name, names in self.before.items()
        }
        return {**self.now, **{name: called for name, called in earlier.items() if called}}
