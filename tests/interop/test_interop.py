"""Software that is not ours opens what we seal, and seals what we open: Node with @hpke/core, X-Wing, and jose.

The packages are pinned in package-lock.json; tests/npm.py installs them.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from keys import envelope
from tests.npm import installed
from tests.unit.keys.test_vectors import CARDS, PAYLOAD, TRUST, VECTORS, moment, ring_of

GATEWAY = Path(__file__).parent
VECTORS_FILE = GATEWAY.parents[1] / "schemas" / "vectors" / "vectors.json"
RUN_SECONDS = 60


@pytest.fixture(scope="module")
def theirs(pytestconfig: pytest.Config) -> dict[str, Any]:
    """What the other implementation says about our vectors."""
    # It finds packages beside it.
    script = installed(GATEWAY, pytestconfig.cache.mkdir("interop")) / f"{os.getpid()}.mjs"
    shutil.copy(GATEWAY / "open_and_seal.mjs", script)
    command = ["node", str(script), str(VECTORS_FILE)]
    run = subprocess.run(command, capture_output=True, timeout=RUN_SECONDS, check=False)
    script.unlink()
    assert run.returncode == 0, run.stderr.decode()
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def test_they_open_what_we_sealed(theirs: dict[str, Any]) -> None:
    for opened, row in zip(theirs["opened"], VECTORS["messages"], strict=True):
        assert opened["payload"].encode() == PAYLOAD, row["name"]
        assert opened["signed_by"] == row["signed_by"]
        assert opened["header"] == row["header"]
        assert opened["typ"] == "cme-message+jws"


def test_we_open_what_they_sealed(theirs: dict[str, Any]) -> None:
    assert {CARDS[row["recipient"]].keys[1].alg for row in theirs["sealed"]} == {"MLKEM768_X25519", "X25519"}
    for row in theirs["sealed"]:
        ring = ring_of(row["recipient"])
        opened = envelope.unseal(row["sealed"].encode(), ring=ring, trust=TRUST, now=moment(VECTORS["tokens"]))
        assert opened.payload == PAYLOAD
        assert opened.names == envelope.Names(VECTORS["tokens"]["message_id"], "333", row["recipient"])


def test_they_verify_our_cards_and_receipts(theirs: dict[str, Any]) -> None:
    assert theirs["receipts"] == ["accepted", "rejected"]
    assert theirs["thumbprints"] == {code: card.keys[0].kid for code, card in CARDS.items()}
