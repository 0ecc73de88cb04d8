"""Whether a program that a test runs is installed: `tests/needs.tsv` lists them, and `tests/install-needs` installs
them.

A test whose program is missing is skipped with that reason. Where CI is set, everything must be there, and the test
fails. A program that is there and does not start is a failure everywhere.
"""

import os
import resource
import shutil
from functools import cache
from glob import glob
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("needs.tsv")


@cache
def read_list() -> dict[str, tuple[tuple[str, ...], str]]:
    """By name: the commands and patterns of files that must be there, and the Debian packages that bring them."""
    rows = [line.split("\t") for line in LIST.read_text().splitlines() if not line.startswith("#")]
    return {name: (tuple(places.split()), packages) for name, places, packages in rows}


def is_installed(name: str) -> bool:
    """Is everything of it there?"""
    places, _ = read_list()[name]
    return all(_is_there(place) if place.startswith("/") else shutil.which(place) for place in places)


def _is_there(pattern: str) -> bool:
    """Is there such a file? One that is empty, or an empty folder, is none: somebody has laid it over
    what was there.
    """
    found = [Path(one) for one in sorted(glob(pattern))]
    return bool(found) and (any(found[-1].iterdir()) if found[-1].is_dir() else found[-1].stat().st_size > 0)


def need(*names: str) -> None:
    """Skip the test that asks where one of these is missing; fail it where CI is set."""
    for name in names:
        if not is_installed(name):
            unavailable(f"{name} is not installed (Debian: apt-get install {read_list()[name][1]})")


def need_descriptors(count: int) -> None:
    """Skip the test that asks where a process may not open so many files at once; fail it where CI is set."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        unavailable(f"a process may open {hard} files here, and this test opens {count}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def unavailable(reason: str) -> None:
    """Skip the test that asks, for something that this machine lacks; fail it where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must be able to run this: {reason}")
    pytest.skip(reason)
