"""How this gateway is, now: one look, which reads figures and ages, and nothing about any child.

`doctor`, the metrics and the console's health page all show what this says. A look asks the database a dozen small
questions, each answered from an index, however many messages there are; so it may be repeated every few seconds. What
takes longer, or asks another machine, only `doctor` does.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from gateway import home_folder
from gateway.context import Gateway
from gateway.core.delivery import DeliveryState
from gateway.core.findings import HealthFinding
from gateway.core.health import (
    STUCK,
    WAITING,
    DatabaseHealth,
    DiskHealth,
    Expiry,
    FolderHealth,
    Health,
    IndexHealth,
    LogAlarm,
    LogHealth,
    LoopHealth,
    MailboxHealth,
    PartnerHealth,
    RouteHealth,
)
from gateway.core.health_rules import list_findings
from gateway.errors import ConfigProblem, StoreUnavailable
from gateway.monitoring.install_checks import installed
from gateway.monitoring.queues import waiting
from gateway.one import import_results, leavers_folder, watched_folder
from gateway.one.watched_folder import REPORT_ENDING, Watched
from gateway.searches import children_index as our_children
from gateway.store import (
    audit_log,
    children,
    heartbeats,
    inbox,
    mailboxes,
    outbox,
    partner_checkpoints,
    partner_health,
    partners,
)
from gateway.store.heartbeats import Heartbeat
from gateway.store.partner_health import STATEMENT, RouteReach
from keys import tls
from keys.card import Card

KEYS = {"sig": "signing key", "enc": "sealing key"}
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
    loops: tuple[Heartbeat, ...] = ()
    log: LogHealth = NO_LOG
    waiting: tuple[HealthFinding, ...] = ()


def look(gw: Gateway) -> Health:
    """Everything, with what follows from it. Where the database is away, that is said, and the rest stands."""
    try:
        stored = gw.store.look(lambda tx: _stored(tx, gw))
    except StoreUnavailable as why:
        stored = _Stored(DatabaseHealth(why.sentence, 0, current=False))
    found = Health(
        gw.code,
        gw.now(),
        stored.partners,
        tuple(_our_expiries(gw)),
        _disk(gw),
        stored.database,
        tuple(_folders(gw)),
        stored.mailboxes,
        stored.index,
        tuple(LoopHealth(one.name, one.looked_at, one.late_at) for one in gw.looked.values() or stored.loops),
        stored.log,
    )
    return replace(found, findings=(*installed(gw), *list_findings(found), *stored.waiting))


def _stored(tx: Connection, gw: Gateway) -> _Stored:
    database = DatabaseHealth("", gw.store.size(tx), gw.store.is_current(tx))
    if not database.current:
        return _Stored(database)
    index = children.find_current_load(tx)
    return _Stored(
        database,
        tuple(_partners(tx, gw)),
        tuple(_mailboxes(tx, gw)),
        IndexHealth(index.children, index.at, gw.config.search.index_days) if index else None,
        tuple(heartbeats.list_heartbeats(tx)),
        _log(tx, gw),
        tuple(waiting(tx, gw)),
    )


def _partners(tx: Connection, gw: Gateway) -> Iterator[PartnerHealth]:
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
    for code in sorted({*gw.trust.authorities(), *gw.correspondents, *counts, *nothing}):
        card = gw.trust.card(code) if gw.trust.knows(code) else None
        asked = card is not None and any(route.kind == "https" for route in card.routes)
        rows = {one.route: one for one in tried.get(code, [])}
        compared = rows.pop(STATEMENT, None)
        ahead = next((one.clock_ahead for one in rows.values() if one.clock_ahead is not None), None)
        yield PartnerHealth(
            code,
            counts.get(code, {}),
            oldest.get(code),
            tuple(_route(one) for one in rows.values()),
            tuple(_expiries(card)) if card else (),
            None if ahead is None else timedelta(seconds=ahead),
            compared.succeeded_at if compared else None,
            confirmed.get(code) if asked else None,
            *nothing.get(code, (0, None)),
        )


def _route(one: RouteReach) -> RouteHealth:
    return RouteHealth(one.route, one.succeeded_at, one.failed_at, one.failing_since, one.reason, one.code)


def _expiries(card: Card) -> Iterator[Expiry]:
    """When a card ends, the certificates that it pins, and of each use the key that lasts longest."""
    yield Expiry(card.authority, "card", card.expires_at)
    yield from _key_expiries(card)
    for route in card.routes:
        if route.kind == "https" and route.certificate and (ends := tls.pinned_ends(route.certificate)):
            yield Expiry(card.authority, "certificate", ends)


def _key_expiries(card: Card) -> Iterator[Expiry]:
    for use, what in KEYS.items():
        ends = [key.not_after for key in card.keys if key.use == use and key.status == "active"]
        if ends:
            yield Expiry(card.authority, what, max(ends))


def _our_expiries(gw: Gateway) -> Iterator[Expiry]:
    yield Expiry(gw.code, "card", gw.own_card.expires_at)
    yield from _key_expiries(gw.own_card)
    # `installed` says that it cannot be read.
    with suppress(ConfigProblem):
        yield Expiry(gw.code, "certificate", tls.ends(home_folder.read_certificate(gw.config.home)))


def _disk(gw: Gateway) -> DiskHealth:
    """Of the home folder and of the database's, the one with less room."""
    places = [place for place in (gw.config.home, gw.store.folder) if place and place.is_dir()]
    found = [shutil.disk_usage(place) for place in places]
    fullest = min(found, key=lambda one: one.free, default=None)
    return DiskHealth(fullest.total, fullest.free) if fullest else DiskHealth(0, 0)


def _folders(gw: Gateway) -> Iterator[FolderHealth]:
    ours = gw.config.one
    for name, setting, watched in (
        ("ONE's folder", ours.folder, leavers_folder.WATCHED),
        ("ONE's import folder", ours.import_folder, None),
        ("ONE's answers folder", ours.answers_folder, import_results.WATCHED),
        ("ONE's children folder", ours.children_folder, our_children.WATCHED),
    ):
        if setting:
            yield _folder(gw, name, gw.config.home / setting, watched)


def _folder(gw: Gateway, name: str, path: Path, watched: Watched | None) -> FolderHealth:
    """Files are counted and their age is read; what they are called stays here, for it may be a child's name."""
    trouble = ""
    if not path.is_dir():
        trouble = f"{path} does not exist."
    elif not os.access(path, os.R_OK | os.X_OK | (0 if watched else os.W_OK)):
        trouble = f"The gateway's user may not {'read' if watched else 'write to'} {path}."
    if trouble:
        return FolderHealth(name, str(path), trouble, 0, None, None, 0)
    lie = _moments(path)
    if watched is None:
        return FolderHealth(name, str(path), "", len(lie), min(lie, default=None), None, 0)
    home = watched_folder.place_of(gw.config.home, watched)
    left = watched_folder.find_left(gw.config.home, path, watched)
    taken = [at for at in (_moment(home / "done"), _moment(home / "failed")) if at]
    failed = len(list((home / "failed").glob("*/report.csv")))
    doubted = len(list((home / "waiting").glob("*/report.csv")))
    oldest, newest = min(lie, default=None), max(taken, default=None)
    return FolderHealth(name, str(path), "", len(lie), oldest, newest, failed, str(home), tuple(left), doubted)


def _moments(folder: Path) -> list[datetime]:
    """Since when each file has lain in this folder."""
    found = []
    for file in folder.iterdir():
        # It was taken just now.
        with suppress(FileNotFoundError):
            known = file.lstat()
            if stat.S_ISREG(known.st_mode) and not file.name.startswith(OURS) and not file.name.endswith(REPORT_ENDING):
                found.append(datetime.fromtimestamp(known.st_mtime, UTC))
    return found


def _moment(folder: Path) -> datetime | None:
    """When something was last put into a folder."""
    return datetime.fromtimestamp(folder.stat().st_mtime, UTC) if folder.is_dir() else None


def _mailboxes(tx: Connection, gw: Gateway) -> Iterator[MailboxHealth]:
    owners = gw.config.hosting.owners.split()
    found = mailboxes.list_mailbox_fill(tx, owners) if owners else {}
    for owner in owners:
        count, size, oldest = found.get(owner, (0, 0, None))
        yield MailboxHealth(owner, count, size, gw.config.hosting.megabytes * 2**20, oldest)


def _log(tx: Connection, gw: Gateway) -> LogHealth:
    covered, at = audit_log.find_checkpoint_size(tx) or (0, None)
    alarms = (
        LogAlarm(one.authority, one.alarm.sentence, gw.whom_to_ring(one.authority) or one.authority)
        for one in partner_checkpoints.list_alarms(tx)
    )
    return LogHealth(audit_log.get_tree_head(tx).size, covered, at, tuple(alarms))
