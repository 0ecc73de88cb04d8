"""The keys of a gateway, listed: every key of every kind, with nothing that is secret."""

import json
from datetime import timedelta
from pathlib import Path

from gateway import home_folder
from gateway.core.own_keys import KeyKind, KeyState
from gateway.own_keys import inventory
from keys.ring import IDENTITY_FILE
from tests.command import run_command
from tests.conftest import make


def test_every_key_of_every_kind_is_listed_with_its_dates(tmp_path: Path) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    gw.store.close()
    home_folder.rotate_keys(gw.config.home, by="ines")
    done = run_command("keys", "list", "--home", str(gw.config.home), "--json")
    listed = json.loads(done.stdout)["keys"]
    assert [(key["kind"], key["state"]) for key in listed] == [
        ("identity", "active"),
        ("signing", "active"),
        ("signing", "retired"),
        ("sealing", "active"),
        ("sealing", "retired"),
        ("storage", "waiting"),
        ("storage", "active"),
        ("recognition", "active"),
        ("certificate", "active"),
    ]
    assert len({key["id"] for key in listed}) == len(listed)
    assert all(key["created_at"] and key["purpose"] for key in listed)
    assert [key["kind"] for key in listed if not key["valid_until"]] == ["identity", "recognition"]
    shown = run_command("keys", "list", "--home", str(gw.config.home), COLUMNS="200").stdout
    assert all(key["id"] in shown for key in listed)


def test_a_next_certificate_and_an_identity_key_kept_elsewhere_are_said(tmp_path: Path) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    gw.now = lambda: gw.own_card.issued_at + timedelta(days=700)
    home_folder._write_next_certificate(gw.config.home, "localhost", gw.now())
    (gw.config.home / home_folder.KEYS / IDENTITY_FILE).unlink()
    listed = inventory.list_own_keys(gw)
    [identity] = [key for key in listed if key.kind is KeyKind.IDENTITY]
    assert (identity.created_at, identity.valid_until) == (None, None)
    certificates = [key.state for key in listed if key.kind is KeyKind.CERTIFICATE]
    assert certificates == [KeyState.WAITING, KeyState.ACTIVE]
    gw.store.close()
