"""`Config`: every setting of one gateway, and the secrets that its settings point to."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, time
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from adapters.openid import Registration
from adapters.proxy import Proxy
from adapters.route import Login, MailAccount, TokenSource
from gateway.core.permissions import Role
from gateway.errors import ConfigProblem, HsmUnavailable
from gateway.settings.pin_file import PinFile
from gateway.settings.sections import (
    ApiSettings,
    AuthoritySettings,
    ConsoleSettings,
    ContactSettings,
    DeadlinesSettings,
    EmailSettings,
    EncryptionSettings,
    HelpSettings,
    HostingSettings,
    HsmSettings,
    KeysSettings,
    LimitsSettings,
    ListenSettings,
    LoginSettings,
    MailboxSettings,
    MetricsSettings,
    OneAnswersSettings,
    OneColumnsSettings,
    OneSettings,
    OutsideWitnessSettings,
    ProxySettings,
    RetentionSettings,
    SearchSettings,
    SftpSettings,
    SignInSettings,
    StoreSettings,
    VersionsSettings,
)
from gateway.settings.witness_policy import WitnessPolicy, parse_policy
from keys.certificate_files import read_issuers
from keys.errors import SmimeRefused
from keys.hsm import Hsm, open_hsm
from keys.trust import MinimumVersion, find_version

# In the place of roles.
ALL_ROLES = "all"
# Closure values of the extract, in small letters, and what is done with their rows.
CLOSURES = {"lost": "enquire"}


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting, and the home folder that relative paths start from."""

    home: Path
    authority: AuthoritySettings
    # Empty: nobody has said whom to ring.
    mash: ContactSettings = field(default_factory=ContactSettings)
    # Besides the officer of [authority], by role.
    contacts: Mapping[str, ContactSettings] = field(default_factory=dict)
    listen: ListenSettings = field(default_factory=ListenSettings)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
    help: HelpSettings = field(default_factory=HelpSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    proxy: ProxySettings = field(default_factory=ProxySettings)
    api: ApiSettings = field(default_factory=ApiSettings)
    outside_witnesses: OutsideWitnessSettings = field(default_factory=OutsideWitnessSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    keys: KeysSettings = field(default_factory=KeysSettings)
    hsm: HsmSettings = field(default_factory=HsmSettings)
    encryption: EncryptionSettings = field(default_factory=EncryptionSettings)
    versions: VersionsSettings = field(default_factory=VersionsSettings)
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
    # By DfE code, or kind of message.
    deadlines_of: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    # Files with term dates, by DfE code; ours under our own.
    calendars: Mapping[str, str] = field(default_factory=dict)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    sign_in: SignInSettings = field(default_factory=SignInSettings)
    # By what the identity provider calls them.
    sign_in_roles: Mapping[str, Role] = field(default_factory=dict)

    def compute_shared_digest(self) -> str:
        """Return a digest of the settings that all processes of a gateway must have alike: all but their ports."""
        shared = asdict(
            replace(
                self,
                home=Path(),
                listen=replace(self.listen, host="", port=0),
                console=replace(self.console, host="", port=0),
                metrics=replace(self.metrics, host="", port=0),
            )
        )
        return sha256(json.dumps(shared, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def store_url(self) -> str:
        """Return the database as SQLAlchemy names it."""
        return self.store.url or f"sqlite:///{self.home / 'store.db'}"

    @property
    def exchange_url(self) -> str:
        """Return our exchange endpoint as partners see it."""
        return self.listen.url or f"https://{self.listen.host}:{self.listen.port}/exchange/v1"

    @property
    def console_url(self) -> str:
        """Return the console as browsers see it, without a slash at its end."""
        ours = self.console
        scheme = "https" if ours.tls_certificate_file else "http"
        return ours.url.rstrip("/") or f"{scheme}://{ours.host}:{ours.port}"

    @property
    def second_factor_roles(self) -> frozenset[Role]:
        """Return the roles of which one must have an authenticator app."""
        named = self.console.second_factor.split()
        return frozenset(Role) if named == [ALL_ROLES] else frozenset(map(Role, named))

    def read_passphrase(self) -> bytes:
        """Return the passphrase of our keys. Raises ConfigProblem where its file cannot be read."""
        return self._secret(self.keys.passphrase_file, "[keys] passphrase_file").strip()

    def find_hsm(self) -> Hsm | None:
        """Return the HSM, if one is set; nothing is asked of it yet. It raises HsmUnavailable where it is no use."""
        ours = self.hsm
        if not ours.module:
            return None
        pin = PinFile(self.home / ours.pin_file, self.home)
        return open_hsm(Path(ours.module), ours.token, pin, HsmUnavailable)

    def find_forbidden_suites(self) -> dict[str, datetime]:
        """Return the kinds of keys to which nothing is encrypted from a moment on, which is the beginning of a day."""
        ours = self.encryption
        if not ours.forbidden:
            return {}
        return {ours.forbidden: datetime.combine(date.fromisoformat(ours.forbidden_from), time(), UTC)}

    def find_minimum_version(self) -> MinimumVersion | None:
        """Return the version that partners must have from a moment on, which is the beginning of a day; None: any."""
        ours = self.versions
        version = find_version(ours.minimum)
        if version is None:
            return None
        return MinimumVersion(version, datetime.combine(date.fromisoformat(ours.minimum_from), time(), UTC))

    def sign_ins(self) -> dict[str, Login]:
        """Return how we sign in, by the authority at whose server. Raises ConfigProblem where a file cannot be read."""
        return {code: self._login(f"[logins.{code}]", settings) for code, settings in self.logins.items()}

    def mail_account(self) -> MailAccount | None:
        """Return our mail account, if there is one. Raises ConfigProblem where a file cannot be read."""
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
            self._issuers(ours.ca_file, "[email] ca_file") if ours.ca_file else None,
            frozenset(ours.tls_domains.lower().split()),
        )

    def _tokens(self) -> TokenSource:
        ours = self.email
        secret = self._secret(ours.client_secret_file, "[email] client_secret_file").decode("utf-8", "replace").strip()
        return TokenSource(ours.token_url, ours.client_id, ours.token_scope, secret, self.read_proxy())

    def webhook_ca(self) -> str | None:
        """Who issued the certificates of the hosts of webhooks, if it is said.

        Raises ConfigProblem where it cannot be read.
        """
        file = self.api.webhook_ca_file
        return self._issuers(file, "[api] webhook_ca_file") if file else None

    def read_proxy(self) -> Proxy | None:
        """Return by which proxy others are called, if there is one. Raises ConfigProblem where it cannot be read."""
        ours = self.proxy
        if not ours.url:
            return None
        place = urlsplit(ours.url)
        password = self._secret(ours.password_file, "[proxy] password_file") if ours.password_file else b""
        return Proxy(
            place.hostname or "",
            place.port or 0,
            ours.user,
            password.decode("utf-8", "replace").strip(),
            tuple(ours.exceptions.split()),
            ours.sftp == "proxy",
        )

    def read_witness_policy(self) -> WitnessPolicy | None:
        """Return which outside witnesses we ask, if it is said. Raises ConfigProblem where the file is not right."""
        file = self.outside_witnesses.policy_file
        if not file:
            return None
        text = self._secret(file, "[outside_witnesses] policy_file").decode("utf-8", "replace")
        return parse_policy(text.removeprefix("\ufeff").replace("\r\n", "\n"), file)

    def witness_ca(self) -> str | None:
        """Who issued the certificates of outside witnesses, if it is said. Raises ConfigProblem."""
        file = self.outside_witnesses.ca_file
        return self._issuers(file, "[outside_witnesses] ca_file") if file else None

    def read_registration(self) -> Registration | None:
        """How the identity provider knows us, if there is one. Raises ConfigProblem where the secret cannot be read."""
        ours = self.sign_in
        if not ours.issuer:
            return None
        secret = self._secret(ours.client_secret_file, "[sign_in] client_secret_file").decode("utf-8", "replace")
        return Registration(ours.issuer, ours.client_id, secret.strip(), self.read_proxy())

    def smime_files(self) -> tuple[bytes, bytes] | None:
        """Return the key and the certificate with which letters are signed, if they are set. Raises ConfigProblem."""
        ours = self.email
        if not (ours.smime_key_file and ours.smime_certificate_file):
            return None
        return (
            self._secret(ours.smime_key_file, "[email] smime_key_file"),
            self._secret(ours.smime_certificate_file, "[email] smime_certificate_file"),
        )

    def _login(self, where: str, settings: LoginSettings) -> Login:
        key = self._secret(settings.key_file, f"{where} key_file") if settings.key_file else None
        password = self._secret(settings.password_file, f"{where} password_file") if settings.password_file else None
        return Login(settings.user, key, password.decode().strip() if password else None)

    def _issuers(self, file: str, setting: str) -> str:
        """Read whose certificates are believed, as PEM: Windows exports them as DER."""
        try:
            return read_issuers(self._secret(file, setting))
        except SmimeRefused:
            raise ConfigProblem("config.certificates", path=self.home / file, setting=setting) from None

    def _secret(self, file: str, setting: str) -> bytes:
        path = self.home / file
        try:
            return path.read_bytes()
        except OSError as why:
            raise ConfigProblem("config.secret", path=path, why=why.strerror, setting=setting) from None
