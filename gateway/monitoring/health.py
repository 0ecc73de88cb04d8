"""How this gateway is, now: one look, which reads figures and ages, and nothing about any child.

`doctor`, the metrics and the console's health page all show what this says. A look asks the database a dozen small
questions, each answered from an index, however many messages there are; so it may be repeated every few seconds. What
takes longer, or asks another machine, only `doctor` does.
"""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.auditing import outside_witnesses, restores
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.delivery import DeliveryState
from gateway.core.expiry import Expiry
from gateway.core.findings import HealthFinding
from gateway.core.health import (
    STUCK,
    WAITING,
    CardHealth,
    DatabaseHealth,
    DirectoryHealth,
    DiskHealth,
    FolderHealth,
    Health,
    IndexHealth,
    LogAlarm,
    LogHealth,
    LoopHealth,
    MailboxHealth,
    OutsideWitnessHealth,
    PartnerHealth,
    ProcessHealth,
    RestoreHealth,
    RetentionHealth,
    RouteHealth,
    SuspendedHealth,
    WitnessedHealth,
)
from gateway.core.health_rules import list_findings
from gateway.core.storage_rotation import StorageKey
from gateway.core.witness_answers import WitnessTrouble
from gateway.directories.overview import measure_directories, measure_suspended
from gateway.errors import ConfigProblem, StoreUnavailable
from gateway.exchange.newer_cards import explain_refusal
from gateway.monitoring.expiries import (
    build_directory_expiry,
    find_letter_expiry,
    list_own_expiries,
    list_partner_expiries,
)
from gateway.monitoring.install_checks import check_installation
from gateway.monitoring.queues import check_queues
from gateway.one import import_results, leavers_folder, watched_folder
from gateway.one.watched_folder import REPORT_ENDING, Watched
from gateway.own_keys.identity import list_unconfirmed
from gateway.searches import children_index as our_children
from gateway.store import (
    audit_log,
    children,
    cosignatures,
    heartbeats,
    inbox,
    mailboxes,
    outbox,
    partner_cards,
    partner_checkpoints,
    partner_health,
    partners,
    purge_runs,
    running_processes,
    storage_keys,
)
from gateway.store.database import Tx
from gateway.store.heartbeats import Heartbeat
from gateway.store.partner_cards import CardExchange
from gateway.store.partner_health import STATEMENT, RouteReach

# Each writes every fifteen seconds.
SERVES_WITHIN = timedelta(minutes=1)
NO_LOG = LogHealth(0, 0, None, ())
# How names begin that whoever writes a file has not finished.
OURS = (".", "~")


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the database says."""

    database: DatabaseHealth
    partners: tuple[PartnerHealth, ...] = ()
    mailboxes: tuple[MailboxHealth, ...] = ()
    index: IndexHealth | None = None
    loops: Mapping[str, Sequence[Heartbeat]] = field(default_factory=dict)
    log: LogHealth = NO_LOG
    waiting: tuple[HealthFinding, ...] = ()
    retention: RetentionHealth | None = None
    processes: tuple[ProcessHealth, ...] = ()
    storage_keys: tuple[StorageKey, ...] = ()
    directories: tuple[DirectoryHealth, ...] = ()
    suspended: tuple[SuspendedHealth, ...] = ()


def measure_health(gw: Gateway) -> Health:
    """Everything, with what follows from it. Where the database is away, that is said, and the rest stands."""
    try:
        stored = gw.store.look(lambda tx: _read_stored(tx, gw))
    except StoreUnavailable as why:
        stored = _Stored(DatabaseHealth(why.sentence, 0, current=False))
    directory_expiries = [build_directory_expiry(gw.code, its) for its in stored.directories]
    health = Health(
        gw.code,
        gw.now(),
        stored.partners,
        (*list_own_expiries(gw), *directory_expiries),
        _measure_disk(gw),
        stored.database,
        tuple(_measure_folders(gw)),
        stored.mailboxes,
        stored.index,
        tuple(_list_loops(gw, stored.loops)),
        stored.log,
        stored.retention,
        stored.processes,
        stored.storage_keys,
        stored.directories,
        stored.suspended,
    )
    return replace(health, findings=(*check_installation(gw), *list_findings(health), *stored.waiting))


def _list_loops(gw: Gateway, stored: Mapping[str, Sequence[Heartbeat]]) -> Iterator[LoopHealth]:
    """Yield the loops of this process as it knows them, and those of others as they were noted last."""
    of_processes = {**stored, gw.process: gw.looked.values() or stored.get(gw.process, ())}
    for process, looked in of_processes.items():
        named = "" if process == gw.process else process
        for heartbeat in looked:
            yield LoopHealth(heartbeat.name, heartbeat.looked_at, heartbeat.late_at, named)


def _read_stored(tx: Tx, gw: Gateway) -> _Stored:
    database = DatabaseHealth("", gw.store.measure_size(tx), gw.store.is_current(tx))
    if not database.current:
        return _Stored(database)
    index = children.find_current_load(tx)
    return _Stored(
        database,
        tuple(_measure_partners(tx, gw)),
        tuple(_measure_mailboxes(tx, gw)),
        IndexHealth(index.children, index.at, gw.config.search.index_days) if index else None,
        heartbeats.list_heartbeats(tx),
        _measure_log(tx, gw),
        tuple(check_queues(tx, gw)),
        _measure_retention(tx),
        tuple(
            ProcessHealth(
                it.process, it.card_serial, it.signing_key, it.settings, tuple(it.storage_keys.split()), it.signs
            )
            for it in running_processes.list_running_processes(tx, gw.now() - SERVES_WITHIN)
        ),
        tuple(storage_keys.list_storage_keys(tx)),
        tuple(measure_directories(tx, gw)),
        tuple(measure_suspended(tx)),
    )


def _measure_retention(tx: Tx) -> RetentionHealth | None:
    last, ended = purge_runs.find_last_run(tx), purge_runs.find_last_ended(tx)
    trouble = last.trouble if last and last.ended_at is None else None
    if ended and ended.ended_at:
        return RetentionHealth(ended.ended_at, trouble=trouble)
    first = next(iter(audit_log.list_entries_from(tx, 0, 1)), None)
    return RetentionHealth(first.at, never=True, trouble=trouble) if first else None


def _measure_partners(tx: Tx, gw: Gateway) -> Iterator[PartnerHealth]:
    """Partners, those we write letters to, and whoever something still waits for."""
    counts: dict[str, dict[DeliveryState, int]] = {}
    oldest: dict[str, datetime] = {}
    for authority, state, count, since in outbox.count_by_state(tx, (*WAITING, *STUCK)):
        counts.setdefault(authority, {})[state] = count
        if state in WAITING:
            oldest[authority] = min(since, oldest.get(authority, since))
    tried = partner_health.list_route_reach(tx)
    confirmed = partners.list_card_confirmations(tx)
    nothing = inbox.count_replies_about_nothing(tx)
    exchanged = partner_cards.list_card_exchanges(tx)
    unconfirmed = set(list_unconfirmed(tx, gw))
    for code in sorted({*gw.trust.list_authorities(), *gw.correspondents, *counts, *nothing}):
        card = gw.trust.get_card(code) if gw.trust.knows(code) else None
        asked = card is not None and any(route.kind == "https" for route in card.routes)
        rows = {reach.route: reach for reach in tried.get(code, [])}
        compared = rows.pop(STATEMENT, None)
        about_nothing, nothing_since = nothing.get(code, (0, None))
        ahead = next((reach.clock_ahead for reach in rows.values() if reach.clock_ahead is not None), None)
        yield PartnerHealth(
            code,
            counts.get(code, {}),
            oldest.get(code),
            tuple(_build_route_health(reach) for reach in rows.values()),
            tuple(list_partner_expiries(card)) if card else _list_letter_expiries(gw, code),
            None if ahead is None else timedelta(seconds=ahead),
            compared.succeeded_at if compared else None,
            confirmed.get(code) if asked else None,
            about_nothing,
            nothing_since,
            gw.whom_to_ring(code),
            _build_card_health(gw, exchanged.get(code)),
            code in gw.withdrawn,
            bool(code in exchanged and exchanged[code].waiting_card),
            code in unconfirmed,
        )


def _list_letter_expiries(gw: Gateway, code: str) -> tuple[Expiry, ...]:
    expiry = find_letter_expiry(gw.correspondents[code], gw) if code in gw.correspondents else None
    return (expiry,) if expiry else ()


def _build_card_health(gw: Gateway, exchange: CardExchange | None) -> CardHealth:
    if exchange is None:
        return CardHealth()
    refused = explain_refusal(exchange.refused) if exchange.refused else ""
    ahead = max(0, (exchange.held or 0) - gw.own_card.serial)
    return CardHealth(exchange.asked_at, exchange.trouble or "", refused, ahead)


def _build_route_health(reach: RouteReach) -> RouteHealth:
    return RouteHealth(reach.route, reach.succeeded_at, reach.failed_at, reach.failing_since, reach.reason, reach.code)


def _measure_disk(gw: Gateway) -> DiskHealth:
    """Of the home folder and of the database's, the one with less room."""
    places = [place for place in (gw.config.home, gw.store.folder) if place and place.is_dir()]
    usages = [shutil.disk_usage(place) for place in places]
    fullest = min(usages, key=lambda usage: usage.free, default=None)
    return DiskHealth(fullest.total, fullest.free) if fullest else DiskHealth(0, 0)


def _measure_folders(gw: Gateway) -> Iterator[FolderHealth]:
    ours = gw.config.one
    for name, setting, watched in (
        ("ONE's folder", ours.folder, leavers_folder.WATCHED),
        ("ONE's import folder", ours.import_folder, None),
        ("ONE's answers folder", ours.answers_folder, import_results.WATCHED),
        ("ONE's children folder", ours.children_folder, our_children.WATCHED),
    ):
        if setting:
            yield _measure_folder(gw, name, gw.config.home / setting, watched)


def _measure_folder(gw: Gateway, name: str, path: Path, watched: Watched | None) -> FolderHealth:
    """Files are counted and their age is read; what they are called stays here, for it may be a child's name."""
    trouble = watched_folder.find_vanished(gw.config.home, path, watched) if watched else ""
    if trouble:
        pass
    elif not path.is_dir():
        trouble = f"{path} does not exist."
    elif not os.access(path, os.R_OK | os.X_OK | (0 if watched else os.W_OK)):
        trouble = f"The gateway's user may not {'read' if watched else 'write to'} {path}."
    if trouble:
        return FolderHealth(name, str(path), trouble, 0, None, None, 0)
    lie = _list_moments(path)
    if watched is None:
        return FolderHealth(name, str(path), "", len(lie), min(lie, default=None), None, 0)
    home = watched_folder.place_of(gw.config.home, watched)
    left = watched_folder.find_left(gw.config.home, path, watched)
    since, noted = watched_folder.find_moments(gw.config.home, path, watched)
    taken = [noted] if noted else [at for at in (_find_moment(home / "done"), _find_moment(home / "failed")) if at]
    failed = len(list((home / "failed").glob("*/report.csv")))
    doubted = len(list((home / "waiting").glob("*/report.csv")))
    oldest, newest = min(lie, default=None), max(taken, default=None)
    quiet_days = gw.config.one.extract_days if watched is leavers_folder.WATCHED else 0
    return FolderHealth(
        name,
        str(path),
        "",
        len(lie),
        oldest,
        noted or newest,
        failed,
        str(home),
        tuple(left),
        doubted,
        noted or since,
        quiet_days,
    )


def _list_moments(folder: Path) -> list[datetime]:
    """Since when each file has lain in this folder."""
    moments = []
    for file in folder.iterdir():
        # It was taken just now.
        with suppress(FileNotFoundError):
            known = file.lstat()
            if stat.S_ISREG(known.st_mode) and not file.name.startswith(OURS) and not file.name.endswith(REPORT_ENDING):
                moments.append(datetime.fromtimestamp(known.st_mtime, UTC))
    return moments


def _find_moment(folder: Path) -> datetime | None:
    """When something was last put into a folder."""
    return datetime.fromtimestamp(folder.stat().st_mtime, UTC) if folder.is_dir() else None


def _measure_mailboxes(tx: Tx, gw: Gateway) -> Iterator[MailboxHealth]:
    owners = gw.config.hosting.owners.split()
    fills = mailboxes.list_mailbox_fill(tx, owners) if owners else {}
    for owner in owners:
        count, size, oldest = fills.get(owner, (0, 0, None))
        yield MailboxHealth(owner, count, size, gw.config.hosting.megabytes * 2**20, oldest)


def _measure_log(tx: Tx, gw: Gateway) -> LogHealth:
    covered, at = audit_log.find_checkpoint_size(tx) or (0, None)
    alarms = (
        LogAlarm(
            partner_alarm.authority,
            labels.explain_contradiction(partner_alarm.alarm),
            gw.whom_to_ring(partner_alarm.authority) or partner_alarm.authority,
            _read_word(tx, partner_alarm.authority),
        )
        for partner_alarm in partner_checkpoints.list_alarms(tx)
    )
    ours = (
        RestoreHealth(known.at, known.backup_at, known.holder or "")
        for known in restores.list_own_restores(tx, gw.now())
    )
    size = audit_log.get_tree_head(tx).size
    return LogHealth(size, covered, at, tuple(alarms), tuple(ours), _measure_witnessed(tx, gw))


def _measure_witnessed(tx: Tx, gw: Gateway) -> WitnessedHealth | None:
    # What is wrong with the file, `doctor` says.
    policy = None
    with suppress(ConfigProblem):
        policy = gw.config.read_witness_policy()
    if policy is None:
        return None
    standings = cosignatures.list_standings(tx)
    witnesses = (
        OutsideWitnessHealth(
            witness.name, WitnessTrouble(standing.trouble) if standing.trouble else None, standing.since, standing.holds
        )
        for witness in policy.witnesses
        if witness.url and (standing := standings.get(witness.key.name))
    )
    reached = outside_witnesses.find_witnessed_log(tx, policy)
    needed = policy.quorum is not None
    if reached is None:
        return WitnessedHealth(tuple(witnesses), 0, None, needed)
    return WitnessedHealth(tuple(witnesses), reached.size, reached.at, needed)


def _read_word(tx: Tx, partner: str) -> RestoreHealth | None:
    word = restores.find_word(tx, partner)
    return RestoreHealth(word.restored_at, word.backup_at) if word else None
