"""Days of a sale: which ones fit each other, and when in time they begin."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EARLIEST = date(1990, 1, 1)
_DELIVERY_WITHIN = timedelta(days=366)


def problem(invoice: date, delivery: date | None, today: date) -> tuple[str, str] | None:
    """Returns (field, sentence) of the first thing that is wrong with a sale's days, or None.

    `today` is that of the server; a day of grace lets dealers east of it invoice their tomorrow.
    """
    if invoice < EARLIEST or invoice > today + timedelta(days=1):
        return "invoice_date", "The invoice lies between 1990 and today."
    if delivery is not None and delivery < EARLIEST:
        return "delivery_date", "The delivery is not before 1990."
    if delivery is not None and delivery > invoice + _DELIVERY_WITHIN:
        return "delivery_date", "The delivery is not more than a year after the invoice."
    return None


@cache
def zone(name: str) -> ZoneInfo:
    """Returns a zone by its IANA name; UTC where it is empty or unknown, as for a dealer whose zone was never told."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def beginning(day: date, zone_name: str) -> datetime:
    """Returns the moment at which a day begins in a zone, in UTC."""
    return datetime.combine(day, time.min, zone(zone_name)).astimezone(UTC)


def after_building(moment: datetime, built: date | None) -> bool:
    """Tells whether something can have happened to a car that was built on a day; wherever on earth that was, and where nobody knows."""
    return built is None or moment >= datetime.combine(built, time.min, UTC) - timedelta(days=1)
