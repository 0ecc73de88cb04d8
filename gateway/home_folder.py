"""The home folder: made, opened, given a new card or new keys. `settings.file` says what lies in it."""

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from json import dumps, loads
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from adapters.openid import IdentityProvider
from adapters.route import load_carriers
from gateway.auditing import audit
from gateway.context import SYSTEM, Gateway, wall_clock
from gateway.core import labels
from gateway.core.own_keys import KeyState
from gateway.core.storage_rotation import StorageKey, is_rotation_under_way
from gateway.errors import ConfigProblem, KeyEnded, NotAllowed, Unusable
from gateway.settings.config import Config
from gateway.settings.file import load, parse
from gateway.settings.rules import FILE, LOOPBACK
from gateway.store import audit_log, contact_checks, owner, partner_cards, storage_keys
from gateway.store.audit_log import AuditEntry
from gateway.store.contact_checks import ContactCheck
from gateway.store.database import Store, Tx, has_table
from gateway.store.partner_cards import CardExchange
from keys import card, note, tls
from keys.card import Card, CardContact, Route
from keys.errors import CardRefused, CardRoute, Refusal
from keys.ring import NEXT_IDENTITY_FILE, OVERLAP, RING_FILE, KeyPlace, KeyPlaces, Ring
from keys.signatures import SIGNATURE_ALGORITHMS
from keys.trust import Trust
from schemas import layout

CARD_FILE, TLS_KEY, TLS_CERTIFICATE, PASSPHRASE, KEYS = "card.jwt", "tls.key", "tls.pem", "passphrase", "keys"
# The next certificate of the exchange port with its key, PEM, until the port shows it.
TLS_NEXT = "tls-next.pem"
# Our card under the next identity key, until every partner has confirmed that.
NEXT_CARD_FILE = "card-next.jwt"
# Last: with it, a gateway is whole.
PARTS = (PASSPHRASE, KEYS, TLS_KEY, TLS_CERTIFICATE, CARD_FILE, "store.db", FILE)
CARD_LIFE = timedelta(days=365)
# Until a new certificate is shown, for partners of whom we do not know that they hold the card which names it.
CERTIFICATE_PATIENCE = timedelta(days=14)
# Before the old one ends: by then the new one is shown in any case.
CERTIFICATE_LAST = timedelta(days=1)
# Of the home folder and what lies in it.
PRIVATE = 0o700
TLS_DAYS = 730
# No extension of our card.
NONE: Mapping[str, Any] = {}

SETTINGS = """\
# One gateway. What may be set here: docs/reference/settings.md. No secret belongs in this file.

[authority]
code = {code}
name = {name}
officer = "CME Officer"
telephone = {telephone}
email = {email}

[listen]
host = {listen}
port = {port}
url = {url}

[console]
port = {console_port}

[store]
url = {store_url}

[keys]
passphrase_file = {passphrase}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGateway:
    """What a gateway is made with: whose it is, where partners and browsers reach it, and where it keeps things."""

    code: str
    name: str
    # What partners connect to.
    host: str = "127.0.0.1"
    port: int = 8443
    telephone: str = ""
    email: str = ""
    # Without one, a passphrase is made and kept in the home folder.
    passphrase_file: Path | None = None
    # Empty: SQLite in the home folder.
    store_url: str = ""
    # 0: no console.
    console_port: int = 0


def create_gateway(
    home: Path, new: NewGateway, *, by: str = SYSTEM, now: Callable[[], datetime] = wall_clock
) -> Config:
    """Make a gateway: settings, keys, certificate, card, database, and the first entry of its log.

    All of it is made aside and moved in at the end, so that an attempt that failed is in nobody's way. Raises
    NotAllowed where a gateway, a part of one, or its database is there; ConfigProblem; Unusable where nothing can be
    written there.
    """
    check_no_gateway(home)
    settings = _format_settings(new)
    aside = home / ".init"
    parse(settings, aside)
    try:
        home.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        _make_private(home)
        # Of an attempt that was killed.
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=PRIVATE)
        if new.passphrase_file is None:
            _write_private(aside / PASSPHRASE, token_urlsafe(32).encode())
        _make_parts(aside, settings, new.host, by, now)
        for part in PARTS:
            if (aside / part).exists():
                (aside / part).rename(home / part)
    except OSError as why:
        raise Unusable("home.unwritable", home=home, why=why.strerror) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return load(home)


def _make_private(home: Path) -> None:
    """Make the home folder ours alone, also where somebody else made it and another umask held."""
    # It is not ours: then whoever gave it to us says who may.
    with suppress(OSError):
        if home.stat().st_mode & 0o077:
            home.chmod(PRIVATE)


def check_no_gateway(home: Path) -> None:
    """Raises NotAllowed where a gateway, or a part of one, is in this folder."""
    if (home / FILE).exists():
        raise NotAllowed("home.exists", home=home)
    if parts := [part for part in PARTS if (home / part).exists()]:
        raise NotAllowed("home.not-empty", home=home, parts=", ".join(parts), file=FILE)


def _format_settings(new: NewGateway) -> str:
    values: dict[str, str | int] = {
        "code": new.code,
        "name": new.name,
        "telephone": new.telephone,
        "email": new.email,
        "listen": (new.host if new.host in LOOPBACK else "0.0.0.0"),  # noqa: S104 - partners come from everywhere; keep it behind a firewall
        "port": new.port,
        "url": f"https://{f'[{new.host}]' if ':' in new.host else new.host}:{new.port}/exchange/v1",
        "store_url": new.store_url,
        "console_port": new.console_port,
        "passphrase": str(new.passphrase_file.absolute()) if new.passphrase_file else PASSPHRASE,
    }
    return SETTINGS.format_map({key: dumps(value, ensure_ascii=False) for key, value in values.items()})


def _make_parts(home: Path, settings: str, host: str, by: str, now: Callable[[], datetime]) -> None:
    (home / FILE).write_text(settings, "utf-8")
    config = parse(settings, home)
    _write_certificate(home, host, now())
    ring = Ring.create(home / KEYS, authority=config.authority.code, passphrase=config.read_passphrase(), now=now())
    ours = _write_card(config, serial=1, now=now())
    store = Store(config.store_url)
    gw = Gateway(config, ring, ours, store, {}, now)
    try:
        if store.is_made() and store.look(owner.find_owner):
            raise _in_use_error()
        store.migrate(create=True)
        store.run(lambda tx: _begin_log(tx, gw, by))
    finally:
        store.close()


def _begin_log(tx: Tx, gw: Gateway, by: str) -> None:
    """Write whose the database is, and the first entry of its log; another process may have been quicker."""
    if not owner.add_owner(tx, gw.code, gw.own_card.identity) or audit_log.get_tree_head(tx).size:
        raise _in_use_error()
    audit_log.append_entries(tx, gw.now(), [AuditEntry("gateway.made", by, gw.code)])
    add_held_storage_keys(tx, gw.now(), gw.ring)
    audit.sign_log_head(tx, gw)


def _in_use_error() -> NotAllowed:
    return NotAllowed("store.in-use")


def _log_and_sign(gw: Gateway, entry: AuditEntry) -> None:
    """Write an entry, and sign the whole log anew with the key of now."""

    def append_and_sign(tx: Tx) -> None:
        audit_log.append_entries(tx, gw.now(), [entry])
        audit.sign_log_head(tx, gw)

    gw.store.run(append_and_sign)


def _write_certificate(home: Path, host: str, now: datetime) -> None:
    key_pem, certificate_pem = tls.self_signed(host, now=now, days=TLS_DAYS)
    _replace_files({home / TLS_KEY: key_pem, home / TLS_CERTIFICATE: certificate_pem})


def _write_next_certificate(home: Path, host: str, now: datetime) -> None:
    """Make the certificate that the next card names too, unless one waits already."""
    if not (home / TLS_NEXT).exists():
        _replace_files({home / TLS_NEXT: b"".join(tls.self_signed(host, now=now, days=TLS_DAYS))})


def read_next_certificate(home: Path) -> bytes | None:
    """Read the certificate that waits, with its key, PEM; None where none does. Raises ConfigProblem."""
    try:
        pem = (home / TLS_NEXT).read_bytes()
        tls.read_expiry(pem)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as why:
        raise ConfigProblem("tls.unreadable", why=type(why).__name__, certificate=TLS_NEXT, key=TLS_NEXT) from None
    return pem


def take_next_certificate(gw: Gateway) -> bool:
    """Have the exchange port show the certificate that waits, once partners know it by our card; tell whether it does.

    They know it where each has said that it holds this card or a newer one, or has had fourteen days to fetch it. In
    the old one's last day it is taken in any case. A crash in between leaves the file that waits, and it is done again.
    Raises ConfigProblem, Unusable.
    """
    home, now = gw.config.home, gw.now()
    pem = read_next_certificate(home)
    ours = {route.certificate for route in gw.own_card.routes if route.kind == "https"}
    if pem is None or tls.der_base64(pem) not in ours:
        return False
    held = gw.store.look(partner_cards.list_card_exchanges)
    all_hold = all(
        code in held and (held[code].held or 0) >= gw.own_card.serial for code in gw.trust.list_authorities()
    )
    is_last = tls.read_expiry(read_certificate(home)) - now < CERTIFICATE_LAST
    if not (all_hold or is_last or now - gw.own_card.issued_at >= CERTIFICATE_PATIENCE):
        return False
    try:
        _replace_files({home / TLS_KEY: pem, home / TLS_CERTIFICATE: tls.without_key(pem)})
        (home / TLS_NEXT).unlink(missing_ok=True)
    except OSError as why:
        raise Unusable("home.unwritable", home=home, why=why.strerror) from None
    return True


def replace_certificate_at_once(gw: Gateway, *, is_next: bool) -> None:
    """Put another certificate in the place of the one that the exchange port shows, whether partners know it or not.

    It is the one that waits, or a new one of our own. The card must be renewed then. `is_next`: throw away the one that
    waits instead. Raises NotAllowed `keys.no-next-certificate` where an authority must issue it; ConfigProblem.
    """
    home = gw.config.home
    if not is_next:
        pem, host = read_next_certificate(home), tls.own_host(read_certificate(home))
        if pem is None and host is None:
            raise NotAllowed("keys.no-next-certificate", file=TLS_NEXT)
        pem = pem or b"".join(tls.self_signed(host or "", now=gw.now(), days=TLS_DAYS))
        _replace_files({home / TLS_KEY: pem, home / TLS_CERTIFICATE: tls.without_key(pem)})
    (home / TLS_NEXT).unlink(missing_ok=True)


def finish_next_certificate(home: Path) -> None:
    """Finish what a crash broke off, where the key of the next certificate is in place and the certificate is not.

    Raises ConfigProblem.
    """
    pem = read_next_certificate(home)
    with suppress(FileNotFoundError):
        if pem is not None and (home / TLS_KEY).read_bytes() == pem:
            _replace_files({home / TLS_CERTIFICATE: tls.without_key(pem)})
            (home / TLS_NEXT).unlink(missing_ok=True)


def stamp_own_files(home: Path) -> tuple[object, ...]:
    """Return what is another value once our card, keys or certificate are other files than they were."""

    def stamp(path: Path) -> tuple[int, int, int] | None:
        with suppress(OSError):
            status = path.stat()
            return status.st_mtime_ns, status.st_ino, status.st_size
        return None

    names = (CARD_FILE, NEXT_CARD_FILE, f"{KEYS}/{RING_FILE}", TLS_KEY, TLS_CERTIFICATE)
    return tuple(stamp(home / name) for name in names)


def take_up_own(gw: Gateway) -> bool:
    """Take up our card and keys as they are on the disk now; tell whether they are others than this process had.

    New keys count once the card on the disk has them: before, no partner could know them. Which storage key wraps, the
    database says.

    Raises ConfigProblem, or a Refusal.
    """
    ours, text = _read_own_card(gw.config.home)
    following, next_text = _read_next_card(gw.config.home)
    ring = unlock_ring(gw.config)
    is_identity = ours.identity == gw.own_card.identity or _has_identity(gw.next_card, ours.identity.hex())
    is_ours = is_identity and (ours.authority, ring.authority) == (gw.code, gw.code)
    is_new = (text, next_text) != (gw.own_card_text, gw.next_card_text) or ring.list_keys() != gw.ring.list_keys()
    if not (is_ours and is_new and ring.active_kids <= {key.kid for key in ours.keys}):
        return False
    gw.own_card, gw.own_card_text, gw.ring = (
        ours,
        text,
        choose_storage_key(gw.store.look(storage_keys.list_storage_keys), ring),
    )
    gw.next_card, gw.next_card_text = following, next_text
    return True


def _has_identity(whose: Card | None, identity: str) -> bool:
    return whose is not None and whose.identity.hex() == identity


def stop_ended_key(gw: Gateway) -> None:
    """Sign nothing any more with a key that was replaced in another home folder, or revoked, and has ended.

    The database tells, which all processes share. The newer keys are taken up once they are here. Raises
    StoreUnavailable.
    """
    ended_at = gw.store.look(lambda tx: _find_key_end(tx, gw.ring)) if gw.ring.signs else None
    if ended_at is not None and ended_at <= gw.now():
        gw.ring = gw.ring.stop_signing(KeyEnded)


def _find_key_end(tx: Tx, ring: Ring) -> datetime | None:
    """Return when the newest signing key here ends or ended; None where nothing newer is known."""
    for entry in audit_log.list_newest_entries(tx, about=ring.newest_id, act="keys.revoked", limit=1):
        return entry.at
    for entry in audit_log.list_newest_entries(tx, act="keys.rotated", limit=1):
        detail = loads(entry.entry).get("detail", {})
        # Older versions did not write which key.
        if detail.get("key", ring.newest_id) != ring.newest_id and entry.at >= ring.newest_since:
            return entry.at if detail.get("revoked") == "yes" else entry.at + OVERLAP
    return None


def unlock_ring(config: Config) -> Ring:
    """Open our keys. Raises ConfigProblem, or RingRefused as `Ring.unlock` does; the HSM is not asked yet."""
    return Ring.unlock(config.home / KEYS, passphrase=config.read_passphrase(), hsm=config.find_hsm())


def build_key_places(config: Config, into: KeyPlace | None = None) -> KeyPlaces:
    """Return where keys are and new ones are made: `into`, or where the old ones are."""
    return KeyPlaces(config.find_hsm(), into, config.hsm.signatures)


def choose_storage_key(stored: Iterable[StorageKey], ring: Ring) -> Ring:
    """Return the keys, of which the one wraps that all processes use now; `stored`: how these are known to all.

    Where the keys here are older, a retired one goes on: every other process opens what lies under it. Raises
    ConfigProblem where they have none that others know.
    """
    known = {key.kid: key.state for key in stored}
    usable = [kid for kid in ring.storage_kids if known.get(kid) in (KeyState.ACTIVE, KeyState.RETIRED)]
    if known and not usable:
        raise ConfigProblem("home.old-storage-key", keys=KEYS)
    kid = min(usable, key=lambda kid: known[kid] is not KeyState.ACTIVE, default=ring.storage_key.kid)
    return ring if ring.storage_key.kid == kid else ring.wrap_with(kid)


def read_certificate(home: Path) -> bytes:
    """Read the certificate of the exchange port, PEM. Raises ConfigProblem."""
    try:
        pem = (home / TLS_CERTIFICATE).read_bytes()
        tls.read_expiry(pem)
    except (OSError, ValueError) as why:
        raise unreadable_tls(type(why).__name__) from None
    return pem


def unreadable_tls(why: str) -> ConfigProblem:
    """Return what is said where the certificate or its key is no use; `why` is the kind of the error."""
    return ConfigProblem("tls.unreadable", why=why, certificate=TLS_CERTIFICATE, key=TLS_KEY)


def _write_private(path: Path, secret: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())


def _write_card(
    config: Config, *, serial: int, now: datetime, host: Card | None = None, extensions: Mapping[str, Any] = NONE
) -> Card:
    """Sign our card with the identity key and keep it in the home folder; and with the next one, where there is one."""
    ring = unlock_ring(config)
    identity = Ring.open_identity(config.home / KEYS, passphrase=config.read_passphrase())
    has_next = _has_next_identity(config.home, identity.public_key().public_bytes_raw())
    passphrase = config.read_passphrase()
    following = Ring.open_identity(config.home / KEYS, passphrase=passphrase, is_next=True) if has_next else None
    certificates = [tls.der_base64(read_certificate(config.home))]
    if (waits := read_next_certificate(config.home)) is not None:
        certificates.append(tls.der_base64(waits))
    who = config.authority
    issued = now.replace(microsecond=0)
    ours = Card(
        authority=who.code,
        name=who.name,
        serial=serial,
        issued_at=issued,
        expires_at=issued + CARD_LIFE,
        identity=identity.public_key().public_bytes_raw(),
        keys=ring.list_card_keys(issued),
        # The same address twice, where the certificate will change: either may be shown there.
        routes=(
            *(Route("https", config.exchange_url, "sealed", certificate) for certificate in certificates),
            *_list_fetched_routes(config, host),
        ),
        contacts=list_contacts(config),
        mash=build_mash_contact(config),
        schema_versions=(layout.VERSION,),
        extensions=extensions,
    )
    try:
        card.check_routes(ours)
    except CardRoute:
        raise ConfigProblem("config.route") from None
    files = {config.home / CARD_FILE: card.write(ours, identity).encode("ascii")}
    if following is not None:
        others = {name: value for name, value in ours.extensions.items() if name != card.NEXT_IDENTITY}
        twin = replace(ours, identity=following.public_key().public_bytes_raw(), extensions=others)
        files[config.home / NEXT_CARD_FILE] = card.write(twin, following).encode("ascii")
    _replace_files(files)
    if following is None:
        (config.home / NEXT_CARD_FILE).unlink(missing_ok=True)
    return ours


def _has_next_identity(home: Path, identity: bytes) -> bool:
    """Tell whether an identity key is to follow this one; it may be kept elsewhere, where our next card is here."""
    waits = _read_next_card(home)[0]
    return (home / KEYS / NEXT_IDENTITY_FILE).exists() or not (waits is None or waits.identity == identity)


def list_contacts(config: Config) -> tuple[CardContact, ...]:
    """List whom partners may ring here, as the settings have them: the officer first, then by role."""
    who = config.authority
    officer = CardContact("cme_officer", who.officer, who.telephone, who.email)
    others = (CardContact(role, it.name, it.telephone, it.email) for role, it in config.contacts.items())
    return (officer, *others)


def build_mash_contact(config: Config) -> CardContact | None:
    """Return whom to ring here about the safety of a child, as the settings have it; None where nobody has said."""
    who = config.mash
    return CardContact("mash", who.name, who.telephone, who.email) if who.telephone else None


def has_card_contacts(config: Config, ours: Card) -> bool:
    """Tell whether our card says whom to ring as the settings do."""
    return ours.contacts == list_contacts(config) and ours.mash == build_mash_contact(config)


def digest_contacts(config: Config) -> dict[str, str]:
    """Return a digest of whom partners may ring here, for each role, as the settings have it."""
    by_role: dict[str, list[str]] = {}
    mash = build_mash_contact(config)
    for contact in (*list_contacts(config), *((mash,) if mash else ())):
        by_role.setdefault(contact.role, []).append(f"{contact.name}\0{contact.telephone}\0{contact.email}")
    return {role: sha256("\0\0".join(texts).encode()).hexdigest() for role, texts in by_role.items()}


def find_contact_checks(tx: Tx, config: Config) -> dict[str, datetime]:
    """Return when each contact was last checked, by role; one that is another since was not."""
    now_set = digest_contacts(config)
    checks = contact_checks.list_contact_checks(tx)
    return {it.role: it.checked_at for it in checks if now_set.get(it.role) == it.digest}


def list_old_readers(tx: Tx, gw: Gateway) -> list[str]:
    """List the partners that may be unable to read a card with an extension: nothing shows that they exchange cards.

    Gateways that do read them; those of version 0.2 and before refuse such a card (`docs/reference/versions.md`).
    """
    known = partner_cards.list_card_exchanges(tx)

    def reads(code: str) -> bool:
        its = known.get(code, CardExchange(code))
        has_shown = its.held is not None or its.answered_at is not None
        return has_shown or bool(gw.trust.get_card(code).extensions)

    return [code for code in gw.trust.list_authorities() if not reads(code)]


def _replace_files(files: Mapping[Path, bytes]) -> None:
    """Write files under other names, durably, and only then put them in place: on a full disk all stay as they were."""
    fresh = {path: path.with_name(f".{path.name}") for path in files}
    try:
        for path, content in files.items():
            _write_private(fresh[path], content)
        for path, temporary in fresh.items():
            if path.name not in (TLS_KEY, TLS_NEXT):
                temporary.chmod(0o644)
            temporary.replace(path)
    except OSError:
        for temporary in fresh.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        raise


def _list_fetched_routes(config: Config, host: Card | None) -> Iterator[Route]:
    """Yield our routes for those whom no connection to us reaches."""
    if host is not None:
        theirs = [route for route in host.routes if route.kind == "https"]
        if not theirs:
            raise ConfigProblem("config.mailbox", host=host.name)
        for route in theirs:
            if route.url == theirs[0].url:
                yield Route("mailbox", f"{route.url}/mailboxes/{config.authority.code}", "sealed", route.certificate)
    if config.sftp.url:
        yield Route("sftp", config.sftp.url, "sealed", config.sftp.host_key)
    if config.email.address:
        yield Route("email", f"mailto:{config.email.address}", "sealed")


def renew_card(home: Path, *, by: str, confirms_contacts: bool = False) -> Card:
    """Sign our card anew with the settings and keys of today, for another year. A gateway that runs takes it up.

    `confirms_contacts`: a person has checked every contact today. The card says when each was checked, and which
    signatures are verified here, unless a partner could not read it then (`list_old_readers`).

    Where the certificate of the exchange port is our own and ends before the new card does, the card names the next one
    too. The port shows that once partners hold the card (`take_next_certificate`). The serial is higher than that of
    any card of ours that a partner has told us of, as before a backup was restored.
    """
    gw = open_gateway(home)
    try:
        certificate = read_certificate(home)
        host = tls.own_host(certificate)
        if host and tls.read_expiry(certificate) < gw.now() + CARD_LIFE:
            _write_next_certificate(home, host, gw.now())
        mailbox = gw.config.mailbox.host
        hosted_by = gw.trust.get_card(mailbox) if mailbox else None
        known = [
            gw.own_card.serial,
            *(it.held or 0 for it in gw.store.look(partner_cards.list_card_exchanges).values()),
        ]
        checks = _list_checks_now(gw, by) if confirms_contacts else []
        checked = gw.store.look(lambda tx: find_contact_checks(tx, gw.config))
        checked |= {check.role: check.checked_at for check in checks}
        extensions = card.write_contact_dates(checked) | {card.SIGNATURES_READ: list(SIGNATURE_ALGORITHMS)}
        if (home / KEYS / NEXT_IDENTITY_FILE).exists():
            passphrase = gw.config.read_passphrase()
            following = Ring.open_identity(home / KEYS, passphrase=passphrase, is_next=True)
            extensions |= card.write_next_identity(following.public_key().public_bytes_raw())
        if not gw.trust.list_authorities() or gw.store.look(lambda tx: list_old_readers(tx, gw)):
            extensions = {}
        ours = _write_card(gw.config, serial=max(known) + 1, now=gw.now(), host=hosted_by, extensions=extensions)
        gw.store.run(lambda tx: _keep_contact_checks(tx, gw, checks, by))
        _log_and_sign(gw, AuditEntry("card.renewed", by, gw.code, detail={"serial": ours.serial}))
    finally:
        gw.store.close()
    return ours


def note_contacts_checked(gw: Gateway, *, by: str) -> None:
    """Note that a person has checked today every contact that our next card has; the card says so once it is renewed.

    The identity key signs the card, and a gateway that serves never holds that.
    """
    gw.store.run(lambda tx: _keep_contact_checks(tx, gw, _list_checks_now(gw, by), by))


def _list_checks_now(gw: Gateway, by: str) -> list[ContactCheck]:
    now = gw.now().replace(microsecond=0)
    return [ContactCheck(role, digest, now, by) for role, digest in digest_contacts(gw.config).items()]


def _keep_contact_checks(tx: Tx, gw: Gateway, checks: Sequence[ContactCheck], by: str) -> None:
    for check in checks:
        contact_checks.replace_contact_check(tx, check)
    if checks:
        detail: dict[str, str | int] = {"roles": " ".join(check.role for check in checks)}
        audit_log.append_entries(tx, gw.now(), [AuditEntry("card.contacts-checked", by, gw.code, detail=detail)])


def rotate_keys(home: Path, *, by: str, revoke: bool = False, into: KeyPlace | None = None) -> Card:
    """Make new signing, sealing and storage keys, and the card that says so. Old keys still open what is theirs.

    With `revoke`, after a theft, nothing that an older key signed counts any more; the audit log is signed anew, whole.
    While another storage key takes the place of an older one, that goes on, and no third is made, unless with `revoke`.
    `into`: where signing and storage keys are made, where not in the place of the old ones. A crash in between leaves
    new keys under an old card; `doctor` says so, and `card renew` mends it.

    Raises HsmUnavailable where the HSM makes none, NotAllowed where keys cannot go there now; then the old ones stay.
    """
    gw = open_gateway(home)
    try:
        _check_signatures_read(gw, into)
        if not revoke and (until := gw.ring.find_card_room(gw.now())):
            raise NotAllowed("keys.card-full", until=f"{until:%d %b %Y}")
        with Ring.hold_files(home / KEYS):
            gw.store.run(lambda tx: add_held_storage_keys(tx, gw.now(), gw.ring))
            busy = is_rotation_under_way(gw.store.look(storage_keys.list_storage_keys))
            if busy and into is not None and not revoke:
                # The old storage key would stay where it is.
                raise NotAllowed("keys.rotation-under-way")
            uses = ("sig", "enc") if busy and not revoke else ("sig", "enc", "rest")
            fresh = Ring.rotate(
                home / KEYS,
                passphrase=gw.config.read_passphrase(),
                now=gw.now(),
                revoke=revoke,
                places=build_key_places(gw.config, into),
                uses=uses,
            )
            place = "hsm" if fresh.is_in_hsm else "file"
            detail = {"revoked": "yes" if revoke else "no", "place": place, "key": fresh.newest_id}
            entry = AuditEntry("keys.rotated", by, gw.code, detail=detail)
            gw.store.run(lambda tx: _log_new_keys(tx, gw, fresh, entry))
    finally:
        gw.store.close()
    return renew_card(home, by=by)


def _check_signatures_read(gw: Gateway, into: KeyPlace | None) -> None:
    """Raises NotAllowed where new keys would sign with what the gateway of some partner does not verify."""
    wanted = gw.config.hsm.signatures
    if into == "file" or (into is None and not gw.ring.is_in_hsm):
        return
    if named := name_partners_without(gw, {wanted}):
        raise NotAllowed("hsm.partners-older", partners=named, signatures=wanted)


def name_partners_without(gw: Gateway, algorithms: Collection[str]) -> str:
    """Name the partners whose gateways may not verify signatures of all these algorithms; empty where all do."""
    known = ((code, card.list_signatures_read(gw.trust.get_card(code))) for code in gw.trust.list_authorities())
    return ", ".join(labels.name_authority_in_full(code) for code, read in known if not read.issuperset(algorithms))


def _log_new_keys(tx: Tx, gw: Gateway, ring: Ring, entry: AuditEntry) -> None:
    audit_log.append_entries(tx, gw.now(), [entry])
    add_held_storage_keys(tx, gw.now(), ring)


def add_held_storage_keys(tx: Tx, now: datetime, ring: Ring) -> Sequence[str]:
    """Note the storage keys of this ring that no process knew; return the ids of those that are to wrap.

    The first that are noted in a database are taken as they are. Later ones wait until all processes hold them.
    """
    # Two processes must not both note them.
    audit_log.lock_log(tx)
    known = {key.kid for key in storage_keys.list_storage_keys(tx)}
    waiting = []
    for key in ring.list_keys():
        if key.use == "rest" and key.kid not in known:
            is_newest = key.kid == ring.storage_kids[0]
            state = (KeyState.WAITING if known else KeyState.ACTIVE) if is_newest else KeyState.RETIRED
            used_from = key.not_before if state is KeyState.ACTIVE else None
            storage_keys.add_storage_key(tx, StorageKey(key.kid, state, now, used_from))
            waiting += [key.kid] if state is KeyState.WAITING else []
    return waiting


def open_gateway(home: Path, *, now: Callable[[], datetime] = wall_clock) -> Gateway:
    """Open the gateway in this folder, unlocked and with its partners' cards read. Close its store when done."""
    config = load(home)
    _make_private(home)
    own_files = stamp_own_files(home)
    own_card, own_card_text = _read_own_card(home)
    next_card, next_card_text = _read_next_card(home)
    ring = unlock_ring(config)
    for what, code in (("The card", own_card.authority), ("The keys", ring.authority)):
        if code != config.authority.code:
            raise ConfigProblem("home.mixed", what=what, home=home, code=code, file=FILE, ours=config.authority.code)
    store = Store(config.store_url)
    try:
        is_named = not store.is_made() or _is_database_ours(store, own_card, next_card)
        if not is_named:
            _check_signed_by_us(store, own_card)
        store.migrate()
        if not is_named:
            store.run(lambda tx: owner.add_owner(tx, own_card.authority, own_card.identity))
        gw = Gateway(config, ring, own_card, store, load_carriers(), now, config.sign_ins(), config.mail_account())
        gw.own_card_text, gw.own_files = own_card_text, own_files
        gw.proxy = config.read_proxy()
        gw.next_card, gw.next_card_text = next_card, next_card_text
        gw.ring = choose_storage_key(store.look(storage_keys.list_storage_keys), ring)
        registration = config.read_registration()
        gw.identity_provider = IdentityProvider(registration) if registration else None
        gw.refresh_trust()
        stop_ended_key(gw)
    except BaseException:
        store.close()
        raise
    return gw


def _is_database_ours(store: Store, ours: Card, following: Card | None) -> bool:
    """Tell whether the database names us; False where it names nobody with a key. Raises ConfigProblem.

    It may name the identity key that is to follow: then a command that was to end the change was broken off, or this
    home folder is that of another process.
    """
    owner_named = store.look(owner.find_owner)
    if owner_named is None:
        return False
    if owner_named.authority != ours.authority:
        raise _not_ours_error(
            f"it holds the records of {owner_named.authority}, and this home folder is that of {ours.authority}"
        )
    if owner_named.identity not in (None, ours.identity.hex()) and not _has_identity(following, owner_named.identity):
        raise _not_ours_error(f"it belongs to another gateway of {ours.authority}, which has other keys")
    return owner_named.identity is not None


def _check_signed_by_us(store: Store, ours: Card) -> None:
    """Check that a key on our card signed a checkpoint of its log, of before the database named a key."""
    trust = Trust({ours.authority: ours})

    def is_signed(tx: Tx) -> bool:
        notes = list(audit_log.list_checkpoints(tx)) if has_table(tx, "audit_checkpoints") else []
        return not notes or any(_is_signed_by(note, ours.authority, trust) for note in reversed(notes))

    if not store.look(is_signed):
        raise _not_ours_error(f"no key of ours has signed anything in it, though it is a database of {ours.authority}")


def _is_signed_by(text: str, authority: str, trust: Trust) -> bool:
    for revoked in (False, True):
        with suppress(Refusal):
            note.verify_checkpoint_with_trust(text, authority=authority, trust=trust, revoked=revoked)
            return True
    return False


def _not_ours_error(why: str) -> ConfigProblem:
    return ConfigProblem("store.not-ours", why=why, file=FILE)


def _read_next_card(home: Path) -> tuple[Card | None, str]:
    """Read our card under the next identity key; nothing where there is none. Raises ConfigProblem."""
    if not (home / NEXT_CARD_FILE).exists():
        return None, ""
    return _read_card_file(home / NEXT_CARD_FILE)


def _read_own_card(home: Path) -> tuple[Card, str]:
    return _read_card_file(home / CARD_FILE)


def _read_card_file(path: Path) -> tuple[Card, str]:
    try:
        text = path.read_text("ascii").strip()
        return card.read(text), text
    except OSError:
        what = "cannot be read"
    except (UnicodeDecodeError, CardRefused):
        what = "is damaged"
    raise ConfigProblem("card.missing", path=path, what=what)
