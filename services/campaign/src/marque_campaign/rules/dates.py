"""Days and hours of campaigns: anniversaries, local hours where clocks are changed, occurrences that come again. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, YEARLY, rrule

BIRTHDAY, NEXT_SERVICE, WARRANTY_END, SOLD, HOLDING_END, HOLDING_RENEWAL = ALL = range(1, 7)
OF_CARS = {NEXT_SERVICE: "next_service_date", WARRANTY_END: "warranty_end_date", SOLD: "sold_date"}
OF_HOLDINGS = {HOLDING_END: "end_date", HOLDING_RENEWAL: "renewal_date"}
CATCH_UP_DAYS = 7
"""For so many days a date that came to be known late, or that fell while nothing ran, is still written about."""
APART_DAYS = 2
"""At any moment the calendar shows, somewhere, a day that is so many days before or after that of a zone, and never more."""
DEFAULT_LATE_HOURS = 24
_FREQUENCIES = {1: DAILY, 2: WEEKLY, 3: MONTHLY, 4: YEARLY}


def later(day: date, years: int) -> date:
    """The same day some years later; of 29 February the 28th where a year has none."""
    year = day.year + years
    if (day.month, day.day) == (2, 29) and not calendar.isleap(year):
        return date(year, 2, 28)
    return day.replace(year=year)


def birthday(month: int, day: int, year: int) -> date | None:
    """The birthday of a year; None for what is no day of the calendar."""
    try:
        return later(date(2000, month, day), year - 2000)
    except ValueError:
        return None


def born_on(day: date) -> list[tuple[int, int]]:
    """The months and days of birth of those whose birthday is celebrated on a day."""
    found = [(day.month, day.day)]
    if (day.month, day.day) == (2, 28) and not calendar.isleap(day.year):
        found.append((2, 29))
    return found


def sold_on(day: date, years: int) -> list[date]:
    """The days of sale of what was sold some years before a day."""
    if day.year - years < 1:
        return []
    found = [] if (day.month, day.day) == (2, 29) and not calendar.isleap(day.year - years) else [later(day, -years)]
    if (day.month, day.day) == (2, 28) and not calendar.isleap(day.year) and calendar.isleap(day.year - years):
        found.append(date(day.year - years, 2, 29))
    return found


def zone_or(name: str | None, otherwise: str) -> str:
    """Returns a zone by its IANA name; `otherwise` where there is none, or none of this name is known here."""
    try:
        return ZoneInfo(name).key if name else otherwise
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return otherwise


def at_minute(day: date, minute: int, zone: str) -> datetime:
    """The moment of a minute of a day in a zone: one that the day does not have comes an hour later, of one that comes twice the first."""
    local = datetime.combine(day, time(minute // 60, minute % 60), ZoneInfo(zone))
    return local.astimezone(UTC)


def next_minute(moment: datetime, minute: int, zone: str) -> datetime:
    """The first moment from one on at which a minute of the day comes in a zone, as `at_minute` says when: an hour that comes twice in a
    day is over after the first.
    """
    day = moment.astimezone(ZoneInfo(zone)).date()
    found = at_minute(day, minute, zone)
    return found if found >= moment else at_minute(day + timedelta(days=1), minute, zone)


def whose_hour_came(
    day: date, minute: int, zones: Mapping[str, str], since: datetime | None, until: datetime
) -> list[str]:
    """Returns the names for whose zones (name → zone) a minute of a day came until a moment, and not before another where that is given."""
    found = {name: at_minute(day, minute, zone) for name, zone in zones.items()}
    return [name for name, moment in found.items() if moment <= until and (since is None or moment >= since)]


def days_later(moment: datetime, days: int, zone: str) -> datetime:
    """The same hour some days later, by the calendar of a zone: also where a day has 23 or 25 hours."""
    local = moment.astimezone(ZoneInfo(zone))
    return (local.replace(tzinfo=None) + timedelta(days=days)).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How a campaign comes again: a frequency of the contract, every so many, and its end (0 and None for none)."""

    frequency: int
    interval: int = 1
    count: int = 0
    until: date | None = None
    late_hours: int = DEFAULT_LATE_HOURS

    def occurrences(self, start: datetime, zone: str) -> Iterator[datetime]:
        """The moments from the first on, by the local hour of the start."""
        first = start.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        days: dict[str, object] = {}
        # The last of the days up to that of the start, so that a month that has none of it is not left out.
        if self.frequency == 3:
            days = {"bymonthday": range(min(first.day, 28), first.day + 1), "bysetpos": -1}
        elif self.frequency == 4:
            days = {"bymonth": first.month, "bymonthday": range(min(first.day, 28), first.day + 1), "bysetpos": -1}
        until = datetime.combine(self.until, time.max) if self.until is not None else None
        made = rrule(
            _FREQUENCIES[self.frequency], dtstart=first, interval=self.interval or 1, until=until, **days
        )  # fmt: skip
        for number, local in enumerate(made):
            if self.count and number >= self.count:
                return
            yield local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)

    def at(self, start: datetime, zone: str, number: int) -> datetime | None:
        """The moment of an occurrence, from 0; None where there is none any more."""
        return next((moment for place, moment in enumerate(self.occurrences(start, zone)) if place == number), None)

    def is_late(self, due: datetime, now: datetime) -> bool:
        """Tells whether an occurrence is left out because its time is too long ago."""
        return now - due > timedelta(hours=self.late_hours or DEFAULT_LATE_HOURS)
