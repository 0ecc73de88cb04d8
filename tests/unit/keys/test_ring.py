"""Our private keys: made once, opened with the passphrase, rotated with overlap, never shown."""

import json
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest

from keys import at_rest, blind
from keys.algorithms import KEMS
from keys.digests import Purpose
from keys.errors import RefusalCode
from keys.ring import IDENTITY_FILE, OVERLAP, RING_FILE, Ring
from tests.refusals import expect_refusal
from tests.unit.keys.parties import NOW

PASSPHRASE = b"eleven blue herons"
TERMS = [("surname", "testchild")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state") / "keys"
    Ring.create(folder, authority="333", passphrase=PASSPHRASE, now=NOW)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy, to be spoilt."""
    copy = tmp_path / "keys"
    copy.mkdir(mode=0o700)
    for file in made.iterdir():
        (copy / file.name).touch(0o600)
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def change(file: Path, at: str, value: object) -> None:
    """Write another value into a key file."""
    document = json.loads(file.read_bytes())
    *path, last = at.split(".")
    place = document
    for step in path:
        place = place[int(step) if step.isdecimal() else step]
    place[last] = value
    file.write_text(json.dumps(document))


def test_what_was_made_is_unlocked(made: Path) -> None:
    ring = Ring.unlock(made, passphrase=PASSPHRASE)
    sig, enc = ring.public_keys()
    assert ring.authority == "333"
    assert (sig.use, sig.alg, sig.kid, sig.public) == ("sig", "EdDSA", ring.signing.kid, ring.signing.public)
    assert (enc.use, enc.alg, len(enc.public)) == ("enc", "MLKEM768_X25519", 1_216)
    assert ring.get_sealing_key(enc.kid).kem.name == enc.alg
    assert sig.not_before == NOW


def test_files_are_for_the_owner_alone(made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in made.iterdir()} == {
        RING_FILE: 0o600,
        IDENTITY_FILE: 0o600,
    }


def test_no_secret_is_in_the_files_or_in_a_repr(made: Path) -> None:
    ring = Ring.unlock(made, passphrase=PASSPHRASE)
    secrets = [key.secret for key in ring._keys]
    stored = (made / RING_FILE).read_text()
    assert not any(secret.hex() in stored or b64encode(secret).decode() in stored for secret in secrets)
    shown = repr((ring, ring.signing, ring.get_sealing_key(ring.public_keys()[1].kid), ring._keys))
    assert not any(repr(secret)[2:-1] in shown for secret in secrets)


def test_keys_are_never_overwritten(folder: Path) -> None:
    (folder / RING_FILE).unlink()
    with expect_refusal(RefusalCode.RING_EXISTS):
        Ring.create(folder, authority="333", passphrase=PASSPHRASE, now=NOW)


def test_empty_passphrase_is_refused(tmp_path: Path) -> None:
    with expect_refusal(RefusalCode.RING_PASSPHRASE):
        Ring.create(tmp_path / "keys", authority="333", passphrase=b"", now=NOW)
    assert not (tmp_path / "keys").exists()


def test_wrong_passphrase(made: Path) -> None:
    with expect_refusal(RefusalCode.RING_PASSPHRASE):
        Ring.unlock(made, passphrase=b"eleven blue heron")


def test_no_keys_there(tmp_path: Path) -> None:
    with expect_refusal(RefusalCode.RING_MISSING):
        Ring.unlock(tmp_path, passphrase=PASSPHRASE)


def test_file_that_others_can_read(folder: Path) -> None:
    (folder / RING_FILE).chmod(0o640)
    with expect_refusal(RefusalCode.RING_EXPOSED):
        Ring.unlock(folder, passphrase=PASSPHRASE)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("v", 0),
        ("v", "2"),
        ("authority", "../333"),
        ("kdf.name", "pbkdf2"),
        ("kdf.n", 2**30),
        ("kdf.n", 3),
        ("kdf.r", 10**6),
        ("kdf.salt", "é"),
        ("keys", []),
        ("keys.0.alg", "RS256"),
        ("keys.0.status", "retired"),
        ("keys.0.status", "fine"),
        ("keys.0.nbf", 1.5),
        ("keys.0.private", "***"),
    ],
)
def test_damaged_file_is_named_as_such(folder: Path, at: str, value: object) -> None:
    change(folder / RING_FILE, at, value)
    with expect_refusal(RefusalCode.RING_UNREADABLE):
        Ring.unlock(folder, passphrase=PASSPHRASE)


def test_file_of_a_newer_version_is_not_called_damaged(folder: Path) -> None:
    change(folder / RING_FILE, "v", 4)
    with expect_refusal(RefusalCode.RING_NEWER):
        Ring.unlock(folder, passphrase=PASSPHRASE)


def test_root_cannot_be_taken_out_of_the_file_or_used_as_that_of_another_version(folder: Path) -> None:
    rows = json.loads((folder / RING_FILE).read_bytes())["keys"]
    change(folder / RING_FILE, "keys", [row for row in rows if row["use"] != "root"])
    with expect_refusal(RefusalCode.RING_UNREADABLE):
        Ring.unlock(folder, passphrase=PASSPHRASE)
    change(folder / RING_FILE, "keys", [row | {"alg": "HMAC-SHA256"} if row["use"] == "root" else row for row in rows])
    with expect_refusal(RefusalCode.RING_UNREADABLE):
        Ring.unlock(folder, passphrase=PASSPHRASE)


@pytest.mark.parametrize("alg", ["EdDSA", "AES-256-GCM", "HKDF-SHA256", "HMAC-SHA256", *KEMS])
def test_no_key_is_taken_for_one_of_another_algorithm(folder: Path, alg: str) -> None:
    rows = json.loads((folder / RING_FILE).read_bytes())["keys"]
    for number, row in enumerate(rows):
        if row["alg"] != alg:
            change(folder / RING_FILE, "keys", [*rows[:number], row | {"alg": alg}, *rows[number + 1 :]])
            with expect_refusal(RefusalCode.RING_UNREADABLE):
                Ring.unlock(folder, passphrase=PASSPHRASE)


def test_a_key_cannot_be_put_in_the_place_of_another(folder: Path) -> None:
    rows = json.loads((folder / RING_FILE).read_bytes())["keys"]
    change(folder / RING_FILE, "keys.0.private", rows[1]["private"])
    with expect_refusal(RefusalCode.RING_PASSPHRASE):
        Ring.unlock(folder, passphrase=PASSPHRASE)


def test_truncated_file(folder: Path) -> None:
    (folder / RING_FILE).write_bytes((folder / RING_FILE).read_bytes()[:500])
    with expect_refusal(RefusalCode.RING_UNREADABLE):
        Ring.unlock(folder, passphrase=PASSPHRASE)


def test_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / RING_FILE).mkdir()
    with expect_refusal(RefusalCode.RING_UNREADABLE):
        Ring.unlock(tmp_path, passphrase=PASSPHRASE)


def test_it_runs_without_the_identity_key_and_says_so_when_it_is_needed(folder: Path) -> None:
    (folder / IDENTITY_FILE).unlink()
    Ring.unlock(folder, passphrase=PASSPHRASE)
    with expect_refusal(RefusalCode.RING_IDENTITY_AWAY):
        Ring.open_identity(folder, passphrase=PASSPHRASE)


def test_identity_key_is_another_than_the_signing_key(made: Path) -> None:
    identity = Ring.open_identity(made, passphrase=PASSPHRASE)
    ring = Ring.unlock(made, passphrase=PASSPHRASE)
    assert identity.public_key().public_bytes_raw() != ring.signing.public


def test_a_file_of_other_keys_is_no_identity(folder: Path) -> None:
    (folder / IDENTITY_FILE).write_bytes((folder / RING_FILE).read_bytes())
    with expect_refusal(RefusalCode.RING_UNREADABLE):
        Ring.open_identity(folder, passphrase=PASSPHRASE)


def test_rotation_new_keys_sign_and_old_keys_open(folder: Path) -> None:
    old = Ring.unlock(folder, passphrase=PASSPHRASE)
    later = NOW + timedelta(days=365)
    Ring.rotate(folder, passphrase=PASSPHRASE, now=later)
    ring = Ring.unlock(folder, passphrase=PASSPHRASE)
    was = {key.kid: key for key in ring.public_keys() if key.status == "retired"}
    assert set(was) == {key.kid for key in old.public_keys()}
    assert was[old.signing.kid].not_after == later + OVERLAP
    assert ring.signing.kid not in was
    assert all(ring.get_sealing_key(kid) for kid, key in was.items() if key.use == "enc")
    digests = {
        (one.digests.compute_digest(Purpose.LEAVER, "a child"), blind.compute_marks(TERMS, one)) for one in (old, ring)
    }
    assert len(digests) == 1
    locked = at_rest.lock(b"a notice", about="m-1", ring=old)
    assert at_rest.unlock(locked, about="m-1", ring=ring) == b"a notice"


def test_rotation_makes_a_new_wrapping_key_that_the_ring_of_before_does_not_have(folder: Path) -> None:
    old = Ring.unlock(folder, passphrase=PASSPHRASE)
    locked = at_rest.lock(b"a notice", about="m-1", ring=Ring.rotate(folder, passphrase=PASSPHRASE, now=NOW))
    with expect_refusal(RefusalCode.AT_REST_UNKNOWN_KEY):
        at_rest.unlock(locked, about="m-1", ring=old)
    ring = Ring.rotate(folder, passphrase=PASSPHRASE, now=NOW, revoke=True)
    assert at_rest.unlock(locked, about="m-1", ring=ring) == b"a notice"


def test_after_a_theft_the_old_keys_are_revoked_and_still_open(folder: Path) -> None:
    old = Ring.rotate(folder, passphrase=PASSPHRASE, now=NOW).public_keys()
    ring = Ring.rotate(folder, passphrase=PASSPHRASE, now=NOW, revoke=True)
    assert len(old) == 4
    assert {key.kid for key in ring.public_keys() if key.status == "revoked"} == {key.kid for key in old}
    assert ring.get_sealing_key(old[1].kid).kid == old[1].kid


def test_unknown_sealing_key(made: Path) -> None:
    with expect_refusal(RefusalCode.KEY_UNKNOWN):
        Ring.unlock(made, passphrase=PASSPHRASE).get_sealing_key("../../etc/passwd")


def test_classical_ring(tmp_path: Path) -> None:
    ring = Ring.create(tmp_path / "keys", authority="334", passphrase=PASSPHRASE, now=NOW, kem="X25519")
    assert ring.public_keys()[1].alg == "X25519"


def test_no_key_material_lies_in_the_package() -> None:
    names = {file.suffix for file in (Path(__file__).parents[3] / "keys").rglob("*") if file.is_file()}
    assert names <= {".py", ".md", ".csv", ".pyc"}


@pytest.mark.usefixtures("real_costs")
def test_a_passphrase_costs_what_an_attacker_is_to_pay(tmp_path: Path) -> None:
    Ring.create(tmp_path / "keys", authority="333", passphrase=b"long enough", now=NOW)
    kdf = json.loads((tmp_path / "keys" / "ring.json").read_text())["kdf"]
    assert (kdf["name"], kdf["n"], kdf["r"], kdf["p"]) == ("scrypt", 2**15, 8, 1)
    Ring.unlock(tmp_path / "keys", passphrase=b"long enough")
