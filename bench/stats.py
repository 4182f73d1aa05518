"""Arithmetic of measured figures."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(ordered: Sequence[float], share: float) -> float:
    """Returns the nearest-rank percentile of ascending values: the smallest that at least `share` (0 to 1) of them do not exceed.

    Raises ValueError for no values, or a share outside 0 to 1: a missing figure must not become a zero.
    """
    if not ordered:
        raise ValueError("no values")
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share must lie between 0 and 1, got {share}")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """Returns the middle of the values, the mean of the two middle ones for an even count. Raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
