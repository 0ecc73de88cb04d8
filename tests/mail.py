"""The demo's mail servers, for tests: in CI they must be installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.demo import mail
from gateway.demo.mail import PASSWORD, SLOW, Servers
from tests.needs import need, unavailable

__all__ = ["PASSWORD", "SLOW", "Servers", "home", "need_servers", "servers"]


def need_servers() -> None:
    """Skip the test that asks where the mail servers cannot be started; fail it where CI is set."""
    need("Exim", "Dovecot")
    if needs := mail.find_missing():
        unavailable(f"the mail servers need {needs}")


@contextmanager
def home() -> Iterator[Path]:
    """A folder for the servers."""
    need_servers()
    with mail.open_home() as made:
        yield made


@contextmanager
def servers(
    home: Path, smtp: int, imap: int, *, offer_tls: bool = True, smtps: int = 0, exim: str = "", dovecot: str = ""
) -> Iterator[Servers]:
    """Start both; stop them afterwards. What was delivered stays."""
    need_servers()
    with mail.run_servers(home, smtp, imap, offer_tls=offer_tls, smtps=smtps, exim=exim, dovecot=dovecot) as made:
        yield made
