"""Whether a component is covered: by the closest clause that holds for the car's sale. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

COVERED, TIME_OVER, KILOMETRES_OVER, EXCLUDED, NO_CLAUSE, NOT_STARTED = range(1, 7)  # the contract's numbers


@dataclass(frozen=True, slots=True)
class Coverage:
    """The answer: why, by which clause (None for none), and the first day on which that clause covers no more."""

    reason: int
    term: Any = None
    end: date | None = None


def months_later(start: date, months: int) -> date:
    """Returns the same day some months later, or the last of that month where it has no such day."""
    count = start.year * 12 + start.month - 1 + months
    year, month = divmod(count, 12)
    for day in (start.day, 30, 29, 28):
        try:
            return date(year, month + 1, day)
        except ValueError:
            continue
    raise AssertionError("a month has 28 days")


def closest(terms: Iterable[Any], make: str, component: str, sold: date) -> Any:
    """Returns the clause that decides: that of the longest path, of the make before one of any, of the latest day, by its code."""
    path = component.upper()
    fitting = [
        one
        for one in terms
        if one["sold_from"] <= sold
        and (one["sold_before"] is None or sold < one["sold_before"])
        and one["make"].upper() in ("", make.upper())
        and _within(path, one["component_prefix"].upper())
    ]
    order = sorted(fitting, key=lambda one: one["term_code"])
    return max(order, key=lambda one: (len(one["component_prefix"]), bool(one["make"]), one["sold_from"]), default=None)


def _within(path: str, prefix: str) -> bool:
    return not prefix or path == prefix or path.startswith((f"{prefix}:", f"{prefix},"))


def coverage(terms: Iterable[Any], make: str, component: str, sold: date | None, day: date, km: int) -> Coverage:
    """Answers for a day and an odometer. The last kilometre of a clause is covered, the day on which its time ends is not."""
    if sold is None or day < sold:
        return Coverage(NOT_STARTED)
    term = closest(terms, make, component, sold)
    if term is None:
        return Coverage(NO_CLAUSE)
    end = months_later(sold, term["months"])
    if not term["months"]:
        return Coverage(EXCLUDED, term, end)
    if day >= end:
        return Coverage(TIME_OVER, term, end)
    if term["km"] and km > term["km"]:
        return Coverage(KILOMETRES_OVER, term, end)
    return Coverage(COVERED, term, end)
