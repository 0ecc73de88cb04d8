"""How long each may take: the gateway's own deadlines, those of a kind of message, and those agreed with one partner."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.core import duties
from gateway.core.calendar import Calendar
from gateway.core.duties import Deadlines, Duty, Missing
from gateway.reconciliation import terms
from gateway.settings.config import Config


@dataclass(frozen=True, slots=True)
class Agreed:
    """Deadlines and calendars, as the settings have them."""

    own: str
    usual: Mapping[str, int]
    special: Mapping[str, Mapping[str, int]]  # by DfE code or kind of message; what a partner agreed to comes first
    calendars: Mapping[str, Calendar]

    def deadlines(self, kind: str, partner: str) -> Deadlines:
        """How long this partner and we give each other for a message of this kind."""
        said = {**self.usual, **self.special.get(kind, {}), **self.special.get(partner, {})}
        return replace(Deadlines(), **_named(said))

    def calendar(self, authority: str) -> Calendar:
        """The days of the authority that owes something; where we have no file for it, our own."""
        return self.calendars.get(authority) or self.calendars.get(self.own) or Calendar()

    def duty(self, missing: Missing, since: datetime, *, kind: str, partner: str, owed_by: str) -> Duty:
        """The duty with its dates."""
        return duties.duty(missing, since, self.calendar(owed_by), self.deadlines(kind, partner))


def read(config: Config) -> Agreed:
    """What is agreed. Raises ConfigProblem where a calendar cannot be read."""
    ours = config.deadlines
    usual = {
        "receipt_hours": ours.receipt_hours,
        "acknowledgement_days": ours.acknowledgement_days,
        "answer_days": ours.answer_days,
        "outcome_days": ours.outcome_days,
    }
    calendars = {code: terms.read(config.home / file) for code, file in config.calendars.items()}
    return Agreed(config.authority.code, usual, config.deadlines_of, calendars)


def _named(said: Mapping[str, int]) -> dict[str, Any]:
    days = {name.removesuffix("_days"): count for name, count in said.items() if name.endswith("_days")}
    return days | {"receipt": timedelta(hours=said["receipt_hours"])}
