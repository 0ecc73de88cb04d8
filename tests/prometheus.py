"""Debian's Prometheus, started by a test, scraping one target."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.conftest import free_port
from tests.needs import need

RULES = Path(__file__).parents[1] / "docs" / "monitoring" / "alerts.yml"


class Prometheus:
    """What it answers."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/api/v1"

    def ask(self, path: str, **said: str) -> Any:
        """One question to its API; None while it does not answer."""
        try:
            with urlopen(f"{self.url}/{path}?{urlencode(said)}", timeout=5) as answer:  # noqa: S310 - ours
                return json.load(answer)["data"]
        except (URLError, ConnectionError, TimeoutError):
            return None

    def up(self) -> bool:
        """Has it scraped its target, and was that well?"""
        found = self.ask("targets")
        return bool(found and [one for one in found["activeTargets"] if one["health"] == "up"])


@contextmanager
def scraping(folder: Path, target: int) -> Iterator[Prometheus]:
    """A server that scrapes this port every second, as docs/monitoring says."""
    need("Prometheus")
    port = free_port()
    (folder / "prometheus.yml").write_text(
        f"rule_files: [{RULES}]\nscrape_configs:\n  - job_name: cme-gateway\n    scrape_interval: 1s\n"
        f'    static_configs: [{{targets: ["127.0.0.1:{target}"]}}]\n'
    )
    words = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield Prometheus(port)
        finally:
            process.terminate()
            process.wait(30)
