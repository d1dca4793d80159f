"""Grafana's JSON for panels and dashboards. Not for what they show: that is dashboards.py."""

from collections.abc import Sequence
from dataclasses import dataclass

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]
_COLUMNS, _WIDTH, _HEIGHT = 24, 8, 8
_SOURCE: dict[str, Json] = {"type": "prometheus", "uid": "${source}"}
_SCHEMA = 39


@dataclass(frozen=True)
class Query:
    """A PromQL expression; `legend` may name labels as {{label}}."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A chart over time. `unit` is Grafana's name of a unit: short, s, bytes, percentunit, reqps, ..."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    text: str = ""


@dataclass(frozen=True)
class Dashboard:
    """A page of panels; `name` is its file and part of its address."""

    name: str
    title: str
    panels: tuple[Panel, ...]

    def to_json(self) -> dict[str, Json]:
        """What Grafana's file provisioning reads. The data source is chosen on the page."""
        return {
            "uid": f"hanlin-{self.name}",
            "title": f"Hanlin: {self.title}",
            "tags": ["hanlin"],
            "schemaVersion": _SCHEMA,
            "version": 1,
            "editable": False,
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "timezone": "browser",
            "templating": {"list": [{"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}]},
            "panels": [_panel(number, panel) for number, panel in enumerate(self.panels)],
        }


def _panel(number: int, panel: Panel) -> Json:
    across = _COLUMNS // _WIDTH
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.text,
        "datasource": _SOURCE,
        "gridPos": {"x": number % across * _WIDTH, "y": number // across * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "custom": {"fillOpacity": 10, "showPoints": "never"}},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": _targets(panel.queries),
    }


def _targets(queries: Sequence[Query]) -> Json:
    return [
        {
            "refId": chr(ord("A") + number),
            "datasource": _SOURCE,
            "expr": query.expression,
            "legendFormat": query.legend or "__auto",
        }
        for number, query in enumerate(queries)
    ]
