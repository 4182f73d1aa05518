"""When a visit can begin: by the station's hours and by what is free. Pure; moments are aware."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from tradekit.clock import (
    CountryCalendar,
    HolidaysUnknown,
    NeverOpen,
    Shift,
    WorkCalendar,
    next_closing,
    next_opening,
)

BAY, ADVISER, LOAN_CAR = 1, 2, 3
WORDS = {BAY: "bay", ADVISER: "adviser", LOAN_CAR: "loan car"}
DEFAULT_MINUTES, SHORTEST_MINUTES, DEFAULT_STEP = 60, 15, 30
MAX_SLOTS = 1000
FURTHEST = timedelta(days=366)
Span = tuple[datetime, datetime]

__all__ = ["HolidaysUnknown", "Hours", "Policy", "Resource", "Slot", "free", "open_spans", "slots"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How long before a visit its reminder is due, and how long after the beginning who has not come has missed it."""

    reminder: timedelta = timedelta(hours=24)
    grace: timedelta = timedelta(minutes=60)

    def remind_time(self, start: datetime, now: datetime) -> datetime | None:
        """Returns when to remind: not at all of a visit that begins sooner than that."""
        at = start - self.reminder
        return at if at > now else None


@dataclass(frozen=True, slots=True)
class Hours:
    """One version of a station's hours. Days are numbered from 1 (Monday) to 7, dates are ISO texts, intervals are `08:30-12:00`."""

    dealer_id: uuid.UUID
    department: str
    version: int
    time_zone: str
    week: dict[str, list[str]] = field(default_factory=dict)
    holiday_country: str = ""
    exceptions: dict[str, list[str]] = field(default_factory=dict)

    def calendar(self) -> WorkCalendar:
        """Returns the hours as the clock reads them."""
        parts: dict[str, Any] = {
            "zone": self.time_zone,
            "weekly": {int(day) - 1: _shifts(found) for day, found in self.week.items()},
            "special_days": {date.fromisoformat(day): _shifts(found) for day, found in self.exceptions.items()},
            "version": self.version,
        }
        if self.holiday_country:
            return CountryCalendar(**parts, country=self.holiday_country)
        return WorkCalendar(**parts)


@dataclass(frozen=True, slots=True)
class Resource:
    """Something of a station that is given away, with the spans in which it is taken."""

    resource_id: uuid.UUID
    kind: int
    taken: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """A time at which a visit can begin, and how much of each kind is free for all of it."""

    start: datetime
    end: datetime
    free: Mapping[int, int]


def _shifts(texts: Iterable[str]) -> list[Shift]:
    return [Shift.parse(text) for text in texts]


def open_spans(calendar: WorkCalendar, start: datetime, end: datetime) -> Iterator[Span]:
    """Yields the stretches of [start, end) in which the station is open; shifts that touch are one. Raises HolidaysUnknown where the
    answer needs a year whose public holidays are not known.
    """
    at = start
    while at < end:
        try:
            opens = next_opening(calendar, at)
        except NeverOpen:
            return
        if opens >= end:
            return
        closes = min(next_closing(calendar, opens) or end, end)
        yield opens, closes
        at = closes


def is_open_for(calendar: WorkCalendar, start: datetime, end: datetime) -> bool:
    """Tells whether the station is open for the whole of a span. Raises HolidaysUnknown."""
    return next(open_spans(calendar, start, end), None) == (start, end)


def free(resources: Iterable[Resource], start: datetime, end: datetime) -> dict[int, int]:
    """Returns how much of each kind is free for a whole span."""
    found = {BAY: 0, ADVISER: 0, LOAN_CAR: 0}
    for one in resources:
        if all(until <= start or since >= end for since, until in one.taken):
            found[one.kind] += 1
    return found


def slots(
    spans: Iterable[Span], resources: Sequence[Resource], length: timedelta, step: timedelta, wished: Set[int]
) -> Iterator[Slot]:
    """Yields the times at which a visit can begin, a step apart from each opening on: a bay is free, an adviser where the station has
    any, and what is wished for.
    """
    needed = {BAY} | {one.kind for one in resources if one.kind == ADVISER} | wished
    for opens, closes in spans:
        start = opens
        while start + length <= closes:
            found = free(resources, start, start + length)
            if all(found[kind] for kind in needed):
                yield Slot(start, start + length, found)
            start += step
