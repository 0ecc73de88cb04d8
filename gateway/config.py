"""One TOML file to the frozen dataclasses of `settings`. A wrong setting is named, with its line and what to write instead.

home/
  gateway.toml     these settings; no secret stands in it
  passphrase       unlocks the keys (or another file, or the environment: [keys] passphrase_file)
  keys/            ring.json, identity.json
  tls.key tls.pem  the exchange port's certificate, pinned through our card
  card.jwt         our card, as partners get it
  store.db         unless [store] url says otherwise
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from adapters.openid import Registration
from adapters.route import Login, MailAccount, TokenSource
from gateway.core.permissions import Role
from gateway.errors import ConfigProblem
from gateway.settings import (
    ApiSettings,
    AuthoritySettings,
    ConsoleSettings,
    DeadlinesSettings,
    EmailSettings,
    HostingSettings,
    KeysSettings,
    LimitsSettings,
    ListenSettings,
    LoginSettings,
    MailboxSettings,
    MetricsSettings,
    OneAnswersSettings,
    OneColumnsSettings,
    OneSettings,
    SearchSettings,
    SftpSettings,
    SignInSettings,
    StoreSettings,
)
from schemas.message import OPENS_A_CASE

FILE = "gateway.toml"
SFTP_URL = re.compile(r"sftp://[^/@:\s]+(:[0-9]{1,5})?(/[A-Za-z0-9._-]+)+")
SMTP_URL, IMAP_URL = (re.compile(rf"{kind}s?://[^/@:\s]+(:[0-9]{{1,5}})?") for kind in ("smtp", "imap"))
CONSOLE_URL = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?|http://(127[.]0[.]0[.]1|localhost)(:[0-9]{1,5})?/?")
WEBHOOK_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?(:[0-9]{1,5})?")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
MAIL_ADDRESS = re.compile(r"[A-Za-z0-9._'+-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
STORE_URL = re.compile("sqlite:///|postgresql[+]psycopg://")
LOOPBACK_URL = r"http://(localhost|127\.0\.0\.1|\[::1\])"
ISSUER = re.compile(rf"(https://[A-Za-z0-9.-]+|{LOOPBACK_URL})(:[0-9]{{1,5}})?(/[A-Za-z0-9._~-]+)*/?")
ENTRA = re.compile(r"https://login\.(microsoftonline\.(com|us)|partner\.microsoftonline\.cn)(/.*)?")
ENTRA_TENANT = re.compile(r"https://[a-z.]+/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/v2\.0")  # as its tokens spell it
CLOSURES = {"lost": "enquire"}  # closure values of the extract, in small letters, and what is done with their rows
DONE_WITH = ("transfer", "enquire", "hold", "ignore")
LONGEST_DEADLINE = 365  # days, or hours for a receipt


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting, and the home folder that relative paths start from."""

    home: Path
    authority: AuthoritySettings
    listen: ListenSettings = field(default_factory=ListenSettings)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    api: ApiSettings = field(default_factory=ApiSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    keys: KeysSettings = field(default_factory=KeysSettings)
    limits: LimitsSettings = field(default_factory=LimitsSettings)
    sftp: SftpSettings = field(default_factory=SftpSettings)
    mailbox: MailboxSettings = field(default_factory=MailboxSettings)
    hosting: HostingSettings = field(default_factory=HostingSettings)
    email: EmailSettings = field(default_factory=EmailSettings)
    one: OneSettings = field(default_factory=OneSettings)
    one_columns: OneColumnsSettings = field(default_factory=OneColumnsSettings)
    one_answers: OneAnswersSettings = field(default_factory=OneAnswersSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    one_closures: Mapping[str, str] = field(default_factory=lambda: dict(CLOSURES))
    logins: Mapping[str, LoginSettings] = field(default_factory=dict)
    deadlines: DeadlinesSettings = field(default_factory=DeadlinesSettings)
    deadlines_of: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # by DfE code, or kind of message
    calendars: Mapping[str, str] = field(default_factory=dict)  # files with term dates, by DfE code; ours under our own
    sign_in: SignInSettings = field(default_factory=SignInSettings)
    sign_in_roles: Mapping[str, Role] = field(default_factory=dict)  # by what the identity provider calls them

    @property
    def store_url(self) -> str:
        """The database as SQLAlchemy names it."""
        return self.store.url or f"sqlite:///{self.home / 'store.db'}"

    @property
    def exchange_url(self) -> str:
        """Our exchange endpoint as partners see it."""
        return self.listen.url or f"https://{self.listen.host}:{self.listen.port}/exchange/v1"

    @property
    def console_url(self) -> str:
        """The console as browsers see it, without a slash at its end."""
        ours = self.console
        scheme = "https" if ours.tls_certificate_file else "http"
        return ours.url.rstrip("/") or f"{scheme}://{ours.host}:{ours.port}"

    def passphrase(self) -> bytes:
        """The passphrase of our keys. Raises ConfigProblem where its file cannot be read."""
        return self._secret(self.keys.passphrase_file, "[keys] passphrase_file").strip()

    def sign_ins(self) -> dict[str, Login]:
        """How we sign in, by the authority at whose server. Raises ConfigProblem where a file cannot be read."""
        return {code: self._login(f"[logins.{code}]", found) for code, found in self.logins.items()}

    def mail_account(self) -> MailAccount | None:
        """Our mail account, if there is one. Raises ConfigProblem where a file cannot be read."""
        ours = self.email
        if not ours.address:
            return None
        login = LoginSettings(user=ours.user, password_file=ours.password_file)
        return MailAccount(
            ours.address,
            ours.smtp,
            ours.imap,
            self._login("[email]", login) if ours.user else None,
            self._tokens() if ours.token_url else None,
            self._secret(ours.ca_file, "[email] ca_file").decode("ascii", "replace") if ours.ca_file else None,
            frozenset(ours.tls_domains.lower().split()),
        )

    def _tokens(self) -> TokenSource:
        ours = self.email
        secret = self._secret(ours.client_secret_file, "[email] client_secret_file").decode("utf-8", "replace").strip()
        return TokenSource(ours.token_url, ours.client_id, ours.token_scope, secret)

    def webhook_ca(self) -> str | None:
        """Who issued the certificates of the hosts of webhooks, if it is said. Raises ConfigProblem where it cannot be read."""
        file = self.api.webhook_ca_file
        return self._secret(file, "[api] webhook_ca_file").decode("ascii", "replace") if file else None

    def registration(self) -> Registration | None:
        """How the identity provider knows us, if there is one. Raises ConfigProblem where the secret cannot be read."""
        ours = self.sign_in
        if not ours.issuer:
            return None
        secret = self._secret(ours.client_secret_file, "[sign_in] client_secret_file").decode("utf-8", "replace")
        return Registration(ours.issuer, ours.client_id, secret.strip())

    def smime_files(self) -> tuple[bytes, bytes] | None:
        """The key and the certificate with which letters are signed, if they are set. Raises ConfigProblem."""
        ours = self.email
        if not (ours.smime_key_file and ours.smime_certificate_file):
            return None
        return (
            self._secret(ours.smime_key_file, "[email] smime_key_file"),
            self._secret(ours.smime_certificate_file, "[email] smime_certificate_file"),
        )

    def _login(self, where: str, found: LoginSettings) -> Login:
        key = self._secret(found.key_file, f"{where} key_file") if found.key_file else None
        password = self._secret(found.password_file, f"{where} password_file") if found.password_file else None
        return Login(found.user, key, password.decode().strip() if password else None)

    def _secret(self, file: str, setting: str) -> bytes:
        path = self.home / file
        try:
            return path.read_bytes()
        except OSError as why:
            raise ConfigProblem(
                "config.secret",
                f"The secret file {path} cannot be read ({why.strerror}).",
                f"Check {setting} in gateway.toml, and the file's rights.",
            ) from None


SECTIONS = {
    "authority": AuthoritySettings,
    "listen": ListenSettings,
    "console": ConsoleSettings,
    "metrics": MetricsSettings,
    "api": ApiSettings,
    "store": StoreSettings,
    "keys": KeysSettings,
    "limits": LimitsSettings,
    "sftp": SftpSettings,
    "mailbox": MailboxSettings,
    "hosting": HostingSettings,
    "email": EmailSettings,
    "one": OneSettings,
    "one_columns": OneColumnsSettings,
    "one_answers": OneAnswersSettings,
    "deadlines": DeadlinesSettings,
    "search": SearchSettings,
    "sign_in": SignInSettings,
}
LOGINS = "logins"  # [logins.885]: one section for each authority at whose server we sign in
CALENDARS = "calendars"  # 333 = "terms.csv": a file of term dates for one authority
ONE_CLOSURES = "one_closures"  # LOST = "enquire": the words are the authority's own


def load(home: Path) -> Config:
    """Read gateway.toml in the home folder. Raises ConfigProblem."""
    path = home / FILE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigProblem(
            "config.missing",
            f"There is no gateway in {home}.",
            "Run `cme-gateway init`, or name its folder with --home.",
        ) from None
    except (OSError, UnicodeDecodeError):
        raise ConfigProblem(
            "config.unreadable", f"{path} cannot be read.", "It must be UTF-8 text that this user may read."
        ) from None
    return parse(text, home)


def parse(text: str, home: Path) -> Config:
    """The settings in this text. Raises ConfigProblem for the first that is wrong."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as why:
        raise ConfigProblem(
            "config.syntax", f"{FILE} is not valid TOML: {why}.", "Mend that line; strings stand in quotes."
        ) from None
    logins, closures, calendars = (tables.pop(name, {}) for name in (LOGINS, ONE_CLOSURES, CALENDARS))
    for name in tables:
        if name not in SECTIONS:
            raise _problem(
                text,
                name,
                f"[{name}] is not a section",
                f"the sections are {', '.join((*SECTIONS, ONE_CLOSURES, LOGINS, CALENDARS))}",
            )
    special, within = _taken_out(tables.get("deadlines", {})), _taken_out(tables.get("sign_in", {}))
    parts = {name: _section(text, name, cls, tables.get(name, {})) for name, cls in SECTIONS.items()}
    if not isinstance(logins, dict) or not all(isinstance(one, dict) for one in logins.values()):
        raise _problem(
            text, LOGINS, "logins is no section for an authority", "[logins.885], and under it user and key_file"
        )
    parts[LOGINS] = {code: _section(text, f"{LOGINS}.{code}", LoginSettings, one) for code, one in logins.items()}
    parts[ONE_CLOSURES] = _closures(text, closures)
    parts["deadlines_of"] = {name: _deadlines(text, name, said) for name, said in special.items()}
    parts[CALENDARS] = _calendars(text, calendars)
    parts["sign_in_roles"] = _roles(text, within)
    config = Config(home=home, **parts)  # type: ignore[arg-type]  # built by name, each of its own class
    _check(text, config)
    return config


def _section(text: str, name: str, cls: type, values: Mapping[str, object]) -> object:
    known = {setting.name: setting for setting in fields(cls)}
    for key, value in values.items():
        if key not in known:
            raise _problem(text, key, f"[{name}] has no setting {key}", f"its settings are {', '.join(known)}")
        wanted = known[key].type
        if not isinstance(value, wanted) or isinstance(value, bool):  # type: ignore[arg-type]  # str or int
            example = '"text"' if wanted is str else "8443"
            raise _problem(text, key, f"{key} has the wrong type", f"{key} = {example}")
    if name == "authority" and not {"code", "name"} <= values.keys():
        raise _problem(text, name, "[authority] needs code and name", 'code = "333" and name = "Sandwell"')
    return cls(**values)


def _taken_out(section: object) -> dict[str, Mapping[str, object]]:
    """The sections within this one, which are taken out of it."""
    if not isinstance(section, dict):
        return {}
    return {name: section.pop(name) for name, value in list(section.items()) if isinstance(value, dict)}


def _deadlines(text: str, name: str, said: Mapping[str, object]) -> dict[str, int]:
    section = f"deadlines.{name}"
    if not (name in OPENS_A_CASE or re.fullmatch("[0-9]{3}", name)):
        wrong = f"[{section}] names neither an authority nor a kind of notice"
        raise _problem(text, section, wrong, f"[deadlines.885], or one of {', '.join(OPENS_A_CASE)}")
    if "service_manager" in said:
        raise _problem(text, "service_manager", f"[{section}] has no service_manager", "it under [deadlines]", section)
    checked = _section(text, section, DeadlinesSettings, said)
    assert isinstance(checked, DeadlinesSettings)  # noqa: S101 - that is what was asked for
    _check_deadlines(text, checked, section)
    return {key: getattr(checked, key) for key in said}


def _check_deadlines(text: str, said: DeadlinesSettings, section: str) -> None:
    for key in ("receipt_hours", "acknowledgement_days", "answer_days", "outcome_days"):
        if not 1 <= getattr(said, key) <= LONGEST_DEADLINE:
            wrong = f"[{section}] {key} is not between 1 and {LONGEST_DEADLINE}"
            raise _problem(text, key, wrong, f"{key} = {getattr(DeadlinesSettings(), key)}", section)
    if said.service_manager and not MAIL_ADDRESS.fullmatch(said.service_manager):
        example = 'service_manager = "manager@sandwell.gov.uk"'
        raise _problem(text, "service_manager", "service_manager is no mail address", example, section)


def _calendars(text: str, said: object) -> dict[str, str]:
    example = f'[{CALENDARS}], and under it 333 = "terms.csv"'
    if not isinstance(said, dict):
        raise _problem(text, CALENDARS, f"{CALENDARS} is no section", example)
    for code, file in said.items():
        if not (re.fullmatch("[0-9]{3}", code) and isinstance(file, str) and file):
            raise _problem(text, code, f"[{CALENDARS}] names no authority, or no file", example, CALENDARS)
    return said


def _roles(text: str, within: Mapping[str, Mapping[str, object]]) -> dict[str, Role]:
    for name in within.keys() - {"roles"}:
        section = f"sign_in.{name}"
        raise _problem(text, section, f"[{section}] is not a section", "[sign_in.roles]", section)
    said, known = within.get("roles", {}), [role.value for role in Role]
    for value, role in said.items():
        if role not in known:
            wrong = f"[sign_in.roles] gives something else than one of {', '.join(known)}"
            raise _problem(text, value, wrong, f'"{value}" = "cme_officer"', "sign_in.roles")
    return {value: Role(str(role)) for value, role in said.items()}


def _closures(text: str, said: object) -> dict[str, str]:
    if not isinstance(said, dict):
        raise _problem(
            text, ONE_CLOSURES, f"{ONE_CLOSURES} is no section", f'[{ONE_CLOSURES}], and under it LOST = "enquire"'
        )
    for word, done in said.items():
        if done not in DONE_WITH:
            wrong = f"[{ONE_CLOSURES}] says of a closure value none of {', '.join(DONE_WITH)}"
            raise _problem(text, word, wrong, f'"{word}" = "hold"', ONE_CLOSURES)
    return CLOSURES | {" ".join(word.split()).casefold(): done for word, done in said.items()}


def _check(text: str, config: Config) -> None:
    if not (config.authority.code.isdecimal() and len(config.authority.code) == 3):
        raise _problem(text, "code", "code is not a DfE authority code", 'three digits in quotes, such as code = "333"')
    if not 1 <= config.listen.port <= 65535:
        raise _problem(text, "port", "port is not a port", "a number from 1 to 65535, such as port = 8443")
    _check_console(text, config.console)
    if not 0 <= config.metrics.port <= 65535 or config.metrics.port == config.listen.port:
        wrong = "[metrics] port is not a port of its own"
        raise _problem(text, "port", wrong, "a number from 1 to 65535, such as port = 9464; 0: none", "metrics")
    _check_api(text, config.api)
    if config.store.url and not STORE_URL.match(config.store.url):
        raise _problem(
            text,
            "url",
            "[store] url is no database that we use",
            'url = "postgresql+psycopg://gateway@store/gateway"',
            "store",
        )
    if config.one.unsaid not in ("hold", "send"):
        raise _problem(text, "unsaid", "unsaid is neither hold nor send", 'unsaid = "hold"', "one")
    if config.one.import_when not in ("accepted", "arrived"):
        raise _problem(
            text, "import_when", "import_when is neither accepted nor arrived", 'import_when = "accepted"', "one"
        )
    ours = config.one
    folders = [one for one in (ours.folder, ours.import_folder, ours.answers_folder, ours.children_folder) if one]
    if len({config.home / one for one in folders}) < len(folders):
        raise _problem(text, "folder", "[one] names a folder twice", "a folder of its own for each of the four", "one")
    if not all(
        re.fullmatch("[0-9]{3}", code) and code != config.authority.code for code in config.one.enquire_of.split()
    ):
        raise _problem(
            text, "enquire_of", "enquire_of does not hold codes of other authorities", 'enquire_of = "330 885"', "one"
        )
    if config.search.no_trace not in ("officer", "machine") or config.search.index_days < 1:
        raise _problem(
            text,
            "no_trace",
            "[search] says none of officer, machine, or no number of days",
            'no_trace = "officer", index_days = 7',
            "search",
        )
    if config.sftp.url and not SFTP_URL.fullmatch(config.sftp.url):
        raise _problem(
            text, "url", "[sftp] url is no folder on a server", 'url = "sftp://server.example:22/folder"', "sftp"
        )
    _check_email(text, config.email)
    _check_sign_in(text, config)
    _check_deadlines(text, config.deadlines, "deadlines")
    if config.limits.messages_per_minute < 1 or not 1 <= config.limits.messages_per_request <= 1000:
        raise _problem(
            text, "messages_per", "a limit is out of range", "messages_per_minute = 6000, messages_per_request = 100"
        )


def _check_console(text: str, ours: ConsoleSettings) -> None:
    if not 0 <= ours.port <= 65535:
        raise _problem(text, "port", "[console] port is not a port", "port = 8480, or 0 for no console", "console")
    if bool(ours.tls_certificate_file) != bool(ours.tls_key_file):
        wrong, instead = (
            "[console] has a certificate without its key, or a key without its certificate",
            "both, or none",
        )
        raise _problem(text, "tls_", wrong, instead, "console")
    if ours.host not in LOOPBACK and not ours.tls_certificate_file:
        wrong = "[console] would send children's data over the network in clear"
        raise _problem(text, "host", wrong, "tls_certificate_file and tls_key_file too", "console")
    if ours.url and not CONSOLE_URL.fullmatch(ours.url):
        wrong = "[console] url is no address that a browser may use"
        raise _problem(text, "url", wrong, 'url = "https://cme.sandwell.gov.uk"', "console")


def _check_api(text: str, ours: ApiSettings) -> None:
    if not 1 <= ours.requests_per_minute <= 100_000:
        wrong = "[api] requests_per_minute is out of range"
        raise _problem(text, "requests_per_minute", wrong, "requests_per_minute = 300", "api")
    if not all(WEBHOOK_HOST.fullmatch(host) for host in ours.webhook_hosts.split()):
        wrong = "[api] webhook_hosts holds something that is no name of a host"
        raise _problem(text, "webhook_hosts", wrong, 'webhook_hosts = "cases.sandwell.gov.uk"', "api")


def _check_email(text: str, ours: EmailSettings) -> None:
    if ours.token_url and not (ours.token_url.startswith("https://") and ours.client_id and ours.client_secret_file):
        raise _problem(
            text,
            "token_url",
            "[email] token_url is no HTTPS address, or client_id and client_secret_file are not beside it",
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
            raise _problem(
                text, key, f"[email] {key} is missing, or not written as it must be", f'{key} = "{instead}"', "email"
            )


def _check_sign_in(text: str, config: Config) -> None:
    ours = config.sign_in
    if ours == SignInSettings() and not config.sign_in_roles:
        return
    if ENTRA.fullmatch(ours.issuer) and not ENTRA_TENANT.fullmatch(ours.issuer):
        wrong = "[sign_in] issuer is not that of one council; with common or organizations, everybody's accounts would count"
        instead = 'issuer = "https://login.microsoftonline.com/TENANT/v2.0", the tenant by its id in small letters'
        raise _problem(text, "issuer", wrong, instead, "sign_in")
    if not ISSUER.fullmatch(ours.issuer):
        wrong = "[sign_in] issuer is missing, or no https address"
        instead = 'issuer = "https://login.microsoftonline.com/TENANT/v2.0"'
        raise _problem(text, "issuer", wrong, instead, "sign_in")
    for key, example in (("client_id", "the id"), ("client_secret_file", "client_secret"), ("roles_claim", "roles")):
        if not getattr(ours, key):
            raise _problem(text, key, f"[sign_in] {key} is missing", f'{key} = "{example}"', "sign_in")
    if not config.sign_in_roles:
        wrong = "[sign_in] lets people sign in, and [sign_in.roles] gives none of them a role"
        raise _problem(text, "sign_in", wrong, '[sign_in.roles], and under it CmeOfficer = "cme_officer"', "sign_in")


def _problem(text: str, key: str, what: str, instead: str, section: str = "") -> ConfigProblem:
    rows = text.splitlines()
    start = next((n for n, row in enumerate(rows) if row.strip() == f"[{section}]"), 0)
    line = next((n for n, row in enumerate(rows[start:], start + 1) if row.strip().strip('["').startswith(key)), 1)
    return ConfigProblem("config.setting", f"{FILE}, line {line}: {what}.", f"Write instead: {instead}.")
