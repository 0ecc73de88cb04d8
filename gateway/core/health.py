"""How a gateway is, as values: figures only, and nothing of any child. `health_rules` says what is wrong with them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.delivery import DeliveryState
from gateway.core.expiry import Expiry, ExpiryLevel, get_expiry_level
from gateway.core.findings import FindingLevel, HealthFinding, find_worst_level
from gateway.core.storage_rotation import StorageKey
from gateway.core.witness_answers import WitnessTrouble

# Not yet with the partner, as far as we know.
WAITING = (DeliveryState.QUEUED, DeliveryState.SENT)
# Nothing more is tried.
STUCK = (DeliveryState.FAILED, DeliveryState.REJECTED)
# Stands among the loops only where a check took too long.
PASSWORDS = "password checks"


@dataclass(frozen=True, slots=True)
class RouteHealth:
    """How it last went on one route to a partner."""

    route: str
    succeeded_at: datetime | None
    failed_at: datetime | None
    # The first failure after the last success.
    failing_since: datetime | None
    # Of the last failure.
    reason: str | None
    # Of its answer, where that held no receipt: `refused.405`, `answered.404`.
    code: str | None = None


@dataclass(frozen=True, slots=True)
class CardHealth:
    """How the newest card of one partner comes to us, and ours to it."""

    asked_at: datetime | None = None
    # Why it gave none the last time; empty: it gave one.
    trouble: str = ""
    # Why the last was not taken; empty: it was.
    refused: str = ""
    # By how many our own card is behind the one that it holds, as after a backup was restored here.
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class PartnerHealth:
    """One partner: what waits for it, how its routes are, when what it has ends, how its clock stands to ours."""

    authority: str
    # Of WAITING and STUCK.
    counts: dict[DeliveryState, int]
    oldest_waiting: datetime | None
    routes: tuple[RouteHealth, ...]
    expiries: tuple[Expiry, ...]
    # None: it never told us its time.
    clock_ahead: timedelta | None
    # When its statement was last compared with our account.
    compared_at: datetime | None
    # Since when statements could have been compared; None: no route by which it is asked.
    due_since: datetime | None
    # Replies of it to what we do not know.
    about_nothing: int = 0
    about_nothing_since: datetime | None = None
    # Who there, and the number; empty: none is known.
    ring: str = ""
    card: CardHealth = CardHealth()
    # Its identity key was revoked, and it has no new one yet.
    is_withdrawn: bool = False
    # It announced a new identity key, which nobody here has confirmed; it has not confirmed ours.
    is_identity_waiting: bool = False
    lacks_our_identity: bool = False

    @property
    def waiting(self) -> int:
        """Count the messages that are not yet with it."""
        return sum(self.counts.get(state, 0) for state in WAITING)

    @property
    def given_up(self) -> int:
        """Count the messages that nobody tries any more."""
        return self.counts.get(DeliveryState.FAILED, 0)

    @property
    def succeeded_at(self) -> datetime | None:
        """Return when something last went through, by any route."""
        return max((route.succeeded_at for route in self.routes if route.succeeded_at), default=None)

    @property
    def failing(self) -> RouteHealth | None:
        """Return the route that has failed for longest, where something has not got there and no route worked since.

        What was given up counts too, or a partner whom nothing reaches would look well once all of it was.
        """
        if not self.waiting and not self.given_up:
            return None
        last = self.succeeded_at
        since = [(route.failing_since, route.route, route) for route in self.routes if route.failing_since]
        return min((failure for failure in since if last is None or failure[0] > last), default=(None, "", None))[2]


@dataclass(frozen=True, slots=True)
class DiskHealth:
    """A file system on which we write; the fuller one, where there are two."""

    # Bytes.
    size: int
    free: int


@dataclass(frozen=True, slots=True)
class DatabaseHealth:
    """The store."""

    # A sentence; empty: it answers.
    trouble: str
    # Bytes.
    size: int
    # It has the shape that this version needs.
    current: bool


@dataclass(frozen=True, slots=True)
class LeftBehindHealth:
    """What lies somewhere and cannot be taken, of one kind: it holds up nothing else, and stays until
    somebody looks.
    """

    why: str
    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class FolderHealth:
    """A folder that we share with ONE."""

    name: str
    path: str
    # A sentence; empty: we may read and write there.
    trouble: str
    waiting: int
    # Since when the oldest file lies there.
    oldest: datetime | None
    # When something was last taken, by whoever takes it.
    taken_at: datetime | None
    # Files that could not be read.
    failed: int
    # Where in our home those that were taken lie, with the reports.
    home: str = ""
    left: tuple[LeftBehindHealth, ...] = ()
    # Files that wait for a person.
    doubted: int = 0
    # Since when nothing was taken, and after how many days that is a warning; 0: never.
    quiet_since: datetime | None = None
    quiet_days: int = 0


@dataclass(frozen=True, slots=True)
class MailboxHealth:
    """A mailbox that we hold for another authority."""

    owner: str
    bundles: int
    # Bytes.
    size: int
    room: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class IndexHealth:
    """The index of our own children."""

    children: int
    at: datetime
    # An older one answers nothing by machine.
    most_days: int


@dataclass(frozen=True, slots=True)
class RetentionHealth:
    """The purge of what has passed its retention time."""

    # When it was last finished; where it never was, since when it might have been.
    since: datetime
    never: bool = False
    # A sentence: why the last one was not finished.
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class SuspendedHealth:
    """A partner with which nothing is exchanged for now."""

    authority: str
    since: datetime
    # The person who did it here; empty: the directory of a scheme did it.
    by: str
    scheme: str
    # Messages to it.
    waiting: int
    # The authority that follows it, as a directory has it, and our open transfer notices to it.
    successor: str | None = None
    following: int = 0


@dataclass(frozen=True, slots=True)
class MemberHealth:
    """A member of a directory that is not here as the directory has it."""

    authority: str
    status: str
    # "identity", "gateway"; empty: only its status is another.
    conflict: str
    successor: str | None = None


@dataclass(frozen=True, slots=True)
class ForkHealth:
    """A keeper signed two directories of one version."""

    version: int
    # Which member showed the other; None: the keeper itself.
    source: str | None
    found_at: datetime


@dataclass(frozen=True, slots=True)
class DirectoryHealth:
    """The directory of a scheme that we joined."""

    scheme: str
    name: str
    version: int
    created_at: datetime
    expires_at: datetime
    members: int
    # It is fetched over HTTPS.
    is_fetched: bool
    asked_at: datetime | None = None
    trouble: str = ""
    # A sentence: why the last that came was refused.
    refused: str = ""
    # Of members, by what the directory says of them.
    unlike: tuple[MemberHealth, ...] = ()
    forks: tuple[ForkHealth, ...] = ()
    # Who names another digest for a version that we know, without proof.
    doubted_by: tuple[str, ...] = ()
    # How many members said that they hold this very version.
    agreeing: int = 0
    # It does not list us with our next identity key yet.
    lacks_our_identity: bool = False


@dataclass(frozen=True, slots=True)
class LoopHealth:
    """One of the loops of a gateway that runs."""

    name: str
    looked_at: datetime
    late_at: datetime
    # Which of several processes runs it; empty: the one that is asked.
    process: str = ""


@dataclass(frozen=True, slots=True)
class ProcessHealth:
    """With what a process of this gateway runs that serves now."""

    name: str
    card_serial: int
    signing_key: str
    # A digest.
    settings: str
    # The ids of those that it holds.
    storage_keys: tuple[str, ...] = ()
    # False: that key has ended, so it signs nothing.
    signs: bool = True


@dataclass(frozen=True, slots=True)
class LogAlarm:
    """A partner's audit log is not the one that we saw."""

    authority: str
    sentence: str
    # Who there, and the number.
    ring: str
    # What they signed since; None where nothing.
    restored: "RestoreHealth | None" = None


@dataclass(frozen=True, slots=True)
class RestoreHealth:
    """A gateway was restored: when, or when that was noticed, and of when its backup is, if that is known."""

    at: datetime
    backup_at: datetime | None
    # The partner that holds a later log of ours; empty where it is said otherwise.
    holder: str = ""


@dataclass(frozen=True, slots=True)
class OutsideWitnessHealth:
    """How an outside witness of our audit log answered last."""

    # As the file of witnesses calls it.
    name: str
    # None: it is well, or was not asked yet.
    trouble: WitnessTrouble | None
    since: datetime | None
    # How many entries it holds, where those are more than ours.
    holds: int | None = None


@dataclass(frozen=True, slots=True)
class WitnessedHealth:
    """Who, outside, cosigns our audit log: each witness, and how far enough of them have cosigned."""

    witnesses: tuple[OutsideWitnessHealth, ...]
    # Entries, and when; 0 and None: enough never have.
    size: int
    at: datetime | None
    # Is any cosignature needed at all?
    needed: bool = True


@dataclass(frozen=True, slots=True)
class LogHealth:
    """Our audit log, as far as it can be said without reading it."""

    # Entries.
    size: int
    # By the newest checkpoint.
    covered: int
    checkpoint_at: datetime | None
    alarms: tuple[LogAlarm, ...]
    # Of our own gateway, in the last thirty days.
    restores: tuple[RestoreHealth, ...] = ()
    # None where no outside witness is asked.
    witnessed: WitnessedHealth | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """All of it, at one moment."""

    authority: str
    at: datetime
    partners: tuple[PartnerHealth, ...]
    # Of what is ours.
    expiries: tuple[Expiry, ...]
    disk: DiskHealth
    database: DatabaseHealth
    folders: tuple[FolderHealth, ...]
    mailboxes: tuple[MailboxHealth, ...]
    index: IndexHealth | None
    loops: tuple[LoopHealth, ...]
    log: LogHealth
    retention: RetentionHealth | None = None
    processes: tuple[ProcessHealth, ...] = ()
    storage_keys: tuple[StorageKey, ...] = ()
    directories: tuple[DirectoryHealth, ...] = ()
    suspended: tuple[SuspendedHealth, ...] = ()
    findings: tuple[HealthFinding, ...] = ()

    @property
    def level(self) -> FindingLevel:
        """Return the level of the whole."""
        return find_worst_level(self.findings)

    @property
    def counts(self) -> dict[DeliveryState, int]:
        """Count how many messages wait or are stuck, by state."""
        return {state: sum(partner.counts.get(state, 0) for partner in self.partners) for state in (*WAITING, *STUCK)}

    def list_next_expiries(self) -> list[Expiry]:
        """List what expires, the first first: all of ours, and of partners what is within the time of warnings."""
        theirs = (expiry for partner in self.partners for expiry in partner.expiries)
        pressing = (it for it in theirs if get_expiry_level(it.ends_at, self.at, it.life) is not ExpiryLevel.NOT_YET)
        return sorted((*self.expiries, *pressing), key=lambda expiry: expiry.ends_at)

    @property
    def oldest_waiting(self) -> datetime | None:
        """Return since when the oldest message is not with its partner."""
        return min((partner.oldest_waiting for partner in self.partners if partner.oldest_waiting), default=None)

    @property
    def stopped(self) -> tuple[LoopHealth, ...]:
        """List the loops that have not looked when they should have."""
        return tuple(loop for loop in self.loops if loop.late_at < self.at)
