"""Nothing secret is shipped: what one install has, no other has (CWE-798)."""

import re
from itertools import combinations
from pathlib import Path

from gateway.home_folder import PASSPHRASE, TLS_KEY
from tests.conftest import make

INSTALLS = 3
SECRET_FILES = (PASSPHRASE, TLS_KEY, "keys/ring.json")
# What is random is long; names of members and times are not.
LONG = re.compile(rb"[A-Za-z0-9+/_=-]{20,}")


def read_secrets(home: Path) -> set[bytes]:
    """Every long word in the files that hold secrets."""
    return {word for name in SECRET_FILES for word in LONG.findall((home / name).read_bytes())}


def test_nothing_secret_is_the_same_in_two_installs(tmp_path: Path) -> None:
    homes = [tmp_path / f"home-{number}" for number in range(INSTALLS)]
    for home in homes:
        # The very same words of the same authority.
        make(home, "333", "Sandwell").store.close()
    secrets = [read_secrets(home) for home in homes]
    assert all(len(some) > 5 for some in secrets)
    # The name of the root says whose and what it is, and nothing of the key.
    labels = {b"-----BEGIN", b"-----END", b"PRIVATE", b"KEY-----", b"333-root-HKDF-SHA256"}
    for one, other in combinations(secrets, 2):
        assert one & other - labels == set()


def test_no_install_has_an_account_before_somebody_makes_one(tmp_path: Path) -> None:
    from gateway.store import clients, people

    gw = make(tmp_path / "333", "333", "Sandwell")
    assert gw.store.look(people.list_people) == []
    assert gw.store.look(clients.list_clients) == []
    gw.store.close()
