"""Months and bands of mileage by which cars in use are counted. Pure."""

from __future__ import annotations

from datetime import date

BANDS = (0, 20_000, 40_000, 60_000, 100_000, 150_000)  # their lowest kilometres; the contract names them
UNKNOWN = -1  # the band of cars whose odometer was never read
EARLIEST = date(1990, 1, 1)


def band_end(band: int) -> int:
    """Returns the first kilometre above a band; 0 where it has no end, or the mileage is unknown."""
    above = [one for one in BANDS if one > band >= 0]
    return above[0] if above else 0


def first_of(day: date) -> date:
    """Returns the first day of a day's month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """Returns the first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def months(first: date, last: date) -> list[date]:
    """Returns the first days of all months from that of one day to that of another; none where the second lies before."""
    found, month = [], first_of(first)
    while month <= last:
        found.append(month)
        month = next_month(month)
    return found
