"""What `health` says, in the form that Prometheus reads (exposition format 0.0.4).

The registry is made for one scrape and forgotten, so nothing is global. Labels are an authority's code, a route and a
state: nothing of any child, and no more series than partners. docs/reference/metrics.md has the same list; a test holds
the two together.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.core.findings import FindingLevel
from gateway.core.health import Expiry, Health, PartnerHealth

PREFIX = "cme_gateway_"
# The values of the labels, and the value.
Sample = tuple[tuple[str, ...], float]


class _Once(Collector):
    """One look, as a registry asks for it."""

    def __init__(self, found: Health) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from families(self._found)


def exposed(found: Health) -> bytes:
    """Return the text of one scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(found))
    return generate_latest(registry)


def families(found: Health) -> Iterator[Metric]:
    """Yield every metric, in the order of docs/reference/metrics.md. What is not known has no sample."""
    yield from _queue(found)
    yield from _partners(found.partners, found.at)
    yield from _expiries(found)
    yield from _machine(found)
    yield from _folders(found)
    yield from _log(found)
    levels = [one.level for one in found.findings]
    yield _gauge(
        "findings", "Checks of health, by level.", [((one,), levels.count(one)) for one in FindingLevel], "state"
    )


def _queue(found: Health) -> Iterator[Metric]:
    states = [((state.value,), float(count)) for state, count in found.counts.items()]
    yield _gauge("messages", "Messages not delivered yet, not delivered or rejected, by state.", states, "state")
    yield _value("oldest_waiting_seconds", "Age of the oldest message that is not delivered yet.", _age(found))
    last = max((one.succeeded_at for one in found.partners if one.succeeded_at), default=None)
    yield _value("last_sent_timestamp_seconds", "When a message was last delivered to any partner.", _moment(last))


def _age(found: Health) -> float:
    return _seconds(found.oldest_waiting, found.at) or 0.0


def _seconds(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max(0.0, (now - since).total_seconds())


def _moment(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _partners(partners: Iterable[PartnerHealth], now: datetime) -> Iterator[Metric]:
    counts = [((one.authority, state.value), float(n)) for one in partners for state, n in one.counts.items()]
    yield _gauge("partner_messages", "The same for each partner; no sample means none.", counts, "authority", "state")
    oldest = [((one.authority,), _seconds(one.oldest_waiting, now)) for one in partners]
    yield _gauge(
        "partner_oldest_waiting_seconds", "Age of the oldest message waiting for a partner.", oldest, "authority"
    )
    failing = [((one.authority,), _failing(one, now)) for one in partners]
    says = "How long nothing has been delivered to a partner with waiting messages."
    yield _gauge("partner_failing_seconds", says, failing, "authority")
    for name, says, moment in (
        ("success", "When a message was last delivered by a route.", "succeeded_at"),
        ("failure", "When an attempt by a route last failed.", "failed_at"),
    ):
        samples = [((p.authority, r.route), _moment(getattr(r, moment))) for p in partners for r in p.routes]
        yield _gauge(f"route_last_{name}_timestamp_seconds", says, samples, "authority", "route")
    ahead = [((p.authority,), p.clock_ahead.total_seconds()) for p in partners if p.clock_ahead is not None]
    yield _gauge("clock_skew_seconds", "How far a partner's clock is ahead of this server's clock.", ahead, "authority")
    compared = [((one.authority,), _moment(one.compared_at)) for one in partners]
    says = "When records were last compared with a partner."
    yield _gauge("statement_last_compared_timestamp_seconds", says, compared, "authority")


def _failing(one: PartnerHealth, now: datetime) -> float:
    return (_seconds(one.failing.failing_since, now) or 0.0) if one.failing else 0.0


def _expiries(found: Health) -> Iterator[Metric]:
    every = [*found.expiries, *(one for partner in found.partners for one in partner.expiries)]
    for name, kinds, says in (
        ("card", ("card",), "When a card expires, this authority's or a partner's."),
        ("certificate", ("certificate",), "When the certificate of an exchange port expires."),
        ("key", ("signing key", "sealing key"), "When the first of an authority's keys in use expires."),
    ):
        samples = _first(one for one in every if one.what in kinds)
        yield _gauge(f"{name}_expiry_timestamp_seconds", says, samples, "authority")


def _first(some: Iterable[Expiry]) -> list[Sample]:
    ends: dict[str, datetime] = {}
    for one in some:
        ends[one.authority] = min(one.ends_at, ends.get(one.authority, one.ends_at))
    return [((authority,), end.timestamp()) for authority, end in ends.items()]


def _machine(found: Health) -> Iterator[Metric]:
    yield _value("disk_size_bytes", "Size of the fuller disk that the gateway writes to.", found.disk.size)
    yield _value("disk_free_bytes", "Free space on it.", found.disk.free)
    yield _value("database_up", "1: the database answers.", not found.database.trouble)
    yield _value("database_current", "1: it has the shape that this version needs.", found.database.current)
    yield _value("database_size_bytes", "Size of the database.", found.database.size)
    yield _value("loops", "Background jobs that should run.", len(found.loops))
    yield _value("loops_stopped", "Background jobs that have not run when they should have.", len(found.stopped))


def _folders(found: Health) -> Iterator[Metric]:
    oldest = min((one.oldest for one in found.folders if one.oldest), default=None)
    taken = max((one.taken_at for one in found.folders if one.taken_at), default=None)
    waiting = sum(one.waiting for one in found.folders)
    yield _value("one_files_waiting", "Files in the folders shared with ONE.", waiting)
    yield _value("one_oldest_file_seconds", "Age of the oldest of them.", _seconds(oldest, found.at) or 0.0)
    yield _value("one_last_taken_timestamp_seconds", "When a file was last taken from there.", _moment(taken))
    failed = sum(one.failed for one in found.folders)
    yield _value("one_files_failed", "Files that could not be read.", failed)
    doubted = sum(one.doubted for one in found.folders)
    yield _value("one_files_doubted", "Files that need to be checked.", doubted)
    yield _value("one_folders_away", "Folders that do not exist, or cannot be written.", _away(found))
    held = found.mailboxes
    bundles = [((one.owner,), float(one.bundles)) for one in held]
    yield _gauge("mailbox_bundles", "Bundles in a mailbox hosted here.", bundles, "authority")
    sizes = [((one.owner,), float(one.size)) for one in held]
    yield _gauge("mailbox_size_bytes", "Its size.", sizes, "authority")
    ages = [((one.owner,), _seconds(one.oldest, found.at)) for one in held]
    yield _gauge("mailbox_oldest_seconds", "Age of the oldest bundle in it.", ages, "authority")
    index = found.index
    age = _seconds(index.at, found.at) if index else None
    yield _value("index_age_seconds", "Age of the pupil index.", age)
    most = index.most_days * 86_400.0 if index else None
    yield _value("index_age_limit_seconds", "From this age, nothing is answered automatically by it.", most)


def _away(found: Health) -> int:
    return sum(bool(one.trouble) for one in found.folders)


def _log(found: Health) -> Iterator[Metric]:
    entries = CounterMetricFamily(f"{PREFIX}audit_entries", "Entries of the audit log.")
    entries.add_metric([], found.log.size)
    yield entries
    yield _value(
        "audit_uncovered_entries", "Entries that have not been signed yet.", found.log.size - found.log.covered
    )
    age = _seconds(found.log.checkpoint_at, found.at)
    yield _value("audit_checkpoint_age_seconds", "Age of the newest checkpoint.", age)
    yield _value("audit_alarms", "Partners whose audit log does not match earlier copies.", len(found.log.alarms))


def _value(name: str, says: str, value: float | None) -> Metric:
    return _gauge(name, says, [((), value)])


def _gauge(name: str, says: str, samples: Iterable[tuple[tuple[str, ...], float | None]], *labels: str) -> Metric:
    made = GaugeMetricFamily(f"{PREFIX}{name}", says, labels=labels)
    for values, value in samples:
        if value is not None:
            made.add_metric(values, value)
    return made
