"""Days of birth as one number, YYYYMMDD, with year 0000 where only the birthday is known; 0 where nothing is."""

from __future__ import annotations

import re
from datetime import date

_OLDEST = 1900
_LEAP = 2000
_ISO = re.compile(r"(?:(\d{4})|-)-(\d{2})-(\d{2})")


def number(year: int, month: int, day: int, today: date) -> int:
    """Returns the number of a day of birth. Raises ValueError for no calendar day, the future, or before 1900."""
    checked = date(year or _LEAP, month, day)
    if year and not (year >= _OLDEST and checked <= today):
        raise ValueError("out of range")
    return year * 10000 + month * 100 + day


def parts(value: int) -> tuple[int, int, int]:
    """Returns year, month, day of a number."""
    return value // 10000, value // 100 % 100, value % 100


def from_text(text: str, today: date) -> int:
    """Reads `YYYY-MM-DD` or `--MM-DD`. Raises ValueError."""
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError("not a date")
    return number(int(match[1] or 0), int(match[2]), int(match[3]), today)
