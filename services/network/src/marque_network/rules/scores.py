"""Scores of dealers: what was reached in each KPI, weighed by a model. The rule stands at `DealerScore` in the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from marque_network.rules.periods import Span

SUM, MEAN, LAST = 1, 2, 3  # the contract's numbers of KpiSummary
NEEDED_COVERAGE = 0.5


@dataclass(frozen=True, slots=True)
class Item:
    """How much a KPI counts: nothing is earned at `floor`, all at `goal`; `summary` makes longer periods of months."""

    kpi_code: str
    weight: float
    floor: float
    goal: float
    summary: int


@dataclass(frozen=True, slots=True)
class Reached:
    """What was reached in a period, made of `months` months; 0 for a value that was given for the whole period."""

    value: float
    months: int


@dataclass(frozen=True, slots=True)
class Scored:
    """What one KPI adds, 0 to 100."""

    item: Item
    reached: Reached | None
    score: float


@dataclass(frozen=True, slots=True)
class Score:
    """A score, 0 to 100, None where too little is known; the share of the weights that have values; the parts."""

    score: float | None
    coverage: float
    parts: Sequence[Scored]


def reached(period: Span, summary: int, values: Mapping[Span, float]) -> Reached | None:
    """Returns what was reached in a period: the value that was given for it, else made of those of its months."""
    if period in values:
        return Reached(values[period], 0)
    months = [Span(period.year, 0, month) for month in period.months]
    found = [values[month] for month in months if month in values]
    if not found:
        return None
    made = sum(found) if summary == SUM else fmean(found) if summary == MEAN else found[-1]
    return Reached(float(made), len(found))


def earned(item: Item, value: float) -> float:
    """Returns what a value earns, 0 to 100."""
    share = (value - item.floor) / (item.goal - item.floor)
    return 100 * min(1.0, max(0.0, share))


def score(
    items: Sequence[Item], period: Span, values: Mapping[str, Mapping[Span, float]], needed_coverage: float = 0.0
) -> Score:
    """Returns the score of one dealer; `values` by KPI and period."""
    parts = []
    for item in items:
        found = reached(period, item.summary, values.get(item.kpi_code, {}))
        parts.append(Scored(item, found, earned(item, found.value) if found else 0.0))
    known = [part for part in parts if part.reached is not None]
    weight, whole = sum(part.item.weight for part in known), sum(item.weight for item in items)
    coverage = weight / whole
    if not known or coverage < (needed_coverage or NEEDED_COVERAGE):
        return Score(None, coverage, parts)
    return Score(sum(part.item.weight * part.score for part in known) / weight, coverage, parts)
