"""Public holidays, and in China the weekends that are worked in exchange, from published tables.

A year without a table is an error, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache


class HolidaysUnknown(LookupError):
    """No table says which days of this country and year are holidays."""

    def __init__(self, country: str, year: int) -> None:
        super().__init__(f"The public holidays of {country} in {year} are not known.")
        self.country = country
        self.year = year


@dataclass(frozen=True, slots=True)
class PublicDays:
    """Days off by law, and weekend days worked in exchange (调休; only China has them)."""

    holidays: frozenset[date]
    makeup_days: frozenset[date] = frozenset()


@lru_cache(maxsize=256)
def public_days(country: str, year: int) -> PublicDays:
    """Returns the public days of a country (ISO 3166 alpha-2) in a year; raises `HolidaysUnknown`.

    China's are announced each November for the next year (`chinesecalendar`, from the State Council's notices); other
    countries' are computed by the `holidays` package, national days only.
    """
    return _china(year) if country.upper() == "CN" else _elsewhere(country.upper(), year)


def _china(year: int) -> PublicDays:
    import chinese_calendar

    off = frozenset(day for day in chinese_calendar.holidays if day.year == year)
    if not off:
        raise HolidaysUnknown("CN", year)
    return PublicDays(off, frozenset(day for day in chinese_calendar.workdays if day.year == year))


def _elsewhere(country: str, year: int) -> PublicDays:
    import holidays

    try:
        found = holidays.country_holidays(country, years=year)
    except NotImplementedError:
        raise HolidaysUnknown(country, year) from None
    if not found:
        raise HolidaysUnknown(country, year)
    return PublicDays(frozenset(found))
