"""The demo's mail servers, for tests: in CI they must be installed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.demo import mail
from gateway.demo.mail import PASSWORD, SLOW, Servers, home

__all__ = ["PASSWORD", "SLOW", "Servers", "home", "servers"]


@contextmanager
def servers(
    home: Path, smtp: int, imap: int, *, offer_tls: bool = True, smtps: int = 0, exim: str = "", dovecot: str = ""
) -> Iterator[Servers]:
    """Start both; stop them afterwards. What was delivered stays."""
    if needs := mail.wanting():
        say = f"the mail servers need {needs} (Debian: apt-get install)"
        if os.environ.get("CI"):
            pytest.fail(f"{say}, and CI must have it")
        pytest.skip(say)
    with mail.servers(home, smtp, imap, offer_tls=offer_tls, smtps=smtps, exim=exim, dovecot=dovecot) as made:
        yield made
