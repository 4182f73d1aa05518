"""Between rows and messages of work calendars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from google.type import date_pb2
from marque.network.v1 import calendar_pb2, calendar_service_pb2
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.paging import Page, page_key

from marque_network.mapping.parts import Faults, set_moment
from marque_network.rules.hours import Hours, read_hours
from marque_network.rules.openings import LONGEST, Opening


def hours_of(message: calendar_pb2.WorkCalendar) -> Hours:
    """Returns the hours of a message. Raises InvalidArgument that names every wrong part."""
    return read_hours(
        time_zone=message.time_zone,
        week=[(day.day, _texts(day.intervals)) for day in message.week],
        holiday_country=message.holiday_country,
        exceptions=_exceptions(message, "calendar."),
    )


def _texts(intervals: Iterable[calendar_pb2.WorkInterval]) -> list[str]:
    return [f"{interval.start}-{interval.end}" for interval in intervals]


def _exceptions(message: Any, prefix: str) -> list[tuple[date, list[str], str]]:
    found, wrong = [], []
    for index, one in enumerate(message.exceptions):
        try:
            found.append((date(one.date.year, one.date.month, one.date.day), _texts(one.intervals), one.reason))
        except ValueError:
            place = f"{prefix}exceptions[{index}].date"
            wrong.append(FieldViolation(place, "DATE_INVALID", "Give a calendar date with year, month and day."))
    if wrong:
        raise InvalidArgument(violations=wrong)
    return found


def calendar_message(row: Any, latest: int) -> calendar_pb2.WorkCalendar:
    """Returns the message of a version; `latest` is the number of the latest version of the same hours, of which the
    etag is made.
    """
    message = calendar_pb2.WorkCalendar(
        dealer_id=str(row.dealer_id),
        department=row.department,
        version=row.version,
        time_zone=row.time_zone,
        week=[
            calendar_pb2.WorkDay(day=int(day), intervals=_intervals(found)) for day, found in sorted(row.week.items())
        ],
        holiday_country=row.holiday_country,
        exceptions=[
            calendar_pb2.CalendarException(
                date=_date(date.fromisoformat(day)), intervals=_intervals(found["intervals"]), reason=found["reason"]
            )
            for day, found in sorted(row.exceptions.items())
        ],
        etag=etag_of(latest),
    )
    message.create_time.FromDatetime(row.create_time)
    return message


def latest_message(row: Any) -> calendar_pb2.WorkCalendar:
    """Returns the message of a version that is the latest one."""
    return calendar_message(row, row.version)


def _intervals(texts: Sequence[str]) -> list[calendar_pb2.WorkInterval]:
    parts = (text.partition("-") for text in texts)
    return [calendar_pb2.WorkInterval(start=start, end=end) for start, _, end in parts]


def _date(value: date) -> date_pb2.Date:
    return date_pb2.Date(year=value.year, month=value.month, day=value.day)


def version_key(page: Page) -> tuple[Any, ...] | None:
    """Returns the version after which a page starts."""
    return page_key(page, _number)


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise ValueError
    return value


def version_page(rows: Sequence[Any], page: Page) -> calendar_service_pb2.ListDealerCalendarVersionsResponse:
    """Returns the answer of a list request."""
    shown, token = page.cut(rows, lambda row: (row.version,))
    return calendar_service_pb2.ListDealerCalendarVersionsResponse(
        calendars=[calendar_message(row, row.latest) for row in shown], next_page_token=token
    )


def days_of(request: calendar_service_pb2.CloseDaysRequest) -> dict[str, Any]:
    """Returns the days to write, as `Hours.exceptions`. Raises InvalidArgument that names every wrong part."""
    faults = Faults()
    if not request.region_code and not request.group_code:
        faults.add("region_code", "SCOPE_NEEDED", "Name a region or a group.")
    faults.check()
    hours = read_hours(time_zone="", week=[], holiday_country="", exceptions=_exceptions(request, ""), prefix="")
    return hours.exceptions


def closed_answer(done: Any) -> calendar_service_pb2.CloseDaysResponse:
    """Returns the answer of closed days."""
    return calendar_service_pb2.CloseDaysResponse(
        calendars=[
            calendar_service_pb2.ChangedCalendar(
                dealer_id=str(one.dealer_id), department=one.department, version=one.version
            )
            for one in done.made
        ],
        unchanged=done.unchanged,
        dealer_ids_without_calendar=done.without,
    )


def opening_answer(row: Any, at: datetime, opening: Opening) -> calendar_service_pb2.Opening:
    """Returns whether somebody is there."""
    message = calendar_service_pb2.Opening(
        dealer_id=str(row.dealer_id),
        department=row.department,
        version=row.version,
        time_zone=row.time_zone,
        open=opening.is_open,
    )
    message.time.FromDatetime(at)
    message.open_time.FromDatetime(opening.opens)
    set_moment(message, "close_time", opening.closes)
    return message


def due_answer(row: Any, due: datetime) -> calendar_service_pb2.ComputeDueTimeResponse:
    """Returns by when some working time has passed."""
    message = calendar_service_pb2.ComputeDueTimeResponse(
        department=row.department, version=row.version, time_zone=row.time_zone
    )
    message.due_time.FromDatetime(due)
    return message


def span_of(request: calendar_service_pb2.MeasureWorkingTimeRequest) -> tuple[datetime, datetime]:
    """Returns the two instants of a request. Raises InvalidArgument."""
    faults = Faults()
    start, end = (faults.moment(request, name, name) for name in ("start_time", "end_time"))
    if start is not None and end is not None:
        if end < start:
            faults.add("end_time", "TIMES_REVERSED", "The end lies before the start.")
        elif end - start > LONGEST:
            faults.add("end_time", "SPAN_TOO_LONG", "Ask for ten years at most.")
    faults.check()
    return start, end  # type: ignore[return-value]  # the contract asks for both


def measured_answer(row: Any, worked: timedelta) -> calendar_service_pb2.MeasureWorkingTimeResponse:
    """Returns how much working time lies between two instants."""
    return calendar_service_pb2.MeasureWorkingTimeResponse(
        working_seconds=worked.total_seconds(),
        department=row.department,
        version=row.version,
        time_zone=row.time_zone,
    )
