"""Who is asked, and when. Chosen by what happened and never by chance, so that the same event always gives the same answer."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

OLD = timedelta(days=7)
"""What was due longer ago is old news, such as an import of past visits: nobody is asked about it."""
_HOUR = time(10)


def is_sampled(plan_id: str, occurrence: str, permille: int) -> bool:
    """Tells whether something that happened is among the sample of a plan; 0 means all."""
    if permille in (0, 1000):
        return True
    drawn = hashlib.sha256(f"{plan_id}:{occurrence}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") % 1000 < permille


def due_after(moment: datetime, days: int) -> datetime:
    """Returns when to ask about something that ended at a moment."""
    return moment + timedelta(days=days)


def due_on(day: date, days: int, zone: str) -> datetime:
    """Returns when to ask about something of a day: at ten in the morning of the dealer's zone, on the day that many days later."""
    try:
        where = ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        where = ZoneInfo("UTC")
    return datetime.combine(day + timedelta(days=days), _HOUR, where).astimezone(UTC)


def is_old(due: datetime, now: datetime) -> bool:
    """Tells whether it is too late to begin to ask."""
    return due + OLD < now


def period_of(due: datetime) -> date:
    """Returns the month whose quota an invitation takes: its first day, in UTC."""
    return due.astimezone(UTC).date().replace(day=1)
