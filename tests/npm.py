"""Node's packages, pinned with their digests in a package-lock.json, and installed once into pytest's cache."""

import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

from tests.needs import need, unavailable

INSTALL_SECONDS = 90


def installed(pins: Path, cache: Path) -> Path:
    """A folder with the packages that are pinned in this one, named after the pins, so that a change
    makes a new one.
    """
    need("Node")
    folder = cache / sha256((pins / "package-lock.json").read_bytes()).hexdigest()[:16]
    if folder.exists():
        return folder
    fresh = Path(tempfile.mkdtemp(dir=cache))
    for name in ("package.json", "package-lock.json"):
        shutil.copy(pins / name, fresh)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    run = subprocess.run(command, cwd=fresh, capture_output=True, timeout=INSTALL_SECONDS, check=False)
    if run.returncode:
        unavailable("npm could not install the pinned packages")
    try:
        fresh.rename(folder)
    except OSError:
        # Another test process was quicker, and its folder is as good.
        shutil.rmtree(fresh)
    return folder
