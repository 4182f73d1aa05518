"""What is promised of the platform, and how fast the promise may be used up.

Windows and factors are those of the "multiwindow, multi-burn-rate alerts" of Google's SRE workbook, chapter 5: a short window beside each
long one, so that an alert ends soon after its cause. An objective is judged over 30 days.
"""

from __future__ import annotations

from dataclasses import dataclass

# Statuses of gRPC that are our fault (servicekit.telemetry.scopes.SERVER_FAULTS); the others are answers.
FAULTS = "UNKNOWN|INTERNAL|UNAVAILABLE|DEADLINE_EXCEEDED|DATA_LOSS"


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of requests that must be good.

    `bad` and `all` are PromQL for requests by `service`, with `{window}` for the range; `target` is the share, 0.999.
    """

    name: str
    text: str
    target: float
    bad: str
    all: str

    @property
    def budget(self) -> float:
        """The share that may be bad."""
        return round(1 - self.target, 6)

    def ratio(self, window: str) -> str:
        """PromQL of the share of bad requests by service: 0, not nothing, where all were good."""
        total = self.all.replace("{window}", window)
        return f"({self.bad.replace('{window}', window)} or 0 * {total}) / ({total} > 0)"

    def recorded(self, window: str) -> str:
        """The name under which that share is recorded."""
        return f"marque:{self.name}_bad:ratio_rate{window}"


@dataclass(frozen=True, slots=True)
class Burn:
    """Two windows and the factor by which both must burn; `severity` is `page` or `ticket`."""

    short: str
    long: str
    factor: float
    severity: str
    wait: str


BURNS = (
    Burn("5m", "1h", 14.4, "page", "2m"),
    Burn("30m", "6h", 6, "page", "15m"),
    Burn("2h", "1d", 3, "ticket", "1h"),
    Burn("6h", "3d", 1, "ticket", "3h"),
)
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")

_RPC = "sum by (service) (rate(rpc_server_duration_seconds_count[{window}]))"
_HTTP = "sum by (service) (rate(http_server_duration_seconds_count[{window}]))"
_QUICK = 'sum by (service) (rate(http_server_duration_seconds_bucket{le="1.0"}[{window}]))'
OBJECTIVES = (
    Objective(
        "rpc",
        "calls between services and at the gRPC door are answered without a fault of ours",
        0.999,
        f'sum by (service) (rate(rpc_server_duration_seconds_count{{rpc_status_code=~"{FAULTS}"}}[{{window}}]))',
        _RPC,
    ),
    Objective(
        "http",
        "requests at the HTTP door are answered without a 5xx",
        0.999,
        'sum by (service) (rate(http_server_duration_seconds_count{status=~"5.."}[{window}]))',
        _HTTP,
    ),
    Objective(
        "latency", "requests at the HTTP door are answered within one second", 0.99, f"({_HTTP} - {_QUICK})", _HTTP
    ),
)
