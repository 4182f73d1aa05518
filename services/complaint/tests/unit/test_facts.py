"""What is counted of a case, whose component a path is, and in which months a series is weighed against what."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_complaint.rules import facts, rising, series
from marque_complaint.rules.facts import NOTHING, Guess
from marque_complaint.rules.terms import Components, Term, conflicts

KNOWN = Components(
    [
        Term("SERVICE BRAKES", ("制动系", "BRAKES"), True),
        Term("SERVICE BRAKES:ANTILOCK", ("ABS",), True),
        Term("SERVICE", ("服务态度",)),
    ]
)


def case(**values: Any) -> dict[str, Any]:
    return {
        "case_id": uuid.uuid4(), "receive_time": datetime(2024, 2, 29, 23, 30, tzinfo=UTC), "dealer_id": None, "kind": 1, "severity": 0,
        "make": "M", "model": "One", "model_year": 2020, "place": "", "is_open": False, "cause": "",
        "time_zone": None, "category": "", "components": [],
        "subject": "", "description": "words", "odometer_km": 0, "response_met": False, "response_breach": False,
        "resolution_met": False, "resolution_breach": False, "reopen_count": 0, **values,
    }  # fmt: skip


class TestSystemOf:
    @pytest.mark.parametrize(
        ("path", "system"),
        [
            ("制动系:异响", "SERVICE BRAKES"),
            (" brakes : Pads ", "SERVICE BRAKES"),
            ("ABS:SENSOR", "SERVICE BRAKES"),
            ("service:attitude", "SERVICE"),
            ("BRAKES, NEW", "BRAKES, NEW"),
            ("Something:Else", "SOMETHING"),
            ("", ""),
        ],
    )
    def test_a_path_belongs_to_the_nearest_term_above_it(self, path: str, system: str) -> None:
        assert KNOWN.system_of(path) == system

    def test_only_declared_parts_are_products(self) -> None:
        assert [KNOWN.is_product(one) for one in ("SERVICE BRAKES", "SERVICE", "SOMETHING")] == [True, False, False]

    def test_a_word_claimed_twice_is_named_at_the_later_term(self) -> None:
        assert conflicts([(2, "A", ["x"]), (2, "B", ["X "]), (3, "C", ["x"])]) == [(1, "X ")]


class TestRows:
    def test_each_path_is_a_row_and_one_leads_each_system(self) -> None:
        rows = facts.rows(
            case(components=["BRAKES:A", "ABS", "Radio"]), KNOWN, (Guess("X", 0.9), NOTHING), None, (3, 9)
        )
        assert [(row["component"], row["system"], row["leads_system"]) for row in rows] == [
            ("BRAKES:A", "SERVICE BRAKES", True), ("ABS", "SERVICE BRAKES", False), ("Radio", "RADIO", True),
        ]  # fmt: skip
        assert not any(row["predicted"] for row in rows)
        assert {row["month"] for row in rows} == {date(2024, 2, 1)}

    def test_what_nobody_said_is_predicted_and_marked(self) -> None:
        (row,) = facts.rows(case(category="Told"), KNOWN, (Guess("ENGINE", 0.7), Guess("Other", 0.6)), None, (3, 9))
        assert (row["system"], row["predicted"], row["system_score"]) == ("ENGINE", True, 0.7)
        assert (row["category"], row["category_predicted"], row["category_score"]) == ("Told", False, 0.0)

    def test_words_that_were_erased_keep_what_they_predicted(self) -> None:
        (before,) = facts.rows(case(), KNOWN, (Guess("ENGINE", 0.7), Guess("Other", 0.6)), None, (3, 9))
        (after,) = facts.rows(case(description=""), KNOWN, (NOTHING, NOTHING), before, (4, 10))
        kept = ("system", "predicted", "category", "category_predicted", "suggester_version")
        assert [after[name] for name in kept] == ["ENGINE", True, "Other", True, 3]
        assert after["basis"] == 10

    @pytest.mark.parametrize(
        ("km", "low"), [(0, -1), (1, 0), (19_999, 0), (20_000, 20_000), (149_999, 100_000), (150_000, 150_000)]
    )
    def test_mileage_falls_into_the_bands_of_cars_in_use(self, km: int, low: int) -> None:
        assert facts.band(km) == low

    @pytest.mark.parametrize(
        ("met", "breached", "kept"), [(False, False, 0), (True, False, 1), (True, True, 2), (False, True, 2)]
    )
    def test_a_promise_that_was_broken_is_late_whatever_came_after(self, met: bool, breached: bool, kept: int) -> None:
        assert facts.kept(met, breached) == kept


class TestSeries:
    WINDOW = series.months(series.window_start(date(2026, 6, 16)), date(2026, 6, 16))

    def one(self, told: int = 9) -> series.Candidate:
        cells = [
            series.Cell("M", "One", 2020, "ENGINE", date(2025, 5, 1), told, 2),
            series.Cell("M", "One", 2020, "SALES", date(2025, 5, 1), 4, 0),
        ]
        (found,) = series.candidates(cells, lambda system: system == "ENGINE")
        return found

    def test_a_window_begins_in_january_three_years_ago_and_never_outgrows_the_test(self) -> None:
        assert (self.WINDOW[0], self.WINDOW[-1], len(self.WINDOW)) == (date(2023, 1, 1), date(2026, 6, 1), 42)
        assert len(series.months(series.window_start(date(2026, 12, 31)), date(2026, 12, 31))) == rising.MONTHS

    def test_the_share_is_of_all_complaints_about_the_same_cars(self) -> None:
        found = self.one()
        assert found.totals == {date(2025, 5, 1): 13}
        _, basis, first = series.weigh(found, {}, self.WINDOW, datetime(2026, 6, 16, tzinfo=UTC))
        assert (basis, first) == (series.SHARE, date(2023, 1, 1))

    @pytest.mark.parametrize(
        ("missing", "basis", "first"),
        [
            ([], series.RATE, date(2023, 1, 1)),
            ([date(2026, 6, 1)], series.RATE, date(2023, 1, 1)),
            ([date(2025, 12, 1)], series.RATE, date(2026, 1, 1)),
            ([date(2026, 2, 1)], series.SHARE, date(2023, 1, 1)),
            ([date(2026, 5, 1)], series.SHARE, date(2023, 1, 1)),
        ],
    )
    def test_a_rate_needs_six_unbroken_months_of_cars_in_use(
        self, missing: list[date], basis: int, first: date
    ) -> None:
        cars = {month: 1_000 for month in self.WINDOW if month not in missing}
        found = series.weigh(self.one(), cars, self.WINDOW, datetime(2026, 6, 16, tzinfo=UTC))
        assert found[1:] == (basis, first)

    @given(st.integers(0, 40))
    def test_the_month_of_a_signal_lies_in_the_window(self, at: int) -> None:
        rise = rising.Rise(9.0, at + 1, 1, 9, 0.1, 0.5)
        numbers = series.numbers(self.one(), rise, series.RATE, self.WINDOW[0])
        assert numbers["change_month"] == self.WINDOW[at + 1]
        assert numbers["after_level"] == 500.0
