"""Alerts as code: burn rates of the objectives, and what stands still. `groups()` is the content of a Prometheus rule file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sight.objectives import BURNS, OBJECTIVES, WINDOWS, Burn, Objective

RUNBOOK = "docs/operations.md"
_HALF_OF_THE_STREAMS_AGE = 7 * 86_400  # stream_max_age_days is 14: what is not heard by then is lost to its hearer


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `wait` is how long it must hold; `severity` is `page` (a person now) or `ticket` (a person this week)."""

    name: str
    expr: str
    wait: str
    severity: str
    summary: str
    labels: dict[str, str] = field(default_factory=dict)

    def rule(self) -> dict[str, Any]:
        """The rule as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.wait,
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {"summary": self.summary, "runbook": f"{RUNBOOK}#{self.name.lower()}"},
        }


def _burning(objective: Objective, burn: Burn) -> Alert:
    limit = round(burn.factor * objective.budget, 6)
    return Alert(
        f"{objective.name.capitalize()}BudgetBurns",
        f"{objective.recorded(burn.long)} > {limit} and {objective.recorded(burn.short)} > {limit}",
        burn.wait,
        burn.severity,
        f"{{{{ $labels.service }}}} uses its error budget {burn.factor:g} times too fast: {objective.text}",
        {"objective": objective.name, "window": burn.long},
    )


BURNING = tuple(_burning(objective, burn) for objective in OBJECTIVES for burn in BURNS)

STANDING = (
    Alert("TargetDown", 'up{job="marque"} == 0', "3m", "page", "{{ $labels.service }} cannot be measured"),
    Alert(
        "OutboxStuck", "max by (service) (outbox_oldest_age_seconds) > 120", "3m", "page",
        "{{ $labels.service }} does not publish what it committed",
    ),
    Alert(
        "ConsumerBehind", "max by (service, consumer) (consumer_lag_seconds) > 300", "10m", "page",
        "{{ $labels.consumer }} of {{ $labels.service }} hears old news",
    ),
    Alert(
        "ConsumerNearLoss", f"max by (service, consumer) (consumer_lag_seconds) > {_HALF_OF_THE_STREAMS_AGE}", "1m", "page",
        "{{ $labels.consumer }} of {{ $labels.service }} is behind by half the age of the stream",
    ),
    Alert(
        "DeadLetters", "max by (service, consumer) (dead_letters) > 0", "5m", "ticket",
        "{{ $labels.consumer }} of {{ $labels.service }} parked what it could not apply",
    ),
    Alert(
        "DueWorkLate", "max by (service, kind) (due_overdue_seconds) > 300", "5m", "page",
        "{{ $labels.kind }} of {{ $labels.service }} is not done when it is due",
    ),
    Alert(
        "QueueWaits", "max by (service, queue) (queue_waiting) > 0", "1h", "ticket",
        "Nobody can take what waits in {{ $labels.queue }}",
    ),
    Alert(
        "AuditWaits", "max by (service) (audit_oldest_wait_seconds) > 600", "5m", "ticket",
        "The audit trail of {{ $labels.service }} is not chained",
    ),
    Alert(
        "AuditCut", "max by (service) (audit_segment > 0) < max by (service) (audit_segment offset 15m)", "0m", "page",
        "The audit trail of {{ $labels.service }} has fewer segments than before",
    ),
)  # fmt: skip

_LAPSED = 'sum(increase(marque_lead_clocks_total{outcome="lapsed"}[1d]))'
_HALTS = "marque_campaign_halts_total"
_BROKEN = 'sum(increase(marque_case_clocks_total{outcome="breached"}[1d]))'
TRADE = (
    Alert(
        "LeadsLapse", f"{_LAPSED} / sum(increase(marque_lead_clocks_total[1d])) > 0.2 and {_LAPSED} > 10", "30m", "ticket",
        "More than a fifth of the leads of a day were not answered in time",
    ),
    Alert(
        "CasesBreach", f"{_BROKEN} / sum(increase(marque_case_clocks_total[1d])) > 0.1 and {_BROKEN} > 10", "30m", "ticket",
        "More than a tenth of a day's promises about complaints were broken",
    ),
    Alert(
        "CampaignHalted", f"sum(increase({_HALTS}[1h])) > 0", "0m", "page",
        "A campaign paused itself because too much of it failed: nothing of it is sent until somebody has looked",
    ),
)  # fmt: skip

ALERTS = (*BURNING, *STANDING, *TRADE)


def groups() -> dict[str, Any]:
    """The whole rule file: the recorded shares of bad requests, then the alerts."""
    recorded = [
        {"record": objective.recorded(window), "expr": objective.ratio(window)}
        for objective in OBJECTIVES
        for window in WINDOWS
    ]
    kinds = {"marque-burn": BURNING, "marque-standing": STANDING, "marque-trade": TRADE}
    found = [{"name": name, "rules": [alert.rule() for alert in alerts]} for name, alerts in kinds.items()]
    return {"groups": [{"name": "marque-objectives", "interval": "30s", "rules": recorded}, *found]}
