"""A refusal has a code, a sentence for a person, and a next step; and all three are documented."""

from pathlib import Path

import pytest

from keys import errors
from keys.errors import ALL, BY_CODE, Refusal

README = (Path(__file__).parents[3] / "keys" / "README.md").read_text("utf-8")


def test_codes_are_unique() -> None:
    assert len(BY_CODE) == len(ALL)
    assert "" not in BY_CODE


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: refusal.code)
def test_a_person_can_read_it_and_knows_what_to_do(refusal: type[Refusal]) -> None:
    sentence = refusal().sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert refusal.next_step.endswith(".")


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: refusal.code)
def test_readme_has_the_code_the_sentence_and_the_next_step(refusal: type[Refusal]) -> None:
    later = "later" if not refusal.lasting else "never"
    assert f"| `{refusal.code}` | {refusal().sentence} | {refusal.next_step} | {later} |" in README


def test_detail_is_shown_after_the_sentence() -> None:
    assert str(errors.UnknownKey("no sealing key")) == f"{errors.UnknownKey().sentence} (no sealing key)"


def test_what_a_newer_card_may_heal_does_not_last() -> None:
    passing = {refusal.code for refusal in ALL if not refusal.lasting}
    assert {"key.unknown", "key.not-yet", "card.expired", "card.unknown-authority"} <= passing
    assert not {"envelope.signature", "key.revoked", "envelope.not-for-us"} & passing
