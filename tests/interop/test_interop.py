"""Software that is not ours opens what we seal, and seals what we open: Node with @hpke/core, X-Wing, and jose.

The packages are pinned with their digests in package-lock.json, and installed once into pytest's cache. Without Node
this is skipped on a developer's machine; a build server (which sets CI) must have it.
"""

import json
import os
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from keys import envelope
from tests.unit.keys.test_vectors import CARDS, PAYLOAD, TRUST, VECTORS, moment, ring_of

HERE = Path(__file__).parent
VECTORS_FILE = HERE.parents[1] / "schemas" / "vectors" / "vectors.json"
INSTALL_SECONDS, RUN_SECONDS = 90, 60


def without(reason: str) -> None:
    """Skip, but not where everything must be there."""
    if os.environ.get("CI"):
        pytest.fail(f"the build server must be able to run this: {reason}")
    pytest.skip(reason)


def installed(cache: Path) -> Path:
    """A folder with the pinned packages, named after the pins, so that a change of pins makes a new one."""
    folder = cache / sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    if folder.exists():
        return folder
    fresh = Path(tempfile.mkdtemp(dir=cache))
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, fresh)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    run = subprocess.run(command, cwd=fresh, capture_output=True, timeout=INSTALL_SECONDS, check=False)
    if run.returncode:
        without("npm could not install the pinned packages")
    try:
        fresh.rename(folder)
    except OSError:  # another test process was quicker, and its folder is as good
        shutil.rmtree(fresh)
    return folder


@pytest.fixture(scope="module")
def theirs(pytestconfig: pytest.Config) -> dict[str, Any]:
    """What the other implementation says about our vectors."""
    if not (shutil.which("node") and shutil.which("npm")):
        without("node and npm are not installed")
    script = installed(pytestconfig.cache.mkdir("interop")) / f"{os.getpid()}.mjs"  # it finds packages beside it
    shutil.copy(HERE / "open_and_seal.mjs", script)
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
