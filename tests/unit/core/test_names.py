"""Names as they are compared: what is one name in two spellings, and what is two names."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.names import Likeness, compare_names, name_sound, normalise_name


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("O'Brien", "OBrien", Likeness.SAME),
        ("Testchild-Example", "testchild example", Likeness.SAME),
        ("Zoë", "Zoe", Likeness.SAME),
        ("Łukasz", "Lukasz", Likeness.SAME),
        ("Mohammed", "Muhammad", Likeness.SOUND),
        ("Yusuf", "Youssef", Likeness.SOUND),
        ("Oleksandr", "Aleksander", Likeness.SOUND),
        ("Hussain", "Husein", Likeness.SOUND),
        ("Chowdhury", "Choudhry", Likeness.SOUND),
        ("Clark", "Clarke", Likeness.SOUND),
        ("Elizabeth", "Lizzie", Likeness.NICKNAME),
        ("Testchild-Example", "Example", Likeness.PART),
        ("Harrison", "Hartison", Likeness.SLIP),
        ("Katherine", "K", Likeness.INITIAL),
        ("Umar", "Ali", Likeness.OTHER),
        ("Ada", "Ben", Likeness.OTHER),
    ],
)
def test_how_near_two_names_are(one: str, other: str, how: Likeness) -> None:
    assert compare_names(normalise_name(one), normalise_name(other)) is how
    assert compare_names(normalise_name(other), normalise_name(one)) is how


@given(st.text(max_size=40), st.text(max_size=40))
# A capital only once it is taken apart.
@example("\u1d2c", "a")
def test_any_two_names_can_be_compared_either_way_round(one: str, other: str) -> None:
    one, other = normalise_name(one), normalise_name(other)
    assert normalise_name(one) == one
    assert name_sound(one) == name_sound(one.replace(" ", ""))
    if one and other:
        assert compare_names(one, other) is compare_names(other, one)
