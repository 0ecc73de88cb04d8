"""A card is whole or refused; which card replaces which is one rule."""

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keys import card, errors, jose
from keys.algorithms import SIGNING, key_id
from keys.card import CardContact, Route
from keys.errors import RefusalCode
from tests.frozen import card_reader_0_2
from tests.refusals import expect_refusal
from tests.unit.keys.parties import NOW, Party, party


def test_what_was_written_is_read(sandwell: Party) -> None:
    full = replace(
        sandwell.card,
        name="Bro Morgannwg / Y Fêl Ynys",
        routes=(Route("https", "https://cme.example/", "sealed", "MIIB"), Route("email", "a@b.example", "notify-only")),
        contacts=(CardContact("cme-officer", "Zoë", "", ""),) * 3,
        mash=None,
        schema_versions=("1", "1.1"),
    )
    assert card.read(card.write(full, sandwell.identity)) == full


def test_a_card_without_its_versions_is_refused(sandwell: Party) -> None:
    claims = jose.read_object(jose.read(card.KIND, card.write(sandwell.card, sandwell.identity)).payload)
    del claims["schema_versions"]
    kid = key_id("333", "id", SIGNING, sandwell.card.identity)
    token = jose.sign(card.KIND, json.dumps(claims).encode(), kid=kid, alg=SIGNING, key=sandwell.identity)
    with expect_refusal(RefusalCode.CARD_MALFORMED):
        card.read(token)


def test_only_its_own_identity_key_signs_a_card(sandwell: Party, birmingham: Party) -> None:
    with expect_refusal(RefusalCode.CARD_SIGNATURE):
        card.write(sandwell.card, birmingham.identity)


def test_a_card_that_partners_would_refuse_is_not_written(sandwell: Party) -> None:
    with expect_refusal(RefusalCode.CARD_MALFORMED):
        card.write(replace(sandwell.card, name="two\nlines"), sandwell.identity)


def test_fingerprint_is_forty_digits_that_two_people_can_read(sandwell: Party, birmingham: Party) -> None:
    shown = card.compute_fingerprint(sandwell.card)
    groups = shown.split(" ")
    assert [len(group) for group in groups] == [5] * 8
    assert all(group.isdecimal() for group in groups)
    assert shown != card.compute_fingerprint(birmingham.card)
    assert shown == card.compute_fingerprint(replace(sandwell.card, serial=99, keys=()))


def test_a_token_longer_than_a_card_may_be_is_not_parsed() -> None:
    with expect_refusal(RefusalCode.CARD_MALFORMED):
        card.read("A" * (card.MAX_CARD_BYTES + 1))


@given(st.one_of(st.text(max_size=200), st.text("eyJ.hbGciOi_-", max_size=200)))
@example("\ud800")
@example("..")
@example("e30.e30.")
def test_arbitrary_text_is_refused(token: str) -> None:
    with pytest.raises(errors.Refusal):
        card.read(token)


WHOLE = party("333").token()


@given(st.integers(0, len(WHOLE) - 1), st.characters(min_codepoint=33, max_codepoint=126))
def test_no_character_of_a_card_can_be_changed(at: int, character: str) -> None:
    altered = WHOLE[:at] + character + WHOLE[at + 1 :]
    if altered != WHOLE:
        with pytest.raises(errors.CardRefused):
            card.read(altered)


def test_newer_card_replaces(sandwell: Party) -> None:
    newer = replace(sandwell.card, serial=sandwell.card.serial + 1)
    card.check_replacement(newer, sandwell.card, NOW)
    with pytest.raises(errors.CardRefused):
        card.check_replacement(sandwell.card, newer, NOW)


def signed_claims(owner: Party, **changed: object) -> str:
    """Its card with these claims besides, or in place of its own; signed, whatever they are."""
    claims = jose.read_object(jose.read(card.KIND, owner.token()).payload) | changed
    kid = key_id(owner.card.authority, "id", SIGNING, owner.card.identity)
    return jose.sign(card.KIND, json.dumps(claims).encode(), kid=kid, alg=SIGNING, key=owner.identity)


def test_a_card_that_says_nothing_new_is_read_by_the_reader_of_before(sandwell: Party) -> None:
    routes = (*sandwell.card.routes, replace(sandwell.card.routes[0], certificate="bmV4dA=="))
    two_certificates = card.write(replace(sandwell.card, routes=routes), sandwell.identity)
    for token in (sandwell.token(), two_certificates):
        assert card_reader_0_2.read_card(token)["serial"] == sandwell.card.serial
        assert "extensions" not in jose.read_object(jose.read(card.KIND, token).payload)
    with pytest.raises(card_reader_0_2.Refused):
        card_reader_0_2.read_card(signed_claims(sandwell, extensions={}))


def test_what_is_to_come_is_ignored_and_the_signature_covers_it(sandwell: Party) -> None:
    news = {"to-come": {"deep": [1, None, "text"]}, "another": True}
    token = signed_claims(sandwell, extensions=news)
    assert card.read(token) == replace(sandwell.card, extensions=news)
    assert replace(card.read(token), extensions={}) == sandwell.card
    assert card.write(card.read(token), sandwell.identity) == token
    head, body, tail = token.split(".")
    altered = jose.encode(jose.decode(body).replace(b"to-come", b"to-comf"))
    with expect_refusal(RefusalCode.CARD_SIGNATURE):
        card.read(f"{head}.{altered}.{tail}")


@pytest.mark.parametrize(
    "extensions",
    [None, [], "x", 1, {"a b": 1}, {"": 1}, {"../x": 1}, {f"x{number}": 1 for number in range(33)}],
)
def test_extensions_have_names_and_an_end(sandwell: Party, extensions: object) -> None:
    with expect_refusal(RefusalCode.CARD_MALFORMED):
        card.read(signed_claims(sandwell, extensions=extensions))


def test_any_other_new_member_is_refused_by_both(sandwell: Party) -> None:
    token = signed_claims(sandwell, more={})
    with expect_refusal(RefusalCode.CARD_MALFORMED):
        card.read(token)
    with pytest.raises(card_reader_0_2.Refused):
        card_reader_0_2.read_card(token)


def test_a_serial_stands_for_one_card(sandwell: Party) -> None:
    with expect_refusal(RefusalCode.CARD_OLDER):
        card.check_replacement(sandwell.card, sandwell.card, NOW)
    with expect_refusal(RefusalCode.CARD_SERIAL_REUSED):
        card.check_replacement(replace(sandwell.card, name="Another"), sandwell.card, NOW)
