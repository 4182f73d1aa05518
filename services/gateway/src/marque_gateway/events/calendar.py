"""A session as an entry of a calendar (RFC 5545), which replaces the one before by its id and sequence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from icalendar import Calendar, Event

MEDIA_TYPE = "text/calendar; charset=utf-8"
_CANCELLED = 3


def entry(page: Any, session: Any, address: str) -> bytes:
    """Returns the entry of a registration (an `EventPage` and the session of it); one that was taken back cancels it."""
    calendar, event = Calendar(), Event()
    gone = page.registration_state == _CANCELLED
    calendar.add("prodid", "-//Marque//Events//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if gone else "PUBLISH")
    event.add("uid", f"{page.calendar_id}@events.marque")
    event.add("sequence", page.calendar_sequence)
    event.add("dtstamp", datetime.now(UTC))
    event.add("dtstart", session.start_time.ToDatetime(UTC))
    event.add("dtend", session.end_time.ToDatetime(UTC))
    event.add("summary", page.name)
    event.add("location", page.place)
    event.add("url", address)
    event.add("status", "CANCELLED" if gone else "CONFIRMED" if page.registration_state == 1 else "TENTATIVE")
    calendar.add_component(event)
    found: bytes = calendar.to_ical()
    return found
