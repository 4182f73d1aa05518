"""What changed from month to month or wave to wave, told from chance with a stated rate of false alarms.

Each group is compared with all groups since the last change together, by the t test of two samples with a common variance (where nothing
changed, both come from one distribution). Groups with fewer than `LEAST` responses are not compared. `FALSE_ALARMS` is the chance that a
whole series without any change shows one: the level of each test is that divided by how many are made (Bonferroni), which holds however
the tests hang together. The tail of Student's t is taken from the normal distribution by Wallace's approximation (Annals of Mathematical
Statistics 30, 1959), good to three decimals from 10 degrees of freedom on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marque_survey.rules.ranking import Group

FALSE_ALARMS = 0.01
LEAST = 20


@dataclass(frozen=True, slots=True)
class Step:
    """How a group differs from those before it: the difference of means, how probable it is by chance, and whether it is a change."""

    change: float = 0.0
    p_value: float = 1.0
    changed: bool = False


NOTHING = Step()


def steps(groups: Sequence[Group]) -> list[Step]:
    """Returns a step for each group of a series in its order."""
    compared = sum(group.count >= LEAST for group in groups) - 1
    base: Group | None = None
    found = []
    for group in groups:
        if group.count < LEAST:
            found.append(NOTHING)
            continue
        step = NOTHING if base is None else _compare(base, group, FALSE_ALARMS / compared)
        base = group if base is None or step.changed else _together(base, group)
        found.append(step)
    return found


def _compare(base: Group, group: Group, level: float) -> Step:
    change = group.mean - base.mean
    freedom = base.count + group.count - 2
    common = ((base.count - 1) * base.variance + (group.count - 1) * group.variance) / freedom
    error = math.sqrt(common * (1 / base.count + 1 / group.count))
    if math.isclose(change, 0.0, abs_tol=1e-9):
        return Step(0.0, 1.0, False)
    p = p_value(change / error, freedom) if error > 0 else 0.0
    return Step(change, p, p <= level)


def p_value(t: float, freedom: int) -> float:
    """Returns how probable it is that Student's t lies so far from 0, on either side."""
    z = (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t * t / freedom))
    return math.erfc(z / math.sqrt(2))


def _together(one: Group, other: Group) -> Group:
    """Two groups as one."""
    count = one.count + other.count
    mean = (one.mean * one.count + other.mean * other.count) / count
    squares = sum(group.variance * (group.count - 1) + group.count * (group.mean - mean) ** 2 for group in (one, other))
    return Group(other.key, count, mean, squares / (count - 1))
