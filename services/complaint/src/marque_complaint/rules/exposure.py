"""Complaints set against what they come from: cars sold and visits. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NAMES = {1: "month", 5: "dealer_id", 6: "region_code", 7: "make", 8: "model", 9: "model_year"}
"""What both a case and a sale or visit can be counted by, by the numbers of the contract."""


def beside(
    lines: Iterable[Mapping[str, Any]], exposures: Iterable[Mapping[str, Any]], groups: Sequence[int]
) -> list[dict[str, Any]]:
    """Returns the lines of a report with `sale_count`, `visit_count` and, where there are any, cases for 100 and 1,000 of these.

    Makes and models are matched whatever their capitals: cases write them as they were told.
    """
    names = [NAMES[group] for group in groups if group in NAMES]
    known: dict[tuple[Any, ...], list[int]] = {}
    for row in exposures:
        sums = known.setdefault(_key(row, names), [0, 0])
        sums[0] += row["sale_count"]
        sums[1] += row["visit_count"]
    found = []
    for line in lines:
        sales, visits = known.get(_key(line, names), (0, 0))
        told = {**line, "sale_count": sales, "visit_count": visits}
        if sales:
            told["per_100_sales"] = 100 * line["case_count"] / sales
        if visits:
            told["per_1000_visits"] = 1000 * line["case_count"] / visits
        found.append(told)
    return found


def _key(row: Mapping[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(value.casefold() if isinstance(value := row[name], str) else value for name in names)
