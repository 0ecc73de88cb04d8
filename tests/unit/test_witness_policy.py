"""Files in the format of C2SP tlog-policy: which witnesses are believed, and how many must have signed."""

from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigProblem
from gateway.settings.witness_policy import parse_policy
from keys.cosignature import WitnessKey
from tests.outside_witness import Witness

NAMES = ("x1", "x2", "x3", "y1", "y2", "y3")
KEYS = {name: Witness(f"{name}.example") for name in NAMES}
LINES = "".join(f"witness {name} {KEYS[name].vkey} https://{name}.example/w\n" for name in NAMES)
# The example of the specification: two of the one organisation's, and any of the other's.
TWO_AND_ANY = (
    "# two organisations\n\n"
    f"log cme-gateway/333+00000000+AAAA\n{LINES}"
    "group X-witnesses 2 x1 x2 x3\n group\tY-witnesses any y1  y2 y3 \n"
    "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
)


def keys_of(*names: str) -> list[WitnessKey]:
    policy = parse_policy(TWO_AND_ANY, "witnesses.txt")
    return [one.key for one in policy.witnesses if one.name in names]


def test_the_quorum_of_the_specifications_example() -> None:
    policy = parse_policy(TWO_AND_ANY, "witnesses.txt")
    assert [one.url for one in policy.witnesses][:1] == ["https://x1.example/w"]
    for names in chain.from_iterable(combinations(NAMES, count) for count in range(len(NAMES) + 1)):
        enough = sum(name in names for name in NAMES[:3]) >= 2 and any(name in names for name in NAMES[3:])
        assert policy.is_met_by(keys_of(*names)) is enough, names


def test_none_is_met_by_nobody() -> None:
    assert parse_policy(f"{LINES}quorum none\n", "witnesses.txt").is_met_by([])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (LINES, 7),
        ("quorum nobody\n", 1),
        (f"{LINES}quorum x1\nquorum x2\n", 8),
        (f"{LINES}witness x1 {Witness('z').vkey}\nquorum x1\n", 7),
        (f"{LINES}witness z {KEYS['x1'].vkey}\nquorum x1\n", 7),
        (f"{LINES}witness none {Witness('z').vkey}\nquorum x1\n", 7),
        (f"{LINES}witness z http://z.example\nquorum x1\n", 7),
        (f"{LINES}witness z {Witness('z').vkey} http://z.example\nquorum x1\n", 7),
        (f"{LINES}group g 3 x1 x2\nquorum g\n", 7),
        (f"{LINES}group g 0 x1 x2\nquorum g\n", 7),
        (f"{LINES}group g any\nquorum g\n", 7),
        (f"{LINES}group g any x1 x1\nquorum g\n", 7),
        (f"{LINES}group g any x1\ngroup h any x1 x2\nquorum h\n", 8),
        (f"{LINES}group g any g\nquorum g\n", 7),
        (f"{LINES}group g ² x1 x2\nquorum g\n", 7),
        (f"{LINES}quorum none x1\n", 7),
        ("wibble\n", 1),
    ],
)
def test_a_wrong_line_is_named(text: str, line: int) -> None:
    with pytest.raises(ConfigProblem) as caught:
        parse_policy(text, "witnesses.txt")
    assert f"line {line} is wrong" in caught.value.sentence


@given(
    st.lists(st.sampled_from(["log", "witness", "group", "quorum", "none", "any", "all", "x1", "x2", "1", "\n", "#"]))
)
def test_any_other_file_is_refused_in_words_or_read(words: list[str]) -> None:
    try:
        policy = parse_policy(LINES + " ".join(words), "witnesses.txt")
    except ConfigProblem as why:
        assert why.code == "config.witness-policy"  # noqa: PT017 - either may happen
    else:
        assert len(policy.witnesses) == len(NAMES)
