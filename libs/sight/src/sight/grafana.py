"""Panels and dashboards in Grafana's JSON, small: a row of panels is a list, a dashboard a list of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH = 24  # columns of Grafana's grid
_HEIGHT = 8


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL and what its lines are called. `$service` and `$__rate_interval` are filled in by Grafana."""

    expr: str
    legend: str = ""
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: `kind` is a panel type of Grafana, `unit` one of its units (`s`, `reqps`, `percentunit`, `short`)."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: str = "timeseries"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of rows of panels."""

    uid: str
    title: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]

    @property
    def panels(self) -> list[Panel]:
        """All panels in order."""
        return [panel for _, row in self.rows for panel in row]

    def render(self) -> dict[str, Any]:
        """The dashboard as Grafana imports it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "tags": ["marque", "generated"],
            "editable": False,
            "schemaVersion": 39,
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "templating": {"list": _VARIABLES},
            "panels": self._placed(),
        }

    def _placed(self) -> list[dict[str, Any]]:
        placed: list[dict[str, Any]] = []
        top = 0
        for title, row in self.rows:
            placed.append({"id": len(placed) + 1, "type": "row", "title": title, "gridPos": _place(0, top, _WIDTH, 1)})
            top += 1
            width = _WIDTH // len(row)
            for column, panel in enumerate(row):
                where = _place(column * width, top, width, _HEIGHT)
                placed.append({"id": len(placed) + 1, "gridPos": where, **_panel(panel)})
            top += _HEIGHT
        return placed


_VARIABLES: Sequence[dict[str, Any]] = [
    {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
    {
        "name": "service",
        "type": "query",
        "label": "Service",
        "datasource": _DATASOURCE,
        "query": {"query": "label_values(target_info, service)", "refId": "services"},
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
        "sort": 1,
    },
]


def _place(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"x": left, "y": top, "w": width, "h": height}


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]}}
        if panel.kind == "timeseries"
        else {},
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "exemplar": query.exemplars,
            }
            for number, query in enumerate(panel.queries)
        ],
    }
