"""Digests: a key for each purpose, and the same digests as ever, whatever rotates and whichever
version made the keys.
"""

import hmac
from collections.abc import Callable

import pytest

from keys.digests import DigestKeys, Purpose

ROOT = bytes(range(32))
NEW, OLD = DigestKeys(ROOT, made_by_0_1=False), DigestKeys(ROOT, made_by_0_1=True)


def hmac_of(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


# As version 0.1 computed them, flow by flow. What it did not know has a key of its own, as in a newer home.
BY_0_1: dict[Purpose, Callable[[str, str], bytes]] = {
    Purpose.LETTER: lambda one, other: hmac_of(ROOT, f"letter\0{one}\0{other}".encode()),
    Purpose.LEAVER: lambda one, other: hmac_of(ROOT, f"{one}\0{other}".encode()),
    Purpose.REQUEST: lambda one, other: hmac_of(ROOT, f"request\0{one}\0{other}".encode()),
    Purpose.CHILD: lambda one, other: hmac_of(ROOT, f"child-key\0{one}\0{other}".encode()),
    # HKDF-Expand of one block (RFC 5869, 2.3), and then the HMAC.
    Purpose.MARK: lambda one, other: hmac_of(hmac_of(ROOT, b"cme-gateway/marks\x01"), f"{one}\0{other}".encode()),
    Purpose.BACKUP_CODE: lambda one, other: hmac_of(
        hmac_of(ROOT, b"cme-gateway/backup-code\x01"), f"{one}\0{other}".encode()
    ),
}


@pytest.mark.parametrize("purpose", Purpose)
def test_digests_of_0_1_stay_as_they_are(purpose: Purpose) -> None:
    assert OLD.compute_digest(purpose, "surname", "x") == BY_0_1[purpose]("surname", "x")


@pytest.mark.parametrize("purpose", Purpose)
def test_each_purpose_has_a_key_of_its_own(purpose: Purpose) -> None:
    key = hmac_of(ROOT, f"cme-gateway/{purpose}\x01".encode())
    assert NEW.compute_digest(purpose, "a", b"b") == hmac_of(key, b"a\0b")
    assert key != ROOT


def test_no_two_purposes_share_a_digest() -> None:
    for keys in (NEW, OLD):
        assert len({keys.compute_digest(purpose, "a") for purpose in Purpose}) == len(Purpose)


def test_numbers_are_the_beginning_of_the_digest() -> None:
    [number] = NEW.compute_numbers(Purpose.CHILD, ["u|X333210123001"])
    digest = NEW.compute_digest(Purpose.CHILD, "u|X333210123001")
    assert number == int.from_bytes(digest[:8], "big", signed=True)


def test_values_never_change_or_what_is_stored_is_lost() -> None:
    assert {purpose: NEW.compute_digest(purpose, "a").hex()[:16] for purpose in Purpose} == {
        Purpose.LETTER: "c66ff770d8d630b1",
        Purpose.LEAVER: "6ffb6a1708a18e79",
        Purpose.REQUEST: "032e358a2cced3c6",
        Purpose.CHILD: "e2421564815185a2",
        Purpose.MARK: "9782f3327f424185",
        Purpose.BACKUP_CODE: "ea4a038fda87fe16",
    }
