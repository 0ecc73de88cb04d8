"""Whose key counts, and when."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from keys.card import Card, CardKey
from keys.errors import RefusalCode
from keys.trust import Trust
from tests.refusals import expect_refusal
from tests.unit.keys.parties import NOW, Party

SECOND = timedelta(seconds=1)


def trusting(card: Card, *keys: CardKey) -> Trust:
    return Trust({card.authority: replace(card, keys=keys)})


def test_nobody_is_trusted_by_default() -> None:
    ask: list[Callable[[Trust], object]] = [
        lambda trust: trust.get_card("333"),
        lambda trust: trust.current_card("333", NOW),
        lambda trust: trust.signing_key("333", "333-sig-x", NOW),
        lambda trust: trust.signing_keys("333"),
        lambda trust: trust.sealing_key("333", NOW),
        lambda trust: trust.check_reads("333", "1", NOW),
    ]
    for question in ask:
        with expect_refusal(RefusalCode.CARD_UNKNOWN_AUTHORITY):
            question(Trust({}))


def test_a_card_cannot_stand_under_another_code(sandwell: Party) -> None:
    with pytest.raises(ValueError, match="another authority"):
        Trust({"885": sandwell.card})


def test_signing_key_counts_from_its_first_moment_until_before_its_last(sandwell: Party) -> None:
    sig, _ = sandwell.card.keys
    trust = trusting(sandwell.card, sig)
    assert trust.signing_key("333", sig.kid, sig.not_before).kid == sig.kid
    assert trust.signing_key("333", sig.kid, sig.not_after - SECOND).alg == "EdDSA"
    with expect_refusal(RefusalCode.KEY_NOT_YET):
        trust.signing_key("333", sig.kid, sig.not_before - SECOND)
    with expect_refusal(RefusalCode.KEY_OUT_OF_DATE):
        trust.signing_key("333", sig.kid, sig.not_after)


def test_retired_key_verifies_what_it_signed_and_revoked_key_nothing(sandwell: Party) -> None:
    sig, enc = sandwell.card.keys
    retired = trusting(sandwell.card, replace(sig, status="retired"), enc)
    assert retired.signing_key("333", sig.kid, NOW).kid == sig.kid
    revoked = trusting(sandwell.card, replace(sig, status="revoked"), enc)
    with expect_refusal(RefusalCode.KEY_REVOKED):
        revoked.signing_key("333", sig.kid, NOW)
    assert list(revoked.signing_keys("333")) == []


def test_a_key_has_one_use_and_one_owner(trust: Trust, sandwell: Party, birmingham: Party) -> None:
    sig, enc = sandwell.card.keys
    for authority, kid in (("333", enc.kid), ("330", sig.kid), ("333", "../../x"), ("333", "")):
        with expect_refusal(RefusalCode.KEY_UNKNOWN):
            trust.signing_key(authority, kid, NOW)
    assert trust.get_card("330") == birmingham.card


def test_expired_card_seals_nothing(trust: Trust, sandwell: Party) -> None:
    with expect_refusal(RefusalCode.CARD_EXPIRED):
        trust.sealing_key("333", sandwell.card.expires_at)


def test_sealing_key_is_the_first_that_may_be_used(sandwell: Party, birmingham: Party) -> None:
    _, enc = sandwell.card.keys
    other = replace(birmingham.card.keys[1], kid="second")
    future = replace(enc, not_before=NOW + SECOND)
    assert trusting(sandwell.card, enc, other).sealing_key("333", NOW).kid == enc.kid
    for unusable in (replace(enc, status="retired"), replace(enc, status="revoked"), future):
        assert trusting(sandwell.card, unusable, other).sealing_key("333", NOW).kid == "second"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"status": "retired"}, RefusalCode.KEY_UNKNOWN),
        ({"status": "revoked"}, RefusalCode.KEY_REVOKED),
        ({"not_before": NOW + SECOND}, RefusalCode.KEY_NOT_YET),
        ({"not_after": NOW}, RefusalCode.KEY_OUT_OF_DATE),
    ],
)
def test_why_there_is_no_key_to_seal_to(sandwell: Party, change: dict[str, object], refusal: RefusalCode) -> None:
    sig, enc = sandwell.card.keys
    with expect_refusal(refusal):
        trusting(sandwell.card, sig, replace(enc, **change)).sealing_key("333", NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("listed", [("1",), ("1", "1.1"), ("2", "1")])
def test_a_card_may_list_several_versions_of_which_one_is_enough(sandwell: Party, listed: tuple[str, ...]) -> None:
    trust = Trust({"333": replace(sandwell.card, schema_versions=listed)})
    trust.check_reads("333", "1", NOW)
    with expect_refusal(RefusalCode.CARD_OTHER_VERSION):
        trust.check_reads("333", "3", NOW)


@pytest.mark.parametrize("listed", [("1.1",), ("2", "11"), ()])
def test_a_card_that_does_not_list_the_version_is_refused(sandwell: Party, listed: tuple[str, ...]) -> None:
    with expect_refusal(RefusalCode.CARD_OTHER_VERSION):
        Trust({"333": replace(sandwell.card, schema_versions=listed)}).check_reads("333", "1", NOW)


def test_a_card_that_has_expired_is_told_as_that(sandwell: Party) -> None:
    with expect_refusal(RefusalCode.CARD_EXPIRED):
        Trust({"333": replace(sandwell.card, schema_versions=())}).check_reads("333", "1", sandwell.card.expires_at)
