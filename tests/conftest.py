"""Two authorities that trust each other, each with its own folder, keys, database and port.

What costs time and is the subject of few tests is cheap in all others: folders and databases lie in memory, passphrases
and passwords are derived at the lowest cost, carriers are looked up once, a statement is compiled once for all gateways,
PostgreSQL does not wait for the disk, and a new database is a copy of one that was migrated once. Where such a cost is
the subject, a test asks for it: `real_costs`, `disk_path`, or a PostgreSQL server that is `durable`.
"""

import ctypes
import gc
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from random import SystemRandom
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import Engine, create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from sqlalchemy.util import LRUCache

from gateway import home_folder
from gateway.authorities.partners import add_partner
from gateway.context import Gateway
from gateway.store.database import Store
from keys import key_file, passwords
from tests.disk import DISK
from tests.needs import need
from tests.postgres import server
from tests.softhsm import SETTINGS, SoftHsm, SoftToken, begin_softhsm

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in memory, where there is one
# Bytes by which a process of tests may grow before it gives back what it does not use: each look takes half a second.
MUCH_MEMORY = 150 * 2**20
GIVEN_BACK_AT = [0]
# Bytes that must be free there; the whole suite takes less than one GiB at a time.
ENOUGH_MEMORY = 2 * 2**30
PRODUCTS_SCRYPT = dict(key_file.SCRYPT)
CHEAP_SCRYPT = {"n": 2**6, "r": 8, "p": 1}
PRODUCTS_ARGON2 = {"PASSES": passwords.PASSES, "KIBIBYTES": passwords.KIBIBYTES}
# No less is allowed.
CHEAP_ARGON2 = {"PASSES": 1, "KIBIBYTES": 8 * passwords.LANES}

# A busy machine makes no example wrong.
settings.register_profile("without a clock", deadline=None)
settings.load_profile("without a clock")


def pytest_configure(config: pytest.Config) -> None:
    """Put temporary folders in memory, unless somebody has said where they are to lie."""
    said = config.option.basetemp or "PYTEST_DEBUG_TEMPROOT" in os.environ
    if not said and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH_MEMORY:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)
        # What a test starts, a browser or a mail server, has its files there too.
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Whoever starts the tests in the background has them ignore it, and with them every process that they start.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(ToldAtOnce(config), "told at once")


@dataclass(eq=False)
class ToldAtOnce:
    """Names each test that fails as it fails, so that a run that is stopped has said which they were."""

    config: pytest.Config

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the name, and the last line of why."""
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal:
            why = report.longreprtext.strip().splitlines()[-1:] or ["no reason was given"]
            terminal.write_line(f"\n{report.nodeid}: {report.when} failed: {why[0]}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, some of it in each worker's share, so that none is left alone with
    it at the end.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("slow")]
    rest = [item for item in items if not item.get_closest_marker("slow")]
    shares = []
    # pytest-xdist gives each worker one part of the list, as long as every other.
    for number in range(workers):
        ours = slow[number::workers]
        share = len(items) * (number + 1) // workers - len(items) * number // workers
        shares += [*ours, *rest[: share - len(ours)]]
        del rest[: share - len(ours)]
    items[:] = shares


def pytest_collection_finish() -> None:
    """Let the collector pass over what was loaded: a look at all of it took 0.3 s, once for each module of tests."""
    gc.collect()
    gc.freeze()


def _set_costs(scrypt: dict[str, int], argon2: dict[str, int]) -> None:
    """From now on a passphrase and a password cost this much; a password that was kept costs what it cost when it was
    set.
    """
    key_file.SCRYPT.update(scrypt)
    for name, cost in argon2.items():
        setattr(passwords, name, cost)
    passwords._hash_nobodys.cache_clear()


@pytest.fixture(scope="module", autouse=True)
def _memory_given_back() -> Iterator[None]:
    """What modules of tests leave behind goes back to the system, so that four processes of tests stay small."""
    yield
    if sys.platform == "linux" and _count_resident() - GIVEN_BACK_AT[-1] > MUCH_MEMORY:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        GIVEN_BACK_AT.append(_count_resident())


def _count_resident() -> int:
    """Count the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """A statement is compiled once for all gateways of a process: each has an engine of its own, whose dialect is the
    same.
    """
    compiled: LRUCache[Any, Any] = LRUCache(2000)
    make_engine = Engine.__init__

    def share_compiled(engine: Engine, *args: Any, **kwargs: Any) -> None:
        make_engine(engine, *args, **kwargs)
        engine._compiled_cache = compiled

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "__init__", share_compiled)
        for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
            # The compiled form is kept by its dialect.
            patch.setattr(dialect, "__eq__", lambda one, other: type(one) is type(other))
            patch.setattr(dialect, "__hash__", lambda one: hash(type(one)))
        yield


@pytest.fixture(scope="session", autouse=True)
def _cheap_costs() -> Iterator[None]:
    _set_costs(CHEAP_SCRYPT, CHEAP_ARGON2)
    yield
    _set_costs(PRODUCTS_SCRYPT, PRODUCTS_ARGON2)


@pytest.fixture
def real_costs(_cheap_costs: None) -> Iterator[None]:
    """Passphrases and passwords cost what they cost in the product."""
    _set_costs(PRODUCTS_SCRYPT, PRODUCTS_ARGON2)
    yield
    _set_costs(CHEAP_SCRYPT, CHEAP_ARGON2)


@pytest.fixture(scope="session", autouse=True)
def _carriers_found_once() -> Iterator[None]:
    """The carriers that are installed are looked up once: each look reads the metadata of every package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.route.entry_points", cache(entry_points))
        yield


@pytest.fixture
def disk_path() -> Iterator[Path]:
    """A folder on the disk, for tests whose subject is what a disk does."""
    with TemporaryDirectory(prefix="cme-disk-", dir=DISK) as folder:
        yield Path(folder)


@pytest.fixture(scope="session", autouse=True)
def _migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new SQLite database begins as a copy of one that went through every migration."""
    template = tmp_path_factory.mktemp("migrated") / "store.db"
    migrate = Store.migrate

    def copy_or_migrate(store: Store, *, create: bool = False) -> None:
        file = Path(store.engine.url.database or "") if store.engine.dialect.name == "sqlite" else None
        if create and file and not file.exists():
            if not template.exists():
                made = Store(f"sqlite:///{template}")
                migrate(made, create=True)
                made.close()
            shutil.copyfile(template, file)
        migrate(store, create=create)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "migrate", copy_or_migrate)
        yield


# Below those that the system gives to whoever connects; each worker has a share of its own.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
PORTS = range(10_000 + WORKER, 32_000, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
GIVEN: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on now, and that this process was not given before: drawn, so that two runs of tests
    on one machine, or a connection, do not take the same.
    """
    if len(GIVEN) > len(PORTS) // 2:
        GIVEN.clear()
    while True:
        port = SystemRandom().choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in GIVEN:
                GIVEN.add(port)
                return port


def introduce(one: Gateway, other: Gateway) -> None:
    """Each confirms the other's card."""
    for gw, there in ((one, other), (other, one)):
        add_partner(gw, (there.config.home / home_folder.CARD_FILE).read_text("ascii"), by="test")


def make(home: Path, code: str, name: str, store_url: str = "") -> Gateway:
    """A gateway in a folder of its own."""
    home_folder.create_gateway(
        home,
        home_folder.NewGateway(code=code, name=name, port=free_port(), telephone="01632 960101", store_url=store_url),
    )
    return home_folder.open_gateway(home)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """One server for the whole run; each test makes databases of its own in it."""
    with server(free_port()) as made:
        yield made.url


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """SoftHSM in a folder of its own, for the whole run: its library reads its settings once for each process."""
    need("SoftHSM")
    root = tmp_path_factory.mktemp("softhsm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(root / SETTINGS))
        yield begin_softhsm(root)


@pytest.fixture
def token(softhsm: SoftHsm) -> SoftToken:
    """An empty PKCS#11 token for one test."""
    return softhsm.make_token()


@pytest.fixture(autouse=True)
def _databases_dropped() -> Iterator[None]:
    """The databases that a test made go with it: they lie in memory."""
    before = len(MADE)
    yield
    for url in MADE[before:]:
        server_url, name = url.rsplit("/", 1)
        # A test may have ended its server.
        with suppress(OperationalError):
            _administer(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    del MADE[before:]


TEMPLATE = "migrated"
# Servers that have it.
TEMPLATED: set[str] = set()
# Addresses of the databases that the present test made.
MADE: list[str] = []


def new_database(server_url: str, *, migrated: bool = True) -> str:
    """A database in that server: empty, or with every table made and nothing in them."""
    name = f"gateway_{token_hex(6)}"
    if not migrated:
        _administer(server_url, f"CREATE DATABASE {name}")
    else:
        if server_url not in TEMPLATED:
            _make_template(server_url)
        _administer(server_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    MADE.append(f"{server_url}/{name}")
    return MADE[-1]


def _administer(server_url: str, statement: str) -> None:
    """Run a statement as the owner of the server."""
    engine = create_engine(f"{server_url}/postgres", isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


def _make_template(server_url: str) -> None:
    made = new_database(server_url, migrated=False)
    store = Store(made)
    store.migrate(create=True)
    store.close()
    MADE.remove(made)
    TEMPLATED.add(server_url)
    _administer(server_url, f"ALTER DATABASE {made.rsplit('/', 1)[1]} RENAME TO {TEMPLATE}")


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Gateway, Gateway]]:
    """Sandwell and Worcestershire, on either database."""
    urls = ["", ""]
    if request.param == "postgresql":
        urls = [new_database(request.getfixturevalue("postgres")) for _ in urls]
    sandwell = make(tmp_path / "333", "333", "Sandwell", urls[0])
    worcestershire = make(tmp_path / "885", "885", "Worcestershire", urls[1])
    introduce(sandwell, worcestershire)
    yield sandwell, worcestershire
    for gw in (sandwell, worcestershire):
        gw.store.close()
