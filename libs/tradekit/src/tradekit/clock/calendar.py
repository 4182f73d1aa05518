"""A work calendar: which hours of which local days somebody is there.

A value: a change is a new version, never an edit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from tradekit.clock.holidays import PublicDays

DAY_MINUTES = 24 * 60


class CalendarReason(StrEnum):
    """Why a calendar was refused."""

    ZONE = "ZONE"
    WEEKDAY = "WEEKDAY"
    TIME = "TIME"
    ORDER = "ORDER"
    OVERLAP = "OVERLAP"


class CalendarError(ValueError):
    """A calendar makes no sense; `field` names the part: zone, weekly[3], special_days[2026-10-01]."""

    def __init__(self, reason: CalendarReason, field_name: str, message: str) -> None:
        super().__init__(f"{field_name}: {message}")
        self.reason = reason
        self.field = field_name


class Shift(NamedTuple):
    """Open from `start` up to but not including `end`, in minutes of the wall clock from 0 (00:00) to 1440 (24:00)."""

    start: int
    end: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `08:30-12:00`; the end of a day is 24:00. Raises `CalendarError`."""
        start, dash, end = text.partition("-")
        if not dash:
            raise CalendarError(CalendarReason.TIME, "shift", "A shift is written as 08:30-12:00.")
        return cls(_minutes(start.strip()), _minutes(end.strip()))

    def __str__(self) -> str:
        return f"{self.start // 60:02d}:{self.start % 60:02d}-{self.end // 60:02d}:{self.end % 60:02d}"


ALL_DAY = Shift(0, DAY_MINUTES)


def _minutes(text: str) -> int:
    hours, colon, minutes = text.partition(":")
    if colon and len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit():
        value = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and value <= DAY_MINUTES:
            return value
    raise CalendarError(CalendarReason.TIME, "shift", "A time of day is written from 00:00 to 24:00.")


@dataclass(frozen=True, eq=False)
class WorkCalendar:
    """Opening hours in one zone (IANA name). `weekly` maps weekdays (0 Monday – 6 Sunday) to shifts; a missing one is
    closed.

    A day in `special_days` has those shifts (none: closed), else a day in `holidays` is closed, else the week
    decides. So a make-up working Saturday is a special day. Shifts of a day are in order and do not overlap; a shift
    over midnight is two shifts, up to 24:00 and from 00:00. Raises `CalendarError`.
    """

    zone: str
    weekly: Mapping[int, Sequence[Shift]]
    holidays: frozenset[date] = frozenset()
    special_days: Mapping[date, Sequence[Shift]] = field(default_factory=dict)
    version: int = 1
    tz: ZoneInfo = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for weekday, shifts in self.weekly.items():
            if weekday not in range(7):
                raise CalendarError(CalendarReason.WEEKDAY, "weekly", "A weekday is 0 (Monday) to 6 (Sunday).")
            _check(f"weekly[{weekday}]", shifts)
        for day, shifts in self.special_days.items():
            _check(f"special_days[{day}]", shifts)
        # Copies: a caller's later change to its own dictionary must not change a version that answers were computed
        # with.
        object.__setattr__(self, "weekly", {weekday: _shifts(shifts) for weekday, shifts in self.weekly.items()})
        object.__setattr__(self, "special_days", {day: _shifts(shifts) for day, shifts in self.special_days.items()})
        object.__setattr__(self, "holidays", frozenset(self.holidays))
        object.__setattr__(self, "tz", _zone(self.zone))

    def shifts_on(self, day: date) -> Sequence[Shift]:
        """Returns the shifts of one local day, in order."""
        if (special := self.special_days.get(day)) is not None:
            return special
        return () if day in self.holidays else self.weekly.get(day.weekday(), ())

    def with_public_days(self, days: PublicDays, makeup_shifts: Sequence[Shift] | None = None) -> WorkCalendar:
        """Returns a next version that is closed on public holidays and open on make-up working days.

        Make-up days get `makeup_shifts`, by default Monday's. Special days that are already there win over both.
        """
        shifts = self.weekly.get(0, ()) if makeup_shifts is None else makeup_shifts
        special = dict.fromkeys(days.makeup_days, shifts) | dict(self.special_days)
        return replace(self, holidays=self.holidays | days.holidays, special_days=special, version=self.version + 1)


def _shifts(shifts: Sequence[Shift]) -> tuple[Shift, ...]:
    return tuple(Shift(*shift) for shift in shifts)


def _check(name: str, shifts: Sequence[Shift]) -> None:
    for start, end in shifts:
        if not (0 <= start <= DAY_MINUTES and 0 <= end <= DAY_MINUTES):
            raise CalendarError(CalendarReason.TIME, name, "A time of day lies outside 00:00 to 24:00.")
        if start >= end:
            raise CalendarError(
                CalendarReason.ORDER, name, "A shift ends before it starts; write one over midnight as two."
            )
    for before, after in pairwise(shifts):
        if before[1] > after[0]:
            raise CalendarError(CalendarReason.OVERLAP, name, "Two shifts overlap or are out of order.")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        # KeyError: no such zone. The others: names that lead out of the zone folder, or to a folder in it.
        raise CalendarError(CalendarReason.ZONE, "zone", "The time zone is not an IANA name.") from error
