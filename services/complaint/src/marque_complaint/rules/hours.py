"""The working hours by which clocks run: a dealer's, as the network service tells them, or the maker's of the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from tradekit.clock import (
    CalendarError,
    CountryCalendar,
    HolidaysUnknown,
    NeverOpen,
    Shift,
    WorkCalendar,
    add_working_time,
    working_time_between,
)

__all__ = ["CalendarError", "Hours", "NeverOpen", "calendar_of", "maker_calendar", "passed", "reached"]

COMMON_HOURS = (Shift(9 * 60, 18 * 60),)
"""Of a dealer who stated no hours, every day: who complains must not wait for a form."""
_ALWAYS = dict.fromkeys(range(7), (Shift(0, 24 * 60),))


@dataclass(frozen=True, slots=True)
class Hours:
    """A dealer's hours: weekdays 1 (Monday) to 7 and dates (ISO) to shifts `HH:MM-HH:MM`; version 0: none were stated."""

    version: int
    time_zone: str
    week: Mapping[str, Sequence[str]] = field(default_factory=dict)
    holiday_country: str = ""
    exceptions: Mapping[str, Sequence[str]] = field(default_factory=dict)


def calendar_of(hours: Hours) -> WorkCalendar:
    """Returns the calendar of some hours. Raises CalendarError."""
    zone = hours.time_zone or "UTC"
    if not hours.version:
        return WorkCalendar(zone, dict.fromkeys(range(7), COMMON_HOURS), version=0)
    weekly = _weekly(hours.week)
    special = {
        date.fromisoformat(day): [Shift.parse(text) for text in shifts] for day, shifts in hours.exceptions.items()
    }
    if not hours.holiday_country:
        return WorkCalendar(zone, weekly, special_days=special, version=hours.version)
    return CountryCalendar(zone, weekly, special_days=special, version=hours.version, country=hours.holiday_country)


def maker_calendar(zone: str, week: Mapping[str, Sequence[str]]) -> WorkCalendar:
    """Returns the maker's own calendar; without a week it is open day and night. Raises CalendarError."""
    return WorkCalendar(zone or "UTC", _weekly(week) or _ALWAYS, version=0)


def _weekly(week: Mapping[str, Sequence[str]]) -> dict[int, list[Shift]]:
    return {int(day) - 1: [Shift.parse(text) for text in shifts] for day, shifts in week.items()}


def reached(calendar: WorkCalendar, start: datetime, duration: timedelta) -> datetime:
    """Returns when so much working time after `start` is over. Raises NeverOpen.

    Where the public days of a year are not published yet, that year is reckoned without them.
    """
    try:
        return add_working_time(calendar, start, duration)
    except HolidaysUnknown:
        return add_working_time(_plain(calendar), start, duration)


def passed(calendar: WorkCalendar, start: datetime, end: datetime) -> timedelta:
    """Returns the working time from `start` to `end`, by the same rule for public days."""
    try:
        return working_time_between(calendar, start, end)
    except HolidaysUnknown:
        return working_time_between(_plain(calendar), start, end)


def _plain(calendar: WorkCalendar) -> WorkCalendar:
    return WorkCalendar(calendar.zone, calendar.weekly, special_days=calendar.special_days, version=calendar.version)
