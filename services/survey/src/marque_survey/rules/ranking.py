"""Results with intervals, and a ranking that is fair to dealers with few answers.

A dealer's mean is drawn towards the mean of all by the share of its variance that is chance (empirical Bayes: normal means, common
variance within dealers, variance between them by the method of moments). Dealers whose intervals meet that of the best of a tier share it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

Z = 1.959963984540054  # of the normal distribution, 95 % between -Z and Z
FEW = 10


@dataclass(frozen=True, slots=True)
class Group:
    """The responses of a dealer, model or month: how many, mean, variance (divided by n - 1; 0 for one), how many with signs."""

    key: str
    count: int
    mean: float
    variance: float
    signed: int = 0

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of 95 % around the mean; the mean itself where nothing is known of the variance."""
        half = Z * math.sqrt(self.variance / self.count)
        return self.mean - half, self.mean + half


@dataclass(frozen=True, slots=True)
class Place:
    """A dealer's place; rank and tier are 0 where it has too few answers."""

    group: Group
    rank: int
    tier: int
    fair: float
    low: float
    high: float


def rank(groups: Iterable[Group], minimum: int = FEW) -> list[Place]:
    """Returns the places, the best first, those with too few answers last."""
    found = list(groups)
    enough = [group for group in found if group.count >= max(1, minimum)]
    few = sorted((group for group in found if group.count < max(1, minimum)), key=lambda one: (-one.count, one.key))
    within, between, middle = _variances(enough)
    places: list[Place] = []
    for group in sorted(enough, key=lambda one: (-_fair(one, within, between, middle)[0], one.key)):
        fair, half = _fair(group, within, between, middle)
        ahead = next((one.rank for one in places if math.isclose(one.fair, fair, abs_tol=1e-9)), len(places) + 1)
        tier = 1
        if places:
            best = next(one for one in places if one.tier == places[-1].tier)
            tier = best.tier if fair + half >= best.low else best.tier + 1
        places.append(Place(group, ahead, tier, fair, fair - half, fair + half))
    return places + [Place(group, 0, 0, group.mean, *group.interval) for group in few]


def _variances(groups: list[Group]) -> tuple[float, float, float]:
    """The variance within dealers, that between them, and the mean of all answers."""
    total = sum(group.count for group in groups)
    if not total:
        return 0.0, 0.0, 0.0
    middle = sum(group.mean * group.count for group in groups) / total
    freedom = sum(group.count - 1 for group in groups)
    within = sum(group.variance * (group.count - 1) for group in groups) / freedom if freedom else 0.0
    spread = total - sum(group.count**2 for group in groups) / total
    if len(groups) < 2 or spread <= 0:
        return within, 0.0, middle
    seen = sum(group.count * (group.mean - middle) ** 2 for group in groups)
    return within, max(0.0, (seen - (len(groups) - 1) * within) / spread), middle


def _fair(group: Group, within: float, between: float, middle: float) -> tuple[float, float]:
    """The mean drawn towards that of all, and half its interval."""
    chance = within / group.count
    if between + chance == 0:
        return group.mean, 0.0
    share = between / (between + chance)
    return middle + share * (group.mean - middle), Z * math.sqrt(share * chance)
