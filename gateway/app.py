"""The one place that wires: home folder to `Authority`, `Authority` to a running gateway."""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_urlsafe

from aiohttp import web

from adapters.route import carriers
from gateway import audit
from gateway.authority import Authority, wall_clock
from gateway.config import FILE, Config, load, parse
from gateway.deliver import deliver_forever
from gateway.errors import NotAllowed, StoreUnavailable, Unusable
from gateway.logs import failed, serving
from gateway.store import log
from gateway.store.database import Store
from gateway.store.log import Entry
from gateway.web.exchange import application
from keys import card, tls
from keys.card import Card, Contact, Route
from keys.ring import Ring

CARD_FILE, TLS_KEY, TLS_CERTIFICATE, PASSPHRASE = "card.jwt", "tls.key", "tls.pem", "passphrase"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
CARD_LIFE = timedelta(days=365)
TLS_DAYS = 730
CHECKPOINT_EVERY = 10.0  # seconds: how much of the log a partner's newest snapshot may lack
STOP_SECONDS = 20  # for requests under way when told to stop

SETTINGS = """\
# One gateway. What may stand here: docs/operators.md. No secret belongs in this file.

[authority]
code = "{code}"
name = "{name}"
officer = "CME Officer"
telephone = "{telephone}"
email = "{email}"

[listen]
host = "{listen}"
port = {port}
url = "https://{host}:{port}/exchange/v1"

[store]
url = "{store_url}"

[keys]
passphrase_file = "{passphrase}"
"""


def create(
    home: Path,
    *,
    code: str,
    name: str,
    host: str = "127.0.0.1",
    port: int = 8443,
    telephone: str = "",
    email: str = "",
    passphrase_file: Path | None = None,
    store_url: str = "",
    now: Callable[[], datetime] = wall_clock,
) -> Config:
    """Make a gateway in an empty folder: settings, keys, certificate, card, database. Raises NotAllowed if one is there."""
    if (home / FILE).exists():
        raise NotAllowed("home.exists", f"There is a gateway in {home} already.", "Name another folder with --home.")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if passphrase_file is None:
        _write_private(home / PASSPHRASE, token_urlsafe(32).encode())
    settings = SETTINGS.format(
        code=code,
        name=name,
        telephone=telephone,
        email=email,
        host=host,
        listen=host if host in LOOPBACK else "0.0.0.0",  # noqa: S104 - partners come from everywhere; keep it behind a firewall
        port=port,
        store_url=store_url,
        passphrase=passphrase_file or PASSPHRASE,
    )
    key_pem, certificate_pem = tls.self_signed(host, now=now(), days=TLS_DAYS)
    _write_private(home / TLS_KEY, key_pem)
    (home / TLS_CERTIFICATE).write_bytes(certificate_pem)
    temporary = home / f".{FILE}"
    temporary.write_text(settings, "utf-8")
    config = parse(settings, home)
    Ring.create(home / "keys", authority=code, passphrase=config.passphrase(), now=now())
    write_card(config, serial=1, now=now())
    store = Store(config.store_url)
    store.migrate()
    store.close()
    temporary.rename(home / FILE)  # last: a folder with this file is a whole gateway
    return config


def write_card(config: Config, *, serial: int, now: datetime) -> Card:
    """Sign our card with the identity key and keep it in the home folder."""
    phrase = config.passphrase()
    ring = Ring.unlock(config.home / "keys", passphrase=phrase)
    identity = Ring.identity(config.home / "keys", passphrase=phrase)
    certificate = tls.der_base64((config.home / TLS_CERTIFICATE).read_bytes())
    who = config.authority
    issued = now.replace(microsecond=0)
    ours = Card(
        authority=who.code,
        name=who.name,
        serial=serial,
        issued_at=issued,
        expires_at=issued + CARD_LIFE,
        identity=identity.public_key().public_bytes_raw(),
        keys=ring.public_keys(),
        routes=(Route("https", config.exchange_url, "sealed", certificate),),
        contacts=(Contact("cme_officer", who.officer, who.telephone, who.email),),
        mash=None,
        schema_versions=("1",),
    )
    fresh = config.home / f".{CARD_FILE}"
    fresh.write_text(card.write(ours, identity), "ascii")
    fresh.rename(config.home / CARD_FILE)
    return ours


def renew_card(home: Path, *, by: str) -> Card:
    """Sign our card anew with the settings and keys of today, for another year. The gateway takes it up when restarted."""
    here = open_authority(home)
    try:
        ours = write_card(here.config, serial=here.own_card.serial + 1, now=here.now())
        entry = Entry("card.renewed", by, here.code, detail={"serial": ours.serial})
        here.store.run(lambda tx: log.append(tx, here.now(), [entry]))
    finally:
        here.store.close()
    return ours


def rotate_keys(home: Path, *, by: str, revoke: bool = False) -> Card:
    """Make new signing and sealing keys, and the card that says so. Old keys still open what was sealed to them.

    With `revoke`, after a theft, nothing that an older key signed counts any more. A crash in between leaves new keys
    under an old card; `doctor` says so, and `card renew` mends it.
    """
    here = open_authority(home)
    try:
        Ring.rotate(home / "keys", passphrase=here.config.passphrase(), now=here.now(), revoke=revoke)
        entry = Entry("keys.rotated", by, here.code, detail={"revoked": "yes" if revoke else "no"})
        here.store.run(lambda tx: log.append(tx, here.now(), [entry]))
    finally:
        here.store.close()
    return renew_card(home, by=by)


def _write_private(path: Path, secret: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secret)


def open_authority(home: Path, *, now: Callable[[], datetime] = wall_clock) -> Authority:
    """The gateway in this folder, unlocked and with its partners' cards read. Close its store when done."""
    config = load(home)
    try:
        own_card = card.read((home / CARD_FILE).read_text("ascii"))
    except OSError:
        raise Unusable(
            "card.missing",
            f"{home / CARD_FILE} cannot be read.",
            "Restore it, or write it anew from a backup of the home folder.",
        ) from None
    ring = Ring.unlock(home / "keys", passphrase=config.passphrase())
    store = Store(config.store_url)
    store.migrate()
    here = Authority(config, ring, own_card, store, carriers(), now)
    here.refresh_trust()
    return here


@asynccontextmanager
async def running(here: Authority) -> AsyncIterator[None]:
    """Serve partners, deliver, sign checkpoints, while inside; on the way out, let what is under way end."""
    stop = asyncio.Event()
    await audit.checkpoint(here)
    runner = web.AppRunner(application(here), access_log=None, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    listen = here.config.listen
    try:
        await web.TCPSite(runner, listen.host, listen.port, ssl_context=_server_tls(here.config)).start()
    except OSError as why:
        await runner.cleanup()
        raise Unusable(
            "listen.unavailable",
            f"The gateway cannot listen on {listen.host}:{listen.port} ({why.strerror}).",
            "Stop what uses that port, or set another [listen] port and send partners the new card.",
        ) from None
    loops = [asyncio.create_task(deliver_forever(here, stop)), asyncio.create_task(_checkpoints(here, stop))]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*loops, return_exceptions=True)
        await runner.cleanup()
        for carrier in here.carriers.values():
            await carrier.close()
        await _checkpoint(here)


async def _checkpoints(here: Authority, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), CHECKPOINT_EVERY)
        except TimeoutError:
            await _checkpoint(here)


async def _checkpoint(here: Authority) -> None:
    try:
        await audit.checkpoint(here)
    except StoreUnavailable as why:  # the next one covers what this one would have
        failed("checkpoint", why)


def _server_tls(config: Config) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(config.home / TLS_CERTIFICATE, config.home / TLS_KEY)
    except OSError as why:
        raise Unusable(
            "tls.unreadable",
            f"The exchange certificate or its key cannot be used ({type(why).__name__}).",
            "Restore tls.pem and tls.key in the home folder.",
        ) from None
    return context


async def serve(here: Authority, *, until: asyncio.Event | None = None) -> None:
    """Run until SIGTERM, SIGINT, or `until`."""
    stop = until or asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(here):
        serving(here.code, here.config.listen.port)
        await stop.wait()
