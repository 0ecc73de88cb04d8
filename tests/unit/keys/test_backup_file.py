"""The form of a backup: what was written comes back whole, and whatever is done to it is refused by name."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys import backup_file, jose, key_file
from keys.backup_file import CHUNK_BYTES, TAG_BYTES, BackupHeader, BackupOpener, BackupSealer
from keys.errors import Refusal, RefusalCode

PASSPHRASE = b"correct horse battery staple"
HEADER = BackupHeader("333", "ab" * 32, datetime(2026, 11, 25, tzinfo=UTC), "sqlite", "0047")
SEALED_CHUNK = CHUNK_BYTES + TAG_BYTES


def seal(plain: bytes, passphrase: bytes = PASSPHRASE, pieces: int = 1_000_000) -> bytes:
    out = io.BytesIO()
    sealer = BackupSealer(HEADER, passphrase, out.write)
    for start in range(0, len(plain), pieces):
        sealer.write(plain[start : start + pieces])
    sealer.close()
    return out.getvalue()


def open_whole(sealed: bytes, passphrase: bytes = PASSPHRASE) -> bytes:
    opener = BackupOpener(io.BytesIO(sealed).read, passphrase)
    assert opener.header == HEADER
    got = bytearray()
    while more := opener.read(1000):
        got += more
    return bytes(got)


def refused(sealed: bytes, passphrase: bytes = PASSPHRASE) -> RefusalCode:
    with pytest.raises(Refusal) as why:
        open_whole(sealed, passphrase)
    return why.value.code


def begin_of_chunks(sealed: bytes) -> int:
    return sealed.index(b"\n", len(backup_file.FIRST_LINE)) + 1 + TAG_BYTES


@given(st.integers(0, 3), st.integers(-2, 2), st.integers(1, 200_000))
@settings(max_examples=30)
def test_what_is_sealed_comes_back(chunks: int, more: int, pieces: int) -> None:
    plain = bytes(range(256)) * ((chunks * CHUNK_BYTES) // 256) + b"x" * max(0, more)
    plain = plain[: len(plain) + min(0, more)] if plain else plain
    assert open_whole(seal(plain, pieces=pieces)) == plain


@given(st.data())
@settings(max_examples=120)
def test_any_byte_changed_is_refused(data: st.DataObject) -> None:
    sealed = bytearray(seal(b"a" * (2 * CHUNK_BYTES + 100)))
    start = begin_of_chunks(bytes(sealed))
    place = data.draw(st.one_of(st.integers(0, start - 1), st.integers(start, len(sealed) - 1)))
    sealed[place] ^= data.draw(st.integers(1, 255))
    code = refused(bytes(sealed))
    assert code.startswith("backup.")
    if place >= start:
        assert code == RefusalCode.BACKUP_ALTERED


@pytest.mark.parametrize("cost", [{"n": 0}, {"n": 1}, {"n": 48}, {"n": 2**21}, {"r": 0}, {"p": 0}, {"r": 17}])
def test_a_cost_that_scrypt_does_not_know_is_refused(cost: dict[str, int]) -> None:
    kdf = key_file.write_cost(b"a" * 16, {"n": 64, "r": 8, "p": 1})
    assert key_file.read_cost(kdf)
    with pytest.raises(jose.UnreadableToken):
        key_file.read_cost(kdf | cost)


@given(st.data())
@settings(max_examples=60)
def test_any_cut_is_refused(data: st.DataObject) -> None:
    sealed = seal(b"a" * (2 * CHUNK_BYTES + 100))
    code = refused(sealed[: data.draw(st.integers(0, len(sealed) - 1))])
    assert code.startswith("backup.")


def test_a_cut_between_two_chunks_is_named_so() -> None:
    sealed = seal(b"a" * (3 * CHUNK_BYTES))
    start = begin_of_chunks(sealed)
    for chunks in range(3):
        assert refused(sealed[: start + chunks * SEALED_CHUNK]) == RefusalCode.BACKUP_CUT


def test_chunks_in_another_order_repeated_left_out_or_of_another_backup_are_refused() -> None:
    sealed, other = (seal(bytes([number]) * (3 * CHUNK_BYTES + 5)) for number in (1, 2))
    start = begin_of_chunks(sealed)
    head, body = sealed[:start], sealed[start:]
    one, two, three, last = (body[n * SEALED_CHUNK : (n + 1) * SEALED_CHUNK] for n in range(4))
    theirs = other[begin_of_chunks(other) :][:SEALED_CHUNK]
    for chunks in (
        (two, one, three, last),
        (one, one, two, three, last),
        (one, three, last),
        (theirs, two, three, last),
        (one, two, three, last, last),
        (one, two, last, three),
    ):
        assert refused(head + b"".join(chunks)) == RefusalCode.BACKUP_ALTERED


@pytest.mark.parametrize(
    ("sealed", "code"),
    [
        (b"", RefusalCode.BACKUP_UNREADABLE),
        (b"PGDMP" * 100, RefusalCode.BACKUP_UNREADABLE),
        (b"cme-gateway-backup 2\n{}\n", RefusalCode.BACKUP_NEWER),
        (backup_file.FIRST_LINE + b"{}\n", RefusalCode.BACKUP_UNREADABLE),
        (backup_file.FIRST_LINE + b"x" * 10_000, RefusalCode.BACKUP_UNREADABLE),
    ],
)
def test_what_is_no_backup_is_refused(sealed: bytes, code: RefusalCode) -> None:
    assert refused(sealed) == code


def test_another_passphrase_and_a_header_that_says_another_thing_are_refused() -> None:
    sealed = seal(b"abc")
    assert refused(sealed, b"another passphrase of some length") == RefusalCode.BACKUP_PASSPHRASE
    assert refused(sealed.replace(b'"333"', b'"885"', 1)) == RefusalCode.BACKUP_PASSPHRASE
    dear = sealed.replace(b'"n":64', b'"n":%d' % 2**40, 1)
    assert dear != sealed
    assert refused(dear) == RefusalCode.BACKUP_UNREADABLE


def test_a_short_passphrase_makes_no_backup() -> None:
    with pytest.raises(Refusal) as why:
        BackupSealer(replace(HEADER, authority="885"), b"short", lambda _: None)
    assert why.value.code == RefusalCode.BACKUP_WEAK_PASSPHRASE


def test_two_backups_of_the_same_have_nothing_in_common() -> None:
    one, two = seal(b"a" * 100), seal(b"a" * 100)
    assert one[begin_of_chunks(one) :] != two[begin_of_chunks(two) :]
