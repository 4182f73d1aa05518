"""Periods: a month, a quarter or a year, as (year, quarter, month) with zeros for what is not meant."""

from __future__ import annotations

import re
from typing import NamedTuple

_TEXT = re.compile(r"(20[0-9]{2}|2100)(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?", re.ASCII | re.IGNORECASE)


class Span(NamedTuple):
    """A period. `quarter` is set for a quarter only, `month` for a month only."""

    year: int
    quarter: int
    month: int

    @property
    def is_valid(self) -> bool:
        """Tells whether it is one period: not a quarter and a month at once."""
        return (
            2000 <= self.year <= 2100
            and 0 <= self.quarter <= 4
            and 0 <= self.month <= 12
            and not (self.quarter and self.month)
        )

    @property
    def months(self) -> range:
        """The months of which it consists."""
        if self.month:
            return range(self.month, self.month + 1)
        if self.quarter:
            return range(self.quarter * 3 - 2, self.quarter * 3 + 1)
        return range(1, 13)

    def __str__(self) -> str:
        if self.month:
            return f"{self.year}-{self.month:02d}"
        return f"{self.year}-Q{self.quarter}" if self.quarter else str(self.year)


def read(text: str) -> Span | None:
    """Reads `2026`, `2026-Q3` or `2026-07`; None for another text."""
    found = _TEXT.fullmatch(text.strip())
    return Span(int(found[1]), int(found[2] or 0), int(found[3] or 0)) if found else None
