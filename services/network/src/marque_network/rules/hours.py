"""Working hours: read into one canonical form, so that equal hours are equal values, and refused where they make no
sense.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from servicekit.errors import FieldViolation, InvalidArgument
from tradekit.clock import (
    CalendarError,
    CalendarReason,
    CountryCalendar,
    HolidaysUnknown,
    Shift,
    WorkCalendar,
    public_days,
)

# A year for which every country of the tables has its days: it answers whether a country is known, not which days are
# off.
_REFERENCE_YEAR = 2024
_REASONS = {CalendarReason.ORDER: "INTERVAL_REVERSED", CalendarReason.OVERLAP: "INTERVALS_OVERLAP"}


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours as they are stored. Days are numbered from 1 (Monday) to 7, dates are ISO texts, intervals are
    `08:30-12:00`.

    `week` leaves out days off; `exceptions` keeps closed dates. An empty zone means the dealer's.
    """

    time_zone: str = ""
    week: dict[str, list[str]] = field(default_factory=dict)
    holiday_country: str = ""
    exceptions: dict[str, dict[str, Any]] = field(default_factory=dict)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_zone(name: str) -> bool:
    """Tells whether a name is an IANA time zone, in its own spelling."""
    return name in _zones()


def read_hours(
    *,
    time_zone: str,
    week: Sequence[tuple[int, Sequence[str]]],
    holiday_country: str,
    exceptions: Sequence[tuple[date, Sequence[str], str]],
    prefix: str = "calendar",
) -> Hours:
    """Returns hours in canonical form. Raises InvalidArgument that names every wrong part."""
    prefix = f"{prefix}." if prefix else ""
    wrong = [
        *_zone_faults(time_zone, prefix),
        *_faults(f"{prefix}week", [(day, intervals) for day, intervals in week]),
        *_faults(f"{prefix}exceptions", [(day, intervals) for day, intervals, _ in exceptions]),
        *_country_faults(holiday_country, prefix),
    ]
    if wrong:
        raise InvalidArgument(violations=wrong)
    return Hours(
        time_zone=time_zone,
        week={str(day): list(intervals) for day, intervals in sorted(week) if intervals},
        holiday_country=holiday_country,
        exceptions={
            day.isoformat(): {"intervals": list(intervals), "reason": reason}
            for day, intervals, reason in sorted(exceptions)
        },
    )


def work_calendar(hours: Any, version: int = 1) -> WorkCalendar:
    """Returns the hours (`Hours`, or a row with its columns) as the clock reads them, with the public days of their
    country. Raises CalendarError.
    """
    parts: dict[str, Any] = {
        "zone": hours.time_zone,
        "weekly": {int(day) - 1: _shifts(intervals) for day, intervals in hours.week.items()},
        "special_days": {
            date.fromisoformat(day): _shifts(found["intervals"]) for day, found in hours.exceptions.items()
        },
        "version": version,
    }
    if hours.holiday_country:
        return CountryCalendar(**parts, country=hours.holiday_country)
    return WorkCalendar(**parts)


def _shifts(intervals: Sequence[str]) -> list[Shift]:
    return [Shift.parse(text) for text in intervals]


def _faults(place: str, days: Sequence[tuple[Any, Sequence[str]]]) -> Iterator[FieldViolation]:
    seen = set()
    for index, (day, intervals) in enumerate(days):
        if day in seen:
            yield FieldViolation(f"{place}[{index}]", "DAY_REPEATED", "The day is named twice.")
        seen.add(day)
        try:
            WorkCalendar(zone="UTC", weekly={0: _shifts(intervals)})
        except CalendarError as error:
            reason = _REASONS.get(error.reason, "INTERVAL_INVALID")
            text = (
                "An interval ends before it starts."
                if reason == "INTERVAL_REVERSED"
                else "Intervals overlap or are out of order."
            )
            yield FieldViolation(f"{place}[{index}].intervals", reason, text)


def _zone_faults(time_zone: str, prefix: str) -> Iterator[FieldViolation]:
    if time_zone and not is_zone(time_zone):
        yield zone_fault(f"{prefix}time_zone")


def zone_fault(path: str) -> FieldViolation:
    """Returns what a caller is told of a zone that is none."""
    return FieldViolation(path, "TIME_ZONE_UNKNOWN", "Give an IANA time zone, for example Asia/Shanghai.")


def _country_faults(country: str, prefix: str) -> Iterator[FieldViolation]:
    try:
        if country:
            public_days(country, _REFERENCE_YEAR)
    except HolidaysUnknown:
        yield FieldViolation(
            f"{prefix}holiday_country", "HOLIDAY_COUNTRY_UNKNOWN", "The public holidays of this country are not known."
        )
