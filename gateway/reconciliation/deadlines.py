"""How long each may take: the gateway's own deadlines, those of a kind of message, and those agreed
with one partner.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from gateway.core import duties
from gateway.core.calendar import Calendar
from gateway.core.duties import Deadlines, Duty, Missing
from gateway.reconciliation import term_dates
from gateway.settings.config import Config
from schemas.message import MessageKind

# Neither closed days nor terms are known.
PLAIN = Calendar()


@dataclass(frozen=True, slots=True)
class AgreedTerms:
    """Deadlines and calendars, as the settings have them."""

    own: str
    # For a message of this kind (None: what is usual), with this partner; each is made once.
    deadlines: Callable[[MessageKind | None, str], Deadlines]
    calendars: Mapping[str, Calendar]

    def get_calendar(self, authority: str) -> Calendar:
        """Return the days of the authority that owes something; where we have no file for it, our own."""
        return self.calendars.get(authority) or self.calendars.get(self.own) or PLAIN

    def build_duty(self, missing: Missing, since: datetime, *, kind: MessageKind, partner: str, owed_by: str) -> Duty:
        """Return the duty with its dates."""
        return duties.build_duty(missing, since, self.get_calendar(owed_by), self.deadlines(kind, partner))


def read_terms(config: Config) -> AgreedTerms:
    """Read what is agreed. Raises ConfigProblem where a calendar cannot be read."""
    ours, special = config.deadlines, config.deadlines_of
    usual = {
        "receipt_hours": ours.receipt_hours,
        "acknowledgement_days": ours.acknowledgement_days,
        "answer_days": ours.answer_days,
        "outcome_days": ours.outcome_days,
    }

    @cache
    def get_deadlines(kind: MessageKind | None, partner: str) -> Deadlines:
        """Return what a partner agreed to, before what holds for a kind of message, and that before what is usual."""
        return _build_deadlines({**usual, **special.get(kind or "", {}), **special.get(partner, {})})

    calendars = {code: term_dates.read_calendar(config.home / file) for code, file in config.calendars.items()}
    return AgreedTerms(config.authority.code, get_deadlines, calendars)


def _build_deadlines(values: Mapping[str, int]) -> Deadlines:
    return Deadlines(
        receipt=timedelta(hours=values["receipt_hours"]),
        acknowledgement=values["acknowledgement_days"],
        answer=values["answer_days"],
        outcome=values["outcome_days"],
    )
