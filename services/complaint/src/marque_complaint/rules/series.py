"""The series of months in which defects are looked for: complaints about a component of a model year, and what they are weighed against."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from marque_complaint.rules import rising

RATE, SHARE = 1, 2
FEWEST = 5
"""A series with fewer complaints in the window is not weighed: it would hardly stand out."""
_FEWEST_MONTHS = 6
_PER = 1000
Key = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class Cell:
    """The complaints of a month about a component of a model year, and for how many of these the component is only predicted."""

    make: str
    model: str
    model_year: int
    system: str
    month: date
    told: int
    predicted: int


@dataclass(slots=True)
class Candidate:
    """A series: what it is about, its complaints by month with those predicted, and all complaints about the same cars by month."""

    key: Key
    told: dict[date, int] = field(default_factory=dict)
    predicted: dict[date, int] = field(default_factory=dict)
    totals: dict[date, int] = field(default_factory=dict)

    @property
    def is_weighed(self) -> bool:
        """Tells whether there are enough complaints to look at."""
        return sum(self.told.values()) >= FEWEST


def window_start(today: date) -> date:
    """Returns the first month that is looked at: January three years ago, so that a window lasts a calendar year before it moves on."""
    return date(today.year - 3, 1, 1)


def months(first: date, today: date) -> list[date]:
    """Returns the first days of the months from one to that of today."""
    count = (today.year - first.year) * 12 + today.month - first.month + 1
    return [date(first.year + at // 12, at % 12 + 1, 1) for at in range(count)]


def candidates(cells: Iterable[Cell], is_product: Callable[[str], bool]) -> list[Candidate]:
    """Returns the series of parts of cars, in the order of what they are about."""
    found: dict[Key, Candidate] = {}
    totals: dict[tuple[str, str, int], dict[date, int]] = {}
    for cell in cells:
        key = (cell.make, cell.model, cell.model_year, cell.system)
        line = totals.setdefault(key[:3], {})
        line[cell.month] = line.get(cell.month, 0) + cell.told
        one = found.setdefault(key, Candidate(key, totals=line))
        one.told[cell.month] = cell.told
        one.predicted[cell.month] = cell.predicted
    return sorted((one for one in found.values() if is_product(one.key[3])), key=lambda one: one.key)


def weigh(
    one: Candidate, cars: Mapping[date, int], window: Sequence[date], moment: datetime
) -> tuple[rising.Rise | None, int, date]:
    """Weighs a series against cars in use where these are known for six months up to now, else by its share; returns the first month too.

    The running month counts with the part of it that has passed.
    """
    known = _known(cars, window)
    if len(known) >= _FEWEST_MONTHS:
        sizes = [float(cars[month]) for month in known]
        sizes[-1] *= _passed(known[-1], moment)
        return rising.by_rate([one.told.get(month, 0) for month in known], sizes), RATE, known[0]
    told = [one.told.get(month, 0) for month in window]
    return rising.by_share(told, [one.totals.get(month, 0) for month in window]), SHARE, window[0]


def _known(cars: Mapping[date, int], window: Sequence[date]) -> list[date]:
    """The unbroken months for which cars in use are known, up to the running one, or the one before where that is not counted yet."""
    found: list[date] = []
    for month in reversed(window if cars.get(window[-1]) else window[:-1]):
        if not cars.get(month):
            break
        found.append(month)
    return found[::-1]


def _passed(month: date, moment: datetime) -> float:
    """The part of a month that has passed by a moment; at least a tenth of a day, so that no rate is divided by nothing."""
    begin = datetime(month.year, month.month, 1, tzinfo=UTC)
    days = (moment - begin).total_seconds() / 86_400
    return min(max(days, 0.1) / monthrange(month.year, month.month)[1], 1.0)


def numbers(one: Candidate, rise: rising.Rise, basis: int, first: date) -> dict[str, Any]:
    """Returns the columns of a signal."""
    at = first.month - 1 + rise.month
    change = date(first.year + at // 12, at % 12 + 1, 1)
    scale = _PER if basis == RATE else 1
    return {
        "basis": basis,
        "change_month": change,
        "before_count": rise.before_count,
        "after_count": rise.after_count,
        "predicted_count": sum(count for month, count in one.predicted.items() if month >= change),
        "before_level": rise.before_level * scale,
        "after_level": rise.after_level * scale,
        "log_evidence": rise.log_evidence,
        "false_alarm_rate": rising.FALSE_ALARMS,
    }
