"""When somebody is asked: the dealer's clock counts, also on the days that clocks are moved."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_survey.rules import planning

ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"]


class TestDueOn:
    @given(st.dates(date(2015, 1, 1), date(2035, 1, 1)), st.integers(0, 400), st.sampled_from(ZONES))
    def test_it_is_ten_by_the_dealer_s_clock_on_that_day_whatever_was_moved_meanwhile(
        self, day: date, days: int, zone: str
    ) -> None:
        local = planning.due_on(day, days, zone).astimezone(ZoneInfo(zone))

        assert (local.date(), local.hour, local.minute) == (day + timedelta(days=days), 10, 0)

    @pytest.mark.parametrize(
        ("day", "zone", "hour"),
        [
            (date(2026, 3, 28), "Europe/Berlin", 9),  # the day before clocks go forward
            (date(2026, 3, 29), "Europe/Berlin", 8),
            (date(2026, 10, 24), "Europe/Berlin", 8),
            (date(2026, 10, 25), "Europe/Berlin", 9),
            (date(2026, 10, 25), "Nowhere/Atall", 10),
            (date(2026, 10, 25), "", 10),
        ],
    )
    def test_around_a_moved_clock(self, day: date, zone: str, hour: int) -> None:
        assert planning.due_on(day, 0, zone) == datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


class TestDueAfter:
    @given(st.integers(1_400_000_000, 2_100_000_000), st.integers(0, 400))
    def test_whole_days_pass_whatever_clocks_do(self, second: int, days: int) -> None:
        moment = datetime.fromtimestamp(second, UTC)

        assert planning.due_after(moment, days) - moment == timedelta(days=days)
