"""Work that time makes due at the campaign service: campaigns that start, the rest of those that were cancelled, and lists that go."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from servicekit.db.due import DueHandler

from marque_campaign.usecases import calendars, launching, lists, marketing_events, value
from marque_campaign.usecases.segments import Days


def handlers(days: Days = Days()) -> Mapping[str, DueHandler]:
    """Returns the due work of this service by its kind; `days` are those by which segments count."""
    return {
        launching.LAUNCH: partial(launching.launch, days=days),
        launching.DRAIN: launching.drain,
        lists.EMPTYING: lists.empty,
        value.WORK: partial(value.renew, days=days),
        marketing_events.REMINDER: marketing_events.remind,
        marketing_events.CALL_OFF: marketing_events.call_off,
        calendars.DATES: calendars.by_date,
        calendars.OCCURRENCES: calendars.by_calendar,
    }
