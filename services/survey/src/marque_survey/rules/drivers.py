"""Which step would move an index most, and which goes with recommendation.

Gain: weight ÷ all weights × 1,000 × how far the step is behind what the best quarter of dealers reach. It is arithmetic, not a model: were
the step brought there, the index would rise by that. Importance: least squares of recommendation on all steps at once, in units of their
standard deviations, so that steps are compared and the others held equal; it says what goes together, not what causes what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

MOST_ROWS = 5000
LEAST_ROWS, ROWS_A_STEP = 30, 10
DEALER_ROWS = 10
_Z = 1.959963984540054  # of the normal distribution, 95 % between -Z and Z


@dataclass(frozen=True, slots=True)
class Rated:
    """How a step was rated: by how many, its mean share of the scale, and what the best quarter of dealers reach (None: too few)."""

    count: int
    mean: float
    benchmark: float | None


@dataclass(frozen=True, slots=True)
class Importance:
    """A standardised coefficient with its interval of 95 %."""

    value: float = 0.0
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class Driver:
    """A step, and what it would move."""

    factor: str
    rated: Rated
    weight: float
    gain: float
    importance: Importance


@dataclass(frozen=True, slots=True)
class Fit:
    """A regression: from how many responses, the share of variance that it explains, and each step's importance."""

    count: int = 0
    explained: float = 0.0
    importance: Mapping[str, Importance] | None = None


def drivers(weights: Mapping[str, int], rated: Mapping[str, Rated], fit: Fit) -> list[Driver]:
    """Returns the steps that were rated, the one with the largest gain first."""
    total = sum(weights.values())
    found = []
    for factor, weight in weights.items():
        if (one := rated.get(factor)) is None:
            continue
        behind = max(0.0, one.benchmark - one.mean) if one.benchmark is not None else 0.0
        importance = (fit.importance or {}).get(factor, Importance())
        found.append(Driver(factor, one, weight / total, 1000 * weight / total * behind, importance))
    return sorted(found, key=lambda one: (-one.gain, -one.weight, one.factor))


def fit(rows: Sequence[tuple[Mapping[str, float], float]], factors: Sequence[str]) -> Fit:
    """Fits recommendation by steps. `rows`: (step → share, recommendation); those that lack a step are left out."""
    names = sorted(factors)
    whole = [([shares[name] for name in names], told) for shares, told in rows if all(name in shares for name in names)]
    if not names or len(whole) < max(LEAST_ROWS, ROWS_A_STEP * len(names)):
        return Fit()
    x, y = np.array([one for one, _ in whole]), np.array([told for _, told in whole])
    spread = x.std(axis=0, ddof=1)
    moving = spread > 1e-9  # a step that everybody rates alike explains nothing
    if y.std(ddof=1) < 1e-9 or not moving.any():
        return Fit(len(whole), 0.0, dict.fromkeys(names, Importance()))
    x = (x[:, moving] - x[:, moving].mean(axis=0)) / spread[moving]
    y = (y - y.mean()) / y.std(ddof=1)
    inverse = np.linalg.pinv(x.T @ x)  # of steps that always go together each gets its part
    beta = inverse @ x.T @ y
    left = y - x @ beta
    freedom = max(1, len(whole) - x.shape[1] - 1)
    error = np.sqrt(np.maximum(0.0, np.diag(inverse)) * float(left @ left) / freedom)
    told = dict.fromkeys(names, Importance())
    for name, value, half in zip((n for n, m in zip(names, moving, strict=True) if m), beta, _Z * error, strict=True):
        told[name] = Importance(float(value), float(value - half), float(value + half))
    return Fit(len(whole), float(min(1.0, max(0.0, 1 - (left @ left) / (y @ y)))), told)
