"""When a car of a demo fleet can be driven: in the dealer's hours, and when nobody else has it. Pure; moments are aware."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tradekit.clock import NeverOpen, WorkCalendar, next_closing, next_opening

LENGTH, STEP = timedelta(minutes=60), timedelta(minutes=30)
FURTHEST = timedelta(days=180)
MOST_SLOTS = 1000
Span = tuple[datetime, datetime]
Slot = tuple[uuid.UUID, datetime, datetime]


def open_spans(calendar: WorkCalendar, start: datetime, end: datetime) -> Iterator[Span]:
    """Yields the stretches of [start, end) in which a dealer is open; shifts that touch are one. Raises HolidaysUnknown where the answer
    needs a year whose public holidays are not known.
    """
    at = start
    while at < end:
        try:
            opens = next_opening(calendar, at)
        except NeverOpen:
            return
        if opens >= end:
            return
        closes = min(next_closing(calendar, opens) or end, end)
        yield opens, closes
        at = closes


def is_open_for(calendar: WorkCalendar, start: datetime, end: datetime) -> bool:
    """Tells whether a dealer is open for the whole of a span. Raises HolidaysUnknown."""
    return next(open_spans(calendar, start, end), None) == (start, end)


def days_of(zone: str, first: date, days: int) -> Span:
    """Returns the beginning of the first local day and the end of the last one."""
    begin = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone))
    last = first + timedelta(days=days)
    return begin, datetime(last.year, last.month, last.day, tzinfo=ZoneInfo(zone))


def slots(
    spans: Iterable[Span],
    taken: Mapping[uuid.UUID, Sequence[Span]],
    length: timedelta,
    not_before: datetime,
) -> Iterator[Slot]:
    """Yields (car, start, end) half an hour apart from each opening on, for each car in `taken` that is free for the whole time."""
    for opens, closes in spans:
        start = opens
        while start + length <= closes:
            end = start + length
            if start >= not_before:
                for car, busy in taken.items():
                    if all(until <= start or since >= end for since, until in busy):
                        yield car, start, end
            start += STEP
