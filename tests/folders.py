"""One look of a gateway into a folder, and what it made of the files that it took, as it lies in its home."""

import csv
import json
from pathlib import Path

from gateway.context import Gateway
from gateway.one import import_results, leavers_folder, watched_folder
from gateway.searches import children_index


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


async def take_in_leavers(gw: Gateway, folder: Path) -> int:
    """One look into a folder of leavers files: how many were taken."""
    return await watched_folder.take_in(gw, folder, leavers_folder.WATCHED)


async def take_in_answers(gw: Gateway, folder: Path) -> int:
    """One look into a folder of import results: how many were taken."""
    return await watched_folder.take_in(gw, folder, import_results.WATCHED)


async def take_in_children(gw: Gateway, folder: Path) -> int:
    """One look into a folder of extracts of all children: how many were taken."""
    return await watched_folder.take_in(gw, folder, children_index.WATCHED)
