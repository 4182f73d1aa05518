"""Which clause decides, and up to which day and kilometre."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_vehicle.rules import warranty
from marque_vehicle.rules.warranty import COVERED, EXCLUDED, KILOMETRES_OVER, NO_CLAUSE, NOT_STARTED, TIME_OVER

SOLD = date(2024, 2, 29)


def term(code: str, component: str = "", months: int = 36, km: int = 100_000, **more: Any) -> dict[str, Any]:
    facts = {"make": "", "sold_from": date(2020, 1, 1), "sold_before": None}
    return {"term_code": code, "component_prefix": component, "months": months, "km": km, **facts, **more}


TERMS = [
    term("BASE"),
    term("DRIVE", "ENGINE", months=60, km=0),
    term("PADS", "BRAKES:PADS", months=0),
    term("MARQUE", "ENGINE", months=72, make="Marque"),
    term("OLD", "SEATS", months=1, sold_before=date(2024, 2, 29)),
    term("NEW", "SEATS", months=12, sold_from=date(2024, 2, 29)),
]


class TestCoverage:
    @pytest.mark.parametrize(
        ("component", "make", "code"),
        [
            ("", "Ford", "BASE"), ("ENGINE", "Ford", "DRIVE"), ("engine:oil", "ford", "DRIVE"), ("ENGINES", "Ford", "BASE"),
            ("ENGINE", "MARQUE", "MARQUE"), ("BRAKES:PADS", "Ford", "PADS"), ("BRAKES", "Ford", "BASE"), ("SEATS", "Ford", "NEW"),
        ],
    )  # fmt: skip
    def test_the_closest_clause_decides(self, component: str, make: str, code: str) -> None:
        assert warranty.coverage(TERMS, make, component, SOLD, SOLD, 0).term["term_code"] == code

    @pytest.mark.parametrize(
        ("component", "day", "km", "reason"),
        [
            ("", date(2027, 2, 27), 0, COVERED), ("", date(2027, 2, 28), 0, TIME_OVER), ("", SOLD, 100_000, COVERED),
            ("", SOLD, 100_001, KILOMETRES_OVER), ("ENGINE", date(2029, 2, 27), 900_000, COVERED),
            ("ENGINE", date(2029, 2, 28), 0, TIME_OVER), ("BRAKES:PADS", SOLD, 0, EXCLUDED), ("", date(2024, 2, 28), 0, NOT_STARTED),
        ],
    )  # fmt: skip
    def test_the_last_day_and_the_last_kilometre(self, component: str, day: date, km: int, reason: int) -> None:
        assert warranty.coverage(TERMS, "Ford", component, SOLD, day, km).reason == reason

    def test_without_a_clause_or_a_sale_nothing_is_covered(self) -> None:
        assert warranty.coverage([], "Ford", "", SOLD, SOLD, 0).reason == NO_CLAUSE
        assert warranty.coverage(TERMS, "Ford", "", None, SOLD, 0).reason == NOT_STARTED

    @given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(0, 600))
    def test_months_later_is_that_month_and_never_a_later_day(self, start: date, months: int) -> None:
        found = warranty.months_later(start, months)
        assert (found.year * 12 + found.month) - (start.year * 12 + start.month) == months
        assert found.day <= start.day
