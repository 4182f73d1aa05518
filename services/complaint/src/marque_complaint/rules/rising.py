"""Whether complaints rise beyond chance: a test that may be looked at every month, with a stated rate of false alarms.

For a series of months, L is the likelihood of the numbers averaged over rises that were all written down beforehand: from each month of the
window, by each factor of `FACTORS`, from each level of a fixed grid. It is divided by the greatest likelihood that any level without a rise
gives. Under every unchanging level that quotient is at no time greater than the quotient to that level, which is a martingale of mean 1; so
by Ville's inequality the chance that it ever reaches 1/a within a window is at most a (universal inference, Wasserman, Ramdas and
Balakrishnan 2020). Numbers are taken as Poisson given the cars in use, or binomial given the complaints about the same car. Where
complaints come in waves that is too good a world, and false alarms are more frequent than stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MONTHS = 48
"""The longest window; a rise may begin in each of its months but the first."""
FALSE_ALARMS = 0.01
"""For each pair of a model year and a component and each window: of 100 that do not rise, at most one is ever signalled."""
FACTORS = np.array([1.5, 2.0, 3.0, 5.0, 10.0])
FEWEST_AFTER = 3
_LEVELS = 80
_RATES = np.exp(np.linspace(np.log(1e-7), np.log(1.0), _LEVELS))
_SHARES = 1 / (1 + np.exp(-np.linspace(-9.0, 3.0, _LEVELS)))
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Rise:
    """What the numbers say: the logarithm of the quotient, the likeliest month of change (its place), counts, levels before and after."""

    log_evidence: float
    month: int
    before_count: int
    after_count: int
    before_level: float
    after_level: float

    def stands_out(self, false_alarms: float = FALSE_ALARMS) -> bool:
        """Tells whether to raise a signal. Few cases, or a fall, never do: that only makes false alarms rarer."""
        return (
            self.log_evidence >= -np.log(false_alarms)
            and self.after_count >= FEWEST_AFTER
            and self.after_level > self.before_level
        )


def by_rate(counts: Sequence[int], cars: Sequence[float]) -> Rise | None:
    """Weighs complaints of each month against cars in use then (both of the same length, at most `MONTHS`). None for nothing to weigh."""
    return _weigh(counts, cars, share=False)


def by_share(counts: Sequence[int], totals: Sequence[int]) -> Rise | None:
    """Weighs complaints about a component against all about the same cars, these included. None for nothing to weigh."""
    return _weigh(counts, totals, share=True)


def _weigh(counts: Sequence[int], sizes: Sequence[float], *, share: bool) -> Rise | None:
    if len(counts) != len(sizes) or len(counts) > MONTHS:
        raise ValueError("counts and sizes are of the same months, and these of one window")
    told, size = np.asarray(counts, dtype=float), np.asarray(sizes, dtype=float)
    if len(told) < 2 or told.sum() == 0 or size.sum() <= 0:
        return None
    before, size_before = np.cumsum(told)[:-1], np.cumsum(size)[:-1]
    after, size_after = told.sum() - before, size.sum() - size_before
    likely = (
        _shared(before, size_before, after, size_after) if share else _rated(before, size_before, after, size_after)
    )
    flat = _flat(told.sum(), size.sum(), share=share)
    # A month that is still to come tells nothing: until then the numbers are as likely as without a rise, on the same grid of levels.
    unsaid = (MONTHS - 1 - len(before)) * np.exp(_unchanged(told.sum(), size.sum(), share=share) - flat)
    each = np.exp(np.clip(likely - flat, -700, 700))
    evidence = (each.sum() + unsaid) / (MONTHS - 1)
    at = int(np.argmax(likely))
    return Rise(
        float(np.log(max(evidence, _TINY))), at + 1, int(before[at]), int(after[at]), _level(before[at], size_before[at]),
        _level(after[at], size_after[at]),
    )  # fmt: skip


def _level(count: float, size: float) -> float:
    return float(count / size) if size > 0 else 0.0


def _rated(before: np.ndarray, cars_before: np.ndarray, after: np.ndarray, cars_after: np.ndarray) -> np.ndarray:
    rate, factor = _RATES[None, :, None], FACTORS[None, None, :]
    x0, n0, x1, n1 = (part[:, None, None] for part in (before, cars_before, after, cars_after))
    likely = x0 * np.log(rate) - rate * n0 + x1 * np.log(rate * factor) - rate * factor * n1
    return _mean(likely)


def _shared(before: np.ndarray, all_before: np.ndarray, after: np.ndarray, all_after: np.ndarray) -> np.ndarray:
    share, factor = _SHARES[None, :, None], FACTORS[None, None, :]
    raised = factor * share / (1 - share + factor * share)
    x0, n0, x1, n1 = (part[:, None, None] for part in (before, all_before, after, all_after))
    likely = x0 * np.log(share) + (n0 - x0) * np.log1p(-share) + x1 * np.log(raised) + (n1 - x1) * np.log1p(-raised)
    return _mean(likely)


def _mean(likely: np.ndarray) -> np.ndarray:
    """The logarithm of the mean over levels and factors, for each month of change."""
    top = likely.max(axis=(1, 2))
    return np.asarray(top + np.log(np.exp(likely - top[:, None, None]).mean(axis=(1, 2))))


def _unchanged(count: float, size: float, *, share: bool) -> float:
    shared, rated = (
        count * np.log(_SHARES) + (size - count) * np.log1p(-_SHARES),
        count * np.log(_RATES) - _RATES * size,
    )
    likely = shared if share else rated
    return float(likely.max() + np.log(np.exp(likely - likely.max()).mean()))


def _flat(count: float, size: float, *, share: bool) -> float:
    """The greatest log-likelihood without a rise."""
    level = count / size
    if not share:
        return float(count * np.log(level) - count)
    rest = size - count
    return float(count * np.log(level) + (rest * np.log(rest / size) if rest > 0 else 0.0))
