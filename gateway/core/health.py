"""How a gateway is, as values: figures only, and nothing of any child. `judging` says what is wrong with them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.delivery import DeliveryState
from gateway.core.findings import FindingLevel, HealthFinding, find_worst_level

WAITING = (DeliveryState.QUEUED, DeliveryState.SENT)  # not yet with the partner, as far as we know
STUCK = (DeliveryState.FAILED, DeliveryState.REJECTED)  # nothing more is tried
PASSWORDS = "password checks"  # stands among the loops only where a check took too long


@dataclass(frozen=True, slots=True)
class RouteHealth:
    """How it last went on one route to a partner."""

    route: str
    succeeded_at: datetime | None
    failed_at: datetime | None
    failing_since: datetime | None  # the first failure after the last success
    reason: str | None  # of the last failure
    code: str | None = None  # of its answer, where that held no receipt: `refused.405`, `answered.404`


@dataclass(frozen=True, slots=True)
class Expiry:
    """What of an authority's ends, and when."""

    authority: str
    what: str  # card, certificate, signing key, sealing key
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class PartnerHealth:
    """One partner: what waits for it, how its routes are, when what it has ends, how its clock stands to ours."""

    authority: str
    counts: dict[DeliveryState, int]  # of WAITING and STUCK
    oldest_waiting: datetime | None
    routes: tuple[RouteHealth, ...]
    expiries: tuple[Expiry, ...]
    clock_ahead: timedelta | None  # None: it never told us its time
    compared_at: datetime | None  # when its statement was last compared with our account
    due_since: datetime | None  # since when statements could have been compared; None: no route by which it is asked
    about_nothing: int = 0  # replies of it to what we do not know
    about_nothing_since: datetime | None = None

    @property
    def waiting(self) -> int:
        """Count the messages that are not yet with it."""
        return sum(self.counts.get(state, 0) for state in WAITING)

    @property
    def succeeded_at(self) -> datetime | None:
        """Return when something last went through, by any route."""
        return max((route.succeeded_at for route in self.routes if route.succeeded_at), default=None)

    @property
    def failing(self) -> RouteHealth | None:
        """Return the route that has failed for longest, where something waits and no route has worked since."""
        if not self.waiting:
            return None
        last = self.succeeded_at
        since = [(one.failing_since, one.route, one) for one in self.routes if one.failing_since]
        return min((one for one in since if last is None or one[0] > last), default=(None, "", None))[2]


@dataclass(frozen=True, slots=True)
class DiskHealth:
    """A file system on which we write; the fuller one, where there are two."""

    size: int  # bytes
    free: int


@dataclass(frozen=True, slots=True)
class DatabaseHealth:
    """The store."""

    trouble: str  # a sentence; empty: it answers
    size: int  # bytes
    current: bool  # it has the shape that this version needs


@dataclass(frozen=True, slots=True)
class LeftBehindHealth:
    """What lies somewhere and cannot be taken, of one kind: it holds up nothing else, and stays until somebody looks."""

    why: str
    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class FolderHealth:
    """A folder that we share with ONE."""

    name: str
    path: str
    trouble: str  # a sentence; empty: we may read and write there
    waiting: int
    oldest: datetime | None  # since when the oldest file lies there
    taken_at: datetime | None  # when something was last taken, by whoever takes it
    failed: int  # files that could not be read
    home: str = ""  # where in our home those that were taken lie, with the reports
    left: tuple[LeftBehindHealth, ...] = ()
    doubted: int = 0  # files that wait for a person


@dataclass(frozen=True, slots=True)
class MailboxHealth:
    """A mailbox that we hold for another authority."""

    owner: str
    bundles: int
    size: int  # bytes
    room: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class IndexHealth:
    """The index of our own children."""

    children: int
    at: datetime
    most_days: int  # an older one answers nothing by machine


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """One of the loops of a gateway that runs."""

    name: str
    looked_at: datetime
    late_at: datetime


@dataclass(frozen=True, slots=True)
class LogAlarm:
    """A partner's audit log is not the one that we saw."""

    authority: str
    sentence: str
    ring: str  # who there, and the number


@dataclass(frozen=True, slots=True)
class LogHealth:
    """Our audit log, as far as it can be said without reading it."""

    size: int  # entries
    covered: int  # by the newest checkpoint
    checkpoint_at: datetime | None
    alarms: tuple[LogAlarm, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """All of it, at one moment."""

    authority: str
    at: datetime
    partners: tuple[PartnerHealth, ...]
    expiries: tuple[Expiry, ...]  # of what is ours
    disk: DiskHealth
    database: DatabaseHealth
    folders: tuple[FolderHealth, ...]
    mailboxes: tuple[MailboxHealth, ...]
    index: IndexHealth | None
    loops: tuple[LoopHealth, ...]
    log: LogHealth
    findings: tuple[HealthFinding, ...] = ()

    @property
    def level(self) -> FindingLevel:
        """Return the level of the whole."""
        return find_worst_level(self.findings)

    @property
    def counts(self) -> dict[DeliveryState, int]:
        """Count how many messages wait or are stuck, by state."""
        return {state: sum(partner.counts.get(state, 0) for partner in self.partners) for state in (*WAITING, *STUCK)}

    @property
    def oldest_waiting(self) -> datetime | None:
        """Return since when the oldest message is not with its partner."""
        return min((partner.oldest_waiting for partner in self.partners if partner.oldest_waiting), default=None)

    @property
    def stopped(self) -> tuple[LoopHealth, ...]:
        """List the loops that have not looked when they should have."""
        return tuple(loop for loop in self.loops if loop.late_at < self.at)
