"""The response clock over nights, holidays, make-up days and changed clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque_customer.rules.response import Hours, calendar_of, due_time, remind_time
from tradekit.clock import CalendarError

WEEK = {str(day): ["09:00-12:00", "13:00-18:00"] for day in range(1, 6)}


def hours(zone: str, *, country: str = "", week: dict[str, list[str]] | None = None, **exceptions: list[str]) -> Hours:
    days = {name.removeprefix("d").replace("_", "-"): shifts for name, shifts in exceptions.items()}
    return Hours(1, zone, WEEK if week is None else week, country, days)


def at(zone: str, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


class TestDueTime:
    @pytest.mark.parametrize(
        ("start", "minutes", "due"),
        [
            ("2026-03-02T09:00", 60, "2026-03-02T10:00"),
            ("2026-03-02T11:30", 60, "2026-03-02T13:30"),  # over noon
            ("2026-03-02T17:30", 60, "2026-03-03T09:30"),  # over night
            ("2026-03-06T17:59", 2, "2026-03-09T09:01"),  # over a weekend
            ("2026-03-07T10:00", 480, "2026-03-09T18:00"),  # from a closed day, a whole day's work
        ],
    )
    def test_only_working_time_counts(self, start: str, minutes: int, due: str) -> None:
        calendar = calendar_of(hours("Europe/Berlin"))
        assert due_time(calendar, at("Europe/Berlin", start), minutes) == at("Europe/Berlin", due)

    def test_a_make_up_working_saturday_counts_and_the_holiday_before_does_not(self) -> None:
        """2024-02-04, a Sunday, was worked for the Spring Festival; 2024-02-12 and -13, Monday and Tuesday, were not."""
        zone = "Asia/Shanghai"
        calendar = calendar_of(hours(zone, country="CN"))
        assert due_time(calendar, at(zone, "2024-02-03T12:00"), 60) == at(zone, "2024-02-04T10:00")
        assert due_time(calendar, at(zone, "2024-02-12T09:00"), 60) == at(zone, "2024-02-18T10:00")

    def test_an_exception_of_the_dealer_goes_before_the_holiday(self) -> None:
        zone = "Asia/Shanghai"
        calendar = calendar_of(hours(zone, country="CN", d2024_02_12=["10:00-11:00"]))
        assert due_time(calendar, at(zone, "2024-02-12T09:00"), 30) == at(zone, "2024-02-12T10:30")

    @pytest.mark.parametrize(
        ("start", "due"),
        [
            (
                "2026-03-28T23:30",
                datetime(2026, 3, 29, 2, 30, tzinfo=UTC),
            ),  # 02:00 to 03:00 is skipped: four hours are not five
            ("2026-10-24T23:30", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),  # 02:00 to 03:00 comes twice
        ],
    )
    def test_hours_that_clocks_skip_or_repeat_are_counted_as_they_pass(self, start: str, due: datetime) -> None:
        zone = "Europe/Berlin"
        always = calendar_of(hours(zone, week={str(day): ["00:00-24:00"] for day in range(1, 8)}))
        began = at(zone, start)
        assert due_time(always, began, 240) == began.astimezone(UTC) + timedelta(hours=4)
        assert due_time(always, began, 240) == due

    def test_a_year_without_published_holidays_is_reckoned_without_them(self) -> None:
        zone = "Asia/Shanghai"
        far = calendar_of(hours(zone, country="CN"))
        assert due_time(far, at(zone, "2090-01-02T09:00"), 60) == at(zone, "2090-01-02T10:00")

    def test_hours_that_never_open_let_nobody_wait_for_ever(self) -> None:
        start = at("UTC", "2026-03-02T09:00")
        assert due_time(calendar_of(hours("UTC", week={})), start, 60) == start + timedelta(hours=1)

    def test_a_dealer_without_hours_has_common_ones(self) -> None:
        calendar = calendar_of(Hours(0, "America/New_York", {}, "", {}))
        zone = "America/New_York"
        assert due_time(calendar, at(zone, "2026-03-07T17:30"), 60) == at(zone, "2026-03-08T09:30")
        assert calendar.version == 0

    def test_a_zone_that_is_none_is_refused(self) -> None:
        with pytest.raises(CalendarError):
            calendar_of(hours(""))

    @given(
        st.integers(
            int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())
        ),
        st.integers(1, 3000),
        st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York"]),
    )
    @settings(max_examples=60, deadline=None)
    def test_more_minutes_are_never_sooner_and_the_reminder_lies_between(
        self, second: int, minutes: int, zone: str
    ) -> None:
        calendar, start = calendar_of(hours(zone)), datetime.fromtimestamp(second, UTC)
        due = due_time(calendar, start, minutes)
        remind = remind_time(calendar, start, minutes, 0.5)
        assert remind is not None
        assert start < remind <= due <= due_time(calendar, start, minutes + 1)
        assert remind_time(calendar, start, minutes, 0) is None
