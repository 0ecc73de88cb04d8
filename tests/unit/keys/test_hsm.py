"""Keys in a PKCS#11 token, SoftHSM: they work, they stay there, and what is wrong with the token is told apart."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pkcs11
import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pkcs11 import Attribute, ObjectClass, TokenFlag

from keys import at_rest, hsm, note
from keys.errors import HsmTrouble, Refusal, RefusalCode
from keys.hsm import Hsm, HsmSigner
from keys.ring import RING_FILE, KeyPlaces, Ring
from tests.refusals import expect_refusal
from tests.softhsm import MODULE, PIN, SoftHsm, SoftToken
from tests.unit.keys.parties import NOW

PASSPHRASE = b"eleven blue herons"


class Outage(Exception):  # noqa: N818 - as the gateway's own
    """What whoever opened the HSM wants to have raised."""

    def __init__(self, trouble: HsmTrouble) -> None:
        super().__init__(trouble)
        self.trouble = trouble


@dataclass
class Pin:
    """A PIN that counts how often it was shown."""

    text: str = PIN
    shown: int = 0
    refused: bool = False

    def read_pin(self) -> str | None:
        if self.refused:
            return None
        self.shown += 1
        return self.text

    def note_refused(self) -> None:
        self.refused = True


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hsm, "PAUSE_SECONDS", 0.0)


def plug(token: SoftToken, pin: Pin | None = None) -> Hsm:
    return Hsm(MODULE, token.label, pin or Pin(), Outage)


def expect_trouble(trouble: HsmTrouble, work: Callable[[], object]) -> None:
    with pytest.raises(Outage) as caught:
        work()
    assert caught.value.trouble is trouble


def is_signed(public: bytes, signature: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except InvalidSignature:
        return False
    return True


def ring_in(folder: Path, plugged: Hsm) -> Ring:
    Ring.create(folder, authority="333", passphrase=PASSPHRASE, now=NOW)
    return Ring.rotate(folder, passphrase=PASSPHRASE, now=NOW, places=KeyPlaces(plugged, "hsm"))


def test_what_a_key_in_the_token_signs_any_ed25519_verifies(token: SoftToken) -> None:
    plugged = plug(token)
    handle, public = plugged.make_signing_key("sig")
    for text in (b"", b"a notice", bytes(100_000)):
        assert is_signed(public, plugged.sign_text(handle, text), text)


def test_no_key_can_be_taken_out_of_the_token(token: SoftToken) -> None:
    plugged = plug(token)
    plugged.make_signing_key("sig")
    plugged.make_wrapping_key("rest")
    library = pkcs11.lib(str(MODULE))
    with library.get_token(token_label=token.label).open() as session:
        keys = [
            key
            for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.SECRET_KEY)
            for key in session.get_objects({Attribute.CLASS: kind})
        ]
        assert len(keys) == 2
        for key in keys:
            assert not key[Attribute.EXTRACTABLE]
            with pytest.raises(pkcs11.AttributeSensitive):
                key[Attribute.VALUE]


def test_a_wrapped_key_opens_as_it_was_bound_and_in_no_other_way(token: SoftToken) -> None:
    plugged = plug(token)
    handle, other = plugged.make_wrapping_key("rest"), plugged.make_wrapping_key("rest")
    locked = plugged.wrap_bytes(handle, bytes(32), b"about")
    assert plugged.unwrap_bytes(handle, locked, b"about") == bytes(32)
    assert plugged.wrap_bytes(handle, bytes(32), b"about") != locked
    for wrong in (
        (handle, locked, b"something else"),
        (handle, locked[:-1] + bytes([locked[-1] ^ 1]), b"about"),
        (handle, locked[:20], b"about"),
        (handle, b"", b"about"),
        (other, locked, b"about"),
    ):
        with pytest.raises(InvalidTag):
            plugged.unwrap_bytes(*wrong)
    # It is the copy that is wrong, and not the token.
    assert plugged.unwrap_bytes(handle, locked, b"about") == bytes(32)


def test_a_wrong_pin_is_shown_once_and_a_right_one_afterwards_is_taken(token: SoftToken) -> None:
    wrong = Pin("0000-wrong")
    plugged = plug(token, wrong)
    for _ in range(5):
        expect_trouble(HsmTrouble.PIN, lambda: plugged.make_wrapping_key("rest"))
    assert wrong.shown == 1
    found = pkcs11.lib(str(MODULE)).get_token(token_label=token.label)
    assert found.flags & TokenFlag.USER_PIN_COUNT_LOW
    wrong.text, wrong.refused = PIN, False
    plugged.make_wrapping_key("rest")
    assert wrong.shown == 2


@pytest.mark.parametrize("flag", [TokenFlag.USER_PIN_FINAL_TRY, TokenFlag.USER_PIN_LOCKED])
def test_the_last_try_is_left_to_a_person(flag: TokenFlag) -> None:
    class AlmostLocked:
        flags = flag

    pin = Pin()
    with pytest.raises(hsm._Failed) as caught:
        hsm._sign_in(AlmostLocked(), pin)  # type: ignore[arg-type]  # SoftHSM never locks itself
    assert (caught.value.trouble, pin.shown) == (HsmTrouble.PIN_LAST_TRY, 0)


def test_each_thing_that_may_be_wrong_is_told_apart(token: SoftToken, softhsm: SoftHsm, tmp_path: Path) -> None:
    no_library = tmp_path / "module.so"
    no_library.write_bytes(b"no library")
    for module in (tmp_path / "none.so", no_library):
        missing = Hsm(module, token.label, Pin(), Outage)
        expect_trouble(HsmTrouble.NO_MODULE, lambda missing=missing: missing.sign_text(bytes(16), b""))  # type: ignore[misc]
    stranger = Hsm(MODULE, "another-token", Pin(), Outage)
    expect_trouble(HsmTrouble.NO_TOKEN, lambda: stranger.sign_text(bytes(16), b""))
    expect_trouble(HsmTrouble.NO_KEY, lambda: plug(token).sign_text(bytes(16), b""))
    twin = softhsm.make_token(token.label)
    expect_trouble(HsmTrouble.TWO_TOKENS, lambda: plug(token).sign_text(bytes(16), b""))
    twin.unplug()


def test_a_token_of_the_same_name_with_other_keys_signs_nothing_that_a_partner_would_refuse(
    token: SoftToken,
) -> None:
    plugged = plug(token)
    handle, _ = plugged.make_signing_key("sig")
    _, another = plugged.make_signing_key("sig")
    expect_trouble(HsmTrouble.NO_KEY, lambda: HsmSigner(plugged, handle, another).sign(b"a notice"))


def test_a_token_that_was_unplugged_works_again_when_it_is_back(token: SoftToken) -> None:
    plugged = plug(token)
    handle, public = plugged.make_signing_key("sig")
    for _ in range(2):
        plugged.sign_text(handle, b"a notice")
        token.unplug()
        with pytest.raises(Outage) as caught:
            plugged.sign_text(handle, b"a notice")
        assert caught.value.trouble in (HsmTrouble.UNAVAILABLE, HsmTrouble.NO_TOKEN)
        token.plug_in()
        assert is_signed(public, plugged.sign_text(handle, b"a notice"), b"a notice")


def test_after_a_failure_the_token_is_left_alone_for_a_moment(
    token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hsm, "PAUSE_SECONDS", 60.0)
    plugged = plug(token)
    token.unplug()
    expect_trouble(HsmTrouble.NO_TOKEN, lambda: plugged.make_wrapping_key("rest"))
    token.plug_in()
    # Nobody looked whether it is back.
    expect_trouble(HsmTrouble.NO_TOKEN, lambda: plugged.make_wrapping_key("rest"))


def test_many_threads_and_two_tokens_of_one_library_sign_at_once(token: SoftToken, softhsm: SoftHsm) -> None:
    plugs = [plug(token), plug(softhsm.make_token()), plug(token)]
    keys = [(plugged, *plugged.make_signing_key("sig")) for plugged in plugs]

    def sign(number: int) -> bool:
        plugged, handle, public = keys[number % len(keys)]
        text = str(number).encode()
        return is_signed(public, plugged.sign_text(handle, text), text)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(sign, range(120))) == [True] * 120


FORKS = """
import os, sys
from pathlib import Path
from keys.hsm import Hsm

class Pin:
    def read_pin(self):
        return sys.argv[3]

plugged = Hsm(Path(sys.argv[1]), sys.argv[2], Pin(), RuntimeError)
handle, _ = plugged.make_signing_key("sig")
child = os.fork()
signature = plugged.sign_text(handle, b"a notice")
if child == 0:
    os._exit(0 if len(signature) == 64 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_process_that_was_forked_signs_too(token: SoftToken) -> None:
    command = [sys.executable, "-c", FORKS, str(MODULE), token.label, PIN]
    assert subprocess.run(command, timeout=60, check=False, cwd=Path(__file__).parents[3]).returncode == 0


def test_a_call_that_hangs_is_given_up_and_stops_no_other_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hsm, "MOST_SECONDS", 0.1)
    thread, back = hsm._ModuleThread(), threading.Event()

    def expect_failure() -> float:
        began = time.monotonic()
        with pytest.raises(hsm._Failed) as caught:
            thread.run_job(back.wait)
        assert caught.value.trouble is HsmTrouble.UNAVAILABLE
        return time.monotonic() - began

    assert expect_failure() >= 0.1
    assert expect_failure() < 0.1
    back.set()
    deadline = time.monotonic() + 10
    while thread._hangs is not None and not thread._hangs.done():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert thread.run_job(lambda: 7) == 7


def test_a_ring_with_keys_in_the_token_signs_and_wraps_there_and_opens_what_is_older(
    token: SoftToken, tmp_path: Path
) -> None:
    folder = tmp_path / "keys"
    before = Ring.create(folder, authority="333", passphrase=PASSPHRASE, now=NOW)
    old = at_rest.lock(b"before", about="1", ring=before)
    ring = Ring.rotate(folder, passphrase=PASSPHRASE, now=NOW, places=KeyPlaces(plug(token), "hsm"))
    assert ring.is_in_hsm
    new = at_rest.lock(b"since", about="2", ring=ring)
    again = Ring.unlock(folder, passphrase=PASSPHRASE, hsm=plug(token))
    assert at_rest.unlock(old, about="1", ring=again) == b"before"
    assert at_rest.unlock(new, about="2", ring=again) == b"since"
    with expect_refusal(RefusalCode.AT_REST_ALTERED):
        at_rest.unlock(new, about="1", ring=again)
    signed = note.sign("a note\n", name="333", private=again.signing.private)
    assert note.verify(signed, name="333", public=again.signing.private.public_key()) == "a note\n"
    # A rotation stays where the keys are, and goes back into the file when it is told to.
    assert Ring.rotate(folder, passphrase=PASSPHRASE, now=NOW, places=KeyPlaces(plug(token))).is_in_hsm
    back = Ring.rotate(folder, passphrase=PASSPHRASE, now=NOW, places=KeyPlaces(plug(token), "file"))
    assert not back.is_in_hsm
    assert at_rest.unlock(new, about="2", ring=back) == b"since"


def test_the_key_file_says_where_the_keys_are_and_holds_no_secret_of_them(token: SoftToken, tmp_path: Path) -> None:
    ring = ring_in(tmp_path / "keys", plug(token))
    file = tmp_path / "keys" / RING_FILE
    document = json.loads(file.read_bytes())
    assert document["v"] == 3
    places = [(row["use"], row.get("place", "file"), row["status"]) for row in document["keys"]]
    assert places[:3] == [("sig", "hsm", "active"), ("enc", "file", "active"), ("rest", "hsm", "active")]
    for key in ring._keys:
        if key.in_hsm:
            assert len(key.secret) == {"sig": 48, "rest": 16}[key.use]
    with expect_refusal(RefusalCode.RING_NO_HSM):
        Ring.unlock(tmp_path / "keys", passphrase=PASSPHRASE)


@pytest.mark.parametrize("row", [0, 1, 2, 3])
def test_no_file_says_that_a_key_is_where_it_is_not(row: int, token: SoftToken, tmp_path: Path) -> None:
    ring_in(tmp_path / "keys", plug(token))
    file = tmp_path / "keys" / RING_FILE
    document = json.loads(file.read_bytes())
    if document["keys"][row].pop("place", None) is None:
        document["keys"][row]["place"] = "hsm"
    file.write_text(json.dumps(document))
    with pytest.raises(Refusal) as caught:
        Ring.unlock(tmp_path / "keys", passphrase=PASSPHRASE, hsm=plug(token))
    assert caught.value.code in (RefusalCode.RING_PASSPHRASE, RefusalCode.RING_UNREADABLE)
