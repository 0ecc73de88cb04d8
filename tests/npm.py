"""Node's packages, pinned with their digests in a package-lock.json, and installed once into pytest's cache.

Without Node a test that needs them is skipped on a developer's machine; a build server (which sets CI) must have it.
"""

import os
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest

INSTALL_SECONDS = 90


def without(reason: str) -> None:
    """Skip, but not where everything must be there."""
    if os.environ.get("CI"):
        pytest.fail(f"the build server must be able to run this: {reason}")
    pytest.skip(reason)


def installed(pins: Path, cache: Path) -> Path:
    """A folder with the packages that are pinned in this one, named after the pins, so that a change makes a new one."""
    if not (shutil.which("node") and shutil.which("npm")):
        without("node and npm are not installed")
    folder = cache / sha256((pins / "package-lock.json").read_bytes()).hexdigest()[:16]
    if folder.exists():
        return folder
    fresh = Path(tempfile.mkdtemp(dir=cache))
    for name in ("package.json", "package-lock.json"):
        shutil.copy(pins / name, fresh)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    run = subprocess.run(command, cwd=fresh, capture_output=True, timeout=INSTALL_SECONDS, check=False)
    if run.returncode:
        without("npm could not install the pinned packages")
    try:
        fresh.rename(folder)
    except OSError:  # another test process was quicker, and its folder is as good
        shutil.rmtree(fresh)
    return folder
