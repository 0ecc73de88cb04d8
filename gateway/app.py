"""A gateway that runs: it serves partners, delivers, and signs checkpoints, until it is told to stop."""

import asyncio
import ctypes
import errno
import fcntl
import gc
import os
import resource
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

from aiohttp import web

from gateway import home_folder
from gateway.access import tell_manager
from gateway.api import application as api
from gateway.api.call import PREFIX
from gateway.auditing import audit, bursts, outside_witnesses, restores, witness
from gateway.background import run_every
from gateway.case_systems import webhooks
from gateway.casework import expire_compositions, find_index
from gateway.console import application as console
from gateway.context import SYSTEM, Gateway
from gateway.directories.rounds import keep_directories_forever
from gateway.errors import NotAllowed, SigningUnavailable, StoreUnavailable, Unusable
from gateway.exchange import mailbox, removed_partners, statements
from gateway.exchange.card_rounds import exchange_cards_forever
from gateway.exchange.collect import collect_forever
from gateway.exchange.deliver import deliver_forever
from gateway.home_folder import TLS_CERTIFICATE, TLS_KEY, unreadable_tls
from gateway.logs import log_failure, log_serving
from gateway.monitoring import expiry_warnings
from gateway.one import import_results, imports, leavers_folder
from gateway.own_keys import storage
from gateway.partner_api import connections, metrics
from gateway.partner_api.connections import Port
from gateway.partner_api.exchange import build_exchange_application
from gateway.reconciliation import announce, send_reminders, tell_officers
from gateway.retention import purge
from gateway.searches import children_index, match_incoming
from gateway.settings.config import Config
from gateway.settings.sections import ConsoleSettings, ListenSettings, MetricsSettings
from gateway.store import audit_log, heartbeats, outbox, processes, running_processes
from gateway.store.audit_log import AuditEntry
from gateway.store.database import Tx
from gateway.store.processes import SharedWork, Sharing
from gateway.store.running_processes import RunningProcess

# Seconds: how much of the log a partner's newest snapshot may lack.
CHECKPOINT_EVERY = 10.0
# What a batch makes lives as long as the batch: Python's own 700 looks in vain, for 5 to 9 %.
COLLECT_AFTER = (
    20_000,
    20,
    50,
)
# Seconds.
EXPIRE_EVERY = 3600.0
# Seconds: what the database, and so `doctor`, may not know yet of the loops.
NOTE_EVERY = 15.0
# A process of which nothing was seen for so long will not come back.
GONE_AFTER = timedelta(days=1)
# Seconds between two looks at the card, keys and certificate on the disk.
TAKE_UP_EVERY = 2.0
# Seconds until a process whose connection for that was lost asks again who leads.
SHARE_AGAIN = 1.0
# Of all connections, so that no port shuts another.
EXCHANGE_SHARE, CONSOLE_SHARE, METRICS_SHARE = 0.5, 0.4, 0.05
ANYBODY = ["0.0.0.0/0", "::/0"]
# prctl(2).
PR_SET_DUMPABLE = 4
# For requests under way when told to stop.
STOP_SECONDS = 20


def reduce_garbage_collection() -> None:
    """Let Python's collector pass over what is loaded by now: a look at all of it stops every request.

    Once for each process.
    """
    gc.collect()
    gc.freeze()


def disable_core_dumps() -> None:
    """Let no part of memory, in which keys lie, be written to a disk: no core dump, whoever asks for one."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A pipe to which the system hands cores does not ask for the limit (core(5)).
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


@asynccontextmanager
async def run_gateway(gw: Gateway) -> AsyncIterator[None]:
    """Serve partners, deliver, sign checkpoints, while inside; on the way out, let what is under way end."""
    stop = asyncio.Event()
    with _hold_home_folder(gw.config.home):
        async with _run_loops(gw, stop):
            yield


@contextmanager
def _hold_home_folder(home: Path) -> Iterator[None]:
    """Hold the home folder for one process that serves; the lock ends with the process, however that ends.

    Raises NotAllowed.

    The folder itself is locked, so nothing is written. Where a file system knows no such locks, nothing is held.
    """
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise NotAllowed("serve.running", home=home) from None
    except OSError as why:
        log_failure("locking the home folder", why)
    try:
        yield
    finally:
        os.close(folder)


@asynccontextmanager
async def _run_loops(gw: Gateway, stop: asyncio.Event) -> AsyncIterator[None]:
    server_tls = _load_server_tls(gw.config)
    ports = await _open_ports(gw, server_tls)
    gc.set_threshold(*COLLECT_AFTER)
    await _log_and_sign(gw, AuditEntry("gateway.started", SYSTEM))
    gw.looked.clear()
    gw.sharing = Sharing(leads=not gw.store.is_shared)
    # Of a process of this name, on this port, that was killed.
    await gw.store.write(lambda tx: outbox.free_claims(tx, [gw.process]))
    running_loops = [
        asyncio.create_task(loop(gw, stop))
        for loop in (
            deliver_forever,
            collect_forever,
            leavers_folder.watch_forever,
            imports.write_forever,
            import_results.watch_forever,
            children_index.watch_extracts_forever,
            match_incoming.match_forever,
            exchange_cards_forever,
            keep_directories_forever,
            removed_partners.give_up_forever,
            witness.watch_logs_forever,
            outside_witnesses.ask_forever,
            restores.watch_restores_forever,
            statements.compare_forever,
            send_reminders.remind_forever,
            announce.announce_forever,
            tell_officers.tell_forever,
            tell_manager.tell_forever,
            find_index.index_forever,
            expire_compositions.expire_forever,
            purge.purge_forever,
            storage.rotate_forever,
            expiry_warnings.warn_forever,
            webhooks.send_events_forever,
            bursts.write_bursts_forever,
            _sign_checkpoints,
            _expire_mailboxes,
            _note_heartbeats,
            _share_work,
            partial(_take_up_files, server_tls=server_tls),
        )
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running_loops, return_exceptions=True)
        gw.looked.clear()
        await _close_ports(ports)
        for carrier in gw.carriers.values():
            await carrier.close()
        # What was counted in the last minute.
        with suppress(StoreUnavailable):
            await gw.store.write(partial(bursts.write_counted, gw=gw, everything=True))
        await _log_stop(gw)


def build_console_site(gw: Gateway) -> web.Application:
    """Build what the console's port serves: the console, and under its prefix the API."""
    pages = console.build_application(gw)
    pages.add_subapp(PREFIX, api.build_application(gw))
    return pages


Place = ListenSettings | ConsoleSettings | MetricsSettings


async def _open_ports(gw: Gateway, server_tls: ssl.SSLContext) -> list[Port]:
    """Open the port for partners, and those for browsers and Prometheus where set. Raises Unusable; then none is."""
    config = gw.config
    wanted: list[tuple[web.Application, Place, ssl.SSLContext | None, float, list[str]]] = [
        (
            build_exchange_application(gw),
            config.listen,
            server_tls,
            EXCHANGE_SHARE,
            _list_proxies(config.listen),
        )
    ]
    if config.console.port:
        wanted.append(
            (
                build_console_site(gw),
                config.console,
                _load_console_tls(config),
                CONSOLE_SHARE,
                _list_proxies(config.console),
            )
        )
    if config.metrics.port:
        wanted.append((metrics.build_metrics_application(gw), config.metrics, None, METRICS_SHARE, []))
    opened: list[Port] = []
    for app, place, tls, share, proxies in wanted:
        port = Port(app, connections.count_places(share), proxies, shutdown_seconds=STOP_SECONDS)
        opened.append(port)
        try:
            await port.open(place.host, place.port, tls)
        except OSError as why:
            await _close_ports(opened)
            raise _not_listening_error(place, why) from None
    return opened


async def _close_ports(ports: Iterable[Port]) -> None:
    for port in ports:
        await port.close()


def _list_proxies(ours: ListenSettings | ConsoleSettings) -> list[str]:
    """List who speaks for many there: those named, or anybody where a proxy's header is believed from all."""
    return ours.proxies.split() or (ANYBODY if ours.address_header else [])


def _load_console_tls(config: Config) -> ssl.SSLContext | None:
    ours = config.console
    if not ours.tls_certificate_file:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Of what councils' browsers have, the oldest.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.home / ours.tls_certificate_file, config.home / ours.tls_key_file)
    except OSError as why:
        # Of which SSLError is one.
        raise unreadable_tls(type(why).__name__) from None
    return context


def _not_listening_error(listen: Place, why: OSError) -> Unusable:
    place = f"{listen.host}:{listen.port}"
    if why.errno == errno.EADDRINUSE:
        return Unusable("listen.unavailable", "in-use", place=place)
    return Unusable("listen.unavailable", place=place, why=os.strerror(why.errno or 0))


async def _expire_mailboxes(gw: Gateway, stop: asyncio.Event) -> None:
    unchecked = gw.config.hosting.owners.split()

    async def expire() -> None:
        while unchecked:
            await gw.store.write(partial(mailbox.forget_unreadable, gw=gw, owner=unchecked[-1]))
            unchecked.pop()
        await gw.store.write(lambda tx: mailbox.expire_bundles(tx, gw))

    if unchecked:
        await run_every(gw, stop, "mailboxes", expire, seconds=EXPIRE_EVERY)


async def _sign_checkpoints(gw: Gateway, stop: asyncio.Event) -> None:
    work = partial(audit.sign_checkpoint, gw)
    await run_every(gw, stop, "checkpoints", work, seconds=CHECKPOINT_EVERY, waits_first=True, everywhere=True)


async def _note_heartbeats(gw: Gateway, stop: asyncio.Event) -> None:
    """Write down when each loop last looked, so that `doctor` sees it too; none is late once we have stopped."""

    async def note() -> None:
        looked = list(gw.looked.values())

        def write(tx: Tx) -> None:
            heartbeats.replace_heartbeats(tx, gw.process, looked)
            running_processes.replace_running_process(tx, _describe_process(gw))
            if gw.leads:
                heartbeats.delete_late_heartbeats(tx, gw.now() - GONE_AFTER)

        await gw.store.write(write)

    await run_every(gw, stop, "noting the loops", note, seconds=NOTE_EVERY, waits_first=True, everywhere=True)
    try:
        await gw.store.write(partial(_forget_process, process=gw.process))
    except StoreUnavailable as why:
        log_failure("noting the loops", why)


def _describe_process(gw: Gateway) -> RunningProcess:
    return RunningProcess(
        gw.process,
        gw.own_card.serial,
        gw.ring.newest_id,
        gw.config.compute_shared_digest(),
        " ".join(gw.ring.storage_kids),
        gw.now(),
        gw.ring.signs,
    )


def _forget_process(tx: Tx, process: str) -> None:
    heartbeats.delete_heartbeats(tx, process)
    running_processes.delete_running_process(tx, process)


async def _take_up_files(gw: Gateway, stop: asyncio.Event, server_tls: ssl.SSLContext) -> None:
    """Take up a renewed card, new keys and the next certificate while the gateway runs, each process for itself."""

    async def take_up() -> None:
        if await asyncio.to_thread(home_folder.take_next_certificate, gw):
            entry = AuditEntry("card.certificate-changed", SYSTEM, gw.code, detail={"serial": gw.own_card.serial})
            await gw.store.write(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))
        await asyncio.to_thread(storage.follow_storage_key, gw)
        await asyncio.to_thread(home_folder.stop_ended_key, gw)
        stamp = home_folder.stamp_own_files(gw.config.home)
        if stamp == gw.own_files:
            return
        if await asyncio.to_thread(home_folder.take_up_own, gw):
            detail: dict[str, str | int] = {"serial": gw.own_card.serial}
            await _log_and_sign(gw, AuditEntry("card.taken-up", SYSTEM, gw.code, detail=detail))
            await asyncio.to_thread(storage.follow_storage_key, gw)
            await gw.store.write(lambda tx: running_processes.replace_running_process(tx, _describe_process(gw)))
        # For connections that begin from now on.
        _load_server_certificate(server_tls, gw.config)
        gw.own_files = stamp

    await run_every(gw, stop, "taking up keys", take_up, seconds=TAKE_UP_EVERY, everywhere=True)


async def _share_work(gw: Gateway, stop: asyncio.Event) -> None:
    """Lead where no other process does, and be woken by what others queue. With SQLite there is no other."""
    if not gw.store.is_shared:
        return

    def set_sharing(sharing: Sharing) -> None:
        gw.sharing = sharing

    async def free_claims(ended: Collection[str]) -> None:
        await gw.store.write(lambda tx: outbox.free_claims(tx, ended))

    work = SharedWork(gw.due.set, set_sharing, free_claims)
    share = partial(processes.share_work, gw.store.engine.url, gw.process, gw.now, work)
    await run_every(gw, stop, "sharing the work", share, seconds=SHARE_AGAIN, breaks_off=True, everywhere=True)


async def _log_and_sign(gw: Gateway, entry: AuditEntry) -> None:
    """Write an entry and sign the log; where nothing can be signed now, it is signed once it can."""
    try:
        await audit.sign_checkpoint(gw, entry)
    except SigningUnavailable as why:
        log_failure("checkpoint", why)
        await gw.store.write(lambda tx: audit_log.append_entries(tx, gw.now(), [entry]))


async def _log_stop(gw: Gateway) -> None:
    try:
        await _log_and_sign(gw, AuditEntry("gateway.stopped", SYSTEM))
    except StoreUnavailable as why:
        log_failure("checkpoint", why)


def _load_server_tls(config: Config) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    home_folder.finish_next_certificate(config.home)
    _load_server_certificate(context, config)
    return context


def _load_server_certificate(context: ssl.SSLContext, config: Config) -> None:
    """Show the certificate of the home folder. Raises ConfigProblem."""
    try:
        context.load_cert_chain(config.home / TLS_CERTIFICATE, config.home / TLS_KEY)
    except OSError as why:
        raise unreadable_tls(type(why).__name__) from None


async def serve_until_stopped(gw: Gateway, *, until: asyncio.Event | None = None) -> None:
    """Run until SIGTERM, SIGINT, or `until`."""
    stop = until or asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    disable_core_dumps()
    async with run_gateway(gw):
        reduce_garbage_collection()
        log_serving(gw.code, gw.config.listen.port)
        await stop.wait()
