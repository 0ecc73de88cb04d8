"""What expires some day: one table of kinds, and one schedule of warnings for all of them.

A warning falls due 60, 30, 14 and 7 days before, and then each day, because a partner needs the new one before the old
one ends. Health, the metrics, the console's pages of partners and the audit log all go by these two tables. What else
expires some day is one more row of `RULES`, and where it is measured.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from gateway.core.findings import HealthFinding, fail_check, pass_check, warn_check

A_DAY = timedelta(days=1)
CALL_KEEPER = "Call the keeper on a number you know."


class ExpiryLevel(IntEnum):
    """How much it presses."""

    NOT_YET = 0
    SOON = 1
    NOW = 2
    SHORTLY = 3
    AT_ONCE = 4
    ENDED = 5


# Days before the end on which a warning falls due, and how much it presses from then on. After the last, one each day.
SCHEDULE = (
    (60, ExpiryLevel.SOON),
    (30, ExpiryLevel.NOW),
    (14, ExpiryLevel.SHORTLY),
    (7, ExpiryLevel.AT_ONCE),
)
DAILY_FROM = SCHEDULE[-1][0]


class ExpiryKind(StrEnum):
    """What expires. A value is a part of the names of checks, and a label of metrics."""

    CARD = "card"
    CERTIFICATE = "certificate"
    SIGNING_KEY = "signing key"
    SEALING_KEY = "sealing key"
    STORAGE_KEY = "storage key"
    # With which emails to people are signed, or to which they are encrypted.
    LETTER_CERTIFICATE = "certificate for letters"
    # That we joined; its keeper publishes the next one.
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class Expiry:
    """One thing that expires: whose it is, which, and when."""

    authority: str
    kind: ExpiryKind
    # The number of a card, the id of a key, the beginning of the digest of a certificate, the scheme and
    # number of a directory. Nothing personal.
    id: str
    ends_at: datetime
    # Of a certificate: the kind of the route that pins it.
    route: str = ""
    # How long it is valid in all, where that may be short.
    life: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ExpiryRule:
    """What is done before one of this kind expires."""

    # Ours: on a page, and in a terminal.
    on_page: str
    in_terminal: str
    # What a partner must do.
    theirs: str


RULES: dict[ExpiryKind, ExpiryRule] = {
    ExpiryKind.CARD: ExpiryRule(
        "Renew the card on the server.", "Run `cme-gateway card renew`.", "They must renew their card."
    ),
    ExpiryKind.CERTIFICATE: ExpiryRule(
        "Renew the card on the server.",
        "Run `cme-gateway card renew`, after putting the next certificate into tls-next.pem if an authority issues it.",
        "They must renew their card.",
    ),
    ExpiryKind.SIGNING_KEY: ExpiryRule(
        "Replace the keys on the server.", "Run `cme-gateway keys rotate`.", "They must replace their keys."
    ),
    ExpiryKind.SEALING_KEY: ExpiryRule(
        "Replace the keys on the server.", "Run `cme-gateway keys rotate`.", "They must replace their keys."
    ),
    ExpiryKind.STORAGE_KEY: ExpiryRule(
        "Replace the storage key on the server.", "Run `cme-gateway keys rotate-storage`.", ""
    ),
    ExpiryKind.DIRECTORY: ExpiryRule(
        f"{CALL_KEEPER} They must publish a new one.",
        f"{CALL_KEEPER} They must publish a new one. If you keep it: `cme-gateway directory build`, sign and publish.",
        "",
    ),
    ExpiryKind.LETTER_CERTIFICATE: ExpiryRule(
        "Get a new certificate for emails to CME teams.",
        "Get a new one for [email] smime_certificate_file in gateway.toml.",
        "Ask for their new certificate, and add it.",
    ),
}


def count_days_left(ends: datetime, now: datetime) -> int:
    """Count the whole days until then; none once it has ended."""
    return max((ends - now) // A_DAY, 0)


def list_warnings(life: timedelta | None = None) -> list[tuple[int, ExpiryLevel]]:
    """List the warnings of what lives so long, as `SCHEDULE` does: none in the first half of its life but the last."""
    return [(days, level) for days, level in SCHEDULE if life is None or days * A_DAY <= life / 2 or days == DAILY_FROM]


def find_warning_due(ends: datetime, now: datetime, life: timedelta | None = None) -> int | None:
    """Return the last warning that has fallen due, as days before the end; None where none has.

    60, 30, 14, 7, and from then on the number of days that are left, down to 0. `life`: how long it is valid in all.
    """
    # The day that has begun counts.
    left = max(-((now - ends) // A_DAY), 0)
    return left if left <= DAILY_FROM else min((days for days, _ in list_warnings(life) if left <= days), default=None)


def get_expiry_level(ends: datetime, now: datetime, life: timedelta | None = None) -> ExpiryLevel:
    """Return how much the end presses now. `life`: how long it is valid in all."""
    if ends <= now:
        return ExpiryLevel.ENDED
    return max(
        (level for days, level in list_warnings(life) if ends - now <= days * A_DAY), default=ExpiryLevel.NOT_YET
    )


def check_expiry(name: str, ends: datetime, now: datetime, on_page: str, in_terminal: str = "") -> HealthFinding:
    """Return how Health names it: nothing is wrong before the first warning; from the last on, and after, it fails."""
    level = get_expiry_level(ends, now)
    if level is ExpiryLevel.ENDED:
        return fail_check(name, f"Expired on {ends:%d %b %Y}.", on_page, in_terminal)
    if level is ExpiryLevel.NOT_YET:
        return pass_check(name, f"Expires on {ends:%d %b %Y}")
    left = count_days_left(ends, now)
    says = (
        f"Expires{' soon,' if level >= ExpiryLevel.NOW else ''} on {ends:%d %b %Y}, in {left} day{'s' * (left != 1)}."
    )
    return (warn_check if level < ExpiryLevel.AT_ONCE else fail_check)(name, says, on_page, in_terminal)


def check_own_expiry(expiry: Expiry, now: datetime) -> HealthFinding:
    """Return how Health names one of ours."""
    rule = RULES[expiry.kind]
    named = expiry.kind if expiry.kind is ExpiryKind.LETTER_CERTIFICATE else f"our {expiry.kind}"
    return check_expiry(named, expiry.ends_at, now, rule.on_page, rule.in_terminal)
