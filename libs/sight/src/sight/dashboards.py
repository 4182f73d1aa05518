"""The dashboards: how calls go, whether promises hold, how far events are, how the trade goes."""

from __future__ import annotations

from sight.grafana import Dashboard, Panel, Query
from sight.objectives import FAULTS, OBJECTIVES, Objective

_MINE = 'service=~"$service"'
_RATE = "[$__rate_interval]"


def _rate(metric: str, by: str, also: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{_MINE}{also}}}{_RATE}))"


def _share(metric: str, by: str, bad: str) -> str:
    """The share of bad ones: 0, not nothing, where none was."""
    total = _rate(metric, by)
    return f"({_rate(metric, by, f',{bad}')} or 0 * {total}) / ({total} > 0)"


def _quantile(share: float, metric: str, by: str) -> str:
    return f"histogram_quantile({share}, {_rate(f'{metric}_bucket', f'le, {by}')})"


def _red(side: str, metric: str, by: str, bad: str, legend: str) -> tuple[Panel, ...]:
    return (
        Panel(f"{side}: rate", (Query(_rate(f"{metric}_count", by), legend),), "reqps"),
        Panel(f"{side}: share of faults", (Query(_share(f"{metric}_count", by, bad), legend),), "percentunit"),
        Panel(
            f"{side}: duration",
            tuple(
                Query(_quantile(share, metric, by), f"{legend} p{share * 100:g}", exemplars=True)
                for share in (0.5, 0.95, 0.99)
            ),
            "s",
            text="Points are exemplars: recorded traces of requests in that bucket.",
        ),
    )


def _one(title: str, expr: str, legend: str, unit: str = "short", *, kind: str = "timeseries", text: str = "") -> Panel:
    return Panel(title, (Query(expr, legend),), unit, kind, text)


def _worst(metric: str, by: str) -> str:
    return f"max by ({by}) ({metric}{{{_MINE}}})"


def _daily(metric: str, by: str) -> str:
    return f"sum by ({by}) (increase({metric}[1d]))"


def _part(metric: str, label: str, value: str) -> str:
    return f'sum(increase({metric}{{{label}="{value}"}}[1d])) / (sum(increase({metric}[1d])) > 0)'


def _happened(kinds: str) -> str:
    return _daily(f'marque_events_total{{event_type=~"{kinds}"}}', "event_type")


_RPC_BAD = f'rpc_status_code=~"{FAULTS}"'

SERVICES = Dashboard(
    "marque-services",
    "Marque: calls",
    (
        ("The HTTP door", _red("Requests", "http_server_duration_seconds", "route", 'status=~"5.."', "{{route}}")),
        ("Calls answered", _red("Calls", "rpc_server_duration_seconds", "rpc_method", _RPC_BAD, "{{rpc_method}}")),
        ("Calls made", _red("Calls", "rpc_client_duration_seconds", "rpc_method", _RPC_BAD, "{{rpc_method}}")),
        (
            "Answers by status",
            (
                _one(
                    "gRPC",
                    _rate("rpc_server_duration_seconds_count", "rpc_status_code"),
                    "{{rpc_status_code}}",
                    "reqps",
                ),
                _one("HTTP", _rate("http_server_duration_seconds_count", "status"), "{{status}}", "reqps"),
            ),
        ),
        (
            "Processes",
            (
                _one("CPU", _rate("process_cpu_seconds_total", "service, instance"), "{{instance}}", "percentunit"),
                _one("Memory", f"process_resident_memory_bytes{{{_MINE}}}", "{{instance}}", "bytes"),
                _one("Database connections lent", f"db_pool_in_use{{{_MINE}}}", "{{instance}}"),
            ),
        ),
    ),
)


def _kept(objective: Objective) -> tuple[str, tuple[Panel, ...]]:
    burns = tuple(
        Query(f"({objective.ratio(window)}) / {objective.budget}", f"{{{{service}}}} {window}")
        for window in ("5m", "1h", "6h")
    )
    speeds = "1 uses up the budget in 30 days; 14.4 pages (5m and 1h), 6 pages (30m and 6h)."
    return f"{objective.target:.1%}: {objective.text}", (
        _one("Bad requests", objective.ratio("1h"), "{{service}}", "percentunit", text="Of the last hour."),
        Panel("Burn rate", burns, text=speeds),
    )


PROMISES = Dashboard("marque-objectives", "Marque: objectives", tuple(_kept(objective) for objective in OBJECTIVES))

EVENTS = Dashboard(
    "marque-events",
    "Marque: events and due work",
    (
        (
            "From the outbox",
            (
                _one("Events committed", _rate("marque_events_total", "event_type"), "{{event_type}}", "cps"),
                _one("Oldest not published", _worst("outbox_oldest_age_seconds", "service"), "{{service}}", "s"),
                _one("Not published", _worst("outbox_unpublished", "service"), "{{service}}"),
            ),
        ),
        (
            "To the consumers",
            (
                _one(
                    "Handled",
                    _rate("consumer_processed_total", "consumer, outcome"),
                    "{{consumer}} {{outcome}}",
                    "cps",
                ),
                _one("Lag", _worst("consumer_lag_seconds", "service, consumer"), "{{consumer}}", "s"),
                _one("Not yet handled", _worst("consumer_pending", "service, consumer"), "{{consumer}}"),
                _one("Dead letters", _worst("dead_letters", "service, consumer"), "{{consumer}}"),
            ),
        ),
        (
            "What time makes due, and what waits",
            (
                _one("Lateness of due work", _worst("due_overdue_seconds", "service, kind"), "{{kind}}", "s"),
                _one("Audit records not chained", _worst("audit_unchained", "service"), "{{service}}"),
                _one("Oldest of them", _worst("audit_oldest_wait_seconds", "service"), "{{service}}", "s"),
            ),
        ),
    ),
)

_SHOWROOM = ".*(LeadCreated|SaleRecorded|TestDriveBooked|QuoteStateChanged)"
_LEADS, _CASES = "marque_lead_clocks_total", "marque_case_clocks_total"
_MESSAGES = "marque_campaign_messages_total"
TRADE = Dashboard(
    "marque-trade",
    "Marque: trade",
    (
        (
            "Leads",
            (
                _one("Response clocks that ended, a day", _daily(_LEADS, "outcome"), "{{outcome}}"),
                _one(
                    "Answered in time",
                    f"{_part(_LEADS, 'outcome', 'in_time')} or vector(1)",
                    "share",
                    "percentunit",
                    kind="stat",
                    text="All, where no clock ended.",
                ),
                _one("Leads, quotes, drives, sales, a day", _happened(_SHOWROOM), "{{event_type}}"),
            ),
        ),
        (
            "Complaints",
            (
                _one("Promises that ended, a day", _daily(_CASES, "clock, outcome"), "{{clock}} {{outcome}}"),
                _one(
                    "Broken",
                    f"{_part(_CASES, 'outcome', 'breached')} or vector(0)",
                    "share",
                    "percentunit",
                    kind="stat",
                    text="None, where no promise ended.",
                ),
                _one("Cases, a day", _happened("marque.complaint.*"), "{{event_type}}"),
            ),
        ),
        (
            "Contact",
            (
                _one(
                    "Permits by step, a day",
                    _daily("marque_contact_permits_total", "step"),
                    "{{step}}",
                    text="Spent: sent or called. Refused: suppressed.",
                ),
                _one("Refusals by reason, a day", _daily("marque_contact_refusals_total", "reason"), "{{reason}}"),
            ),
        ),
        (
            "Campaigns and surveys",
            (
                _one("Messages of campaigns, a day", _daily(_MESSAGES, "outcome"), "{{outcome}}"),
                _one(
                    "Suppressed",
                    f"{_part(_MESSAGES, 'outcome', 'suppressed')} or vector(0)",
                    "share",
                    "percentunit",
                    kind="stat",
                    text="None, where no message ended.",
                ),
                _one(
                    "Paused by themselves, a day",
                    "sum(increase(marque_campaign_halts_total[1d])) or vector(0)",
                    "campaigns",
                    kind="stat",
                    text="Too much of them failed.",
                ),
                _one("Surveys, a day", _happened("marque.survey.*"), "{{event_type}}"),
            ),
        ),
        ("Everything that happened", (_one("Events, a day", _happened(".+"), "{{event_type}}"),)),
    ),
)

DASHBOARDS = (SERVICES, PROMISES, EVENTS, TRADE)
