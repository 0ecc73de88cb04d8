"""The operator's side of the API: clients are made and ended at the command line, and wrong settings are named."""

import json
from pathlib import Path

import pytest

from gateway import home_folder
from gateway.case_systems import clients
from gateway.core.permissions import Scope
from gateway.errors import ConfigProblem, NotAllowed
from gateway.settings.file import parse
from gateway.store import audit_log
from tests.conftest import make
from tests.flows.test_command_line import cme_gateway

AUTHORITY = '[authority]\ncode = "333"\nname = "Sandwell"\n'


def test_a_client_is_made_listed_and_ended_and_its_secret_is_shown_once(tmp_path: Path) -> None:
    home = str(tmp_path / "333")
    make(tmp_path / "333", "333", "Sandwell").store.close()
    made = cme_gateway(
        "api", "add", "one-test", "ONE", "--scope", "status:read", "--home", home, "--by", "ines", "--json"
    )
    said = json.loads(made.stdout)
    assert (said["client_id"], said["token_url"].endswith("/api/v1/token")) == ("one-test", True)
    shown = cme_gateway("api", "list", "--home", home, "--json").stdout
    assert json.loads(shown)["clients"] == [
        {"id": "one-test", "name": "ONE", "scopes": ["status:read"], "active": True}
    ]
    assert said["client_secret"] not in shown
    again = cme_gateway("api", "add", "one-test", "ONE", "--scope", "status:read", "--home", home)
    assert (again.returncode, "client.exists" in again.stderr) == (5, True)
    assert cme_gateway("api", "end", "one-test", "--home", home, "--by", "ines").returncode == 0
    assert json.loads(cme_gateway("api", "list", "--home", home, "--json").stdout)["clients"][0]["active"] is False
    assert cme_gateway("api", "end", "nobody", "--home", home).returncode == 4
    assert json.loads(cme_gateway("api", "webhooks", "--home", home, "--json").stdout) == {"webhooks": []}
    assert cme_gateway("api", "resume", "wh-none", "--home", home).returncode == 4
    gw = home_folder.open_gateway(tmp_path / "333")
    acts = [
        (one.act, one.actor, one.about)
        for one in gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="client."))
    ]
    gw.store.close()
    assert acts == [("client.ended", "ines", "one-test"), ("client.added", "ines", "one-test")]


@pytest.mark.parametrize(
    ("name", "called", "code"),
    [("ab", "ONE", "client.id"), ("One", "ONE", "client.id"), ("-one-", "ONE", "client.id"), ("o" * 41, "ONE", "client.id"), ("one-test", " ", "client.name"), ("one-test", "O\x07NE", "client.name")],
)  # fmt: skip
def test_a_client_that_is_not_named_as_it_must_be_is_not_made(
    tmp_path: Path, name: str, called: str, code: str
) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    with pytest.raises(NotAllowed) as caught:
        clients.add_client(gw, name, called, Scope, "ines")
    assert caught.value.code == code
    gw.store.close()


@pytest.mark.parametrize(
    "setting",
    ["requests_per_minute = 0", 'webhook_hosts = "https://cases.example"', 'webhook_hosts = "cases.example/x"', 'webhook_hosts = "CASES.example"', "webhook_hosts = 1"],
)  # fmt: skip
def test_a_wrong_setting_is_named_with_its_line(tmp_path: Path, setting: str) -> None:
    with pytest.raises(ConfigProblem, match="line 5"):
        parse(f"{AUTHORITY}[api]\n{setting}\n", tmp_path)
