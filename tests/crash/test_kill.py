"""The demo is killed thirty times at random moments and started again: nothing is lost, and nothing is doubled."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.command import run_command
from tests.loaded import Loaded, start_gateway

KILLS = 30
# Seconds; an undisturbed demo takes about that long.
LONGEST = 6.0
SEED = random.SystemRandom().randrange(2**32)


def start(folder: Path) -> Loaded:
    with (folder.parent / "demo.log").open("ab") as log:
        words = ("demo", "--no-email", "--folder", str(folder))
        return start_gateway(*words, stdout=log, stderr=log, start_new_session=True)


def ask(folder: Path, code: str, *words: str) -> dict[str, list[dict[str, object]]]:
    done = run_command(*words, "--home", str(folder / code), "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, list[dict[str, object]]] = json.loads(done.stdout)
    return answer


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_thirty_times_the_demo_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    folder, chance = tmp_path / "demo", random.Random(SEED)
    print(f"seed {SEED}")
    for kill in range(KILLS):
        process = start(folder)
        time.sleep(chance.uniform(0.2, LONGEST))
        if process.poll() is None:
            if kill % 2:
                # The two gateways see it go, and stop by themselves.
                process.kill()
            else:
                # All three at once.
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        (folder.parent / "demo.log").write_bytes(b"")

    last = start(folder)
    assert last.wait(timeout=120) == 0, (folder.parent / "demo.log").read_text()

    sent = {code: ask(folder, code, "outbox")["outbox"] for code in ("333", "885")}
    came = {code: ask(folder, code, "inbox")["inbox"] for code in ("333", "885")}
    # Its notices, three of them from ONE; two acknowledgements and an outcome.
    assert len(sent["333"]) == 4 + 2 + 3
    assert len(sent["885"]) == 2 + 8
    # Each accepted transfer was written for ONE once, under a name of its own.
    for code, count in (
        ("333", 1),
        ("885", 4),
    ):
        imports = ask(folder, code, "one", "imports")["imports"]
        taken = {file.name for file in (folder / code / "one-import" / "processed").iterdir()}
        assert {row["state"] for row in imports} <= {"matched", "conflicts", "unmatched"}
        assert len(imports) == len(taken) == count
        assert {row["file"] for row in imports} == taken
    for code, other in (("333", "885"), ("885", "333")):
        assert {row["message_id"] for row in sent[code]} == {row["message_id"] for row in came[other]}
        assert len(came[other]) == len(sent[code])
        notices = sorted(str(row["state"]) for row in sent[code] if row["in_reply_to"] is None)
        assert set(notices) <= {"received", "acknowledged", "concluded"}
        assert not ask(folder, code, "audit", "verify")["faults"]
