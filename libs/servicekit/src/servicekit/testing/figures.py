"""Reads figures of this process, for tests of what is counted."""

from __future__ import annotations

from servicekit.telemetry import metrics


def counted(name: str, **labels: str) -> float:
    """Returns a counter of the trade, `lead_clocks`, with these labels; 0 where nothing was counted."""
    return metrics.current().registry.get_sample_value(f"marque_{name}_total", labels) or 0.0
