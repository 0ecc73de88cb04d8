"""Here the disk and the passphrase cost what they cost in the product: when a process dies depends on both."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _as_in_the_product(real_costs: None) -> None:
    pass


@pytest.fixture
def tmp_path(disk_path: Path) -> Path:
    """On the disk, not in memory."""
    return disk_path
