"""Sandwell sends, Worcestershire receives, Birmingham is somebody else."""

import pytest

from keys.trust import Trust
from tests.unit.keys.parties import Party, party, trust_in


@pytest.fixture(scope="session")
def sandwell() -> Party:
    return party("333")


@pytest.fixture(scope="session")
def worcestershire() -> Party:
    return party("885")


@pytest.fixture(scope="session")
def birmingham() -> Party:
    return party("330")


@pytest.fixture(scope="session")
def trust(sandwell: Party, worcestershire: Party, birmingham: Party) -> Trust:
    return trust_in(sandwell, worcestershire, birmingham)
