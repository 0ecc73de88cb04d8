"""Here the disk costs what it costs in the product: when a process dies depends on it."""

from pathlib import Path

import pytest


@pytest.fixture
def tmp_path(disk_path: Path) -> Path:
    """On the disk, not in memory."""
    return disk_path
