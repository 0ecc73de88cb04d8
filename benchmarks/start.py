"""How long the command line takes to answer, beside a Python that does nothing, in the same run.

    python -m benchmarks.start

Processor time of whole processes, with their modules compiled: medians of ROUNDS, taken in turn.
"""

import os
import resource
import subprocess
import sys
from importlib.resources import files
from statistics import median

from rich.console import Console
from rich.table import Table

ROUNDS = 15
NOTHING = [sys.executable, "-c", "pass"]


def main() -> None:
    """Measure, and print the table."""
    sample = str(files("schemas") / "samples" / "valid" / "transfer-notice.xml")
    gateway = [sys.executable, "-m", "gateway"]
    commands = {"nothing": NOTHING, "--help": [*gateway, "--help"], "validate": [*gateway, "validate", sample]}
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS + 1):
        for name, command in commands.items():
            taken[name].append(_spend(command))
    # The first round compiles what was not compiled yet.
    spent = {name: median(seconds[1:]) for name, seconds in taken.items()}
    table = Table("Command", "milliseconds", "times a Python that does nothing", box=None, pad_edge=False)
    for name, seconds in spent.items():
        table.add_row(name, f"{seconds * 1000:.0f}", f"{seconds / spent['nothing']:.1f}")
    Console(highlight=False).print(table)


def _spend(command: list[str]) -> float:
    before = _children_seconds()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment)
    return _children_seconds() - before


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
