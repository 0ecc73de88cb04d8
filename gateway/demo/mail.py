"""Real mail servers for the demo and the tests: Exim takes mail in over SMTP with TLS, Dovecot hands it out over IMAP.

They serve a few invented domains. Exim refuses addresses that it does not know at once, but those of slow.example only
later, with a report, as a relay does that forwards to others.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from gateway.context import wall_clock
from gateway.errors import Unusable
from keys import tls

EXIM, DOVECOT = Path("/usr/sbin/exim4"), Path("/usr/sbin/dovecot")
PASSWORD = "a password that opens nothing but the demo"  # noqa: S105 - everybody may know it
PROGRAMS = {EXIM: "exim4-daemon-light", DOVECOT: "dovecot-imapd"}
MAILBOXES = (
    "gateway@sandwell.example",
    "gateway@worcestershire.example",
    "cme@birmingham.example",
)
SLOW = "slow.example"


@dataclass(frozen=True)
class Servers:
    """Where they listen, and where their files lie."""

    home: Path
    smtp: int
    imap: int

    @property
    def certificate(self) -> Path:
        """Of both, and its own issuer."""
        return self.home / "tls.pem"

    def build_settings(self, address: str, more: str = "") -> str:
        """Return what stands in gateway.toml of the gateway whose mailbox this is."""
        password = self.home / "password"
        return (
            f'\n[email]\naddress = "{address}"\nsmtp = "smtp://127.0.0.1:{self.smtp}"\n'
            f'imap = "imaps://127.0.0.1:{self.imap}"\nuser = "{address}"\npassword_file = "{password}"\n'
            f'ca_file = "{self.certificate}"\n{more}\n'
        )


def find_missing() -> str | None:
    """Return what they need and do not find; None where they can be started."""
    needs = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    return " and ".join([*needs, *(["root"] if os.geteuid() != 0 else [])]) or None


def stop_servers(home: Path) -> None:
    """Stop servers whose starter was killed."""
    for file in (home / "spool" / "exim.pid", home / "run" / "master.pid"):
        with suppress(OSError, ValueError):
            pid = int(file.read_text())
            if str(home).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGTERM)


def new_home() -> Path:
    """Return a place for their files, where their own user may enter."""
    made = Path(mkdtemp(prefix="cme-demo-mail-"))
    made.chmod(0o711)
    return made


@contextmanager
def run_servers(
    home: Path, smtp: int, imap: int, *, offer_tls: bool = True, smtps: int = 0, exim: str = "", dovecot: str = ""
) -> Iterator[Servers]:
    """Start both, with these further settings; stop them afterwards. What was delivered stays.

    `smtps` is one more port of Exim's, where TLS begins at once.
    """
    made = Servers(home, smtp, imap)
    prepare_servers(made)
    (home / "exim.conf").write_text(_exim(made, offer_tls, smtps) + exim)
    (home / "dovecot.conf").write_text(_dovecot(made) + dovecot)
    (home / "exim.conf").chmod(0o644)
    with (
        _run_server(home, [str(EXIM), "-C", str(home / "exim.conf"), "-bdf", "-q1s"], "exim") as exim_process,
        _run_server(home, [str(DOVECOT), "-F", "-c", str(home / "dovecot.conf")], "dovecot") as dovecot_process,
    ):
        _wait(exim_process, smtp, home)
        _wait(dovecot_process, imap, home)
        yield made


@contextmanager
def _run_server(home: Path, words: Sequence[str], name: str) -> Iterator[subprocess.Popen[bytes]]:
    with (home / f"{name}.out").open("ab") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, stdin=subprocess.DEVNULL, process_group=0)
    try:
        yield process
    finally:
        # Dovecot's children would outlive it for seconds, hold the port, and answer nobody.
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # All of them may have ended.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _somebody_listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(process: subprocess.Popen[bytes], port: int, home: Path) -> None:
    until = time.monotonic() + 10
    while True:
        if process.poll() is not None or time.monotonic() > until:
            raise Unusable("demo.mail", home=home)
        if _somebody_listens(port):
            return
        time.sleep(0.02)


def _owner() -> pwd.struct_passwd:
    """As whom both work: Exim changes to its own user where root starts it, and Dovecot serves no mailbox of root's."""
    return pwd.getpwnam("Debian-exim")


def prepare_servers(made: Servers) -> None:
    """Make their certificate, the mailboxes, and who may read them."""
    owner = _owner()
    made.home.mkdir(exist_ok=True)
    made.home.chmod(0o711)
    (made.home / "password").write_text(PASSWORD)
    if not made.certificate.exists():
        key, certificate = tls.self_signed("127.0.0.1", now=wall_clock(), days=9)
        (made.home / "tls.key").write_bytes(key)
        made.certificate.write_bytes(certificate)
    domains: dict[str, list[str]] = {}
    for address in MAILBOXES:
        name, _, domain = address.partition("@")
        domains.setdefault(domain, []).append(name)
        for part in ("new", "cur", "tmp"):
            (made.home / "mail" / domain / name / "Maildir" / part).mkdir(parents=True, exist_ok=True)
    (made.home / "addresses").write_text("".join(f"{address}: {address}\n" for address in MAILBOXES))
    (made.home / "domains").write_text("".join(f"{domain}: {domain}\n" for domain in domains))
    users = "".join(f"{address}:{{PLAIN}}{PASSWORD}\n" for address in MAILBOXES)
    (made.home / "passwd").write_text(users)
    spool = made.home / "spool"
    spool.mkdir(exist_ok=True)
    for path in (spool, made.home / "tls.key", made.home / "mail", *(made.home / "mail").rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _exim(made: Servers, offer_tls: bool, smtps: int) -> str:
    owner = _owner()
    at_once = f" : {smtps}\ntls_on_connect_ports = {smtps}" if smtps else ""
    encrypted = (
        f"tls_advertise_hosts = *\ntls_certificate = {made.certificate}\ntls_privatekey = {made.home / 'tls.key'}\n"
    )
    return f"""
primary_hostname = post.example
spool_directory = {made.home / "spool"}
log_file_path = {made.home / "spool"}/%slog
local_interfaces = 127.0.0.1
daemon_smtp_ports = {made.smtp}{at_once}
pid_file_path = {made.home / "spool"}/exim.pid
{encrypted if offer_tls else "tls_advertise_hosts ="}
keep_environment =
never_users =
message_size_limit = 2M
smtp_accept_max = 50
queue_run_max = 20
acl_smtp_rcpt = recipient
begin acl
recipient:
  deny !authenticated = *
  accept domains = {SLOW}
  accept domains = lsearch;{made.home / "domains"}
         verify = recipient
  deny message = relaying is not for you

begin routers
ours:
  driver = accept
  domains = lsearch;{made.home / "domains"}
  address_data = ${{lookup{{$local_part@$domain}}lsearch{{{made.home / "addresses"}}}{{$value}}fail}}
  transport = maildir

begin transports
maildir:
  driver = appendfile
  directory = {made.home / "mail"}/${{domain:$address_data}}/${{local_part:$address_data}}/Maildir
  maildir_format
  return_path_add
  delivery_date_add
  envelope_to_add
  user = {owner.pw_name}
  group = {owner.pw_gid}

begin retry
* * F,1m,1s

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if eq{{$auth3}}{{{PASSWORD}}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
"""


def _dovecot(made: Servers) -> str:
    owner = _owner()
    return f"""
protocols = imap
listen = 127.0.0.1
base_dir = {made.home / "run"}
state_dir = {made.home / "state"}
log_path = {made.home / "dovecot.log"}
ssl = required
ssl_cert = <{made.certificate}
ssl_key = <{made.home / "tls.key"}
first_valid_uid = 1
mail_location = maildir:~/Maildir
mail_max_userip_connections = 50
auth_mechanisms = plain
passdb {{
  driver = passwd-file
  args = username_format=%u {made.home / "passwd"}
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={made.home / "mail"}/%d/%n
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {made.imap}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""
