"""Shares of people, with how sure they are: intervals of 95 %. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z95 = 1.959963984540054
"""The normal quantile of 97.5 %."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the ends of its interval."""

    value: float
    low: float
    high: float


def wilson(part: int, whole: int) -> Interval:
    """Returns a share with its score interval (Wilson, JASA 22, 1927): it stays within 0 and 1, and does not close at the ends.

    Of nobody nothing is known: 0 to 1.
    """
    if whole <= 0:
        return Interval(0.0, 0.0, 1.0)
    p, z = part / whole, Z95
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * math.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return Interval(p, max(0.0, middle - half), min(1.0, middle + half))


def difference(part: int, whole: int, other_part: int, other_whole: int) -> Interval:
    """Returns how much larger the first share is than the other, with Newcombe's hybrid score interval without correction.

    Newcombe, Interval estimation for the difference between independent proportions, Statistics in Medicine 17 (1998), method 10: the
    distances to the ends of both Wilson intervals, squared and added. It stays within −1 and 1, and holds for small groups and shares
    near 0, where the usual one by the normal distribution does not.
    """
    one, other = wilson(part, whole), wilson(other_part, other_whole)
    value = one.value - other.value
    low = value - math.hypot(one.value - one.low, other.high - other.value)
    high = value + math.hypot(one.high - one.value, other.value - other.low)
    return Interval(value, max(-1.0, low), min(1.0, high))
