"""A work calendar that keeps the public days of a country, whichever years a question touches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tradekit.clock.calendar import Shift, WorkCalendar
from tradekit.clock.holidays import public_days


@dataclass(frozen=True, eq=False)
class CountryCalendar(WorkCalendar):
    """Closed on the public holidays of `country` (ISO 3166 alpha-2), open like a Monday on its make-up working days.

    Special days go before both. Years are read as they are reached: an answer that needs a year without a table raises
    `HolidaysUnknown`; one that ends before does not.
    """

    country: str = ""

    def shifts_on(self, day: date) -> Sequence[Shift]:
        """Returns the shifts of one local day, in order. Raises HolidaysUnknown."""
        if day in self.special_days or day in self.holidays:
            return super().shifts_on(day)
        public = public_days(self.country, day.year)
        if day in public.makeup_days:
            return self.weekly.get(0, ())
        return () if day in public.holidays else super().shifts_on(day)
