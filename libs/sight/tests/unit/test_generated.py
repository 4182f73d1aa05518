"""What is generated is what stands under ops/, is whole, and asks only for what processes measure."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import disable_created_metrics
from servicekit.telemetry.metrics import Metrics
from servicekit.telemetry.scrub import UNSAFE_ATTRIBUTES, UNSAFE_PREFIXES
from sight import alerts, collector
from sight.__main__ import files, main
from sight.dashboards import DASHBOARDS
from sight.objectives import OBJECTIVES, WINDOWS

ROOT = Path(__file__).resolve().parents[4]
FIGURES = {
    "marque_lead_clocks_total",
    "marque_case_clocks_total",
    "marque_campaign_messages_total",
    "marque_campaign_halts_total",
    "marque_contact_permits_total",
    "marque_contact_refusals_total",
}


def measured() -> set[str]:
    """The names of all series that a process may tell of."""
    disable_created_metrics()
    found = {"up"} | FIGURES
    for family in Metrics().registry.collect():
        found |= {
            family.name,
            f"{family.name}_total",
            f"{family.name}_count",
            f"{family.name}_bucket",
            f"{family.name}_info",
        }
    return found


def asked(expr: str) -> set[str]:
    """The names of series in PromQL: words before a brace or a bracket, and those beginning with the house's prefixes."""
    bare = re.sub(r'"[^"]*"', '""', expr)
    return {name for name in re.findall(r"\b([a-z_]{4,})(?=[{\[])", bare) if name not in ("by", "rate")}


class TestFiles:
    def test_what_stands_under_ops_is_what_the_code_makes(self) -> None:
        assert main(["--check", "--folder", str(ROOT / "ops")]) == 0

    def test_a_stale_a_missing_and_a_leftover_file_are_each_told(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["--folder", str(tmp_path)]) == 0
        assert main(["--check", "--folder", str(tmp_path)]) == 0
        (tmp_path / "alerts.yaml").write_text("groups: []\n")
        (tmp_path / "collector.yaml").unlink()
        (tmp_path / "dashboards" / "old.json").write_text("{}")
        assert main(["--check", "--folder", str(tmp_path)]) == 1
        told = capsys.readouterr().err
        assert all(name in told for name in ("alerts.yaml", "collector.yaml", "old.json"))
        assert main(["--folder", str(tmp_path)]) == 0
        assert main(["--check", "--folder", str(tmp_path)]) == 0

    def test_every_file_can_be_read_without_references(self) -> None:
        for name, text in files().items():
            read = json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
            assert read, name
            assert not re.search(r"[:-] [&*]id\d", text), name


class TestDashboards:
    def test_every_query_asks_for_what_is_measured(self) -> None:
        unknown = {
            name
            for board in DASHBOARDS
            for panel in board.panels
            for query in panel.queries
            for name in asked(query.expr)
        }
        assert unknown - measured() == set()

    def test_panels_lie_on_the_grid_without_overlap(self) -> None:
        for board in DASHBOARDS:
            taken: set[tuple[int, int]] = set()
            for panel in board.render()["panels"]:
                at = panel["gridPos"]
                cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
                assert not cells & taken, (board.uid, panel["title"])
                assert max(x for x, _ in cells) < 24
                taken |= cells

    def test_names_are_unique(self) -> None:
        assert len({board.uid for board in DASHBOARDS}) == len(DASHBOARDS)
        for board in DASHBOARDS:
            ids = [panel["id"] for panel in board.render()["panels"]]
            assert len(set(ids)) == len(ids)


class TestAlerts:
    def test_every_alert_asks_for_what_is_measured_or_recorded(self) -> None:
        recorded = {objective.recorded(window) for objective in OBJECTIVES for window in WINDOWS}
        for alert in alerts.ALERTS:
            burned = set(re.findall(r"marque:\w+:\w+", alert.expr))
            assert burned <= recorded
            assert asked(re.sub(r"marque:\w+:\w+", "", alert.expr)) <= measured(), alert.name

    def test_every_alert_has_a_part_of_the_runbook(self) -> None:
        told = (ROOT / alerts.RUNBOOK).read_text().lower()
        missing = {alert.name for alert in alerts.ALERTS if f"\n### {alert.name.lower()}" not in told}
        assert missing == set()


class TestCollector:
    def test_it_takes_out_what_services_take_out(self) -> None:
        actions = collector.pipeline()["processors"]["attributes/unsafe"]["actions"]
        assert {one["key"] for one in actions if "key" in one} == UNSAFE_ATTRIBUTES
        pattern = next(one["pattern"] for one in actions if "pattern" in one)
        assert all(re.match(pattern, f"{prefix}x") for prefix in UNSAFE_PREFIXES)
        assert not re.match(pattern, "http.route")

    @pytest.mark.parametrize("made", [collector.pipeline(), collector.tail_sampling()], ids=["head", "tail"])
    def test_nothing_is_handed_on_before_it_is_cut(
        self, made: dict[str, dict[str, dict[str, dict[str, list[str]]]]]
    ) -> None:
        for name, pipeline in made["service"]["pipelines"].items():
            steps = pipeline["processors"]
            assert steps[0] == "memory_limiter", name
            assert "redaction/values" in steps, name
            assert steps.index("redaction/values") < steps.index("batch"), name
            assert {*steps} <= {*made["processors"]}, name
            assert {*pipeline["receivers"]} <= {*made["receivers"]}
            assert {*pipeline["exporters"]} <= {*made["exporters"]}

    @pytest.mark.parametrize(
        "text", ["13800138000", "+86 138-0013-8000", "call (021) 555-0199 now", "wang@example.cn", "a.b+c@d.example"]
    )
    def test_a_telephone_or_an_address_is_cut_from_a_value(self, text: str) -> None:
        assert any(re.search(pattern, text) for pattern in (collector.ADDRESS, collector.TELEPHONE))
        assert not re.search(collector.IDS, text)

    @given(st.uuids())
    def test_an_id_stays(self, made: object) -> None:
        assert re.search(collector.IDS, str(made))
