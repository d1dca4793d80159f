"""The alert rules under promtool: each fires and keeps silent as alerts_test.yaml says, and a broken rule would be found."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.monitoring.conftest import MONITORING, ROOT

CASES = Path(__file__).parent / "alerts_test.yaml"
RULES: dict[str, Any] = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))
RUNBOOK = (ROOT / "cluster" / "runbook.md").read_text(encoding="utf-8")
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule}


def run_cases(promtool: str, folder: Path, rules: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(CASES, folder / CASES.name)
    (folder / "alerts.yaml").write_text(rules, encoding="utf-8")
    return subprocess.run([promtool, "test", "rules", str(folder / CASES.name)], capture_output=True, text=True, timeout=60)


def test_every_alert_fires_and_keeps_silent(promtool: str, tmp_path: Path) -> None:
    done = run_cases(promtool, tmp_path, (MONITORING / "alerts.yaml").read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("broken", ["vector(1)", "vector(0) > 1"])
@pytest.mark.parametrize("alert", ALERTS)
def test_a_rule_that_always_or_never_fires_would_be_found(promtool: str, tmp_path: Path, alert: str, broken: str) -> None:
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            if rule.get("alert") == alert:
                rule["expr"] = broken
    done = run_cases(promtool, tmp_path, yaml.safe_dump(rules))
    assert done.returncode != 0
    assert alert in done.stdout + done.stderr


def test_every_alert_has_both_cases() -> None:
    """Also without promtool: an alert that is added needs a case in which it fires and one in which it does not."""
    fires: dict[str, set[bool]] = {alert: set() for alert in ALERTS}
    for case in yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]:
        for check in case["alert_rule_test"]:
            fires[check["alertname"]].add(bool(check["exp_alerts"]))
    assert fires == {alert: {True, False} for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_how_bad_it_is_and_where_its_runbook_is(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"].endswith(".")
    file, _, anchor = rule["annotations"]["runbook"].partition("#")
    text = (ROOT / file).read_text(encoding="utf-8")
    section = sections(text)[anchor]
    assert f"`{alert}`" in section
    assert "```" in section, "a section shows the command"
    assert re.search(r"\*\*Expected time\*\*: .*\d", section)


def test_links_inside_the_runbook_lead_somewhere() -> None:
    assert set(re.findall(r"\]\(#([a-z-]+)\)", RUNBOOK)) <= set(sections(RUNBOOK))


def sections(markdown: str) -> dict[str, str]:
    """Sections of the second level by their anchors."""
    parts = re.split(r"^## (.+)$", markdown, flags=re.MULTILINE)
    return {
        re.sub(r"[^a-z0-9-]", "", title.lower().replace(" ", "-")): body
        for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_the_configuration_is_valid(promtool: str) -> None:
    done = subprocess.run([promtool, "check", "config", str(MONITORING / "prometheus.yaml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pod_monitors_name_the_ports_of_ray() -> None:
    monitors = list(yaml.safe_load_all((MONITORING / "podmonitor.yaml").read_text(encoding="utf-8")))
    ports = {
        monitor["spec"]["selector"]["matchLabels"]["ray.io/node-type"]: [
            endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]
        ]
        for monitor in monitors
    }
    assert ports == {"head": ["metrics", "as-metrics", "dash-metrics"], "worker": ["metrics"]}
