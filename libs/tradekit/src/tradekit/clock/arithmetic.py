"""Working-time arithmetic: pure functions of a calendar and instants.

The rule, also where clocks change: **an instant is open when the wall clock of the zone then reads a time inside a
shift of that local day.** So an hour that the clock skips is not worked, and an hour that it shows twice is worked
twice. All sums are of real (UTC) time.

Instants must be aware; results are in UTC. Each function walks the zone's stretches of constant offset, one day
at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tradekit.clock.calendar import DAY_MINUTES, WorkCalendar

SEARCH_DAYS = 400
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_ZERO = timedelta(0)
_MIDNIGHT = datetime.min.time()
# Wall-clock times as distances from midnight, by minute: cheaper than a new timedelta for each shift of each day.
_SINCE_MIDNIGHT = tuple(timedelta(minutes=minute) for minute in range(DAY_MINUTES + 1))
_Span = tuple[datetime, datetime]


class NeverOpen(Exception):
    """A calendar has no open moment within `SEARCH_DAYS` after an instant, so no answer can be given."""

    def __init__(self, version: int) -> None:
        super().__init__(f"The work calendar (version {version}) is closed for {SEARCH_DAYS} days on end.")
        self.version = version


def is_open(calendar: WorkCalendar, instant: datetime) -> bool:
    """Says whether the calendar is open at an aware instant."""
    local = _utc(instant).replace(tzinfo=UTC).astimezone(calendar.tz)
    minute = local.hour * 60 + local.minute
    return any(start <= minute < end for start, end in calendar.shifts_on(local.date()))


def next_opening(calendar: WorkCalendar, instant: datetime) -> datetime:
    """Returns the instant itself when open, else the next one that is; raises `NeverOpen`."""
    start = _utc(instant)
    for opens, _ in _spans(calendar, start, start + SEARCH_DAYS * _DAY):
        return opens.replace(tzinfo=UTC)
    raise NeverOpen(calendar.version)


def next_closing(calendar: WorkCalendar, instant: datetime, within: timedelta = timedelta(days=30)) -> datetime | None:
    """Returns the end of the open stretch that holds the instant or, when it is closed, of the next one; shifts that touch
    are one stretch. None when that stretch goes on for longer than `within` from then. Raises `NeverOpen`.
    """
    opened = next_opening(calendar, instant)
    at, horizon = _utc(opened), _utc(opened) + within
    for opens, closes in _spans(calendar, at, horizon):
        if opens > at:
            break
        at = closes
    return None if at >= horizon else at.replace(tzinfo=UTC)


def add_working_time(
    calendar: WorkCalendar, instant: datetime, duration: timedelta, within: timedelta | None = None
) -> datetime:
    """Returns the earliest instant by which `duration` of working time has passed; the instant itself for zero.

    A duration that is used up at closing time ends at closing time, not at the next opening. Raises `NeverOpen`, also
    where it is not used up `within` a time, and ValueError for a negative duration.
    """
    if duration < _ZERO:
        raise ValueError("The working time to add is negative.")
    at, left = _utc(instant), duration
    last = None if within is None else at + within
    if not left:
        return at.replace(tzinfo=UTC)
    while True:
        horizon = at + SEARCH_DAYS * _DAY
        if last is not None:
            horizon = min(horizon, last)
        found = False
        for opens, closes in _spans(calendar, at, horizon):
            if left <= closes - opens:
                return (opens + left).replace(tzinfo=UTC)
            left -= closes - opens
            found = True
        if not found:
            raise NeverOpen(calendar.version)
        at = horizon


def working_time_between(calendar: WorkCalendar, start: datetime, end: datetime) -> timedelta:
    """Returns the open time from `start` up to `end`; raises ValueError when `end` is before `start`."""
    if end < start:
        raise ValueError("The end lies before the start.")
    return sum((closes - opens for opens, closes in _spans(calendar, _utc(start), _utc(end))), _ZERO)


def _utc(instant: datetime) -> datetime:
    """Naive UTC inside this module: arithmetic on aware values of one zone is wall-clock arithmetic, and slower."""
    if instant.tzinfo is None:
        raise ValueError("The instant has no time zone.")
    return instant.astimezone(UTC).replace(tzinfo=None)


def _spans(calendar: WorkCalendar, start: datetime, end: datetime) -> Iterator[_Span]:
    """Yields the open stretches within [start, end) in naive UTC, in order, none empty; neighbours may touch."""
    for since, until, offset in _stretches(calendar.tz, start, end):
        first, last = since + offset, until + offset
        day = first.date()
        while (midnight := datetime.combine(day, _MIDNIGHT)) < last:
            for shift in calendar.shifts_on(day):
                opens = max(midnight + _SINCE_MIDNIGHT[shift.start], first)
                closes = min(midnight + _SINCE_MIDNIGHT[shift.end], last)
                if opens < closes:
                    yield opens - offset, closes - offset
            day += _DAY


def _stretches(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Cuts [start, end) into pieces of at most one day in which the zone's offset is constant.

    Offsets are compared at the ends of each piece: no zone has changed its clocks twice within 24 hours and back.
    """
    at, offset = start, _offset(zone, start)
    while at < end:
        # Up to the next local midnight, so that most pieces lie in one local day.
        until = min(datetime.combine((at + offset).date() + _DAY, _MIDNIGHT) - offset, end)
        offset_then = _offset(zone, until)
        if offset_then != offset:
            until, offset_then = _change(zone, at, until)
        if until > at:
            yield at, until, offset
        at, offset = until, offset_then


def _offset(zone: ZoneInfo, utc: datetime) -> timedelta:
    offset = utc.replace(tzinfo=UTC).astimezone(zone).utcoffset()
    assert offset is not None, "a ZoneInfo always knows its offset"
    return offset


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> tuple[datetime, timedelta]:
    """Returns the first whole second after `before` at which the offset differs from the one at `before`, with the
    new offset.
    """
    offset = _offset(zone, before)
    low, high = before.replace(microsecond=0), after.replace(microsecond=0) + (_SECOND if after.microsecond else _ZERO)
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if _offset(zone, middle) == offset:
            low = middle
        else:
            high = middle
    return high, _offset(zone, high)
