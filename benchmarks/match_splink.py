"""What splink finds of the same searches, where it is installed beside the gateway, with duckdb and pandas.

Its comparisons are its own for names and dates of birth, rare names weighing more, with sex, postcode and UPN. It
learns how much each says by its own expectation maximisation. A skilled hand would tune it further.
"""

from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from rich.table import Table

from gateway.core.child import ComparedChild
from tests.population import Search

THRESHOLDS = (0.5, 0.2, 0.1, 0.05)
LEAST = 0.01
# Pairs by which it learns how often strangers agree.
PAIRS = 3_000_000
BLOCKS = (
    *(("dob",), ("surname", "forename"), ("upn",), ("postcode",)),
    *(("forename", "month"), ("surname", "month"), ("forename", "day"), ("surname", "day")),
)
TRAINED_BY = (("dob",), ("surname", "forename"))


def is_installed() -> bool:
    """Whether splink can be asked."""
    return all(find_spec(name) for name in ("splink", "duckdb", "pandas"))


def ask_splink(ours: Sequence[ComparedChild], searches: Sequence[Search]) -> Table:
    """Recall and false matches by threshold, of all searches in one batch."""
    shown = list(_predict(ours, [search.child for search in searches], sum(s.meant is not None for s in searches)))
    known = sum(search.meant is not None for search in searches)
    table = Table("splink, threshold", "recall", "false in 100", box=None, pad_edge=False)
    for threshold in THRESHOLDS:
        pairs = {(sought, child) for sought, child, probability in shown if probability >= threshold}
        right = sum((number, search.meant) in pairs for number, search in enumerate(searches))
        table.add_row(f"{threshold}", f"{right / known:.3f}", f"{100 * (len(pairs) - right) / len(searches):.2f}")
    return table


def _predict(
    ours: Sequence[ComparedChild], sought: Sequence[ComparedChild], known: int
) -> Iterable[tuple[int, int, float]]:
    splink, library = import_module("splink"), import_module("splink.comparison_library")
    backend, frames = import_module("splink.backends.duckdb").DuckDBAPI(), import_module("pandas")
    names = [library.NameComparison(n).configure(term_frequency_adjustments=True) for n in ("forename", "surname")]
    exact = [library.ExactMatch(column) for column in ("sex", "postcode", "upn")]
    settings = splink.SettingsCreator(
        link_type="link_only",
        comparisons=[*names, library.DateOfBirthComparison("dob", input_is_string=True), *exact],
        blocking_rules_to_generate_predictions=[splink.block_on(*columns) for columns in BLOCKS],
        probability_two_random_records_match=known / len(ours) / len(sought),
    )
    tables = [
        backend.register(frames.DataFrame(map(_describe_row, range(len(some)), some)), table_name=name)
        for name, some in (("ours", ours), ("sought", sought))
    ]
    linker: Any = splink.Linker(tables, settings, log_level="ERROR")
    linker.training.estimate_u_using_random_sampling(max_pairs=PAIRS, seed=1)
    for columns in TRAINED_BY:
        linker.training.estimate_parameters_using_expectation_maximisation(splink.block_on(*columns))
    predicted = linker.inference.predict(threshold_match_probability=LEAST).as_pandas_dataframe()
    for pair in predicted.to_dict("records"):
        numbers = {pair[f"source_dataset_{side}"]: int(pair[f"unique_id_{side}"]) for side in "lr"}
        yield numbers["sought"], numbers["ours"], pair["match_probability"]


def _describe_row(number: int, child: ComparedChild) -> dict[str, object]:
    dob = child.dob.isoformat()
    return {
        "unique_id": number,
        "surname": child.surname or None,
        "forename": child.forename or None,
        "dob": dob,
        "month": dob[:7],
        "day": dob[5:],
        "sex": child.sex,
        "postcode": child.postcode or None,
        "upn": next((upn for upn in child.upns if upn), None),
    }
