"""Dashboards and alerts name only metrics that exist: ours as exported in code, Ray's as a live session exported them."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.gateway.metrics import Metrics
from cluster.monitoring.dashboards import DASHBOARDS, main
from cluster.observe.metrics import EXPORTED
from tests.cluster.monitoring.conftest import MONITORING

WORDS = {"and", "or", "unless", "by", "on", "offset", "ignoring", "without", "bool", "group_left", "group_right"}
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


def metric_names(expression: str) -> set[str]:
    """The series that an expression reads, without a histogram's suffixes."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", " ", bare)
    found = set(re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?![\w:]*\s*\()", bare)) - WORDS
    return {re.sub(r"_(bucket|count|sum)$", "", name) if _histogram(name) else name for name in found}


def _histogram(name: str) -> bool:
    return re.sub(r"_(bucket|count|sum)$", "", name) in histograms()


def histograms() -> set[str]:
    return {each.exported for each in EXPORTED if each.kind == "histogram"} | {
        name for name, kind in ray_names().items() if kind == "histogram"
    }


def ray_names() -> dict[str, str]:
    lines = (Path(__file__).parent / "ray_names.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))  # type: ignore[misc]


def existing() -> set[str]:
    gateway = set(re.findall(r"^# TYPE (\S+)", Metrics().render().decode(), re.MULTILINE))
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    return {each.exported for each in EXPORTED} | gateway | set(ray_names()) | recorded


def panel_expressions() -> list[tuple[str, str]]:
    return [
        (f"{dashboard.name}: {panel.title}", query.expression)
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for query in panel.queries
    ]


def test_names_are_found_in_an_expression() -> None:
    expression = (
        'sum by (le, run) (rate(a_b_total{x="c_d"}[5m])) > (n:r:q offset 5m or vector(0)) and on (k) time() - max(z) < 3'
    )
    assert metric_names(expression) == {"a_b_total", "n:r:q", "z"}


@pytest.mark.parametrize(("place", "expression"), panel_expressions())
def test_a_panel_names_what_exists(place: str, expression: str) -> None:
    names = metric_names(expression)
    assert names
    assert names <= existing()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_names_what_exists(rule: dict[str, Any]) -> None:
    names = metric_names(rule["expr"])
    assert names
    assert names <= existing()


def test_expressions_are_promql(promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"panel:number:{n}", "expr": expression} for n, (_, expression) in enumerate(panel_expressions())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_the_command_writes_one_file_for_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "new" / "folder")]) == 0
    written = capsys.readouterr().out.split()
    assert [Path(each).name for each in written] == [
        f"hanlin-{name}.json" for name in ("cluster", "corpus", "training", "serving", "releases")
    ]
    for file in written:
        page = json.loads(Path(file).read_text(encoding="utf-8"))
        assert len({panel["id"] for panel in page["panels"]}) == len(page["panels"])
        places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in page["panels"]}
        assert len(places) == len(page["panels"])
        assert all(x + 8 <= 24 for x, _ in places)
        assert all(target["expr"] for panel in page["panels"] for target in panel["targets"])
