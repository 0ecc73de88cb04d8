"""Metrics, their table, the alert rules, the dashboard and the words about them say the same; the
real promtool agrees.
"""

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.core.health import DatabaseHealth, DiskHealth, Health, LogHealth
from gateway.monitoring import metrics
from tests.needs import need

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "monitoring"
RULES, TESTS, WORDS = ((FOLDER / name).read_text() for name in ("alerts.yml", "alerts_test.yml", "README.md"))
NAME = re.compile(r"cme_gateway_[a-z0-9_]+")
EMPTY = Health(
    authority="333",
    at=datetime(2026, 11, 24, tzinfo=UTC),
    partners=(),
    expiries=(),
    disk=DiskHealth(1, 1),
    database=DatabaseHealth("", 1, current=True),
    folders=(),
    mailboxes=(),
    index=None,
    loops=(),
    log=LogHealth(0, 0, None, ()),
)


def exposed() -> dict[str, str]:
    """Every metric that there may be, and what it says."""
    families = list(metrics.list_families(EMPTY))
    return {f"{one.name}_total" if one.type == "counter" else one.name: one.documentation for one in families}


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
    return found


def asked() -> set[str]:
    """Every metric for which the dashboard or a rule asks."""
    targets = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    rules = RULES.replace("cme-gateway", "")
    return {name for text in (*targets, rules) for name in NAME.findall(text)}


def promtool(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    need("Prometheus")
    return subprocess.run(["promtool", *words], cwd=FOLDER, input=text, capture_output=True, text=True, timeout=60)


def test_every_metric_stands_in_the_table_and_no_other() -> None:
    table = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    told = set(NAME.findall(table))
    assert len(told) > 30
    assert told == exposed().keys()


def test_rules_and_dashboard_ask_only_for_metrics_that_there_are() -> None:
    assert len(asked()) > 30
    assert asked() - exposed().keys() == set()


def test_every_metric_is_shown_or_watched() -> None:
    assert exposed().keys() - asked() == set()


def test_every_alert_is_explained_and_tried() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", RULES))
    assert len(alerts) > 15
    assert alerts == set(re.findall(r"^\| ([A-Z]\w+) \|", WORDS, re.MULTILINE))
    assert alerts == set(re.findall(r'alertname="(\w+)"', TESTS))


def test_every_alert_has_the_severity_that_is_told() -> None:
    said = dict(re.findall(r"- alert: (\w+).*?severity: (\w+)", RULES, re.DOTALL))
    assert said == dict(re.findall(r"^\| ([A-Z]\w+) \| (\w+) \|", WORDS, re.MULTILINE))


def test_promtool_finds_the_rules_right() -> None:
    done = promtool("check", "rules", "alerts.yml")
    assert done.returncode == 0, done.stderr
    assert "rules found" in done.stdout


def test_each_rule_fires_on_what_it_is_for_and_on_nothing_else() -> None:
    done = promtool("test", "rules", "alerts_test.yml")
    assert done.returncode == 0, done.stderr + done.stdout


def test_metrics_are_named_as_prometheus_wants() -> None:
    done = promtool("check", "metrics", text=metrics.render_metrics(EMPTY).decode())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_dashboard_takes_any_data_source_and_has_no_panel_twice() -> None:
    found = dashboard()
    panels = found["panels"]
    assert found["schemaVersion"] >= 39
    assert [one["name"] for one in found["templating"]["list"]] == ["datasource", "instance"]
    assert {one["datasource"]["uid"] for panel in panels for one in (panel, *panel["targets"])} == {"${datasource}"}
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(x, y) for panel in panels for x, y in squares(panel["gridPos"])]
    assert len(set(places)) == len(places)


def squares(place: dict[str, int]) -> list[tuple[int, int]]:
    across, down = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
    return [(x, y) for x in across for y in down]
