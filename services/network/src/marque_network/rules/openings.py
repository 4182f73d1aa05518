"""Whether somebody is there, by their hours, and by when a time of theirs has passed. Pure; what cannot be answered is said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tradekit.clock import (
    HolidaysUnknown,
    NeverOpen,
    add_working_time,
    is_open,
    next_closing,
    next_opening,
    working_time_between,
)

from marque_network.errors import CalendarNeverOpen, HolidaysNotKnown
from marque_network.rules.hours import work_calendar

OPEN, CLOSED, UNKNOWN = 1, 2, 3  # the contract's numbers of OpenState
LONGEST = timedelta(days=3660)
# By which department's hours a dealer is open for what it does: the contract's numbers of DealerKind.
DEPARTMENTS = {0: "", 1: "sales", 2: "service", 3: "body-repair", 4: "used-cars"}


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether it is open at an instant, when it is so next, and when it closes then; None within 30 days."""

    is_open: bool
    opens: datetime
    closes: datetime | None


def opening(row: Any, at: datetime) -> Opening:
    """Returns the opening by a row of hours. Raises CalendarNeverOpen, HolidaysNotKnown."""
    calendar = work_calendar(row, row.version)
    try:
        opens = next_opening(calendar, at)
        now = is_open(calendar, at)
    except NeverOpen as error:
        raise CalendarNeverOpen(version=error.version) from error
    except HolidaysUnknown as error:
        raise HolidaysNotKnown(country=error.country, year=error.year) from error
    return Opening(now, opens, _closing(calendar, opens))


def _closing(calendar: Any, opens: datetime) -> datetime | None:
    """A stretch that goes on into a year whose holidays are not known has no known end."""
    try:
        return next_closing(calendar, opens)
    except HolidaysUnknown:
        return None


def state(row: Any, at: datetime) -> tuple[int, datetime | None]:
    """Returns OPEN, CLOSED or UNKNOWN by a row of hours (None: it has none), and when an open one closes."""
    if row is None:
        return UNKNOWN, None
    calendar = work_calendar(row, row.version)
    try:
        return (OPEN, _closing(calendar, at)) if is_open(calendar, at) else (CLOSED, None)
    except HolidaysUnknown:
        return UNKNOWN, None


def due(row: Any, start: datetime, seconds: int) -> datetime:
    """Returns by when some working time has passed. Raises CalendarNeverOpen where it has not within ten years, and
    HolidaysNotKnown.
    """
    try:
        return add_working_time(work_calendar(row, row.version), start, timedelta(seconds=seconds), LONGEST)
    except NeverOpen as error:
        raise CalendarNeverOpen(version=error.version) from error
    except HolidaysUnknown as error:
        raise HolidaysNotKnown(country=error.country, year=error.year) from error


def measured(row: Any, start: datetime, end: datetime) -> timedelta:
    """Returns the working time between two instants. Raises HolidaysNotKnown."""
    try:
        return working_time_between(work_calendar(row, row.version), start, end)
    except HolidaysUnknown as error:
        raise HolidaysNotKnown(country=error.country, year=error.year) from error
