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
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

from aiohttp import web
from sqlalchemy import Connection

from gateway.api import application as api
from gateway.api.call import PREFIX
from gateway.auditing import audit, bursts, witness
from gateway.background import is_stopped_within, run_every
from gateway.case_systems import webhooks
from gateway.casework import expire_compositions, find
from gateway.console import application as console
from gateway.context import SYSTEM, Authority
from gateway.errors import NotAllowed, StoreUnavailable, Unusable
from gateway.exchange import mailbox, statements
from gateway.exchange.collect import collect_forever
from gateway.exchange.deliver import deliver_forever
from gateway.home_folder import TLS_CERTIFICATE, TLS_KEY, unreadable_tls
from gateway.logs import failed, serving
from gateway.one import import_results, imports, leavers_folder
from gateway.partner_api import connections, metrics
from gateway.partner_api.connections import Port
from gateway.partner_api.exchange import application
from gateway.reconciliation import send_reminders
from gateway.searches import children_index, match_incoming
from gateway.settings.config import Config
from gateway.settings.sections import ConsoleSettings, ListenSettings, MetricsSettings
from gateway.store import heartbeats
from gateway.store.audit_log import AuditEntry

CHECKPOINT_EVERY = 10.0  # seconds: how much of the log a partner's newest snapshot may lack
COLLECT_AFTER = (
    20_000,
    20,
    50,
)  # what a batch makes lives as long as the batch: Python's own 700 looks in vain, for 5 to 9 %
EXPIRE_EVERY = 3600.0  # seconds
NOTE_EVERY = 15.0  # seconds: what the database, and so `doctor`, may not know yet of the loops
EXCHANGE_SHARE, CONSOLE_SHARE, METRICS_SHARE = 0.5, 0.4, 0.05  # of all connections, so that no port shuts another
ANYBODY = ["0.0.0.0/0", "::/0"]
PR_SET_DUMPABLE = 4  # prctl(2)
STOP_SECONDS = 20  # for requests under way when told to stop


def collect_less() -> None:
    """Let Python's collector pass over what is loaded by now: a look at all of it stops every request. Once for each process."""
    gc.collect()
    gc.freeze()


def leave_no_memory() -> None:
    """Let no part of memory, in which keys lie, be written to a disk: no core dump, whoever asks for one."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # a pipe to which the system hands cores does not ask for the limit (core(5))
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


@asynccontextmanager
async def running(here: Authority) -> AsyncIterator[None]:
    """Serve partners, deliver, sign checkpoints, while inside; on the way out, let what is under way end."""
    stop = asyncio.Event()
    with _alone(here.config.home):
        async with _run(here, stop):
            yield


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the home folder for one process that serves; the lock ends with the process, however that ends. Raises NotAllowed.

    The folder itself is locked, so nothing is written. Where a file system knows no such locks, nothing is held.
    """
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise NotAllowed("serve.running", home=home) from None
    except OSError as why:
        failed("locking the home folder", why)
    try:
        yield
    finally:
        os.close(folder)


@asynccontextmanager
async def _run(here: Authority, stop: asyncio.Event) -> AsyncIterator[None]:
    ports = await _open_ports(here)
    gc.set_threshold(*COLLECT_AFTER)
    await audit.checkpoint(here, AuditEntry("gateway.started", SYSTEM))
    here.looked.clear()
    running_loops = [
        asyncio.create_task(loop(here, stop))
        for loop in (
            deliver_forever,
            collect_forever,
            leavers_folder.watch_forever,
            imports.write_forever,
            import_results.watch_forever,
            children_index.watch_forever,
            match_incoming.match_forever,
            witness.watch_forever,
            statements.compare_forever,
            send_reminders.chase_forever,
            find.index_forever,
            expire_compositions.expire_forever,
            webhooks.tell_forever,
            bursts.write_forever,
            _checkpoints,
            _expire_mailboxes,
            _note_looks,
        )
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running_loops, return_exceptions=True)
        here.looked.clear()
        await _close(ports)
        for carrier in here.carriers.values():
            await carrier.close()
        with suppress(StoreUnavailable):  # what was counted in the last minute
            await here.store.write(partial(bursts.write, here=here, everything=True))
        await _checkpoint(here, AuditEntry("gateway.stopped", SYSTEM))


def site(here: Authority) -> web.Application:
    """What the console's port serves: the console, and under its prefix the API."""
    pages = console.application(here)
    pages.add_subapp(PREFIX, api.application(here))
    return pages


Place = ListenSettings | ConsoleSettings | MetricsSettings


async def _open_ports(here: Authority) -> list[Port]:
    """For partners; for browsers and for Prometheus, where a port is set. Raises Unusable, and then none is open."""
    config = here.config
    wanted: list[tuple[web.Application, Place, ssl.SSLContext | None, float, list[str]]] = [
        (application(here), config.listen, _server_tls(config), EXCHANGE_SHARE, _proxies(config.listen))
    ]
    if config.console.port:
        wanted.append((site(here), config.console, _console_tls(config), CONSOLE_SHARE, _proxies(config.console)))
    if config.metrics.port:
        wanted.append((metrics.application(here), config.metrics, None, METRICS_SHARE, []))
    opened: list[Port] = []
    for app, place, tls, share, proxies in wanted:
        port = Port(app, connections.places(share), proxies, shutdown_seconds=STOP_SECONDS)
        opened.append(port)
        try:
            await port.open(place.host, place.port, tls)
        except OSError as why:
            await _close(opened)
            raise _not_listening(place, why) from None
    return opened


async def _close(ports: Iterable[Port]) -> None:
    for one in ports:
        await one.close()


def _proxies(ours: ListenSettings | ConsoleSettings) -> list[str]:
    """Who speaks for many there: those that are named, or whoever connects where the header of a proxy is believed from anybody."""
    return ours.proxies.split() or (ANYBODY if ours.address_header else [])


def _console_tls(config: Config) -> ssl.SSLContext | None:
    ours = config.console
    if not ours.tls_certificate_file:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # of what councils' browsers have, the oldest
    try:
        context.load_cert_chain(config.home / ours.tls_certificate_file, config.home / ours.tls_key_file)
    except OSError as why:  # of which SSLError is one
        raise unreadable_tls(type(why).__name__) from None
    return context


def _not_listening(listen: Place, why: OSError) -> Unusable:
    place = f"{listen.host}:{listen.port}"
    if why.errno == errno.EADDRINUSE:
        return Unusable("listen.unavailable", "in-use", place=place)
    return Unusable("listen.unavailable", place=place, why=os.strerror(why.errno or 0))


async def _expire_mailboxes(here: Authority, stop: asyncio.Event) -> None:
    unchecked = here.config.hosting.owners.split()

    async def expire() -> None:
        while unchecked:
            await here.store.write(partial(mailbox.forget_unreadable, here=here, owner=unchecked[-1]))
            unchecked.pop()
        await here.store.write(lambda tx: mailbox.expire_bundles(tx, here))

    if unchecked:
        await run_every(here, stop, "mailboxes", expire, seconds=EXPIRE_EVERY)


async def _checkpoints(here: Authority, stop: asyncio.Event) -> None:
    work = partial(audit.checkpoint, here)
    await run_every(here, stop, "checkpoints", work, seconds=CHECKPOINT_EVERY, waits_first=True)


async def _note_looks(here: Authority, stop: asyncio.Event) -> None:
    """Write down when each loop last looked, so that `doctor` sees it too; none is late once we have stopped."""
    while not stop.is_set():
        await is_stopped_within(stop, NOTE_EVERY)
        if looked := list(here.looked.values()):
            await _note(here, partial(heartbeats.replace_heartbeats, looked=looked))
    await _note(here, heartbeats.delete_heartbeats)


async def _note(here: Authority, work: Callable[[Connection], None]) -> None:
    try:
        await here.store.write(work)
    except StoreUnavailable as why:  # the next time will do
        failed("noting the loops", why)


async def _checkpoint(here: Authority, *entries: AuditEntry) -> None:
    try:
        await audit.checkpoint(here, *entries)
    except StoreUnavailable as why:
        failed("checkpoint", why)


def _server_tls(config: Config) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(config.home / TLS_CERTIFICATE, config.home / TLS_KEY)
    except OSError as why:
        raise unreadable_tls(type(why).__name__) from None
    return context


async def serve(here: Authority, *, until: asyncio.Event | None = None) -> None:
    """Run until SIGTERM, SIGINT, or `until`."""
    stop = until or asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    leave_no_memory()
    async with running(here):
        collect_less()
        serving(here.code, here.config.listen.port)
        await stop.wait()
