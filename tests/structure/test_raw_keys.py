"""No secret key is used outside `keys/`: what is there asks for digests, signatures and locked
copies, never for a key.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from keys.ring import Ring
from tests.unit.keys.parties import party

ROOT = Path(__file__).parents[2]
# What others may ask a ring for. Each is public, or opaque, or is made of files.
OPEN = {
    "authority",
    "digests",
    "has_one_key_for_two",
    "is_in_hsm",
    "try_keys",
    "newest_id",
    "newest_since",
    "public_keys",
    "list_card_keys",
    "find_card_room",
    "active_kids",
    "signs",
    "stop_signing",
    "list_keys",
    "storage_key",
    "storage_kids",
    "wrap_with",
    "hold_files",
    "revoke_key",
    "drop_storage_key",
    "find_identity_start",
    "create",
    "unlock",
    "rotate",
    "identity",
}
CLOSED = {name for name in (*dir(Ring), *Ring.__slots__) if not name.startswith("__")} - OPEN


def find_raw_keys(text: str) -> Iterator[str]:
    """Find what takes a key out of a ring, or makes digests under a key by itself."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Attribute(value=ast.Name(id="ring") | ast.Attribute(attr="ring"), attr=name) if name in CLOSED:
                yield f"ring.{name}"
            case ast.Import() if any(name.name == "hmac" for name in node.names):
                yield "hmac"
            case ast.ImportFrom(module="hmac") if [name.name for name in node.names] != ["compare_digest"]:
                yield "hmac"


@pytest.mark.parametrize("package", ["gateway", "adapters", "schemas"])
def test_no_key_is_used_outside_keys(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    assert [(str(file), raw) for file in files for raw in find_raw_keys(file.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    "text", ["gw.ring.wrapping", "ring._keys", "self.ring.signing.private", "import hmac", "from hmac import digest"]
)
def test_each_use_would_be_found(text: str) -> None:
    assert list(find_raw_keys(text))


def test_nothing_that_a_ring_gives_away_is_a_key() -> None:
    ring = party("333").ring
    for part in (ring, ring.digests, ring.wrapping):
        values = {name: getattr(part, name) for name in dir(part) if not name.startswith("_")}
        assert [name for name, value in values.items() if isinstance(value, bytes)] == []
