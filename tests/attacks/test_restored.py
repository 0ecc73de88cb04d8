"""A database that was restored: what is told of afterwards bears no id that has named something else."""

import shutil
from pathlib import Path
from random import Random

import pytest

from gateway.case_systems import webhooks
from gateway.case_systems.clients import add_client as make_client
from gateway.core.permissions import Scope
from gateway.core.webhook_events import WebhookEvent
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from tests.children import notice
from tests.world import World


def restore(backup: Path, file: Path) -> None:
    for beside in ("-wal", "-shm"):
        Path(f"{file}{beside}").unlink(missing_ok=True)
    shutil.copyfile(backup, file)


@pytest.mark.parametrize("seed", range(3))
async def test_no_webhook_id_comes_again_for_another_event(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = Random(seed)
    world = World(tmp_path)
    gw, there = world.settle("333", "Sandwell"), world.settle("885", "Worcestershire")
    file = Path(gw.store.engine.url.database or "")
    ids: dict[str, set[str]] = {}

    async def post(*said: object) -> None:
        _, _, name, _, one = said
        ids.setdefault(str(name), set()).add(one.message_id)  # type: ignore[attr-defined]

    monkeypatch.setattr(webhooks, "_post_event", post)
    hosts = 'webhook_hosts = "cases.example"'
    settings = gw.config.home / "gateway.toml"
    settings.write_text(f"{settings.read_text()}\n[api]\n{hosts}\n")
    gw.store.close()
    gw = world.open("333")
    make_client(gw, "cases", "Cases", [Scope.WEBHOOKS], "ada")
    webhooks.add_webhook(gw, "cases", "ada", "https://cases.example/hook", list(WebhookEvent), also=lambda *_: None)
    gw.store.close()
    backup = tmp_path / "backup.db"
    shutil.copyfile(file, backup)
    for _ in range(2):
        gw = world.open("333")
        for _ in range(chance.randint(2, 5)):
            [ready] = prepare_messages(there, [notice("885", "333", now=world.now)], "otto")
            await receive_parcels(gw, [ready.sealed], "885")
        await webhooks.send_events_due(gw)
        gw.store.close()
        restore(backup, file)
    assert len(ids) > 3
    assert {len(one) for one in ids.values()} == {1}
    world.close()
