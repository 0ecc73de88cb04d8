"""The demo's mail servers, for tests: in CI they must be installed."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.demo import mail
from gateway.demo.mail import PASSWORD, SLOW
from tests.needs import need, unavailable

__all__ = ["PASSWORD", "SLOW", "Servers", "home", "need_servers", "servers"]


class Servers(mail.Servers):
    """The demo's, with mailboxes that are looked into and filled past them."""

    def list_mails(self, address: str) -> list[bytes]:
        """Return every mail that lies in a mailbox, oldest first."""
        mails = []
        for folder in ("new", "cur"):
            for file in sorted((self._find_maildir(address) / folder).iterdir()):
                # It is being moved or removed.
                with suppress(FileNotFoundError):
                    mails.append(file.read_bytes())
        return mails

    def add_mail(self, address: str, mail: EmailMessage | bytes) -> None:
        """Put a mail into a mailbox, as if it had come."""
        maildir = self._find_maildir(address)
        fresh = maildir / "tmp" / f"{time.time_ns()}.test"
        fresh.write_bytes(mail if isinstance(mail, bytes) else mail.as_bytes())
        owner = maildir.stat()
        os.chown(fresh, owner.st_uid, owner.st_gid)
        fresh.rename(maildir / "new" / fresh.name)

    def _find_maildir(self, address: str) -> Path:
        name, _, domain = address.partition("@")
        return self.home / "mail" / domain / name / "Maildir"


def need_servers() -> None:
    """Skip the test that asks where the mail servers cannot be started; fail it where CI is set."""
    need("Exim", "Dovecot")
    if needs := mail.find_missing():
        unavailable(f"the mail servers need {needs}")


@contextmanager
def home() -> Iterator[Path]:
    """A folder for the servers."""
    need_servers()
    with TemporaryDirectory(prefix="cme-mail-") as name:
        # The servers' own users may enter it, as they may not enter pytest's.
        Path(name).chmod(0o711)
        yield Path(name)


@contextmanager
def servers(
    home: Path, smtp: int, imap: int, *, offer_tls: bool = True, smtps: int = 0, exim: str = "", dovecot: str = ""
) -> Iterator[Servers]:
    """Start both; stop them afterwards. What was delivered stays."""
    need_servers()
    with mail.run_servers(home, smtp, imap, offer_tls=offer_tls, smtps=smtps, exim=exim, dovecot=dovecot) as made:
        yield Servers(made.home, made.smtp, made.imap)
