"""Work calendars: when somebody is there, and how much working time lies between two instants."""

from tradekit.clock.arithmetic import (
    NeverOpen,
    add_working_time,
    is_open,
    next_closing,
    next_opening,
    working_time_between,
)
from tradekit.clock.calendar import CalendarError, CalendarReason, Shift, WorkCalendar
from tradekit.clock.country import CountryCalendar
from tradekit.clock.holidays import HolidaysUnknown, PublicDays, public_days

__all__ = [
    "CalendarError",
    "CalendarReason",
    "CountryCalendar",
    "HolidaysUnknown",
    "NeverOpen",
    "PublicDays",
    "Shift",
    "WorkCalendar",
    "add_working_time",
    "is_open",
    "next_closing",
    "next_opening",
    "public_days",
    "working_time_between",
]
