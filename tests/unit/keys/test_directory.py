"""A directory is whole or refused; which takes the place of which is one rule; two of one version are found."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from keys import card, directory, errors, jose
from keys.algorithms import SIGNING, key_id
from keys.directory import Directory, DirectoryMember, HeldDirectory
from keys.errors import RefusalCode
from tests.refusals import expect_refusal
from tests.unit.keys.parties import NOW, party, seed

SCHEME = "west-midlands"
FIRST, SECOND, THIRD = (Ed25519PrivateKey.from_private_bytes(seed(f"scheme {number}")) for number in (1, 2, 3))
TOKENS = {code: party(code).token() for code in ("330", "333", "885")}
MEMBERS = tuple(DirectoryMember(code, "active", token) for code, token in TOKENS.items())


def public(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes_raw()


def build(private: Ed25519PrivateKey = FIRST, **changed: Any) -> Directory:
    first = Directory(
        SCHEME, "West Midlands", NOW, NOW + timedelta(days=90), public(private), (), (), MEMBERS, cards={}
    )
    return replace(first, **changed)


def sign(private: Ed25519PrivateKey = FIRST, **changed: Any) -> str:
    return directory.write(build(private, **changed), private)


def held(token: str) -> HeldDirectory:
    there = directory.read(token)
    return HeldDirectory(there.scheme, there.key, directory.list_history(there, token))


def judge(token: str, before: HeldDirectory) -> None:
    directory.check_replacement(directory.read(token), token, before, NOW)


WHOLE = sign()


def after(token: str, private: Ed25519PrivateKey = FIRST, **changed: Any) -> str:
    """The next version."""
    return sign(private, earlier=directory.list_history(directory.read(token), token), **changed)


def test_what_was_written_is_read() -> None:
    token = sign(members=(*MEMBERS[:1], replace(MEMBERS[1], status="ended", successor="330"), *MEMBERS[2:]))
    there = directory.read(token)
    assert there.version == 1
    assert directory.write(there, FIRST) == token
    assert {code: it.authority for code, it in there.cards.items()} == {"330": "330", "333": "333", "885": "885"}


def test_a_member_of_what_is_to_come_is_passed_over() -> None:
    claims = jose.read_object(jose.read(directory.KIND, WHOLE).payload) | {"extensions": {"witnesses": [1]}}
    assert directory.read(resign(claims)) == directory.read(WHOLE)


def resign(claims: dict[str, Any], private: Ed25519PrivateKey = FIRST) -> str:
    kid = key_id(SCHEME, "dir", SIGNING, public(private))
    return jose.sign(directory.KIND, json.dumps(claims).encode(), kid=kid, alg=SIGNING, key=private)


@given(st.integers(0, len(WHOLE) - 1), st.characters(min_codepoint=33, max_codepoint=126))
def test_no_character_of_a_directory_can_be_changed(at: int, character: str) -> None:
    altered = WHOLE[:at] + character + WHOLE[at + 1 :]
    if altered != WHOLE:
        with pytest.raises(errors.DirectoryRefused):
            directory.read(altered)


@given(st.integers(0, len(WHOLE) - 1))
def test_a_directory_that_was_cut_is_refused(at: int) -> None:
    with pytest.raises(errors.DirectoryRefused):
        directory.read(WHOLE[:at])


def test_a_text_longer_than_a_directory_may_be_is_not_parsed() -> None:
    with expect_refusal(RefusalCode.DIRECTORY_MALFORMED):
        directory.read("A" * (directory.MAX_DIRECTORY_BYTES + 1))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**12) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
OF_MEMBERS = ("authority", "status", "successor", "card")
NAMED = ("scheme", "name", "version", "iat", "exp", "key", "handovers", "earlier", "members", "extensions", *OF_MEMBERS)


@given(st.sampled_from(NAMED), JSON)
def test_whatever_a_member_says_only_a_refusal_comes_out(name: str, value: object) -> None:
    claims = jose.read_object(jose.read(directory.KIND, WHOLE).payload)
    place = claims["members"][0] if name in OF_MEMBERS else claims
    place[name] = value
    token = resign(claims)
    try:
        there = directory.read(token)
    except errors.DirectoryRefused:
        return
    assert there.scheme == SCHEME


def ended(code: str, to: str | None) -> DirectoryMember:
    return DirectoryMember(code, "ended", TOKENS[code], to)


BAD_MEMBERS: dict[str, tuple[tuple[DirectoryMember, ...], RefusalCode]] = {
    "one authority twice": ((*MEMBERS, MEMBERS[0]), RefusalCode.DIRECTORY_MEMBERS),
    "another's card": ((DirectoryMember("334", "active", TOKENS["333"]),), RefusalCode.DIRECTORY_MEMBERS),
    "a card that was changed": ((DirectoryMember("333", "active", TOKENS["333"][:-1]),), RefusalCode.DIRECTORY_MEMBERS),
    "no card": ((DirectoryMember("333", "active", ""),), RefusalCode.DIRECTORY_MEMBERS),
    "one identity under two codes": (
        (
            MEMBERS[0],
            DirectoryMember(
                "333", "active", card.write(replace(party("330").card, authority="333"), party("330").identity)
            ),
        ),
        RefusalCode.DIRECTORY_MEMBERS,
    ),
    "a code that is none": ((DirectoryMember("W06", "active", TOKENS["333"]),), RefusalCode.DIRECTORY_MALFORMED),
    "a successor of one that goes on": (
        (DirectoryMember("333", "active", TOKENS["333"], "330"),),
        RefusalCode.DIRECTORY_MALFORMED,
    ),
    "a successor of itself": ((ended("333", "333"),), RefusalCode.DIRECTORY_SUCCESSOR),
    "a loop of successors": (
        (ended("333", "330"), ended("330", "885"), ended("885", "333")),
        RefusalCode.DIRECTORY_SUCCESSOR,
    ),
    "a way into a loop": (
        (ended("333", "330"), ended("330", "885"), ended("885", "330")),
        RefusalCode.DIRECTORY_SUCCESSOR,
    ),
}


@pytest.mark.parametrize("case", BAD_MEMBERS)
def test_a_directory_that_contradicts_itself_is_neither_written_nor_read(case: str) -> None:
    members, code = BAD_MEMBERS[case]
    with expect_refusal(code):
        sign(members=members)


@pytest.mark.parametrize("life", [timedelta(0), timedelta(days=-1), directory.MAX_LIFE + timedelta(seconds=1)])
def test_a_life_that_cannot_be_is_refused(life: timedelta) -> None:
    with expect_refusal(RefusalCode.DIRECTORY_MALFORMED):
        sign(expires_at=NOW + life)


def test_a_version_that_is_not_one_more_than_those_before_is_refused() -> None:
    claims = jose.read_object(jose.read(directory.KIND, WHOLE).payload) | {"version": 2}
    with expect_refusal(RefusalCode.DIRECTORY_MALFORMED):
        directory.read(resign(claims))


def test_only_the_key_that_it_names_signs_it() -> None:
    with expect_refusal(RefusalCode.DIRECTORY_SIGNATURE):
        directory.write(build(FIRST), SECOND)


def test_the_successor_is_the_last_of_a_chain() -> None:
    members = (ended("333", "330"), ended("330", "885"), MEMBERS[2])
    assert directory.find_successor(members, "333") == "885"
    assert directory.find_successor(members, "885") is None


def test_the_next_version_and_one_after_a_gap_take_its_place() -> None:
    second = after(WHOLE)
    third = after(second)
    assert [directory.read(it).version for it in (second, third)] == [2, 3]
    judge(second, held(WHOLE))
    judge(third, held(WHOLE))
    # The same again.
    judge(WHOLE, held(WHOLE))


OTHER_FIRST = sign(name="For somebody else")
REFUSED: dict[str, tuple[Callable[[], str], RefusalCode]] = {
    "of another scheme": (lambda: sign(scheme="north-east"), RefusalCode.DIRECTORY_OTHER_SCHEME),
    "forged, under another key": (lambda: sign(SECOND), RefusalCode.DIRECTORY_OTHER_KEY),
    "rolled back": (lambda: WHOLE, RefusalCode.DIRECTORY_OLDER),
    "another of the same number": (lambda: after(WHOLE, name="Other"), RefusalCode.DIRECTORY_FORK),
    "an older one that is another": (lambda: OTHER_FIRST, RefusalCode.DIRECTORY_FORK),
    "newer, after another first": (lambda: after(after(OTHER_FIRST)), RefusalCode.DIRECTORY_FORK),
    "expired": (
        lambda: after(after(WHOLE), created_at=NOW - timedelta(days=9), expires_at=NOW),
        RefusalCode.DIRECTORY_EXPIRED,
    ),
    "from the future": (
        lambda: after(after(WHOLE), created_at=NOW + timedelta(minutes=6)),
        RefusalCode.DIRECTORY_FROM_THE_FUTURE,
    ),
    "handed over by a key that never was the scheme's": (
        lambda: sign(SECOND, handovers=(directory.write_handover(SCHEME, THIRD, public(SECOND)),)),
        RefusalCode.DIRECTORY_OTHER_KEY,
    ),
    "handed over in another scheme": (
        lambda: sign(SECOND, handovers=(directory.write_handover("north-east", FIRST, public(SECOND)),)),
        RefusalCode.DIRECTORY_OTHER_KEY,
    ),
    "a handover that is none": (lambda: sign(SECOND, handovers=("e30.e30.e30",)), RefusalCode.DIRECTORY_OTHER_KEY),
}


def test_the_cards_of_a_stranger_are_not_read() -> None:
    """They cost most: whoever signs with a key of their own is refused before that."""
    claims = jose.read_object(jose.read(directory.KIND, WHOLE).payload)
    claims |= {"members": [{"authority": "333", "status": "active", "successor": None, "card": "none"}]}
    theirs = claims | {"key": jose.encode(public(SECOND))}
    with expect_refusal(RefusalCode.DIRECTORY_OTHER_KEY):
        directory.read(resign(theirs, SECOND), held(WHOLE))
    with expect_refusal(RefusalCode.DIRECTORY_OTHER_SCHEME):
        directory.read(sign(scheme="north-east"), held(WHOLE))
    with expect_refusal(RefusalCode.DIRECTORY_MEMBERS):
        directory.read(resign(claims), held(WHOLE))


@pytest.mark.parametrize("case", REFUSED)
def test_what_may_not_take_its_place_is_refused(case: str) -> None:
    make, code = REFUSED[case]
    with expect_refusal(code):
        judge(make(), held(after(WHOLE)))


def test_a_new_key_counts_once_the_old_one_has_handed_over_and_the_old_one_then_counts_no_more() -> None:
    hand_overs = (
        directory.write_handover(SCHEME, FIRST, public(SECOND)),
        directory.write_handover(SCHEME, SECOND, public(THIRD)),
    )
    second = after(WHOLE, SECOND, handovers=hand_overs[:1])
    third = after(second, THIRD, handovers=hand_overs)
    judge(second, held(WHOLE))
    judge(third, held(second))
    # Whoever missed one follows all of them.
    judge(third, held(WHOLE))
    with expect_refusal(RefusalCode.DIRECTORY_OTHER_KEY):
        judge(after(third, FIRST), held(third))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=6), st.data())
def test_two_histories_agree_where_one_keeper_wrote_one_after_the_other(
    steps: list[tuple[bool, int]], data: st.DataObject
) -> None:
    """A keeper that only ever goes on from its newest is never found out; one that goes on from an older one always."""
    histories: list[tuple[str, ...]] = [("a",)]
    forked = False
    for number, (honest, back) in enumerate(steps):
        before = histories[-1] if honest else histories[max(0, len(histories) - 1 - back)]
        forked = forked or before != histories[-1]
        histories.append((*before, f"{number}"))
    pairs = [(one, other) for one in histories for other in histories]
    assert any(directory.find_fork(one, other) is not None for one, other in pairs) == forked
    one, other = data.draw(st.sampled_from(pairs))
    assert directory.find_fork(one, other) == directory.find_fork(other, one)
