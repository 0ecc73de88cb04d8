"""What `health` says, in the form that Prometheus reads (exposition format 0.0.4).

The registry is made for one scrape and forgotten, so nothing is global. Labels are an authority's code, a route, a
state, the kind and id of what expires: nothing of any child, and some series a partner. docs/reference/metrics.md has
the same list; a test holds the two together.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.core.expiry import A_DAY
from gateway.core.findings import FindingLevel
from gateway.core.health import Health, PartnerHealth

PREFIX = "cme_gateway_"


class _Once(Collector):
    """One look, as a registry asks for it."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from list_families(self._health)


def render_metrics(health: Health) -> bytes:
    """Return the text of one scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(health))
    return generate_latest(registry)


def list_families(health: Health) -> Iterator[Metric]:
    """Yield every metric, in the order of docs/reference/metrics.md. What is not known has no sample."""
    yield from _build_queue(health)
    yield from _build_partners(health.partners, health.at)
    yield from _build_expiries(health)
    yield from _build_machine(health)
    yield from _build_folders(health)
    yield from _build_log(health)
    levels = [finding.level for finding in health.findings]
    yield _build_gauge(
        "findings", "Checks of health, by level.", [((level,), levels.count(level)) for level in FindingLevel], "state"
    )


def _build_queue(health: Health) -> Iterator[Metric]:
    states = [((state.value,), float(count)) for state, count in health.counts.items()]
    yield _build_gauge("messages", "Messages not delivered yet, not delivered or rejected, by state.", states, "state")
    yield _build_value(
        "oldest_waiting_seconds", "Age of the oldest message that is not delivered yet.", _find_age(health)
    )
    last = max((partner.succeeded_at for partner in health.partners if partner.succeeded_at), default=None)
    yield _build_value(
        "last_sent_timestamp_seconds", "When a message was last delivered to any partner.", _get_timestamp(last)
    )


def _find_age(health: Health) -> float:
    return _count_seconds(health.oldest_waiting, health.at) or 0.0


def _count_seconds(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max(0.0, (now - since).total_seconds())


def _get_timestamp(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _build_partners(partners: Iterable[PartnerHealth], now: datetime) -> Iterator[Metric]:
    counts = [
        ((partner.authority, state.value), float(n)) for partner in partners for state, n in partner.counts.items()
    ]
    yield _build_gauge(
        "partner_messages", "The same for each partner; no sample means none.", counts, "authority", "state"
    )
    oldest = [((partner.authority,), _count_seconds(partner.oldest_waiting, now)) for partner in partners]
    yield _build_gauge(
        "partner_oldest_waiting_seconds", "Age of the oldest message waiting for a partner.", oldest, "authority"
    )
    failing = [((partner.authority,), _count_failing_seconds(partner, now)) for partner in partners]
    says = "How long nothing has been delivered to a partner with waiting messages."
    yield _build_gauge("partner_failing_seconds", says, failing, "authority")
    for name, says, moment in (
        ("success", "When a message was last delivered by a route.", "succeeded_at"),
        ("failure", "When an attempt by a route last failed.", "failed_at"),
    ):
        samples = [((p.authority, r.route), _get_timestamp(getattr(r, moment))) for p in partners for r in p.routes]
        yield _build_gauge(f"route_last_{name}_timestamp_seconds", says, samples, "authority", "route")
    ahead = [((p.authority,), p.clock_ahead.total_seconds()) for p in partners if p.clock_ahead is not None]
    yield _build_gauge(
        "clock_skew_seconds", "How far a partner's clock is ahead of this server's clock.", ahead, "authority"
    )
    compared = [((partner.authority,), _get_timestamp(partner.compared_at)) for partner in partners]
    says = "When records were last compared with a partner."
    yield _build_gauge("statement_last_compared_timestamp_seconds", says, compared, "authority")


def _count_failing_seconds(partner: PartnerHealth, now: datetime) -> float:
    return (_count_seconds(partner.failing.failing_since, now) or 0.0) if partner.failing else 0.0


def _build_expiries(health: Health) -> Iterator[Metric]:
    every = [*health.expiries, *(expiry for partner in health.partners for expiry in partner.expiries)]
    samples = [((it.authority, it.kind.value, it.id), (it.ends_at - health.at) / A_DAY) for it in every]
    says = "Days until a card, key or certificate expires; below 0, it has expired."
    yield _build_gauge("expiry_days", says, samples, "authority", "kind", "id")


def _build_machine(health: Health) -> Iterator[Metric]:
    yield _build_value("disk_size_bytes", "Size of the fuller disk that the gateway writes to.", health.disk.size)
    yield _build_value("disk_free_bytes", "Free space on it.", health.disk.free)
    yield _build_value("database_up", "1: the database answers.", not health.database.trouble)
    yield _build_value("database_current", "1: it has the shape that this version needs.", health.database.current)
    yield _build_value("database_size_bytes", "Size of the database.", health.database.size)
    yield _build_value("loops", "Background jobs that should run.", len(health.loops))
    yield _build_value("loops_stopped", "Background jobs that have not run when they should have.", len(health.stopped))


def _build_folders(health: Health) -> Iterator[Metric]:
    oldest = min((folder.oldest for folder in health.folders if folder.oldest), default=None)
    taken = max((folder.taken_at for folder in health.folders if folder.taken_at), default=None)
    waiting = sum(folder.waiting for folder in health.folders)
    yield _build_value("one_files_waiting", "Files in the folders shared with ONE.", waiting)
    yield _build_value(
        "one_oldest_file_seconds", "Age of the oldest of them.", _count_seconds(oldest, health.at) or 0.0
    )
    yield _build_value(
        "one_last_taken_timestamp_seconds", "When a file was last taken from there.", _get_timestamp(taken)
    )
    failed = sum(folder.failed for folder in health.folders)
    yield _build_value("one_files_failed", "Files that could not be read.", failed)
    doubted = sum(folder.doubted for folder in health.folders)
    yield _build_value("one_files_doubted", "Files that need to be checked.", doubted)
    yield _build_value("one_folders_away", "Folders that do not exist, or cannot be written.", _count_away(health))
    held = health.mailboxes
    bundles = [((mailbox.owner,), float(mailbox.bundles)) for mailbox in held]
    yield _build_gauge("mailbox_bundles", "Bundles in a mailbox hosted here.", bundles, "authority")
    sizes = [((mailbox.owner,), float(mailbox.size)) for mailbox in held]
    yield _build_gauge("mailbox_size_bytes", "Its size.", sizes, "authority")
    ages = [((mailbox.owner,), _count_seconds(mailbox.oldest, health.at)) for mailbox in held]
    yield _build_gauge("mailbox_oldest_seconds", "Age of the oldest bundle in it.", ages, "authority")
    index = health.index
    age = _count_seconds(index.at, health.at) if index else None
    yield _build_value("index_age_seconds", "Age of the pupil index.", age)
    purged = _count_seconds(health.retention.since, health.at) if health.retention else None
    yield _build_value("retention_age_seconds", "Time since old cases were last deleted.", purged)
    most = index.most_days * 86_400.0 if index else None
    yield _build_value("index_age_limit_seconds", "From this age, nothing is answered automatically by it.", most)


def _count_away(health: Health) -> int:
    return sum(bool(folder.trouble) for folder in health.folders)


def _build_log(health: Health) -> Iterator[Metric]:
    entries = CounterMetricFamily(f"{PREFIX}audit_entries", "Entries of the audit log.")
    entries.add_metric([], health.log.size)
    yield entries
    yield _build_value(
        "audit_uncovered_entries", "Entries that have not been signed yet.", health.log.size - health.log.covered
    )
    age = _count_seconds(health.log.checkpoint_at, health.at)
    yield _build_value("audit_checkpoint_age_seconds", "Age of the newest checkpoint.", age)
    yield _build_value(
        "audit_alarms", "Partners whose audit log does not match earlier copies.", len(health.log.alarms)
    )
    age = _count_seconds(health.log.witnessed.at, health.at) if health.log.witnessed else None
    yield _build_value("audit_cosigned_age_seconds", "Time since enough outside witnesses cosigned.", age)


def _build_value(name: str, says: str, value: float | None) -> Metric:
    return _build_gauge(name, says, [((), value)])


def _build_gauge(name: str, says: str, samples: Iterable[tuple[tuple[str, ...], float | None]], *labels: str) -> Metric:
    made = GaugeMetricFamily(f"{PREFIX}{name}", says, labels=labels)
    for values, value in samples:
        if value is not None:
            made.add_metric(values, value)
    return made
