"""How long each may take: the gateway's own deadlines, those of a kind of message, and those agreed with one partner."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from gateway.core import duties
from gateway.core.calendar import Calendar
from gateway.core.duties import Deadlines, Duty, Missing
from gateway.reconciliation import term_dates
from gateway.settings.config import Config

PLAIN = Calendar()  # neither closed days nor terms are known


@dataclass(frozen=True, slots=True)
class Agreed:
    """Deadlines and calendars, as the settings have them."""

    own: str
    deadlines: Callable[[str, str], Deadlines]  # for a message of this kind, with this partner; each is made once
    calendars: Mapping[str, Calendar]

    def calendar(self, authority: str) -> Calendar:
        """The days of the authority that owes something; where we have no file for it, our own."""
        return self.calendars.get(authority) or self.calendars.get(self.own) or PLAIN

    def duty(self, missing: Missing, since: datetime, *, kind: str, partner: str, owed_by: str) -> Duty:
        """The duty with its dates."""
        return duties.duty(missing, since, self.calendar(owed_by), self.deadlines(kind, partner))


def read(config: Config) -> Agreed:
    """What is agreed. Raises ConfigProblem where a calendar cannot be read."""
    ours, special = config.deadlines, config.deadlines_of
    usual = {
        "receipt_hours": ours.receipt_hours,
        "acknowledgement_days": ours.acknowledgement_days,
        "answer_days": ours.answer_days,
        "outcome_days": ours.outcome_days,
    }

    @cache
    def deadlines(kind: str, partner: str) -> Deadlines:
        """What a partner agreed to comes before what holds for a kind of message, and that before what is usual."""
        return _deadlines({**usual, **special.get(kind, {}), **special.get(partner, {})})

    calendars = {code: term_dates.read(config.home / file) for code, file in config.calendars.items()}
    return Agreed(config.authority.code, deadlines, calendars)


def _deadlines(said: Mapping[str, int]) -> Deadlines:
    return Deadlines(
        timedelta(hours=said["receipt_hours"]), said["acknowledgement_days"], said["answer_days"], said["outcome_days"]
    )
