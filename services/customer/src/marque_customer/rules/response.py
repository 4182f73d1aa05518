"""The response clock of a lead: in the dealer's working time, by the hours that the dealer stated, or else by common ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tradekit.clock import (
    CountryCalendar,
    HolidaysUnknown,
    NeverOpen,
    Shift,
    WorkCalendar,
    add_working_time,
)

COMMON_HOURS = (Shift(9 * 60, 18 * 60),)
"""Of a dealer who never stated hours, every day: the lead of somebody who waits must not wait for a form."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of a dealer as network tells them: weekdays 1 (Monday) to 7 and dates (ISO) to shifts `HH:MM-HH:MM`; version 0: none."""

    version: int
    time_zone: str
    week: Mapping[str, Sequence[str]]
    holiday_country: str
    exceptions: Mapping[str, Sequence[str]]


def calendar_of(hours: Hours) -> WorkCalendar:
    """Returns the calendar of some hours. Raises CalendarError for a zone that is none."""
    if not hours.version:
        return WorkCalendar(hours.time_zone, dict.fromkeys(range(7), COMMON_HOURS), version=0)
    weekly = {int(day) - 1: [Shift.parse(text) for text in shifts] for day, shifts in hours.week.items()}
    special = {
        date.fromisoformat(day): [Shift.parse(text) for text in shifts] for day, shifts in hours.exceptions.items()
    }
    if not hours.holiday_country:
        return WorkCalendar(hours.time_zone, weekly, special_days=special, version=hours.version)
    return CountryCalendar(
        hours.time_zone, weekly, special_days=special, version=hours.version, country=hours.holiday_country
    )


def due_time(calendar: WorkCalendar, start: datetime, minutes: float) -> datetime:
    """Returns when so many working minutes after `start` are over.

    Where the public days of a year are not published yet, that year is reckoned without them; where a calendar never opens again,
    minutes are those of the clock on the wall: a lead never waits for ever.
    """
    duration = timedelta(minutes=minutes)
    try:
        return add_working_time(calendar, start, duration)
    except HolidaysUnknown:
        plain = WorkCalendar(
            calendar.zone, calendar.weekly, special_days=calendar.special_days, version=calendar.version
        )
        return due_time(plain, start, minutes)
    except NeverOpen:
        return start + duration


def remind_time(calendar: WorkCalendar, start: datetime, minutes: float, share: float) -> datetime | None:
    """Returns when the adviser is reminded; None for never."""
    return due_time(calendar, start, minutes * share) if 0 < share < 1 else None
