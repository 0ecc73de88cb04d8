"""What a gateway made of the files that it took from a folder, as it lies in its home."""

import csv
import json
from pathlib import Path


def places(home: Path, kind: str, place: str = "done", name: str = "") -> list[Path]:
    """Where the files of this kind lie, the oldest first; of one name, if it is said."""
    found = sorted((home / "taken-in" / kind / place).iterdir(), key=lambda one: one.stat().st_ctime_ns)
    return [one for one in found if not name or json.loads((one / "about.json").read_text())["name"] == name]


def text_of(home: Path, kind: str, place: str = "done", name: str = "") -> str:
    """The newest report, as text."""
    return (places(home, kind, place, name)[-1] / "report.csv").read_text("utf-8-sig")


def rows_of(home: Path, kind: str, place: str = "done", name: str = "") -> list[dict[str, str]]:
    """The newest report, row by row."""
    return list(csv.DictReader(text_of(home, kind, place, name).splitlines()))
