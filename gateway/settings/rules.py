"""Which settings may stand, each by itself and beside others; the first that may not is named, with its line and what
to write instead.
"""

import re
from datetime import date
from ipaddress import ip_network

from gateway.core.permissions import Role
from gateway.errors import ConfigProblem
from gateway.settings.config import ALL_ROLES, Config
from gateway.settings.sections import (
    ApiSettings,
    ConsoleSettings,
    ContactSettings,
    DeadlinesSettings,
    EmailSettings,
    EncryptionSettings,
    HelpSettings,
    HsmSettings,
    ProxySettings,
    RetentionSettings,
    SignInSettings,
    VersionsSettings,
)
from keys.algorithms import KEMS
from keys.trust import find_version

FILE = "gateway.toml"
SFTP_URL = re.compile(r"sftp://[^/@:\s]+(:[0-9]{1,5})?(/[A-Za-z0-9._-]+)+")
SMTP_URL, IMAP_URL = (re.compile(rf"{kind}s?://[^/@:\s]+(:[0-9]{{1,5}})?") for kind in ("smtp", "imap"))
CONSOLE_URL = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?|http://(127[.]0[.]0[.]1|localhost)(:[0-9]{1,5})?/?")
WEB_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/?=&%-]*)?")
WEBHOOK_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?(:[0-9]{1,5})?")
PROXY_URL = re.compile(r"http://([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]):([1-9][0-9]{0,4})")
# A name, a domain with a dot before it, an address or a network.
PROXY_EXCEPTION = re.compile(r"[.]?[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*|[0-9A-Fa-f:.]+(/[0-9]{1,3})?")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
MAIL_ADDRESS = re.compile(r"[A-Za-z0-9._'+-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
STORE_URL = re.compile("sqlite:///|postgresql[+]psycopg://")
LOOPBACK_URL = r"http://(localhost|127\.0\.0\.1|\[::1\])"
ISSUER = re.compile(rf"(https://[A-Za-z0-9.-]+|{LOOPBACK_URL})(:[0-9]{{1,5}})?(/[A-Za-z0-9._~-]+)*/?")
ENTRA = re.compile(r"https://login\.(microsoftonline\.(com|us)|partner\.microsoftonline\.cn)(/.*)?")
# As its tokens spell it.
ENTRA_TENANT = re.compile(r"https://[a-z.]+/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/v2\.0")
# As a notice may have it (`schemas.shapes`), so that it can be rung from another authority.
TELEPHONE = re.compile(r"[+0-9][0-9 ()+]{5,29}")
# Characters, as a card may have them.
LONGEST_NAME = 200
# Days, or hours for a receipt.
LONGEST_DEADLINE = 365
# Days: until then a partner that was restored from a backup may ask for what it lost.
SHORTEST_RETENTION = 14
LONGEST_RETENTION = 3650


def check(text: str, config: Config) -> None:
    """Raises ConfigProblem for the first that may not stand."""
    if not (config.authority.code.isdecimal() and len(config.authority.code) == 3):
        raise build_problem(text, "code", "code must be a DfE code of three digits", 'code = "333"')
    if not 1 <= config.listen.port <= 65535:
        raise build_problem(text, "port", "port must be a number from 1 to 65535", "port = 8443")
    _check_console(text, config.console)
    _check_help(text, config.help)
    _check_proxies(text, config)
    _check_outbound_proxy(text, config.proxy)
    if not 0 <= config.metrics.port <= 65535 or config.metrics.port == config.listen.port:
        wrong = "[metrics] port must be a port of its own, or 0 for none"
        raise build_problem(text, "port", wrong, "port = 9464", "metrics")
    _check_api(text, config.api)
    if config.store.url and not STORE_URL.match(config.store.url):
        raise build_problem(
            text,
            "url",
            "[store] url must be the address of a SQLite or PostgreSQL database",
            'url = "postgresql+psycopg://gateway@store/gateway"',
            "store",
        )
    if config.one.unsaid not in ("hold", "send"):
        raise build_problem(text, "unsaid", "unsaid must be hold or send", 'unsaid = "hold"', "one")
    if config.one.import_when not in ("accepted", "arrived"):
        raise build_problem(
            text, "import_when", "import_when must be accepted or arrived", 'import_when = "accepted"', "one"
        )
    if not 0 <= config.one.extract_days <= LONGEST_DEADLINE:
        wrong = f"[one] extract_days must be between 0 and {LONGEST_DEADLINE}"
        raise build_problem(text, "extract_days", wrong, "extract_days = 7", "one")
    ours = config.one
    folders = [
        folder for folder in (ours.folder, ours.import_folder, ours.answers_folder, ours.children_folder) if folder
    ]
    if len({config.home / folder for folder in folders}) < len(folders):
        raise build_problem(
            text, "folder", "[one] names a folder twice", "a different folder for each of the four", "one"
        )
    if not all(
        re.fullmatch("[0-9]{3}", code) and code != config.authority.code for code in config.one.enquire_of.split()
    ):
        raise build_problem(
            text, "enquire_of", "enquire_of must have the codes of other authorities", 'enquire_of = "330 885"', "one"
        )
    if config.search.no_trace not in ("officer", "machine") or config.search.index_days < 1:
        raise build_problem(
            text,
            "no_trace",
            "[search] no_trace must be officer or machine, and index_days a number from 1",
            'no_trace = "officer", index_days = 7',
            "search",
        )
    if config.sftp.url and not SFTP_URL.fullmatch(config.sftp.url):
        raise build_problem(
            text, "url", "[sftp] url must be a folder on a server", 'url = "sftp://server.example:22/folder"', "sftp"
        )
    _check_hsm(text, config.hsm)
    _check_encryption(text, config.encryption)
    _check_versions(text, config.versions)
    _check_email(text, config.email)
    _check_sign_in(text, config)
    check_deadlines(text, config.deadlines, "deadlines")
    _check_retention(text, config.retention)
    if config.mash != ContactSettings():
        check_contact(text, config.mash, "mash")
    if config.limits.messages_per_minute < 1 or not 1 <= config.limits.messages_per_request <= 1000:
        raise build_problem(
            text, "messages_per", "a limit is out of range", "messages_per_minute = 6000, messages_per_request = 100"
        )


def check_deadlines(text: str, deadlines: DeadlinesSettings, section: str) -> None:
    """Raises ConfigProblem for a deadline out of its range."""
    for key in ("receipt_hours", "acknowledgement_days", "answer_days", "outcome_days"):
        if not 1 <= getattr(deadlines, key) <= LONGEST_DEADLINE:
            wrong = f"[{section}] {key} must be between 1 and {LONGEST_DEADLINE}"
            raise build_problem(text, key, wrong, f"{key} = {getattr(DeadlinesSettings(), key)}", section)
    if deadlines.service_manager and not MAIL_ADDRESS.fullmatch(deadlines.service_manager):
        example = 'service_manager = "manager@sandwell.gov.uk"'
        raise build_problem(text, "service_manager", "service_manager must be an email address", example, section)


def _check_retention(text: str, ours: RetentionSettings) -> None:
    for key, least in (("days", SHORTEST_RETENTION), ("file_days", 1)):
        if not least <= getattr(ours, key) <= LONGEST_RETENTION:
            wrong = f"[retention] {key} must be between {least} and {LONGEST_RETENTION}"
            raise build_problem(text, key, wrong, f"{key} = {getattr(RetentionSettings(), key)}", "retention")


def check_contact(text: str, contact: ContactSettings, section: str) -> None:
    """Raises ConfigProblem for a contact whom nobody could ring."""
    if not (contact.name.isprintable() and 0 < len(contact.name) <= LONGEST_NAME):
        raise build_problem(text, "name", f"[{section}] needs a name", 'name = "Sandwell MASH"', section)
    if not TELEPHONE.fullmatch(contact.telephone):
        wrong = f"[{section}] needs a telephone number, of digits and spaces"
        raise build_problem(text, "telephone", wrong, 'telephone = "01632 960199"', section)
    if contact.email and not MAIL_ADDRESS.fullmatch(contact.email):
        wrong = f"[{section}] email must be an email address"
        raise build_problem(text, "email", wrong, 'email = "mash@sandwell.gov.uk"', section)


def _check_console(text: str, ours: ConsoleSettings) -> None:
    if not 0 <= ours.port <= 65535:
        raise build_problem(
            text,
            "port",
            "[console] port must be a number from 1 to 65535, or 0 for no console",
            "port = 8480",
            "console",
        )
    if bool(ours.tls_certificate_file) != bool(ours.tls_key_file):
        wrong, instead = (
            "[console] must have both a certificate and its key, or neither",
            "tls_certificate_file and tls_key_file, or neither",
        )
        raise build_problem(text, "tls_", wrong, instead, "console")
    if ours.host not in LOOPBACK and not ours.tls_certificate_file:
        wrong = "[console] would send children's details over the network without encryption"
        raise build_problem(text, "host", wrong, "tls_certificate_file and tls_key_file as well", "console")
    if ours.url and not CONSOLE_URL.fullmatch(ours.url):
        wrong = "[console] url must be an https address for browsers"
        raise build_problem(text, "url", wrong, 'url = "https://cme.sandwell.gov.uk"', "console")
    named = ours.second_factor.split()
    if named != [ALL_ROLES] and not {*named} <= {*Role}:
        wrong = f"[console] second_factor must have roles only ({', '.join(Role)}), or {ALL_ROLES}"
        raise build_problem(text, "second_factor", wrong, 'second_factor = "admin service_manager"', "console")


def _check_help(text: str, ours: HelpSettings) -> None:
    if ours.email and not MAIL_ADDRESS.fullmatch(ours.email):
        raise build_problem(
            text, "email", "[help] email must be an email address", 'email = "it@sandwell.gov.uk"', "help"
        )
    for key, allowed in (("feedback", (MAIL_ADDRESS, WEB_ADDRESS)), ("privacy", (WEB_ADDRESS,))):
        value = getattr(ours, key)
        if value and not any(form.fullmatch(value) for form in allowed):
            wrong = f"[help] {key} must be {'an email or ' if len(allowed) > 1 else ''}an https address"
            raise build_problem(text, key, wrong, f'{key} = "https://www.sandwell.gov.uk/cme"', "help")


def _check_proxies(text: str, config: Config) -> None:
    for section, named in (("listen", config.listen.proxies), ("console", config.console.proxies)):
        try:
            for address in named.split():
                ip_network(address, strict=False)
        except ValueError:
            wrong = f"[{section}] proxies must have addresses or networks only"
            raise build_problem(text, "proxies", wrong, 'proxies = "10.1.2.3 10.1.4.0/24"', section) from None


def _check_outbound_proxy(text: str, ours: ProxySettings) -> None:
    if ours == ProxySettings():
        return
    place = PROXY_URL.fullmatch(ours.url)
    if not place or int(place[2]) > 65535:
        wrong = "[proxy] url must be the address and port of the council's proxy"
        raise build_problem(text, "url", wrong, 'url = "http://proxy.sandwell.gov.uk:3128"', "proxy")
    if bool(ours.user) != bool(ours.password_file) or ":" in ours.user:
        wrong = "[proxy] must have both a user and a password_file, or neither"
        instead = 'user = "cme-gateway" and password_file = "proxy-password", or neither'
        raise build_problem(text, "user", wrong, instead, "proxy")
    for exception in ours.exceptions.split():
        if not _is_proxy_exception(exception):
            wrong = f"[proxy] exceptions must have names, addresses or networks only, not {exception}"
            raise build_problem(text, "exceptions", wrong, 'exceptions = "10.0.0.0/8 .sandwell.gov.uk"', "proxy")
    if ours.sftp not in ("direct", "proxy"):
        raise build_problem(text, "sftp", "[proxy] sftp must be direct or proxy", 'sftp = "direct"', "proxy")


def _is_proxy_exception(text: str) -> bool:
    """Say whether it is a network or an address, or can be a name; what has digits only is no name."""
    if not PROXY_EXCEPTION.fullmatch(text):
        return False
    try:
        ip_network(text, strict=False)
    except ValueError:
        return "/" not in text and ":" not in text and not text.replace(".", "").isdigit()
    return True


def _check_hsm(text: str, ours: HsmSettings) -> None:
    if ours == HsmSettings():
        return
    for key, example in (
        ("module", "/usr/lib/softhsm/libsofthsm2.so"),
        ("token", "cme-gateway"),
        ("pin_file", "/run/credentials/hsm-pin"),
    ):
        if not getattr(ours, key):
            raise build_problem(text, key, f"[hsm] needs {key}", f'{key} = "{example}"', "hsm")
    if ours.signatures not in ("EdDSA", "ES256"):
        raise build_problem(
            text, "signatures", "[hsm] signatures must be EdDSA or ES256", 'signatures = "EdDSA"', "hsm"
        )
    if not ours.module.startswith("/"):
        wrong = "[hsm] module must be the whole path of the vendor's library"
        raise build_problem(text, "module", wrong, 'module = "/usr/lib/softhsm/libsofthsm2.so"', "hsm")


def _check_encryption(text: str, ours: EncryptionSettings) -> None:
    if ours == EncryptionSettings():
        return
    if ours.forbidden not in KEMS:
        wrong = f"[encryption] forbidden must be one of {', '.join(KEMS)}"
        raise build_problem(text, "forbidden", wrong, 'forbidden = "X25519"', "encryption")
    _check_day(text, "encryption", "forbidden_from", ours.forbidden_from)


def _check_versions(text: str, ours: VersionsSettings) -> None:
    if ours == VersionsSettings():
        return
    if find_version(ours.minimum) is None:
        wrong = "[versions] minimum must be a version of the message schema"
        raise build_problem(text, "minimum", wrong, 'minimum = "1.1"', "versions")
    _check_day(text, "versions", "minimum_from", ours.minimum_from)


def _check_day(text: str, section: str, key: str, day: str) -> None:
    try:
        date.fromisoformat(day)
    except ValueError:
        wrong = f"[{section}] {key} must be a day"
        raise build_problem(text, key, wrong, f'{key} = "2030-01-01"', section) from None


def _check_api(text: str, ours: ApiSettings) -> None:
    if not 1 <= ours.requests_per_minute <= 100_000:
        wrong = "[api] requests_per_minute is out of range"
        raise build_problem(text, "requests_per_minute", wrong, "requests_per_minute = 300", "api")
    if not all(WEBHOOK_HOST.fullmatch(host) for host in ours.webhook_hosts.split()):
        wrong = "[api] webhook_hosts must have names of hosts only"
        raise build_problem(text, "webhook_hosts", wrong, 'webhook_hosts = "cases.sandwell.gov.uk"', "api")


def _check_email(text: str, ours: EmailSettings) -> None:
    if ours.token_url and not (ours.token_url.startswith("https://") and ours.client_id and ours.client_secret_file):
        raise build_problem(
            text,
            "token_url",
            "[email] token_url must be an https address, with client_id and client_secret_file",
            'token_url = "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token"',
            "email",
        )
    if not any((ours.address, ours.smtp, ours.imap)):
        return
    for key, form, instead in (
        ("address", MAIL_ADDRESS, "cme-gateway@sandwell.gov.uk"),
        ("smtp", SMTP_URL, "smtp://relay.sandwell.gov.uk:587"),
        ("imap", IMAP_URL, "imaps://post.sandwell.gov.uk:993"),
    ):
        if not form.fullmatch(getattr(ours, key)):
            raise build_problem(
                text, key, f"[email] {key} is missing, or not in the right format", f'{key} = "{instead}"', "email"
            )


def _check_sign_in(text: str, config: Config) -> None:
    ours = config.sign_in
    if ours == SignInSettings() and not config.sign_in_roles:
        return
    if ENTRA.fullmatch(ours.issuer) and not ENTRA_TENANT.fullmatch(ours.issuer):
        wrong = (
            "[sign_in] issuer must be that of one council; with common or organizations, all accounts would be accepted"
        )
        instead = 'issuer = "https://login.microsoftonline.com/TENANT/v2.0", with the ID of the tenant in lower case'
        raise build_problem(text, "issuer", wrong, instead, "sign_in")
    if not ISSUER.fullmatch(ours.issuer):
        wrong = "[sign_in] issuer is missing, or not an https address"
        instead = 'issuer = "https://login.microsoftonline.com/TENANT/v2.0"'
        raise build_problem(text, "issuer", wrong, instead, "sign_in")
    for key, example in (("client_id", "the id"), ("client_secret_file", "client_secret"), ("roles_claim", "roles")):
        if not getattr(ours, key):
            raise build_problem(text, key, f"[sign_in] {key} is missing", f'{key} = "{example}"', "sign_in")
    if not config.sign_in_roles:
        wrong = "[sign_in] lets people sign in, but [sign_in.roles] gives them no role"
        raise build_problem(
            text, "sign_in", wrong, '[sign_in.roles], then CmeOfficer = "cme_officer" under it', "sign_in"
        )


def build_problem(text: str, key: str, what: str, instead: str, section: str = "") -> ConfigProblem:
    """Return what a person is told of a setting: the line in which it stands, what is wrong, and what to write."""
    rows = text.splitlines()
    start = next((n for n, row in enumerate(rows) if row.strip() == f"[{section}]"), 0)
    line = next((n for n, row in enumerate(rows[start:], start + 1) if row.strip().strip('["').startswith(key)), 1)
    return ConfigProblem("config.setting", file=FILE, line=line, what=what, instead=instead)
