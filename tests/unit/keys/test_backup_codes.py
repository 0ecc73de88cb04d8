"""Backup codes: ten, unlike each other, and read however they are typed."""

import pytest

from keys.backup_codes import format_code, new_codes, read_code


def test_ten_codes_are_made_and_no_set_is_like_another() -> None:
    first, second = new_codes(), new_codes()
    assert len(set(first) | set(second)) == 20
    assert all(read_code(format_code(code)) == code for code in first)


@pytest.mark.parametrize("typed", ["", "123456", "1234567890123", "12345678901a", "\u0661" * 12, "123456789012\n34"])
def test_what_has_not_the_form_of_a_code_is_none(typed: str) -> None:
    assert read_code(typed) is None


@pytest.mark.parametrize("typed", ["012345678901", " 0123 4567 8901 ", "0123-4567-8901"])
def test_spaces_and_hyphens_do_not_count(typed: str) -> None:
    assert read_code(typed) == "012345678901"
