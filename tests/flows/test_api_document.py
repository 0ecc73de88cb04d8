"""docs/api.md keeps its word: its tables are those of the code, and its commands work as they stand there."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from gateway.api import table
from gateway.api.problems import OF_HTTP
from gateway.case_systems import clients
from gateway.core.permissions import Scope
from gateway.store import inbox, outbox
from gateway.store import webhooks as kept
from schemas import json
from tests.children import notice
from tests.conftest import introduce, make
from tests.consoles import house
from tests.flows.test_api import came
from tests.suppliers import served

DOCUMENT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
COMMANDS = re.compile(r"^    ((?:TOKEN=\$\()?curl (?:.*\\\n)*.*)", re.MULTILINE)


def test_the_tables_are_those_of_the_code() -> None:
    assert table.build_table() in DOCUMENT
    assert table.build_events_table() in DOCUMENT


def test_every_scope_and_every_status_is_explained() -> None:
    assert [scope for scope in Scope if f"| `{scope}` |" not in DOCUMENT] == []
    assert [status for status in OF_HTTP if str(status) not in DOCUMENT] == []


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
async def test_the_commands_work_as_they_stand_there(tmp_path: Path) -> None:
    settings = '[api]\nwebhook_hosts = "cases.example"'
    gw, sandwell = (
        house(tmp_path / "885", "885", "Worcestershire", (), settings),
        make(tmp_path / "333", "333", "Sandwell"),
    )
    introduce(gw, sandwell)
    sent, theirs = notice("885", "333"), await came(gw, sandwell)
    (tmp_path / "notice.json").write_bytes(json.write(sent))
    secret = clients.add_client(gw, "one-test", "ONE", Scope, "agnes")
    said = {
        "API": f"{gw.config.console_url}/api/v1",
        "CLIENT_ID": "one-test",
        "CLIENT_SECRET": secret,
        "NOTICE": theirs.header.message_id,
        "HOOK": "https://cases.example/hook",
    }
    commands = COMMANDS.findall(DOCUMENT)
    assert len(commands) == 8
    async with served(gw):
        script = "set -e -o pipefail\n" + "\n".join(commands)
        ran = await asyncio.create_subprocess_exec(
            "bash", "-c", script, cwd=tmp_path, env=os.environ | said, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )  # fmt: skip
        shown, _ = await asyncio.wait_for(ran.communicate(), 60)
    assert ran.returncode == 0, shown.decode()
    assert gw.store.look(lambda tx: outbox.get_delivery(tx, sent.header.message_id)).state == "queued"
    assert gw.store.look(lambda tx: inbox.get_message(tx, theirs.header.message_id)).state == "acknowledged"
    assert [one.client for one in gw.store.look(kept.list_webhooks)] == ["one-test"]
    for one in (gw, sandwell):
        one.store.close()
