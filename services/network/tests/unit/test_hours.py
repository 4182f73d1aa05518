from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_network.rules.hours import is_zone, read_hours, work_calendar
from servicekit.errors import InvalidArgument
from tradekit.clock import is_open


def read(**fields: Any) -> Any:
    return read_hours(**{"time_zone": "Asia/Shanghai", "week": [], "holiday_country": "", "exceptions": [], **fields})


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


@st.composite
def days(draw: st.DrawFn) -> list[str]:
    """Intervals of a day in order, which do not overlap but may touch."""
    marks = sorted(draw(st.lists(st.integers(0, 1440), unique=True, max_size=8)))
    return [f"{clock(start)}-{clock(end)}" for start, end in zip(marks[::2], marks[1::2], strict=False)]


weeks = st.dictionaries(st.integers(1, 7), days(), max_size=7)


class TestReadHours:
    @given(weeks, st.randoms())
    def test_the_order_of_days_and_days_off_make_no_difference(self, week: dict[int, list[str]], dice: Any) -> None:
        mixed = list(week.items())
        dice.shuffle(mixed)
        without_days_off = [(day, intervals) for day, intervals in week.items() if intervals]
        assert read(week=mixed) == read(week=without_days_off)

    @given(weeks, st.integers(0, 6), st.integers(0, 1439))
    def test_the_clock_reads_them_as_they_were_written(self, week: dict[int, list[str]], day: int, minute: int) -> None:
        calendar = work_calendar(read(time_zone="UTC", week=list(week.items())))
        moment = datetime(2026, 11, 2 + day, minute // 60, minute % 60, tzinfo=UTC)  # the second is a Monday
        text = clock(minute)
        expected = any(start <= text < end for start, _, end in (one.partition("-") for one in week.get(day + 1, [])))
        assert is_open(calendar, moment) == expected

    def test_exceptions_go_before_the_week(self) -> None:
        closed = date(2026, 11, 2)
        calendar = work_calendar(read(time_zone="UTC", week=[(1, ["00:00-24:00"])], exceptions=[(closed, [], "feast")]))
        assert not is_open(calendar, datetime(2026, 11, 2, 12, tzinfo=UTC))
        assert is_open(calendar, datetime(2026, 11, 9, 12, tzinfo=UTC))

    def test_everything_wrong_is_named_at_once(self) -> None:
        with pytest.raises(InvalidArgument) as error:
            read(
                time_zone="X",
                holiday_country="XX",
                week=[(1, ["10:00-09:00"]), (1, ["08:00-10:00", "09:00-11:00"])],
                exceptions=[(date(2026, 1, 1), [], ""), (date(2026, 1, 1), [], "")],
            )
        assert {(one.field, one.reason) for one in error.value.violations} == {
            ("calendar.time_zone", "TIME_ZONE_UNKNOWN"),
            ("calendar.week[0].intervals", "INTERVAL_REVERSED"),
            ("calendar.week[1]", "DAY_REPEATED"),
            ("calendar.week[1].intervals", "INTERVALS_OVERLAP"),
            ("calendar.exceptions[1]", "DAY_REPEATED"),
            ("calendar.holiday_country", "HOLIDAY_COUNTRY_UNKNOWN"),
        }

    @pytest.mark.parametrize("country", ["CN", "DE", "US", "JP"])
    def test_countries_with_a_table_are_known(self, country: str) -> None:
        assert read(holiday_country=country).holiday_country == country


class TestIsZone:
    @pytest.mark.parametrize("name", ["Asia/Shanghai", "UTC", "Europe/Berlin", "America/Argentina/Ushuaia"])
    def test_iana_names_are(self, name: str) -> None:
        assert is_zone(name)

    @pytest.mark.parametrize(
        "name", ["", "asia/shanghai", "Asia", "../UTC", "/etc/passwd", "UTC\x00", "posix/UTC", "GMT+25"]
    )
    def test_other_texts_are_not(self, name: str) -> None:
        assert not is_zone(name)
