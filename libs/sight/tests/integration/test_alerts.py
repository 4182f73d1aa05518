"""Every alert fires when it should and clears when the cause is gone, judged by `promtool test rules`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from sight import alerts
from sight.__main__ import files

SERVICE = 'service="customer"'
RPC = 'rpc_server_duration_seconds_count{service="customer",rpc_status_code="%s"}'
HTTP = 'http_server_duration_seconds_count{service="gateway",status="%s"}'
EDGE = 'http_server_duration_seconds_count{service="edge",status="200"}'
QUICK = 'http_server_duration_seconds_bucket{service="edge",status="200",le="1.0"}'


@dataclass(frozen=True)
class Proof:
    """Series (a point a minute, or every ten where it goes over days), when there is no alert yet, when there is one, when it is gone."""

    alert: str
    series: dict[str, str]
    labels: dict[str, str]
    quiet: str
    fires: str
    clears: str
    window: str = ""

    @property
    def step(self) -> str:
        return "10m" if self.window in DAYS or self.clears.endswith("36h") else "1m"


def burning(objective: str, window: str, fires: str, clears: str, series: dict[str, str]) -> Proof:
    service = {"rpc": "customer", "http": "gateway", "latency": "edge"}[objective]
    return Proof(f"{objective.capitalize()}BudgetBurns", series, {"service": service}, "1m", fires, clears, window)


# Good traffic of 600 calls a minute all along. A hard fault is half of them for an hour and a half; a creeping one 1 % for ten hours.
HARD = {RPC % "OK": "0+600x60 36300+300x89 63600+600x200", RPC % "UNAVAILABLE": "0x60 300+300x89 27000x200"}
CREEPING = {RPC % "OK": "0+6000x140", RPC % "INTERNAL": "0+60x60 3600x80"}
DAYS = {"1d", "3d"}
PROOFS = [
    burning("rpc", "1h", "2h", "4h", HARD),
    burning("rpc", "6h", "2h20m", "4h", HARD),
    burning("rpc", "1d", "5h", "20h", CREEPING),
    burning("rpc", "3d", "9h", "20h", CREEPING),
    burning("http", "1h", "2h", "4h", {HTTP % "200": HARD[RPC % "OK"], HTTP % "503": HARD[RPC % "UNAVAILABLE"]}),
    burning("latency", "1h", "2h", "4h", {EDGE: "0+600x350", QUICK: HARD[RPC % "OK"]}),
    Proof("TargetDown", {'up{job="marque",service="vehicle"}': "1x10 0x10 1x10"}, {"service": "vehicle"}, "9m", "16m", "25m"),
    Proof("OutboxStuck", {f"outbox_oldest_age_seconds{{{SERVICE}}}": "0x10 100+60x10 0x10"}, {"service": "customer"}, "10m", "18m", "25m"),
    Proof(
        "ConsumerBehind", {f'consumer_lag_seconds{{{SERVICE},consumer="c"}}': "0x10 400x20 2x10"},
        {"service": "customer", "consumer": "c"}, "15m", "24m", "36m",
    ),
    Proof(
        "ConsumerNearLoss", {f'consumer_lag_seconds{{{SERVICE},consumer="c"}}': "600000x10 605000x10 600000x10"},
        {"service": "customer", "consumer": "c"}, "9m", "15m", "25m",
    ),
    Proof(
        "DeadLetters", {f'dead_letters{{{SERVICE},consumer="c"}}': "0x10 1x10 0x10"},
        {"service": "customer", "consumer": "c"}, "12m", "19m", "25m",
    ),
    Proof(
        "DueWorkLate", {f'due_overdue_seconds{{{SERVICE},kind="lead-clock"}}': "0x10 301x10 0x10"},
        {"service": "customer", "kind": "lead-clock"}, "12m", "19m", "25m",
    ),
    Proof(
        "QueueWaits", {f'queue_waiting{{{SERVICE},queue="lead_routing"}}': "3x100 0x20"},
        {"service": "customer", "queue": "lead_routing"}, "50m", "80m", "110m",
    ),
    Proof("AuditWaits", {f"audit_oldest_wait_seconds{{{SERVICE}}}": "0x10 700x10 0x10"}, {"service": "customer"}, "12m", "19m", "25m"),
    Proof("AuditCut", {f"audit_segment{{{SERVICE}}}": "7x30 5x30"}, {"service": "customer"}, "29m", "35m", "55m"),
    Proof(
        "LeadsLapse",
        {'marque_lead_clocks_total{outcome="lapsed"}': "0x6 0+10x12 120x220", 'marque_lead_clocks_total{outcome="in_time"}': "0+10x230"},
        {}, "1h", "3h", "36h",
    ),
    Proof(
        "CasesBreach",
        {'marque_case_clocks_total{outcome="breached"}': "0x6 0+10x12 120x220", 'marque_case_clocks_total{outcome="kept"}': "0+10x230"},
        {}, "1h", "3h", "36h",
    ),
    Proof("CampaignHalted", {"marque_campaign_halts_total": "0x30 1x200"}, {}, "29m", "40m", "150m"),
]  # fmt: skip


def expected(proof: Proof) -> dict[str, Any]:
    alert = next(
        one for one in alerts.ALERTS if one.name == proof.alert and one.labels.get("window", "") == proof.window
    )
    rule = alert.rule()
    summary = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: proof.labels[found[1]], rule["annotations"]["summary"])
    job = {"job": "marque"} if proof.alert == "TargetDown" else {}
    return {
        "exp_labels": {**proof.labels, **rule["labels"], **job},
        "exp_annotations": {**rule["annotations"], "summary": summary},
    }


def judged(promtool: str, folder: Path, proofs: list[Proof]) -> subprocess.CompletedProcess[str]:
    """Runs proofs beside each other, as their series are of different services or consumers: rules are evaluated once for all."""
    test: dict[str, Any] = {"interval": proofs[0].step, "promql_expr_test": [], "alert_rule_test": []}
    series: dict[str, str] = {}
    for proof in proofs:
        assert all(series.get(name, values) == values for name, values in proof.series.items()), proof.alert
        series |= proof.series
        fired = expected(proof)
        for moment, told in {proof.quiet: [], proof.fires: [fired], proof.clears: []}.items():
            if proof.window:  # other windows of the objective may burn as well
                expr = f'ALERTS{{alertname="{proof.alert}",alertstate="firing",window="{proof.window}"}}'
                samples = [{"labels": _series(proof, one), "value": 1} for one in told]
                test["promql_expr_test"].append({"expr": expr, "eval_time": moment, "exp_samples": samples})
            else:
                test["alert_rule_test"].append({"alertname": proof.alert, "eval_time": moment, "exp_alerts": told})
    test["input_series"] = [{"series": name, "values": values} for name, values in series.items()]
    (folder / "alerts.yaml").write_text(files()["alerts.yaml"])
    # What is recorded comes before what asks for it: promtool would take the groups in any order.
    order = [group["name"] for group in yaml.safe_load(files()["alerts.yaml"])["groups"]]
    told = {
        "rule_files": ["alerts.yaml"],
        "evaluation_interval": proofs[0].step,
        "group_eval_order": order,
        "tests": [test],
    }
    (folder / "tests.yaml").write_text(yaml.safe_dump(told))
    return ran(folder, promtool, "test", "rules", "tests.yaml")


def ran(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def _series(proof: Proof, fired: dict[str, Any]) -> str:
    labels = {"alertname": proof.alert, "alertstate": "firing", **fired["exp_labels"]}
    return "ALERTS{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


class TestAlerts:
    def test_every_alert_has_a_proof(self) -> None:
        proved = {proof.alert for proof in PROOFS}
        assert proved == {alert.name for alert in alerts.ALERTS}
        burns = {alert.labels["window"] for alert in alerts.BURNING}
        assert {proof.window for proof in PROOFS if proof.alert == "RpcBudgetBurns"} == burns

    def test_the_rule_file_is_one_that_prometheus_takes(self, program: Callable[[str], str], tmp_path: Path) -> None:
        (tmp_path / "alerts.yaml").write_text(files()["alerts.yaml"])
        done = ran(tmp_path, program("promtool"), "check", "rules", "alerts.yaml")
        assert done.returncode == 0, done.stderr
        assert "SUCCESS" in done.stdout

    @pytest.mark.parametrize("step", ["1m", "10m", "near loss"])
    def test_every_alert_fires_and_clears(self, program: Callable[[str], str], tmp_path: Path, step: str) -> None:
        near = [proof for proof in PROOFS if proof.alert == "ConsumerNearLoss"]  # which is behind as well
        far = [proof for proof in PROOFS if proof not in near and proof.step == step]
        done = judged(program("promtool"), tmp_path, far or near)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_a_proof_can_fail(self, program: Callable[[str], str], tmp_path: Path) -> None:
        labels = {"service": "customer", "consumer": "c"}
        calm = Proof(
            "DeadLetters",
            {f'dead_letters{{{SERVICE},consumer="c"}}': "0x30"},
            labels,
            "12m",
            "19m",
            "25m",
        )
        assert judged(program("promtool"), tmp_path, [calm]).returncode != 0

    @pytest.mark.parametrize("share", [0.0005, 0.0009])
    def test_faults_within_the_budget_wake_nobody(
        self, program: Callable[[str], str], tmp_path: Path, share: float
    ) -> None:
        (tmp_path / "alerts.yaml").write_text(files()["alerts.yaml"])
        bad = 6000 * share
        test = {
            "interval": "10m",
            "input_series": [
                {"series": RPC % "OK", "values": "0+6000x150"},
                {"series": RPC % "UNKNOWN", "values": f"0+{bad}x150"},
            ],
            "alert_rule_test": [
                {"alertname": "RpcBudgetBurns", "eval_time": moment, "exp_alerts": []} for moment in ("2h", "20h")
            ],
        }
        (tmp_path / "tests.yaml").write_text(
            yaml.safe_dump({"rule_files": ["alerts.yaml"], "evaluation_interval": "10m", "tests": [test]})
        )
        done = ran(tmp_path, program("promtool"), "test", "rules", "tests.yaml")
        assert done.returncode == 0, done.stdout + done.stderr
