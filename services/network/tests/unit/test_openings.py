from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from marque_network.errors import CalendarNeverOpen, HolidaysNotKnown
from marque_network.rules import papers
from marque_network.rules.openings import CLOSED, OPEN, UNKNOWN, due, measured, opening, state

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)  # Friday, noon in Shanghai


def hours(country: str = "", **week: list[str]) -> Any:
    found = week or {"5": ["09:00-18:00"]}
    return SimpleNamespace(time_zone="Asia/Shanghai", week=found, holiday_country=country, exceptions={}, version=3)


class TestState:
    def test_open_closed_and_not_known(self) -> None:
        assert state(hours(), NOON) == (OPEN, datetime(2026, 11, 20, 10, tzinfo=UTC))
        assert state(hours(), NOON + timedelta(hours=6)) == (CLOSED, None)
        assert state(None, NOON) == (UNKNOWN, None)
        assert state(hours("CN"), NOON.replace(year=2099)) == (UNKNOWN, None)


class TestOpening:
    def test_a_closing_beyond_what_is_known_is_left_out(self) -> None:
        always = hours("CN", **{str(day): ["00:00-24:00"] for day in range(1, 8)})
        found = opening(always, datetime(2026, 12, 31, 12, tzinfo=UTC))
        assert (found.is_open, found.closes) == (True, None)

    def test_what_cannot_be_answered_is_said(self) -> None:
        with pytest.raises(CalendarNeverOpen):
            opening(hours(**{"1": []}), NOON)
        with pytest.raises(HolidaysNotKnown):
            opening(hours("CN"), NOON.replace(year=2099))


class TestDue:
    def test_working_time_passes_and_is_measured_alike(self) -> None:
        end = due(hours(), NOON, 8 * 3600)
        assert end == datetime(2026, 11, 27, 3, tzinfo=UTC)
        assert measured(hours(), NOON, end) == timedelta(hours=8)

    def test_ten_years_are_the_limit(self) -> None:
        with pytest.raises(CalendarNeverOpen):
            due(hours(**{"5": ["09:00-09:01"]}), NOON, 600 * 60)


class TestPapers:
    TODAY = date(2026, 11, 22)

    @pytest.mark.parametrize(
        ("kinds", "held", "expected"),
        [
            ([1], [], [1, 5]),
            ([2], [], [1, 2, 5]),
            ([1, 3], [(1, None), (5, TODAY)], [2]),
            ([1], [(1, TODAY - timedelta(days=1)), (5, None)], [1]),
            ([1], [(1, TODAY - timedelta(days=1)), (1, TODAY), (5, None)], []),
        ],
    )
    def test_what_a_dealer_needs_and_lacks(
        self, kinds: list[int], held: list[papers.Paper], expected: list[int]
    ) -> None:
        assert papers.missing(kinds, held, self.TODAY) == expected

    def test_the_next_end_is_that_of_a_paper_that_still_holds(self) -> None:
        ends = [self.TODAY + timedelta(days=count) for count in (-1, 30, 10)]
        held = [(1, end) for end in ends] + [(5, None)]
        assert papers.next_expiry(held, self.TODAY) == ends[2]
        assert papers.next_expiry([(1, None), (1, ends[0])], self.TODAY) is None
