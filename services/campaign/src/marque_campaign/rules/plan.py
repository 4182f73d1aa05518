"""What was planned, committed and spent, and what it brought, by month, channel and source. Whole minor units of one currency. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from marque.customer.v1 import lead_pb2

CAMPAIGN = "CAMPAIGN"
MOST_MONTHS = 36
_ORIGIN = ("source", "create_time")
Key = tuple[str, int, str]
"""Month as YYYY-MM, number of the channel, source."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Amounts and counts, which add up. `valued`: how much of what was spent stands beside a revenue that somebody stated."""

    planned: int = 0
    committed: int = 0
    spent: int = 0
    leads: int = 0
    test_drives: int = 0
    sales: int = 0
    revenue: int = 0
    valued: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def return_on_investment(self) -> float | None:
        """Revenue less cost over cost, of what somebody said the worth of; None where nothing was spent on it."""
        return (self.revenue - self.valued) / self.valued if self.valued else None

    def cost_per(self, count: int) -> int | None:
        """What one of some cost; None for none."""
        return round(self.spent / count) if count else None


def source_of_leads(number: int) -> str:
    """The source of a plan's lines that stands for a source of leads."""
    return lead_pb2.LeadSource.Name(number).removeprefix("LEAD_SOURCE_")  # type: ignore[arg-type]


def leads_of(told: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns one row of each lead, in the order of their ids: who has it by the newest version, where it came from if that was told."""
    found: dict[uuid.UUID, dict[str, Any]] = {}
    for one in told:
        known = found.setdefault(one["lead_id"], one)
        older, newer = sorted((known, one), key=lambda row: int(row["heard_version"]))
        found[one["lead_id"]] = {**newer, **({} if newer["create_time"] else {name: older[name] for name in _ORIGIN})}
    return [found[key] for key in sorted(found)]


def month_of(day: date) -> str:
    """The month of a day."""
    return f"{day:%Y-%m}"


def months_between(first: str, last: str) -> int:
    """How many months from one to another, both included; less than 1 where they stand the other way round."""
    (year, month), (to_year, to_month) = (map(int, one.split("-")) for one in (first, last))
    return (to_year - year) * 12 + to_month - month + 1


def span(first: str, last: str) -> tuple[date, date]:
    """The first day of the first month, and the first after the last."""
    (year, month), (to_year, to_month) = (map(int, one.split("-")) for one in (first, last))
    return date(year, month, 1), date(to_year + to_month // 12, to_month % 12 + 1, 1)


def added_up(parts: Iterable[tuple[Key, Figures]]) -> tuple[dict[Key, Figures], Figures]:
    """Returns the figures of each key, in their order, and the sum of all."""
    found: dict[Key, Figures] = {}
    total = Figures()
    for key, one in parts:
        found[key] = found.get(key, Figures()) + one
        total += one
    return dict(sorted(found.items())), total
