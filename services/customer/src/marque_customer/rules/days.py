"""A person's own day and quiet hours, in their zone: days of 23 and 25 hours, spans over midnight, midnights that do not exist."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAY = timedelta(days=1)


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """Returns a zone by its IANA name; None where it is empty or unknown, and then nothing may depend on the hour."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def day_of(moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Returns the beginning and the end (exclusive) of the calendar day that a moment falls into, in UTC.

    Where clocks go back over midnight a date comes twice, with another between; then the span reaches over both.
    """
    here = moment.astimezone(zone).date()
    start, end = _midnight(here, zone, 0), _midnight(here + _DAY, zone, 0)
    if moment < start or moment >= end:
        start, end = min(start, _midnight(here, zone, 1)), max(end, _midnight(here + _DAY, zone, 1))
    return start, end


def _midnight(day: date, zone: ZoneInfo, fold: int) -> datetime:
    """The first instant of a date (`fold` 0). Where midnight is skipped this is the instant at which the clocks were changed."""
    return datetime.combine(day, time(0, fold=fold), zone).astimezone(UTC)


def is_quiet(moment: datetime, zone: ZoneInfo, start: int, end: int) -> bool:
    """Tells whether the wall clock shows a minute of the day from `start` on and before `end`; past midnight where `end` is not after it.

    The wall clock decides: an hour that comes twice is quiet twice, one that is skipped never was.
    """
    wall = moment.astimezone(zone)
    minute = wall.hour * 60 + wall.minute
    return start <= minute < end if start < end else minute >= start or minute < end


def quiet_until(moment: datetime, zone: ZoneInfo, start: int, end: int) -> datetime:
    """Returns an instant after `moment`, within two days, at which it is no longer quiet: where the clocks allow, the first."""
    here = moment.astimezone(zone).date()
    ending = time(end // 60, end % 60)
    candidates = sorted(
        datetime.combine(here + _DAY * ahead, ending.replace(fold=fold), zone).astimezone(UTC)
        for ahead in (0, 1, 2)
        for fold in (0, 1)
    )
    later = (at for at in candidates if at > moment and not is_quiet(at, zone, start, end))
    return next(later, moment + _DAY)
