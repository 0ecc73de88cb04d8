"""cosignature/v1 of C2SP tlog-cosignature, held against what public witnesses signed."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from keys.cosignature import find_cosignature, find_witness_key
from keys.errors import NoteRefused
from keys.note import write_log_key
from tests.outside_witness import Witness

# A checkpoint of a public log (Certificate Transparency, static-ct-api, for trials), as it was served in May 2026.
PUBLIC = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""
# As these witnesses publish their keys.
PUBLIC_KEYS = (
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
)
# It is known, and signed another one.
ABSENT = "rgdd.se/poc-witness+db03732e+BCjJKlo6BU0xfIb8LutqerIFTWIXEA0L5n3tW3QyPFgG"


@pytest.mark.parametrize("vkey", PUBLIC_KEYS)
def test_what_a_public_witness_signed_holds(vkey: str) -> None:
    key = find_witness_key(vkey)
    assert key is not None
    found = find_cosignature(PUBLIC, key)
    assert found is not None
    assert found.cosigned_at == datetime(2026, 5, 23, 21, 50, 24, tzinfo=UTC)
    assert found.line in PUBLIC.split("\n")
    for changed in (PUBLIC.replace("1432088532", "1432088533"), PUBLIC.replace("U7WM", "U7WN")):
        assert find_cosignature(changed, key) is None


def test_one_that_did_not_sign_is_not_found() -> None:
    key = find_witness_key(ABSENT)
    assert key is not None
    assert find_cosignature(PUBLIC, key) is None


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "a name+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
        # Another's key id, the key of a log, a short one, no base64.
        "remora.n621.de+67f7aea0+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        write_log_key("333", Ed25519PrivateKey.from_private_bytes(b"\x07" * 32).public_key()),
        "remora.n621.de+da77ade7+BOvN63jn",
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw",
        "x" * 300 + "+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    ],
)
def test_what_is_no_key_of_a_witness_is_none(vkey: str) -> None:
    assert find_witness_key(vkey) is None


@given(st.integers(0, len(PUBLIC) - 1), st.characters(codec="utf-8"))
def test_no_other_text_holds(at: int, sign: str) -> None:
    """Whatever sign of the text is another: nothing is found, or the note is refused."""
    end = PUBLIC.index("\n\n")
    at %= end
    changed = PUBLIC[:at] + sign + PUBLIC[at + 1 :]
    key = find_witness_key(PUBLIC_KEYS[0])
    assert key is not None
    if changed != PUBLIC:
        found = None
        with suppress(NoteRefused):
            found = find_cosignature(changed, key)
        assert found is None


def test_ours_reads_what_our_own_witness_signs() -> None:
    witness = Witness("witness.example/w1")
    text = "cme-gateway/333\n7\n" + "A" * 43 + "=\n"
    key = find_witness_key(witness.vkey)
    assert key is not None
    assert find_cosignature(f"{text}\n{witness.cosign(text)}", key) is not None
