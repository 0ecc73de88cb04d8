"""The code lists, read from `codes/*.csv`; the first line of each names its source."""

import csv
from functools import cache
from importlib.resources import files


@cache
def list_rows(name: str) -> tuple[dict[str, str], ...]:
    """List the rows of one code list, by column name.

    Args:
        name: of its file in `codes/`, without `.csv`.
    """
    lines = (files("schemas") / "codes" / f"{name}.csv").read_text("utf-8").splitlines()
    return tuple(csv.DictReader(line for line in lines if not line.startswith("#")))


@cache
def get_labels(name: str) -> dict[str, str]:
    """Return code to label, in the order of the list.

    Args:
        name: as for `list_rows`.
    """
    return {row["code"]: row["label"] for row in list_rows(name)}


def authority_name(code: str) -> str | None:
    """Return the name of a local authority of England or Wales, live or ended; None where there never was one.

    Args:
        code: the DfE code, three digits.
    """
    for name in ("authorities_live", "authorities_wales", "authorities_ended"):
        if code in get_labels(name):
            return get_labels(name)[code]
    return None


def is_live(code: str) -> bool:
    """Can a notice be addressed to this authority (its DfE code) today?"""
    return code in get_labels("authorities_live") or code in get_labels("authorities_wales")


@cache
def _by_gss_code() -> dict[str, str]:
    return {
        row["gss_code"]: row["code"] for name in ("authorities_live", "authorities_wales") for row in list_rows(name)
    }


@cache
def _replaced() -> dict[str, str]:
    return {row["code"]: row["successor"] for row in list_rows("authorities_replaced")}


def authority_of(gss_code: str) -> str | None:
    """Return the DfE code of the live authority that ONS knows, or knew before, by a GSS code.

    None where it is none for education.

    Args:
        gss_code: as E10000034.
    """
    while gss_code not in _by_gss_code() and gss_code in _replaced():
        gss_code = _replaced()[gss_code]
    return _by_gss_code().get(gss_code)


@cache
def list_regions() -> dict[str, frozenset[str]]:
    """Return the DfE codes of the live authorities of each region of England, and of Wales, by the region's name."""
    by_region: dict[str, set[str]] = {}
    for row in list_rows("authorities_live"):
        by_region.setdefault(row["region"], set()).add(row["code"])
    return {name: frozenset(those) for name, those in by_region.items()} | {
        "Wales": frozenset(get_labels("authorities_wales"))
    }


@cache
def list_grounds(regulations: str) -> frozenset[str]:
    """Return the letters of the grounds for deletion from the register in the regulations of one year.

    Args:
        regulations: "2006" for SI 2006/1751, regulation 8(1); "2024" for SI 2024/208, regulation 9(1).
    """
    return frozenset(row["code"] for row in list_rows("grounds") if row["regulations"] == regulations)


def find_ground(regulations: str, letter: str) -> str | None:
    """Return what a letter means in the regulations of one year; None where they have no such ground."""
    rows = (row for row in list_rows("grounds") if (row["regulations"], row["code"]) == (regulations, letter))
    return next((row["label"] for row in rows), None)
